#include "lib/containers/pickle/forward_decoder.h"

#include <algorithm>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/base/character_set.h"
#include "lib/base/checked.h"

namespace tensorgate::pickle {
namespace {

using namespace std::string_view_literals;

// Size of the number at the start of an opcode's argument, in bytes.
std::size_t NumberBytes(Argument argument) {
  switch (argument) {
    case Argument::kNone:
    case Argument::kLine:
    case Argument::kTwoLines:
      return 0;
    case Argument::kUint8:
    case Argument::kSized8:
      return 1;
    case Argument::kUint16:
      return 2;
    case Argument::kInt32:
    case Argument::kUint32:
    case Argument::kSized32:
    case Argument::kSizedInt32:
      return 4;
    case Argument::kFloat64:
    case Argument::kSized64:
    case Argument::kFrame:
      break;
  }
  return 8;
}

bool IsSized(Argument argument) {
  return argument == Argument::kSized8 || argument == Argument::kSized32 ||
         argument == Argument::kSizedInt32 || argument == Argument::kSized64;
}

// Whether an unpickler may accept a line that contains `part`, so that no search for the line's end
// runs through data.
bool MayBeLine(Op op, std::string_view part, bool first, bool module) {
  constexpr internal::CharacterSet kOfNumbers(
      "0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-. \t\r\f\v");
  // No file name can contain a zero byte. The others occur in no module's name, but in lists, CSV
  // files and source code, whose lines would be modules and calls by chance.
  constexpr internal::CharacterSet kInNoModule("\0,;:=\"'()[]{}<>|"sv);
  switch (op) {
    case Op::kUnicode:
      return true;
    case Op::kString:
      return !first || part.starts_with('\'') || part.starts_with('"');
    case Op::kGlobal:
    case Op::kInst:
      return !module || std::ranges::none_of(part, [&](char c) { return kInNoModule.Has(c); });
    default:
      return kOfNumbers.HasAll(part);
  }
}

void KeepPart(std::string& kept, std::string_view part) {
  kept.append(part.substr(0, ForwardDecoder::kKept - kept.size()));
}

}  // namespace

bool ForwardDecoder::Feed(std::span<const std::byte>& bytes) {
  complete_ = false;
  while (!bytes.empty() && !broken_ && !complete_) {
    std::size_t taken = 1;
    switch (step_) {
      case Step::kOpcode:
        OnOpcode(bytes.front());
        break;
      case Step::kNumber:
        taken = TakeNumber(bytes);
        break;
      case Step::kFirstLine:
      case Step::kLine:
        taken = TakeLine(internal::AsText(bytes));
        break;
      case Step::kText:
        taken = TakeText(internal::AsText(bytes));
        break;
    }
    position_ = internal::SaturatingAdd<std::uint64_t>(position_, taken);
    bytes = bytes.subspan(taken);
    if (step_ == Step::kText && bytes.empty() && text_.size() == kKept) {
      // The rest of it is skipped.
      position_ = internal::SaturatingAdd(position_, std::exchange(left_, 0));
    }
    if (step_ == Step::kText && left_ == 0) complete_ = true;
  }
  if (complete_) step_ = Step::kOpcode;
  return complete_;
}

void ForwardDecoder::OnOpcode(std::byte code) {
  offset_ = position_;
  opcode_ = FindOpcode(std::to_integer<std::uint8_t>(code));
  if (opcode_ == nullptr) {
    broken_ = true;
    return;
  }
  text_.clear();
  name_.clear();
  number_ = 0;
  have_ = 0;
  number_ended_ = false;
  want_ = NumberBytes(opcode_->argument);
  if (want_ != 0) {
    step_ = Step::kNumber;
  } else if (opcode_->argument == Argument::kNone) {
    complete_ = true;
  } else {
    step_ = opcode_->argument == Argument::kTwoLines ? Step::kFirstLine : Step::kLine;
  }
}

std::size_t ForwardDecoder::TakeNumber(std::span<const std::byte> bytes) {
  const std::size_t taken =
      internal::CopyBytes(bytes, std::span(bytes_).first(want_).subspan(have_));
  have_ += taken;
  if (have_ < want_) return taken;
  std::ranges::fill(std::span(bytes_).subspan(want_), std::byte{0});
  number_ = internal::LoadLittleEndian64(bytes_);
  const bool negative = want_ == 4 && (number_ >> 31) != 0;
  const Argument argument = opcode_->argument;
  if (argument == Argument::kSizedInt32 && negative) {
    broken_ = true;
  } else if (IsSized(argument)) {
    left_ = number_;
    step_ = Step::kText;
  } else {
    complete_ = true;
  }
  return taken;
}

// The C functions that read numbers see a text that ends at its first zero byte.
std::string_view ForwardDecoder::UpToZero(std::string_view part) {
  constexpr std::array kNumbers = {Op::kInt, Op::kLong, Op::kFloat, Op::kGet, Op::kPut};
  if (std::ranges::find(kNumbers, opcode_->op) == kNumbers.end()) return part;
  if (number_ended_) return {};
  const std::size_t zero = part.find('\0');
  number_ended_ = zero != part.npos;
  return part.substr(0, zero);
}

std::size_t ForwardDecoder::TakeLine(std::string_view text) {
  const std::size_t end = text.find('\n');
  const std::string_view part = UpToZero(text.substr(0, end));
  std::string& line =
      step_ == Step::kFirstLine || opcode_->argument == Argument::kLine ? text_ : name_;
  if (!MayBeLine(opcode_->op, part, line.empty(), step_ == Step::kFirstLine)) {
    broken_ = true;
    return part.size();
  }
  KeepPart(line, part);
  if (line.size() == kKept && !part.empty()) line.back() = part.back();
  if (end == text.npos) return text.size();
  if (step_ == Step::kFirstLine) {
    step_ = Step::kLine;
  } else {
    complete_ = true;
  }
  return end + 1;
}

std::size_t ForwardDecoder::TakeText(std::string_view text) {
  const std::string_view part =
      text.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, text.size())));
  KeepPart(text_, part);
  left_ -= part.size();
  return part.size();
}

}  // namespace tensorgate::pickle
