#include "cli/inspect_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include "cli/table.h"
#include "lib/base/checked.h"
#include "tensorgate/render.h"

namespace tensorgate::cli {
namespace {

using internal::NumberStats;
using internal::SaturatingAdd;

struct Total {
  std::uint64_t tensors = 0, elements = 0, bytes = 0;
};
using Totals = std::map<std::string_view, Total>;

// Until `body` returns false.
template <typename Body>
void ForEach(const std::vector<Listed>& files, const Body& body) {
  for (const Listed& listed : files) {
    for (std::size_t i = 0; i < listed.file->tensor_count(); ++i) {
      if (!body(listed, i, listed.file->tensor(i))) return;
    }
  }
}

Totals TotalsOf(const std::vector<Listed>& files) {
  Totals totals;
  ForEach(files, [&](const Listed&, std::size_t, const TensorRef& tensor) {
    Total& total = totals[tensor.type.name];
    ++total.tensors;
    total.elements = SaturatingAdd(total.elements, tensor.elements());
    total.bytes = SaturatingAdd(total.bytes, tensor.range.length);
    return true;
  });
  return totals;
}

std::string ShapeText(const TensorRef& tensor) {
  // A shape of a million dimensions is legal, but unreadable in a table.
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
  ForEach(files, [&](const Listed& listed, std::size_t, const TensorRef& tensor) {
    grow(widths.name, EscapeForText(tensor.name, 200), 200);
    grow(widths.dtype, std::string(tensor.type.name), 16);
    grow(widths.shape, ShapeText(tensor), 60);
    grow(widths.bytes, GroupDigits(tensor.range.length), 26);
    grow(widths.range, RangeText(tensor), 41);
    if (!listed.shard.empty()) grow(widths.shard, EscapeForText(listed.shard, 200), 200);
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
                       std::string_view bytes, std::string_view range, std::string_view shard,
                       std::string_view more) {
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
    if (!more.empty()) line.append("  ").append(more);
    output.Write(line + "\n");
  };
  row("name", "dtype", "shape", "bytes", "range", "shard", {});
  ForEach(files, [&](const Listed& listed, std::size_t index, const TensorRef& tensor) {
    TextDescriber more;
    listed.file->DescribeTensor(index, more);
    row(EscapeForText(tensor.name), tensor.type.name, ShapeText(tensor),
        GroupDigits(tensor.range.length), RangeText(tensor), EscapeForText(listed.shard),
        more.line());
    return !output.failed();
  });
}

// Complex numbers have no order, and if nothing is finite there is no number to show.
bool HasNumbers(const NumberStats& stats, const TensorRef& tensor) {
  return stats.finite != 0 && tensor.type.dtype != DType::kC64;
}

// All digits, or for people a few.
std::string NumberText(long double number, bool whole, bool short_form) {
  if (whole) {
    return number < 0 ? fmt::format("{}", static_cast<std::int64_t>(number))
                      : fmt::format("{}", static_cast<std::uint64_t>(number));
  }
  const auto value = static_cast<double>(number);
  return short_form ? fmt::format("{:.6g}", value) : fmt::format("{}", value);
}

struct NumberTexts {
  std::string low = "-", high = "-", mean = "-";
};

NumberTexts TextsOf(const NumberStats& stats, const TensorRef& tensor, bool short_form) {
  if (!HasNumbers(stats, tensor)) return {};
  const bool whole = internal::IsWhole(tensor.type.dtype.value());
  return {NumberText(stats.low, whole, short_form), NumberText(stats.high, whole, short_form),
          NumberText(stats.sum / static_cast<long double>(stats.finite), false, short_form)};
}

void WriteJson(internal::JsonWriter& json, const NumberStats& stats, const TensorRef& tensor) {
  json.Key("stats");
  json.BeginObject();
  const bool numbers = HasNumbers(stats, tensor);
  const NumberTexts texts = TextsOf(stats, tensor, false);
  const auto number = [&](std::string_view key, const std::string& text) {
    json.Key(key);
    numbers ? json.Raw(text) : json.Null();
  };
  number("min", texts.low);
  number("max", texts.high);
  number("mean", texts.mean);
  json.Member("nan", stats.nan);
  json.Member("inf", stats.infinite);
  json.Member("zeros", stats.zeros);
  json.EndObject();
}

void WriteTensor(internal::JsonWriter& json, const Listed& listed, std::size_t index,
                 const TensorRef& tensor, const NumberStats* stats) {
  json.BeginObject();
  json.Member("name", tensor.name);
  json.Member("dtype", tensor.type.name);
  json.Key("shape");
  json.BeginArray();
  for (const std::uint64_t dimension : tensor.shape) json.Number(dimension);
  json.EndArray();
  json.Member("elements", tensor.elements());
  if (!listed.shard.empty()) json.Member("shard", listed.shard);
  json.Member("offset", tensor.range.offset);
  json.Member("bytes", tensor.range.length);
  JsonDescriber more(json);
  listed.file->DescribeTensor(index, more);
  if (stats != nullptr) WriteJson(json, *stats, tensor);
  json.EndObject();
}

}  // namespace

void TextDescriber::Part(std::string_view text) {
  if (text.empty()) return;
  if (!line_.empty()) line_ += ", ";
  line_ += EscapeForText(text);
}

void WriteTables(Output& output, const std::vector<Listed>& files) {
  const Totals totals = TotalsOf(files);
  if (totals.empty()) return;
  WriteRows(output, files);
  output.Write("\ntotals\n");
  for (const auto& [type, total] : totals) {
    output.Write(fmt::format("  {:<12}{:>10} tensors {:>18} elements {:>20} bytes\n", type,
                             GroupDigits(total.tensors), GroupDigits(total.elements),
                             GroupDigits(total.bytes)));
  }
}

void WriteTables(JsonDocument& document, const std::vector<Listed>& files,
                 std::span<const NumberStats> stats) {
  internal::JsonWriter& json = document.json();
  json.Key("tensors");
  json.BeginArray();
  std::size_t number = 0;
  ForEach(files, [&](const Listed& listed, std::size_t index, const TensorRef& tensor) {
    WriteTensor(json, listed, index, tensor, stats.empty() ? nullptr : &stats[number++]);
    return document.Pass();
  });
  json.EndArray();
  json.Key("totals");
  json.BeginObject();
  for (const auto& [type, total] : TotalsOf(files)) {
    json.Key(type);
    json.BeginObject();
    json.Member("tensors", total.tensors);
    json.Member("elements", total.elements);
    json.Member("bytes", total.bytes);
    json.EndObject();
  }
  json.EndObject();
}

void WriteStats(Output& output, const std::vector<Listed>& files,
                std::span<const NumberStats> stats) {
  if (stats.empty()) return;
  const Widths widths = MeasureTable(files, 0);
  const auto row = [&](std::string_view name, std::string_view dtype, std::string_view shape,
                       const NumberTexts& texts, std::string_view nan, std::string_view infinite,
                       std::string_view zeros, std::string_view shard) {
    output.Write(fmt::format(
        "{:<{}}  {:<{}}  {:<{}}  {:>12}  {:>12}  {:>12}  {:>9}  {:>9}  {:>13}{}{}\n", name,
        widths.name + name.size() - DisplayWidth(name), dtype, widths.dtype, shape, widths.shape,
        texts.low, texts.high, texts.mean, nan, infinite, zeros, shard.empty() ? "" : "  ", shard));
  };
  row("name", "dtype", "shape", {"min", "max", "mean"}, "NaN", "Inf", "zeros",
      files.front().shard.empty() ? "" : "shard");
  std::size_t number = 0, damaged = 0;
  std::string first;
  ForEach(files, [&](const Listed& listed, std::size_t, const TensorRef& tensor) {
    const NumberStats& each = stats[number++];
    row(EscapeForText(tensor.name), tensor.type.name, ShapeText(tensor),
        TextsOf(each, tensor, true), GroupDigits(each.nan), GroupDigits(each.infinite),
        GroupDigits(each.zeros), EscapeForText(listed.shard));
    if (each.nan + each.infinite != 0 && damaged++ == 0) first = tensor.name;
    return !output.failed();
  });
  output.Write(damaged == 0
                   ? "\nall numbers are finite\n"
                   : fmt::format("\nNaN or Inf in {}, first in \"{}\"\n",
                                 Counted(damaged, "tensor", "tensors"), EscapeForText(first, 200)));
}

}  // namespace tensorgate::cli
