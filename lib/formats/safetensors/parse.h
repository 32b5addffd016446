// Parses the header's bytes into a data structure, by the grammar of the reference. Deviations from
// the plain form are noted, not judged.
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

/// Why the parse ended early. Offsets are relative to the header.
struct ParseFailure {
  Rule rule{};
  std::size_t offset = 0;
  std::optional<std::uint64_t> found, allowed;
  std::string subject;  // decoded
  std::string found_text;
};

struct ParsedHeader {
  std::uint32_t seen = 0;                // Seen
  std::uint64_t dimensions = 0;          // number of dimensions of all tensors
  std::uint64_t parameters = 0;          // number of elements of all tensors, saturating
  PodBuffer<std::uint32_t> name_hashes;  // hashes of the tensors' names
  PodBuffer<std::uint32_t> key_hashes;   // hashes of the metadata keys
  std::optional<ParseFailure> failure;
};

/// Parses `header.bytes` and fills the header's tensors, metadata, arena and padding. It may
/// overwrite digits of exponents that no accepted file has. If `interrupt` ends it, the failure has
/// only its rule. Throws std::bad_alloc.
ParsedHeader ParseHeader(Header& header, const Limits& limits,
                         tensorgate::internal::Interrupt& interrupt);

}  // namespace tensorgate::safetensors::internal

#endif  // TENSORGATE_FORMATS_SAFETENSORS_PARSE_H_
