// Every function or class that a pickle names, whatever else is in it: for people who look into a refused file.
//
//   pickle::GlobalFinder survey;
//   for (pickle::Event event; decoder.Next(event);) if (survey.Add(event)) Show(survey.global());
//
// Nothing is refused: what an opcode takes from an empty stack is unknown. Names that STACK_GLOBAL takes from the stack are
// found where they are texts of the pickle, also through the memo. Texts are views of the events' and must stay.
// Throws std::bad_alloc.
#ifndef TENSORGATE_CONTAINERS_PICKLE_GLOBAL_FINDER_H_
#define TENSORGATE_CONTAINERS_PICKLE_GLOBAL_FINDER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lib/base/pod_buffer.h"
#include "lib/containers/pickle/decode.h"

namespace tensorgate::pickle {

struct NamedGlobal {
  bool known = false;  ///< Both texts stand in the pickle, without escapes.
  std::string_view module, name;
};

/// As reports show it: by both texts, or that it is computed.
std::string FullName(const NamedGlobal& global);

/// What joblib writes right after the opcode that builds an array's wrapper; then the pickle's next opcode.
struct RawArray {
  bool pickled = false;                ///< Objects: a pickle of their own.
  bool padded = false;                 ///< First a byte, and as many bytes of padding as it says.
  std::optional<std::uint64_t> bytes;  ///< Of the elements; none if the wrapper does not say.
};

class GlobalFinder {
 public:
  /// True: the opcode names something, which global() tells.
  bool Add(const Event& event);
  const NamedGlobal& global() const { return global_; }
  std::size_t depth() const { return stack_.size(); }  ///< Items on the stack.
  std::size_t marks() const { return marks_.size(); }
  /// Of the last opcode, if the bytes of an array follow it.
  const std::optional<RawArray>& array() const { return array_; }

 private:
  enum class Thing : std::uint8_t {
    kOther,
    kUnset,  // in the memo: never written
    kText,
    kInt,
    kTuple,  // `number`: the product of its items, if all are integers (`exact`)
    kDtypeClass,
    kDtype,  // `number`: bytes of an element, if they are told (`exact`)
    kWrapperClass,
    kWrapper,
  };
  struct Item {
    Thing thing = Thing::kOther;
    Thing first = Thing::kOther;  // of a tuple: its first item
    bool exact = false;
    bool objects = false;   // of a dtype; of a tuple: its last item is an odd integer
    std::string_view text;  // of a tuple: its first item's
    std::uint64_t number = 0;
  };
  static Item Tuple(std::span<const Item> items);
  static Item Dtype(std::string_view name);
  Item Named() const;
  Item Pop();
  std::size_t Floor() const;
  std::span<const Item> Taken(Op op) const;
  bool Memo(const Event& event);
  bool Constant(const Event& event);
  void Call(bool build);
  void SetItems(std::size_t floor);
  void Effect(const OpcodeInfo& opcode);
  void Put(std::optional<std::uint64_t> index);
  Item Get(std::optional<std::uint64_t> index) const;
  Item* Entry(std::uint64_t index);
  static bool Index(std::string_view digits, std::uint64_t& index);

  internal::PodBuffer<Item> stack_;
  internal::PodBuffer<std::size_t> marks_;
  internal::PodBuffer<Item> memo_;
  std::unordered_map<std::uint64_t, Item> far_memo_;  // where no writer has an entry
  std::uint64_t entries_ = 0;                         // MEMOIZE writes the next
  bool memo_lost_ = false;                            // from here on nothing of it is known
  std::uint64_t operations_ = 0;
  NamedGlobal global_;
  // Of the wrapper whose state is being made.
  Item shape_, dtype_;
  bool padded_ = false;
  std::optional<RawArray> array_;
};

}  // namespace tensorgate::pickle

#endif  // TENSORGATE_CONTAINERS_PICKLE_GLOBAL_FINDER_H_
