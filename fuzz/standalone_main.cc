// Replays files and folders through a fuzz target, in builds without a fuzzing engine.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::size_t replayed = 0;

void Replay(const std::filesystem::path& path) {
  constexpr std::uintmax_t kLargest = 4 << 20;  // engines limit inputs, too
  if (std::filesystem::file_size(path) > kLargest) return;
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> content((std::istreambuf_iterator<char>(file)),
                                  std::istreambuf_iterator<char>());
  // A block of the exact size, so that reading past the input is detected.
  const auto copy = std::make_unique<std::uint8_t[]>(content.size());
  for (std::size_t i = 0; i < content.size(); ++i) copy[i] = static_cast<std::uint8_t>(content[i]);
  LLVMFuzzerTestOneInput(copy.get(), content.size());
  ++replayed;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      Replay(argv[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (entry.is_regular_file()) Replay(entry.path());
    }
  }
  std::printf("%zu files replayed\n", replayed);
  return replayed == 0 ? 1 : 0;
}
