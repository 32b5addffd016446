// What a proven model file is to everybody, whatever its format: tensors, metadata, and what else there is to say.
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
// A `ModelFile` exists only if every check of the strict profile passed. Lifetime: names, keys and texts are views into it
// and die with it. Threads: a const one may be read by many. A format implements it; users get it from a `Checkpoint`.
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

/// A text is UTF-8, raw and hostile: see render.h.
using MetadataValue = std::variant<std::string_view, bool, std::int64_t, std::uint64_t, double>;

struct MetadataEntry {
  std::string_view key;  ///< Raw and hostile.
  MetadataValue value;
};

/// Takes what a format says beyond tensors and metadata. Each `key` is a member of a JSON object, in small letters; `text`
/// is for people: a part of a line, empty where only programs want it.
class TENSORGATE_API Describer {
 public:
  virtual ~Describer() = default;
  virtual void Add(std::string_view key, std::uint64_t value, std::string_view text) = 0;
  virtual void Add(std::string_view key, bool value, std::string_view text) = 0;
  /// `value` and `text` may be of the file: both are escaped.
  virtual void Add(std::string_view key, std::string_view value, std::string_view text) = 0;
  /// A value that is JSON already.
  virtual void AddJson(std::string_view key, std::string_view json, std::string_view text) = 0;
};

class TENSORGATE_API ModelFile {
 public:
  virtual ~ModelFile() = default;

  // Tensors, in the order of their data. An index must be below tensor_count().
  virtual std::size_t tensor_count() const = 0;
  auto tensors() const { return TensorRange<ModelFile, &ModelFile::tensor>(*this, tensor_count()); }
  virtual std::string_view name(std::size_t index) const = 0;
  /// Its `part` is 0: only a checkpoint knows better. Throws std::bad_alloc.
  virtual TensorRef tensor(std::size_t index) const = 0;
  virtual std::optional<std::size_t> Find(std::string_view name) const = 0;
  /// Loaders find the tensor under its name as it is; else it is further inside a structure, and the name is its path.
  virtual bool is_named(std::size_t index) const;
  /// A tensor of numbers of which arrays have no dtype, such as complex128; such a file is not opened as a checkpoint
  /// (`use/no-dtype`). Blocks are opened, as bytes.
  virtual std::optional<std::size_t> FindWithoutDType() const { return std::nullopt; }
  /// Tensors may share bytes of the file or repeat them: together they can be far larger than it.
  virtual bool shares_bytes() const { return false; }

  // Metadata, in the order of the file.
  virtual std::size_t metadata_count() const { return 0; }
  /// `index` must be below metadata_count().
  virtual MetadataEntry metadata(std::size_t index) const;
  virtual std::optional<MetadataValue> FindMetadata(std::string_view key) const;
  /// The file has metadata, if only of no entries.
  virtual bool has_metadata() const { return metadata_count() != 0; }

  // What else there is to say; both throw what `to` throws, and std::bad_alloc.
  virtual void Describe(Describer& to) const;
  virtual void DescribeTensor(std::size_t index, Describer& to) const;
  /// All of its structure, where a format has more than names and metadata, as the member `key` of a JSON object.
  struct Structure {
    std::string_view key;
    std::string json;
  };
  virtual std::optional<Structure> structure() const { return std::nullopt; }

  /// The format's own class, such as safetensors::File; null if it is of another format.
  template <typename File>
  const File* As() const {
    return static_cast<const File*>(Concrete(typeid(File)));
  }

 private:
  virtual const void* Concrete(const std::type_info& type) const = 0;
};

}  // namespace tensorgate

#endif  // TENSORGATE_MODEL_FILE_H_
