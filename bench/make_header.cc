// make_header KIND NUMBER FILE: writes a file for benchmarks whose data are a hole. KIND is "model"
// (NUMBER tensors) or a worst case from headers.h (NUMBER header bytes).
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "bench/headers.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: make_header KIND NUMBER FILE\n", stderr);
    return 4;
  }
  const std::string kind = argv[1];
  const auto number = static_cast<std::size_t>(std::strtoull(argv[2], nullptr, 10));
  const auto header = kind == "model" ? tensorgate::bench::LanguageModel(number)
                                      : tensorgate::bench::Worst(kind, number);
  std::ofstream file(argv[3], std::ios::binary);
  for (int shift = 0; shift < 64; shift += 8)
    file.put(static_cast<char>(std::uint64_t{header.json.size()} >> shift));
  file << header.json;
  file.close();
  if (!file) return 1;
  std::filesystem::resize_file(argv[3], 8 + header.json.size() + header.data_bytes);
  return 0;
}
