// How serde_json, the JSON library of the safetensors reference, reads numbers that need a double.
#ifndef TENSORGATE_JSON_NUMBER_H_
#define TENSORGATE_JSON_NUMBER_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace tensorgate::json {

/// True if serde_json (1.0, default features) reads `number`, a well-formed JSON number, as a
/// finite value.
bool SerdeReadsFinite(std::string_view number);

/// Handles exponents that are too large for Boost before 1.83, in JSON that is otherwise
/// well-formed: judges each number by SerdeReadsFinite and overwrites the exponents of the finite
/// ones (negative ones by -999999999, others by zero), so that they can be read and stay finite.
/// Returns the position of the first number that is not finite; the text after it is not changed.
std::optional<std::size_t> ClampExponents(std::span<char> text);

}  // namespace tensorgate::json

#endif  // TENSORGATE_JSON_NUMBER_H_
