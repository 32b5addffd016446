#include "lib/source/store.h"

#include <utility>

namespace tensorgate::internal {

Result<std::unique_ptr<Source>> Hold(Result<FileSource> file) {
  if (!file) return std::unexpected(file.error());
  return std::make_unique<FileSource>(*std::move(file));
}

Result<std::unique_ptr<Source>> OpenPath(const std::string& path) {
  return Hold(FileSource::Open(path));
}

}  // namespace tensorgate::internal
