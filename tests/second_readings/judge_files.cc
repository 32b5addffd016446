// Judges inputs from standard input, each preceded by its length in four bytes, little-endian.
// Prints one line each.
//
//   judge_files scan      verdict, format, and the first error or "-"
//   judge_files dry-run   what CPython's unpicklers would do, and where the run ended
//   judge_files unpack    decompresses raw deflate data up to a megabyte: how it ended, number of
//   bytes, their CRC-32
#include <array>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/crc32.h"
#include "lib/base/inflate.h"
#include "lib/containers/pickle/dry_run.h"
#include "tensorgate/scan.h"

namespace {

using tensorgate::Report;

void JudgeFile(std::span<const std::byte> bytes) {
  tensorgate::MemorySource source(bytes);
  const Report report = tensorgate::Scan(source, {});
  std::string_view reason = "-";
  for (const tensorgate::Finding& finding : report.findings()) {
    if (finding.severity != tensorgate::Severity::kError) continue;
    reason = tensorgate::Info(finding.rule).id;
    break;
  }
  std::printf("%s %s %s\n", Name(report.verdict()).data(), report.format().data(), reason.data());
}

void DryRun(std::span<const std::byte> bytes) {
  constexpr std::array<const char*, 6> kOutcomes = {"going", "fails",   "complete",
                                                    "calls", "unclear", "stream"};
  tensorgate::pickle::DryRun run;
  while (run.going() && run.position() < bytes.size()) {
    run.Feed(bytes.subspan(static_cast<std::size_t>(run.position())));
  }
  run.AtEnd();
  std::printf("%s %s %llu\n", kOutcomes.at(static_cast<std::size_t>(run.outcome())),
              run.names() ? "names" : "-", static_cast<unsigned long long>(run.position()));
}

void Unpack(std::span<const std::byte> bytes) {
  constexpr std::array<const char*, 4> kEnds = {"done", "full", "cut", "damaged"};
  std::vector<std::byte> output(1 << 20);
  const auto inflated = tensorgate::internal::Inflate(bytes, output);
  const auto produced = std::span(output).first(inflated.produced);
  std::printf("%s %zu %u\n", kEnds.at(static_cast<std::size_t>(std::to_underlying(inflated.end))),
              inflated.produced, tensorgate::internal::Crc32(0, produced));
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view mode = count == 2 ? std::span(arguments, 2)[1] : "";
  if (mode != "scan" && mode != "dry-run" && mode != "unpack") return 4;
  std::vector<std::byte> bytes;
  std::array<char, 4> length;
  while (std::fread(length.data(), 1, length.size(), stdin) == length.size()) {
    bytes.resize(tensorgate::internal::LoadLittleEndian<std::uint32_t>(
        std::string_view(length.data(), length.size())));
    if (std::fread(bytes.data(), 1, bytes.size(), stdin) != bytes.size()) return 1;
    if (mode == "scan") {
      JudgeFile(bytes);
    } else if (mode == "dry-run") {
      DryRun(bytes);
    } else {
      Unpack(bytes);
    }
    std::fflush(stdout);
  }
  return 0;
}
