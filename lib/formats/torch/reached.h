// What can be reached from the values that a pickle passes to foreign code: its storages are
// tainted, since that code may change their bytes or what they are rebuilt as.
//
//   Reached reached(contents);
//   reached.Run();
//   if (reached.cause(storage) != nullptr) …  // the tensors in it are left out
#ifndef TENSORGATE_FORMATS_TORCH_REACHED_H_
#define TENSORGATE_FORMATS_TORCH_REACHED_H_

#include <cstdint>
#include <optional>

#include "lib/base/pod_buffer.h"
#include "lib/formats/torch/contents.h"

namespace tensorgate::torch::internal {

class Reached {
 public:
  /// `contents`, which must outlive it, is that of a machine that followed foreign values.
  explicit Reached(const Contents& contents);
  /// Returns false if `interrupt` ended the check.
  bool Run(tensorgate::internal::Interrupt& interrupt);

  /// The value that foreign code received and that leads to the storage; nullptr if there is none.
  const pickle::Given* cause(std::uint32_t storage) const;
  /// The object that has a tensor of the storage in its state, items or arguments.
  std::optional<std::uint32_t> holder(std::uint32_t storage) const;
  /// True if foreign code received a container, or can reach it.
  bool IsGiven(const pickle::Value& container) const;
  /// Offset in the pickle of the opcode from which on the meaning of names is unknown.
  std::optional<std::uint64_t> names_changed() const { return names_changed_; }

 private:
  using Value = pickle::Value;
  bool MarkGiven(bool code, bool taints, tensorgate::internal::Interrupt& interrupt);
  /// Marks the storages that can be reached from `from` with `mark`, as far as they have none.
  bool Mark(const Value& from, std::uint32_t mark, PodBuffer<std::uint32_t>& marks, bool names,
            tensorgate::internal::Interrupt& interrupt);
  void Push(const Value& value, bool names);
  void PushParts(const Value& value, bool names);
  void PushTensor(std::uint32_t tensor, bool names);
  void Forget();

  const Contents& contents_;
  const pickle::Values& values_;
  const pickle::ForeignValues& foreign_;
  PodBuffer<std::uint8_t> objects_, foreigns_, tensors_;  // 1: visited
  PodBuffer<std::uint8_t> given_;                         // 1: objects that were given
  PodBuffer<Value> pending_;
  PodBuffer<std::uint32_t> causes_, holders_;  // by storage: index + 1, or 0
  std::optional<std::uint64_t> names_changed_;
  std::uint64_t at_ = 0;  // offset of the opcode whose values are followed
};

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_REACHED_H_
