// A user's program. It needs neither exceptions nor RTTI, and sees only the installed headers.
#include <cstdio>
#include <string>

#include "tensorgate/safetensors.h"

int main(int argc, char** argv) {
  if (argc != 2) return 4;
  auto file = tensorgate::safetensors::File::OpenPath(argv[1]);
  if (!file) {
    std::printf("%s\n", std::string(tensorgate::Info(file.error().reason()->rule).id).c_str());
    return 1;
  }
  for (tensorgate::safetensors::Tensor tensor : file->tensors()) {
    std::printf("%s %s %llu\n", std::string(tensor.name()).c_str(),
                std::string(tensorgate::Name(tensor.dtype())).c_str(),
                static_cast<unsigned long long>(tensor.elements()));
  }
  return 0;
}
