// The C interface on any file: it opens exactly what the checks accept; every way of reading gives
// the same tensors; slices of any kind stay inside; errors are complete.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "fuzz/support.h"
#include "tensorgate.h"

using namespace tensorgate;

namespace {

constexpr std::uint64_t kMaxBytes = 1 << 20;

void CheckError(tensorgate_error* error) {
  FUZZ_ASSERT(error != nullptr);
  FUZZ_ASSERT(tensorgate_error_rule(error)[0] != '\0' && tensorgate_error_text(error)[0] != '\0');
  tensorgate_error_free(error);
}

/// A slice that may be invalid; if it is valid, its size agrees with its shape.
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
  if (slice.rank > 16 || slice.bytes > kMaxBytes) return;
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
                 std::span<const std::byte> file, bool is_safetensors, fuzz::Choices& choices) {
  tensorgate_tensor tensor{};
  tensor.struct_size = sizeof tensor;
  FUZZ_ASSERT(tensorgate_tensor_at(model, index, &tensor, nullptr) == 1);
  std::size_t found = SIZE_MAX;
  FUZZ_ASSERT(tensorgate_find(model, tensor.name.bytes, tensor.name.length, &found) == 1);
  FUZZ_ASSERT(found == index);
  FUZZ_ASSERT(tensor.offset <= file.size() && tensor.length <= file.size() - tensor.offset);
  const auto expected = file.subspan(static_cast<std::size_t>(tensor.offset),
                                     static_cast<std::size_t>(tensor.length));
  if (tensor.bytes > kMaxBytes) return;
  std::vector<std::byte> read(static_cast<std::size_t>(tensor.bytes));
  FUZZ_ASSERT(tensorgate_read(model, index, read.data(), read.size(), nullptr, nullptr) == 1);
  // Tensors of other formats may have strides.
  FUZZ_ASSERT(!is_safetensors || std::ranges::equal(read, expected));
  CheckSlice(model, index, tensorgate_dtype_bits(tensor.dtype), choices);
}

/// Opening uses the same judgment: it fails as the check does, or because it cannot use the
/// accepted file.
void CheckRefusal(const tensorgate_report* report, tensorgate_error* error) {
  const char* rule = tensorgate_error_rule(error);
  tensorgate_finding reason{};
  reason.struct_size = sizeof reason;
  if (tensorgate_report_reason(report, &reason) == 0) {
    FUZZ_ASSERT(tensorgate_report_verdict(report) == TENSORGATE_ACCEPTED);
    FUZZ_ASSERT(std::strncmp(rule, "use/", 4) == 0);
  } else {
    FUZZ_ASSERT(std::strcmp(reason.rule, rule) == 0);
    FUZZ_ASSERT(reason.offset == tensorgate_error_offset(error));
  }
  CheckError(error);
}

void CheckModel(const tensorgate_checkpoint* model, std::span<const std::byte> file,
                bool is_safetensors, fuzz::Choices& choices) {
  const std::size_t count = tensorgate_tensor_count(model);
  for (std::size_t i = 0; i < std::min<std::size_t>(count, 100); ++i) {
    CheckTensor(model, i, file, is_safetensors, choices);
  }
  tensorgate_error* error = nullptr;
  tensorgate_loaded* loaded = tensorgate_load(model, nullptr, 0, nullptr, &error);
  FUZZ_ASSERT(loaded != nullptr || !is_safetensors);
  if (loaded == nullptr) CheckError(error);
  std::size_t length = 0;
  FUZZ_ASSERT(tensorgate_loaded_bytes(loaded, count, &length) == nullptr && length == 0);
  tensorgate_loaded_free(loaded);
  FUZZ_ASSERT(tensorgate_tensor_at(model, count, nullptr, nullptr) == 0);
}

/// Both checks agree on what is safetensors, and the narrow check accepts nothing else.
bool IsSafetensors(const std::uint8_t* data, std::size_t size, const tensorgate_report* report) {
  tensorgate_report* narrow = tensorgate_check_safetensors_memory(data, size, nullptr);
  const bool is_safetensors = tensorgate_report_verdict(narrow) == TENSORGATE_ACCEPTED;
  FUZZ_ASSERT(std::strcmp(tensorgate_report_format(narrow), "safetensors") == 0);
  tensorgate_report_free(narrow);
  const bool accepted = tensorgate_report_verdict(report) == TENSORGATE_ACCEPTED;
  const bool named = std::strcmp(tensorgate_report_format(report), "safetensors") == 0;
  FUZZ_ASSERT(is_safetensors == (accepted && named));
  return is_safetensors;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = fuzz::Bytes(data, size);
  fuzz::Choices choices(file);
  tensorgate_report* report = tensorgate_check_memory(data, size, nullptr);
  const bool is_safetensors = IsSafetensors(data, size, report);
  tensorgate_error* error = nullptr;
  tensorgate_checkpoint* model = tensorgate_open_memory(data, size, nullptr, &error);
  FUZZ_ASSERT((model == nullptr) == (error != nullptr));
  if (model == nullptr) {
    CheckRefusal(report, error);
  } else {
    FUZZ_ASSERT(tensorgate_report_verdict(report) == TENSORGATE_ACCEPTED);
    FUZZ_ASSERT(tensorgate_tensor_count(model) == tensorgate_report_tensor_count(report));
    CheckModel(model, file, is_safetensors, choices);
  }
  tensorgate_checkpoint_free(model);
  tensorgate_report_free(report);
  return 0;
}
