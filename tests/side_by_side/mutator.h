// Generates valid and nearly valid safetensors files, and mutates given files in meaningful ways.
//
//   std::vector<std::byte> file = tensorgate::mutator::GenerateHeader(seed);   // the same for the
//   same seed size = tensorgate::mutator::MutateSafetensors(data, size, max_size, seed); //
//   LLVMFuzzerCustomMutator
//
// About half of the files from GenerateHeader are valid; the others have one to four semantic
// mutations.
#ifndef TENSORGATE_TESTS_SIDE_BY_SIDE_MUTATOR_H_
#define TENSORGATE_TESTS_SIDE_BY_SIDE_MUTATOR_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "random.h"

namespace tensorgate::mutator {

/// A whole file.
std::vector<std::byte> GenerateHeader(std::uint64_t seed);

/// Changes the `size` bytes at `data` in place; returns the new size, at most `max_size`.
std::size_t MutateSafetensors(std::uint8_t* data, std::size_t size, std::size_t max_size,
                              unsigned seed);

/// The three parts of a file. `announced` is the header's length as stated in the file.
struct Parts {
  std::uint64_t announced = 0;
  std::string header;
  std::string data;
};

/// Splits any bytes into parts.
Parts Split(const std::uint8_t* bytes, std::size_t size);
std::vector<std::byte> Join(const Parts& parts);

/// One semantic mutation.
void MutateOnce(Parts& parts, Random& random);

/// A JSON number, often near a limit of integers, doubles or exponents.
std::string RandomNumber(Random& random);
/// Usually not quite a JSON number.
std::string RandomBadNumber(Random& random);
/// A valid file whose JSON is spelled in many ways.
Parts RandomValidFile(Random& random);

}  // namespace tensorgate::mutator

#endif  // TENSORGATE_TESTS_SIDE_BY_SIDE_MUTATOR_H_
