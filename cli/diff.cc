// tensorgate diff: are the tensors of two files the same?
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/input.h"
#include "cli/json_document.h"
#include "cli/output.h"
#include "cli/table.h"
#include "lib/base/bytes.h"
#include "tensorgate/buffer.h"
#include "tensorgate/digest.h"
#include "tensorgate/render.h"
#include "tensorgate/scan.h"

namespace tensorgate::cli {
namespace {

constexpr std::size_t kBlock = 1 << 20;

struct Difference {
  std::string_view what;  // "only-in-a", "only-in-b", "dtype", "shape", "data", "metadata"
  std::string_view name;  // of the tensor or metadata key
  std::string a, b;       // the values in the two files; empty where there is nothing to show
};

std::string ShapeText(const std::vector<std::uint64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ","));
}

std::string Describe(const TensorData& tensor) {
  return std::string(Name(tensor.dtype)) + " " + ShapeText(tensor.shape);
}

// The first byte that differs.
std::string Byte(std::span<const std::byte> block, std::ptrdiff_t at, std::uint64_t before) {
  const std::byte byte = block[static_cast<std::size_t>(at)];
  return fmt::format("byte {}: {:#04x}", before + static_cast<std::uint64_t>(at),
                     std::to_integer<unsigned>(byte));
}

class DiffRun {
 public:
  DiffRun(const Input& a, const Input& b) : a_(a), b_(b) {}

  Result<void> Run(bool metadata) {
    const auto& a = a_.contents.tensors;
    const auto& b = b_.contents.tensors;
    const std::vector<std::uint32_t> by_name_a = SortedByName(a), by_name_b = SortedByName(b);
    std::size_t i = 0, j = 0;
    while (i < a.size() || j < b.size()) {
      const TensorData* left = i < a.size() ? &a[by_name_a[i]] : nullptr;
      const TensorData* right = j < b.size() ? &b[by_name_b[j]] : nullptr;
      if (right == nullptr || (left != nullptr && left->name < right->name)) {
        differences_.push_back({"only-in-a", left->name, Describe(*left), {}});
        ++i;
      } else if (left == nullptr || right->name < left->name) {
        differences_.push_back({"only-in-b", right->name, {}, Describe(*right)});
        ++j;
      } else {
        TENSORGATE_TRY(Tensors(*left, *right));
        ++i;
        ++j;
      }
    }
    if (metadata) CompareMetadata();
    return {};
  }
  const std::vector<Difference>& differences() const { return differences_; }

 private:
  Result<void> Tensors(const TensorData& a, const TensorData& b) {
    if (a.dtype != b.dtype) {
      differences_.push_back(
          {"dtype", a.name, std::string(Name(a.dtype)), std::string(Name(b.dtype))});
    } else if (a.shape != b.shape) {
      differences_.push_back({"shape", a.name, ShapeText(a.shape), ShapeText(b.shape)});
    } else {
      return Data(a, b);
    }
    return {};
  }

  Result<void> Data(const TensorData& a, const TensorData& b) {
    const std::uint64_t bytes = TENSORGATE_TRY(DataBytes(a));
    if (block_.size() == 0) {
      block_ = TENSORGATE_TRY(Buffer::Allocate(2 * kBlock));
    }
    const auto& from_a = std::get<SourceData>(a.data);
    const auto& from_b = std::get<SourceData>(b.data);
    for (std::uint64_t done = 0; done < bytes;) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes - done, kBlock));
      const auto left = block_.bytes().first(count), right = block_.bytes().last(count);
      Result<void> read = ReadFully(*from_a.source, from_a.offset + done, left);
      if (read) read = ReadFully(*from_b.source, from_b.offset + done, right);
      if (!read) return read;
      // As text: comparing memory is faster than comparing elements.
      if (internal::AsText(left) != internal::AsText(right)) {
        const auto first = std::ranges::mismatch(left, right).in1 - left.begin();
        differences_.push_back({"data", a.name, Byte(left, first, done), Byte(right, first, done)});
        return {};
      }
      done += count;
    }
    return {};
  }

  void CompareMetadata() {
    std::map<std::string_view, std::pair<const std::string*, const std::string*>> entries;
    for (const auto& [key, value] : a_.contents.metadata()) entries[key].first = &value;
    for (const auto& [key, value] : b_.contents.metadata()) entries[key].second = &value;
    for (const auto& [key, values] : entries) {
      const auto [a, b] = values;
      if (a != nullptr && b != nullptr && *a == *b) continue;
      differences_.push_back(
          {"metadata", key, a != nullptr ? *a : std::string(), b != nullptr ? *b : std::string()});
    }
  }

  const Input& a_;
  const Input& b_;
  Buffer block_;
  std::vector<Difference> differences_;
};

void WriteText(Output& output, const std::vector<Difference>& differences, std::size_t tensors) {
  constexpr std::size_t kShown = 200;
  for (const Difference& each : differences) {
    std::string line = fmt::format("{}: {}", each.what, EscapeForText(each.name));
    if (!each.a.empty()) line += "  A " + EscapeForText(each.a, kShown);
    if (!each.b.empty()) line += "  B " + EscapeForText(each.b, kShown);
    output.Write(line + "\n");
  }
  output.Write(differences.empty()
                   ? "same: " + Counted(tensors, "tensor", "tensors") + "\n"
                   : "different: " + Counted(differences.size(), "difference", "differences") +
                         "\n");
}

void WriteJson(Output& output, const Input& a, const Input& b,
               const std::vector<Difference>& differences) {
  JsonDocument document(output);
  internal::JsonWriter& json = document.json();
  json.Key("reports");
  json.BeginArray();
  for (const Input* input : {&a, &b}) document.AddReport(input->path, input->report);
  json.EndArray();
  json.Key("same");
  json.Bool(differences.empty());
  json.Key("differences");
  json.BeginArray();
  for (const Difference& each : differences) {
    json.BeginObject();
    json.Member("what", each.what);
    json.Member("name", each.name);
    json.MemberOrNull("a", each.a);
    json.MemberOrNull("b", each.b);
    json.EndObject();
    document.Pass();
  }
  json.EndArray();
  document.End();
}

struct Refused {
  std::string path;
  Refusal why;
};

void WriteJson(Output& output, const std::vector<Refused>& refused) {
  JsonDocument document(output);
  internal::JsonWriter& json = document.json();
  const Refusal* failed = nullptr;
  json.Key("reports");
  json.BeginArray();
  for (const auto& [path, why] : refused) {
    document.AddReport(path, why.report);
    if (why.error) failed = &why;
  }
  json.EndArray();
  json.Key("same");
  json.Null();
  json.Key("differences");
  json.BeginArray();
  json.EndArray();
  failed != nullptr ? document.End(failed->error, failed->message) : document.End();
}

int NotCompared(Output& output, const std::vector<Refused>& refused, const Options& options) {
  ExitCode code = kDone;
  for (const auto& [path, why] : refused) {
    code = Worse(code, CodeOf(why));
    if (options.format != Format::kJson) WriteRefusal(output, path, why, options);
  }
  if (options.format == Format::kJson) WriteJson(output, refused);
  return output.Finish() ? code : kUndecided;
}

}  // namespace

int RunDiff(const Options& options) {
  Output output(options.output);
  std::vector<std::unique_ptr<Input>> inputs;
  std::vector<Refused> refused;
  for (const std::string& path : options.paths) {
    auto input = OpenInput(path, options);
    if (input) {
      inputs.push_back(*std::move(input));
    } else {
      refused.push_back({path, std::move(input.error())});
    }
  }
  if (!refused.empty()) return NotCompared(output, refused, options);
  DiffRun comparison(*inputs[0], *inputs[1]);
  Result<void> compared = comparison.Run(options.metadata);
  for (const auto& input : inputs) {
    if (compared) compared = input->CheckUnchanged();
    if (!compared) {
      return NotCompared(output, {{input->path, ReadFailed(*input, compared.error(), options)}},
                         options);
    }
  }
  if (options.format == Format::kJson) {
    WriteJson(output, *inputs[0], *inputs[1], comparison.differences());
  } else {
    WriteText(output, comparison.differences(), inputs[0]->contents.tensors.size());
  }
  if (!output.Finish()) return kUndecided;
  return comparison.differences().empty() ? kDone : kRejected;
}

}  // namespace tensorgate::cli
