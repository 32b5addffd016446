// From a checkpoint to safetensors and back: a file that can be converted becomes a file that the
// strict profile accepts, with exactly the checkpoint's tensors, which this target reads element by
// element; otherwise the converter reports why, and leaves no file.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>

#include "fuzz/support.h"
#include "lib/base/bytes.h"
#include "tensorgate/checkpoint.h"
#include "tensorgate/convert.h"
#include "tensorgate/torch.h"

using namespace tensorgate;

namespace {

// A few bytes may become megabytes, within the converter's limits: that would only slow the engine
// down.
constexpr std::uint64_t kMaxBytes = 1 << 18;

// The input in memory, available under a path.
class InputFile {
 public:
  explicit InputFile(std::span<const std::byte> bytes)
      : descriptor_(memfd_create("input", MFD_CLOEXEC)) {
    FUZZ_ASSERT(descriptor_ >= 0);
    FUZZ_ASSERT(write(descriptor_, bytes.data(), bytes.size()) ==
                static_cast<ssize_t>(bytes.size()));
  }
  ~InputFile() { close(descriptor_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

std::string TargetPath() {
  std::error_code error;
  const std::filesystem::path memory = "/dev/shm";
  const std::filesystem::path folder = std::filesystem::is_directory(memory, error)
                                           ? memory
                                           : std::filesystem::temp_directory_path();
  return folder / ("tensorgate-fuzz-convert-" + std::to_string(getpid()));
}

// The elements in C order.
std::string ElementsOf(const torch::Tensor& tensor, std::string_view file) {
  std::string elements;
  const std::size_t rank = tensor.shape.size();
  std::vector<std::uint64_t> at(rank);
  for (std::uint64_t i = 0; i < tensor.elements(); ++i) {
    std::uint64_t place = tensor.offset;
    for (std::size_t k = 0; k < rank; ++k) place += at[k] * tensor.stride[k];
    const std::uint64_t byte = tensor.storage_range.offset + place * tensor.element_bytes;
    elements +=
        file.substr(static_cast<std::size_t>(byte), static_cast<std::size_t>(tensor.element_bytes));
    for (std::size_t k = rank; k-- > 0 && ++at[k] == tensor.shape[k];) at[k] = 0;
  }
  return elements;
}

void CheckTensor(const Checkpoint& made, std::string_view name, const torch::Tensor& tensor,
                 std::string_view file) {
  const auto index = made.Find(name);
  FUZZ_ASSERT(index.has_value());
  const Result<TensorRef> ref = made.tensor(*index);
  FUZZ_ASSERT(ref && ref->type == ElementType(*tensor.dtype) && ref->shape == tensor.shape &&
              ref->stride.empty());
  const Result<Buffer> read = made.Read(*index);
  FUZZ_ASSERT(read.has_value());
  FUZZ_ASSERT(internal::AsText(read->bytes()) == ElementsOf(tensor, file));
}

void CheckResult(const Converted& converted, const torch::File& file, std::string_view bytes) {
  const auto made = Checkpoint::OpenPath(converted.path);
  FUZZ_ASSERT(made.has_value());
  FUZZ_ASSERT(made->tensor_count() == converted.tensors);
  FUZZ_ASSERT(converted.tensors + converted.tied.size() + converted.left_out ==
              file.tensor_count());
  FUZZ_ASSERT(made->FindMetadata("format") == MetadataValue("pt"));
  const std::map<std::string, std::string> tied = [&] {
    std::map<std::string, std::string> names;
    for (const auto& [kept, removed] : converted.tied) names[removed] = kept;
    return names;
  }();
  const std::string prefix = converted.selected.empty() ? "" : converted.selected + ".";
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < file.tensor_count(); ++i) {
    std::string_view name = file.name(i);
    if (!name.starts_with(prefix)) continue;
    name.remove_prefix(prefix.size());
    const auto other = tied.find(std::string(name));
    // A removed name refers to the tensor of the name that was kept.
    CheckTensor(*made, other == tied.end() ? name : std::string_view(other->second), file.tensor(i),
                bytes);
    if (other != tied.end() && name != "format")
      FUZZ_ASSERT(made->FindMetadata(name) == MetadataValue(other->second));
    ++seen;
  }
  FUZZ_ASSERT(seen + converted.left_out == file.tensor_count());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::Bytes(data, size);
  const auto file = torch::File::OpenBytes(bytes);
  if (!file) return 0;
  const InputFile input(bytes);
  const std::string target = TargetPath() + ".safetensors";
  ConvertOptions options{.dry_run = true, .sync = false};
  const auto planned = Convert(input.path(), target, options);
  FUZZ_ASSERT(!std::filesystem::exists(target));
  if (planned && planned->bytes > kMaxBytes) return 0;
  options.dry_run = false;
  options.verify = size % 2 == 0;
  const auto converted = Convert(input.path(), target, options);
  if (!converted) {
    const std::string_view rule = Info(converted.error().status.rule).id;
    FUZZ_ASSERT(!converted.error().report);
    FUZZ_ASSERT(planned ? rule.starts_with("save/") : rule.starts_with("convert/"));
    FUZZ_ASSERT(!std::filesystem::exists(target));
    return 0;
  }
  FUZZ_ASSERT(planned && planned->bytes == converted->bytes && planned->tied == converted->tied);
  CheckResult(*converted, *file, internal::AsText(bytes));
  std::filesystem::remove(target);
  return 0;
}
