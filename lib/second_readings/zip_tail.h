// Whether readers that search a file's end for a ZIP archive (zipfile, torch.jit.load, Keras, skops, Python itself) find one.
//
//   ZipTail tail;
//   tail.OnTail(last bytes, size);
//   while (const auto at = tail.Wanted()) tail.OnBytes(kWanted bytes from there on);
//   if (tail.found()) …
//
// They take an end record with bytes before and after it; what counts is that a list of members begins where the record, or
// its ZIP64 form, places it: as an offset, or as a size before the record.
#ifndef TENSORGATE_SECOND_READINGS_ZIP_TAIL_H_
#define TENSORGATE_SECOND_READINGS_ZIP_TAIL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tensorgate::internal {

/// zipfile searches the last 65,558 bytes, PyTorch's miniz in steps of 4,096.
inline constexpr std::size_t kZipTail = 65'558 + 4'096;

class ZipTail {
 public:
  /// Bytes that are wanted of one place.
  static constexpr std::size_t kWanted = 56;

  /// The last bytes of a file of `size` bytes: kZipTail of them, or all.
  void OnTail(std::span<const std::byte> tail, std::uint64_t size);
  std::optional<std::uint64_t> Wanted() const;
  void OnBytes(std::span<const std::byte> bytes);
  /// Of what is wanted no more is known than whether a signature of ZIP's lists is there: it counts as the one wanted.
  void OnMark(bool there);

  struct Found {
    std::uint64_t record;     ///< Where the end record is.
    std::uint64_t directory;  ///< Where the list of members begins.
  };
  const std::optional<Found>& found() const { return found_; }
  /// The last end record, whether or not there is an archive.
  std::optional<std::uint64_t> record() const { return record_; }

 private:
  // A place where a list of members would begin, or a ZIP64 end record.
  struct Place {
    std::uint64_t offset, record;
    bool zip64;
  };
  void AddRecord(std::span<const std::byte> tail, std::size_t at);
  void AddPlace(std::uint64_t offset, std::uint64_t record, bool zip64 = false);
  /// A list of members is told by its offset, or by its size and where it ends.
  void AddDirectory(std::uint64_t end, std::uint64_t length, std::uint64_t offset,
                    std::uint64_t record);
  void Look(const Place& place, std::span<const std::byte> bytes);

  std::uint64_t size_ = 0, tail_ = 0;
  std::vector<Place> places_;
  std::size_t next_ = 0;
  std::optional<std::uint64_t> record_;
  std::optional<Found> found_;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SECOND_READINGS_ZIP_TAIL_H_
