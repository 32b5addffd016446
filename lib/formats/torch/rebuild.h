// The meaning of the names in a checkpoint: a schema of arguments for each call, tensors as views
// of storages, and no code.
//
//   torch::internal::Rebuild rebuild(torch::internal::Form::kZip);
//   pickle::Machine machine(bytes, rebuild, options);
//   const pickle::Outcome outcome = machine.Run();
//   for (const torch::internal::TensorValue& tensor : rebuild.tensors()) …  // a value of kind kTensor holds its number
//
// Tensors are listed in the order of rebuilding, including those that are not in the result.
// Storages are listed once per key. Texts are views of the pickle.
#ifndef TENSORGATE_FORMATS_TORCH_REBUILD_H_
#define TENSORGATE_FORMATS_TORCH_REBUILD_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/pod_buffer.h"
#include "lib/containers/pickle/machine.h"
#include "lib/formats/torch/scalar.h"
#include "tensorgate/trust.h"

namespace tensorgate::torch::internal {

/// Maximum size of a storage or a tensor: PyTorch uses signed 64-bit sizes.
inline constexpr std::uint64_t kMaxBytes = INT64_MAX;

/// How a container names storages.
enum class Form : std::uint8_t {
  kZip,     ///< ('storage', type, key, location, numel)
  kLegacy,  ///< … and a view of the storage, or None.
};

/// A storage, as named by a persistent id. Its bytes are elsewhere: in the record `data/<key>`, or
/// after the stream's pickles.
struct StorageValue {
  std::string_view key, location;
  ScalarType dtype{};  ///< kUint8 if untyped.
  bool untyped = false;
  std::uint64_t numel = 0;
  std::uint64_t bytes = 0;   ///< numel * size of an element; at most 2^63-1.
  std::uint64_t offset = 0;  ///< Offset in the pickle of the opcode that names it.
};

/// A view of one storage.
struct TensorValue {
  std::uint32_t storage = 0;  ///< Index into storages().
  ScalarType dtype{};
  bool requires_grad = false;
  bool is_parameter = false;
  std::uint64_t offset = 0;  ///< Position of the first element, in elements.
  std::uint64_t elements = 0;
  pickle::Value shape,
      stride;               ///< Tuples of non-negative integers, in elements, with equal lengths.
  std::uint64_t place = 0;  ///< Offset in the pickle of the call that created it.
};

/// The distance from a tensor's first element to its last, in elements. It is inside its storage, so
/// nothing overflows. Requires that it has elements.
std::uint64_t LastElement(const pickle::Values& values, const TensorValue& tensor);

class Rebuild final : public pickle::Policy {
 public:
  explicit Rebuild(Form form, TrustList trusted = {}) : form_(form), trusted_(std::move(trusted)) {}

  std::span<const TensorValue> tensors() const { return tensors_.span(); }
  std::span<const StorageValue> storages() const { return storages_.span(); }
  /// After a complete run: the index in storages() of a value of kind kStorage.
  std::uint32_t StorageOf(const pickle::Value& value) const {
    return unified_[static_cast<std::size_t>(value.bits)];
  }
  /// A tensor whose hooks are not None, and those hooks: what a tensor leads to.
  struct Hooked {
    std::uint32_t tensor;
    pickle::Value hooks;
  };
  std::span<const Hooked> hooked() const { return hooked_.span(); }

  std::optional<pickle::Value> Find(pickle::Machine& machine, std::string_view module,
                                    std::string_view name, bool& alias) override;
  std::optional<pickle::Value> Call(pickle::Machine& machine, pickle::Global function,
                                    const pickle::Value& arguments) override;
  std::optional<pickle::Value> New(pickle::Machine& machine, pickle::Global type,
                                   const pickle::Value& arguments) override;
  bool Build(pickle::Machine& machine, const pickle::Value& target,
             const pickle::Value& state) override;
  std::optional<pickle::Value> Persistent(pickle::Machine& machine,
                                          const pickle::Value& id) override;
  void Expect(std::size_t bytes) override;
  bool Finish(pickle::Machine& machine) override;
  bool OnlyCreates(pickle::Global function) const override;

 private:
  std::optional<pickle::Value> Tensor(pickle::Machine& machine,
                                      std::span<const pickle::Value> arguments, int version);
  std::optional<pickle::Value> Parameter(pickle::Machine& machine,
                                         std::span<const pickle::Value> arguments, bool state);
  bool Hooks(pickle::Machine& machine, const pickle::Value& hooks);
  pickle::Value Add(const TensorValue& tensor, const pickle::Value& hooks);
  bool View(pickle::Machine& machine, TensorValue& tensor, const StorageValue& storage);
  bool ReadStorage(pickle::Machine& machine, std::span<const pickle::Value> id,
                   StorageValue& storage);
  bool UnifyStorages(pickle::Machine& machine);
  // A name of the trust list: NumPy's, then those of the entries, by the index of the name's first
  // entry.
  std::optional<pickle::Value> FindTrusted(pickle::Machine& machine, std::string_view module,
                                           std::string_view name);
  void AddTrusted(pickle::Machine& machine, std::size_t number, std::string full);
  std::optional<pickle::Value> Numpy(pickle::Machine& machine, std::size_t place,
                                     const pickle::Value& arguments);
  /// A call allowed by an entry of the trust list; `place` is the index of the name's first entry.
  std::optional<pickle::Value> Trusted(pickle::Machine& machine, std::size_t place, bool reduce,
                                       const pickle::Value& arguments);
  // For a machine that follows foreign values.
  std::optional<pickle::Value> FindOpen(std::string_view module, std::string_view name);
  std::optional<pickle::Value> CallOpen(pickle::Machine& machine, pickle::Global function,
                                        const pickle::Value& arguments);
  std::optional<pickle::Value> MakeParameter(pickle::Machine& machine,
                                             std::span<const pickle::Value> arguments);
  std::optional<pickle::Value> FromType(pickle::Machine& machine, pickle::Global function,
                                        const pickle::Value& arguments);

  Form form_;
  TrustList trusted_;
  std::vector<bool> used_;  // names of it that are used, by their numbers
  tensorgate::internal::PodBuffer<pickle::Value> numpy_;  // must have their states at the end
  tensorgate::internal::PodBuffer<TensorValue> tensors_;
  // While the machine runs, one for each persistent id.
  tensorgate::internal::PodBuffer<StorageValue> storages_;
  tensorgate::internal::PodBuffer<pickle::Value> hooks_;  // must still be empty at the end
  tensorgate::internal::PodBuffer<Hooked> hooked_;
  tensorgate::internal::PodBuffer<std::uint32_t> unified_;  // the index of each id's storage
};

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_REBUILD_H_
