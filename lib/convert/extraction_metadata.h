// What the metadata of a written file say about an extraction.
#ifndef TENSORGATE_CONVERT_EXTRACTION_METADATA_H_
#define TENSORGATE_CONVERT_EXTRACTION_METADATA_H_

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensorgate/extraction.h"
#include "tensorgate/save.h"

namespace tensorgate::internal {

/// Adds nothing if no file was extracted from. Throws std::bad_alloc, and what `sha256` throws.
void AddExtractionMetadata(const std::vector<Extraction>& extractions,
                           const std::function<std::string(std::span<const std::byte>)>& sha256,
                           Metadata& metadata);

/// True for keys that the converter writes: no name of a tensor is recorded under them.
bool IsOwnKey(std::string_view key);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CONVERT_EXTRACTION_METADATA_H_
