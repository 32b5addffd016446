// Where a name becomes a source: a folder, and what else holds files by name.
#ifndef TENSORGATE_SOURCE_STORE_H_
#define TENSORGATE_SOURCE_STORE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

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

  /// Followed by a NUL.
  std::string_view At(const Name& name) const {
    return std::string_view(text).substr(name.offset, name.length);
  }
};

/// Files by their names. Both may throw std::bad_alloc.
class Store {
 public:
  virtual ~Store() = default;
  /// The file of this name, opened once.
  virtual Result<std::unique_ptr<Source>> Open(const std::string& name) const = 0;
  /// All names, or none: a list that broke off is an error.
  virtual Result<FolderNames> List() const = 0;
};

/// A file as a source that is held. Throws std::bad_alloc.
Result<std::unique_ptr<Source>> Hold(Result<FileSource> file);

/// The source that a path names, which is not below anything: a local file; a symbolic link is
/// followed. Throws std::bad_alloc.
Result<std::unique_ptr<Source>> OpenPath(const std::string& path);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SOURCE_STORE_H_
