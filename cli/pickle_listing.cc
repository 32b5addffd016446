#include "cli/pickle_listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "lib/formats/torch/globals.h"
#include "tensorgate/render.h"

namespace tensorgate::cli {
namespace {

using pickle::Argument;
using pickle::Event;
using pickle::OpcodeInfo;

constexpr std::size_t kShown = 100;        // bytes of a text
constexpr std::size_t kLongestKept = 256;  // of a text that may be a name
constexpr std::size_t kKept = 64 << 20;    // of all such texts of one pickle
constexpr std::size_t kMaxNested = 20;     // pickles in arrays of pickles
constexpr std::size_t kMaxNotSearched = 1000;
constexpr std::size_t kMaxPieces = 1'000'000;
constexpr std::uint64_t kMinPiece = 16;  // no pickle that calls a function is shorter

std::string Quoted(std::string_view text) { return "\"" + EscapeForText(text, kShown) + "\""; }

std::string ArgumentText(const OpcodeInfo& opcode, const Event& event) {
  switch (opcode.argument) {
    case Argument::kNone:
      return "";
    case Argument::kUint8:
    case Argument::kUint16:
    case Argument::kUint32:
    case Argument::kFrame:
      return fmt::format(" {}", event.number);
    case Argument::kInt32:
      return fmt::format(" {}", event.Signed());
    case Argument::kFloat64:
      return fmt::format(" {}", event.Float());
    case Argument::kTwoLines:
      return " " + Quoted(event.text) + " " + Quoted(event.name);
    default:
      break;
  }
  const std::uint64_t length =
      opcode.argument == Argument::kLine ? event.text.size() : event.number;
  return fmt::format(" {}{}", Quoted(event.text),
                     length > kShown ? fmt::format(" ({} bytes)", length) : "");
}

// What it does to the stack, as "-2 +1"; "-mark" takes all down to the last one.
std::string EffectText(const OpcodeInfo& opcode) {
  std::string text;
  if (opcode.marks == pickle::Marks::kPush) text += "+mark ";
  if (opcode.marks == pickle::Marks::kDown) text += "-mark ";
  if (opcode.pops != 0) text += fmt::format("-{} ", opcode.pops);
  if (opcode.pushes != 0) text += fmt::format("+{} ", opcode.pushes);
  return text;
}

// The rule by which a scan refuses a name; nothing if it is allowed.
std::optional<Rule> RefusedBy(const pickle::NamedGlobal& global) {
  const auto found = torch::internal::FindGlobal(global.module, global.name);
  if (!global.known || !found) return Rule::kPickleGlobalOutside;
  if (found->alias) return Rule::kPickleGlobalAlias;
  const torch::internal::GlobalInfo& info = torch::internal::Globals()[found->index];
  if (info.role == torch::internal::Role::kRefused) return info.rule;
  return std::nullopt;
}

// Why a scan refuses an opcode, whatever it does.
std::optional<Rule> RefusedBy(const OpcodeInfo& opcode, const Event& event) {
  if (opcode.use != pickle::Use::kTorch) return pickle::RefusedBy(opcode.use);
  if (event.op == pickle::Op::kProto && event.number != 2) return Rule::kPickleProtoVersion;
  return std::nullopt;
}

bool IsText(pickle::Op op) {
  switch (op) {
    case pickle::Op::kString:
    case pickle::Op::kUnicode:
    case pickle::Op::kBinUnicode:
    case pickle::Op::kShortBinUnicode:
    case pickle::Op::kBinUnicode8:
    case pickle::Op::kBinString:
    case pickle::Op::kShortBinString:
      return true;
    default:
      return false;
  }
}

}  // namespace

// A pickle, and those in arrays of objects within it.
struct PickleListing::Pickle {
  std::vector<std::unique_ptr<pickle::GlobalFinder>> open;
};

bool PickleListing::Done() {
  if (!failure_ && pace_.Due()) {
    if (const std::optional<Rule> ended = interrupt_.Ended()) failure_ = Status{.rule = *ended};
  }
  return failure_ || output_.failed();
}

void PickleListing::WriteHeading() {
  if (heading_ == member_) return;
  const bool first = !heading_;
  heading_ = member_;
  if (!member_.empty()) {
    output_.Write(member_ + ":\n");
  } else if (!first) {
    output_.Write("outside of the members:\n");
  }
}

void PickleListing::NotSearched(std::string_view why) {
  const RuleInfo& rule = Info(Rule::kUseNotSearched);
  std::string line(rule.message);
  line.replace(line.find("{text}"), 6, why);
  code_ = Worse(code_, kUndecided);
  if (not_searched_.size() > kMaxNotSearched ||
      !not_searched_.insert(std::hash<std::string>()(member_ + ": " + line)).second) {
    return;
  }
  if (not_searched_.size() > kMaxNotSearched) {
    output_.Write(fmt::format("more members than {} are not searched\n", kMaxNotSearched));
    return;
  }
  WriteHeading();
  output_.Write(fmt::format("          {}: {}\n", rule.id, line));
}

void PickleListing::ShowRest(std::uint64_t at, std::uint64_t count) {
  if (count != 0) output_.Write(fmt::format("{:>8}  {} bytes follow\n", at, GroupDigits(count)));
}

// Views of the reader's window do not last, so texts that may be names are copied.
std::string_view PickleListing::Keep(std::string_view text) {
  text = text.substr(0, kLongestKept);
  if (text_bytes_ > kKept) return {};
  text_bytes_ += text.size() + sizeof(std::string);
  return texts_.emplace_back(text);
}

PickleListing::Ended PickleListing::Show(std::uint64_t begin, std::uint64_t end,
                                         std::vector<Piece>* pieces) {
  pieces_ = pieces;
  WriteHeading();
  shown_ = true;
  refused_.clear();
  texts_.clear();
  text_bytes_ = operations_ = 0;
  PickleReader reader(window_, begin, end, options_.check.limits.header_bytes);
  Pickle pickle;
  pickle.open.push_back(std::make_unique<pickle::GlobalFinder>());
  while (!Done() && !pickle.open.empty()) {
    if (ShowNext(pickle, reader)) continue;
    ShowEnd(reader);
    return {reader.at(), false};
  }
  return {reader.at(), true};
}

// False: there is no opcode here, or no more is shown.
bool PickleListing::ShowNext(Pickle& pickle, PickleReader& reader) {
  if (++operations_ > options_.check.limits.pickle_operations) {
    NotSearched("it has more opcodes than --limit-pickle-operations");
    return false;
  }
  Event event;
  if (!reader.Next(event)) return false;
  const OpcodeInfo& opcode = *pickle::FindOpcode(static_cast<std::uint8_t>(event.op));
  const std::uint64_t length = std::max<std::uint64_t>(event.number, event.text.size());
  if (!event.text.empty()) AddPiece(reader.at() - std::min(length, reader.at()), reader.at());
  Event kept = event;
  if (IsText(event.op)) {
    kept.text = Keep(event.text);
    // A text that was not kept is unknown.
    if (kept.text.size() < std::min(event.text.size(), kLongestKept)) kept.op = pickle::Op::kNone;
  }
  pickle::GlobalFinder& survey = *pickle.open.back();
  const bool names = survey.Add(kept);
  if (options_.opcodes) ShowOpcode(opcode, event, reader, pickle);
  if (reader.frame_past_end()) ShowError(pickle::DecodeError::kFramePastEnd, reader.offset());
  if (names) ShowGlobal(survey.global(), reader.offset());
  if (const std::optional<Rule> rule = RefusedBy(opcode, event)) {
    ShowRefusedOpcode(opcode, *rule, reader.offset());
  }
  if (event.op == pickle::Op::kStop) {
    pickle.open.pop_back();
    return true;
  }
  if (!survey.array()) return true;
  if (!survey.array()->pickled) return ShowArray(*survey.array(), reader);
  if (pickle.open.size() >= kMaxNested) return false;
  pickle.open.push_back(std::make_unique<pickle::GlobalFinder>());
  return true;
}

// Why there are no more opcodes.
void PickleListing::ShowEnd(const PickleReader& reader) {
  failure_ = reader.failure();
  if (reader.line_too_long()) {
    NotSearched(fmt::format("a line is longer than {} bytes (--limit-header-bytes)",
                            GroupDigits(options_.check.limits.header_bytes)));
  } else if (!failure_ && reader.error() != pickle::DecodeError::kNone) {
    ShowError(reader.error(), reader.at());
  }
}

void PickleListing::ShowError(pickle::DecodeError error, std::uint64_t offset) {
  const RuleInfo& rule = Info(RuleOf(error));
  output_.Write(fmt::format("{:>8}  {}: {}\n", offset, rule.id, rule.summary));
  code_ = Worse(code_, kRejected);
}

void PickleListing::ShowOpcode(const OpcodeInfo& opcode, const Event& event,
                               const PickleReader& reader, const Pickle& pickle) {
  std::string line =
      fmt::format("{:>8}  {}{}", reader.offset(), opcode.name, ArgumentText(opcode, event));
  line.resize(std::max<std::size_t>(line.size() + 2, 56), ' ');
  line += fmt::format("{:<10} [{}]", EffectText(opcode), pickle.open.back()->depth());
  if (reader.crosses_frame()) line += "  crosses its frame's end";
  if (const std::optional<Rule> rule = RefusedBy(opcode, event)) {
    line += fmt::format("  {}", Info(*rule).id);
  }
  output_.Write(line + "\n");
}

// Each rule once: a pickle of a later protocol has hundreds of such opcodes.
void PickleListing::ShowRefusedOpcode(const OpcodeInfo& opcode, Rule rule, std::uint64_t offset) {
  code_ = Worse(code_, kRejected);
  if (options_.opcodes || !refused_.insert(rule).second) return;
  output_.Write(
      fmt::format("{:>8}  refused  the opcode {}  {}\n", offset, opcode.name, Info(rule).id));
}

void PickleListing::ShowGlobal(const pickle::NamedGlobal& global, std::uint64_t offset) {
  const std::optional<Rule> rule = RefusedBy(global);
  if (rule) code_ = Worse(code_, kRejected);
  // The opcode's line has the name.
  if (options_.opcodes && global.known) {
    if (rule) output_.Write(fmt::format("{:>8}    {}\n", "", Info(*rule).id));
    return;
  }
  const std::string name =
      global.known ? EscapeForText(global.module, 256) + "." + EscapeForText(global.name, 256)
                   : "a name that is computed";
  const bool usual = !rule || *rule == Rule::kPickleGlobalOutside;
  output_.Write(fmt::format("{:>8}  {}  {}{}\n", offset, rule ? "outside" : "allowed", name,
                            usual ? "" : fmt::format("  {}", Info(*rule).id)));
}

void PickleListing::AddPiece(std::uint64_t begin, std::uint64_t end) {
  if (pieces_ == nullptr || end - begin < kMinPiece) return;
  if (pieces_->size() < kMaxPieces) return pieces_->push_back({begin, end});
  NotSearched(fmt::format("it has more than {} long texts", GroupDigits(kMaxPieces)));
}

// joblib writes the elements between two opcodes.
bool PickleListing::ShowArray(const pickle::RawArray& array, PickleReader& reader) {
  const std::uint64_t begin = reader.at();
  if (!array.bytes) return false;
  if (array.padded) reader.Skip(reader.Byte().value_or(0));
  reader.Skip(*array.bytes);
  AddPiece(begin, reader.at());
  if (options_.opcodes) {
    output_.Write(
        fmt::format("{:>8}  {} bytes of an array\n", begin, GroupDigits(reader.at() - begin)));
  }
  return true;
}

}  // namespace tensorgate::cli
