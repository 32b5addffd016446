// The rules over a header that was parsed: pure functions of structure and profile.
#ifndef TENSORGATE_FORMATS_SAFETENSORS_RULES_H_
#define TENSORGATE_FORMATS_SAFETENSORS_RULES_H_

#include <cstdint>
#include <optional>

#include "lib/formats/safetensors/header.h"
#include "lib/formats/safetensors/parse.h"
#include "lib/rules/report_builder.h"

namespace tensorgate::safetensors::internal {

/// Where the tensors' data end, by the rules' walk: what the file's size is then compared with.
struct DataEnd {
  std::uint64_t end = 0;   // data offset
  std::uint32_t last = 0;  // the tensor that ends there
  bool any = false;
};

/// Applies all rules that need no file size and refuse; fills header.order and header.index, and adds
/// to what was seen. Throws std::bad_alloc.
DataEnd ApplyRules(Header& header, ParsedHeader& parsed, ReportBuilder& builder);

/// The data must end where the file does. Only for a header without errors so far.
void ApplySizeRules(const Header& header, const DataEnd& data, std::uint64_t file_size,
                    ReportBuilder& builder);

/// What some readers misread. Only for a file without errors: one that is refused needs no warnings.
/// `seen` and `dimensions` are those of the ParsedHeader. Throws std::bad_alloc.
void ApplyWarnings(const Header& header, std::uint32_t seen, std::uint64_t dimensions,
                   ReportBuilder& builder);

}  // namespace tensorgate::safetensors::internal

#endif  // TENSORGATE_FORMATS_SAFETENSORS_RULES_H_
