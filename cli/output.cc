#include "cli/output.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <utility>

#include "lib/source/system_error.h"
#include "tensorgate/render.h"

namespace tensorgate::cli {
namespace {

constexpr std::size_t kBuffer = 1 << 16;

// What a link leads to is replaced, not the link.
std::string Resolve(const std::string& path) {
  char* real = ::realpath(path.c_str(), nullptr);
  if (real == nullptr) return path;
  std::string resolved(real);
  std::free(real);
  return resolved;
}

}  // namespace

bool UsesColor(const Options& options, int descriptor) {
  if (options.color != Options::Color::kAuto) return options.color == Options::Color::kAlways;
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org
  const char* terminal = std::getenv("TERM");
  return (no_color == nullptr || *no_color == '\0') && descriptor >= 0 &&
         ::isatty(descriptor) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
}

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
  Result<internal::NewFileFolder> folder = internal::NewFileFolder::OpenFor(path_);
  if (!folder) return Fail(folder.error());
  folder_ = std::move(*folder);
  Result<internal::NewFile> file = internal::NewFile::Create(*folder_, internal::FileNameOf(path_));
  if (!file) return Fail(file.error());
  file_.emplace(std::move(*file));
}

void Output::Fail(const Status& status) {
  error_ = status.system_error != 0 ? status.system_error : EINVAL;
}

Output::~Output() {
  if (!path_.empty() && descriptor_ >= 0) ::close(descriptor_);
}

void Output::Write(std::string_view text) {
  if (error_ != 0) return;
  buffer_.append(text);
  if (buffer_.size() >= kBuffer) Flush();
}

void Output::Flush() {
  std::string_view rest = buffer_;
  if (file_ && error_ == 0) {
    const Result<void> written = file_->WriteAt(written_, std::as_bytes(std::span(rest)));
    if (!written) Fail(written.error());
    written_ += rest.size();
    rest = {};
  }
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

TextOptions Output::Text(const Options& options) const {
  return {.verbose = options.verbose, .color = UsesColor(options, descriptor_), .width = Width()};
}

FileIdentity Output::identity() const {
  struct stat status;
  if (!file_ || ::fstat(file_->descriptor(), &status) != 0) return {};
  return {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino)};
}

bool Output::Finish() {
  Flush();
  if (error_ == 0 && file_) {
    Result<void> done = file_->Sync();
    if (done) done = file_->Commit();
    if (done) {
      folder_->Sync();
    } else {
      Fail(done.error());
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
