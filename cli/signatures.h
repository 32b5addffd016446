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

/// The compression of these `size` bytes, such as "gzip"; "" if none is recognized.
std::string_view CompressedBy(std::string_view text, std::uint64_t size);

/// Why the contents of a ZIP member cannot be searched; "" if they are stored uncompressed.
std::string_view HiddenBy(const zip::internal::CommonFields& fields);

/// A member as writers of archives make them. Programs have the signatures of headers among their constants.
bool IsUsual(const zip::internal::CommonFields& fields, std::string_view name);

/// The length of the header of a NumPy array of objects; 0 if this is not one.
std::size_t ObjectHeader(std::string_view text);

/// An opcode that names something begins here: GLOBAL, INST, or two texts for a STACK_GLOBAL that follows.
bool SpellsGlobal(std::string_view text);

/// PROTO of a protocol that exists.
bool IsProto(std::string_view text);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_SIGNATURES_H_
