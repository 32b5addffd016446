#include "lib/source/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/source/beneath.h"
#include "lib/source/descriptor.h"
#include "lib/source/folder.h"

namespace tensorgate::internal {
namespace {

// Each level uses one descriptor; a folder nested more deeply is reported instead of entered.
constexpr std::size_t kMaxDepth = 256;
constexpr int kOpenFlags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;

Status Plain(Rule rule) { return {.rule = rule, .system_error = 0, .offset = 0, .found = 0}; }

FileIdentity IdentityOf(const struct stat& status) {
  return {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino)};
}

// How absolute links may refer to the walked folder: by the given path, and by its path without
// links.
std::vector<std::string> RootsOf(int folder, std::string named) {
  while (named.ends_with('/')) named.pop_back();
  return {PathOf(folder), std::move(named)};
}

struct OpenFolder {
  Descriptor descriptor;
  FileIdentity identity;
  std::size_t path_length;  // of the folder's own path
  FolderNames names;
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
  int Holding() const { return folders_.empty() ? -1 : folders_.back().descriptor.get(); }
  bool Fail(const Status& status) { return visit_(path_, Holding(), std::unexpected(status)); }

  const WalkOptions& options_;
  const Visit& visit_;
  std::string path_;
  std::vector<std::string> roots_;  // paths of the given folder, found on first use
  std::vector<OpenFolder> folders_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> entered_;  // only if links are followed
};

bool Walker::Start(const std::string& path) {
  path_ = path;
  if (path.find('\0') != path.npos) return Fail(OpenFailed(EINVAL));
  Descriptor descriptor(::open(path.c_str(), kOpenFlags));
  if (!descriptor.valid()) return Fail(NotOpened(AT_FDCWD, path.c_str(), OpenFailed(errno)));
  return Opened(std::move(descriptor)) && Run();
}

bool Walker::Run() {
  while (!folders_.empty()) {
    OpenFolder& folder = folders_.back();
    if (folder.next == folder.names.list.size()) {
      folders_.pop_back();
      continue;
    }
    const FolderNames::Name entry = folder.names.list[folder.next++];
    const std::string_view name = folder.names.At(entry);
    path_.resize(folder.path_length);
    if (!path_.ends_with('/')) path_ += '/';
    path_ += name;
    if (!Entry(folder.descriptor.get(), name.data(), entry.type)) return false;
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
  // Opening a device can have side effects.
  if (type != DT_REG && type != DT_DIR) return Fail(Plain(Rule::kIoNotRegular));
  Descriptor descriptor(::openat(folder, name, kOpenFlags | O_NOFOLLOW));
  if (!descriptor.valid()) return Fail(OpenFailed(errno));
  return Opened(std::move(descriptor));
}

bool Walker::Link(int folder, const char* name) {
  if (options_.follow_links) {
    Descriptor descriptor(::openat(folder, name, kOpenFlags));
    if (!descriptor.valid()) return Fail(NotOpened(folder, name, OpenFailed(errno)));
    return Opened(std::move(descriptor));
  }
  std::vector<int> way;
  for (const OpenFolder& each : folders_) way.push_back(each.descriptor.get());
  if (roots_.empty()) roots_ = RootsOf(way.front(), path_.substr(0, folders_[0].path_length));
  Result<Descriptor> found = OpenBeneath(way, roots_, name);
  if (!found && found.error().rule == Rule::kIoLinkNotFollowed) found = OpenHubBlob(folder, name);
  if (!found) return Fail(NotOpened(folder, name, found.error()));
  const Result<FileSource> file = FileSource::FromDescriptor(found->get());
  return file ? Opened(std::move(*found)) : Fail(file.error());
}

bool Walker::Opened(Descriptor descriptor) {
  struct stat status;
  if (::fstat(descriptor.get(), &status) != 0) return Fail(OpenFailed(errno));
  if (S_ISDIR(status.st_mode)) return Enter(std::move(descriptor), status);
  if (IdentityOf(status) == options_.skip) return true;
  // The source borrows the descriptor; it is closed when the visit is over.
  return visit_(path_, Holding(), Hold(FileSource::FromDescriptor(descriptor.get())));
}

bool Walker::Enter(Descriptor descriptor, const struct stat& status) {
  const FileIdentity identity = IdentityOf(status);
  if (options_.follow_links) {
    for (const OpenFolder& above : folders_) {
      if (above.identity == identity) return Fail(Plain(Rule::kIoLinkNotFollowed));  // a loop
    }
    // Reached a second time by another path: its files were already visited.
    if (!entered_.emplace(identity.device, identity.inode).second) return true;
  }
  if (folders_.size() >= kMaxDepth) return Fail(OpenFailed(ENAMETOOLONG));
  FolderNames names;
  const int error = ListFolder(descriptor.get(), names);
  // A partial listing would silently skip files.
  if (error != 0) {
    if (!Fail(OpenFailed(error))) return false;
    if (names.list.empty()) return true;
  }
  folders_.push_back({std::move(descriptor), identity, path_.size(), std::move(names)});
  return true;
}

}  // namespace

bool Walk(const std::string& path, const WalkOptions& options, const Visit& visit) {
  return Walker(options, visit).Start(path);
}

}  // namespace tensorgate::internal
