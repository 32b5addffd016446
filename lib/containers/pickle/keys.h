// Finds duplicate keys in a mapping or set, by Python's equality.
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
  /// `interrupt` is checked now and then: once it ends the check, nothing more is found.
  KeyCheck(const Values& values, internal::Interrupt& interrupt)
      : values_(values), interrupt_(interrupt) {}

  /// The offset in the pickle of the second of two equal keys; 0 if it is unknown. For keys that
  /// the strict profile refuses (Machine::CheckKey), equality is not decided.
  std::optional<std::uint64_t> FindDuplicate(const Value& object);

 private:
  // Two keys are equal if and only if their spellings are. A string is spelled as itself; every
  // other key starts with a byte that does not occur in UTF-8.
  std::string_view Spell(const Value& key);
  void SpellScalar(const Value& key);

  struct Place {
    std::uint64_t begin;
    std::uint64_t length;
  };
  const Values& values_;
  internal::Interrupt& interrupt_;
  internal::PodBuffer<std::uint32_t> hashes_;
  internal::PodBuffer<Place> places_;  // offsets in the pickle, or past its end, in `spelled_`
  std::string spelled_;
};

}  // namespace tensorgate::pickle

#endif  // TENSORGATE_CONTAINERS_PICKLE_KEYS_H_
