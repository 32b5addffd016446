// A user's program that computes digests: it uses the component that links OpenSSL.
#include <cstdio>

#include "tensorgate/digest.h"

int main() {
  const std::byte bytes[4] = {};
  const tensorgate::TensorData tensor = {
      .name = "w", .dtype = tensorgate::DType::kU8, .shape = {4}, .data = std::span(bytes)};
  const auto hash = tensorgate::HashContent(std::span(&tensor, 1));
  if (!hash) return 1;
  std::puts(tensorgate::HashLine(tensor, hash->tensors[0]).c_str());
  return 0;
}
