// The words that reports use, and the versions they state.
#include <array>
#include <cstdint>

#include "lib/rules/rule_table.h"
#include "tensorgate/render.h"

namespace tensorgate {
namespace {

static_assert(std::string_view(TENSORGATE_VERSION) == TENSORGATE_VERSION_TEXT);

template <std::size_t N>
constexpr std::string_view At(const std::array<std::string_view, N>& names, std::size_t index) {
  return index < N ? names[index] : std::string_view("unknown");
}

// FNV-1a over what decides verdicts: ids, order, effect and severities.
struct Hash {
  std::uint64_t value = 0xCBF29CE484222325;
  consteval void Add(std::uint64_t byte) { value = (value ^ byte) * 0x100000001B3; }
  consteval void AddRule(const RuleInfo& rule) {
    for (const char c : rule.id) Add(static_cast<unsigned char>(c));
    Add(static_cast<std::uint64_t>(rule.effect));
    Add(static_cast<std::uint64_t>(rule.strict));
    Add(static_cast<std::uint64_t>(rule.reference));
  }
};

consteval std::array<char, 16> MakeRulesVersion() {
  Hash hash;
  for (const RuleInfo& rule : internal::kRules) hash.AddRule(rule);
  std::array<char, 16> digits{};
  for (char& digit : digits) {
    digit = std::string_view("0123456789abcdef")[static_cast<std::size_t>(hash.value >> 60)];
    hash.value <<= 4;
  }
  return digits;
}

constexpr std::array<char, 16> kRulesVersion = MakeRulesVersion();

}  // namespace

std::string_view Name(Verdict verdict) {
  constexpr std::array<std::string_view, 4> kNames = {"accepted", "rejected", "undecided",
                                                      "unsupported"};
  return At(kNames, static_cast<std::size_t>(verdict));
}

std::string_view Name(Profile profile) {
  constexpr std::array<std::string_view, 2> kNames = {"strict", "reference"};
  return At(kNames, static_cast<std::size_t>(profile));
}

std::string_view Name(Scope scope) {
  constexpr std::array<std::string_view, 2> kNames = {"structure", "full"};
  return At(kNames, static_cast<std::size_t>(scope));
}

std::string_view Name(Severity severity) {
  constexpr std::array<std::string_view, 3> kNames = {"note", "warning", "error"};
  return At(kNames, static_cast<std::size_t>(severity));
}

std::string_view Name(FileClass file_class) {
  constexpr std::array<std::string_view, 3> kNames = {"model", "other", "not-fetched"};
  return At(kNames, static_cast<std::size_t>(file_class));
}

std::string_view Name(Impact impact) {
  constexpr std::array<std::string_view, 5> kNames = {"runs-code", "foreign-classes", "malformed",
                                                      "damaged", "not-the-model"};
  return At(kNames, static_cast<std::size_t>(impact));
}

std::string_view Words(Impact impact) {
  constexpr std::array<std::string_view, 5> kWords = {"runs code", "foreign classes", "malformed",
                                                      "damaged or incomplete", "not the model"};
  return At(kWords, static_cast<std::size_t>(impact));
}

std::string_view ToolVersion() { return TENSORGATE_VERSION; }

std::string_view RulesVersion() { return {kRulesVersion.data(), kRulesVersion.size()}; }

}  // namespace tensorgate
