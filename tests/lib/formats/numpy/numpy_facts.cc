// Facts about files, for numpy_test.py: standard input holds repeatedly a length of four bytes and
// a file. Each gets a line: verdict and rule in both profiles, and for a file that the strict
// profile accepts the offset and size of its data, and the shape.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "lib/base/bytes.h"
#include "lib/formats/numpy/file.h"

namespace tensorgate {
namespace {

std::string Read(std::size_t count) {
  std::string bytes(count, '\0');
  bytes.resize(std::fread(bytes.data(), 1, count, stdin));
  return bytes;
}

std::string Said(const Report& report) {
  std::string said(Name(report.verdict()));
  const bool any = report.verdict() != Verdict::kAccepted && !report.findings().empty();
  return said + " " + (any ? std::string(Info(report.findings()[0].rule).id) : "-");
}

std::string Facts(const ModelFile& file) {
  const TensorRef tensor = file.tensor(0);
  std::string facts = " " + std::to_string(tensor.range.offset) + " " +
                      std::to_string(tensor.range.length) + " " +
                      (tensor.stride.empty() ? "C " : "F ") +
                      (tensor.type.dtype ? std::string(tensor.type.name) : "-");
  for (const std::uint64_t dimension : tensor.shape) facts += " " + std::to_string(dimension);
  return facts;
}

void Judge(std::string_view file) {
  MemorySource source(internal::AsBytes(file));
  std::unique_ptr<const ModelFile> opened;
  std::string line = Said(numpy::Examine(source, {.scope = Scope::kFull}, &opened));
  line += " " + Said(numpy::Examine(source, {.profile = Profile::kReference}, nullptr));
  if (opened) line += Facts(*opened);
  std::puts(line.c_str());
}

}  // namespace
}  // namespace tensorgate

int main() {
  for (;;) {
    const std::string length = tensorgate::Read(4);
    if (length.size() < 4) return 0;
    tensorgate::Judge(tensorgate::Read(
        tensorgate::internal::LoadLittleEndian<std::uint32_t>(std::string_view(length))));
  }
}
