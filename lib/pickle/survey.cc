#include "lib/pickle/survey.h"

#include <algorithm>

namespace tensorgate::pickle {

Survey::Item Survey::Pop() {
  if (stack_.empty()) return {};
  const Item item = stack_[stack_.size() - 1];
  stack_.Resize(stack_.size() - 1);
  return item;
}

void Survey::Effect(const OpcodeInfo& opcode) {
  if (opcode.marks == Marks::kPush) marks_.PushBack(stack_.size());
  if (opcode.marks == Marks::kDown) {
    const std::size_t floor = marks_.empty() ? 0 : marks_[marks_.size() - 1];
    if (!marks_.empty()) marks_.Resize(marks_.size() - 1);
    stack_.Resize(std::min(floor, stack_.size()));
  }
  for (int i = 0; i < opcode.pops; ++i) Pop();
  for (int i = 0; i < opcode.pushes; ++i) stack_.PushBack({});
}

void Survey::Put(std::uint64_t index) {
  // Picklers number as they go; what lies far beyond is not remembered.
  if (stack_.empty() || index > operations_) return;
  while (memo_.size() <= index) memo_.PushBack({});
  memo_[static_cast<std::size_t>(index)] = stack_[stack_.size() - 1];
}

Survey::Item Survey::Get(std::uint64_t index) const {
  return index < memo_.size() ? memo_[static_cast<std::size_t>(index)] : Item();
}

bool Survey::Index(std::string_view digits, std::uint64_t& index) {
  index = 0;
  if (digits.empty() || digits.size() > 9) return false;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return false;
    index = index * 10 + static_cast<unsigned>(digit - '0');
  }
  return true;
}

bool Survey::Add(const Event& event) {
  ++operations_;
  std::uint64_t index = 0;
  switch (event.op) {
    case Op::kPut:
      if (Index(event.text, index)) Put(index);
      return false;
    case Op::kBinPut:
    case Op::kLongBinPut:
      Put(event.number);
      return false;
    case Op::kMemoize:
      Put(memo_.size());
      return false;
    case Op::kGet:
      stack_.PushBack(Index(event.text, index) ? Get(index) : Item());
      return false;
    case Op::kBinGet:
    case Op::kLongBinGet:
      stack_.PushBack(Get(event.number));
      return false;
    case Op::kDup:
      stack_.PushBack(stack_.empty() ? Item() : stack_[stack_.size() - 1]);
      return false;
    case Op::kBinUnicode:
    case Op::kShortBinUnicode:
    case Op::kBinUnicode8:
    case Op::kBinString:
    case Op::kShortBinString:
    case Op::kUnicode:
      stack_.PushBack({true, event.text});
      return false;
    case Op::kString: {
      // Between quotes of either kind.
      std::string_view text = event.text;
      if (text.size() >= 2 && text.front() == text.back()) text = text.substr(1, text.size() - 2);
      stack_.PushBack({true, text});
      return false;
    }
    case Op::kStackGlobal: {
      const Item name = Pop(), module = Pop();
      stack_.PushBack({});
      global_ = {module.text && name.text, module.value, name.value};
      return true;
    }
    default:
      break;
  }
  Effect(*FindOpcode(static_cast<std::uint8_t>(event.op)));
  if (event.op != Op::kGlobal && event.op != Op::kInst) return false;
  global_ = {true, event.text, event.name};
  return true;
}

}  // namespace tensorgate::pickle
