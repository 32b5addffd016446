// What the library makes of files, for numpy_test.py: standard input holds a length of four bytes and a file, again and
// again; each gets a line: verdict and rule of both profiles, and of what strict accepts where its data are, how
// long, and the shape.
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <optional>
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

std::string Facts(const numpy::internal::Header& header) {
  std::string facts =
      " " + std::to_string(header.data_offset) + " " + std::to_string(header.data_bytes) + " " +
      (header.column_major ? "F " : "C ") + (header.dtype ? std::string(Name(*header.dtype)) : "-");
  for (const std::uint64_t dimension : header.shape) facts += " " + std::to_string(dimension);
  return facts;
}

void Judge(std::string_view file) {
  MemorySource source(internal::AsBytes(file));
  std::optional<numpy::internal::Header> header;
  std::string line = Said(numpy::Examine(source, {.scope = Scope::kFull}, &header));
  line += " " + Said(numpy::Examine(source, {.profile = Profile::kReference}, nullptr));
  if (header) line += Facts(*header);
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
