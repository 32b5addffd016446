// What else these bytes are, and to whom: the formats that a loader which runs code would take a proven file for.
//
//   SecondReadings readings(Family::kSafetensors);
//   readings.Begin(size);
//   Drive(readings, source);  // or a stream: Watch(bytes) as they come, then EndOfStream()
//   readings.AddTo(builder);
//
// Each test is the other loader's own, whole (docs/second-readings.md has the table of loaders, and how often honest files
// pass each test). Without input and output; a stream is watched as it comes (Watch, EndOfStream). Reads the first 4,096
// bytes, the last 69,654, and eight bytes at each power of two; more only where the first bytes are those of a pickle.
// Throws std::bad_alloc.
#ifndef TENSORGATE_SECOND_READINGS_SECOND_READINGS_H_
#define TENSORGATE_SECOND_READINGS_SECOND_READINGS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/need.h"
#include "lib/base/pod_buffer.h"
#include "lib/containers/pickle/dry_run.h"
#include "lib/rules/report_builder.h"
#include "lib/second_readings/protobuf_walk.h"
#include "lib/second_readings/zip_tail.h"
#include "tensorgate/source.h"

namespace tensorgate::internal {

/// What the file is already: that reading is not a second one.
enum class Family : std::uint8_t {
  kSafetensors,
  kZip,     ///< An archive that was proven as such.
  kPickle,  ///< A pickle, or a stream of them.
  kOther,   ///< Text, pictures: what no loader of models is meant for.
};

class SecondReadings {
 public:
  explicit SecondReadings(Family family) : family_(family) {}

  // Random access: fill each Next() and call Filled(), until Next() wants nothing.
  /// Before Begin: bytes that the file begins with, in order, as far as they are at hand.
  void Know(std::span<const std::byte> bytes) {
    head_size_ += CopyBytes(bytes, std::span(head_).subspan(head_size_));
  }
  void Begin(std::uint64_t size);
  Need Next() const { return need_; }
  void Filled(std::size_t count);

  // Forward stream.
  void Watch(std::span<const std::byte> bytes);
  void EndOfStream();

  /// A tar archive, by the name of its first member.
  const std::optional<std::string>& tar() const { return tar_; }
  const std::optional<ZipTail::Found>& zip() const { return zip_.found(); }
  /// Where an HDF5 signature is.
  const std::optional<std::uint64_t>& hdf5() const { return hdf5_; }
  /// A PyTorch mobile module.
  bool flatbuffer() const { return flatbuffer_; }
  /// "gzip data", "zlib data"; "" if it does not unpack.
  std::string_view compressed() const { return compressed_; }
  const pickle::DryRun& pickle() const { return pickle_; }
  /// An ONNX model, which runs nothing.
  bool onnx() const { return protobuf_.EndsAt(size_) && protobuf_.has_graph(); }

  /// Reports each second reading.
  void AddTo(ReportBuilder& builder) const;
  /// Where the first of those that strict refuses begins.
  std::optional<std::uint64_t> first() const;

 private:
  static constexpr std::size_t kHead = 4096;

  enum class Step : std::uint8_t { kHead, kTail, kZip, kHdf5, kPickle, kProtobuf, kPacked, kDone };

  void Advance();
  bool Want(std::uint64_t offset, std::uint64_t length);
  bool WantNext();
  bool WantTail();
  bool WantHdf5();
  bool WantPickle();
  bool WantProtobuf();
  bool WantPacked();
  void OnHead();
  void OnHdf5(std::span<const std::byte> bytes);
  void OnPacked(std::span<const std::byte> bytes);
  bool MayBePacked() const;
  bool IsPickle() const;
  template <typename Use>
  void WithOverlap(std::span<const std::byte> bytes, Use use);
  void WatchMarks(std::span<const std::byte> bytes);
  void WatchHdf5(std::span<const std::byte> bytes);
  void WatchTail(std::span<const std::byte> bytes);
  std::span<const std::byte> head() const { return std::span(head_).first(head_size_); }

  const Family family_;
  Step step_ = Step::kHead;
  Need need_;
  bool tail_asked_ = false, packed_asked_ = false;
  std::uint64_t size_ = 0;  // of a stream: what has come
  PodBuffer<std::byte> buffer_;
  std::array<std::byte, kHead> head_;
  std::size_t head_size_ = 0;

  std::optional<std::string> tar_;
  ZipTail zip_;
  std::uint64_t next_hdf5_ = 512;  // at 0 nothing else begins so
  std::optional<std::uint64_t> hdf5_;
  bool flatbuffer_ = false;
  std::string_view compressed_;
  pickle::DryRun pickle_;
  ProtobufWalk protobuf_;

  // Of a stream: the bytes from its beginning that may be compressed data, its last bytes, and where entries of lists of
  // ZIP members were seen.
  PodBuffer<std::byte> packed_, tail_;
  std::vector<std::uint64_t> marks_;
};

/// Reads of `source` what `readings` asks.
Result<void> FindSecondReadings(SecondReadings& readings, Source& source);

/// Reports what else `source` is, or why that could not be read: the file is not accepted then.
void AddSecondReadings(Family family, Source& source, ReportBuilder& builder);

/// The file is proven, and refused for what else it is.
bool IsProvenButAmbiguous(const Report& report);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SECOND_READINGS_SECOND_READINGS_H_
