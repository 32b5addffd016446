// A file descriptor that closes itself.
#ifndef TENSORGATE_SOURCE_DESCRIPTOR_H_
#define TENSORGATE_SOURCE_DESCRIPTOR_H_

#include <unistd.h>

#include <utility>

namespace tensorgate::internal {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Descriptor() {
    if (valid()) ::close(descriptor_);
  }
  bool valid() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }
  /// Gives up ownership: the caller closes it.
  int Release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_ = -1;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SOURCE_DESCRIPTOR_H_
