// A folder that is held open, and the files below it by names that cannot leave it.
#ifndef TENSORGATE_SOURCE_FOLDER_H_
#define TENSORGATE_SOURCE_FOLDER_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "lib/source/descriptor.h"
#include "lib/source/store.h"

namespace tensorgate::internal {

/// Lists `folder`, an open descriptor. An errno if the list broke off or never began; what came
/// before is kept. Throws std::bad_alloc.
int ListFolder(int folder, FolderNames& names);

/// Why something could not be opened, from errno.
Status OpenFailed(int error);

/// What the symbolic link `name` in `folder` leads to, if that is a blob of the hub cache the folder
/// is in: snapshots/<revision>/**/x -> ../../blobs/<hash>. `io/link-not-followed` for all else.
Result<Descriptor> OpenHubBlob(int folder, const char* name);

/// The local store. `follow_links`: any symbolic link on the way to a file.
class Folder final : public Store {
 public:
  /// `path` may be a link.
  static Result<Folder> At(const std::string& path, bool follow_links = false);
  /// The folder in which `path` names something; a link there is not looked at.
  static Result<Folder> Holding(const std::string& path, bool follow_links = false);
  /// The folder behind an open descriptor, which stays the caller's.
  static Result<Folder> FromDescriptor(int descriptor, bool follow_links = false);

  /// Opens a regular file by parts with '/' between, of which none may be empty, "." or "..".
  /// Unless links are followed, a symbolic link on the way is refused as `io/link-not-followed`, and at its end one that
  /// leads neither to a regular file below this folder (beneath.h) nor to a blob of its hub cache.
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
