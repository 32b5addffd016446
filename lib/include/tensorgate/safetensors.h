// A verified safetensors file, or the report that says why it was refused.
//
//   auto file = tensorgate::safetensors::File::OpenPath("model.safetensors");
//   if (!file) {
//     std::fputs(tensorgate::Message(file.error()).c_str(), stderr);
//     return 1;
//   }
//   for (tensorgate::safetensors::Tensor tensor : file->tensors()) {
//     std::printf("%.*s: %zu dimensions\n", int(tensor.name().size()), tensor.name().data(),
//     tensor.rank());
//   }
//
// Guarantees: a `File` exists only if every check of the strict profile passed. Names are unique.
// The tensors' byte ranges are inside the file and disjoint, and together with the length field and
// the header they cover it exactly. Each range has exactly the bytes that its dtype and shape need.
// The header is read once, into memory that the `File` owns. Lifetime: a `Tensor`, a name, a
// `Shape` and a metadata entry are views into the `File` and are valid as long as it is; moving a
// `File` keeps them valid. Threads: a const `File` may be read by many threads. No call throws;
// running out of memory is a report (`io/out-of-memory`).
#ifndef TENSORGATE_SAFETENSORS_H_
#define TENSORGATE_SAFETENSORS_H_

#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
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

namespace tensorgate::safetensors {

namespace internal {
struct Header;
class Examination;
}  // namespace internal

using tensorgate::ByteRange;

/// The dimensions of a tensor, parsed from the header's text on demand: a view.
class TENSORGATE_API Shape {
 public:
  class Iterator {
   public:
    using value_type = std::uint64_t;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    std::uint64_t operator*() const { return value_; }
    Iterator& operator++();
    Iterator operator++(int) {
      Iterator old = *this;
      ++*this;
      return old;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.left_ == b.left_; }

   private:
    friend class Shape;
    Iterator(std::string_view text, std::size_t left);
    std::string_view text_;
    std::size_t left_ = 0;
    std::uint64_t value_ = 0;
  };

  std::size_t size() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  Iterator begin() const { return Iterator(text_, rank_); }
  Iterator end() const { return Iterator(); }
  std::vector<std::uint64_t> ToVector() const { return {begin(), end()}; }

 private:
  friend class Tensor;
  Shape(std::string_view text, std::size_t rank) : text_(text), rank_(rank) {}
  std::string_view text_;
  std::size_t rank_;
};

/// One tensor: a view into the `File`.
class TENSORGATE_API Tensor {
 public:
  /// Decoded, UTF-8; may be empty, contain control characters or look like a path.
  std::string_view name() const;
  DType dtype() const;
  std::size_t rank() const;
  Shape shape() const;
  /// Product of the dimensions; 1 for a scalar.
  std::uint64_t elements() const;
  /// The position of its data in the file, in bytes.
  ByteRange range() const;

 private:
  friend class File;
  friend class TensorList;
  Tensor(const internal::Header* header, std::size_t record) : header_(header), record_(record) {}
  const internal::Header* header_;
  std::size_t record_;
};

/// All tensors in the order of their data: a view into the `File`.
class TENSORGATE_API TensorList {
 public:
  class Iterator {
   public:
    using value_type = Tensor;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    Tensor operator*() const { return TensorList(header_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator old = *this;
      ++*this;
      return old;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.index_ == b.index_; }

   private:
    friend class TensorList;
    Iterator(const internal::Header* header, std::size_t index) : header_(header), index_(index) {}
    const internal::Header* header_ = nullptr;
    std::size_t index_ = 0;
  };

  std::size_t size() const;
  bool empty() const { return size() == 0; }
  /// Requires `index < size()`; aborts otherwise.
  Tensor operator[](std::size_t index) const;
  Iterator begin() const { return Iterator(header_, 0); }
  Iterator end() const { return Iterator(header_, size()); }

 private:
  friend class File;
  explicit TensorList(const internal::Header* header) : header_(header) {}
  const internal::Header* header_;
};

struct MetadataEntry {
  std::string_view key;
  std::string_view value;
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

  /// In the order of their data; tensors with the same (empty) range are in the order of the
  /// header.
  TensorList tensors() const { return TensorList(header_.get()); }
  std::size_t tensor_count() const { return tensors().size(); }
  std::optional<Tensor> Find(std::string_view name) const;
  /// Its index in tensors().
  std::optional<std::size_t> FindIndex(std::string_view name) const;

  /// Entries of `__metadata__`, in the order of the header.
  std::size_t metadata_count() const;
  /// Requires `index < metadata_count()`; aborts otherwise.
  MetadataEntry metadata(std::size_t index) const;
  std::optional<std::string_view> FindMetadata(std::string_view key) const;

  /// The JSON header as it is in the file, including padding: bytes [8, 8 + n).
  std::span<const std::byte> header_bytes() const;
  /// Number of spaces at the end of the header.
  std::size_t padding() const;
  /// Offset of the tensor data in the file: 8 + n.
  std::uint64_t data_offset() const;
  std::uint64_t file_size() const;

  /// Accepted; holds the warnings and notes.
  const Report& report() const { return report_; }

 private:
  friend class internal::Examination;
  File(std::unique_ptr<const internal::Header> header, Report report);
  std::unique_ptr<const internal::Header> header_;
  Report report_;
};

/// Checks without opening, by either profile. Never throws.
TENSORGATE_API Report Check(Source& source, const CheckOptions& options = {});
TENSORGATE_API Report CheckPath(const std::string& path, const CheckOptions& options = {});
TENSORGATE_API Report CheckBytes(std::span<const std::byte> bytes,
                                 const CheckOptions& options = {});

/// Checks bytes that arrive in order and whose number is not known in advance (a pipe, an upload).
/// Keeps only the header; bytes after it are counted.
class TENSORGATE_API StreamCheck {
 public:
  explicit StreamCheck(const CheckOptions& options = {});
  StreamCheck(StreamCheck&&) noexcept;
  StreamCheck& operator=(StreamCheck&&) noexcept;
  ~StreamCheck();
  /// Adds the next bytes. Returns false if the file is refused whatever follows; then call
  /// Finish().
  bool Feed(std::span<const std::byte> bytes);
  /// Gives the report. `at_end`: the stream is complete; otherwise it stopped early
  /// (`io/read-failed`). Call once.
  Report Finish(bool at_end = true);

 private:
  CheckOptions options_;
  std::unique_ptr<internal::Examination> examination_;  // null: out of memory
};

}  // namespace tensorgate::safetensors

#endif  // TENSORGATE_SAFETENSORS_H_
