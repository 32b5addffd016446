// tensorgate formats: what a file can be; README's table of formats is made of it.
#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "cli/commands.h"
#include "cli/output.h"
#include "lib/json/writer.h"
#include "tensorgate/formats.h"
#include "tensorgate/render.h"

namespace tensorgate::cli {
namespace {

std::string WithoutArticle(std::string_view words) {
  for (const std::string_view article : {"a ", "an "}) {
    if (words.starts_with(article)) return std::string(words.substr(article.size()));
  }
  return std::string(words);
}

std::string Listed(std::span<const std::string_view> suffixes) {
  std::string text;
  for (const std::string_view suffix : suffixes) {
    text += fmt::format("{}`{}`", text.empty() ? "" : ", ", suffix);
  }
  return text;
}

void WriteText(Output& output) {
  output.Write(fmt::format("{:<23}{:<12}{:<13}{}\n", "format", "verdict", "class", "what it is"));
  for (const FormatInfo& format : AllFormats()) {
    output.Write(fmt::format("{:<23}{:<12}{:<13}{}\n", format.name,
                             format.is_proven ? "proven" : "unsupported", Name(format.file_class),
                             WithoutArticle(format.words)));
  }
}

void WriteJson(Output& output) {
  std::string text;
  internal::JsonWriter json(text);
  json.BeginObject();
  json.Member("schema_version", std::uint64_t{1});
  json.Member("tool_version", ToolVersion());
  json.Key("formats");
  json.BeginArray();
  for (const FormatInfo& format : AllFormats()) {
    json.BeginObject();
    json.Member("name", format.name);
    json.Member("words", format.words);
    json.Member("class", Name(format.file_class));
    json.Key("proven");
    json.Bool(format.is_proven);
    json.MemberOrNull("proof", format.proof);
    json.MemberOrNull("reference", format.reference);
    json.Key("suffixes");
    json.BeginArray();
    for (const std::string_view suffix : format.suffixes) json.String(suffix);
    json.EndArray();
    json.MemberOrNull("shards", format.shards);
    json.MemberOrNull("shards_index", format.shards_index);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  output.Write(text + "\n");
}

// Formats without a parser, in one row.
void WriteMarkdownRest(Output& output, FileClass file_class, std::string_view what) {
  std::string names;
  for (const FormatInfo& format : AllFormats()) {
    if (format.is_proven || format.file_class != file_class) continue;
    const bool last = &format == &AllFormats().back();  // it matches everything
    names.append(names.empty() ? "" : ", ");
    names.append(last ? "anything else" : WithoutArticle(format.words));
  }
  output.Write(fmt::format("| {} | | {} | |\n", names, what));
}

void WriteMarkdown(Output& output) {
  output.Write("| Format | Suffixes | What is checked | Reference |\n| --- | --- | --- | --- |\n");
  for (const FormatInfo& format : AllFormats()) {
    if (!format.is_proven) continue;
    output.Write(fmt::format("| {} | {} | {} | {} |\n", WithoutArticle(format.words),
                             Listed(format.suffixes), format.proof, format.reference));
    if (format.shards.empty()) continue;
    output.Write(
        fmt::format("| shards of it | `{}` | the index, every shard, and that they agree | |\n",
                    format.shards_index));
  }
  WriteMarkdownRest(output, FileClass::kModel, "nothing: `unsupported`, exit code 3");
  WriteMarkdownRest(output, FileClass::kNotFetched,
                    "nothing: `unsupported`, exit code 3; fetch the file first");
  WriteMarkdownRest(output, FileClass::kOther,
                    "nothing: not a model; ignored in a folder, exit code 3 if named");
}

}  // namespace

int RunFormats(const Options& options) {
  Output output(options.output);
  if (options.format == Format::kJson) {
    WriteJson(output);
  } else if (options.format == Format::kMarkdown) {
    WriteMarkdown(output);
  } else {
    WriteText(output);
  }
  return output.Finish() ? kDone : kUndecided;
}

}  // namespace tensorgate::cli
