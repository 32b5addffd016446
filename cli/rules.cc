// tensorgate rules: the table of all rules; docs/rules.md is made of it.
#include <fmt/format.h>

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "lib/json/writer.h"
#include "tensorgate/render.h"
#include "tensorgate/rules.h"

namespace tensorgate::cli {
namespace {

std::string_view LevelName(Level level) {
  switch (level) {
    case Level::kOff:
      return "off";
    case Level::kNote:
      return "note";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      break;
  }
  return "error";
}

std::string_view EffectName(const RuleInfo& rule) {
  if (rule.effect == Effect::kUndecided) return "undecided";
  if (rule.effect == Effect::kNotFetched) return "unsupported";
  if (rule.id.starts_with("scan/") && rule.strict == Level::kNote) return "unsupported";
  return rule.strict == Level::kError ? "rejected" : "none";
}

std::string_view ImpactWords(const RuleInfo& rule) {
  const std::optional<Impact> impact = ImpactOf(rule.rule);
  return impact ? Words(*impact) : std::string_view();
}

// Escapes what Markdown would interpret; none of the text comes from a file.
std::string Markdown(std::string_view text) {
  std::string out;
  bool code = false;
  for (const char c : text) {
    code ^= c == '`';
    if (!code && std::string_view("\\*_{}[]<>#|").contains(c)) out += '\\';
    out += c;
  }
  return out;
}

void WriteTextList(Output& output) {
  output.Write(fmt::format("{:<36}{:<9}{:<11}{}\n", "rule", "strict", "reference", "summary"));
  for (const RuleInfo& rule : AllRules()) {
    output.Write(fmt::format("{:<36}{:<9}{:<11}{}\n", rule.id, LevelName(rule.strict),
                             LevelName(rule.reference), rule.summary));
  }
}

void WriteTextOne(Output& output, const RuleInfo& rule) {
  const auto line = [&](std::string_view label, std::string_view text) {
    if (!text.empty()) output.Write(fmt::format("  {:<15}{}\n", label, text));
  };
  output.Write(fmt::format("{}\n  {}\n\n", rule.id, rule.summary));
  line("strict", LevelName(rule.strict));
  line("reference", LevelName(rule.reference));
  line("verdict", EffectName(rule));
  line("impact", ImpactWords(rule));
  line("concerns", rule.subject);
  line("message", rule.message);
  line("allowed", rule.allowed);
  line("specification", rule.spec);
  line("why", rule.why);
  line("fix", rule.fix);
  line("CWE", rule.cwe);
  line("the reference", rule.reference_error);
}

void WriteJsonRule(internal::JsonWriter& json, const RuleInfo& rule) {
  json.BeginObject();
  json.Member("id", rule.id);
  json.Member("summary", rule.summary);
  json.Member("verdict", EffectName(rule));
  const std::optional<Impact> impact = ImpactOf(rule.rule);
  json.MemberOrNull("impact", impact ? Name(*impact) : std::string_view());
  json.Member("strict", LevelName(rule.strict));
  json.Member("reference", LevelName(rule.reference));
  json.Member("subject", rule.subject);
  json.Member("message", rule.message);
  json.MemberOrNull("allowed", rule.allowed);
  json.MemberOrNull("specification", rule.spec);
  json.MemberOrNull("why", rule.why);
  json.MemberOrNull("fix", rule.fix);
  json.MemberOrNull("cwe", rule.cwe);
  json.MemberOrNull("reference_error", rule.reference_error);
  json.EndObject();
}

void WriteJson(Output& output, const RuleInfo* one) {
  std::string text;
  internal::JsonWriter json(text);
  if (one != nullptr) {
    WriteJsonRule(json, *one);
  } else {
    json.BeginObject();
    json.Member("schema_version", std::uint64_t{1});
    json.Member("tool_version", ToolVersion());
    json.Member("rules_version", RulesVersion());
    json.Key("rules");
    json.BeginArray();
    for (const RuleInfo& rule : AllRules()) WriteJsonRule(json, rule);
    json.EndArray();
    json.EndObject();
  }
  output.Write(text + "\n");
}

void WriteMarkdownRule(Output& output, const RuleInfo& rule) {
  const auto line = [&](std::string_view label, std::string_view text) {
    if (!text.empty()) output.Write(fmt::format("- **{}:** {}\n", label, Markdown(text)));
  };
  output.Write(fmt::format("## {}\n\n{}\n\n", rule.id, Markdown(rule.summary)));
  output.Write(fmt::format("- **Severity:** strict {}, reference {}; verdict: {}\n",
                           LevelName(rule.strict), LevelName(rule.reference), EffectName(rule)));
  line("Impact", ImpactWords(rule));
  line("Concerns", rule.subject);
  line("Message", rule.message);
  line("Allowed", rule.allowed);
  line("Specification", rule.spec);
  line("Why it matters", rule.why);
  line("What to do", rule.fix);
  line("CWE", rule.cwe);
  line("Error of the reference", rule.reference_error);
  output.Write("\n");
}

void WriteMarkdown(Output& output, const RuleInfo* one) {
  if (one != nullptr) return WriteMarkdownRule(output, *one);
  output.Write(
      "# Rules\n\n"
      "Made by `tensorgate rules --format markdown`; a test holds it current. Findings are "
      "reported in this order, and\n"
      "the first error is the reason for a verdict. Ids are stable and never reused.\n\n"
      "| Rule | Strict | Reference | Summary |\n| --- | --- | --- | --- |\n");
  for (const RuleInfo& rule : AllRules()) {
    std::string anchor;
    for (const char c : rule.id) {
      if (c != '/') anchor += c;
    }
    output.Write(fmt::format("| [{}](#{}) | {} | {} | {} |\n", rule.id, anchor,
                             LevelName(rule.strict), LevelName(rule.reference),
                             Markdown(rule.summary)));
  }
  output.Write("\n");
  for (const RuleInfo& rule : AllRules()) WriteMarkdownRule(output, rule);
}

// The id, or what follows its slash where only one rule has it.
const RuleInfo* FindByIdOrEnd(std::string_view id) {
  if (const RuleInfo* rule = FindRule(id)) return rule;
  const RuleInfo* found = nullptr;
  for (const RuleInfo& rule : AllRules()) {
    if (rule.id.substr(rule.id.find('/') + 1) != id) continue;
    if (found != nullptr) return nullptr;
    found = &rule;
  }
  return found;
}

int NoSuchRule(std::string_view id) {
  std::vector<std::string> ids, ends;
  for (const RuleInfo& rule : AllRules()) {
    ids.emplace_back(rule.id);
    if (rule.id.ends_with(id) && id.size() > 2) ends.emplace_back(rule.id);
  }
  std::string nearest = fmt::format("{}", fmt::join(ends, ", "));
  if (!id.contains('/')) {
    for (std::string& full : ids) full.erase(0, full.find('/') + 1);
  }
  if (nearest.empty()) nearest = Nearest(id, ids);
  const std::string hint = nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest);
  std::fputs(fmt::format("tensorgate: there is no rule \"{}\"{} `tensorgate rules` lists all\n",
                         EscapeForText(id, 100), hint.empty() ? ";" : hint)
                 .c_str(),
             stderr);
  return kUsage;
}

}  // namespace

int RunRules(const Options& options) {
  const RuleInfo* one = nullptr;
  if (!options.paths.empty()) {
    one = FindByIdOrEnd(options.paths.front());
    if (one == nullptr) return NoSuchRule(options.paths.front());
  }
  Output output(options.output);
  if (options.format == Format::kJson) {
    WriteJson(output, one);
  } else if (options.format == Format::kMarkdown) {
    WriteMarkdown(output, one);
  } else if (one != nullptr) {
    WriteTextOne(output, *one);
  } else {
    WriteTextList(output);
  }
  return output.Finish() ? kDone : kUndecided;
}

}  // namespace tensorgate::cli
