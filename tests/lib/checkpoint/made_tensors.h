// Random tensors of every dtype with hostile names, from a seed, for tests and fuzz targets of
// saving.
#ifndef TENSORGATE_TESTS_LIB_CHECKPOINT_MADE_TENSORS_H_
#define TENSORGATE_TESTS_LIB_CHECKPOINT_MADE_TENSORS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tensorgate/safetensors.h"
#include "tensorgate/save.h"
#include "tests/side_by_side/random.h"

namespace tensorgate::testing {

/// Valid UTF-8 with everything that JSON writers escape, and more; often short, so that names
/// repeat.
inline std::string MakeName(mutator::Random& random) {
  static constexpr const char* kParts[] = {
      "a",  "b",  "weight", ".",      "layers.", "\"",   "\\",          "/", "\n",
      "\t", "\r", "\b",     "\f",     "\x01",    "\x1f", "\x7f",        "é", "\xC2\x85",
      "中", "😀", "\u202e", "\u2028", "<",       "0",    "__metadata__"};
  std::string name;
  for (std::size_t i = random.Below(5); i > 0; --i) {
    name += kParts[random.Below(std::size(kParts))];
  }
  if (random.Percent(3)) name += '\0';
  if (random.Percent(2)) name.append(random.Below(5000), 'x');
  return name;
}

struct MadeTensors {
  std::vector<std::vector<std::byte>> data;  // data of the tensors
  std::vector<TensorData> tensors;
};

inline std::uint64_t MadeBytes(DType dtype, std::span<const std::uint64_t> shape) {
  std::uint64_t bits = Bits(dtype);
  for (const std::uint64_t dimension : shape) bits *= dimension;
  return bits / 8;
}

/// Names are unique, and shapes have whole bytes.
inline MadeTensors MakeTensors(mutator::Random& random, std::size_t most = 20) {
  MadeTensors made;
  const std::size_t count = random.Below(most + 1);
  for (std::size_t i = 0; i < count; ++i) {
    TensorData tensor;
    tensor.name = MakeName(random);
    bool taken = tensor.name == "__metadata__";
    for (const TensorData& other : made.tensors) taken |= other.name == tensor.name;
    if (taken) tensor.name += std::to_string(i) + "#";
    tensor.dtype = static_cast<DType>(random.Below(kDTypeCount));
    for (std::size_t rank = random.Below(4); rank > 0; --rank) {
      tensor.shape.push_back(random.Percent(10) ? 0 : random.Between(1, 9));
    }
    // Four elements of 4 or 6 bits are whole bytes.
    if (Bits(tensor.dtype) < 8) tensor.shape.push_back(4 * random.Below(5));
    std::vector<std::byte> bytes(MadeBytes(tensor.dtype, tensor.shape));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.Next());
    made.data.push_back(std::move(bytes));
    tensor.data = std::span<const std::byte>(made.data.back());
    made.tensors.push_back(std::move(tensor));
  }
  return made;
}

/// Metadata as in save.h, with unique keys.
inline Metadata MakeMetadata(mutator::Random& random) {
  Metadata metadata;
  for (std::size_t i = random.Below(4); i > 0; --i) {
    metadata.emplace_back(MakeName(random) + std::to_string(i), MakeName(random));
  }
  return metadata;
}

/// True if the tensors and metadata of `file`, whose bytes are `bytes`, are exactly the given ones.
inline bool Holds(const safetensors::File& file, std::span<const std::byte> bytes,
                  std::span<const TensorData> tensors, const Metadata& metadata) {
  if (file.tensors().size() != tensors.size()) return false;
  for (const TensorData& tensor : tensors) {
    const auto found = file.Find(tensor.name);
    if (!found || found->dtype() != tensor.dtype) return false;
    if (found->shape().ToVector() != tensor.shape) return false;
    const auto& given = std::get<std::span<const std::byte>>(tensor.data);
    const auto got = bytes.subspan(static_cast<std::size_t>(found->range().offset),
                                   static_cast<std::size_t>(found->range().length));
    if (!std::equal(given.begin(), given.end(), got.begin(), got.end())) return false;
  }
  if (file.metadata_count() != metadata.size()) return false;
  for (std::size_t i = 0; i < metadata.size(); ++i) {
    if (file.metadata(i).key != metadata[i].first) return false;
    if (file.metadata(i).value != metadata[i].second) return false;
  }
  return true;
}

}  // namespace tensorgate::testing

#endif  // TENSORGATE_TESTS_LIB_CHECKPOINT_MADE_TENSORS_H_
