// Where PyTorch 2.7 and later expect the storages of an archive. They compute the offsets instead
// of looking them up: one record after the other, in the order in which the pickle names the
// storages (torch/serialization.py, _get_offset; getPadding in
// caffe2/serialize/inline_container.cc).
//
//   torch::internal::ComputedPlaces places("archive/", 64);
//   if (places.Next(storage, member) != member.data_offset) …  // other bytes would be loaded
#ifndef TENSORGATE_FORMATS_TORCH_PLACES_H_
#define TENSORGATE_FORMATS_TORCH_PLACES_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/containers/zip/archive.h"
#include "lib/formats/torch/rebuild.h"

namespace tensorgate::torch::internal {

inline constexpr std::uint64_t kUsualAlignment = 64;

class ComputedPlaces {
 public:
  /// `root` includes its slash.
  ComputedPlaces(std::string_view root, std::uint64_t alignment)
      : root_length_(root.size()), alignment_(alignment) {}

  /// The computed offset of the next storage. For the first it is the record's own offset, and
  /// std::nullopt unless its key is 0.
  std::optional<std::uint64_t> Next(const StorageValue& storage,
                                    const zip::internal::Member& member);

 private:
  std::uint64_t root_length_;
  std::uint64_t alignment_;
  std::optional<std::uint64_t> header_;  // offset of the next record's header
};

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_PLACES_H_
