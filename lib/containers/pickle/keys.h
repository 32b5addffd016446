// Finds a key that stands twice in a mapping or set, by Python's equality.
#ifndef TENSORGATE_CONTAINERS_PICKLE_KEYS_H_
#define TENSORGATE_CONTAINERS_PICKLE_KEYS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/interrupt.h"
#include "lib/base/pod_buffer.h"
#include "lib/containers/pickle/value.h"

namespace tensorgate::pickle {

class KeyCheck {
 public:
  /// `interrupt` is asked now and then: once it ends the check, nothing more is found.
  KeyCheck(const Values& values, internal::Interrupt& interrupt)
      : values_(values), interrupt_(interrupt) {}

  /// Where the second of two equal keys stands in the pickle; 0 where that is not known. Of keys that strict refuses
  /// (Machine::CheckKey) equality is not told.
  std::optional<std::uint64_t> FindDuplicate(const Value& object);

 private:
  // Two keys are equal if and only if their spellings are. A string spells itself; all else begins with a byte that no
  // UTF-8 has.
  std::string_view Spell(const Value& key);
  void SpellScalar(const Value& key);

  struct Place {
    std::uint64_t begin;
    std::uint64_t length;
  };
  const Values& values_;
  internal::Interrupt& interrupt_;
  internal::PodBuffer<std::uint32_t> hashes_;
  internal::PodBuffer<Place> places_;  // in the pickle, or behind its end in `spelled_`
  std::string spelled_;
};

}  // namespace tensorgate::pickle

#endif  // TENSORGATE_CONTAINERS_PICKLE_KEYS_H_
