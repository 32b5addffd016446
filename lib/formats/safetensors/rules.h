// The rules for a parsed header: pure functions of its structure and the profile.
#ifndef TENSORGATE_FORMATS_SAFETENSORS_RULES_H_
#define TENSORGATE_FORMATS_SAFETENSORS_RULES_H_

#include <cstdint>
#include <optional>

#include "lib/formats/safetensors/header.h"
#include "lib/formats/safetensors/parse.h"
#include "lib/rules/report_builder.h"

namespace tensorgate::safetensors::internal {

/// The end of the tensors' data according to the rules, to be compared with the size of the file.
struct DataEnd {
  std::uint64_t end = 0;   // data offset
  std::uint32_t last = 0;  // the tensor that ends there
  bool any = false;
};

/// Applies all rules that refuse a file and do not need its size; fills header.order and
/// header.index, and adds to `parsed.seen`. Throws std::bad_alloc.
DataEnd ApplyRules(Header& header, ParsedHeader& parsed, ReportBuilder& builder);

/// The data must end where the file does. Requires a header without errors so far.
void ApplySizeRules(const Header& header, const DataEnd& data, std::uint64_t file_size,
                    ReportBuilder& builder);

/// Reports what some readers misread. Only for a file without errors: a refused file needs no
/// warnings. `seen` and `dimensions` are those of the ParsedHeader. Throws std::bad_alloc.
void ApplyWarnings(const Header& header, std::uint32_t seen, std::uint64_t dimensions,
                   ReportBuilder& builder);

}  // namespace tensorgate::safetensors::internal

#endif  // TENSORGATE_FORMATS_SAFETENSORS_RULES_H_
