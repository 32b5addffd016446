// Follows bytes as CPython's unpicklers would, to find out whether loading them would call
// something.
//
//   pickle::DryRun run;
//   while (run.going()) run.Feed(bytes that begin at run.position());
//   if (run.dangerous()) …  // run.name() is called by the opcode at run.name_offset()
//
// Bytes arrive in order and long arguments are skipped, so that streams can be followed as well as
// files. It handles all opcodes of protocols 0 to 5, with the rules of CPython's two unpicklers (in
// C and in Python) for stack, marks, memo and text arguments; where they differ, it continues as
// long as either of them would. It ends at the first call of something that the bytes name, since
// the result of such a call is unknown. Time and memory are linear in the opcodes, whose number is
// limited. Throws std::bad_alloc.
#ifndef TENSORGATE_CONTAINERS_PICKLE_DRY_RUN_H_
#define TENSORGATE_CONTAINERS_PICKLE_DRY_RUN_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/pod_buffer.h"
#include "lib/containers/pickle/forward_decoder.h"

namespace tensorgate::pickle {

class DryRun {
 public:
  enum class Outcome : std::uint8_t {
    kGoing,     ///< More bytes are needed.
    kNoPickle,  ///< Every unpickler fails here, or would fail at the end of the bytes.
    kComplete,  ///< STOP was reached: the pickle ends before position().
    kCalls,     ///< Something that the bytes name is called.
    /// From here on unpicklers differ, or need more than kMaxOpcodes.
    kUnclear,
    /// STOP was reached with what may be torch.load's magic number: it runs the pickles that
    /// follow.
    kStream,
  };
  /// No valid file of another format comes close; a file that reaches it counts as one that calls
  /// something.
  static constexpr std::uint64_t kMaxOpcodes = 100'000;

  /// The available bytes from position() on.
  void Feed(std::span<const std::byte> bytes);
  /// There are no more bytes.
  void AtEnd() {
    if (going()) outcome_ = Outcome::kNoPickle;
  }

  bool going() const { return outcome_ == Outcome::kGoing; }
  Outcome outcome() const { return outcome_; }
  /// True if loading calls something, or may do so.
  bool dangerous() const { return outcome_ >= Outcome::kCalls; }
  /// Position of the next byte that is needed; bytes before it need not be read.
  std::uint64_t position() const { return decoder_.position(); }

  /// True if a plausible name was used, called or not: naming alone imports a module.
  bool names() const { return names_; }
  /// The name that is called, otherwise the first one that was used: "posix.system"; "" if the
  /// bytes do not show it.
  std::string_view name() const { return name_; }
  /// Offset of the opcode that calls it, otherwise of the first one that names it.
  std::uint64_t name_offset() const { return name_offset_; }

 private:
  // The kind of an item on the stack, as far as it matters for what happens.
  enum class Kind : std::uint8_t { kPlain, kText, kMagic, kList, kDict, kSet, kNamed };
  struct Item {
    Kind kind = Kind::kPlain;
    std::uint32_t text = 0;  // in texts_, counted from 1; 0: not kept
  };

  static Kind Makes(Op op);
  bool LeavesFrame() const;
  bool Frame();
  bool Execute();
  bool Generic();
  bool Stop();
  bool Pop();
  bool Call(const Item& callee);
  bool CallAt(std::size_t depth) { return Has(depth) && Call(Top(depth)); }
  bool CallFirst();
  bool Change(std::optional<std::size_t> count);
  bool Build();
  bool Global(bool called);
  bool StackGlobal();
  bool Extension(std::uint64_t code);
  bool Get(std::optional<std::uint64_t> index);
  bool Put(std::optional<std::uint64_t> index);
  std::optional<std::uint64_t> Index();
  std::optional<std::size_t> TakeMark();

  /// Nothing below the last mark can be reached.
  bool Has(std::size_t count) const { return stack_.size() - floor_ >= count; }
  Item& Top(std::size_t depth) { return stack_[stack_.size() - depth]; }
  bool Push(Item item) {
    stack_.PushBack(item);
    return true;
  }
  bool Drop(std::size_t count) {
    if (!Has(count)) return false;
    stack_.Resize(stack_.size() - count);
    return true;
  }
  Item Keep(Kind kind, std::string_view text);
  std::string_view TextOf(const Item& item) const;
  Item Named(std::string name);

  Outcome outcome_ = Outcome::kGoing;
  ForwardDecoder decoder_;
  std::uint64_t opcodes_ = 0;
  std::uint64_t frame_end_ = 0;
  internal::PodBuffer<Item> stack_;
  internal::PodBuffer<std::size_t> floors_;  // of the levels below the marks
  std::size_t floor_ = 0;
  std::map<std::uint64_t, Item> memo_;
  std::vector<std::string> texts_;
  bool names_ = false;
  std::string name_;
  std::uint64_t name_offset_ = 0;
};

}  // namespace tensorgate::pickle

#endif  // TENSORGATE_CONTAINERS_PICKLE_DRY_RUN_H_
