// tensorgate scan: a line for each file, in every circumstance.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/output.h"
#include "tensorgate/digest.h"
#include "tensorgate/render.h"
#include "tensorgate/scan.h"
#include "tensorgate/walk.h"

namespace tensorgate::cli {
namespace {

class Scanner {
 public:
  explicit Scanner(const Options& options) : options_(options), output_(options.output) {}
  int Run();

 private:
  bool Path(const std::string& path);
  bool File(FoundFile& file);
  bool StandardInput();
  bool Tell(const std::string& path, bool named, const Report& report, const std::string& digest);
  void Count(const Report& report, bool named);
  void TellText(const std::string& path, const Report& report, bool named);
  void TellSummary();
  void SayWhatIsMissing() const;
  ExitCode Code() const;

  const Options& options_;
  Output output_;
  // By verdict; unsupported files by class.
  std::array<std::uint64_t, 4> verdicts_{};
  std::array<std::uint64_t, 3> classes_{};
  std::uint64_t files_ = 0;
  bool named_other_ = false;  // a file that was named, or standard input, is not a model
};

bool Scanner::Path(const std::string& path) {
  if (path == "-") return StandardInput();
  const WalkOptions walk{options_.check.follow_links, output_.identity()};
  return Walk(path, walk, [this](FoundFile& file) { return File(file); });
}

// The line of an index speaks of the whole checkpoint; its shards have lines of their own as well.
bool Scanner::File(FoundFile& file) {
  const CheckOptions check = CheckNow(options_);
  if (!options_.digest || !file.source()) {
    return Tell(file.path(), file.named(), file.Scan(check), {});
  }
  DigestSource source(*file.source());
  const Report report = file.Scan(source, check);
  return Tell(file.path(), file.named(), report,
              HasHeaderDigest(report) ? source.Hex() : std::string());
}

// False once the deadline has passed without a byte.
bool WaitForInput(const CheckOptions& options) {
  if (!options.deadline) return true;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        *options.deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd wanted{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    constexpr std::chrono::milliseconds::rep kLongest = 60'000;
    const auto timeout = static_cast<int>(std::min(left.count(), kLongest));
    if (::poll(&wanted, 1, timeout) > 0) return true;
  }
}

bool Scanner::StandardInput() {
  const CheckOptions options = CheckNow(options_);
  StreamScan scan(options, options_.name);
  std::optional<HeaderDigest> digest;
  if (options_.digest) digest.emplace();
  std::vector<std::byte> buffer(1 << 16);
  std::uint64_t position = 0;
  bool at_end = false;
  while (WaitForInput(options)) {
    const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      at_end = count == 0;
      break;
    }
    const std::span<const std::byte> part =
        std::span(buffer).first(static_cast<std::size_t>(count));
    if (digest) digest->Add(position, part);
    position += part.size();
    if (!scan.Feed(part)) break;  // certain already; at_end does not matter
  }
  const Report report = scan.Finish(at_end);
  return Tell(options_.name.empty() ? "-" : options_.name, true, report,
              digest && HasHeaderDigest(report) ? digest->Hex() : std::string());
}

void Scanner::Count(const Report& report, bool named) {
  if (report.verdict() != Verdict::kUnsupported) {
    ++verdicts_[static_cast<std::size_t>(report.verdict())];
    return;
  }
  ++classes_[static_cast<std::size_t>(*report.file_class())];
  named_other_ |= named && report.file_class() == FileClass::kOther;
}

bool Scanner::Tell(const std::string& path, bool named, const Report& report,
                   const std::string& digest) {
  Count(report, named);
  if (options_.format == Format::kText) {
    TellText(path, report, named);
  } else {
    if (options_.format == Format::kJson) output_.Write(files_ == 0 ? "\n" : ",\n");
    output_.Write(RenderJson(path, report, {.header_sha256 = digest}));
    if (options_.format == Format::kJsonLines) {
      output_.Write("\n");
      output_.Flush();
    }
  }
  ++files_;
  return !output_.failed();
}

// What is not a model changes nothing where it was found, and the exit code where it was named: then it is shown with
// the note that says what it is.
void Scanner::TellText(const std::string& path, const Report& report, bool named) {
  const bool other = report.file_class() == FileClass::kOther;
  if (options_.quiet && (report.verdict() == Verdict::kAccepted || (other && !named))) return;
  output_.Write(RenderText(path, report, options_.verbose || (other && named)));
  if (output_.IsTerminal()) output_.Flush();
}

void Scanner::TellSummary() {
  if (options_.quiet || files_ < 2) return;
  std::string line = GroupDigits(files_) + " files:";
  const char* separator = " ";
  const auto add = [&](std::uint64_t count, const char* what) {
    if (count == 0) return;
    line.append(separator).append(GroupDigits(count)).append(" ").append(what);
    separator = ", ";
  };
  add(verdicts_[0], "accepted");
  add(verdicts_[1], "rejected");
  add(verdicts_[2], "undecided");
  add(classes_[static_cast<std::size_t>(FileClass::kModel)], "unsupported");
  add(classes_[static_cast<std::size_t>(FileClass::kNotFetched)], "not fetched");
  add(classes_[static_cast<std::size_t>(FileClass::kOther)], "not models");
  output_.Write(line + "\n");
}

ExitCode Scanner::Code() const {
  const auto any = [](const auto& counts, auto which) {
    return counts[static_cast<std::size_t>(which)] != 0;
  };
  if (any(verdicts_, Verdict::kUndecided)) return kUndecided;
  if (any(verdicts_, Verdict::kRejected)) return kRejected;
  const bool all_known =
      !any(classes_, FileClass::kModel) && !any(classes_, FileClass::kNotFetched);
  return any(verdicts_, Verdict::kAccepted) && all_known && !named_other_ ? kDone : kUnsupported;
}

// Where no line says why nothing was accepted.
void Scanner::SayWhatIsMissing() const {
  if (files_ == 0) {
    std::fputs("tensorgate: nothing to scan\n", stderr);
  } else if (files_ == classes_[static_cast<std::size_t>(FileClass::kOther)]) {
    std::fputs("tensorgate: no model file found\n", stderr);
  }
}

int Scanner::Run() {
  const bool document = options_.format == Format::kJson;
  if (document) {
    output_.Write("{\"schema_version\":1,\"tool_version\":\"" + std::string(ToolVersion()) +
                  "\",\"rules_version\":\"" + std::string(RulesVersion()) + "\",\"files\":[");
  }
  for (const std::string& path : options_.paths) {
    if (!Path(path)) break;
  }
  if (document) output_.Write("\n]}\n");
  if (options_.format == Format::kText) TellSummary();
  if (!output_.Finish()) return kUndecided;
  SayWhatIsMissing();
  return Code();
}

}  // namespace

int RunScan(const Options& options) { return Scanner(options).Run(); }

}  // namespace tensorgate::cli
