// Whether a check may continue, according to its deadline and its caller.
#ifndef TENSORGATE_BASE_INTERRUPT_H_
#define TENSORGATE_BASE_INTERRUPT_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>

#include "tensorgate/limits.h"
#include "tensorgate/rules.h"

namespace tensorgate::internal {

/// Thread-safe; the caller's function is called only on the thread that created or last claimed
/// this object.
class Interrupt {
 public:
  /// An object that never ends anything.
  Interrupt() = default;
  /// `options` must outlive it.
  explicit Interrupt(const CheckOptions& options);

  /// For a caller that calls repeatedly, perhaps from different threads: the current one is now the
  /// caller's thread.
  void Claim() { thread_ = std::this_thread::get_id(); }

  /// The rule by which the check must end; once it is set, it stays the same.
  std::optional<Rule> Ended() { return options_ == nullptr ? std::nullopt : Ask(); }

 private:
  enum State : std::uint8_t { kRuns, kLate, kCancelled };
  std::optional<Rule> Ask();
  State Look() const;

  const CheckOptions* options_ = nullptr;  // null: never ends
  std::thread::id thread_;
  std::atomic<State> state_ = kRuns;
};

/// True for the rules by which an Interrupt ends a check.
constexpr bool IsInterrupt(Rule rule) {
  return rule == Rule::kLimitTime || rule == Rule::kUseCancelled;
}

/// Lets every `every`-th call through, since asking costs more than a step of a loop.
class Pace {
 public:
  explicit Pace(std::uint32_t every) : every_(every), left_(every) {}
  bool Due() {
    if (--left_ != 0) return false;
    left_ = every_;
    return true;
  }

 private:
  std::uint32_t every_, left_;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_INTERRUPT_H_
