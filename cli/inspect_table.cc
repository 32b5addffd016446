#include "cli/inspect_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/table.h"
#include "tensorgate/render.h"

namespace tensorgate::cli {
namespace {

struct Total {
  std::uint64_t tensors = 0, elements = 0, bytes = 0;
};
using Totals = std::array<Total, kDTypeCount>;

TensorRef At(const Listed& listed, std::size_t index) {
  if (listed.torch != nullptr) {
    torch::Tensor tensor = listed.torch->tensor(index);
    return {.name = tensor.name,
            .dtype = *tensor.dtype,
            .shape = std::move(tensor.shape),
            .range = tensor.range};
  }
  const safetensors::Tensor tensor = listed.file->tensors()[index];
  return {.name = tensor.name(),
          .dtype = tensor.dtype(),
          .shape = tensor.shape().ToVector(),
          .range = tensor.range()};
}

// Until `body` returns false.
template <typename Body>
void ForEach(const std::vector<Listed>& files, const Body& body) {
  for (const Listed& listed : files) {
    const std::size_t size =
        listed.torch != nullptr ? listed.torch->size() : listed.file->tensors().size();
    for (std::size_t i = 0; i < size; ++i) {
      if (!body(At(listed, i), listed.shard)) return;
    }
  }
}

Totals TotalsOf(const std::vector<Listed>& files) {
  Totals totals{};
  ForEach(files, [&](const TensorRef& tensor, std::string_view) {
    Total& total = totals[static_cast<std::size_t>(tensor.dtype)];
    ++total.tensors;
    if (__builtin_add_overflow(total.elements, tensor.elements(), &total.elements)) {
      total.elements = UINT64_MAX;
    }
    total.bytes += tensor.range.length;
    return true;
  });
  return totals;
}

std::string ShapeText(const TensorRef& tensor) {
  // A shape of a million dimensions is legal; nobody reads it in a table.
  constexpr std::size_t kShown = 12;
  std::string text = "[";
  std::size_t count = 0;
  for (const std::uint64_t dimension : tensor.shape) {
    if (count == kShown) {
      text += fmt::format(", ... {} dimensions", GroupDigits(tensor.shape.size()));
      break;
    }
    text += fmt::format("{}{}", count++ == 0 ? "" : ", ", dimension);
  }
  return text + "]";
}

struct Widths {
  std::size_t name = 4, dtype = 5, shape = 5, bytes = 5, range = 5, shard = 0;
};

std::string RangeText(const TensorRef& tensor) {
  return fmt::format("{}-{}", tensor.range.offset, tensor.range.offset + tensor.range.length);
}

// Widths from the first tensors: a table must not wait for the last of a million.
Widths MeasureTable(const std::vector<Listed>& files, unsigned terminal) {
  constexpr std::size_t kMeasured = 2000;
  Widths widths;
  const auto grow = [](std::size_t& width, const std::string& text, std::size_t cap) {
    width = std::max(width, std::min(DisplayWidth(text), cap));
  };
  std::size_t measured = 0;
  ForEach(files, [&](const TensorRef& tensor, std::string_view shard) {
    grow(widths.name, EscapeForText(tensor.name, 200), 200);
    grow(widths.dtype, std::string(Name(tensor.dtype)), 16);
    grow(widths.shape, ShapeText(tensor), 60);
    grow(widths.bytes, GroupDigits(tensor.range.length), 26);
    grow(widths.range, RangeText(tensor), 41);
    if (!shard.empty()) grow(widths.shard, EscapeForText(shard, 200), 200);
    return ++measured < kMeasured;
  });
  if (terminal == 0) return widths;
  // The names give way first, then the shapes.
  const std::size_t shard = widths.shard == 0 ? 0 : widths.shard + 2;
  const std::size_t others = widths.dtype + widths.bytes + widths.range + shard + 8;
  const std::size_t room = terminal > others ? terminal - others : 0;
  widths.shape = std::min(widths.shape, std::max<std::size_t>(room / 2, 8));
  const std::size_t left = room > widths.shape ? room - widths.shape : 0;
  widths.name = std::min(widths.name, std::max<std::size_t>(left, 8));
  return widths;
}

void WriteRows(Output& output, const std::vector<Listed>& files) {
  const unsigned terminal = output.Width();
  const Widths widths = MeasureTable(files, terminal);
  const auto row = [&](std::string_view name, std::string_view dtype, std::string_view shape,
                       std::string_view bytes, std::string_view range, std::string_view shard) {
    // Without a terminal nothing is cut: programs such as grep read on.
    const auto column = [&](std::string_view text, std::size_t width, bool right) {
      return terminal == 0 && DisplayWidth(text) > width ? std::string(text)
                                                         : Fit(text, width, right);
    };
    std::string line =
        fmt::format("{}  {}  {}  {}  {}", column(name, widths.name, false),
                    column(dtype, widths.dtype, false), column(shape, widths.shape, false),
                    column(bytes, widths.bytes, true), column(range, widths.range, true));
    if (widths.shard != 0) line.append("  ").append(shard);
    output.Write(line + "\n");
  };
  row("name", "dtype", "shape", "bytes", "range", "shard");
  ForEach(files, [&](const TensorRef& tensor, std::string_view shard) {
    row(EscapeForText(tensor.name), Name(tensor.dtype), ShapeText(tensor),
        GroupDigits(tensor.range.length), RangeText(tensor), EscapeForText(shard));
    return !output.failed();
  });
}

void WriteTensor(internal::JsonWriter& json, const TensorRef& tensor, std::string_view shard) {
  json.BeginObject();
  json.Member("name", tensor.name);
  json.Member("dtype", Name(tensor.dtype));
  json.Key("shape");
  json.BeginArray();
  for (const std::uint64_t dimension : tensor.shape) json.Number(dimension);
  json.EndArray();
  json.Member("elements", tensor.elements());
  if (!shard.empty()) json.Member("shard", shard);
  json.Member("offset", tensor.range.offset);
  json.Member("bytes", tensor.range.length);
  json.EndObject();
}

}  // namespace

void WriteTables(Output& output, const std::vector<Listed>& files) {
  const Totals totals = TotalsOf(files);
  if (std::ranges::all_of(totals, [](const Total& total) { return total.tensors == 0; })) return;
  WriteRows(output, files);
  output.Write("\ntotals\n");
  for (std::size_t i = 0; i < totals.size(); ++i) {
    const Total& total = totals[i];
    if (total.tensors == 0) continue;
    output.Write(fmt::format("  {:<12}{:>10} tensors {:>18} elements {:>20} bytes\n",
                             Name(static_cast<DType>(i)), GroupDigits(total.tensors),
                             GroupDigits(total.elements), GroupDigits(total.bytes)));
  }
}

void WriteTables(JsonDocument& document, const std::vector<Listed>& files) {
  internal::JsonWriter& json = document.json();
  json.Key("tensors");
  json.BeginArray();
  ForEach(files, [&](const TensorRef& tensor, std::string_view shard) {
    WriteTensor(json, tensor, shard);
    return document.Pass();
  });
  json.EndArray();
  json.Key("totals");
  json.BeginObject();
  const Totals totals = TotalsOf(files);
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
}

}  // namespace tensorgate::cli
