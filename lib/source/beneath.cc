#include "lib/source/beneath.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "lib/source/folder.h"

namespace tensorgate::internal {
namespace {

constexpr int kFileFlags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW;
constexpr int kFolderFlags = O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
constexpr int kMaxLinks = 40;             // as in Linux
constexpr std::size_t kMaxFolders = 256;  // as in a walk: each uses a descriptor

std::unexpected<Status> Refuse(Rule rule) {
  return std::unexpected(Status{.rule = rule, .system_error = 0, .offset = 0, .found = 0});
}

std::unexpected<Status> Failed(int error) { return std::unexpected(OpenFailed(error)); }

Result<std::string> ReadLink(int folder, const char* name) {
  std::string target(4096, '\0');
  const ssize_t length = ::readlinkat(folder, name, target.data(), target.size());
  if (length < 0) return Failed(errno);
  target.resize(static_cast<std::size_t>(length));
  return target;
}

class Way {
 public:
  Way(std::span<const int> folders, std::span<const std::string> roots, std::string_view name)
      : given_(folders), roots_(roots), rest_(name), depth_(folders.size()) {}

  Result<Descriptor> Open() {
    while (true) {
      const std::string_view part = NextPart();
      // The path ends at a folder.
      if (part.empty()) {
        return Refuse(links_ == 0 ? Rule::kIoNotRegular : Rule::kIoLinkNotFollowed);
      }
      if (part == ".") continue;
      if (part == "..") {
        if (!Up()) return Refuse(Rule::kIoLinkNotFollowed);
        continue;
      }
      const std::string name(part);
      struct stat status;
      if (::fstatat(Here(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return Failed(errno);
      if (S_ISLNK(status.st_mode)) {
        TENSORGATE_TRY(Follow(name));
      } else if (S_ISDIR(status.st_mode)) {
        TENSORGATE_TRY(Enter(name));
      } else if (!rest_.empty()) {
        return Failed(ENOTDIR);
      } else {
        // Opening a device can have side effects.
        if (!S_ISREG(status.st_mode)) return Refuse(Rule::kIoNotRegular);
        Descriptor file(::openat(Here(), name.c_str(), kFileFlags));
        return file.valid() ? Result<Descriptor>(std::move(file)) : Failed(errno);
      }
    }
  }

 private:
  // Slashes after the part are kept: they mean that it must be a folder.
  std::string_view NextPart() {
    rest_.erase(0, rest_.find_first_not_of('/'));  // all of it if it is slashes
    const std::size_t length = std::min(rest_.find('/'), rest_.size());
    part_ = rest_.substr(0, length);
    rest_.erase(0, length);
    return part_;
  }

  int Here() const { return own_.empty() ? given_[depth_ - 1] : own_.back().get(); }

  bool Up() {
    if (!own_.empty()) {
      own_.pop_back();
      return true;
    }
    if (depth_ == 1) return false;
    --depth_;
    return true;
  }

  Result<void> Enter(const std::string& name) {
    if (depth_ + own_.size() >= kMaxFolders) return Failed(ENAMETOOLONG);
    Descriptor folder(::openat(Here(), name.c_str(), kFolderFlags));
    if (!folder.valid()) return Failed(errno);
    own_.push_back(std::move(folder));
    return {};
  }

  Result<void> Follow(const std::string& name) {
    if (++links_ > kMaxLinks) return Failed(ELOOP);
    std::string target = TENSORGATE_TRY(ReadLink(Here(), name.c_str()));
    if (target.starts_with('/')) {
      const std::optional<std::size_t> root = RootOf(target);
      if (!root) return Refuse(Rule::kIoLinkNotFollowed);
      target.erase(0, *root);
      own_.clear();
      depth_ = 1;
    }
    rest_.insert(0, target);
    return {};
  }

  // Length of the root at the start of an absolute path, if it starts with one.
  std::optional<std::size_t> RootOf(std::string_view path) const {
    for (const std::string& root : roots_) {
      if (!root.empty() && path.starts_with(root) &&
          (path.size() == root.size() || path[root.size()] == '/')) {
        return root.size();
      }
    }
    return std::nullopt;
  }

  std::span<const int> given_;
  std::span<const std::string> roots_;
  std::string rest_, part_;
  std::size_t depth_;            // number of given folders on the current path
  std::vector<Descriptor> own_;  // opened folders below them
  int links_ = 0;
};

}  // namespace

Result<Descriptor> OpenBeneath(std::span<const int> folders, std::span<const std::string> roots,
                               std::string_view name) {
  return Way(folders, roots, name).Open();
}

std::string PathOf(int folder) {
  Result<std::string> path = ReadLink(-1, ("/proc/self/fd/" + std::to_string(folder)).c_str());
  return path && path->starts_with('/') && *path != "/" ? *std::move(path) : std::string();
}

}  // namespace tensorgate::internal
