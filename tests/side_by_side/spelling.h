// Different spellings of the same JSON, and of text that is almost JSON: shared by the generator
// and the mutations.
#ifndef TENSORGATE_TESTS_SIDE_BY_SIDE_SPELLING_H_
#define TENSORGATE_TESTS_SIDE_BY_SIDE_SPELLING_H_

#include <string>
#include <string_view>

#include "random.h"

namespace tensorgate::mutator {

inline constexpr std::string_view kDTypeNames[] = {
    "BOOL",    "F4",          "F6_E2M3",     "F6_E3M2", "U8",  "I8",  "F8_E5M2", "F8_E4M3",
    "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I16",     "U16", "F16", "BF16",    "I32",
    "U32",     "F32",         "C64",         "F64",     "I64", "U64"};
inline constexpr unsigned kDTypeBits[] = {8,  4,  6,  6,  8,  8,  8,  8,  8,  8,  8,
                                          16, 16, 16, 16, 32, 32, 32, 64, 64, 64, 64};

/// `text` as a JSON string. With `fancy`, some characters are escaped needlessly.
std::string Quote(std::string_view text, Random& random, bool fancy);
/// One character inside a string as \uXXXX, with hex digits of either case. ASCII only.
std::string EscapeAscii(char c, Random& random);
/// JSON white space, possibly none.
std::string Space(Random& random);
/// Any JSON value of a few levels.
std::string RandomValue(Random& random, int levels);
/// `depth` nested containers.
std::string Nested(std::size_t depth, Random& random);
std::string RandomName(Random& random);
/// Text that is allowed in a string, and text that is not.
std::string_view HostileStringPiece(Random& random);

}  // namespace tensorgate::mutator

#endif  // TENSORGATE_TESTS_SIDE_BY_SIDE_SPELLING_H_
