// tensorgate inspect: a checkpoint of PyTorch's.
#include <fmt/format.h>

#include <string>

#include "cli/commands.h"
#include "cli/json_document.h"
#include "tensorgate/render.h"
#include "tensorgate/torch.h"

namespace tensorgate::cli {
namespace {

using torch::File;
using torch::Tensor;

std::string ListText(const std::vector<std::uint64_t>& numbers) {
  return fmt::format("[{}]", fmt::join(numbers, ", "));
}

void WriteText(Output& output, const std::string& path, const File& file, const Report& report,
               const Options& options) {
  output.Write(RenderText(path, report, options.verbose));
  output.Write(fmt::format("\nsize {} bytes, {} storages\n\n", GroupDigits(file.file_size()),
                           GroupDigits(file.storages())));
  for (std::size_t i = 0; i < file.size() && !output.failed(); ++i) {
    const Tensor tensor = file.tensor(i);
    std::string line = fmt::format("{}  {} {}", EscapeForText(tensor.name), tensor.dtype_name,
                                   ListText(tensor.shape));
    if (!tensor.contiguous()) line += fmt::format("  strides {}", ListText(tensor.stride));
    line += fmt::format("  {} bytes at {}-{}", GroupDigits(tensor.bytes()), tensor.range.offset,
                        tensor.range.offset + tensor.range.length);
    const std::string_view location = file.location(tensor.storage);
    if (location != "cpu") line += fmt::format("  {}", EscapeForText(location));
    output.Write(line + "\n");
  }
}

void WriteNumbers(internal::JsonWriter& json, std::string_view key,
                  const std::vector<std::uint64_t>& numbers) {
  json.Key(key);
  json.BeginArray();
  for (const std::uint64_t number : numbers) json.Number(number);
  json.EndArray();
}

void WriteJson(Output& output, const std::string& path, const File& file, const Report& report) {
  JsonDocument document(output);
  internal::JsonWriter& json = document.json();
  json.Key("report");
  document.AddReport(path, report);
  json.Key("contents");
  json.BeginObject();
  json.Key("tensors");
  json.BeginArray();
  for (std::size_t i = 0; i < file.size() && document.Pass(); ++i) {
    const Tensor tensor = file.tensor(i);
    json.BeginObject();
    json.Member("name", tensor.name);
    json.Member("dtype", tensor.dtype_name);
    WriteNumbers(json, "shape", tensor.shape);
    WriteNumbers(json, "stride", tensor.stride);
    json.Member("elements", tensor.elements());
    json.Member("offset", tensor.range.offset);
    json.Member("bytes", tensor.range.length);
    json.Member("storage", std::uint64_t{tensor.storage});
    json.Member("location", file.location(tensor.storage));
    json.Key("requires_grad");
    json.Bool(tensor.requires_grad);
    json.Key("parameter");
    json.Bool(tensor.is_parameter);
    json.EndObject();
  }
  json.EndArray();
  json.Key("values");
  json.Spelled(file.ValuesJson());
  json.EndObject();
  document.End();
}

}  // namespace

void InspectTorch(Output& output, const std::string& path, const File& file, const Report& report,
                  const Options& options) {
  if (options.format == Format::kJson) {
    WriteJson(output, path, file, report);
  } else {
    WriteText(output, path, file, report, options);
  }
}

}  // namespace tensorgate::cli
