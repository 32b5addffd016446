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

/// The folder in which files appear: opened once, so that all of them go to the same one.
class NewFileFolder {
 public:
  /// Of the file `path`.
  static Result<NewFileFolder> OpenFor(const std::string& path);
  /// The folder `name` in it, which is made if there is none; whether it was goes to `made`. A symbolic link is followed
  /// where `follow_link` says so.
  Result<NewFileFolder> Inner(const std::string& name, bool follow_link, bool& made) const;
  int descriptor() const { return descriptor_.get(); }
  /// Entries of the folder have reached the disk, where the system can promise it.
  void Sync() const;
  /// Removes a regular file or link of this name, if there is one.
  void Remove(const std::string& name) const;
  /// Removes a folder of this name if it is empty.
  void RemoveFolder(const std::string& name) const;
  /// Names of what is in it; empty if it cannot be listed. Throws std::bad_alloc.
  std::vector<std::string> List() const;

 private:
  Descriptor descriptor_;
};

/// `path` without its folders.
std::string FileNameOf(const std::string& path);

class NewFile {
 public:
  /// A nameless file where the system has such, else one named `.NAME.tensorgate-partial-…` beside `name`. Its mode is that
  /// of the regular file `name` if there is one, else what a new file has. What is there and is not a
  /// regular file or a link is refused as `io/not-regular`. `folder` must outlive it.
  static Result<NewFile> Create(const NewFileFolder& folder, const std::string& name);

  NewFile(NewFile&& other) noexcept;
  /// Not committed: nothing is left of it.
  ~NewFile();

  /// While it is open; else -1.
  int descriptor() const { return file_.get(); }
  Result<void> WriteAt(std::uint64_t offset, std::span<const std::byte> bytes);
  /// Pieces that follow each other in the file: the first kMaxPieces in one call, as far as the system takes them.
  Result<void> WriteAt(std::uint64_t offset, std::span<const std::span<const std::byte>> pieces);
  static constexpr std::size_t kMaxPieces = 64;
  /// Has the kernel copy from the file `from`, which shares blocks where the file system can. Returns how many bytes
  /// it copied: fewer than `length` where it cannot or the source ends; go on by reading and writing.
  Result<std::uint64_t> CopyAt(std::uint64_t offset, int from, std::uint64_t from_offset,
                               std::uint64_t length);
  /// Its bytes have reached the disk.
  Result<void> Sync();
  /// Gives the finished file a hidden name and closes it, so that many can wait for their commit.
  Result<void> Close();
  /// Puts it in place of what was there.
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
  std::string hidden_;  // its name until it is committed; "" while it has none
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SOURCE_NEW_FILE_H_
