// The C interface over any file: what it opens is what the checks accept; every tensor comes the same by each way; slices of
// any kind stay inside; errors are whole.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "fuzz/support.h"
#include "tensorgate.h"

using namespace tensorgate;

namespace {

constexpr std::uint64_t kMostBytes = 1 << 20;

void CheckError(tensorgate_error* error) {
  FUZZ_ASSERT(error != nullptr);
  FUZZ_ASSERT(tensorgate_error_rule(error)[0] != '\0' && tensorgate_error_text(error)[0] != '\0');
  tensorgate_error_free(error);
}

/// A slice that may be nonsense; if it is one, its bytes are as many as its shape says.
void CheckSlice(const tensorgate_checkpoint* model, std::size_t index, unsigned bits,
                fuzz::Choices& choices) {
  std::vector<tensorgate_subscript> subscripts(static_cast<std::size_t>(choices.Below(4)));
  for (tensorgate_subscript& each : subscripts) {
    const auto number = [&] { return static_cast<std::int64_t>(choices.Below(12)) - 6; };
    each = {static_cast<tensorgate_subscript_kind>(choices.Below(4)),
            static_cast<int>(choices.Below(2)),
            static_cast<int>(choices.Below(2)),
            number(),
            number(),
            number()};
  }
  tensorgate_slice slice{};
  slice.struct_size = sizeof slice;
  std::uint64_t shape[16];
  tensorgate_error* error = nullptr;
  if (tensorgate_plan_slice(model, index, subscripts.data(), subscripts.size(), &slice, shape, 16,
                            &error) == 0) {
    return CheckError(error);
  }
  FUZZ_ASSERT(error == nullptr);
  if (slice.rank > 16 || slice.bytes > kMostBytes) return;
  std::uint64_t elements = 1;
  for (std::size_t i = 0; i < slice.rank; ++i) elements *= shape[i];
  FUZZ_ASSERT(elements * bits == slice.bytes * 8);
  std::vector<std::byte> into(static_cast<std::size_t>(slice.bytes));
  const int read = tensorgate_read_slice(model, index, subscripts.data(), subscripts.size(),
                                         into.data(), into.size(), nullptr, &error);
  FUZZ_ASSERT(read == 1 && error == nullptr);
  FUZZ_ASSERT(tensorgate_read_slice(model, index, subscripts.data(), subscripts.size(), into.data(),
                                    into.size() + 1, nullptr, nullptr) == 0);
}

void CheckTensor(const tensorgate_checkpoint* model, std::size_t index,
                 std::span<const std::byte> file, fuzz::Choices& choices) {
  tensorgate_tensor tensor{};
  tensor.struct_size = sizeof tensor;
  FUZZ_ASSERT(tensorgate_tensor_at(model, index, &tensor, nullptr) == 1);
  std::size_t found = SIZE_MAX;
  FUZZ_ASSERT(tensorgate_find(model, tensor.name.bytes, tensor.name.length, &found) == 1);
  FUZZ_ASSERT(found == index);
  FUZZ_ASSERT(tensor.offset <= file.size() && tensor.length <= file.size() - tensor.offset);
  const auto expected = file.subspan(static_cast<std::size_t>(tensor.offset),
                                     static_cast<std::size_t>(tensor.length));
  std::vector<std::byte> read(static_cast<std::size_t>(tensor.bytes));
  FUZZ_ASSERT(tensorgate_read(model, index, read.data(), read.size(), nullptr, nullptr) == 1);
  FUZZ_ASSERT(std::ranges::equal(read, expected));
  CheckSlice(model, index, tensorgate_dtype_bits(tensor.dtype), choices);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = fuzz::Bytes(data, size);
  fuzz::Choices choices(file);
  tensorgate_report* report = tensorgate_check_memory(data, size, nullptr);
  tensorgate_error* error = nullptr;
  tensorgate_checkpoint* model = tensorgate_open_memory(data, size, nullptr, &error);
  if (tensorgate_report_verdict(report) != TENSORGATE_ACCEPTED) {
    if (model == nullptr) {
      tensorgate_finding finding{};
      finding.struct_size = sizeof finding;
      FUZZ_ASSERT(tensorgate_report_finding(report, 0, &finding) == 1);
      // Opening goes by what the file is, the check by what it should be.
      if (tensorgate_report_verdict(tensorgate_error_report(error)) == TENSORGATE_REJECTED &&
          std::strncmp(tensorgate_error_rule(error), "safetensors/", 12) == 0) {
        FUZZ_ASSERT(std::strcmp(finding.rule, tensorgate_error_rule(error)) == 0);
        FUZZ_ASSERT(finding.offset == tensorgate_error_offset(error));
      }
      CheckError(error);
    }
  } else {
    FUZZ_ASSERT(model != nullptr && error == nullptr);
    const std::size_t count = tensorgate_tensor_count(model);
    FUZZ_ASSERT(count == tensorgate_report_tensor_count(report));
    for (std::size_t i = 0; i < std::min<std::size_t>(count, 100); ++i) {
      CheckTensor(model, i, file, choices);
    }
    tensorgate_loaded* loaded = tensorgate_load(model, nullptr, 0, nullptr, nullptr);
    FUZZ_ASSERT(loaded != nullptr);
    std::size_t length = 0;
    FUZZ_ASSERT(tensorgate_loaded_bytes(loaded, count, &length) == nullptr && length == 0);
    tensorgate_loaded_free(loaded);
    FUZZ_ASSERT(tensorgate_tensor_at(model, count, nullptr, nullptr) == 0);
  }
  tensorgate_checkpoint_free(model);
  tensorgate_report_free(report);
  return 0;
}
