#include "cli/output.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "lib/source/system_error.h"
#include "tensorgate/render.h"

namespace tensorgate::cli {
namespace {

constexpr std::size_t kBuffer = 1 << 16;

// The file behind a link is replaced, not the link.
std::string Resolve(const std::string& path) {
  char* real = ::realpath(path.c_str(), nullptr);
  if (real == nullptr) return path;
  std::string resolved(real);
  std::free(real);
  return resolved;
}

std::string Folder(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == path.npos ? "." : path.substr(0, slash + 1);
}

}  // namespace

Output::Output(const std::string& path) : path_(path) {
  buffer_.reserve(kBuffer);
  if (path.empty()) {
    descriptor_ = STDOUT_FILENO;
  } else {
    Open();
  }
}

void Output::Open() {
  path_ = Resolve(path_);
  struct stat status;
  if (::stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    // A device or FIFO cannot be replaced by a file; it is written to.
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor_ < 0) error_ = errno;
    return;
  }
  for (int attempt = 0; attempt < 100 && descriptor_ < 0; ++attempt) {
    temporary_ = path_ + ".partial-" + std::to_string(::getpid()) + "-" + std::to_string(attempt);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && errno != EEXIST) break;
  }
  if (descriptor_ < 0) {
    error_ = errno;
    temporary_.clear();
  }
}

Output::~Output() {
  if (path_.empty() || descriptor_ < 0) return;
  ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void Output::Write(std::string_view text) {
  if (error_ != 0) return;
  buffer_.append(text);
  if (buffer_.size() >= kBuffer) Flush();
}

void Output::Flush() {
  std::string_view rest = buffer_;
  while (!rest.empty() && error_ == 0) {
    const ssize_t count = ::write(descriptor_, rest.data(), rest.size());
    if (count >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
  buffer_.clear();
}

bool Output::IsTerminal() const { return descriptor_ >= 0 && ::isatty(descriptor_) == 1; }

unsigned Output::Width() const {
  winsize size{};
  if (!IsTerminal() || ::ioctl(descriptor_, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

internal::FileIdentity Output::identity() const {
  struct stat status;
  if (temporary_.empty() || ::fstat(descriptor_, &status) != 0) return {};
  return {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino)};
}

bool Output::Finish() {
  Flush();
  if (error_ == 0 && !temporary_.empty()) {
    if (::fsync(descriptor_) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
      error_ = errno;
    } else {
      temporary_.clear();
      // The new name is to survive a crash as well; where the system cannot promise it, so be it.
      const int folder = ::open(Folder(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (folder >= 0) {
        static_cast<void>(::fsync(folder));
        ::close(folder);
      }
    }
  }
  if (error_ == 0) return true;
  const std::string_view meaning = internal::SystemErrorText(static_cast<std::uint64_t>(error_));
  std::fprintf(stderr, "tensorgate: cannot write %s: %.*s\n",
               path_.empty() ? "standard output" : EscapeForText(path_).c_str(),
               static_cast<int>(meaning.size()), meaning.data());
  return false;
}

}  // namespace tensorgate::cli
