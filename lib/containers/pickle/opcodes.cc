#include "lib/containers/pickle/opcodes.h"

#include <array>
#include <utility>

namespace tensorgate::pickle {
namespace {

constexpr std::array<OpcodeInfo, kOpcodeCount> kOpcodes = {{
#define TENSORGATE_OPCODE(op, text, code, protocol, argument, pops, pushes, marks, use) \
  {Op::op, text, protocol, Argument::argument, pops, pushes, Marks::marks, Use::use},
#include "lib/containers/pickle/opcodes.def"
#undef TENSORGATE_OPCODE
}};

// Index in the table + 1, by code; 0: not an opcode.
constexpr std::array<std::uint8_t, 256> kRows = [] {
  std::array<std::uint8_t, 256> rows{};
  for (std::size_t i = 0; i < kOpcodes.size(); ++i) {
    rows[static_cast<std::uint8_t>(kOpcodes[i].op)] = static_cast<std::uint8_t>(i + 1);
  }
  return rows;
}();

}  // namespace

std::span<const OpcodeInfo> Opcodes() { return kOpcodes; }

const OpcodeInfo* FindOpcode(std::uint8_t code) {
  const std::size_t row = kRows[code];
  return row == 0 ? nullptr : &kOpcodes[row - 1];
}

Rule RefusedBy(Use use) {
  // Indexed by the use's number; an opcode that is executed has no rule.
  static constexpr std::array kRules = {Rule::kPickleOpcodeOutside, Rule::kPickleOpcodeOutside,
                                        Rule::kPickleOpcodeText,    Rule::kPickleOpcodeCall,
                                        Rule::kPickleStackGlobal,   Rule::kPickleOpcodeExtension};
  static_assert(kRules.size() == std::to_underlying(Use::kExtension) + 1);
  return kRules.at(std::to_underlying(use));
}

}  // namespace tensorgate::pickle
