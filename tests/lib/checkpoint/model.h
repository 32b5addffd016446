// Checkpoints for tests: files whose data depend on their position.
#ifndef TENSORGATE_TESTS_LIB_CHECKPOINT_MODEL_H_
#define TENSORGATE_TESTS_LIB_CHECKPOINT_MODEL_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tensorgate/checkpoint.h"
#include "tensorgate/safetensors.h"
#include "tests/lib/formats/safetensors/build.h"
#include "tests/lib/temp_folder.h"

namespace tensorgate::testing {

struct Entry {
  std::string name;
  DType dtype;
  std::vector<std::uint64_t> shape;

  std::uint64_t bytes() const {
    std::uint64_t bits = Bits(dtype);
    for (const std::uint64_t dimension : shape) bits *= dimension;
    return bits / 8;
  }
};

/// The header of adjacent tensors, padded to a multiple of eight.
inline std::string HeaderOf(const std::vector<Entry>& entries, std::size_t extra_padding = 0) {
  std::string header = "{";
  std::uint64_t at = 0;
  for (const Entry& entry : entries) {
    std::string shape;
    for (const std::uint64_t dimension : entry.shape) {
      shape += (shape.empty() ? "" : ",") + std::to_string(dimension);
    }
    if (header.size() > 1) header += ',';
    header += TensorEntry(entry.name, Name(entry.dtype), shape, at, at + entry.bytes());
    at += entry.bytes();
  }
  header += '}';
  return header.append((8 - header.size() % 8) % 8 + extra_padding, ' ');
}

/// Positions close to each other never have the same eight bytes.
inline std::byte PatternAt(std::uint64_t place) {
  const std::uint64_t mixed = (place / 8 + 1) * 0x9E3779B97F4A7C15;
  return static_cast<std::byte>(mixed >> (8 * (place % 8)));
}

/// A file with these tensors and the pattern as data.
inline std::string ModelOf(const std::vector<Entry>& entries, std::size_t extra_padding = 0) {
  std::uint64_t size = 0;
  for (const Entry& entry : entries) size += entry.bytes();
  std::string file = BuildFile(HeaderOf(entries, extra_padding), static_cast<std::size_t>(size));
  for (std::uint64_t i = 0; i < size; ++i) {
    file[file.size() - size + i] = static_cast<char>(PatternAt(i));
  }
  return file;
}

/// The tensor's bytes in the file.
inline std::span<const std::byte> BytesOf(const std::string& file, const TensorRef& tensor) {
  return AsBytes(file).subspan(static_cast<std::size_t>(tensor.range.offset),
                               static_cast<std::size_t>(tensor.range.length));
}

inline bool Same(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::ranges::equal(a, b);
}

inline Checkpoint Opened(std::expected<Checkpoint, Report> checkpoint) {
  if (!checkpoint) ADD_FAILURE() << Message(checkpoint.error(), checkpoint.error().findings()[0]);
  return std::move(checkpoint.value());
}

/// The requests that a source received.
struct Counts {
  std::atomic<std::uint64_t> reads = 0, bytes = 0;
  void Clear() { reads = bytes = 0; }
};

/// Memory whose reads are counted.
class CountingSource final : public Source {
 public:
  CountingSource(std::span<const std::byte> bytes, Counts* counts)
      : inner_(bytes), counts_(counts) {}
  std::uint64_t size() const override { return inner_.size(); }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override {
    ++counts_->reads;
    counts_->bytes += into.size();
    return inner_.Read(offset, into);
  }
  bool concurrent() const override { return true; }

 private:
  MemorySource inner_;
  Counts* counts_;
};

}  // namespace tensorgate::testing

#endif  // TENSORGATE_TESTS_LIB_CHECKPOINT_MODEL_H_
