// Columns of text for a terminal.
#ifndef TENSORGATE_CLI_TABLE_H_
#define TENSORGATE_CLI_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tensorgate::cli {

/// Columns that a terminal needs for `text`, which is escaped already: wide characters count two,
/// combining ones none.
std::size_t DisplayWidth(std::string_view text);

/// "1 tensor", "2,000 tensors".
std::string Counted(std::uint64_t number, std::string_view one, std::string_view many);

/// `text` padded to `width` columns, or cut to them with "..." at its end.
std::string Fit(std::string_view text, std::size_t width, bool right = false);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_TABLE_H_
