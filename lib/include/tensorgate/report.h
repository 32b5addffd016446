// The result of a check: one verdict, and the findings behind it.
//
//   tensorgate::Report report = tensorgate::safetensors::CheckPath("model.safetensors");
//   if (report.verdict() != tensorgate::Verdict::kAccepted) {
//     std::puts(tensorgate::Message(report).c_str());  // why not
//   }
//   for (const tensorgate::Finding& finding : report.findings()) {  // everything else that is wrong with it
//     std::puts(tensorgate::Message(report, finding).c_str());
//   }
//
// A report is a value: it owns all it shows, refers to no file and may be read by many threads.
// Text that comes from a file (subjects) is raw and hostile; `Message` and `render.h` escape it.
#ifndef TENSORGATE_REPORT_H_
#define TENSORGATE_REPORT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensorgate/export.h"
#include "tensorgate/limits.h"
#include "tensorgate/rules.h"

namespace tensorgate {

enum class Verdict : std::uint8_t {
  kAccepted,   ///< Every check passed.
  kRejected,   ///< A rule of severity error fired.
  kUndecided,  ///< Not all could be read, it is not a regular file, it changed, or a limit was hit.
  kUnsupported,  ///< No parser for this; see `FileClass`.
};

/// What an unsupported file is.
enum class FileClass : std::uint8_t {
  kModel,       ///< Weights or code-bearing: someone may load it.
  kOther,       ///< Text, JSON, pictures.
  kNotFetched,  ///< It stands for a model that is elsewhere: a Git LFS pointer.
};

TENSORGATE_API std::string_view Name(
    Verdict verdict);  ///< "accepted", "rejected", "undecided", "unsupported"
TENSORGATE_API std::string_view Name(Profile profile);       ///< "strict", "reference"
TENSORGATE_API std::string_view Name(Scope scope);           ///< "structure", "full"
TENSORGATE_API std::string_view Name(Severity severity);     ///< "note", "warning", "error"
TENSORGATE_API std::string_view Name(FileClass file_class);  ///< "model", "other", "not-fetched"

/// A rule that fired, and where. Offsets and lengths are in bytes from the start of the file.
struct Finding {
  Rule rule{};
  Severity severity{};
  bool has_found = false;    ///< `found` holds a number.
  bool has_allowed = false;  ///< `allowed` holds a number.
  std::uint64_t offset = 0;  ///< Where; inside the file or its end.
  std::uint64_t found = 0;   ///< Its meaning is the rule's (`RuleInfo::message`).
  std::uint64_t allowed = 0;
  std::uint64_t subject_offset =
      0;  ///< Where the thing concerned stands in the file, as written there.
  std::uint32_t subject_length = 0;
  // Cut copies of the subject and of what was found, if that is text: slices of the report's own
  // text.
  std::uint32_t text_begin = 0;
  std::uint16_t subject_text = 0;
  std::uint16_t found_text = 0;
};

/// How one shard of a sharded checkpoint was judged.
struct ShardVerdict {
  std::string name;  ///< As the index has it: raw and hostile.
  Verdict verdict{};
  std::optional<Rule> reason;  ///< The first error, where it is not accepted.
};

class TENSORGATE_API Report {
 public:
  Verdict verdict() const { return verdict_; }
  Profile profile() const { return profile_; }
  Scope scope() const { return scope_; }
  const Limits& limits() const { return limits_; }
  /// "safetensors", "pytorch-zip", …; "unknown" if nothing was recognised.
  std::string_view format() const { return format_; }
  /// Only for `kUnsupported`.
  std::optional<FileClass> file_class() const { return file_class_; }
  /// The file's size, where it is known (a stream refused early has none).
  std::optional<std::uint64_t> size() const { return size_; }
  /// Bytes that were asked of the source and delivered.
  std::uint64_t bytes_read() const { return bytes_read_; }

  /// Ordered as the rules are; the first error is the reason for a rejection.
  std::span<const Finding> findings() const {
    return fatal_ ? std::span(&*fatal_, 1) : std::span<const Finding>(findings_);
  }
  std::uint64_t dropped_findings() const { return dropped_; }
  /// Why the file is not accepted: the first error; of an unsupported file, the note that says what it is. Null if it is
  /// accepted. Part of the report, as findings() are.
  const Finding* reason() const;
  /// The thing concerned, at most 256 bytes: a decoded tensor name or metadata key, raw and
  /// unescaped.
  std::string_view Subject(const Finding& finding) const;
  /// What was found, where that is text; raw and unescaped.
  std::string_view FoundText(const Finding& finding) const;

  /// Profile `kReference`, rejected: the error kind of the reference ("InvalidOffset"). Else empty.
  std::string_view reference_error() const { return reference_error_; }

  // Facts about the file; present once its header was read as JSON without a structural error.
  struct Facts {
    std::uint64_t header_bytes = 0;   ///< n, the length of the JSON header with its padding.
    std::uint64_t padding_bytes = 0;  ///< White space at the end of the header.
    std::uint64_t tensors = 0;
    std::uint64_t parameters = 0;  ///< Sum of the tensors' numbers of elements; 2^64-1 if more.
    std::uint64_t data_bytes = 0;
    std::uint64_t metadata_entries = 0;
  };
  const std::optional<Facts>& facts() const { return facts_; }

  /// Format "safetensors-checkpoint" or "pytorch-checkpoint": its shards, bytewise by name; the facts are sums over them, present
  /// if all are accepted. Else empty.
  std::span<const ShardVerdict> shards() const { return shards_; }

 private:
  friend class ReportBuilder;
  Verdict verdict_ = Verdict::kUndecided;
  Profile profile_ = Profile::kStrict;
  Scope scope_ = Scope::kStructure;
  std::optional<FileClass> file_class_;
  std::string_view format_ = "unknown";
  std::string_view reference_error_;
  Limits limits_;
  std::optional<std::uint64_t> size_;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t dropped_ = 0;
  std::optional<Facts> facts_;
  std::vector<ShardVerdict> shards_;
  std::vector<Finding> findings_;
  std::string text_;
  std::optional<Finding>
      fatal_;  // replaces all others; needs no memory, so running out can be told
};

/// One sentence: what is wrong with what, found, allowed. Text from the file in it is escaped.
TENSORGATE_API std::string Message(const Report& report, const Finding& finding);
/// The whole report in one sentence: the message of its reason, or that the file is accepted.
TENSORGATE_API std::string Message(const Report& report);

}  // namespace tensorgate

#endif  // TENSORGATE_REPORT_H_
