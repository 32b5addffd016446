// All formats that a file can have, one row each, whether a parser verifies it or it is only
// recognized.
//
// The row determines what a report calls the format, what its suffixes suggest, how a stream of it
// is judged and who examines it. A new format needs a row here and a folder of its own.
#ifndef TENSORGATE_FORMATS_REGISTRY_H_
#define TENSORGATE_FORMATS_REGISTRY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "lib/formats/archive.h"
#include "tensorgate/extraction.h"
#include "tensorgate/limits.h"
#include "tensorgate/model_file.h"
#include "tensorgate/report.h"
#include "tensorgate/source.h"

namespace tensorgate::internal {

/// Number of bytes at the start of a file that are used to recognize its format.
inline constexpr std::size_t kScanHead = 4096;

/// A verified file; null if it has no tensors, such as a pickle of plain values.
using OpenedFile = std::unique_ptr<const ModelFile>;

/// Bytes at a fixed offset that only this format has.
struct Signature {
  std::size_t offset;
  std::string_view bytes;
  std::string_view words = {};  ///< The format in words; "": the row's words.
};

enum class Match : std::uint8_t {
  kNo,
  /// A match unless the file starts like another format. With a parser: only a successful
  /// examination identifies it.
  kMaybe,
  kYes,
};

/// A file's first bytes: kScanHead of them, or all if there are fewer.
struct Head {
  std::string_view bytes;
  std::uint64_t size = 0;  ///< Size of the file; UINT64_MAX for a stream that may continue.
};

/// The container of a file, by its first bytes.
enum class Packing : std::uint8_t { kNone, kZip, kTar, kHdf5, kPickle, kZlib };

enum class StreamMode : std::uint8_t {
  kHead,     ///< Only the head is looked at.
  kForward,  ///< Judged as the bytes arrive.
  kSpool,    ///< Judged with the whole stream available.
};

/// The names under which a file of some format is reported as an accident.
enum class Among : std::uint8_t {
  kAnyName,
  kModels,      ///< Any model's suffix.
  kNeverText,   ///< Suffixes of models that are never text.
  kStructured,  ///< Suffixes of formats that start with more than numbers.
};

/// What a file of this format is in a model's place.
struct InPlace {
  std::optional<Rule> rule = std::nullopt;  ///< None: nothing in particular.
  Among among = Among::kModels;
};

/// How a format names its indexes and shards.
struct ShardScheme {
  std::string_view format;  ///< Format name in the report on the checkpoint.
  std::string_view suffix;  ///< Suffix of a shard.
  std::string_view usual;   ///< Default name of the index.
};

struct Format {
  std::string_view name;   ///< Report::format(). Never changes.
  std::string_view words;  ///< "a GGUF file"
  FileClass file_class = FileClass::kModel;

  /// Suffixes that belong to this format only, in lower case.
  std::span<const std::string_view> suffixes = {};
  /// Suffixes that its files may have, but that do not identify it.
  std::span<const std::string_view> vague_suffixes = {};
  /// A file with one of `suffixes` is judged as this format, whatever it contains.
  bool decided_by_suffix = false;
  InPlace in_place = {};

  std::span<const Signature> signatures = {};
  /// Recognition beyond the signatures. Looks only at the head.
  Match (*recognize)(const Head& head) = nullptr;
  Packing packing = Packing::kNone;
  /// For ZIP archives: recognition by the names of the members.
  bool (*holds)(const ArchiveMembers& members) = nullptr;

  /// Returns the report; if `opened` is given and the file accepted, it receives the opened file
  /// (strict profile only). Null: there is no parser, the format is only recognized. Throws only
  /// std::bad_alloc, and only if `opened` is given.
  Report (*examine)(Source& source, const CheckOptions& options, OpenedFile* opened) = nullptr;
  StreamMode stream = StreamMode::kHead;
  const ShardScheme* shards = nullptr;
  /// `header_sha256` in a report is the hash of its first bytes: a length and the header.
  bool has_header_digest = false;
  std::string_view proof = {};      ///< FormatInfo::proof
  std::string_view reference = {};  ///< FormatInfo::reference
  /// Reads the file by the format's reference: returns the report of the reference profile, and in
  /// `read` the contents if it accepts. The file may be one that the strict profile refuses
  /// (sanitize --profile reference). Null: the reference profile only gives a verdict. Throws
  /// std::bad_alloc.
  Report (*read_as_reference)(Source& source, const CheckOptions& options,
                              OpenedFile* read) = nullptr;
  /// Opens what may be taken from a file that was refused (tensorgate/extract.h). The report says
  /// why nothing may be. Null: nothing is taken from refused files of this format. Throws
  /// std::bad_alloc.
  Report (*extract)(Source& source, const CheckOptions& options, OpenedFile& file,
                    Extraction& extraction) = nullptr;
};

/// All formats, in the order of precedence. The last row matches everything.
std::span<const Format> Formats();

/// The format with this name; null if there is none.
const Format* FindFormat(std::string_view name);

/// The sharded format with this name in the report on a checkpoint; null if there is none.
const Format* FindShards(std::string_view name);

/// The format of a file in this container about which nothing more specific is known.
const Format& PlainFormat(Packing packing);

/// The last row: nothing was recognized.
const Format& UnknownFormat();

/// The format that this project writes, and the one that it converts.
const Format& SafetensorsFormat();
const Format& TorchFormat();

/// The format that a file was recognized as.
struct FormatKind {
  const Format* format;
  std::string_view words;
  FileClass file_class;
};

/// The kind that the row describes.
FormatKind KindOf(const Format& format);

/// Recognizes a format by the first bytes, except those that only a successful examination can
/// identify.
FormatKind Recognize(const Head& head);

/// The format that these bytes may be the start of and that only a successful examination can
/// identify; null if there is none.
const Format* MayProve(const Head& head);

/// Recognizes an archive by the names of its members.
FormatKind RecognizeArchive(const ArchiveMembers& members);

/// The format that a file with this name is judged as, whatever it contains; null if its content
/// decides.
const Format* FormatBySuffix(std::string_view name);

/// True if the suffix suggests a format with a parser other than the one with this name.
bool NamesOther(std::string_view format, std::string_view name);

/// True if the suffix suggests weights or code: a file with such a name is never just text.
bool IsNamedAsModel(std::string_view name);

/// True if a file with such a name may be a model though it is text.
bool MayBeText(std::string_view name);

/// True if the suffix suggests weights in a format that never starts with zeros.
bool HasStructure(std::string_view name);

/// True if the suffix suggests safetensors, which this project writes.
bool IsNamedSafetensors(std::string_view name);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_FORMATS_REGISTRY_H_
