// Base64.
#ifndef TENSORGATE_BASE_BASE64_H_
#define TENSORGATE_BASE_BASE64_H_

#include <string>
#include <string_view>

namespace tensorgate::internal {

/// RFC 4648, with padding. Throws std::bad_alloc.
std::string Base64(std::string_view bytes);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_BASE64_H_
