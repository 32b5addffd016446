// Compares saving with one write() of the same bytes from the same memory, to a new file each time.
//
//   save_bench FOLDER MIB ROUNDS
//
// Prints one line for each save: its name, its seconds, and its CPU seconds. Rounds alternate;
// every second one runs in reverse order.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "tensorgate/buffer.h"
#include "tensorgate/save.h"

namespace {

constexpr std::size_t kTensors = 300;
// The length of the header of the tensors below when they have 512 MiB.
constexpr std::size_t kHeader = 28'576;

// Writes `before` bytes first, like a header: then the data have a different offset within their
// page than in memory.
void WriteAll(const std::string& path, std::span<const std::byte> bytes, bool sync,
              std::size_t before = 0) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  for (std::span<const std::byte> rest : {bytes.first(before), bytes}) {
    while (!rest.empty()) {
      const ssize_t count = write(descriptor, rest.data(), rest.size());
      if (count <= 0) std::abort();
      rest = rest.subspan(static_cast<std::size_t>(count));
    }
  }
  if (sync && fsync(descriptor) != 0) std::abort();
  if (close(descriptor) != 0) std::abort();
}

void SaveAll(const std::string& path, std::span<const std::byte> bytes, bool sync,
             std::uint64_t alignment = 8) {
  std::vector<tensorgate::TensorData> tensors;
  const std::size_t each = bytes.size() / kTensors / 64 * 64;
  for (std::size_t i = 0; i < kTensors; ++i) {
    const std::size_t size = i + 1 == kTensors ? bytes.size() - each * i : each;
    tensors.push_back({.name = "model.layers." + std::to_string(i) + ".weight",
                       .dtype = tensorgate::DType::kF32,
                       .shape = {size / 4},
                       .data = bytes.subspan(each * i, size)});
  }
  if (!tensorgate::Save(path, tensors, {.alignment = alignment, .sync = sync})) std::abort();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    std::fputs("usage: save_bench FOLDER MIB ROUNDS\n", stderr);
    return 2;
  }
  const std::string path = std::string(arguments[1]) + "/save_bench.safetensors";
  const std::size_t size = std::strtoul(arguments[2], nullptr, 10) << 20;
  const int rounds = std::atoi(arguments[3]);
  auto buffer = tensorgate::Buffer::Allocate(size);
  if (!buffer) return 1;
  std::ranges::fill(buffer->bytes(), std::byte{42});
  const std::span<const std::byte> bytes = buffer->bytes();
  std::vector<std::pair<const char*, std::function<void()>>> ways = {
      {"write", [&] { WriteAll(path, bytes, false); }},
      {"save", [&] { SaveAll(path, bytes, false); }},
      {"write-behind", [&] { WriteAll(path, bytes, false, kHeader); }},
      {"save-aligned", [&] { SaveAll(path, bytes, false, 64); }},
      {"write-fsync", [&] { WriteAll(path, bytes, true); }},
      {"save-fsync", [&] { SaveAll(path, bytes, true); }},
  };
  for (int round = 0; round <= rounds; ++round) {
    for (const auto& [name, way] : ways) {
      unlink(path.c_str());
      const std::clock_t cpu = std::clock();
      const auto begin = std::chrono::steady_clock::now();
      way();
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
      // The first round is a warm-up.
      if (round != 0) {
        std::printf("%s %.6f %.6f\n", name, seconds.count(),
                    static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC);
      }
    }
    std::ranges::reverse(ways);
  }
  unlink(path.c_str());
  return 0;
}
