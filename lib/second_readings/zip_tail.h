// Whether readers that search the end of a file for a ZIP archive (zipfile, torch.jit.load, Keras,
// skops, Python itself) find one.
//
//   ZipTail tail;
//   tail.OnTail(last bytes, size);
//   while (const auto at = tail.Wanted()) tail.OnBytes(kWanted bytes from there on);
//   if (tail.found()) …
//
// They accept bytes before and after the end record. It counts as an archive if there is a
// directory where the record, or its ZIP64 form, places it: by an offset, or by its size before the
// record.
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
  /// Number of bytes needed from each place.
  static constexpr std::size_t kWanted = 56;

  /// The last bytes of a file of `size` bytes: kZipTail of them, or the whole file.
  void OnTail(std::span<const std::byte> tail, std::uint64_t size);
  std::optional<std::uint64_t> Wanted() const;
  void OnBytes(std::span<const std::byte> bytes);
  /// For earlier bytes of a stream it is only known whether there is a signature: if so, it counts
  /// as the expected one.
  void OnMark(bool there);

  struct Found {
    std::uint64_t record;     ///< Offset of the end record.
    std::uint64_t directory;  ///< Offset of the directory.
  };
  const std::optional<Found>& found() const { return found_; }
  /// Offset of the last end record, whether or not there is an archive.
  std::optional<std::uint64_t> record() const { return record_; }

 private:
  // An offset where a directory would start, or a ZIP64 end record.
  struct Place {
    std::uint64_t offset, record;
    bool zip64;
  };
  void AddRecord(std::span<const std::byte> tail, std::size_t at);
  void AddPlace(std::uint64_t offset, std::uint64_t record, bool zip64 = false);
  /// Adds both possible positions of a directory: by its offset, and by its size before its end.
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
