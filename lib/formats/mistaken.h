// What is in a model's place by accident: an error page, nothing at all, a pointer to the file.
#ifndef TENSORGATE_FORMATS_MISTAKEN_H_
#define TENSORGATE_FORMATS_MISTAKEN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/formats/registry.h"
#include "tensorgate/rules.h"

namespace tensorgate::internal {

struct Mistaken {
  Rule rule;
  std::uint64_t found = 0;
  std::string text;  ///< What it is in words, or how a text begins.
};

/// The accident that a file of this kind is, by its name; std::nullopt if there is none. Looks only
/// at the head. Throws std::bad_alloc.
std::optional<Mistaken> FindMistaken(const FormatKind& kind, const Head& head,
                                     std::string_view name);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_FORMATS_MISTAKEN_H_
