// What serde_json, the JSON library of the safetensors reference, makes of numbers that need a
// double.
#ifndef TENSORGATE_JSON_NUMBER_H_
#define TENSORGATE_JSON_NUMBER_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace tensorgate::json {

/// Whether serde_json (1.0, default features) reads `number`, a well-formed JSON number, as a
/// finite value.
bool SerdeReadsFinite(std::string_view number);

/// Numbers whose exponent Boost before 1.83 cannot hold, in JSON that is well-formed but for them:
/// judges each by SerdeReadsFinite and overwrites the exponents of the finite ones (negative ones by
/// -999999999, others by zero), so that they can be read and are still finite. Returns where a
/// number stands that is not finite; nothing is changed behind it.
std::optional<std::size_t> ClampExponents(std::span<char> text);

}  // namespace tensorgate::json

#endif  // TENSORGATE_JSON_NUMBER_H_
