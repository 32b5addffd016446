// Finds every function or class that a pickle names, whatever else it contains, for people who
// inspect a refused file.
//
//   pickle::GlobalFinder survey;
//   for (pickle::Event event; decoder.Next(event);) if (survey.Add(event)) Show(survey.global());
//
// It refuses nothing: an item taken from an empty stack is unknown. Names that STACK_GLOBAL takes
// from the stack are found if they are texts of the pickle, also through the memo. Texts are views
// of the events' texts, which must remain valid. Throws std::bad_alloc.
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
  bool known = false;  ///< Both texts are in the pickle, without escapes.
  std::string_view module, name;
};

/// As shown in reports: both texts, or a note that the name is computed.
std::string FullName(const NamedGlobal& global);

/// The bytes that joblib writes directly after the opcode that builds an array's wrapper, before
/// the pickle's next opcode.
struct RawArray {
  bool pickled = false;  ///< The elements are objects, in a pickle of their own.
  bool padded = false;   ///< Starts with a byte that gives the length of the padding after it.
  std::optional<std::uint64_t> bytes;  ///< Size of the elements, if the wrapper says it.
};

class GlobalFinder {
 public:
  /// Returns true if the opcode names something; global() returns the name.
  bool Add(const Event& event);
  const NamedGlobal& global() const { return global_; }
  std::size_t depth() const { return stack_.size(); }  ///< Items on the stack.
  std::size_t marks() const { return marks_.size(); }
  /// Set after an opcode that the bytes of an array follow.
  const std::optional<RawArray>& array() const { return array_; }

 private:
  enum class Thing : std::uint8_t {
    kOther,
    kUnset,  // a memo entry that was never written
    kText,
    kInt,
    kTuple,  // `number`: the product of its items, if all are integers (`exact`)
    kDtypeClass,
    kDtype,  // `number`: bytes of an element, if they are stated (`exact`)
    kWrapperClass,
    kWrapper,
  };
  struct Item {
    Thing thing = Thing::kOther;
    Thing first = Thing::kOther;  // for a tuple: its first item
    bool exact = false;
    bool objects = false;   // for a dtype: it contains objects; for a tuple: its last item is odd
    std::string_view text;  // for a tuple: the text of its first item
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
  std::unordered_map<std::uint64_t, Item> far_memo_;  // at indices that no writer uses
  std::uint64_t entries_ = 0;                         // the index that MEMOIZE writes next
  bool memo_lost_ = false;                            // from here on its contents are unknown
  std::uint64_t operations_ = 0;
  NamedGlobal global_;
  // Of the wrapper whose state is being built.
  Item shape_, dtype_;
  bool padded_ = false;
  std::optional<RawArray> array_;
};

}  // namespace tensorgate::pickle

#endif  // TENSORGATE_CONTAINERS_PICKLE_GLOBAL_FINDER_H_
