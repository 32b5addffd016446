#include "lib/containers/pickle/dry_run.h"

#include <algorithm>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/base/character_set.h"
#include "lib/base/checked.h"
#include "lib/containers/pickle/memo_index.h"

namespace tensorgate::pickle {
namespace {

using internal::CharacterSet;

// Number of texts that are kept, for names in a report.
constexpr std::size_t kMaxTexts = 4096;
constexpr std::uint64_t kNewestProtocol = 5;

constexpr CharacterSet kSpace(" \t\r\f\v");
constexpr CharacterSet kDigits("0123456789");
constexpr CharacterSet kOfInteger(
    "0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
constexpr CharacterSet kOfFloat("0123456789_.eE+-");

std::string_view Trim(std::string_view text) {
  while (!text.empty() && kSpace.Has(text.front())) text.remove_prefix(1);
  while (!text.empty() && kSpace.Has(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view WithoutSign(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return text;
}

// Accepts everything that int() accepts in any base, and slightly more.
bool IsInteger(std::string_view text) {
  text = Trim(text);
  if (text.ends_with('L')) text.remove_suffix(1);
  text = WithoutSign(Trim(text));
  return !text.empty() && kDigits.Has(text.front()) && kOfInteger.HasAll(text);
}

// Accepts everything that float() accepts, and slightly more.
bool IsFloat(std::string_view text) {
  text = WithoutSign(Trim(text));
  std::string folded(text.substr(0, 9));
  std::ranges::transform(folded, folded.begin(), internal::FoldCase);
  if (folded == "nan" || folded == "inf" || folded == "infinity") return true;
  return !text.empty() && (kDigits.Has(text.front()) || text.front() == '.') &&
         kOfFloat.HasAll(text);
}

// Whether a text can be the name of a module or of something in it; text in data hardly ever passes
// by chance.
bool IsDottedName(std::string_view text) {
  constexpr CharacterSet kOfNames(
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.");
  return std::ranges::all_of(text, [&](char c) { return kOfNames.Has(c) || (c & 0x80) != 0; });
}

// torch.load's magic number, and the number of characters in its shortest text form; no valid
// number has as many.
constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr std::size_t kMagicDigits = std::string_view("0x1950a86a20f9469cfc6c").size();

bool IsMagic(std::string_view number) {
  return number.starts_with(kMagic) && number.find_first_not_of('\0', kMagic.size()) == number.npos;
}

// A STRING argument without quotes is never valid.
bool IsQuoted(std::string_view text) { return text.size() >= 2 && text.front() == text.back(); }

}  // namespace

void DryRun::Feed(std::span<const std::byte> bytes) {
  while (going()) {
    const bool complete = decoder_.Feed(bytes);
    if (LeavesFrame()) {
      outcome_ = Outcome::kUnclear;
      return;
    }
    if (!complete) break;
    const bool good = Execute();
    if (!going()) return;
    if (!good) {
      outcome_ = Outcome::kNoPickle;
    } else if (++opcodes_ == kMaxOpcodes) {
      outcome_ = Outcome::kUnclear;
    }
  }
  if (decoder_.broken()) outcome_ = Outcome::kNoPickle;
}

// An argument that continues past its frame: one unpickler uses the bytes after the frame instead,
// another fails. A line that is not a valid argument may become one when its beginning is dropped
// in this way.
bool DryRun::LeavesFrame() const {
  return decoder_.offset() < frame_end_ &&
         (decoder_.position() > frame_end_ || decoder_.broken_line());
}

// A frame that starts inside another one and ends after it: some unpicklers skip the bytes in
// between, others do not.
bool DryRun::Frame() {
  const std::uint64_t end = internal::SaturatingAdd(decoder_.position(), decoder_.number());
  if (decoder_.position() < frame_end_ && end > frame_end_) outcome_ = Outcome::kUnclear;
  frame_end_ = end;
  return true;
}

// False if no unpickler continues.
bool DryRun::Execute() {
  const Op op = decoder_.opcode().op;
  switch (op) {
    case Op::kProto:
      return decoder_.number() <= kNewestProtocol;
    case Op::kFrame:
      return Frame();
    case Op::kMark:
      floors_.PushBack(floor_);
      floor_ = stack_.size();
      return true;
    case Op::kStop:
      return Stop();
    case Op::kPop:
      return Pop();
    case Op::kDup:
      if (!Has(1)) return false;
      return Push(Item(Top(1)));
    case Op::kInt:
    case Op::kLong:
      // INT may have an empty argument before a zero byte.
      if (!IsInteger(decoder_.text()) &&
          !(op == Op::kInt && decoder_.text().empty() && decoder_.number_ended())) {
        return false;
      }
      return Push({.kind = decoder_.text().size() < kMagicDigits ? Kind::kPlain : Kind::kMagic});
    case Op::kLong1:
    case Op::kLong4:
      return Push({.kind = IsMagic(decoder_.text()) ? Kind::kMagic : Kind::kPlain});
    case Op::kFloat:
      if (!IsFloat(decoder_.text())) return false;
      return Generic();
    case Op::kString:
      if (!IsQuoted(decoder_.text())) return false;
      return Push(Keep(Kind::kText, decoder_.text().substr(1, decoder_.text().size() - 2)));
    case Op::kGet:
      return Get(Index());
    case Op::kBinGet:
    case Op::kLongBinGet:
      return Get(decoder_.number());
    case Op::kPut:
      return Put(Index());
    case Op::kBinPut:
    case Op::kLongBinPut:
      return Put(decoder_.number());
    case Op::kMemoize:
      return Put(memo_.size());
    case Op::kAppend:
      return Change(1);
    case Op::kSetItem:
      return Change(2);
    case Op::kAppends:
    case Op::kSetItems:
    case Op::kAddItems:
      if (const auto count = TakeMark()) return Change(*count);
      return false;
    case Op::kGlobal:
      return Global(false);
    case Op::kInst:
      return Global(true);
    case Op::kStackGlobal:
      return StackGlobal();
    case Op::kReduce:
    case Op::kNewObj:
      return CallAt(2);
    case Op::kNewObjEx:
      return CallAt(3);
    case Op::kObj:
      return CallFirst();
    case Op::kBuild:
      return Build();
    case Op::kExt1:
    case Op::kExt2:
      return Extension(decoder_.number());
    case Op::kExt4:
      return decoder_.number() <= INT32_MAX && Extension(decoder_.number());
    case Op::kPersId:
    case Op::kBinPersId:
    case Op::kNextBuffer:
      // There are no buffers: an unpickler without a method provided by its user fails.
      return false;
    default:
      return Generic();
  }
}

DryRun::Kind DryRun::Makes(Op op) {
  switch (op) {
    case Op::kBinString:
    case Op::kShortBinString:
    case Op::kUnicode:
    case Op::kBinUnicode:
    case Op::kShortBinUnicode:
    case Op::kBinUnicode8:
      return Kind::kText;
    case Op::kEmptyList:
    case Op::kList:
    case Op::kByteArray8:
      return Kind::kList;
    case Op::kEmptyDict:
    case Op::kDict:
      return Kind::kDict;
    case Op::kEmptySet:
      return Kind::kSet;
    default:
      return Kind::kPlain;
  }
}

bool DryRun::Stop() {
  if (!Has(1)) return false;
  outcome_ = Outcome::kComplete;
  if (Top(1).kind == Kind::kMagic) {
    outcome_ = Outcome::kStream;
    name_offset_ = decoder_.offset();
  }
  return true;
}

// Applies the table of opcodes.
bool DryRun::Generic() {
  const OpcodeInfo& opcode = decoder_.opcode();
  std::size_t pops = opcode.pops;
  if (opcode.marks == Marks::kDown) {
    const auto count = TakeMark();
    if (!count) return false;
    pops += *count;
  }
  if (!Drop(pops)) return false;
  if (opcode.pushes == 0) return true;
  const Kind kind = Makes(opcode.op);
  return Push(kind == Kind::kText ? Keep(kind, decoder_.text()) : Item{.kind = kind});
}

// Takes the mark instead, if it is on top.
bool DryRun::Pop() { return Has(1) ? Drop(1) : TakeMark().has_value(); }

std::optional<std::size_t> DryRun::TakeMark() {
  if (floors_.empty()) return std::nullopt;
  const std::size_t count = stack_.size() - floor_;
  floor_ = floors_[floors_.size() - 1];
  floors_.Resize(floors_.size() - 1);
  return count;
}

// ---- Calls.

bool DryRun::Call(const Item& callee) {
  if (callee.kind != Kind::kNamed) return false;
  outcome_ = Outcome::kCalls;
  name_ = TextOf(callee);
  name_offset_ = decoder_.offset();
  return true;
}

// OBJ: the class is the first above the mark.
bool DryRun::CallFirst() {
  const auto count = TakeMark();
  return count && *count != 0 && Call(Top(*count));
}

// Adds the top `count` items to the item below them. For anything but a plain container, that calls
// its method.
bool DryRun::Change(std::optional<std::size_t> count) {
  if (!Has(*count + 1)) return false;
  const Item& target = Top(*count + 1);
  if (target.kind == Kind::kNamed) return Call(target);
  const Op op = decoder_.opcode().op;
  const bool appends = op == Op::kAppend || op == Op::kAppends;
  const bool sets = op == Op::kSetItem || op == Op::kSetItems;
  const bool takes = target.kind == Kind::kList
                         ? appends || sets
                         : target.kind == (sets ? Kind::kDict : Kind::kSet) && !appends;
  if (!takes && *count != 0) return false;
  return Drop(*count);
}

bool DryRun::Build() {
  if (!Has(2)) return false;
  // A plain value accepts an empty state, and nothing else.
  return Top(2).kind == Kind::kNamed ? Call(Top(2)) : Drop(1);
}

// ---- Names.

DryRun::Item DryRun::Named(std::string name) {
  if (!names_ && IsDottedName(name)) {
    names_ = true;
    name_ = name;
    name_offset_ = decoder_.offset();
  }
  return Keep(Kind::kNamed, name);
}

bool DryRun::Global(bool called) {
  if (decoder_.text().empty()) return false;
  const Item named = Named(std::string(decoder_.text()).append(".").append(decoder_.name()));
  if (decoder_.name().empty()) return false;
  // One unpickler looks for the mark after it has found the class.
  if (called && !TakeMark()) return false;
  return called ? Call(named) : Push(named);
}

// Only the loading process knows what an extension code means, and in most processes it means
// nothing: only a call of it matters.
bool DryRun::Extension(std::uint64_t code) {
  if (code == 0) return false;
  return Push({.kind = Kind::kNamed});
}

bool DryRun::StackGlobal() {
  if (!Has(2)) return false;
  const Item module = Top(2), name = Top(1);
  if (module.kind != Kind::kText || name.kind != Kind::kText) return false;
  const bool known = module.text != 0 && name.text != 0;
  const Item named =
      Named(known ? std::string(TextOf(module)).append(".").append(TextOf(name)) : "");
  Drop(2);
  return Push(named);
}

// Only the unpickler knows the meaning of a text with escapes.
DryRun::Item DryRun::Keep(Kind kind, std::string_view text) {
  if (texts_.size() == kMaxTexts || text.empty() || text.contains('\\')) return {.kind = kind};
  texts_.emplace_back(text);
  return {.kind = kind, .text = static_cast<std::uint32_t>(texts_.size())};
}

std::string_view DryRun::TextOf(const Item& item) const {
  return item.text == 0 ? std::string_view() : texts_[item.text - 1];
}

// ---- The memo.

std::optional<std::uint64_t> DryRun::Index() {
  const std::optional<std::uint64_t> index = MemoIndex(decoder_.text());
  if (index != kHugeIndex) return index;
  outcome_ = Outcome::kUnclear;
  return std::nullopt;
}

bool DryRun::Get(std::optional<std::uint64_t> index) {
  const auto found = index ? memo_.find(*index) : memo_.end();
  if (found == memo_.end()) return false;
  return Push(found->second);
}

bool DryRun::Put(std::optional<std::uint64_t> index) {
  if (!index || !Has(1)) return false;
  memo_[*index] = Top(1);
  return true;
}

}  // namespace tensorgate::pickle
