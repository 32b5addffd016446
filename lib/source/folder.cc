#include "lib/source/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/source/beneath.h"

namespace tensorgate::internal {
namespace {

constexpr int kFileFlags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
constexpr int kFolderFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;

std::unexpected<Status> Fail(const Status& status) { return std::unexpected(status); }

Status Plain(Rule rule) { return {.rule = rule, .system_error = 0, .offset = 0, .found = 0}; }

bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

Descriptor OpenBlobAt(int folder, std::string_view target) {
  constexpr std::string_view kUp = "../", kBlobs = "blobs/";
  std::string up;
  while (target.starts_with(kUp)) {
    up += kUp;
    target.remove_prefix(kUp.size());
  }
  if (up.size() < 2 * kUp.size() || !target.starts_with(kBlobs)) return {};
  const std::string blob(target.substr(kBlobs.size()));
  if (blob.empty() || blob.find('/') != blob.npos || blob == "." || blob == "..") return {};
  // The folder this many levels up must contain both this very snapshots folder and blobs. Names of
  // folders are taken from the system, not from the given path.
  const Descriptor repository(::openat(folder, up.c_str(), kFolderFlags));
  const Descriptor below(::openat(folder, up.substr(kUp.size()).c_str(), kFolderFlags));
  struct stat snapshots, reached;
  if (!repository.valid() || !below.valid() || ::fstat(below.get(), &reached) != 0 ||
      ::fstatat(repository.get(), "snapshots", &snapshots, AT_SYMLINK_NOFOLLOW) != 0 ||
      !SameFile(snapshots, reached)) {
    return {};
  }
  const Descriptor blobs(::openat(repository.get(), "blobs", kFolderFlags | O_NOFOLLOW));
  if (!blobs.valid()) return {};
  return Descriptor(::openat(blobs.get(), blob.c_str(), kFileFlags | O_NOFOLLOW));
}

Result<FileSource> OpenFollowing(int folder, const char* name) {
  struct stat status;
  if (::fstatat(folder, name, &status, 0) != 0) {
    return Fail(NotOpened(folder, name, OpenFailed(errno)));
  }
  // Opening a device can have side effects.
  if (!S_ISREG(status.st_mode)) return Fail(Plain(Rule::kIoNotRegular));
  Descriptor file(::openat(folder, name, kFileFlags));
  if (!file.valid()) return Fail(OpenFailed(errno));
  return FileSource::Own(file.Release());
}

// Opens the file `name` in the last of these folders, or the one that a permitted link leads to.
Result<FileSource> OpenLast(std::span<const int> way, const char* name) {
  const std::string root = PathOf(way.front());
  Result<Descriptor> file = OpenBeneath(way, std::span(&root, 1), name);
  const bool link = !file && file.error().rule == Rule::kIoLinkNotFollowed;
  if (link) file = OpenHubBlob(way.back(), name);
  if (!file) return Fail(NotOpened(way.back(), name, file.error()));
  return FileSource::Own(file->Release());
}

}  // namespace

Status OpenFailed(int error) {
  // ENXIO: a socket, or a FIFO without a reader.
  const Rule rule = error == ENXIO ? Rule::kIoNotRegular : Rule::kIoOpenFailed;
  return {.rule = rule, .system_error = error, .offset = 0, .found = 0};
}

Status NotOpened(int folder, const char* name, const Status& status) {
  struct stat link, target;
  const bool dangling = ::fstatat(folder, name, &link, AT_SYMLINK_NOFOLLOW) == 0 &&
                        S_ISLNK(link.st_mode) && ::fstatat(folder, name, &target, 0) != 0 &&
                        errno == ENOENT;
  if (!dangling) return status;
  return {.rule = Rule::kIoLinkDangling, .system_error = ENOENT, .offset = 0, .found = 0};
}

int ListFolder(int folder, FolderNames& names) {
  const int descriptor = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  DIR* stream = ::fdopendir(descriptor);
  if (stream == nullptr) {
    const int error = errno;
    ::close(descriptor);
    return error != 0 ? error : ENOMEM;  // a failed listing must not look like an empty one
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> closed(stream,
                                                   [](DIR* open) { return ::closedir(open); });
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    names.list.push_back({names.text.size(), name.size(), entry->d_type});
    names.text.append(name).push_back('\0');
    errno = 0;
  }
  const int error = errno;
  std::ranges::sort(names.list, [&](const FolderNames::Name& a, const FolderNames::Name& b) {
    return names.At(a) < names.At(b);  // as unsigned bytes
  });
  return error;
}

Result<Descriptor> OpenHubBlob(int folder, const char* name) {
  std::string target(4096, '\0');
  const ssize_t length = ::readlinkat(folder, name, target.data(), target.size());
  if (length < 0) return Fail(OpenFailed(errno));
  target.resize(static_cast<std::size_t>(length));
  Descriptor blob = OpenBlobAt(folder, target);
  if (!blob.valid()) return Fail(Plain(Rule::kIoLinkNotFollowed));
  return blob;
}

Result<Folder> Folder::At(const std::string& path, bool follow_links) {
  if (path.find('\0') != path.npos) return Fail(OpenFailed(EINVAL));
  Descriptor descriptor(::open(path.c_str(), kFolderFlags));
  if (!descriptor.valid()) return Fail(OpenFailed(errno));
  return Folder(std::move(descriptor), follow_links);
}

Result<Folder> Folder::Holding(const std::string& path, bool follow_links) {
  const std::string_view last = LastPart(path);
  const std::string above = path.substr(0, path.size() - last.size());
  return At(above.empty() ? "." : above, follow_links);
}

Result<Folder> Folder::FromDescriptor(int descriptor, bool follow_links) {
  Descriptor copy(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) return Fail(OpenFailed(errno));
  return Folder(std::move(copy), follow_links);
}

Result<std::unique_ptr<Source>> Folder::Open(const std::string& name) const {
  if (name.find('\0') != name.npos) return Fail(OpenFailed(EINVAL));
  if (follow_links_) return Hold(OpenFollowing(descriptor_.get(), name.c_str()));
  std::vector<Descriptor> below;
  std::vector<int> way = {descriptor_.get()};
  std::size_t begin = 0;
  for (std::size_t slash; (slash = name.find('/', begin)) != name.npos; begin = slash + 1) {
    const std::string part = name.substr(begin, slash - begin);
    struct stat status;
    if (::fstatat(way.back(), part.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return Fail(OpenFailed(errno));
    }
    if (S_ISLNK(status.st_mode)) return Fail(Plain(Rule::kIoLinkNotFollowed));
    Descriptor next(::openat(way.back(), part.c_str(), kFolderFlags | O_NOFOLLOW));
    if (!next.valid()) return Fail(OpenFailed(errno));
    below.push_back(std::move(next));
    way.push_back(below.back().get());
  }
  return Hold(OpenLast(way, name.c_str() + begin));
}

Result<FolderNames> Folder::List() const {
  FolderNames names;
  const int error = ListFolder(descriptor_.get(), names);
  if (error == ENOMEM) throw std::bad_alloc();
  if (error != 0) return Fail(OpenFailed(error));
  return names;
}

std::string_view LastPart(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

}  // namespace tensorgate::internal
