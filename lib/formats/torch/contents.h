// The contents of a checkpoint after reading: the pickle's values, the positions of the storages,
// the names of the tensors.
#ifndef TENSORGATE_FORMATS_TORCH_CONTENTS_H_
#define TENSORGATE_FORMATS_TORCH_CONTENTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "lib/base/names.h"
#include "lib/base/pod_buffer.h"
#include "lib/containers/pickle/machine.h"
#include "lib/formats/torch/rebuild.h"
#include "lib/rules/report_builder.h"
#include "tensorgate/tensor.h"
#include "tensorgate/torch.h"

namespace tensorgate::torch::internal {

using tensorgate::internal::PodBuffer;

/// A tensor by its path in the nested structure.
struct NamedTensor {
  std::size_t name = 0;  ///< Its offset in the arena.
  std::uint32_t name_length : 31 = 0;
  std::uint32_t is_key : 1 = 0;  ///< The result is a dict, and the name is the tensor's key in it.
  std::uint32_t tensor = 0;      ///< Index into Rebuild::tensors().
};
static_assert(sizeof(NamedTensor) == sizeof(std::size_t) + 8);

struct Contents {
  PodBuffer<std::byte> pickle;  ///< The bytes that the values are views of.
  std::uint64_t pickle_offset = 0;
  ByteRange object;             ///< The object's pickle in `pickle`: a stream has several.
  bool follow_foreign = false;  ///< For extraction: the machine judges nothing.
  std::unique_ptr<Rebuild> rebuild;
  std::unique_ptr<pickle::Machine> machine;
  pickle::Value root;
  PodBuffer<ByteRange> ranges;  ///< Ranges of the storages, in their order.
  std::string names;            ///< The arena of names.
  PodBuffer<NamedTensor> tensors;
  tensorgate::internal::NameIndex index;
  std::uint64_t file_size = 0;

  const pickle::Values& values() const { return machine->values(); }
  std::string_view NameOf(const NamedTensor& named) const {
    return std::string_view(names).substr(named.name, named.name_length);
  }
};

/// Access to the contents of an open file, for code that creates objects from them.
struct Access {
  static const Contents& Of(const File& file) { return *file.contents_; }
  static File Make(std::unique_ptr<const Contents> contents, Report report) {
    return File(std::move(contents), std::move(report));
  }
};

/// The name of a tensor that is the whole object.
inline constexpr std::string_view kRootName = "tensor";
/// The part of a path that leads to an object's attributes.
inline constexpr std::string_view kAttributes = "__dict__";

/// What naming the tensors of a file may cost. Shared containers repeat names, and code that lists
/// the tensors has name, sizes and strides once for each name.
class NameBudget {
 public:
  NameBudget(const Contents& contents, ReportBuilder& builder);

  /// Counts bytes. Returns false if there is no room for what was counted, which was reported.
  bool Charge(std::uint64_t bytes) {
    used_ += bytes;
    return used_ <= most_ || Exceeded();
  }
  /// The same, reported by the next Charge().
  void Count(std::uint64_t bytes) { used_ += bytes; }
  bool HasRoom(std::uint64_t bytes) const { return used_ + bytes <= most_; }
  /// Charges for one more name, which costs `bytes` besides itself and the tensor's dimensions.
  /// `named`: how many there are; `place`: the tensor's offset in the pickle. Returns false if a
  /// limit was reported.
  bool Admit(std::string_view name, std::uint64_t dimensions, std::uint64_t place,
             std::size_t named, std::uint64_t bytes);

 private:
  bool Exceeded();
  const Contents& contents_;
  ReportBuilder& builder_;
  std::uint64_t used_ = 0;
  const std::uint64_t most_;
};

/// Names each tensor by its path in the values. Reports names that two tensors share, and
/// structures whose names would take far more memory than the pickle. Throws std::bad_alloc.
void NameTensors(Contents& contents, ReportBuilder& builder);

/// Appends the part of a path for a key: text unchanged, a number in digits.
void AppendKey(std::string& path, const pickle::Values& values, const pickle::Value& key,
               std::uint64_t ordinal);

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_CONTENTS_H_
