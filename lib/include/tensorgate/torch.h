// A verified PyTorch checkpoint, or the report that says why it was refused. Nothing in it is run.
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
// container belongs to a record that PyTorch writes; the pickle contains nothing but plain values
// and calls that rebuild tensors, each with arguments as PyTorch writes them; each storage has its
// bytes; each tensor is within its storage; and paths are unique. A tensor may claim more elements
// than its storage has (`torch/view-expands`): a few bytes can claim terabytes, so look at
// `bytes()` before you copy. The pickle is read once, into memory that the `File` owns. Lifetime:
// names are views into the `File` and are valid as long as it is; moving a `File` keeps them valid.
// Threads: a const `File` may be read by many threads. Calls throw only where stated; running out
// of memory is a report (`io/out-of-memory`).
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

/// One tensor, named by its path in the nested structure: `model.layers.0.weight`.
struct TENSORGATE_API Tensor {
  /// Keys and indices, from the outermost container on, joined by dots; "tensor" if the whole
  /// object is one. UTF-8; may be empty, contain control characters or look like a path.
  std::string_view name;
  /// PyTorch's name: "float32".
  std::string_view dtype_name;
  /// The equivalent safetensors dtype, if there is one.
  std::optional<DType> dtype;
  /// Bytes per element.
  std::uint64_t element_bytes = 0;
  std::vector<std::uint64_t> shape;
  /// Distance between neighboring elements, in elements, one for each dimension.
  std::vector<std::uint64_t> stride;
  /// Position of its first element in the storage, in elements.
  std::uint64_t offset = 0;
  /// Index of its storage: tensors of one storage may share bytes.
  std::size_t storage = 0;
  /// The bytes of that storage; offsets count from the file's first byte.
  ByteRange storage_range;
  /// The bytes in the file from its first element to the end of its last; empty if it has no
  /// elements.
  ByteRange range;
  bool requires_grad = false;
  bool is_parameter = false;

  /// Product of the dimensions; 1 for a scalar.
  std::uint64_t elements() const;
  /// Size of a separate copy in C order; fits in 63 bits.
  std::uint64_t bytes() const { return elements() * element_bytes; }
  /// True if its elements are in C order without gaps.
  bool contiguous() const;
  /// True if it claims more elements than its range holds.
  bool expanded() const { return bytes() > range.length; }
};

/// A region of the file's bytes that tensors are views of.
struct Storage {
  /// As recorded by the writer: "cpu", "cuda:0".
  std::string_view location;
  /// Bytes per element, as counted by the writer; 1 if the storage has no dtype.
  std::uint64_t element_bytes = 1;
  ByteRange range;
};

class TENSORGATE_API File {
 public:
  /// Always checks by the strict profile, whatever `options.profile` is; fails with the report.
  static std::expected<File, Report> Open(Source& source, const CheckOptions& options = {});
  static std::expected<File, Report> OpenPath(const std::string& path,
                                              const CheckOptions& options = {});
  static std::expected<File, Report> OpenBytes(std::span<const std::byte> bytes,
                                               const CheckOptions& options = {});

  File(File&&) noexcept;
  File& operator=(File&&) noexcept;
  ~File();

  /// Tensors, in the order of the structure. A tensor that occurs twice in it is listed twice.
  std::size_t tensor_count() const;
  auto tensors() const { return TensorRange<File, &File::tensor>(*this, tensor_count()); }
  /// Requires `index < tensor_count()`; aborts otherwise.
  std::string_view name(std::size_t index) const;
  /// Requires `index < tensor_count()`; aborts otherwise. Throws std::bad_alloc.
  Tensor tensor(std::size_t index) const;
  std::optional<std::size_t> Find(std::string_view name) const;

  std::size_t storage_count() const;
  /// Requires `index < storage_count()`.
  Storage storage(std::size_t index) const;
  /// As recorded by the writer: "cpu", "cuda:0". Requires `index < storage_count()`.
  std::string_view location(std::size_t index) const;

  /// The structure as JSON: objects, arrays, strings, numbers. A tensor is {"tensor": its name};
  /// values that JSON lacks are objects with one key: {"bytes": base64}, {"complex": [re, im]},
  /// {"dtype": name} …. No object has the same key twice: a dict with keys that JSON would spell
  /// alike, such as 1 and "1", is {"items": [[key, value], …]}. Throws std::bad_alloc.
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

/// Checks without opening, by either profile. `reference` predicts torch.load(weights_only=True) of
/// PyTorch 2.11. A file that starts like neither layout is judged as an archive. Never throws.
TENSORGATE_API Report Check(Source& source, const CheckOptions& options = {});
TENSORGATE_API Report CheckPath(const std::string& path, const CheckOptions& options = {});
TENSORGATE_API Report CheckBytes(std::span<const std::byte> bytes,
                                 const CheckOptions& options = {});

}  // namespace tensorgate::torch

#endif  // TENSORGATE_TORCH_H_
