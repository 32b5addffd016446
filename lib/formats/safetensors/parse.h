// The header's bytes to a structure, by the grammar of the reference. Deviations from the plain
// form are noted, not judged.
#ifndef TENSORGATE_FORMATS_SAFETENSORS_PARSE_H_
#define TENSORGATE_FORMATS_SAFETENSORS_PARSE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/interrupt.h"
#include "lib/formats/safetensors/header.h"
#include "tensorgate/limits.h"
#include "tensorgate/rules.h"

namespace tensorgate::safetensors::internal {

/// Why the parse ended early. Offsets are in the header.
struct ParseFailure {
  Rule rule{};
  std::size_t offset = 0;
  std::optional<std::uint64_t> found, allowed;
  std::string subject;  // decoded
  std::string found_text;
};

struct ParsedHeader {
  std::uint32_t seen = 0;                // Seen
  std::uint64_t dimensions = 0;          // of all tensors
  std::uint64_t parameters = 0;          // elements of all tensors, saturating
  PodBuffer<std::uint32_t> name_hashes;  // of the tensors
  PodBuffer<std::uint32_t> key_hashes;   // of the metadata
  std::optional<ParseFailure> failure;
};

/// Parses `header.bytes`, fills the header's tensors, metadata, arena and padding. May overwrite
/// digits of exponents that no accepted file has. Where `interrupt` ends it, the failure has its rule
/// alone. Throws std::bad_alloc.
ParsedHeader ParseHeader(Header& header, const Limits& limits,
                         tensorgate::internal::Interrupt& interrupt);

}  // namespace tensorgate::safetensors::internal

#endif  // TENSORGATE_FORMATS_SAFETENSORS_PARSE_H_
