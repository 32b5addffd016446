// Whether a check may go on: its deadline, and what its caller says.
#ifndef TENSORGATE_BASE_INTERRUPT_H_
#define TENSORGATE_BASE_INTERRUPT_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>

#include "tensorgate/limits.h"
#include "tensorgate/rules.h"

namespace tensorgate::internal {

/// Many threads may ask; the caller's function is called on the one that made or last claimed this.
class Interrupt {
 public:
  /// Never ends anything.
  Interrupt() = default;
  /// `options` must outlive it.
  explicit Interrupt(const CheckOptions& options);

  /// For calls that the caller makes one after the other, perhaps on several threads.
  void Claim() { thread_ = std::this_thread::get_id(); }

  /// The rule by which the check must end; from then on always that one.
  std::optional<Rule> Ended() { return options_ == nullptr ? std::nullopt : Ask(); }

 private:
  enum State : std::uint8_t { kRuns, kLate, kCancelled };
  std::optional<Rule> Ask();
  State Look() const;

  const CheckOptions* options_ = nullptr;  // null: there is nothing to be asked
  std::thread::id thread_;
  std::atomic<State> state_ = kRuns;
};

/// One of the rules by which an Interrupt ends a check.
constexpr bool IsInterrupt(Rule rule) {
  return rule == Rule::kLimitTime || rule == Rule::kUseCancelled;
}

/// Passes on the `every`-th of many calls: asking costs more than a step of a loop.
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
