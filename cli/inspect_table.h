// The tensors of one file or of many as one table, for people and as JSON.
#ifndef TENSORGATE_CLI_INSPECT_TABLE_H_
#define TENSORGATE_CLI_INSPECT_TABLE_H_

#include <string>
#include <string_view>
#include <vector>

#include "cli/json_document.h"
#include "cli/output.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/torch.h"

namespace tensorgate::cli {

struct Listed {
  const safetensors::File* file;
  std::string_view shard;              ///< Its name; "" if it is the only file.
  const torch::File* torch = nullptr;  ///< Instead of `file`; all its tensors have dtypes.
};

/// The table and the totals by dtype; nothing if there is no tensor.
void WriteTables(Output& output, const std::vector<Listed>& files);

/// The members "tensors" and "totals" of the object that is open.
void WriteTables(JsonDocument& document, const std::vector<Listed>& files);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_INSPECT_TABLE_H_
