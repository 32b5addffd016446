// The JSON form of a report.
#include <array>
#include <string>
#include <string_view>

#include "lib/base/base64.h"
#include "lib/base/utf8.h"
#include "lib/json/writer.h"
#include "lib/report/message.h"
#include "tensorgate/render.h"

namespace tensorgate {
namespace {

using internal::Base64;
using internal::JsonWriter;

// A subject is cut at a number of bytes, perhaps within a character: that one is left out.
std::string_view WholeCharacters(std::string_view text) {
  const std::size_t valid = internal::ValidUtf8Length(text);
  return text.size() - valid < 4 ? text.substr(0, valid) : text;
}

// An empty name is a name; a finding about the file as a whole has no subject.
bool HasSubject(const RuleInfo& info, std::string_view subject) {
  return !subject.empty() || info.message.contains("{subject}");
}

void WriteFinding(JsonWriter& json, const Report& report, const Finding& finding) {
  const RuleInfo& info = Info(finding.rule);
  json.BeginObject();
  json.Member("rule", info.id);
  json.Member("severity", Name(finding.severity));
  json.Member("offset", finding.offset);
  json.Key("subject");
  const std::string_view subject = report.Subject(finding);
  HasSubject(info, subject) ? json.String(WholeCharacters(subject)) : json.Null();
  json.Key("found");
  const std::string_view found = report.FoundText(finding);
  if (!found.empty()) {
    json.String(WholeCharacters(found));
  } else {
    finding.has_found ? json.Number(finding.found) : json.Null();
  }
  if (finding.has_allowed) {
    json.Member("allowed", finding.allowed);
  } else {
    json.MemberOrNull("allowed", info.allowed);
  }
  std::string message;
  internal::AppendMessage(message, report, finding);
  json.Member("message", message);
  json.EndObject();
}

void WriteLimits(JsonWriter& json, const Limits& limits) {
  json.Key("limits");
  json.BeginObject();
  for (const LimitInfo& limit : kLimits) json.Member(limit.name, limits.*limit.member);
  json.EndObject();
}

void WriteFacts(JsonWriter& json, const Report& report) {
  const auto number = [&](std::string_view key, std::uint64_t Report::Facts::* fact) {
    json.Key(key);
    report.facts() ? json.Number((*report.facts()).*fact) : json.Null();
  };
  number("header_bytes", &Report::Facts::header_bytes);
  number("tensors", &Report::Facts::tensors);
  number("parameters", &Report::Facts::parameters);
  number("data_bytes", &Report::Facts::data_bytes);
  number("metadata_entries", &Report::Facts::metadata_entries);
}

void WriteShards(JsonWriter& json, const Report& report) {
  json.Key("shards");
  if (report.shards().empty()) return json.Null();
  json.BeginArray();
  for (const ShardVerdict& shard : report.shards()) {
    json.BeginObject();
    json.Member("name", shard.name);
    json.Member("verdict", Name(shard.verdict));
    json.MemberOrNull("rule", shard.reason ? Info(*shard.reason).id : std::string_view());
    json.EndObject();
  }
  json.EndArray();
}

void WriteReport(JsonWriter& json, std::string_view path, const Report& report,
                 const JsonExtras& extras) {
  json.BeginObject();
  json.Member("schema_version", std::uint64_t{1});
  json.Member("tool_version", ToolVersion());
  json.Member("rules_version", RulesVersion());
  json.PathMembers("path", path);
  json.Member("format", report.format());
  json.MemberOrNull("class", report.file_class() ? Name(*report.file_class()) : std::string_view());
  json.Key("size");
  report.size() ? json.Number(*report.size()) : json.Null();
  json.Member("profile", Name(report.profile()));
  json.Member("scope", Name(report.scope()));
  WriteLimits(json, report.limits());
  json.Member("verdict", Name(report.verdict()));
  json.MemberOrNull("impact", report.impact() ? Name(*report.impact()) : std::string_view());
  json.Key("findings");
  json.BeginArray();
  for (const Finding& finding : report.findings()) WriteFinding(json, report, finding);
  json.EndArray();
  json.Member("dropped_findings", report.dropped_findings());
  json.MemberOrNull("reference_error", report.reference_error());
  json.Member("bytes_read", report.bytes_read());
  json.MemberOrNull("header_sha256", extras.header_sha256);
  WriteFacts(json, report);
  WriteShards(json, report);
  json.EndObject();
}

}  // namespace

std::string RenderJson(std::string_view path, const Report& report, const JsonExtras& extras) {
  return internal::OrEmpty([&](std::string& out) {
    JsonWriter json(out);
    WriteReport(json, path, report, extras);
  });
}

}  // namespace tensorgate
