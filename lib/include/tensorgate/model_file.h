// A verified model file, independent of its format: tensors, metadata, and further facts.
//
//   auto checkpoint = tensorgate::Checkpoint::OpenPath("model.safetensors");
//   if (!checkpoint) return;
//   const tensorgate::ModelFile& file = *checkpoint->part(0).file;
//   for (std::size_t i = 0; i < file.metadata_count(); ++i) {
//     const tensorgate::MetadataEntry entry = file.metadata(i);
//     const auto* text = std::get_if<std::string_view>(&entry.value);
//     if (text != nullptr) std::printf("%zu bytes\n", text->size());
//   }
//
// A `ModelFile` exists only if every check of the strict profile passed. Lifetime: names, keys and
// texts are views into it and are valid as long as it is. Threads: a const `ModelFile` may be read
// by many threads. Formats implement this class; users get it from a `Checkpoint`.
#ifndef TENSORGATE_MODEL_FILE_H_
#define TENSORGATE_MODEL_FILE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <typeinfo>
#include <variant>

#include "tensorgate/export.h"
#include "tensorgate/tensor.h"
#include "tensorgate/tensor_range.h"

namespace tensorgate {

/// Text is UTF-8, raw and untrusted: see render.h.
using MetadataValue = std::variant<std::string_view, bool, std::int64_t, std::uint64_t, double>;

struct MetadataEntry {
  std::string_view key;  ///< UTF-8, raw and untrusted.
  MetadataValue value;
};

/// Receives facts about a file beyond its tensors and metadata. Each `key` is a lower-case member
/// name of a JSON object; `text` is part of a line for people, or empty if only programs need the
/// fact.
class TENSORGATE_API Describer {
 public:
  virtual ~Describer() = default;
  virtual void Add(std::string_view key, std::uint64_t value, std::string_view text) = 0;
  virtual void Add(std::string_view key, bool value, std::string_view text) = 0;
  /// `value` and `text` may come from the file: both are escaped.
  virtual void Add(std::string_view key, std::string_view value, std::string_view text) = 0;
  /// A value that already is JSON.
  virtual void AddJson(std::string_view key, std::string_view json, std::string_view text) = 0;
};

class TENSORGATE_API ModelFile {
 public:
  virtual ~ModelFile() = default;

  // Tensors, in the order of their data. Requires `index < tensor_count()`.
  virtual std::size_t tensor_count() const = 0;
  auto tensors() const { return TensorRange<ModelFile, &ModelFile::tensor>(*this, tensor_count()); }
  virtual std::string_view name(std::size_t index) const = 0;
  /// The tensor's `part` is 0; only a `Checkpoint` sets it. Throws std::bad_alloc.
  virtual TensorRef tensor(std::size_t index) const = 0;
  virtual std::optional<std::size_t> Find(std::string_view name) const = 0;
  /// True if loaders find the tensor under exactly this name. Otherwise it is nested in a
  /// structure, and the name is its path.
  virtual bool is_named(std::size_t index) const;
  /// The first tensor whose element type arrays do not have, such as complex128; a file with one
  /// does not open as a checkpoint (`use/no-dtype`). Types stored in blocks do not count: they are
  /// opened, as bytes.
  virtual std::optional<std::size_t> FindWithoutDType() const { return std::nullopt; }
  /// True if tensors may share or repeat bytes of the file: together they can be far larger than
  /// it.
  virtual bool shares_bytes() const { return false; }

  // Metadata, in the order of the file.
  virtual std::size_t metadata_count() const { return 0; }
  /// Requires `index < metadata_count()`.
  virtual MetadataEntry metadata(std::size_t index) const;
  virtual std::optional<MetadataValue> FindMetadata(std::string_view key) const;
  /// True if the file has metadata, even without entries.
  virtual bool has_metadata() const { return metadata_count() != 0; }

  // Further facts. Both functions throw what `to` throws, and std::bad_alloc.
  virtual void Describe(Describer& to) const;
  virtual void DescribeTensor(std::size_t index, Describer& to) const;
  /// For formats with more than names and metadata: the whole structure, as the member `key` of a
  /// JSON object.
  struct Structure {
    std::string_view key;
    std::string json;
  };
  virtual std::optional<Structure> structure() const { return std::nullopt; }

  /// The format's own class, such as safetensors::File; nullptr if the file has another format.
  template <typename File>
  const File* As() const {
    return static_cast<const File*>(Concrete(typeid(File)));
  }

 private:
  virtual const void* Concrete(const std::type_info& type) const = 0;
};

}  // namespace tensorgate

#endif  // TENSORGATE_MODEL_FILE_H_
