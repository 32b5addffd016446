#include "lib/source/system_error.h"

#include <cstring>

namespace tensorgate::internal {

std::string_view SystemErrorText(std::uint64_t error) {
#if defined(__GLIBC__) && defined(_GNU_SOURCE) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 32)
  // Unlike strerror: no locale, no shared buffer.
  if (error != 0 && error <= 0xFFFF) {
    const char* text = ::strerrordesc_np(static_cast<int>(error));
    if (text != nullptr) return text;
  }
#endif
  return {};
}

}  // namespace tensorgate::internal
