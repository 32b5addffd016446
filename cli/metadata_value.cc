#include "cli/metadata_value.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>
#include <variant>

#include "tensorgate/render.h"

namespace tensorgate::cli {
namespace {

std::string ValueText(const MetadataValue& value, std::size_t longest = SIZE_MAX) {
  const auto text = [longest](const auto& each) -> std::string {
    if constexpr (std::is_same_v<decltype(each), const std::string_view&>) {
      return EscapeForText(each, longest);
    } else {
      return fmt::format("{}", each);
    }
  };
  return std::visit(text, value);
}

void WriteValue(internal::JsonWriter& json, const MetadataValue& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) return json.String(*text);
  const auto* number = std::get_if<double>(&value);
  if (number != nullptr && !std::isfinite(*number)) return json.Null();  // JSON has none
  json.Raw(ValueText(value));
}

}  // namespace

void WriteMetadata(Output& output, const ModelFile& file, std::string_view indent,
                   std::size_t longest) {
  for (std::size_t i = 0; i < file.metadata_count() && !output.failed(); ++i) {
    const MetadataEntry entry = file.metadata(i);
    output.Write(fmt::format("{}{}: {}\n", indent, EscapeForText(entry.key, 200),
                             ValueText(entry.value, longest)));
  }
}

void WriteMetadata(JsonDocument& document, const ModelFile& file) {
  internal::JsonWriter& json = document.json();
  json.Key("metadata");
  json.BeginObject();
  for (std::size_t i = 0; i < file.metadata_count(); ++i) {
    const MetadataEntry entry = file.metadata(i);
    json.Key(entry.key);
    WriteValue(json, entry.value);
    document.Pass();
  }
  json.EndObject();
}

}  // namespace tensorgate::cli
