// Every file of the corpus has the verdicts, reasons and offsets that its recipe states.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "lib/formats/registry.h"
#include "lib/formats/torch/pickle_file.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/scan.h"
#include "tensorgate/shards.h"

namespace tensorgate {
namespace {

namespace json = boost::json;

const json::value& Manifest() {
  static const json::value manifest = [] {
    std::ifstream file(TENSORGATE_CORPUS_DIR "/manifest.json");
    std::stringstream text;
    text << file.rdbuf();
    return json::parse(text.str());
  }();
  return manifest;
}

const json::array& Entries() { return Manifest().at("entries").as_array(); }

std::string Text(const json::value& value) {
  return value.is_null() ? "" : json::value_to<std::string>(value);
}

CheckOptions OptionsOf(const json::value& entry, Profile profile) {
  CheckOptions options;
  options.profile = profile;
  options.max_findings = 1000;
  // The reference has no limits: its entry describes only the file.
  if (profile == Profile::kReference) return options;
  for (const auto& limit : entry.at("limits").as_object()) {
    const auto* named = std::ranges::find(kLimits, std::string_view(limit.key()), &LimitInfo::name);
    options.limits.*named->member = limit.value().to_number<std::uint64_t>();
  }
  return options;
}

// A pickle that names storages needs its archive.
Report CheckPicklePath(const std::string& path, const CheckOptions& options) {
  if (path.ends_with(".pt")) return ScanPath(path, options);
  Result<FileSource> source = FileSource::Open(path);
  return torch::internal::CheckPickle(*source, options);
}

Report CheckCheckpointPath(const std::string& path, const CheckOptions& options) {
  return CheckCheckpoint(path, options).report;
}

// By the names in the folders' format.json.
const std::map<std::string, Report (*)(const std::string&, const CheckOptions&)> kCheckers = {
    {"scan", ScanPath},
    {"safetensors", safetensors::CheckPath},
    {"pickle", CheckPicklePath},
    {"checkpoint", CheckCheckpointPath}};

Report CheckEntry(const json::value& entry, Profile profile, Scope scope = Scope::kStructure) {
  const std::string path = TENSORGATE_CORPUS_DIR "/" + Text(entry.at("path"));
  CheckOptions options = OptionsOf(entry, profile);
  options.scope = scope;
  const json::value& format = Manifest().at("formats").at(Text(entry.at("format")));
  return kCheckers.at(Text(format.at("checker")))(path, options);
}

bool Has(const Report& report, std::string_view rule) {
  for (const Finding& finding : report.findings()) {
    if (Info(finding.rule).id == rule) return true;
  }
  return false;
}

TEST(CorpusTest, EveryFileIsListedAndTheListIsNotEmpty) {
  std::set<std::string> listed, found;
  for (const json::value& entry : Entries()) {
    const json::value* files = entry.as_object().if_contains("files");
    if (files == nullptr) listed.insert(Text(entry.at("path")));
    for (const json::value& file : files == nullptr ? json::array() : files->as_array()) {
      listed.insert(Text(file.at("path")));
    }
  }
  for (const auto& file : std::filesystem::recursive_directory_iterator(TENSORGATE_CORPUS_DIR)) {
    if (!file.is_regular_file() || file.path().filename().string().starts_with(".")) continue;
    const std::string path = std::filesystem::relative(file.path(), TENSORGATE_CORPUS_DIR).string();
    if (path != "manifest.json") found.insert(path);
  }
  EXPECT_GE(listed.size(), 250u);
  for (const std::string& path : listed) EXPECT_TRUE(found.contains(path)) << path;
}

TEST(CorpusTest, StrictVerdictReasonAndPlace) {
  for (const json::value& entry : Entries()) {
    const std::string path = Text(entry.at("path"));
    const Report report = CheckEntry(entry, Profile::kStrict);
    const json::value& strict = entry.at("strict");
    EXPECT_EQ(Name(report.verdict()), Text(strict.at("verdict"))) << path;
    if (!strict.at("rule").is_null()) {
      ASSERT_FALSE(report.findings().empty()) << path;
      const Finding& reason = report.findings()[0];
      EXPECT_EQ(Info(reason.rule).id, Text(strict.at("rule"))) << path;
      const bool accepted = report.verdict() == Verdict::kAccepted;
      EXPECT_EQ(report.reason(), accepted ? nullptr : &reason) << path;
      EXPECT_EQ(Message(report), accepted ? "every check passed" : Message(report, reason)) << path;
      if (!strict.at("offset").is_null()) {
        EXPECT_EQ(reason.offset, strict.at("offset").to_number<std::uint64_t>()) << path;
      }
    }
    if (const json::value* as = entry.as_object().if_contains("as")) {
      EXPECT_EQ(report.format(), Text(as->at("format"))) << path;
      ASSERT_TRUE(report.file_class()) << path;
      EXPECT_EQ(Name(*report.file_class()), Text(as->at("class"))) << path;
    }
    if (report.verdict() == Verdict::kAccepted || report.verdict() == Verdict::kUnsupported) {
      for (const json::value& rule : entry.at("warns").as_array())
        EXPECT_TRUE(Has(report, Text(rule))) << path << " " << Text(rule);
    }
    if (!entry.at("near").is_null()) EXPECT_FALSE(Has(report, Text(entry.at("near")))) << path;
  }
}

// Not "it has 8 bytes, not 8": a message with a found and an allowed value has two different ones.
TEST(CorpusTest, NoMessageSaysOneThingTwice) {
  std::set<std::string> with_both;
  for (const json::value& entry : Entries()) {
    for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
      const Report report = CheckEntry(entry, profile);
      for (const Finding& finding : report.findings()) {
        const RuleInfo& info = Info(finding.rule);
        const std::string_view text = report.FoundText(finding);
        const bool number = info.message.contains("{found}") && finding.has_found;
        if (!info.message.contains("{allowed}") || !(number || info.message.contains("{text}")))
          continue;
        with_both.emplace(info.id);
        if (number) EXPECT_NE(finding.found, finding.allowed) << Text(entry.at("path")) << info.id;
        EXPECT_NE(text, std::to_string(finding.allowed)) << Text(entry.at("path")) << info.id;
      }
    }
  }
  EXPECT_GT(with_both.size(), 30u);
}

// The scope says how far the check went: through an archive without errors, and to the booleans of
// other files.
TEST(CorpusTest, FullScopeFindsWhatTheRecipeSays) {
  for (const json::value& entry : Entries()) {
    const std::string path = Text(entry.at("path"));
    const Report structure = CheckEntry(entry, Profile::kStrict);
    const Report full = CheckEntry(entry, Profile::kStrict, Scope::kFull);
    const bool is_checkpoint = !full.shards().empty();  // its shards have their own scopes
    const bool more = !is_checkpoint && full.bytes_read() != structure.bytes_read();
    const bool reads =
        structure.verdict() == Verdict::kAccepted && (more || full.format() == "pytorch-zip");
    EXPECT_EQ(full.scope(), reads ? Scope::kFull : Scope::kStructure) << path;
    const json::value* adds = entry.as_object().if_contains("full");
    EXPECT_EQ(full.findings().size(), structure.findings().size() + (adds != nullptr)) << path;
    if (adds == nullptr) {
      EXPECT_EQ(full.verdict(), structure.verdict()) << path;
      continue;
    }
    EXPECT_FALSE(Has(structure, Text(*adds))) << path;
    EXPECT_TRUE(Has(full, Text(*adds))) << path;
    const bool fatal = FindRule(Text(*adds))->strict == Level::kError;
    EXPECT_EQ(full.verdict(), fatal ? Verdict::kRejected : Verdict::kAccepted) << path;
  }
}

// With a trust list whose only line is `numpy`.
TEST(CorpusTest, NumpyAsTheRecipeSays) {
  int seen = 0;
  for (const json::value& entry : Entries()) {
    const json::value* numpy = entry.as_object().if_contains("numpy");
    if (numpy == nullptr) continue;
    ++seen;
    const std::string path = Text(entry.at("path"));
    for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
      CheckOptions options = OptionsOf(entry, profile);
      options.trusted = *TrustList::Parse("numpy");
      const Report report = CheckPicklePath(TENSORGATE_CORPUS_DIR "/" + path, options);
      const bool accepted = Text(*numpy) == "accepted";
      if (accepted || profile == Profile::kStrict) {
        EXPECT_EQ(report.verdict(), accepted ? Verdict::kAccepted : Verdict::kRejected) << path;
      }
      EXPECT_EQ(Has(report, "use/trusted-call"), Text(*numpy) != "pickle/global-outside") << path;
      if (!accepted && profile == Profile::kStrict) EXPECT_TRUE(Has(report, Text(*numpy))) << path;
    }
  }
  EXPECT_GT(seen, 20);
}

TEST(CorpusTest, ReferenceVerdictAndError) {
  for (const json::value& entry : Entries()) {
    const std::string path = Text(entry.at("path"));
    const Report report = CheckEntry(entry, Profile::kReference);
    const json::value& reference = entry.at("reference");
    EXPECT_EQ(Name(report.verdict()), Text(reference.at("verdict"))) << path;
    if (report.verdict() == Verdict::kRejected)
      EXPECT_EQ(report.reference_error(), Text(reference.at("error"))) << path;
    if (!reference.at("rule").is_null() && report.verdict() == Verdict::kRejected)
      EXPECT_TRUE(Has(report, Text(reference.at("rule")))) << path;
  }
}

// Otherwise nothing shows what it accepts and refuses, and no fuzz target covers it.
TEST(CorpusTest, EveryProvenFormatHasACorpus) {
  std::set<std::string, std::less<>> rows;
  for (const auto& folder : Manifest().at("formats").as_object()) {
    for (const auto& row : folder.value().at("rows").as_object()) rows.emplace(row.key());
  }
  for (const internal::Format& format : internal::Formats()) {
    EXPECT_EQ(rows.contains(format.name), format.examine != nullptr) << format.name;
  }
}

// A rule that never fires, or without an accepted near miss, is not known to work.
TEST(CorpusTest, EveryRuleFiresAndHasAnAcceptedNearMiss) {
  std::set<std::string> fires, near;
  for (const json::value& entry : Entries()) {
    if (!entry.at("strict").at("rule").is_null()) fires.insert(Text(entry.at("strict").at("rule")));
    for (const json::value& rule : entry.at("warns").as_array()) fires.insert(Text(rule));
    if (const json::value* full = entry.as_object().if_contains("full")) fires.insert(Text(*full));
    if (!entry.at("near").is_null() && Text(entry.at("strict").at("verdict")) == "accepted")
      near.insert(Text(entry.at("near")));
  }
  for (const RuleInfo& info : AllRules()) {
    const std::string id(info.id);
    // These need a hostile source, a call, a stream or a symbolic link instead of a file; or say
    // that there is no parser.
    if (id.starts_with("convert/") || id.starts_with("io/") || id.starts_with("save/") ||
        id.starts_with("use/") || id == "checkpoint/shard-link" || id == "limit/spool-bytes" ||
        id == "limit/time" || id == "scan/unknown" || id == "scan/unsupported" ||
        id == "scan/also-format")
      continue;
    EXPECT_TRUE(fires.contains(id)) << id << " never fires";
    EXPECT_TRUE(near.contains(id)) << id << " has no accepted near miss";
  }
}

}  // namespace
}  // namespace tensorgate
