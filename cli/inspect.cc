// tensorgate inspect: what is inside a file, once it is proven.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <expected>
#include <optional>
#include <string>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/table.h"
#include "lib/json/writer.h"
#include "lib/report/digest.h"
#include "lib/scan/detect.h"
#include "tensorgate/render.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/scan.h"

namespace tensorgate::cli {
namespace {

using safetensors::File;
using safetensors::Tensor;

struct Total {
  std::uint64_t tensors = 0, elements = 0, bytes = 0;
};
using Totals = std::array<Total, kDTypeCount>;

Totals TotalsOf(const File& file) {
  Totals totals{};
  for (const Tensor tensor : file.tensors()) {
    Total& total = totals[static_cast<std::size_t>(tensor.dtype())];
    ++total.tensors;
    if (__builtin_add_overflow(total.elements, tensor.elements(), &total.elements)) {
      total.elements = UINT64_MAX;
    }
    total.bytes += tensor.range().length;
  }
  return totals;
}

std::string ShapeText(const Tensor& tensor) {
  // A shape of a million dimensions is legal; nobody reads it in a table.
  constexpr std::size_t kShown = 12;
  std::string text = "[";
  std::size_t count = 0;
  for (const std::uint64_t dimension : tensor.shape()) {
    if (count == kShown) {
      text += fmt::format(", ... {} dimensions", GroupDigits(tensor.rank()));
      break;
    }
    text += fmt::format("{}{}", count++ == 0 ? "" : ", ", dimension);
  }
  return text + "]";
}

struct Widths {
  std::size_t name = 4, dtype = 5, shape = 5, bytes = 5, range = 5;
};

std::string RangeText(const Tensor& tensor) {
  return fmt::format("{}-{}", tensor.range().offset, tensor.range().offset + tensor.range().length);
}

// Widths from the first tensors: a table must not wait for the last of a million.
Widths MeasureTable(const File& file, unsigned terminal) {
  constexpr std::size_t kMeasured = 2000;
  Widths widths;
  const auto grow = [](std::size_t& width, const std::string& text, std::size_t cap) {
    width = std::max(width, std::min(DisplayWidth(text), cap));
  };
  const auto tensors = file.tensors();
  for (std::size_t i = 0; i < std::min(tensors.size(), kMeasured); ++i) {
    const Tensor tensor = tensors[i];
    grow(widths.name, EscapeForText(tensor.name(), 200), 200);
    grow(widths.dtype, std::string(Name(tensor.dtype())), 16);
    grow(widths.shape, ShapeText(tensor), 60);
    grow(widths.bytes, GroupDigits(tensor.range().length), 26);
    grow(widths.range, RangeText(tensor), 41);
  }
  if (terminal == 0) return widths;
  // The names give way first, then the shapes.
  const std::size_t others = widths.dtype + widths.bytes + widths.range + 8;
  const std::size_t room = terminal > others ? terminal - others : 0;
  widths.shape = std::min(widths.shape, std::max<std::size_t>(room / 2, 8));
  const std::size_t left = room > widths.shape ? room - widths.shape : 0;
  widths.name = std::min(widths.name, std::max<std::size_t>(left, 8));
  return widths;
}

void WriteTable(Output& output, const File& file) {
  const unsigned terminal = output.Width();
  const Widths widths = MeasureTable(file, terminal);
  const auto row = [&](std::string_view name, std::string_view dtype, std::string_view shape,
                       std::string_view bytes, std::string_view range) {
    // Without a terminal nothing is cut: programs such as grep read on.
    const auto column = [&](std::string_view text, std::size_t width, bool right) {
      return terminal == 0 && DisplayWidth(text) > width ? std::string(text)
                                                         : Fit(text, width, right);
    };
    std::string line =
        fmt::format("{}  {}  {}  {}  {}", column(name, widths.name, false),
                    column(dtype, widths.dtype, false), column(shape, widths.shape, false),
                    column(bytes, widths.bytes, true), column(range, widths.range, true));
    output.Write(line + "\n");
  };
  row("name", "dtype", "shape", "bytes", "range");
  for (const Tensor tensor : file.tensors()) {
    row(EscapeForText(tensor.name()), Name(tensor.dtype()), ShapeText(tensor),
        GroupDigits(tensor.range().length), RangeText(tensor));
    if (output.failed()) return;
  }
}

void WriteText(Output& output, const std::string& path, const File& file, const Options& options) {
  output.Write(RenderText(path, file.report(), options.verbose));
  output.Write(
      fmt::format("\nsize {} bytes, header {} bytes of which {} padding, data from byte {}\n\n",
                  GroupDigits(file.file_size()), GroupDigits(file.header_bytes().size()),
                  GroupDigits(file.padding()), file.data_offset()));
  if (!file.tensors().empty()) {
    WriteTable(output, file);
    output.Write("\ntotals\n");
    const Totals totals = TotalsOf(file);
    for (std::size_t i = 0; i < totals.size(); ++i) {
      const Total& total = totals[i];
      if (total.tensors == 0) continue;
      output.Write(fmt::format("  {:<12}{:>10} tensors {:>18} elements {:>20} bytes\n",
                               Name(static_cast<DType>(i)), GroupDigits(total.tensors),
                               GroupDigits(total.elements), GroupDigits(total.bytes)));
    }
  }
  if (file.metadata_size() == 0) return;
  output.Write("\nmetadata\n");
  for (std::size_t i = 0; i < file.metadata_size() && !output.failed(); ++i) {
    const safetensors::MetadataEntry entry = file.metadata(i);
    output.Write(
        fmt::format("  {}: {}\n", EscapeForText(entry.key, 200), EscapeForText(entry.value, 500)));
  }
}

// Pieces leave the string as they come: a table of a million tensors is not kept.
class JsonPieces {
 public:
  explicit JsonPieces(Output& output) : output_(output), json_(text_) {}
  internal::JsonWriter& json() { return json_; }
  void Pass() {
    output_.Write(text_);
    text_.clear();
  }

 private:
  Output& output_;
  std::string text_;
  internal::JsonWriter json_;
};

void WriteTensor(internal::JsonWriter& json, const Tensor& tensor) {
  json.BeginObject();
  json.Member("name", tensor.name());
  json.Member("dtype", Name(tensor.dtype()));
  json.Key("shape");
  json.BeginArray();
  for (const std::uint64_t dimension : tensor.shape()) json.Number(dimension);
  json.EndArray();
  json.Member("elements", tensor.elements());
  json.Member("offset", tensor.range().offset);
  json.Member("bytes", tensor.range().length);
  json.EndObject();
}

void WriteJson(Output& output, const File& file, const std::string& report) {
  JsonPieces pieces(output);
  internal::JsonWriter& json = pieces.json();
  output.Write("{\"report\":" + report + ",\"contents\":");
  json.BeginObject();
  json.Member("padding_bytes", std::uint64_t{file.padding()});
  json.Member("data_offset", file.data_offset());
  json.Key("tensors");
  json.BeginArray();
  for (const Tensor tensor : file.tensors()) {
    WriteTensor(json, tensor);
    pieces.Pass();
    if (output.failed()) return;
  }
  json.EndArray();
  json.Key("totals");
  json.BeginObject();
  const Totals totals = TotalsOf(file);
  for (std::size_t i = 0; i < totals.size(); ++i) {
    if (totals[i].tensors == 0) continue;
    json.Key(Name(static_cast<DType>(i)));
    json.BeginObject();
    json.Member("tensors", totals[i].tensors);
    json.Member("elements", totals[i].elements);
    json.Member("bytes", totals[i].bytes);
    json.EndObject();
  }
  json.EndObject();
  json.Key("metadata");
  json.BeginObject();
  for (std::size_t i = 0; i < file.metadata_size(); ++i) {
    json.Member(file.metadata(i).key, file.metadata(i).value);
    pieces.Pass();
  }
  json.EndObject();
  json.EndObject();
  pieces.Pass();
  output.Write("}\n");
}

}  // namespace

int Refuse(Output& output, const std::string& path, const Report& report, const std::string& digest,
           const Options& options) {
  if (options.format == Format::kJson) {
    output.Write("{\"report\":" + RenderJson(path, report, {.header_sha256 = digest}) +
                 ",\"contents\":null}\n");
  } else {
    output.Write(RenderText(path, report, options.verbose));
  }
  return output.Finish() ? CodeOf(report) : kSomeUndecided;
}

int RunInspect(const Options& options) {
  if (options.opcodes || options.globals) return InspectPickle(options);
  const std::string& path = options.paths.front();
  Output output(options.output);
  Result<FileSource> source = FileSource::Open(path);
  if (!source) return Refuse(output, path, ScanFailure(source.error(), options.check), {}, options);
  std::optional<DigestSource> digested;
  if (options.digest) digested.emplace(*source);
  Source& opened = digested ? static_cast<Source&>(*digested) : *source;
  const std::expected<File, Report> file = File::Open(opened, options.check);
  const std::string digest = digested ? digested->Hex() : std::string();
  if (!file) {
    // Another format is named as what it is.
    if (internal::IsNamedSafetensors(path))
      return Refuse(output, path, file.error(), digest, options);
    const Report report = Scan(*source, path, options.check);
    if (report.verdict() == Verdict::kAccepted && report.format().starts_with("pytorch-")) {
      return InspectTorch(options, path, *source, output);
    }
    return Refuse(output, path, report, {}, options);
  }
  if (options.format == Format::kJson) {
    WriteJson(output, *file, RenderJson(path, file->report(), {.header_sha256 = digest}));
  } else {
    WriteText(output, path, *file, options);
  }
  return output.Finish() ? kAllAccepted : kSomeUndecided;
}

}  // namespace tensorgate::cli
