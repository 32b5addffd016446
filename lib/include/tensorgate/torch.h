// A PyTorch checkpoint that has been proven, or the report of why not. Nothing in it is run.
//
//   auto file = tensorgate::torch::File::OpenPath("model.pt");
//   if (!file) {
//     std::fputs(tensorgate::Message(file.error()).c_str(), stderr);
//     return;
//   }
//   for (const tensorgate::torch::Tensor& tensor : file->tensors()) {
//     std::printf("%.*s\n", int(tensor.name.size()), tensor.name.data());
//   }
//
// Both layouts of torch.save: the ZIP archive (PyTorch 1.6 and later) and the legacy stream.
//
// Guarantees: a `File` exists only if every check of the strict profile passed: every byte of the
// container belongs to a record that PyTorch writes, the pickle holds nothing but plain values and
// calls that rebuild tensors, each with arguments as PyTorch writes them; each storage has its bytes,
// each tensor lies within its storage, and paths are unique. A tensor may be larger than its storage
// (`torch/view-expands`): a few bytes can claim terabytes, so look at `bytes()` before you copy.
// The pickle is read once, into memory that the `File` owns. Lifetime: names are views into the
// `File` and die with it; moving a `File` keeps them. Threads: a const `File` may be read by many.
// No call throws but those that say so; running out of memory is a report (`io/out-of-memory`).
#ifndef TENSORGATE_TORCH_H_
#define TENSORGATE_TORCH_H_

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensorgate/dtype.h"
#include "tensorgate/export.h"
#include "tensorgate/limits.h"
#include "tensorgate/report.h"
#include "tensorgate/source.h"
#include "tensorgate/tensor.h"
#include "tensorgate/tensor_range.h"

namespace tensorgate::torch {

namespace internal {
struct Access;
struct Contents;
}  // namespace internal

/// One tensor, by its path in the nested structure: `model.layers.0.weight`.
struct TENSORGATE_API Tensor {
  /// Keys and indices from the outermost container on, with dots between; "tensor" if the whole
  /// object is one. UTF-8; may be empty, hold control characters or look like a path.
  std::string_view name;
  /// As PyTorch calls it: "float32".
  std::string_view dtype_name;
  /// The same numbers under safetensors' names, if it has them.
  std::optional<DType> dtype;
  /// Bytes of one element.
  std::uint64_t element_bytes = 0;
  std::vector<std::uint64_t> shape;
  /// Distance of neighbours in elements, one a dimension.
  std::vector<std::uint64_t> stride;
  /// Of its first element in the storage, in elements.
  std::uint64_t offset = 0;
  /// Which storage: tensors of one storage may share bytes.
  std::size_t storage = 0;
  /// The bytes of that storage in the file, from the file's first byte.
  ByteRange storage_range;
  /// From its first element's byte to its last's, in the file; empty if it has no elements.
  ByteRange range;
  bool requires_grad = false;
  bool is_parameter = false;

  /// Product of the dimensions; 1 for a scalar.
  std::uint64_t elements() const;
  /// As a copy of its own in C order; fits 63 bits.
  std::uint64_t bytes() const { return elements() * element_bytes; }
  /// Its elements lie in C order without gaps.
  bool contiguous() const;
  /// It claims more elements than its range holds.
  bool expanded() const { return bytes() > range.length; }
};

/// Bytes of a file that tensors are views of.
struct Storage {
  /// As the writer told it: "cpu", "cuda:0".
  std::string_view location;
  /// Of one element, as the writer counted them; 1 if it has no dtype.
  std::uint64_t element_bytes = 1;
  ByteRange range;
};

class TENSORGATE_API File {
 public:
  /// Checks by the strict profile whatever `options.profile` says; fails with the report.
  static std::expected<File, Report> Open(Source& source, const CheckOptions& options = {});
  static std::expected<File, Report> OpenPath(const std::string& path,
                                              const CheckOptions& options = {});
  static std::expected<File, Report> OpenBytes(std::span<const std::byte> bytes,
                                               const CheckOptions& options = {});

  File(File&&) noexcept;
  File& operator=(File&&) noexcept;
  ~File();

  /// Tensors, in the order of the structure. One that stands in it twice is there twice.
  std::size_t tensor_count() const;
  auto tensors() const { return TensorRange<File, &File::tensor>(*this, tensor_count()); }
  /// `index` must be below tensor_count(); a larger one ends the program.
  std::string_view name(std::size_t index) const;
  /// `index` must be below tensor_count(); a larger one ends the program. Throws std::bad_alloc.
  Tensor tensor(std::size_t index) const;
  std::optional<std::size_t> Find(std::string_view name) const;

  std::size_t storage_count() const;
  /// `index` must be below storage_count().
  Storage storage(std::size_t index) const;
  /// As the writer told it: "cpu", "cuda:0". `index` must be below storage_count().
  std::string_view location(std::size_t index) const;

  /// The structure as JSON: objects, arrays, texts, numbers. A tensor is {"tensor": its name}; what
  /// JSON lacks is an object of one key: {"bytes": base64}, {"complex": [re, im]}, {"dtype": name} ….
  /// No object has a key twice: a dict whose keys JSON would spell alike, as 1 and "1", is
  /// {"items": [[key, value], …]}. Throws std::bad_alloc.
  std::string ValuesJson() const;

  std::uint64_t file_size() const;
  /// Accepted; holds the warnings and notes. Its format is "pytorch-zip" or "pytorch-legacy".
  const Report& report() const { return report_; }

 private:
  friend struct internal::Access;
  File(std::unique_ptr<const internal::Contents> contents, Report report);
  std::unique_ptr<const internal::Contents> contents_;
  Report report_;
};

/// The verdict alone, by either profile. `reference` predicts torch.load(weights_only=True) of
/// PyTorch 2.11. What begins like neither layout is judged as an archive. Never throws.
TENSORGATE_API Report Check(Source& source, const CheckOptions& options = {});
TENSORGATE_API Report CheckPath(const std::string& path, const CheckOptions& options = {});
TENSORGATE_API Report CheckBytes(std::span<const std::byte> bytes,
                                 const CheckOptions& options = {});

}  // namespace tensorgate::torch

#endif  // TENSORGATE_TORCH_H_
