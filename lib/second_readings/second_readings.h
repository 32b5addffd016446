// Second readings of a file: other formats that a loader which runs code would take a verified file
// for.
//
//   SecondReadings readings(Family::kSafetensors);
//   readings.Begin(size);
//   Drive(readings, source);  // or a stream: Watch(bytes) as they come, then EndOfStream()
//   readings.AddTo(builder);
//
// Each test is exactly the other loader's own test (docs/second-readings.md has the table of
// loaders, and how often valid files pass each test). There is no input and output here; a stream
// is watched as it arrives (Watch, EndOfStream). It reads the first 4,096 bytes, the last 69,654,
// and eight bytes at each power of two; more only if the file starts like a pickle. Throws
// std::bad_alloc.
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

/// What the file is already known to be; that reading is not a second one.
enum class Family : std::uint8_t {
  kSafetensors,
  kZip,     ///< An archive that was verified as such.
  kPickle,  ///< A pickle, or a stream of pickles.
  kOther,   ///< Text, pictures: files that no model loader is meant for.
};

class SecondReadings {
 public:
  explicit SecondReadings(Family family) : family_(family) {}

  // Random access: fill each Next() and call Filled(), until Next() needs nothing.
  /// Call before Begin: passes on the file's first bytes, in order, as far as they are available.
  void Know(std::span<const std::byte> bytes) {
    head_size_ += CopyBytes(bytes, std::span(head_).subspan(head_size_));
  }
  void Begin(std::uint64_t size);
  Need Next() const { return need_; }
  void Filled(std::size_t count);

  // Forward stream.
  void Watch(std::span<const std::byte> bytes);
  void EndOfStream();

  /// Name of the first member, if it is a tar archive.
  const std::optional<std::string>& tar() const { return tar_; }
  const std::optional<ZipTail::Found>& zip() const { return zip_.found(); }
  /// Offset of an HDF5 signature.
  const std::optional<std::uint64_t>& hdf5() const { return hdf5_; }
  /// True for a PyTorch mobile module.
  bool flatbuffer() const { return flatbuffer_; }
  /// "gzip data", "zlib data"; "" if it does not decompress.
  std::string_view compressed() const { return compressed_; }
  const pickle::DryRun& pickle() const { return pickle_; }
  /// True for an ONNX model, which runs nothing.
  bool onnx() const { return protobuf_.EndsAt(size_) && protobuf_.has_graph(); }

  /// Reports each second reading.
  void AddTo(ReportBuilder& builder) const;
  /// Offset of the first second reading that the strict profile refuses.
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
  std::uint64_t size_ = 0;  // for a stream: bytes so far
  PodBuffer<std::byte> buffer_;
  std::array<std::byte, kHead> head_;
  std::size_t head_size_ = 0;

  std::optional<std::string> tar_;
  ZipTail zip_;
  std::uint64_t next_hdf5_ = 512;  // no other format has this signature at 0
  std::optional<std::uint64_t> hdf5_;
  bool flatbuffer_ = false;
  std::string_view compressed_;
  pickle::DryRun pickle_;
  ProtobufWalk protobuf_;

  // For a stream: its first bytes if they may be compressed data, its last bytes, and the offsets
  // of entries of ZIP directories.
  PodBuffer<std::byte> packed_, tail_;
  std::vector<std::uint64_t> marks_;
};

/// Reads from `source` what `readings` requests.
Result<void> FindSecondReadings(SecondReadings& readings, Source& source);

/// Reports the second readings of `source`, or why they could not be determined: the file is then
/// not accepted.
void AddSecondReadings(Family family, Source& source, ReportBuilder& builder);

/// True if the file is valid in its own format, but refused for a second reading.
bool IsProvenButAmbiguous(const Report& report);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SECOND_READINGS_SECOND_READINGS_H_
