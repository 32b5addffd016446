// Written files are accepted and contain what was given; input that could not be accepted is
// refused; writing a file's contents again gives the same bytes, whatever the order.
#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/support.h"
#include "tensorgate/save.h"

using namespace tensorgate;

namespace {

// Splits an input into tensors and metadata, valid or not.
class Given {
 public:
  explicit Given(std::span<const std::byte> bytes) : rest_(bytes) {
    const unsigned flags = Byte();
    options.order = (flags & 1) != 0 ? TensorOrder::kAsGiven : TensorOrder::kReference;
    options.alignment = std::uint64_t{4} << (flags >> 1 & 15);
    if ((flags & 32) != 0) options.metadata = Metadata();
    while (!rest_.empty() && tensors.size() < 64) {
      const unsigned kind = Byte();
      if (kind >= 224 && options.metadata) {
        std::string key = Text();
        options.metadata->emplace_back(std::move(key), Text());
      } else {
        tensors.push_back(Tensor(kind));
      }
    }
  }

  SaveOptions options;
  std::vector<TensorData> tensors;

 private:
  unsigned Byte() {
    if (rest_.empty()) return 0;
    const auto byte = std::to_integer<unsigned>(rest_.front());
    rest_ = rest_.subspan(1);
    return byte;
  }
  std::string Text() {
    std::string text;
    for (unsigned i = Byte() % 24; i > 0; --i) text += static_cast<char>(Byte());
    return text;
  }
  TensorData Tensor(unsigned kind) {
    TensorData tensor;
    tensor.dtype = static_cast<DType>(kind % kDTypeCount);
    tensor.name = Text();
    for (unsigned i = Byte() % 5; i > 0; --i) {
      const unsigned dimension = Byte();
      // Sometimes so large that products overflow.
      tensor.shape.push_back(dimension < 250 ? dimension % 9
                                             : std::uint64_t{1} << (dimension - 250) * 12);
    }
    std::uint64_t bits = Bits(tensor.dtype);
    for (const std::uint64_t dimension : tensor.shape) bits *= dimension;
    // The bytes that the shape needs, or fewer if they are too many.
    const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(bits / 8, kMax));
    tensor.data = std::span<const std::byte>(kData).first(count);
    return tensor;
  }

  static constexpr std::size_t kMax = 1 << 16;
  static inline const std::vector<std::byte> kData = [] {
    std::vector<std::byte> data(kMax);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i * 7 >> 2);
    return data;
  }();
  std::span<const std::byte> rest_;
};

void CheckWritten(const Given& given, std::span<const std::byte> bytes) {
  const auto file = safetensors::File::OpenBytes(bytes);
  FUZZ_ASSERT(file);
  fuzz::CheckFile(*file, bytes.size());
  FUZZ_ASSERT(file->data_offset() % given.options.alignment == 0);
  FUZZ_ASSERT(file->tensors().size() == given.tensors.size());
  for (const TensorData& tensor : given.tensors) {
    const auto found = file->Find(tensor.name);
    FUZZ_ASSERT(found && found->dtype() == tensor.dtype);
    FUZZ_ASSERT(found->shape().ToVector() == tensor.shape);
    const auto range = bytes.subspan(static_cast<std::size_t>(found->range().offset),
                                     static_cast<std::size_t>(found->range().length));
    FUZZ_ASSERT(std::ranges::equal(range, std::get<std::span<const std::byte>>(tensor.data)));
  }
  const Metadata metadata = given.options.metadata.value_or(Metadata());
  FUZZ_ASSERT(file->metadata_count() == metadata.size());
  for (std::size_t i = 0; i < metadata.size(); ++i) {
    FUZZ_ASSERT(file->metadata(i).key == metadata[i].first);
    FUZZ_ASSERT(file->metadata(i).value == metadata[i].second);
  }
}

// Writes an accepted file repeatedly.
void CheckRewriting(std::span<const std::byte> bytes) {
  const auto file = safetensors::File::OpenBytes(bytes);
  if (!file) return;
  std::vector<TensorData> tensors;
  MemorySource source(bytes);
  for (const safetensors::Tensor tensor : file->tensors()) {
    tensors.push_back({.name = std::string(tensor.name()),
                       .dtype = tensor.dtype(),
                       .shape = tensor.shape().ToVector(),
                       .data = SourceData{&source, tensor.range().offset}});
  }
  SaveOptions options;
  if (file->metadata_count() != 0) options.metadata.emplace();
  for (std::size_t i = 0; i < file->metadata_count(); ++i) {
    options.metadata->emplace_back(file->metadata(i).key, file->metadata(i).value);
  }
  const auto once = Serialize(tensors, options);
  // The canonical form may be longer than the original, and so too long; and data at a different
  // offset may be valid in another format.
  if (!once) {
    const Rule rule = once.error().rule;
    FUZZ_ASSERT(rule == Rule::kSaveHeaderTooLarge || rule == Rule::kSaveSecondFormat);
    return;
  }
  FUZZ_ASSERT(safetensors::CheckBytes(*once).verdict() == Verdict::kAccepted);
  std::ranges::reverse(tensors);
  FUZZ_ASSERT(*Serialize(tensors, options) == *once);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::Bytes(data, size);
  CheckRewriting(bytes);
  const Given given(bytes);
  const auto written = Serialize(given.tensors, given.options);
  if (written) {
    CheckWritten(given, *written);
    FUZZ_ASSERT(*SerializedSize(given.tensors, given.options) == written->size());
  } else {
    FUZZ_ASSERT(Info(written.error().rule).id.starts_with("save/"));
  }
  return 0;
}
