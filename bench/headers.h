// Headers for benchmarks: realistic ones of any size, and the worst legal ones.
#ifndef TENSORGATE_BENCH_HEADERS_H_
#define TENSORGATE_BENCH_HEADERS_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace tensorgate::bench {

struct HeaderText {
  std::string json;  ///< Padded to a multiple of 8.
  std::uint64_t data_bytes = 0;
};

/// `count` tensors with names and shapes like those of a large language model, in BF16, as the
/// reference writes them.
HeaderText LanguageModel(std::size_t count);

/// Legal headers of about `bytes` bytes that are expensive: "dimensions", "metadata", "minimal",
/// "shuffled", "escapes", "string".
HeaderText Worst(const std::string& kind, std::size_t bytes);

}  // namespace tensorgate::bench

#endif  // TENSORGATE_BENCH_HEADERS_H_
