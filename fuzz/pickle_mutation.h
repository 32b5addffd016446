// Mutates a pickle opcode by opcode, so that most results can still be decoded.
#ifndef TENSORGATE_FUZZ_PICKLE_MUTATION_H_
#define TENSORGATE_FUZZ_PICKLE_MUTATION_H_

#include <cstddef>
#include <span>
#include <string>

#include "fuzz/support.h"

namespace tensorgate::fuzz {

std::string MutatePickle(std::span<const std::byte> bytes, Choices& choices);

}  // namespace tensorgate::fuzz

#endif  // TENSORGATE_FUZZ_PICKLE_MUTATION_H_
