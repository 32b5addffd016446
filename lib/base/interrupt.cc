#include "lib/base/interrupt.h"

namespace tensorgate::internal {

Interrupt::Interrupt(const CheckOptions& options) : thread_(std::this_thread::get_id()) {
  const bool asks = options.deadline || options.keep_going || options.cancel != nullptr;
  if (asks) options_ = &options;
}

std::optional<Rule> Interrupt::Ask() {
  State state = state_.load(std::memory_order_relaxed);
  if (state == kRuns) {
    state = Look();
    if (state != kRuns) state_.store(state, std::memory_order_relaxed);
  }
  if (state == kRuns) return std::nullopt;
  return state == kLate ? Rule::kLimitTime : Rule::kUseCancelled;
}

Interrupt::State Interrupt::Look() const {
  if (options_->cancel != nullptr && options_->cancel->load(std::memory_order_relaxed)) {
    return kCancelled;
  }
  if (options_->keep_going && std::this_thread::get_id() == thread_) {
    try {
      if (!options_->keep_going()) return kCancelled;
    } catch (...) {
      return kCancelled;
    }
  }
  const bool late = options_->deadline && std::chrono::steady_clock::now() >= *options_->deadline;
  return late ? kLate : kRuns;
}

}  // namespace tensorgate::internal
