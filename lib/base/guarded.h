// Catches all exceptions: no call of the library throws.
#ifndef TENSORGATE_BASE_GUARDED_H_
#define TENSORGATE_BASE_GUARDED_H_

#include <expected>
#include <new>

#include "tensorgate/status.h"

namespace tensorgate::internal {

/// Returns what `body` returns. If memory runs out, or a caller's callback or source throws,
/// returns a status.
template <typename Body>
auto Guarded(const Body& body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return std::unexpected(Status{.rule = Rule::kIoOutOfMemory});
  } catch (...) {
    return std::unexpected(Status{.rule = Rule::kIoReadFailed});
  }
}

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_GUARDED_H_
