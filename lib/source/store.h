// Opens files by name: in a folder, or in anything else that holds named files.
#ifndef TENSORGATE_SOURCE_STORE_H_
#define TENSORGATE_SOURCE_STORE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tensorgate/source.h"

namespace tensorgate::internal {

/// The names in one folder, in one block of text: a million of them take 30 MB.
struct FolderNames {
  std::string text;
  struct Name {
    std::size_t offset, length;
    unsigned char type;  ///< DT_..., perhaps DT_UNKNOWN
  };
  std::vector<Name> list;  ///< Sorted bytewise, without "." and "..".

  /// The text of a name, followed by a NUL.
  std::string_view At(const Name& name) const {
    return std::string_view(text).substr(name.offset, name.length);
  }
};

/// Files by name. Both functions may throw std::bad_alloc.
class Store {
 public:
  virtual ~Store() = default;
  /// Opens the file with this name.
  virtual Result<std::unique_ptr<Source>> Open(const std::string& name) const = 0;
  /// All names, or an error: a listing that stopped early is an error.
  virtual Result<FolderNames> List() const = 0;
};

/// Moves a file into a unique_ptr to its base class. Throws std::bad_alloc.
Result<std::unique_ptr<Source>> Hold(Result<FileSource> file);

/// Opens the local file at `path`, which is not restricted to a folder; follows a symbolic link.
/// Throws std::bad_alloc.
Result<std::unique_ptr<Source>> OpenPath(const std::string& path);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SOURCE_STORE_H_
