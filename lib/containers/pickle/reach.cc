#include "lib/containers/pickle/reach.h"

#include <algorithm>

#include "lib/containers/pickle/global_finder.h"

namespace tensorgate::pickle {
namespace {

constexpr std::size_t kLongestName = 1000;

// The depth of the stack, now and at each mark.
class Stack {
 public:
  /// False if an item is missing.
  bool Apply(const OpcodeInfo& opcode) {
    if (opcode.marks == Marks::kPush) marks_.push_back(depth_);
    if (opcode.marks == Marks::kDown) {
      if (marks_.empty()) return false;
      // OBJ needs the class as the first item above the mark.
      if (opcode.op == Op::kObj && depth_ == marks_.back()) return false;
      depth_ = marks_.back();
      marks_.pop_back();
    }
    const std::size_t above = depth_ - (marks_.empty() ? 0 : marks_.back());
    if (opcode.op == Op::kPop && above == 0 && !marks_.empty()) {
      marks_.pop_back();  // if a mark is on top, it takes the mark
      return true;
    }
    const bool takes_top = opcode.op == Op::kPut || opcode.op == Op::kBinPut ||
                           opcode.op == Op::kLongBinPut || opcode.op == Op::kMemoize;
    if (above < opcode.pops || (takes_top && above == 0)) return false;
    depth_ += std::size_t{opcode.pushes} - opcode.pops;
    return true;
  }

 private:
  std::size_t depth_ = 0;
  std::vector<std::size_t> marks_;
};

bool Calls(Op op) {
  switch (op) {
    case Op::kReduce:
    case Op::kBuild:
    case Op::kInst:
    case Op::kObj:
    case Op::kNewObj:
    case Op::kNewObjEx:
      return true;
    default:
      return false;
  }
}

// Accepts lines of text opcodes that CPython may take for numbers.
bool IsArgument(const Event& event) {
  constexpr std::string_view kNumber = "0123456789abcdefABCDEFxXoOlL_+-. \tintyINTY";
  switch (event.op) {
    case Op::kInt:
    case Op::kLong:
    case Op::kFloat:
    case Op::kGet:
    case Op::kPut:
      return !event.text.empty() && event.text.find_first_not_of(kNumber) == event.text.npos;
    case Op::kString:
      return event.text.size() >= 2 && event.text.front() == event.text.back() &&
             (event.text.front() == '\'' || event.text.front() == '"');
    default:
      return true;
  }
}

// True if the first opcode's argument is not a line, or is a line that ends soon enough.
bool IsWithin(std::string_view text, std::size_t longest_line) {
  if (text.empty()) return true;
  const OpcodeInfo* opcode = FindOpcode(static_cast<std::uint8_t>(text[0]));
  if (opcode == nullptr) return true;
  int lines = opcode->argument == Argument::kTwoLines ? 2
              : opcode->argument == Argument::kLine   ? 1
                                                      : 0;
  for (text.remove_prefix(1); lines > 0; --lines) {
    const std::size_t end = text.substr(0, longest_line).find('\n');
    if (end == text.npos) return false;
    text.remove_prefix(end + 1);
  }
  return true;
}

}  // namespace

bool IsName(std::string_view text) {
  if (text.empty() || text.size() > kLongestName || (text[0] >= '0' && text[0] <= '9'))
    return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || (c & 0x80) != 0;
  });
}

Reach ReachOf(std::span<const std::byte> bytes, std::size_t begin, const ReachLimits& limits) {
  Reach reach{.end = begin};
  Decoder decoder(bytes, begin);
  GlobalFinder survey;
  Stack stack;
  const std::string_view text = internal::AsText(bytes);
  for (Event event; IsWithin(text.substr(decoder.offset()), limits.line) && decoder.Next(event);) {
    const OpcodeInfo& opcode = *FindOpcode(static_cast<std::uint8_t>(event.op));
    reach.end = event.offset;
    if (limits.passed != nullptr && (*limits.passed)[event.offset]) return reach;
    if (!IsArgument(event) || (!stack.Apply(opcode) && !reach.calls)) return reach;
    if (limits.passed != nullptr) (*limits.passed)[event.offset] = true;
    reach.end = event.end;
    ++reach.opcodes;
    const bool line = opcode.argument == Argument::kLine || opcode.argument == Argument::kTwoLines;
    reach.plain += line ? 0u : 1u;
    reach.binary |= static_cast<std::uint8_t>(event.op) >= 0x80;
    if (survey.Add(event)) {
      const NamedGlobal& global = survey.global();
      reach.names |= global.known && IsName(global.module) && IsName(global.name);
    }
    reach.calls |= reach.names && Calls(event.op);
    reach.stopped = event.op == Op::kStop;
    if (reach.stopped || reach.opcodes >= limits.opcodes) return reach;
  }
  reach.end = decoder.offset();
  const DecodeError error = decoder.error();
  reach.cut = error == DecodeError::kNone || error == DecodeError::kTruncated ||
              error == DecodeError::kFramePastEnd;
  return reach;
}

}  // namespace tensorgate::pickle
