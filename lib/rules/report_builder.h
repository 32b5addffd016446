// Collects findings into a report.
#ifndef TENSORGATE_RULES_REPORT_BUILDER_H_
#define TENSORGATE_RULES_REPORT_BUILDER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/interrupt.h"
#include "tensorgate/report.h"
#include "tensorgate/status.h"

namespace tensorgate {

/// Details of a finding beyond its rule and offset.
struct Detail {
  std::optional<std::uint64_t> found;
  std::optional<std::uint64_t> allowed;
  std::string_view subject;          ///< Copied and truncated.
  std::uint64_t subject_offset = 0;  ///< Its position in the file.
  std::uint64_t subject_length = 0;
  std::string_view found_text;  ///< Copied and truncated.
};

class ReportBuilder {
 public:
  /// Throws std::bad_alloc, like Add.
  ReportBuilder(const CheckOptions& options, std::string_view format);

  /// Does nothing if the rule is off in the profile. If there are more than `max_findings`, those
  /// that come first in the rules' order are kept.
  void Add(Rule rule, std::uint64_t offset, const Detail& detail);
  void Add(Rule rule, std::uint64_t offset) { Add(rule, offset, Detail()); }
  void Add(const Status& status);

  /// That of a part of the file, such as a shard, if it could do harm.
  void AddImpact(std::optional<Impact> impact);
  void AddDropped(std::uint64_t count) { report_.dropped_ += count; }
  /// True if a finding of severity error was added.
  bool HasError() const { return has_error_; }
  /// True if the deadline has passed or the caller ended the check: the finding was added, and the
  /// check can stop.
  bool Ended();
  /// The same for code that only reads; call Ended() afterwards.
  internal::Interrupt& interrupt() { return interrupt_; }
  const CheckOptions& options() const { return options_; }

  void SetSize(std::uint64_t size) { report_.size_ = size; }
  void SetScope(Scope scope) { report_.scope_ = scope; }
  void AddBytesRead(std::uint64_t count) { report_.bytes_read_ += count; }
  void SetFacts(const Report::Facts& facts) { report_.facts_ = facts; }
  /// Throws std::bad_alloc.
  void AddShard(std::string_view name, Verdict verdict, std::optional<Rule> reason) {
    report_.shards_.push_back({std::string(name), verdict, reason});
  }
  /// The reference's error kind, if the first finding's rule does not determine it.
  void SetReferenceError(std::string_view kind) { report_.reference_error_ = kind; }
  void SetUnsupported(FileClass file_class) { report_.file_class_ = file_class; }

  /// Offsets beyond the file's size, if it is known, are set to its end. The builder must not be
  /// used afterwards.
  Report Finish();

  /// Adds a finding to a finished report. It must not be an error.
  static void AppendAfterFinish(Report& report, Rule rule, const Detail& detail);
  /// The impact of a rejected file's content, if it could do harm.
  static void AddImpactAfterFinish(Report& report, std::optional<Impact> impact);
  /// For a stream that was ended early: its size is unknown, as is the distance of any position
  /// from its end.
  static void ForgetEnd(Report& report);

  /// A report with only this finding, for failures before anything was judged.
  static Report Failed(const Status& status, const CheckOptions& options,
                       std::string_view format) noexcept;
  /// For when there is no memory for anything else.
  static Report OutOfMemory(const CheckOptions& options, std::string_view format) noexcept {
    return Fatal(options, format, Rule::kIoOutOfMemory);
  }
  static Report Fatal(const CheckOptions& options, std::string_view format, Rule rule) noexcept;
  /// For a handler of all exceptions: memory ran out, or a caller's source threw.
  static Report Caught(const CheckOptions& options, std::string_view format) noexcept;

 private:
  void CompactText();
  Impact ImpactOfReason() const;
  CheckOptions options_;
  internal::Interrupt interrupt_;
  Report report_;
  bool has_error_ = false;
  bool undecided_ = false;
  bool ended_ = false;
  std::optional<Impact> danger_;  // the worst, if it could do harm
};

namespace internal {

/// The same with the strict profile and without a trust list: opening a file uses these.
inline CheckOptions StrictOptions(CheckOptions options) {
  options.profile = Profile::kStrict;
  options.trusted = {};
  return options;
}

}  // namespace internal
}  // namespace tensorgate

#endif  // TENSORGATE_RULES_REPORT_BUILDER_H_
