// Every function or class that a pickle names, whatever else is in it: for people who look into a refused file.
//
//   pickle::Survey survey;
//   for (pickle::Event event; decoder.Next(event);) if (survey.Add(event)) Show(survey.global());
//
// Nothing is refused: what an opcode takes from an empty stack is unknown. Names that STACK_GLOBAL takes from the stack are
// found where they are texts of the pickle, also through the memo. Throws std::bad_alloc.
#ifndef TENSORGATE_PICKLE_SURVEY_H_
#define TENSORGATE_PICKLE_SURVEY_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/base/pod_buffer.h"
#include "lib/pickle/decode.h"

namespace tensorgate::pickle {

struct NamedGlobal {
  bool known = false;  ///< Both texts stand in the pickle.
  std::string_view module, name;
};

class Survey {
 public:
  /// True: the opcode names something, which global() tells.
  bool Add(const Event& event);
  const NamedGlobal& global() const { return global_; }
  std::size_t depth() const { return stack_.size(); }  ///< Items on the stack.
  std::size_t marks() const { return marks_.size(); }

 private:
  struct Item {
    bool text = false;
    std::string_view value;
  };
  Item Pop();
  void Effect(const OpcodeInfo& opcode);
  void Put(std::uint64_t index);
  Item Get(std::uint64_t index) const;
  static bool Index(std::string_view digits, std::uint64_t& index);

  internal::PodBuffer<Item> stack_;
  internal::PodBuffer<std::size_t> marks_;
  internal::PodBuffer<Item> memo_;
  std::uint64_t operations_ = 0;
  NamedGlobal global_;
};

}  // namespace tensorgate::pickle

#endif  // TENSORGATE_PICKLE_SURVEY_H_
