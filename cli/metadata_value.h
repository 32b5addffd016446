// The metadata of one file, for people and as JSON.
#ifndef TENSORGATE_CLI_METADATA_VALUE_H_
#define TENSORGATE_CLI_METADATA_VALUE_H_

#include <cstddef>
#include <string_view>

#include "cli/json_document.h"
#include "cli/output.h"
#include "tensorgate/model_file.h"

namespace tensorgate::cli {

/// A line for each entry, each after `indent`; of longer texts the first `longest` bytes.
void WriteMetadata(Output& output, const ModelFile& file, std::string_view indent,
                   std::size_t longest);

/// The member "metadata" of the object that is open.
void WriteMetadata(JsonDocument& document, const ModelFile& file);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_METADATA_VALUE_H_
