// tensorgate scan: a verdict on each file.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/output.h"
#include "lib/report/writers.h"
#include "tensorgate/digest.h"
#include "tensorgate/scan.h"
#include "tensorgate/walk.h"

namespace tensorgate::cli {
namespace {

class Scanner {
 public:
  explicit Scanner(const Options& options)
      : options_(options), output_(options.output), writer_(options.reports->make()) {}
  int Run();

 private:
  bool Path(const std::string& path);
  bool File(FoundFile& file);
  bool StandardInput();
  bool Add(const std::string& path, bool named, const Report& report, const std::string& digest);
  bool FlushesEach() const;
  void SayWhatIsMissing() const;
  ExitCode Code() const;

  const Options& options_;
  Output output_;
  std::unique_ptr<internal::ReportWriter> writer_;
  internal::ReportTotals totals_;
  bool nothing_accepted_ = false;  // in a folder or file that was named, or in standard input
};

bool Scanner::Path(const std::string& path) {
  const std::uint64_t accepted = totals_[Verdict::kAccepted];
  const WalkOptions walk{options_.check.follow_links, output_.identity()};
  const bool more = path == "-" ? StandardInput()
                                : Walk(path, walk, [this](FoundFile& file) { return File(file); });
  nothing_accepted_ |= totals_[Verdict::kAccepted] == accepted;
  return more;
}

// An index stands for the whole checkpoint; its shards are judged as files as well.
bool Scanner::File(FoundFile& file) {
  const CheckOptions check = CheckNow(options_);
  if (!options_.digest || !file.source()) {
    return Add(file.path(), file.named(), file.Scan(check), {});
  }
  DigestSource source(**file.source());
  const Report report = file.Scan(source, check);
  return Add(file.path(), file.named(), report,
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
  return Add(options_.name.empty() ? "-" : options_.name, true, report,
             digest && HasHeaderDigest(report) ? digest->Hex() : std::string());
}

bool Scanner::FlushesEach() const {
  using enum internal::ReportFormat::Reader;
  const auto reader = options_.reports->reader;
  return reader == kOfEach || (reader == kPerson && output_.IsTerminal());
}

bool Scanner::Add(const std::string& path, bool named, const Report& report,
                  const std::string& digest) {
  totals_.Add(report);
  output_.Write(writer_->Add(path, report, {.json = {.header_sha256 = digest}, .named = named}));
  if (FlushesEach()) output_.Flush();
  return !output_.failed();
}

ExitCode Scanner::Code() const {
  if (totals_[Verdict::kUndecided] != 0) return kUndecided;
  if (totals_[Verdict::kRejected] != 0) return kRejected;
  const bool all_known = totals_[FileClass::kModel] == 0 && totals_[FileClass::kNotFetched] == 0;
  return totals_[Verdict::kAccepted] != 0 && all_known && !nothing_accepted_ ? kDone : kUnsupported;
}

// Says why nothing was accepted, if no line does.
void Scanner::SayWhatIsMissing() const {
  if (totals_.files == 0) {
    std::fputs("tensorgate: nothing to scan\n", stderr);
  } else if (totals_.files == totals_[FileClass::kOther]) {
    std::fputs("tensorgate: no model file found\n", stderr);
  }
}

int Scanner::Run() {
  output_.Write(writer_->Begin({.text = output_.Text(options_), .quiet = options_.quiet}));
  for (const std::string& path : options_.paths) {
    if (!Path(path)) break;
  }
  output_.Write(writer_->End(totals_));
  if (!output_.Finish()) return kUndecided;
  SayWhatIsMissing();
  return Code();
}

}  // namespace

int RunScan(const Options& options) { return Scanner(options).Run(); }

}  // namespace tensorgate::cli
