// First bytes: of what may be, or hide, a pickle.
#ifndef TENSORGATE_CLI_SIGNATURES_H_
#define TENSORGATE_CLI_SIGNATURES_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/containers/zip/records.h"

namespace tensorgate::cli {

/// How far the end of a line is looked for that may be a name.
inline constexpr std::size_t kLongestName = 1000;

/// What compressed these data of `size` bytes: "gzip" …; "" if nothing is known to.
std::string_view CompressedBy(std::string_view text, std::uint64_t size);

/// Why the contents of a ZIP member are not there to be read; "" if they are stored as they are.
std::string_view HiddenBy(const zip::internal::CommonFields& fields);

/// A member as writers of archives make them. Programs have the signatures of headers among their constants.
bool IsUsual(const zip::internal::CommonFields& fields, std::string_view name);

/// How long the header of an array of objects is; 0 if this is none of NumPy's.
std::size_t ObjectHeader(std::string_view text);

/// An opcode that names something begins here: GLOBAL, INST, or two texts for a STACK_GLOBAL that follows.
bool SpellsGlobal(std::string_view text);

/// PROTO of a protocol that exists.
bool IsProto(std::string_view text);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_SIGNATURES_H_
