#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lib/source/folder.h"
#include "tensorgate/source.h"

namespace tensorgate {
namespace {

// Linux transfers at most this much in one call.
constexpr std::size_t kLargestRead = 0x7ffff000;

std::int64_t Nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

Result<FileSource> FileSource::FromDescriptor(int descriptor) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0) {
    return std::unexpected(Status{.rule = Rule::kIoOpenFailed, .system_error = errno});
  }
  if (!S_ISREG(status.st_mode)) return std::unexpected(Status{.rule = Rule::kIoNotRegular});
  FileSource source;
  source.descriptor_ = descriptor;
  source.size_ = static_cast<std::uint64_t>(status.st_size);
  source.device_ = status.st_dev;
  source.inode_ = status.st_ino;
  source.links_ = status.st_nlink;
  source.modified_ns_ = Nanoseconds(status.st_mtim);
  source.changed_ns_ = Nanoseconds(status.st_ctim);
  return source;
}

Result<FileSource> FileSource::Duplicate(int descriptor) {
  const int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) {
    return std::unexpected(Status{.rule = Rule::kIoOpenFailed, .system_error = errno});
  }
  return Own(copy);
}

Result<FileSource> FileSource::Own(int descriptor) {
  Result<FileSource> source = FromDescriptor(descriptor);
  if (source) {
    source->owned_ = true;
  } else {
    ::close(descriptor);
  }
  return source;
}

Result<FileSource> FileSource::Open(const std::string& path) {
  // A NUL would truncate the name, which would then name another file.
  if (path.find('\0') != path.npos) {
    return std::unexpected(Status{.rule = Rule::kIoOpenFailed, .system_error = EINVAL});
  }
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) {
    const Status status = internal::OpenFailed(errno);
    return std::unexpected(internal::NotOpened(AT_FDCWD, path.c_str(), status));
  }
  return Own(descriptor);
}

FileSource::FileSource(FileSource&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      owned_(std::exchange(other.owned_, false)),
      size_(other.size_),
      device_(other.device_),
      inode_(other.inode_),
      links_(other.links_),
      modified_ns_(other.modified_ns_),
      changed_ns_(other.changed_ns_) {}

FileSource& FileSource::operator=(FileSource&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(owned_, other.owned_);
  size_ = other.size_;
  device_ = other.device_;
  inode_ = other.inode_;
  links_ = other.links_;
  modified_ns_ = other.modified_ns_;
  changed_ns_ = other.changed_ns_;
  return *this;
}

FileSource::~FileSource() {
  if (owned_) ::close(descriptor_);
}

Result<std::size_t> FileSource::Read(std::uint64_t offset, std::span<std::byte> into) {
  if (offset > static_cast<std::uint64_t>(INT64_MAX)) return 0;
  while (true) {
    const ssize_t count = ::pread64(descriptor_, into.data(), std::min(into.size(), kLargestRead),
                                    static_cast<off64_t>(offset));
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) {
      return std::unexpected(
          Status{.rule = Rule::kIoReadFailed, .system_error = errno, .offset = offset});
    }
  }
}

Result<void> FileSource::CheckUnchanged() {
  FileSource now = TENSORGATE_TRY(FromDescriptor(descriptor_));
  // On a correct system the inode of an open descriptor cannot change; network file systems are not
  // always correct.
  if (now.size_ != size_ || now.device_ != device_ || now.inode_ != inode_ ||
      now.modified_ns_ != modified_ns_ ||
      (now.links_ == links_ && now.changed_ns_ != changed_ns_)) {
    return std::unexpected(Status{.rule = Rule::kIoChanged});
  }
  return {};
}

}  // namespace tensorgate
