#include "lib/source/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/source/descriptor.h"

namespace tensorgate::internal {
namespace {

// Each level holds one descriptor; beyond this many a folder is reported instead of entered.
constexpr std::size_t kMaxDepth = 256;
constexpr int kOpenFlags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;

Status OpenFailed(int error) {
  // ENXIO: a socket, or a FIFO's other kind of end.
  const Rule rule = error == ENXIO ? Rule::kIoNotRegular : Rule::kIoOpenFailed;
  return {.rule = rule, .system_error = error, .offset = 0, .found = 0};
}

Status Plain(Rule rule) { return {.rule = rule, .system_error = 0, .offset = 0, .found = 0}; }

FileIdentity IdentityOf(const struct stat& status) {
  return {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino)};
}

// The names of one folder, one after the other in one block: a million of them are 30 MB.
struct Names {
  std::string text;
  struct Name {
    std::size_t offset;
    unsigned char type;
  };
  std::vector<Name> list;

  const char* At(const Name& name) const { return text.c_str() + name.offset; }
  void Sort() {
    std::ranges::sort(list, [this](const Name& a, const Name& b) {
      return std::strcmp(At(a), At(b)) < 0;  // as unsigned bytes
    });
  }
};

struct Folder {
  Descriptor descriptor;
  FileIdentity identity;
  std::size_t path_length;  // of the folder's own path
  Names names;
  std::size_t next = 0;
};

class Walker {
 public:
  Walker(const WalkOptions& options, const Visit& visit) : options_(options), visit_(visit) {}
  bool Start(const std::string& path);

 private:
  bool Run();
  bool Entry(int folder, const char* name, unsigned char type);
  bool Link(int folder, const char* name);
  bool Opened(Descriptor descriptor);
  bool Enter(Descriptor descriptor, const struct stat& status);
  bool Fail(const Status& status) { return visit_(path_, std::unexpected(status)); }

  const WalkOptions& options_;
  const Visit& visit_;
  std::string path_;
  std::vector<Folder> folders_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> entered_;  // only if links are followed
};

bool Walker::Start(const std::string& path) {
  path_ = path;
  if (path.find('\0') != path.npos) return Fail(OpenFailed(EINVAL));
  Descriptor descriptor(::open(path.c_str(), kOpenFlags));
  if (!descriptor.valid()) return Fail(OpenFailed(errno));
  return Opened(std::move(descriptor)) && Run();
}

bool Walker::Run() {
  while (!folders_.empty()) {
    Folder& folder = folders_.back();
    if (folder.next == folder.names.list.size()) {
      folders_.pop_back();
      continue;
    }
    const Names::Name entry = folder.names.list[folder.next++];
    const char* name = folder.names.At(entry);
    path_.resize(folder.path_length);
    if (!path_.ends_with('/')) path_ += '/';
    path_ += name;
    if (!Entry(folder.descriptor.get(), name, entry.type)) return false;
  }
  return true;
}

bool Walker::Entry(int folder, const char* name, unsigned char type) {
  if (type == DT_UNKNOWN) {
    struct stat status;
    if (::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return Fail(OpenFailed(errno));
    type = static_cast<unsigned char>(IFTODT(status.st_mode));
  }
  if (type == DT_LNK) return Link(folder, name);
  // Opening a device can have effects of its own.
  if (type != DT_REG && type != DT_DIR) return Fail(Plain(Rule::kIoNotRegular));
  Descriptor descriptor(::openat(folder, name, kOpenFlags | O_NOFOLLOW));
  if (!descriptor.valid()) return Fail(OpenFailed(errno));
  return Opened(std::move(descriptor));
}

// snapshots/<revision>/**/x -> ../../blobs/<hash>: opens the blob, if the folder that many levels
// up holds both this very snapshots folder and blobs. Names of folders are taken from the system,
// not from the path that was typed.
Descriptor OpenHubBlob(int folder, std::string_view target) {
  constexpr std::string_view kUp = "../", kBlobs = "blobs/";
  std::string up;
  while (target.starts_with(kUp)) {
    up += kUp;
    target.remove_prefix(kUp.size());
  }
  if (up.size() < 2 * kUp.size() || !target.starts_with(kBlobs)) return {};
  const std::string blob(target.substr(kBlobs.size()));
  if (blob.empty() || blob.find('/') != blob.npos || blob == "." || blob == "..") return {};
  constexpr int kFolder = O_PATH | O_DIRECTORY | O_CLOEXEC;
  const Descriptor repository(::openat(folder, up.c_str(), kFolder));
  const Descriptor below(::openat(folder, up.substr(kUp.size()).c_str(), kFolder));
  struct stat snapshots, reached;
  if (!repository.valid() || !below.valid() || ::fstat(below.get(), &reached) != 0 ||
      ::fstatat(repository.get(), "snapshots", &snapshots, AT_SYMLINK_NOFOLLOW) != 0 ||
      IdentityOf(snapshots) != IdentityOf(reached)) {
    return {};
  }
  const Descriptor blobs(::openat(repository.get(), "blobs", kFolder | O_NOFOLLOW));
  if (!blobs.valid()) return {};
  return Descriptor(::openat(blobs.get(), blob.c_str(), kOpenFlags | O_NOFOLLOW));
}

bool Walker::Link(int folder, const char* name) {
  if (options_.follow_links) {
    Descriptor descriptor(::openat(folder, name, kOpenFlags));
    if (!descriptor.valid()) return Fail(OpenFailed(errno));
    return Opened(std::move(descriptor));
  }
  std::string target(4096, '\0');
  const ssize_t length = ::readlinkat(folder, name, target.data(), target.size());
  if (length < 0) return Fail(OpenFailed(errno));
  target.resize(static_cast<std::size_t>(length));
  Descriptor blob = OpenHubBlob(folder, target);
  if (!blob.valid()) return Fail(Plain(Rule::kIoLinkNotFollowed));
  const Result<FileSource> file = FileSource::FromDescriptor(blob.get());
  return file ? Opened(std::move(blob)) : Fail(file.error());
}

bool Walker::Opened(Descriptor descriptor) {
  struct stat status;
  if (::fstat(descriptor.get(), &status) != 0) return Fail(OpenFailed(errno));
  if (S_ISDIR(status.st_mode)) return Enter(std::move(descriptor), status);
  if (IdentityOf(status) == options_.skip) return true;
  // The source borrows the descriptor; it is closed when the visit is over.
  return visit_(path_, FileSource::FromDescriptor(descriptor.get()));
}

bool Walker::Enter(Descriptor descriptor, const struct stat& status) {
  const FileIdentity identity = IdentityOf(status);
  if (options_.follow_links) {
    for (const Folder& above : folders_) {
      if (above.identity == identity) return Fail(Plain(Rule::kIoLinkNotFollowed));  // a loop
    }
    // By another way here a second time: its files have their lines already.
    if (!entered_.emplace(identity.device, identity.inode).second) return true;
  }
  if (folders_.size() >= kMaxDepth) return Fail(OpenFailed(ENAMETOOLONG));
  const int copy = ::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return Fail(OpenFailed(errno));
  DIR* stream = ::fdopendir(copy);
  if (stream == nullptr) {
    const int error = errno;
    ::close(copy);
    return Fail(OpenFailed(error));
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> closed(stream,
                                                   [](DIR* open) { return ::closedir(open); });
  Names names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    names.list.push_back({names.text.size(), entry->d_type});
    names.text.append(name).push_back('\0');
    errno = 0;
  }
  // A list that broke off would leave files out without a word.
  if (errno != 0 && !Fail(OpenFailed(errno))) return false;
  names.Sort();
  folders_.push_back({std::move(descriptor), identity, path_.size(), std::move(names)});
  return true;
}

}  // namespace

bool Walk(const std::string& path, const WalkOptions& options, const Visit& visit) {
  return Walker(options, visit).Start(path);
}

}  // namespace tensorgate::internal
