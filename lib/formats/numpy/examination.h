// One examination of one .npy file, without input and output: it requests bytes, and a driver
// delivers them.
#ifndef TENSORGATE_FORMATS_NUMPY_EXAMINATION_H_
#define TENSORGATE_FORMATS_NUMPY_EXAMINATION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "lib/base/need.h"
#include "lib/base/pod_buffer.h"
#include "lib/formats/numpy/header.h"
#include "lib/rules/report_builder.h"
#include "lib/source/data.h"

namespace tensorgate::numpy::internal {

class Examination {
 public:
  explicit Examination(const CheckOptions& options);

  // Call Begin, then fill each Next() and call Filled(), until Next() needs nothing. All may throw
  // std::bad_alloc.
  void Begin(std::uint64_t size);
  tensorgate::internal::Need Next();
  void Filled(std::size_t count);

  /// After Next() needs nothing: the data that a check of scope `kFull` must read. Empty if the
  /// file is already refused, or its elements are not booleans.
  std::vector<tensorgate::internal::DataRange> Unread() const;
  void OnData(std::span<const tensorgate::internal::DataFacts> facts);

  ReportBuilder& builder() { return builder_; }
  /// Requires that the file was accepted.
  Header TakeHeader() { return std::move(header_); }

 private:
  enum class Step : std::uint8_t { kPrefix, kHeader, kDone };

  void OnPrefix(std::size_t count);
  void OnLength(std::uint64_t length);
  void OnHeader();

  ReportBuilder builder_;
  Header header_;
  Version version_;
  Step step_ = Step::kPrefix;
  std::array<std::byte, kLongPrefix> prefix_{};
  std::size_t prefix_size_ = 0;
  tensorgate::internal::PodBuffer<std::byte> text_;
};

}  // namespace tensorgate::numpy::internal

#endif  // TENSORGATE_FORMATS_NUMPY_EXAMINATION_H_
