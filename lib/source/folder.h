// A folder that is held open, and the files below it by names that cannot leave it.
#ifndef TENSORGATE_SOURCE_FOLDER_H_
#define TENSORGATE_SOURCE_FOLDER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/source/descriptor.h"
#include "tensorgate/source.h"

namespace tensorgate::internal {

/// The names in one folder, one after the other in one block: a million of them are 30 MB.
struct FolderNames {
  std::string text;
  struct Name {
    std::size_t offset, length;
    unsigned char type;  ///< DT_..., perhaps DT_UNKNOWN
  };
  std::vector<Name> list;  ///< Bytewise; "." and ".." left out.

  /// A NUL stands behind it.
  std::string_view At(const Name& name) const {
    return std::string_view(text).substr(name.offset, name.length);
  }
};

/// Lists `folder`, an open descriptor. An errno if the list broke off or never began; what came
/// before is kept. Throws std::bad_alloc.
int ListFolder(int folder, FolderNames& names);

/// Why something could not be opened, from errno.
Status OpenFailed(int error);

/// What the symbolic link `name` in `folder` leads to, if that is a blob of the hub cache the folder
/// is in: snapshots/<revision>/**/x -> ../../blobs/<hash>. `io/link-not-followed` for all else.
Result<Descriptor> OpenHubBlob(int folder, const char* name);

class Folder {
 public:
  /// `path` may be a link.
  static Result<Folder> Open(const std::string& path);
  /// The folder in which `path` names something; a link there is not looked at.
  static Result<Folder> Holding(const std::string& path);
  /// The folder behind an open descriptor, which stays the caller's.
  static Result<Folder> FromDescriptor(int descriptor);

  /// Opens a regular file by parts with '/' between, of which none may be empty, "." or "..".
  /// Without `follow_links` a symbolic link on the way is refused as `io/link-not-followed`, and at its end one that leads
  /// neither to a regular file below this folder (beneath.h) nor to a blob of its hub cache.
  Result<FileSource> OpenFile(const std::string& name, bool follow_links) const;
  /// As ListFolder; throws std::bad_alloc also where the system has no memory.
  int List(FolderNames& names) const;

 private:
  explicit Folder(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}
  Descriptor descriptor_;
};

/// The last part of a path.
std::string_view LastPart(std::string_view path);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SOURCE_FOLDER_H_
