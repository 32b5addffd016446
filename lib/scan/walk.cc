#include "tensorgate/walk.h"

#include "lib/source/walk.h"
#include "tensorgate/scan.h"
#include "tensorgate/shards.h"

namespace tensorgate {

Report FoundFile::Scan(const CheckOptions& options) {
  return source_ ? Scan(**source_, options) : ScanFailure(source_.error(), options);
}

Report FoundFile::Scan(Source& reader, const CheckOptions& options) const {
  return IsNamedIndex(path_) ? CheckIndex(reader, path_, folder_, options).report
                             : tensorgate::Scan(reader, path_, options);
}

bool Walk(const std::string& path, const WalkOptions& options, const Visitor& visitor) {
  return internal::Walk(
      path, options,
      [&](const std::string& found, int folder, Result<std::unique_ptr<Source>> source) {
        FoundFile file(found, folder, std::move(source));
        return visitor(file);
      });
}

}  // namespace tensorgate
