// A folder that is held open, and files below it, by names that cannot leave it.
#ifndef TENSORGATE_SOURCE_FOLDER_H_
#define TENSORGATE_SOURCE_FOLDER_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "lib/source/descriptor.h"
#include "lib/source/store.h"

namespace tensorgate::internal {

/// Lists `folder`, an open descriptor. Returns an errno if the listing failed or stopped early;
/// names listed before that are kept. Throws std::bad_alloc.
int ListFolder(int folder, FolderNames& names);

/// Converts the errno of a failed open to a status.
Status OpenFailed(int error);

/// The status of a file `name` in `folder` that was not opened: `io/link-dangling` if it is a
/// symbolic link that leads to nothing, wherever it leads; otherwise `status`. `folder` may be
/// AT_FDCWD.
Status NotOpened(int folder, const char* name, const Status& status);

/// Follows the symbolic link `name` in `folder` if it leads to a blob of the hub cache that
/// contains the folder: snapshots/<revision>/**/x -> ../../blobs/<hash>. `io/link-not-followed` for
/// anything else.
Result<Descriptor> OpenHubBlob(int folder, const char* name);

/// The store for local folders. `follow_links`: follow any symbolic link on the path to a file.
class Folder final : public Store {
 public:
  /// `path` may be a symbolic link.
  static Result<Folder> At(const std::string& path, bool follow_links = false);
  /// The folder that contains what `path` names; a symbolic link with that name is not followed.
  static Result<Folder> Holding(const std::string& path, bool follow_links = false);
  /// The folder of an open descriptor, which stays the caller's.
  static Result<Folder> FromDescriptor(int descriptor, bool follow_links = false);

  /// Opens a regular file by a path with '/' between its parts, none of which may be empty, "." or
  /// "..". Unless links are followed, a symbolic link to a folder is refused with
  /// `io/link-not-followed`, as is a link to a file that leads neither to a regular file below this
  /// folder (beneath.h) nor to a blob of its hub cache.
  Result<std::unique_ptr<Source>> Open(const std::string& name) const override;
  Result<FolderNames> List() const override;

 private:
  Folder(Descriptor descriptor, bool follow_links)
      : descriptor_(std::move(descriptor)), follow_links_(follow_links) {}
  Descriptor descriptor_;
  bool follow_links_;
};

/// The last part of a path.
std::string_view LastPart(std::string_view path);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SOURCE_FOLDER_H_
