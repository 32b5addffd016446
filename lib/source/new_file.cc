#include "lib/source/new_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <utility>

namespace tensorgate::internal {
namespace {

// Linux transfers at most this much in one call.
constexpr std::size_t kLargestWrite = 0x7ffff000;
constexpr int kAttempts = 100;

std::unexpected<Status> Failure(Rule rule, int error, std::uint64_t offset = 0) {
  return std::unexpected(Status{.rule = rule, .system_error = error, .offset = offset});
}

// Hard to guess, so that no other process can occupy all such names. "", with errno set, if the
// system has no random bytes.
std::string HiddenName(const std::string& name) {
  std::array<unsigned char, 8> random{};
  if (::getrandom(random.data(), random.size(), 0) != ssize_t{random.size()}) return {};
  // A name may have 255 bytes on most systems.
  std::string hidden = "." + name.substr(0, 200) + ".tensorgate-partial-";
  for (const unsigned char byte : random) {
    hidden += "0123456789abcdef"[byte >> 4];
    hidden += "0123456789abcdef"[byte & 15];
  }
  return hidden;
}

std::string ProcessPath(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

}  // namespace

std::string FileNameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Result<NewFileFolder> NewFileFolder::OpenFor(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == path.npos ? "." : path.substr(0, slash + 1);
  // A NUL would truncate the name, which would then name another file.
  if (path.find('\0') != path.npos || slash + 1 == path.size()) {
    return Failure(Rule::kSaveCreateFailed, path.empty() ? ENOENT : EINVAL);
  }
  constexpr int kFlags = O_DIRECTORY | O_CLOEXEC;
  NewFileFolder opened;
  opened.descriptor_ = Descriptor(::open(folder.c_str(), O_RDONLY | kFlags));
  // A user may have permission to write in a folder but not to list it.
  if (!opened.descriptor_.valid() && errno == EACCES) {
    opened.descriptor_ = Descriptor(::open(folder.c_str(), O_PATH | kFlags));
  }
  if (!opened.descriptor_.valid()) return Failure(Rule::kSaveCreateFailed, errno);
  return opened;
}

Result<NewFileFolder> NewFileFolder::Inner(const std::string& name, bool follow_link,
                                           bool& created) const {
  if (name.find('\0') != name.npos) return Failure(Rule::kSaveCreateFailed, EINVAL);
  created = ::mkdirat(descriptor(), name.c_str(), 0777) == 0;
  if (!created && errno != EEXIST) return Failure(Rule::kSaveCreateFailed, errno);
  NewFileFolder opened;
  opened.descriptor_ =
      Descriptor(::openat(descriptor(), name.c_str(),
                          O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow_link ? 0 : O_NOFOLLOW)));
  if (!opened.descriptor_.valid()) return Failure(Rule::kSaveCreateFailed, errno);
  return opened;
}

void NewFileFolder::Sync() const { static_cast<void>(::fsync(descriptor())); }

void NewFileFolder::Remove(const std::string& name) const {
  ::unlinkat(descriptor(), name.c_str(), 0);
}

void NewFileFolder::RemoveFolder(const std::string& name) const {
  ::unlinkat(descriptor(), name.c_str(), AT_REMOVEDIR);
}

std::vector<std::string> NewFileFolder::List() const {
  const int again = ::openat(descriptor(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (again < 0) return {};
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(again), ::closedir);
  std::vector<std::string> names;
  if (!folder) {
    ::close(again);
    return names;
  }
  while (const dirent* entry = ::readdir(folder.get())) names.emplace_back(entry->d_name);
  return names;
}

Result<NewFile> NewFile::Create(const NewFileFolder& folder, const std::string& name) {
  NewFile file(folder, name);
  struct stat old{};
  const bool replaces =
      ::fstatat(folder.descriptor(), name.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0;
  if (replaces && !S_ISREG(old.st_mode) && !S_ISLNK(old.st_mode)) {
    return std::unexpected(Status{.rule = Rule::kIoNotRegular});
  }
  const bool keeps_mode = replaces && S_ISREG(old.st_mode);
  TENSORGATE_TRY(file.Open(O_RDWR | O_CLOEXEC | O_NOCTTY, keeps_mode ? 0600 : 0666));
  if (keeps_mode) {
    // A user who may not give the file away keeps it; the mode then applies to whoever owns it.
    static_cast<void>(!::fchown(file.file_.get(), old.st_uid, old.st_gid));
    if (::fchmod(file.file_.get(), old.st_mode & 0777) != 0) {
      return Failure(Rule::kSaveCreateFailed, errno);
    }
  }
  return file;
}

// `take` takes the name if it is free; otherwise it fails with errno.
template <typename Take>
Result<void> NewFile::TakeHiddenName(const Take& take) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::string hidden = HiddenName(name_);
    if (hidden.empty()) break;
    if (take(hidden.c_str())) {
      hidden_ = std::move(hidden);
      return {};
    }
    if (errno != EEXIST) break;
  }
  return Failure(Rule::kSaveCreateFailed, errno);
}

Result<void> NewFile::Open(int flags, unsigned mode) {
  // An unnamed file vanishes with the process, however that ends; /proc is needed to give it a
  // name.
  file_ = Descriptor(::openat(folder_->descriptor(), ".", flags | O_TMPFILE, mode));
  if (file_.valid()) {
    if (::access(ProcessPath(file_.get()).c_str(), F_OK) == 0) return {};
    file_ = Descriptor();
  }
  return TakeHiddenName([&](const char* hidden) {
    file_ = Descriptor(::openat(folder_->descriptor(), hidden, flags | O_CREAT | O_EXCL, mode));
    return file_.valid();
  });
}

NewFile::NewFile(NewFile&& other) noexcept
    : folder_(other.folder_),
      name_(std::move(other.name_)),
      file_(std::move(other.file_)),
      hidden_(std::exchange(other.hidden_, {})) {}

NewFile::~NewFile() {
  if (!hidden_.empty()) folder_->Remove(hidden_);
}

Result<void> NewFile::WriteAt(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count =
        ::pwrite64(file_.get(), bytes.data(), std::min(bytes.size(), kLargestWrite),
                   static_cast<off64_t>(offset));
    if (count > 0) {
      offset += static_cast<std::uint64_t>(count);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      return Failure(Rule::kSaveWriteFailed, count == 0 ? EIO : errno, offset);
    }
  }
  return {};
}

Result<void> NewFile::WriteAt(std::uint64_t offset,
                              std::span<const std::span<const std::byte>> pieces) {
  std::array<iovec, kMaxPieces> vectors{};
  const std::size_t count = std::min(pieces.size(), kMaxPieces);
  for (std::size_t i = 0; i < count; ++i) {
    vectors[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
  }
  const ssize_t written = ::pwritev64(file_.get(), vectors.data(), static_cast<int>(count),
                                      static_cast<off64_t>(offset));
  // The rest is written piece by piece, which also finds the reason for a failure.
  std::size_t done = written > 0 ? static_cast<std::size_t>(written) : 0;
  for (const std::span<const std::byte> piece : pieces) {
    const std::size_t skip = std::min(done, piece.size());
    done -= skip;
    TENSORGATE_TRY(WriteAt(offset + skip, piece.subspan(skip)));
    offset += piece.size();
  }
  return {};
}

Result<std::uint64_t> NewFile::CopyAt(std::uint64_t offset, int from, std::uint64_t from_offset,
                                      std::uint64_t length) {
  std::uint64_t done = 0;
  while (done < length) {
    auto in = static_cast<off64_t>(from_offset + done);
    auto out = static_cast<off64_t>(offset + done);
    const std::size_t size =
        static_cast<std::size_t>(std::min<std::uint64_t>(length - done, kLargestWrite));
    const ssize_t count = ::copy_file_range(from, &in, file_.get(), &out, size, 0);
    if (count > 0) {
      done += static_cast<std::uint64_t>(count);
    } else if (count == 0) {
      break;
    } else if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) {
      return Failure(Rule::kSaveWriteFailed, errno, offset + done);
    } else if (errno != EINTR) {
      break;  // not supported by these file systems or this kernel: the caller reads and writes
    }
  }
  return done;
}

Result<void> NewFile::Sync() {
  while (::fsync(file_.get()) != 0) {
    if (errno != EINTR) return Failure(Rule::kSaveWriteFailed, errno);
  }
  return {};
}

Result<void> NewFile::Close() {
  if (!file_.valid()) return {};
  if (hidden_.empty()) {
    const std::string nameless = ProcessPath(file_.get());
    const Result<void> named = TakeHiddenName([&](const char* hidden) {
      return ::linkat(AT_FDCWD, nameless.c_str(), folder_->descriptor(), hidden,
                      AT_SYMLINK_FOLLOW) == 0;
    });
    if (!named) return named;
  }
  // Network file systems report here that the disk is full.
  if (::close(file_.Release()) != 0 && errno != EINTR) {
    return Failure(Rule::kSaveWriteFailed, errno);
  }
  return {};
}

Result<void> NewFile::Commit() {
  TENSORGATE_TRY(Close());
  const int folder = folder_->descriptor();
  if (::renameat(folder, hidden_.c_str(), folder, name_.c_str()) != 0) {
    return Failure(Rule::kSaveCreateFailed, errno);
  }
  hidden_.clear();
  return {};
}

}  // namespace tensorgate::internal
