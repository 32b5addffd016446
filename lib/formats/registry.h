// Every format that a file can have: one row each, whether a parser proves it or it is only recognised.
//
// What a report says of a format, what its suffixes promise, how a stream of it is judged and who examines it comes from
// its row. A new format is a row here and a folder of its own.
#ifndef TENSORGATE_FORMATS_REGISTRY_H_
#define TENSORGATE_FORMATS_REGISTRY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "lib/formats/archive.h"
#include "tensorgate/limits.h"
#include "tensorgate/model_file.h"
#include "tensorgate/report.h"
#include "tensorgate/source.h"

namespace tensorgate::internal {

/// How much of the beginning is looked at to recognize a format.
inline constexpr std::size_t kScanHead = 4096;

/// A proven file; null for one that holds no tensors, such as a pickle of plain values.
using OpenedFile = std::unique_ptr<const ModelFile>;

/// Bytes at a fixed place that only this format has there.
struct Signature {
  std::size_t offset;
  std::string_view bytes;
  std::string_view words = {};  ///< What has them; "": the row's words.
};

enum class Match : std::uint8_t {
  kNo,
  kMaybe,  ///< Unless the beginning is that of another format. With a parser: only a proof makes it that.
  kYes,
};

/// A file's first bytes: kScanHead of them, or all that there are.
struct Head {
  std::string_view bytes;
  std::uint64_t size = 0;  ///< Of the file; UINT64_MAX of a stream that may go on.
};

/// What the file is packed in, by its first bytes.
enum class Packing : std::uint8_t { kNone, kZip, kTar, kHdf5, kPickle, kZlib };

enum class StreamMode : std::uint8_t {
  kHead,     ///< Nothing but the head is looked at.
  kForward,  ///< Judged as the bytes come.
  kSpool,    ///< Judged with all of the stream at hand.
};

/// Indexes of shards of a format.
struct ShardScheme {
  std::string_view format;  ///< Of the report on the whole.
  std::string_view suffix;  ///< Of a shard.
  std::string_view usual;   ///< The index's name, where there is no reason for another.
};

struct Format {
  std::string_view name;   ///< Report::format(). Never changes.
  std::string_view words;  ///< "a GGUF file"
  FileClass file_class = FileClass::kModel;

  /// These promise this format and no other, in lower case.
  std::span<const std::string_view> suffixes = {};
  /// Its files have these, too, but they promise nothing.
  std::span<const std::string_view> vague_suffixes = {};
  /// What bears one of `suffixes` is judged as this, whatever is in it.
  bool decided_by_suffix = false;

  std::span<const Signature> signatures = {};
  /// Beyond the signatures. Reads nothing but the head.
  Match (*recognize)(const Head& head) = nullptr;
  Packing packing = Packing::kNone;
  /// Of a ZIP archive: by the names of its members.
  bool (*holds)(const ArchiveMembers& members) = nullptr;

  /// The verdict, and by the strict profile the opened file, if `opened` is given and the file accepted. Null: there is no
  /// parser, the format is only recognised. Never throws, but for std::bad_alloc where `opened` is given.
  Report (*examine)(Source& source, const CheckOptions& options, OpenedFile* opened) = nullptr;
  StreamMode stream = StreamMode::kHead;
  const ShardScheme* shards = nullptr;
  /// `header_sha256` of a report is of its first bytes: a length and the header.
  bool has_header_digest = false;
  std::string_view proof = {};      ///< FormatInfo::proof
  std::string_view reference = {};  ///< FormatInfo::reference
  /// The report of the reference profile, and what the format's reference reads, if it accepts; the file may be one that
  /// strict refuses (sanitize --profile reference). Null: the profile gives a verdict only. Throws std::bad_alloc.
  Report (*read_as_reference)(Source& source, const CheckOptions& options,
                              OpenedFile* read) = nullptr;
};

/// All of them, in the order of precedence. The last one matches everything.
std::span<const Format> Formats();

/// By its name; null if there is none.
const Format* FindFormat(std::string_view name);

/// Of shards, by the name of the format of their report on the whole; null if there is none.
const Format* FindShards(std::string_view name);

/// The format of everything that is in such a packing, and nothing more special.
const Format& PlainFormat(Packing packing);

/// The last row: nothing is recognised.
const Format& UnknownFormat();

/// What this project writes, and what it converts.
const Format& SafetensorsFormat();
const Format& TorchFormat();

/// What a file was recognised as.
struct FormatKind {
  const Format* format;
  std::string_view words;
  FileClass file_class;
};

/// As the row has it.
FormatKind KindOf(const Format& format);

/// By the first bytes. What only a proof makes that is left out.
FormatKind Recognize(const Head& head);

/// A format that only a proof makes that, of which this may be the beginning; null if there is none.
const Format* MayProve(const Head& head);

/// By the names of its members.
FormatKind RecognizeArchive(const ArchiveMembers& members);

/// The format that a file of this name is judged as, whatever is in it; null if its content decides.
const Format* FormatBySuffix(std::string_view name);

/// The suffix promises another format than the one of this name, which has a parser.
bool NamesOther(std::string_view format, std::string_view name);

/// The suffix promises weights or code: nothing under such a name is merely text.
bool IsNamedAsModel(std::string_view name);

/// The suffix promises safetensors: what this project writes.
bool IsNamedSafetensors(std::string_view name);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_FORMATS_REGISTRY_H_
