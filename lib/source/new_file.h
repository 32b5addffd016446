// A file that appears under its name whole or not at all.
#ifndef TENSORGATE_SOURCE_NEW_FILE_H_
#define TENSORGATE_SOURCE_NEW_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/source/descriptor.h"
#include "tensorgate/status.h"

namespace tensorgate::internal {

/// The folder in which files appear. It is opened once, so that all of them go to the same folder.
class NewFileFolder {
 public:
  /// The folder of the file `path`.
  static Result<NewFileFolder> OpenFor(const std::string& path);
  /// The folder `name` inside it. It is created if it does not exist, which sets `created`. A
  /// symbolic link is followed only if `follow_link` is true.
  Result<NewFileFolder> Inner(const std::string& name, bool follow_link, bool& created) const;
  int descriptor() const { return descriptor_.get(); }
  /// Waits until the folder's entries have reached the disk, if the system can guarantee it.
  void Sync() const;
  /// Removes a regular file or symbolic link with this name, if there is one.
  void Remove(const std::string& name) const;
  /// Removes a folder with this name if it is empty.
  void RemoveFolder(const std::string& name) const;
  /// Names of its entries; empty if it cannot be listed. Throws std::bad_alloc.
  std::vector<std::string> List() const;

 private:
  Descriptor descriptor_;
};

/// `path` without its folders.
std::string FileNameOf(const std::string& path);

class NewFile {
 public:
  /// Creates an unnamed file if the system supports it, otherwise one named
  /// `.NAME.tensorgate-partial-…` next to `name`. It has the mode of the regular file `name` if
  /// there is one, otherwise the default mode of new files. If `name` exists and is not a regular
  /// file or a symbolic link, it is refused with `io/not-regular`. `folder` must outlive it.
  static Result<NewFile> Create(const NewFileFolder& folder, const std::string& name);

  NewFile(NewFile&& other) noexcept;
  /// If it was not committed, nothing is left of it.
  ~NewFile();

  /// The descriptor while the file is open; otherwise -1.
  int descriptor() const { return file_.get(); }
  Result<void> WriteAt(std::uint64_t offset, std::span<const std::byte> bytes);
  /// Consecutive pieces: writes the first kMaxPieces in one call, if the system accepts that.
  Result<void> WriteAt(std::uint64_t offset, std::span<const std::span<const std::byte>> pieces);
  static constexpr std::size_t kMaxPieces = 64;
  /// Lets the kernel copy from the file `from`, which shares blocks if the file system can. Returns
  /// the number of bytes copied; if it is less than `length`, because the kernel cannot continue or
  /// the source ends, the caller must read and write the rest.
  Result<std::uint64_t> CopyAt(std::uint64_t offset, int from, std::uint64_t from_offset,
                               std::uint64_t length);
  /// Waits until its bytes have reached the disk.
  Result<void> Sync();
  /// Gives the finished file a hidden name and closes it, so that many files can wait for their
  /// commit.
  Result<void> Close();
  /// Puts it in place of the old file.
  Result<void> Commit();

 private:
  NewFile(const NewFileFolder& folder, std::string name)
      : folder_(&folder), name_(std::move(name)) {}
  Result<void> Open(int flags, unsigned mode);
  template <typename Take>
  Result<void> TakeHiddenName(const Take& take);

  const NewFileFolder* folder_;
  std::string name_;
  Descriptor file_;
  std::string hidden_;  // its name until it is committed; "" while it is unnamed
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SOURCE_NEW_FILE_H_
