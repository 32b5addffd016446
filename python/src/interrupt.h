// Ctrl-C and other signals during long calls.
#ifndef TENSORGATE_PYTHON_INTERRUPT_H_
#define TENSORGATE_PYTHON_INTERRUPT_H_

#include <nanobind/nanobind.h>

#include <chrono>
#include <cstdint>
#include <functional>

#include "tensorgate/limits.h"

namespace tensorgate::python {

/// Runs Python's signal handlers ten times a second. Not more often, since another thread may hold
/// the GIL for milliseconds.
class Signals {
 public:
  /// False, and from then on false, once a handler has raised.
  bool KeepGoing() {
    const Clock::time_point now = Clock::now();
    if (raised_ || now - last_ < std::chrono::milliseconds(100)) return !raised_;
    last_ = now;
    const nanobind::gil_scoped_acquire held;
    raised_ = PyErr_CheckSignals() != 0;
    return !raised_;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_ = Clock::now();
  bool raised_ = false;
};

/// A progress function that ends the call if a signal handler raises.
inline std::function<bool(std::uint64_t, std::uint64_t)> RunSignalHandlers() {
  return
      [signals = Signals()](std::uint64_t, std::uint64_t) mutable { return signals.KeepGoing(); };
}

/// Raises an exception from a signal handler that was raised too late to end the call.
inline void RaisePending() {
  if (PyErr_Occurred() != nullptr) throw nanobind::python_error();
}

template <typename Call>
auto WithoutInterpreter(Call call) {
  const nanobind::gil_scoped_release released;
  return call();
}

/// Opens without the GIL; a signal handler can end it.
template <typename Open>
auto Watched(Open open) {
  Signals signals;
  CheckOptions options;
  options.keep_going = [&signals] { return signals.KeepGoing(); };
  auto opened = WithoutInterpreter([&] { return open(options); });
  RaisePending();
  return opened;
}

}  // namespace tensorgate::python

#endif  // TENSORGATE_PYTHON_INTERRUPT_H_
