// tensorgate hash: digests of what a file holds, whatever its form.
#include <string>

#include "cli/commands.h"
#include "cli/input.h"
#include "cli/json_document.h"
#include "cli/output.h"
#include "tensorgate/digest.h"
#include "tensorgate/render.h"
#include "tensorgate/scan.h"

namespace tensorgate::cli {
namespace {

void WriteJson(Output& output, const Input& input, const ContentHash& hash) {
  JsonDocument document(output);
  internal::JsonWriter& json = document.json();
  json.Key("report");
  document.AddReport(input.path, input.report);
  json.Key("contents");
  json.BeginObject();
  json.Member("sha256", hash.content);
  json.Key("tensors");
  json.BeginArray();
  for (const std::uint32_t i : SortedByName(input.contents.tensors)) {
    const TensorData& tensor = input.contents.tensors[i];
    json.BeginObject();
    json.Member("name", tensor.name);
    json.Member("dtype", Name(tensor.dtype));
    json.Key("shape");
    json.BeginArray();
    for (const std::uint64_t dimension : tensor.shape) json.Number(dimension);
    json.EndArray();
    json.Member("sha256", hash.tensors[i]);
    json.EndObject();
    document.Pass();
  }
  json.EndArray();
  json.EndObject();
  document.End();
}

void WriteText(Output& output, const Input& input, const ContentHash& hash) {
  for (const std::uint32_t i : SortedByName(input.contents.tensors)) {
    output.Write(HashLine(input.contents.tensors[i], hash.tensors[i]) + "\n");
  }
  output.Write(hash.content + "\n");
}

}  // namespace

int RunHash(const Options& options) {
  if (options.pin || !options.check_list.empty()) return RunPins(options);
  Output output(options.output);
  const std::string& path = options.paths.front();
  const auto input = OpenInput(path, options);
  if (!input) return Refuse(output, path, input.error(), {}, options);
  Result<ContentHash> hash = HashContent((*input)->contents.tensors);
  if (hash) {
    const Result<void> unchanged = (*input)->CheckUnchanged();
    if (!unchanged) hash = std::unexpected(unchanged.error());
  }
  if (!hash) return Refuse(output, path, ReadFailed(**input, hash.error(), options), {}, options);
  if (options.format == Format::kJson) {
    WriteJson(output, **input, *hash);
  } else {
    WriteText(output, **input, *hash);
  }
  return output.Finish() ? kDone : kUndecided;
}

}  // namespace tensorgate::cli
