#include "tensorgate/model_file.h"

#include <cstdlib>

namespace tensorgate {

bool ModelFile::is_named(std::size_t) const { return true; }

MetadataEntry ModelFile::metadata(std::size_t) const { std::abort(); }

std::optional<MetadataValue> ModelFile::FindMetadata(std::string_view) const {
  return std::nullopt;
}

void ModelFile::Describe(Describer&) const {}

void ModelFile::DescribeTensor(std::size_t, Describer&) const {}

}  // namespace tensorgate
