// The result of a check: one verdict, and the findings that explain it.
//
//   tensorgate::Report report = tensorgate::safetensors::CheckPath("model.safetensors");
//   if (report.verdict() != tensorgate::Verdict::kAccepted) {
//     std::puts(tensorgate::Message(report).c_str());  // why not
//   }
//   for (const tensorgate::Finding& finding : report.findings()) {  // all findings
//     std::puts(tensorgate::Message(report, finding).c_str());
//   }
//
// A report is a value: it owns everything it returns, refers to no file and may be read by many
// threads. Text that comes from a file (subjects) is raw and untrusted; `Message` and `render.h`
// escape it.
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
  kAccepted,  ///< Every check passed.
  kRejected,  ///< A rule of severity error fired.
  /// Not everything could be read, the file is not a regular file or changed, or a limit was
  /// exceeded.
  kUndecided,
  kUnsupported,  ///< tensorgate has no parser for it; see `FileClass`.
};

/// The kind of an unsupported file.
enum class FileClass : std::uint8_t {
  kModel,  ///< Weights, or a file that can contain code: a program may load it.
  kOther,  ///< Text, JSON, pictures.
  /// A placeholder: a pointer to a file stored elsewhere, an unfinished download, a link to nothing.
  kNotFetched,
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
  std::uint64_t offset = 0;  ///< Position of the finding; inside the file or at its end.
  std::uint64_t found = 0;   ///< Its meaning depends on the rule (`RuleInfo::message`).
  std::uint64_t allowed = 0;
  /// Position of the subject in the file, as it is written there.
  std::uint64_t subject_offset = 0;
  std::uint32_t subject_length = 0;
  // Truncated copies of the subject and of the text that was found: slices of the report's own
  // text.
  std::uint32_t text_begin = 0;
  std::uint16_t subject_text = 0;
  std::uint16_t found_text = 0;
};

/// How one shard of a sharded checkpoint was judged.
struct ShardVerdict {
  std::string name;  ///< As written in the index: raw and untrusted.
  Verdict verdict{};
  std::optional<Rule> reason;  ///< The first error, if it is not accepted.
};

class TENSORGATE_API Report {
 public:
  Verdict verdict() const { return verdict_; }
  /// What the file would do, in short; set only for `kRejected`.
  std::optional<Impact> impact() const { return impact_; }
  Profile profile() const { return profile_; }
  Scope scope() const { return scope_; }
  const Limits& limits() const { return limits_; }
  /// "safetensors", "pytorch-zip", …; "unknown" if nothing was recognized.
  std::string_view format() const { return format_; }
  /// Set only for `kUnsupported`.
  std::optional<FileClass> file_class() const { return file_class_; }
  /// The file's size in bytes, if known: a stream that was refused early has none.
  std::optional<std::uint64_t> size() const { return size_; }
  /// Number of bytes that were read from the source.
  std::uint64_t bytes_read() const { return bytes_read_; }

  /// In the order of the rules; the first error is the reason for a rejection.
  std::span<const Finding> findings() const {
    return fatal_ ? std::span(&*fatal_, 1) : std::span<const Finding>(findings_);
  }
  std::uint64_t dropped_findings() const { return dropped_; }
  /// The finding that explains why the file is not accepted: the first error, or for an unsupported
  /// file the note that says what it is. nullptr if the file is accepted. Owned by the report.
  const Finding* reason() const;
  /// The subject, such as a decoded tensor name or metadata key; at most 256 bytes, raw and
  /// unescaped.
  std::string_view Subject(const Finding& finding) const;
  /// What was found, if that is text; raw and unescaped.
  std::string_view FoundText(const Finding& finding) const;

  /// If the profile is `kReference` and the file is rejected: the reference's error kind
  /// ("InvalidOffset"). Otherwise empty.
  std::string_view reference_error() const { return reference_error_; }

  // Facts about the file; set if its header could be read as JSON without a structural error.
  struct Facts {
    std::uint64_t header_bytes = 0;   ///< n, the length of the JSON header with its padding.
    std::uint64_t padding_bytes = 0;  ///< White space at the end of the header.
    std::uint64_t tensors = 0;
    std::uint64_t parameters = 0;  ///< Number of elements in all tensors; capped at 2^64-1.
    std::uint64_t data_bytes = 0;
    std::uint64_t metadata_entries = 0;
  };
  const std::optional<Facts>& facts() const { return facts_; }

  /// For the formats "safetensors-checkpoint" and "pytorch-checkpoint": the shards, sorted bytewise
  /// by name; facts() are the sums over them, set if all are accepted. Otherwise empty.
  std::span<const ShardVerdict> shards() const { return shards_; }

 private:
  friend class ReportBuilder;
  Verdict verdict_ = Verdict::kUndecided;
  std::optional<Impact> impact_;
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
  // Replaces all other findings. It needs no allocation, so out-of-memory can be reported.
  std::optional<Finding> fatal_;
};

/// One sentence: the problem, its subject, what was found and what is allowed. Text from the file
/// is escaped.
TENSORGATE_API std::string Message(const Report& report, const Finding& finding);
/// The report in one sentence: the message of its reason, or that the file is accepted.
TENSORGATE_API std::string Message(const Report& report);

}  // namespace tensorgate

#endif  // TENSORGATE_REPORT_H_
