// libFuzzer's hook for the structure-aware mutator; every fourth mutation is one of libFuzzer's
// own.
#include <cstddef>
#include <cstdint>

#include "tests/side_by_side/mutator.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  if (seed % 4 == 0) return LLVMFuzzerMutate(data, size, max_size);
  return tensorgate::mutator::MutateSafetensors(data, size, max_size, seed);
}
