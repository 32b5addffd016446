// Uninitialized storage for trivial types that grows and shrinks in place if the allocator can: a
// header of 100 MB leads to records of 60 MB, which std::vector would copy and clear.
#ifndef TENSORGATE_BASE_POD_BUFFER_H_
#define TENSORGATE_BASE_POD_BUFFER_H_

#include <cstddef>
#include <cstdlib>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "lib/base/huge_pages.h"
#include "lib/base/raw_bytes.h"

TENSORGATE_RAW_BYTES_BEGIN
namespace tensorgate::internal {

template <typename T>
class PodBuffer {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  PodBuffer() = default;
  PodBuffer(PodBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  PodBuffer& operator=(PodBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~PodBuffer() { std::free(data_); }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::size_t capacity() const { return capacity_; }

  T& operator[](std::size_t index) {
    if (index >= size_) std::abort();
    return data_[index];
  }
  const T& operator[](std::size_t index) const {
    if (index >= size_) std::abort();
    return data_[index];
  }
  std::span<T> span() { return {data_, size_}; }
  std::span<const T> span() const { return {data_, size_}; }

  /// Throws std::bad_alloc.
  void Reserve(std::size_t capacity) {
    if (capacity > capacity_) Reallocate(capacity);
  }
  /// The same for about this many elements, in whole huge pages: for temporary blocks that are
  /// filled at once.
  void Expect(std::size_t capacity) {
    Reserve(capacity < kMax ? WithWholeHugePages(capacity * sizeof(T)) / sizeof(T) : capacity);
  }
  /// New elements are uninitialized. Throws std::bad_alloc.
  void Resize(std::size_t size) {
    Reserve(size);
    size_ = size;
  }
  /// Sets all elements to zero; the old contents are lost. Throws std::bad_alloc.
  void AssignZero(std::size_t size) {
    T* data = static_cast<T*>(std::calloc(size == 0 ? 1 : size, sizeof(T)));
    if (data == nullptr) throw std::bad_alloc();
    std::free(data_);
    data_ = data;
    size_ = capacity_ = size;
    Advise();
  }
  void PushBack(const T& value) {
    if (size_ == capacity_) [[unlikely]] {
      Grow();
    }
    data_[size_++] = value;
  }
  /// The element after the last, uninitialized, to be filled in place. Throws std::bad_alloc.
  T& Spare() {
    if (size_ == capacity_) [[unlikely]] {
      Grow();
    }
    return data_[size_];
  }
  /// Adds the spare element, which must exist.
  void AddSpare() { ++size_; }
  /// Releases unused memory. Never throws: a block that cannot be shrunk stays.
  void ShrinkToFit() {
    if (size_ == capacity_) return;
    if (size_ == 0) {
      std::free(std::exchange(data_, nullptr));
      capacity_ = 0;
    } else if (void* data = std::realloc(data_, size_ * sizeof(T))) {
      data_ = static_cast<T*>(data);
      capacity_ = size_;
    }
  }
  void Clear() {
    size_ = 0;
    ShrinkToFit();
  }

 private:
  static constexpr std::size_t kMax = static_cast<std::size_t>(-1) / 2 / sizeof(T);

  [[gnu::noinline, gnu::cold]] void Grow() { Reallocate(capacity_ + capacity_ / 2 + 16); }
  void Reallocate(std::size_t capacity) {
    if (capacity > kMax) throw std::bad_alloc();
    void* data = std::realloc(data_, capacity * sizeof(T));
    if (data == nullptr) throw std::bad_alloc();
    data_ = static_cast<T*>(data);
    capacity_ = capacity;
    Advise();
  }
  void Advise() {
    if (capacity_ >= kHugeBlock / sizeof(T)) AdviseHugePages(data_, capacity_ * sizeof(T));
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace tensorgate::internal
TENSORGATE_RAW_BYTES_END

#endif  // TENSORGATE_BASE_POD_BUFFER_H_
