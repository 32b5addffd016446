// Ctrl-C and other signals in calls that take long.
#ifndef TENSORGATE_PYTHON_INTERRUPT_H_
#define TENSORGATE_PYTHON_INTERRUPT_H_

#include <nanobind/nanobind.h>

#include <chrono>
#include <cstdint>
#include <functional>

namespace tensorgate::python {

/// A progress function that runs Python's signal handlers ten times a second, and ends the call if
/// one raises. Not more often: another thread may hold the interpreter for milliseconds.
inline std::function<bool(std::uint64_t, std::uint64_t)> RunSignalHandlers() {
  using Clock = std::chrono::steady_clock;
  return [last = Clock::now()](std::uint64_t, std::uint64_t) mutable {
    const Clock::time_point now = Clock::now();
    if (now - last < std::chrono::milliseconds(100)) return true;
    last = now;
    const nanobind::gil_scoped_acquire held;
    return PyErr_CheckSignals() == 0;
  };
}

/// Raises what a handler raised when there was nothing left to end.
inline void RaisePending() {
  if (PyErr_Occurred() != nullptr) throw nanobind::python_error();
}

}  // namespace tensorgate::python

#endif  // TENSORGATE_PYTHON_INTERRUPT_H_
