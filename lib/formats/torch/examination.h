// One examination of one checkpoint, without input and output: it requests bytes, and a driver
// delivers them. Opening and checking both use it, so that their results cannot differ.
#ifndef TENSORGATE_FORMATS_TORCH_EXAMINATION_H_
#define TENSORGATE_FORMATS_TORCH_EXAMINATION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/need.h"
#include "lib/containers/zip/reader.h"
#include "lib/formats/torch/contents.h"
#include "lib/rules/report_builder.h"
#include "lib/second_readings/second_readings.h"
#include "lib/source/data.h"
#include "tensorgate/extraction.h"

namespace tensorgate::torch::internal {

using tensorgate::internal::BytesAboveOne;
using tensorgate::internal::DataFacts;
using tensorgate::internal::DataRange;
using tensorgate::internal::Need;

/// The layouts that PyTorch has used for checkpoints.
enum class Layout : std::uint8_t {
  kZip,     ///< Since 1.6.
  kLegacy,  ///< A stream of five pickles, then the storages.
};
std::string_view FormatName(Layout layout);  ///< "pytorch-zip", "pytorch-legacy"

/// The layout that the first bytes indicate.
std::optional<Layout> LayoutOf(std::span<const std::byte> head);
/// The same for extraction: a stream's pickles may have any protocol from 2 on.
std::optional<Layout> OpenLayoutOf(std::span<const std::byte> head);
/// Size of the pickle of a stream's magic number, for a head with a layout.
std::size_t MagicBytes(std::span<const std::byte> head);
inline constexpr std::size_t kLayoutHead = 24;

/// The part of an examination that depends on the layout.
class Container {
 public:
  virtual ~Container() = default;
  virtual void Begin(std::uint64_t size) = 0;
  virtual Need Next() = 0;
  virtual void Filled(std::size_t count) = 0;
  /// The data with a checksum that was not compared yet. std::nullopt: the layout has no checksums.
  virtual std::optional<std::vector<ByteRange>> Unread() const { return std::nullopt; }
  /// The results for Unread(), followed by those for other data that were requested with them.
  virtual void OnChecksums(std::span<const DataFacts>) {}
};

std::unique_ptr<Container> MakeZip(ReportBuilder& builder, Contents& contents);
std::unique_ptr<Container> MakeLegacy(ReportBuilder& builder, Contents& contents);

class Examination {
 public:
  /// `extraction`: follow foreign values, and take the tensors that they leave alone.
  Examination(const CheckOptions& options, Layout layout, Extraction* extraction = nullptr);

  // Call Begin, then fill each Next() and call Filled(), until Next() needs nothing. All may throw
  // std::bad_alloc.
  void Begin(std::uint64_t size);
  Need Next();
  void Filled(std::size_t count);
  /// After Next() needs nothing: the data that a check of scope `kFull` must read. std::nullopt if
  /// there are none, because the file is already refused, or has neither checksums nor booleans.
  std::optional<std::vector<DataRange>> Unread() const;
  void OnData(std::span<const DataRange> read, std::span<const DataFacts> facts);
  void Fail(const Status& status) { builder_.Add(status); }
  tensorgate::internal::Interrupt& interrupt() { return builder_.interrupt(); }
  Report Finish();
  /// Requires that Finish() accepted the file.
  std::unique_ptr<const Contents> TakeContents() { return std::move(contents_); }

 private:
  void AddFacts();
  void AfterContainer();
  void AddBooleans(const BytesAboveOne& above_one);

  ReportBuilder builder_;
  std::unique_ptr<Contents> contents_;
  std::unique_ptr<Container> container_;
  tensorgate::internal::SecondReadings readings_;
  Extraction* extraction_;
  bool reading_ = false;  // the container is done; looking for second readings
};

/// Runs a new machine over the pickle that starts at `begin` of contents.pickle.
pickle::Outcome RunPickle(const CheckOptions& options, Contents& contents, Form form,
                          std::size_t begin);

/// Examines `source`; `contents` receives the contents of an accepted file. With `extraction`, those
/// from which tensors may be taken. Never throws.
Report Examine(Source& source, const CheckOptions& options,
               std::unique_ptr<const Contents>* contents, Extraction* extraction = nullptr);

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_EXAMINATION_H_
