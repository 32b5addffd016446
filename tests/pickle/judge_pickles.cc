// Judges pickles from standard input, each preceded by its length in four bytes, little-endian.
// Prints one line each: the rule that rejects it or "accepted" in both profiles, its end, and its
// value in the strict profile.
#include <array>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "tests/pickle/dump.h"

namespace {

using tensorgate::pickle::Outcome;

struct Judged {
  std::string verdict, dump;
  std::size_t end = 0;
};

Judged Judge(std::span<const std::byte> bytes, tensorgate::Profile profile,
             tensorgate::torch::internal::Form form) {
  tensorgate::torch::internal::Rebuild rebuild(form);
  tensorgate::CheckOptions options;
  options.profile = profile;
  tensorgate::pickle::Machine machine(bytes, rebuild, options);
  const Outcome outcome = machine.Run();
  if (outcome.complete) {
    // A value that only the reference accepts may contain itself.
    const bool strict = profile == tensorgate::Profile::kStrict;
    return {"accepted",
            strict ? tensorgate::test::Dump(machine.values(), rebuild, outcome.root) : "-",
            outcome.end};
  }
  return {std::string(tensorgate::Info(outcome.facts.back().rule).id), "-", outcome.end};
}

}  // namespace

int main(int count, char** arguments) {
  const bool legacy = count > 1 && std::string_view(arguments[1]) == "legacy";
  const auto form =
      legacy ? tensorgate::torch::internal::Form::kLegacy : tensorgate::torch::internal::Form::kZip;
  std::vector<std::byte> bytes;
  std::array<char, 4> length;
  while (std::fread(length.data(), 1, length.size(), stdin) == length.size()) {
    bytes.resize(tensorgate::internal::LoadLittleEndian<std::uint32_t>(
        std::string_view(length.data(), length.size())));
    if (std::fread(bytes.data(), 1, bytes.size(), stdin) != bytes.size()) return 1;
    const Judged strict = Judge(bytes, tensorgate::Profile::kStrict, form);
    const Judged reference = Judge(bytes, tensorgate::Profile::kReference, form);
    std::printf("%s %s %zu %s\n", strict.verdict.c_str(), reference.verdict.c_str(), strict.end,
                strict.dump.c_str());
    std::fflush(stdout);
  }
  return 0;
}
