// A range over tensors: what `tensors()` of a checkpoint or a file returns.
//
//   auto checkpoint = tensorgate::Checkpoint::OpenPath("model.safetensors");
//   if (!checkpoint) return;
//   for (const tensorgate::TensorRef& tensor : checkpoint->tensors()) {
//     std::printf("%.*s\n", int(tensor.name.size()), tensor.name.data());
//   }
//
// A view: valid until the owner is moved or destroyed. Each tensor is created when the iterator is
// dereferenced, which throws std::bad_alloc if memory runs out.
#ifndef TENSORGATE_TENSOR_RANGE_H_
#define TENSORGATE_TENSOR_RANGE_H_

#include <cstddef>
#include <type_traits>

namespace tensorgate {

/// `at` is the member function that returns the tensor at an index.
template <typename Owner, auto at>
class TensorRange {
 public:
  class Iterator {
   public:
    using value_type = std::invoke_result_t<decltype(at), const Owner&, std::size_t>;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    value_type operator*() const { return (owner_->*at)(index_); }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator old = *this;
      ++*this;
      return old;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.index_ == b.index_; }

   private:
    friend class TensorRange;
    Iterator(const Owner* owner, std::size_t index) : owner_(owner), index_(index) {}
    const Owner* owner_ = nullptr;
    std::size_t index_ = 0;
  };

  TensorRange(const Owner& owner, std::size_t count) : owner_(&owner), count_(count) {}
  std::size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  Iterator begin() const { return Iterator(owner_, 0); }
  Iterator end() const { return Iterator(owner_, count_); }

 private:
  const Owner* owner_;
  std::size_t count_;
};

}  // namespace tensorgate

#endif  // TENSORGATE_TENSOR_RANGE_H_
