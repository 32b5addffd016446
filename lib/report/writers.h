// The forms in which a run writes its reports, one row each. Who runs has no branch by form.
#ifndef TENSORGATE_REPORT_WRITERS_H_
#define TENSORGATE_REPORT_WRITERS_H_

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tensorgate/render.h"

namespace tensorgate::internal {

/// What was asked for of all reports.
struct ReportRun {
  TextOptions text;
  bool quiet = false;  ///< Only what is not accepted.
};

/// What one report comes with.
struct ReportExtras {
  JsonExtras json;
  /// The file was named, rather than found in a folder.
  bool named = false;
};

/// How many reports there were.
struct ReportTotals {
  std::uint64_t files = 0;
  std::array<std::uint64_t, 4> verdicts{};
  std::array<std::uint64_t, 3> classes{};  ///< Of what is unsupported.
  std::array<std::uint64_t, 5> impacts{};  ///< Of what is rejected.
  /// Why a file is not accepted.
  struct Reason {
    Verdict verdict{};
    std::optional<Impact> impact;
    /// The rule, or the format that has no parser.
    std::string_view name;
    /// Verdicts in their order, then the worst impact first.
    auto operator<=>(const Reason&) const = default;
  };
  /// How many files each reason has; without other files.
  std::map<Reason, std::uint64_t> reasons;

  void Add(const Report& report);
  std::uint64_t operator[](Verdict verdict) const {
    return verdicts.at(static_cast<std::size_t>(verdict));
  }
  std::uint64_t operator[](FileClass file_class) const {
    return classes.at(static_cast<std::size_t>(file_class));
  }
};

/// One run's output, piece by piece. Each call returns what is to be written next, which may be
/// nothing. Everything that comes from a file is escaped. May throw std::bad_alloc.
class ReportWriter {
 public:
  virtual ~ReportWriter() = default;
  virtual std::string Begin(const ReportRun& run) = 0;
  virtual std::string Add(std::string_view path, const Report& report,
                          const ReportExtras& extras) = 0;
  virtual std::string End(const ReportTotals& totals) = 0;
};

struct ReportFormat {
  std::string_view name;
  std::string_view help;
  /// Whose reader waits for each report: then it must leave the process at once.
  enum class Reader : std::uint8_t { kOfWhole, kPerson, kOfEach } reader;
  std::unique_ptr<ReportWriter> (*make)();
};

/// All of them; the first is the default.
std::span<const ReportFormat> ReportFormats();

}  // namespace tensorgate::internal

#endif  // TENSORGATE_REPORT_WRITERS_H_
