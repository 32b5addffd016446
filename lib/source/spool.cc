#include "lib/source/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

namespace tensorgate::internal {
namespace {

constexpr char kFolder[] = "/var/tmp";

Descriptor MakeUnnamed() {
#ifdef O_TMPFILE
  const int unnamed = ::open(kFolder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (unnamed >= 0) return Descriptor(unnamed);
#endif
  // Some file systems do not support unnamed files: create one and unlink it.
  std::array<char, 32> path = {"/var/tmp/tensorgate-XXXXXX"};
  const int named = ::mkostemp(path.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(path.data());
  return Descriptor(named);
}

}  // namespace

Result<void> Spool::Append(std::span<const std::byte> bytes) {
  if (!file_.valid()) {
    file_ = MakeUnnamed();
    if (!file_.valid()) {
      return std::unexpected(Status{.rule = Rule::kIoSpoolFailed, .system_error = errno});
    }
  }
  while (!bytes.empty()) {
    const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      return std::unexpected(
          Status{.rule = Rule::kIoSpoolFailed, .system_error = errno, .offset = size_});
    }
    size_ += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<std::unique_ptr<Source>> Spool::Open() const {
  return Hold(FileSource::FromDescriptor(file_.get()));
}

}  // namespace tensorgate::internal
