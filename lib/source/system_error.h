// The meaning of the system's error numbers.
#ifndef TENSORGATE_SOURCE_SYSTEM_ERROR_H_
#define TENSORGATE_SOURCE_SYSTEM_ERROR_H_

#include <cstdint>
#include <string_view>

namespace tensorgate::internal {

/// In English whatever the locale; "" if unknown. A string literal.
std::string_view SystemErrorText(std::uint64_t error);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SOURCE_SYSTEM_ERROR_H_
