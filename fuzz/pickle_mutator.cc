// libFuzzer's hook for pickles; every fourth mutation is one of libFuzzer's own.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "fuzz/pickle_mutation.h"
#include "lib/base/bytes.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  if (seed % 4 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const std::string seeded = std::to_string(seed);
  tensorgate::fuzz::Choices choices(tensorgate::internal::AsBytes(seeded));
  std::string all = tensorgate::fuzz::MutatePickle(tensorgate::fuzz::Bytes(data, size), choices);
  all.resize(std::min(all.size(), max_size));
  std::ranges::copy(all, data);
  return all.size();
}
