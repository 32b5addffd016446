#include "lib/containers/pickle/global_finder.h"

#include <algorithm>

#include "lib/containers/pickle/memo_index.h"

namespace tensorgate::pickle {
namespace {

// Number of memo entries that are kept at indices that no writer uses.
constexpr std::size_t kMaxFar = 1 << 16;

}  // namespace

std::string FullName(const NamedGlobal& global) {
  return global.known ? FullName(global.module, global.name) : "a computed name";
}

GlobalFinder::Item GlobalFinder::Pop() {
  if (stack_.empty()) return {};
  const Item item = stack_[stack_.size() - 1];
  stack_.Resize(stack_.size() - 1);
  return item;
}

// Index of the first item above the last mark.
std::size_t GlobalFinder::Floor() const {
  return marks_.empty() ? 0 : std::min(marks_[marks_.size() - 1], stack_.size());
}

void GlobalFinder::Effect(const OpcodeInfo& opcode) {
  if (opcode.marks == Marks::kPush) marks_.PushBack(stack_.size());
  if (opcode.marks == Marks::kDown) {
    const std::size_t floor = Floor();
    if (!marks_.empty()) marks_.Resize(marks_.size() - 1);
    stack_.Resize(floor);
  }
  for (int i = 0; i < opcode.pops; ++i) Pop();
  for (int i = 0; i < opcode.pushes; ++i) stack_.PushBack({});
}

// Returns nullptr if there are too many. Picklers number entries consecutively; other writers may
// use any index.
GlobalFinder::Item* GlobalFinder::Entry(std::uint64_t index) {
  if (index < memo_.size()) return &memo_[static_cast<std::size_t>(index)];
  if (index > operations_) {
    if (far_memo_.size() == kMaxFar && !far_memo_.contains(index)) return nullptr;
    return &far_memo_.try_emplace(index, Item{.thing = Thing::kUnset}).first->second;
  }
  while (memo_.size() <= index) {
    const auto far = far_memo_.find(memo_.size());
    memo_.PushBack(far == far_memo_.end() ? Item{.thing = Thing::kUnset} : far->second);
  }
  return &memo_[static_cast<std::size_t>(index)];
}

void GlobalFinder::Put(std::optional<std::uint64_t> index) {
  if (stack_.empty() || memo_lost_) return;
  Item* entry = index && *index != kHugeIndex ? Entry(*index) : nullptr;
  memo_lost_ = entry == nullptr;
  if (memo_lost_) return;
  entries_ += entry->thing == Thing::kUnset ? 1 : 0;
  *entry = stack_[stack_.size() - 1];
}

GlobalFinder::Item GlobalFinder::Get(std::optional<std::uint64_t> index) const {
  if (memo_lost_ || !index) return {};
  Item found;
  if (*index < memo_.size()) {
    found = memo_[static_cast<std::size_t>(*index)];
  } else if (const auto far = far_memo_.find(*index); far != far_memo_.end()) {
    found = far->second;
  }
  return found.thing == Thing::kUnset ? Item() : found;
}

bool GlobalFinder::Index(std::string_view digits, std::uint64_t& index) {
  index = 0;
  if (digits.empty() || digits.size() > 9) return false;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return false;
    index = index * 10 + static_cast<unsigned>(digit - '0');
  }
  return true;
}

GlobalFinder::Item GlobalFinder::Tuple(std::span<const Item> items) {
  Item tuple{.thing = Thing::kTuple, .exact = true, .number = 1};
  for (const Item& item : items) {
    tuple.exact &= item.thing == Thing::kInt &&
                   !__builtin_mul_overflow(tuple.number, item.number, &tuple.number);
  }
  if (items.empty()) return tuple;
  tuple.first = items.front().thing;
  tuple.text = items.front().text;
  tuple.objects = items.back().thing == Thing::kInt && items.back().number % 2 == 1;
  return tuple;
}

// "f8", "U10": a kind and the number of bytes, or for texts the number of 4-byte characters.
GlobalFinder::Item GlobalFinder::Dtype(std::string_view name) {
  Item dtype{.thing = Thing::kDtype, .objects = name.starts_with('O')};
  dtype.exact = name.size() > 1 && Index(name.substr(1), dtype.number);
  if (name.starts_with('U')) dtype.number *= 4;
  return dtype;
}

GlobalFinder::Item GlobalFinder::Named() const {
  const auto& [known, module, name] = global_;
  if (known && module == "numpy" && name == "dtype") return {.thing = Thing::kDtypeClass};
  const bool wrapper =
      known && module.ends_with("joblib.numpy_pickle") && name == "NumpyArrayWrapper";
  return {.thing = wrapper ? Thing::kWrapperClass : Thing::kOther};
}

// REDUCE and NEWOBJ use a class and its arguments, BUILD an object and its state.
void GlobalFinder::Call(bool build) {
  const Item given = Pop();
  Item made = Pop();
  if (build) {
    // NumPy's dtype state ends with flags, the first of which says that the dtype contains objects.
    made.objects |= made.thing == Thing::kDtype && given.thing == Thing::kTuple && given.objects;
    if (made.thing == Thing::kWrapper) {
      array_.emplace(RawArray{.pickled = dtype_.objects, .padded = padded_});
      std::uint64_t bytes = 0;
      if (shape_.exact && dtype_.exact &&
          !__builtin_mul_overflow(shape_.number, dtype_.number, &bytes)) {
        array_->bytes = bytes;
      }
      made = {};
    }
  } else if (made.thing == Thing::kDtypeClass) {
    made = Dtype(given.text);
  } else {
    // In old protocols the class is the first argument of a function that creates any object.
    const bool wrapper = made.thing == Thing::kWrapperClass || given.first == Thing::kWrapperClass;
    made = {.thing = wrapper ? Thing::kWrapper : Thing::kOther};
    if (wrapper) shape_ = dtype_ = {}, padded_ = false;
  }
  stack_.PushBack(made);
}

// Handles keys and values from `floor` on.
void GlobalFinder::SetItems(std::size_t floor) {
  for (std::size_t i = floor; i + 1 < stack_.size(); i += 2) {
    const Item& key = stack_[i];
    const Item& value = stack_[i + 1];
    if (key.thing != Thing::kText) continue;
    if (key.text == "shape") shape_ = value.thing == Thing::kTuple ? value : Item();
    if (key.text == "dtype") dtype_ = value.thing == Thing::kDtype ? value : Item();
    if (key.text == "numpy_array_alignment_bytes") padded_ = value.thing == Thing::kInt;
  }
}

// Handles opcodes that write to the memo or read from it. False for any other opcode.
bool GlobalFinder::Memo(const Event& event) {
  const bool text = event.op == Op::kPut || event.op == Op::kGet;
  const std::optional<std::uint64_t> index = text ? MemoIndex(event.text) : event.number;
  switch (event.op) {
    case Op::kPut:
    case Op::kBinPut:
    case Op::kLongBinPut:
      Put(index);
      return true;
    case Op::kMemoize:
      Put(entries_);
      return true;
    case Op::kGet:
    case Op::kBinGet:
    case Op::kLongBinGet:
      stack_.PushBack(Get(index));
      return true;
    default:
      return false;
  }
}

// Handles opcodes that push a text or an integer. False for any other opcode.
bool GlobalFinder::Constant(const Event& event) {
  std::string_view text = event.text;
  Item item{.thing = Thing::kInt, .number = event.number};
  const bool escapes = event.op == Op::kString || event.op == Op::kUnicode;
  switch (event.op) {
    case Op::kString:
      // The text is between quotes of either kind.
      if (text.size() >= 2 && text.front() == text.back()) text = text.substr(1, text.size() - 2);
      [[fallthrough]];
    case Op::kBinUnicode:
    case Op::kShortBinUnicode:
    case Op::kBinUnicode8:
    case Op::kBinString:
    case Op::kShortBinString:
    case Op::kUnicode:
      item = {.thing = Thing::kText, .text = text};
      if (escapes && text.contains('\\')) item = {};
      break;
    case Op::kInt:
    case Op::kLong:
      if (text.ends_with('L')) text.remove_suffix(1);
      if (!Index(text, item.number)) item = {};
      break;
    case Op::kLong1:
      item.number = 0;
      for (std::size_t i = std::min<std::size_t>(text.size(), 8); i-- > 0;) {
        item.number = item.number << 8 | static_cast<unsigned char>(text[i]);
      }
      if (text.size() > 8) item = {};
      break;
    case Op::kBinInt:
    case Op::kBinInt1:
    case Op::kBinInt2:
      break;
    default:
      return false;
  }
  stack_.PushBack(item);
  return true;
}

// The items of the tuple that an opcode is about to create.
std::span<const GlobalFinder::Item> GlobalFinder::Taken(Op op) const {
  if (op == Op::kEmptyTuple) return {};
  if (op == Op::kTuple) return stack_.span().subspan(Floor());
  const auto count = static_cast<std::size_t>(op) - static_cast<std::size_t>(Op::kTuple1) + 1;
  return stack_.span().last(std::min(count, stack_.size()));
}

bool GlobalFinder::Add(const Event& event) {
  ++operations_;
  array_.reset();
  if (Memo(event) || Constant(event)) return false;
  const OpcodeInfo& opcode = *FindOpcode(static_cast<std::uint8_t>(event.op));
  switch (event.op) {
    case Op::kDup:
      stack_.PushBack(stack_.empty() ? Item() : stack_[stack_.size() - 1]);
      return false;
    case Op::kEmptyTuple:
    case Op::kTuple1:
    case Op::kTuple2:
    case Op::kTuple3:
    case Op::kTuple: {
      const Item tuple = Tuple(Taken(event.op));
      Effect(opcode);
      stack_[stack_.size() - 1] = tuple;
      return false;
    }
    case Op::kReduce:
    case Op::kNewObj:
    case Op::kBuild:
      Call(event.op == Op::kBuild);
      return false;
    case Op::kSetItem:
      SetItems(stack_.size() - std::min<std::size_t>(stack_.size(), 2));
      break;
    case Op::kSetItems:
      SetItems(Floor());
      break;
    case Op::kStackGlobal: {
      const Item name = Pop(), module = Pop();
      const bool known = module.thing == Thing::kText && name.thing == Thing::kText;
      global_ = {known, module.text, name.text};
      stack_.PushBack(Named());
      return true;
    }
    default:
      break;
  }
  Effect(opcode);
  if (event.op != Op::kGlobal && event.op != Op::kInst) return false;
  global_ = {true, event.text, event.name};
  if (event.op == Op::kGlobal) stack_[stack_.size() - 1] = Named();
  return true;
}

}  // namespace tensorgate::pickle
