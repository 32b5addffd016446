// Checkpoints of many files: names of indexes, findings that are reported once, sources and folders
// that fail. corpus/checkpoint shows what each rule refuses.
#include "lib/sharded/check.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/names.h"
#include "lib/sharded/index.h"
#include "lib/sharded/rules.h"
#include "lib/source/folder.h"
#include "tensorgate/shards.h"
#include "tests/lib/checkpoint/model.h"

namespace tensorgate::sharded {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIndex = "model.safetensors.index.json";

std::string TextOf(const std::vector<std::pair<std::string, std::string>>& map,
                   const std::string& before = R"("metadata":{},)") {
  std::string members;
  for (const auto& [tensor, shard] : map) {
    members += (members.empty() ? "\"" : ",\"") + tensor + "\":\"" + shard + "\"";
  }
  return "{" + before + "\"weight_map\":{" + members + "}}";
}

const Finding* FindingOf(const Report& report, Rule rule) {
  const auto found = std::ranges::find(report.findings(), rule, &Finding::rule);
  return found == report.findings().end() ? nullptr : &*found;
}

void Fill(Index& index, std::string_view text) {
  index.bytes.Resize(text.size());
  std::ranges::copy(testing::AsBytes(text), index.bytes.span().begin());
}

TEST(IndexTest, NamesOfIndexes) {
  const struct {
    const char* path;
    const internal::Format* shards;
  } cases[] = {{"a/model.safetensors.index.json", &internal::SafetensorsFormat()},
               {"model.safetensors.index.fp16.json", &internal::SafetensorsFormat()},
               {"pytorch_model.bin.index.json", &internal::TorchFormat()},
               {"x.index.y.safetensors.index.json", &internal::SafetensorsFormat()},
               {".safetensors.index.json", nullptr},
               {"model.index.json", nullptr},
               {"model.safetensors.json", nullptr},
               {"model.safetensors.index.", nullptr},
               {"model.safetensors.index.jso", nullptr},
               {"model.safetensors.index..json", nullptr},
               {"model.safetensors.index.fp16.jso", nullptr},
               {"model.safetensors.index.a.b.json", nullptr},
               {"model.safetensors.index.json/x", nullptr}};
  for (const auto& [path, shards] : cases) {
    EXPECT_EQ(ShardsOf(path), shards) << path;
    EXPECT_EQ(IsNamedIndex(path), shards != nullptr) << path;
  }
}

// If several are alike, the first is named, with their number.
TEST(IndexTest, WhatIsReportedOnce) {
  const std::string text =
      TextOf({{"a", "y/a.safetensors"}, {"b", "x/b.safetensors"}, {"c", "c.safetensors"}},
             R"("metadata":{},"one":{"x":1},"two":2,)");
  Index index;
  Fill(index, text);
  ReportBuilder builder({}, "");
  ASSERT_TRUE(ParseIndex(index, builder));
  ApplyIndexRules(index, builder);
  const Report report = builder.Finish();
  const Finding* unknown = FindingOf(report, Rule::kCpIndexUnknown);
  ASSERT_NE(unknown, nullptr);
  EXPECT_EQ(report.Subject(*unknown), "one");
  EXPECT_EQ(unknown->found, 2u);
  EXPECT_EQ(unknown->offset, text.find("\"one\""));
  const Finding* below = FindingOf(report, Rule::kCpShardSubFolder);
  ASSERT_NE(below, nullptr);
  EXPECT_EQ(report.Subject(*below), "x/b.safetensors");  // the first by name
  EXPECT_EQ(below->found, 2u);
}

Report RulesOf(const std::vector<std::pair<std::string, std::string>>& map) {
  Index index;
  Fill(index, TextOf(map));
  ReportBuilder builder({}, "");
  EXPECT_TRUE(ParseIndex(index, builder));
  ApplyIndexRules(index, builder);
  return builder.Finish();
}

// Shard names that file systems cannot represent everywhere are not in the corpus.
TEST(IndexTest, NamesOfShardsThatMeanSomethingElse) {
  for (const std::string name : {"%2e%2e", "a?b", "a#b", "a*", "[a]b", "{a,b}", "a<b", "a>b", "a|b",
                                 "-a", "--model", "~a", " a", "a/ b"}) {
    const std::string shard = name + ".safetensors";
    const Report report = RulesOf({{"x", "1.safetensors"}, {"y", shard}});
    const Finding* odd = FindingOf(report, Rule::kCpShardNameOdd);
    ASSERT_NE(odd, nullptr) << name;
    EXPECT_EQ(report.Subject(*odd), shard);
    EXPECT_EQ(odd->found, 1u);
    EXPECT_EQ(report.verdict(), Verdict::kAccepted);
  }
  EXPECT_NE(FindingOf(RulesOf({{"x", "\\\"a.safetensors"}}), Rule::kCpShardNameOdd), nullptr);
  for (const std::string name :
       {"model-00001-of-00002", "a b (1)", "a+b", "a-b~", "a=b,c", "a&b;c", "a/b"}) {
    const Report report = RulesOf({{"x", name + ".safetensors"}});
    EXPECT_EQ(FindingOf(report, Rule::kCpShardNameOdd), nullptr) << name;
  }
}

TEST(IndexTest, NamesOfShardsAsFiles) {
  const struct {
    std::vector<std::pair<std::string, std::string>> map;
    Rule rule;
    std::string_view subject;
  } cases[] = {
      {{{"x", "nul.safetensors"}}, Rule::kNameReserved, "nul.safetensors"},
      {{{"x", "a./b.safetensors"}}, Rule::kNameReserved, "a./b.safetensors"},
      {{{"x", "a /b.safetensors"}}, Rule::kNameReserved, "a /b.safetensors"},
      {{{"x", "a.safetensors"}, {"y", "A.safetensors"}}, Rule::kNameCollision, "a.safetensors"},
      {{{"x", "a.safetensors"}, {"y", "\xD0\xB0.safetensors"}},
       Rule::kNameCollision,
       "\xD0\xB0.safetensors"},
      {{{"x", "a\xC2\xA0.safetensors"}}, Rule::kNameUnseen, "a\xC2\xA0.safetensors"},
      {{{"x", "e\xCC\x81.safetensors"}}, Rule::kNameNotNormal, "e\xCC\x81.safetensors"},
      {{{"x", "a.safetensors/b.safetensors"}, {"y", "a.safetensors"}},
       Rule::kNameFolder,
       "a.safetensors/b.safetensors"},
      {{{"x.y", "a.safetensors"}, {"X.y", "a.safetensors"}}, Rule::kNameCollision, "X.y"},
      {{{"a.__proto__", "a.safetensors"}}, Rule::kNameMember, "a.__proto__"}};
  for (const auto& [map, rule, subject] : cases) {
    const Report report = RulesOf(map);
    const Finding* finding = FindingOf(report, rule);
    ASSERT_NE(finding, nullptr) << subject;
    EXPECT_EQ(report.Subject(*finding), subject);
    EXPECT_EQ(finding->found, 1u) << subject;
    EXPECT_EQ(report.verdict(), Verdict::kAccepted) << subject;
  }
  // A shard that must not be opened is refused for its name, which is not checked further.
  EXPECT_EQ(FindingOf(RulesOf({{"x", "nul:.safetensors"}}), Rule::kNameReserved), nullptr);
}

TEST(IndexTest, ALimitSaysNothingOfWhatFollows) {
  for (const std::uint64_t limit : {1, 3}) {
    CheckOptions options;
    options.limits.tensors = limit;
    Index index;
    Fill(index,
         TextOf({{"a", "1.safetensors"}, {"b", "1.safetensors"}, {"\xff", "1.safetensors"}}));
    ReportBuilder builder(options, "");
    EXPECT_FALSE(ParseIndex(index, builder));
    const Report report = builder.Finish();
    EXPECT_EQ(FindingOf(report, Rule::kLimitTensors) != nullptr, limit == 1);
    EXPECT_EQ(FindingOf(report, Rule::kCpIndexNotUtf8) != nullptr, limit == 3);
  }
}

class CheckpointCheckTest : public testing::FolderTest {
 protected:
  /// Shards "1.safetensors", "2.safetensors" ... of these tensors each.
  void WriteShards(const std::vector<std::vector<std::string>>& shards) {
    for (std::size_t i = 0; i < shards.size(); ++i) {
      std::vector<testing::Entry> entries;
      for (const std::string& name : shards[i]) entries.push_back({name, DType::kU8, {1}});
      Write(std::to_string(i + 1) + ".safetensors", testing::ModelOf(entries));
    }
  }
  Report CheckAll(const CheckOptions& options = {}) {
    return CheckCheckpoint(folder_, options).report;
  }
};

TEST_F(CheckpointCheckTest, ThreeFormatsAreReportedOnce) {
  for (const char* format : {"pt", "mlx", "tf"}) {
    Write(std::string(format) + ".safetensors",
          testing::BuildFile(R"({"__metadata__":{"format":")" + std::string(format) + "\"}," +
                                 testing::TensorEntry(format, "U8", "1", 0, 1) + "}",
                             1));
  }
  Write(kIndex,
        TextOf({{"pt", "pt.safetensors"}, {"mlx", "mlx.safetensors"}, {"tf", "tf.safetensors"}}));
  const Report report = CheckAll();
  EXPECT_EQ(report.verdict(), Verdict::kAccepted);
  EXPECT_EQ(std::ranges::count(report.findings(), Rule::kCpFormatMixed, &Finding::rule), 1);
  EXPECT_EQ(report.Subject(*FindingOf(report, Rule::kCpFormatMixed)), "pt.safetensors");
}

TEST_F(CheckpointCheckTest, OfThreeShardsWithOneTensorTwoAreNamed) {
  WriteShards({{"a"}, {"a", "b"}, {"a", "c"}});
  Write(kIndex, TextOf({{"a", "1.safetensors"}, {"b", "2.safetensors"}, {"c", "3.safetensors"}}));
  const Report report = CheckAll();
  const Finding* twice = FindingOf(report, Rule::kCpTensorTwice);
  ASSERT_NE(twice, nullptr);
  EXPECT_EQ(report.Subject(*twice), "a");
  EXPECT_EQ(report.FoundText(*twice), "2.safetensors");
}

// Facts and total_size cover all shards, or are not given.
TEST_F(CheckpointCheckTest, NotAllShardsWereRead) {
  WriteShards({{"a"}, {"b"}});
  Write(kIndex, TextOf({{"a", "1.safetensors"}, {"b", "2.safetensors"}},
                       R"("metadata":{"total_size":2},)"));
  ASSERT_EQ(CheckAll().facts()->data_bytes, 2u);
  CheckOptions options;
  options.limits.checkpoint_header_bytes = 1;
  const Report report = CheckAll(options);
  EXPECT_EQ(report.shards().size(), 1u);
  EXPECT_EQ(report.shards()[0].verdict, Verdict::kAccepted);
  EXPECT_FALSE(report.facts());
  EXPECT_EQ(report.findings().size(), 1u);
  EXPECT_EQ(report.findings()[0].rule, Rule::kLimitCheckpointHeaderBytes);
}

TEST_F(CheckpointCheckTest, LinksInALoop) {
  WriteShards({{"a"}});
  Write(kIndex, TextOf({{"a", "1.safetensors"}, {"b", "2.safetensors"}}));
  fs::create_symlink("2.safetensors", folder_ / "2.safetensors");
  for (const bool follow : {false, true}) {
    EXPECT_EQ(CheckAll({.follow_links = follow}).findings()[0].rule, Rule::kCpShardLink);
  }
}

TEST_F(CheckpointCheckTest, FilesThatAreNotIndexes) {
  fs::create_directory(folder_ / kIndex);
  EXPECT_EQ(CheckAll().findings()[0].rule, Rule::kIoNotRegular);
  EXPECT_EQ(CheckCheckpoint(folder_ / kIndex).report.findings()[0].rule, Rule::kCpIndexMissing);
  ASSERT_EQ(mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(CheckCheckpoint(folder_ / "fifo").report.findings()[0].rule, Rule::kIoNotRegular);
}

TEST_F(CheckpointCheckTest, TheIndexOfAFolder) {
  const std::string path = folder_;
  EXPECT_EQ(IndexOf(path), path);
  EXPECT_EQ(IndexOf(path + "/none"), path + "/none");
  const std::string only = Write("x.safetensors.index.json", "");
  EXPECT_EQ(IndexOf(path), only);
  EXPECT_EQ(IndexOf(path + "/"), only);
  EXPECT_EQ(IndexOf(only), only);
  Write("y.safetensors.index.json", "");
  EXPECT_EQ(IndexOf(path), path);
  const std::string usual = Write(kIndex, "");
  EXPECT_EQ(IndexOf(path), usual);
}

// An index whose source fails, or reports that it changed.
class Failing final : public Source {
 public:
  Failing(std::string_view text, bool reads) : inner_(internal::AsBytes(text)), reads_(reads) {}
  std::uint64_t size() const override { return inner_.size(); }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override {
    if (reads_) return inner_.Read(offset, into);
    return std::unexpected(Status{.rule = Rule::kIoReadFailed, .offset = offset});
  }
  Result<void> CheckUnchanged() override {
    return std::unexpected(Status{.rule = Rule::kIoChanged});
  }

 private:
  MemorySource inner_;
  bool reads_;
};

// If one format is requested, no index of another format is used.
TEST_F(CheckpointCheckTest, AFolderOfAnotherFormat) {
  Write(kIndex, TextOf({}));
  for (const internal::Format* only : {&internal::TorchFormat(), &internal::SafetensorsFormat()}) {
    const Report report = CheckPath(folder_, {}, false, only).report;
    EXPECT_EQ(report.format(), only->shards->format);
    EXPECT_EQ(FindingOf(report, Rule::kCpIndexMissing) != nullptr,
              only == &internal::TorchFormat());
  }
}

TEST_F(CheckpointCheckTest, AnIndexThatCannotBeRead) {
  const Result<internal::Folder> folder = internal::Folder::At(folder_);
  ASSERT_TRUE(folder);
  const std::string text = TextOf({{"a", "1.safetensors"}});
  for (const bool reads : {false, true}) {
    Failing source(text, reads);
    const Checked checked = CheckIndex(*folder, internal::SafetensorsFormat(), source, {});
    EXPECT_EQ(checked.report.verdict(), Verdict::kUndecided);
    ASSERT_EQ(checked.report.findings().size(), 1u);
    EXPECT_EQ(checked.report.findings()[0].rule, reads ? Rule::kIoChanged : Rule::kIoReadFailed);
    EXPECT_TRUE(checked.shards.empty());
  }
}

// Files that are not in a folder.
struct Remote final : internal::Store {
  Result<std::unique_ptr<Source>> Open(const std::string& name) const override {
    ++opened;
    const auto found = files.find(name);
    if (found == files.end()) return std::unexpected(Status{.rule = Rule::kIoReadFailed});
    return std::make_unique<MemorySource>(internal::AsBytes(found->second));
  }
  Result<internal::FolderNames> List() const override {
    return std::unexpected(Status{.rule = Rule::kIoReadFailed});
  }

  std::map<std::string, std::string> files;
  mutable int opened = 0;
};

TEST(StoreTest, ShardsThatAreInNoFolder) {
  Remote remote;
  for (const char* name : {"a", "b"}) {
    remote.files[std::string(name) + ".safetensors"] =
        testing::BuildFile("{" + testing::TensorEntry(name, "U8", "1", 0, 1) + "}", 1);
  }
  const std::string text = TextOf({{"a", "a.safetensors"}, {"b", "b.safetensors"}});
  MemorySource index(internal::AsBytes(text));
  const Checked whole = CheckIndex(remote, internal::SafetensorsFormat(), index, {}, true);
  EXPECT_EQ(whole.report.verdict(), Verdict::kAccepted);
  EXPECT_EQ(remote.opened, 2);  // each once
  ASSERT_EQ(whole.shards.size(), 2u);
  for (const CheckedShard& shard : whole.shards) {
    ASSERT_NE(shard.source, nullptr);
    EXPECT_EQ(shard.source->size(), remote.files[shard.name].size());
  }

  remote.files.erase("b.safetensors");
  const Checked part = CheckIndex(remote, internal::SafetensorsFormat(), index, {}, true);
  EXPECT_EQ(part.report.verdict(), Verdict::kUndecided);
  EXPECT_NE(FindingOf(part.report, Rule::kCpShardUndecided), nullptr);
}

// Names that share one slot of the index's table, many of which are not in the index: they are
// found all the same, in the end by comparing.
TEST_F(CheckpointCheckTest, NamesThatSomeoneChose) {
  constexpr std::size_t kListed = 80, kOthers = 200;
  std::vector<std::string> names;
  for (int i = 0; names.size() < kListed + kOthers; ++i) {
    const std::string name = "n" + std::to_string(i);
    if (internal::HashName(name) % 128 == 0) names.push_back(name);
  }
  std::vector<std::pair<std::string, std::string>> map;
  for (std::size_t i = 0; i < kListed; ++i) {
    map.emplace_back(names[kOthers + i], i % 2 == 0 ? "1.safetensors" : "2.safetensors");
  }
  Write(kIndex, TextOf(map));
  std::vector<std::string> first(names.begin(), names.begin() + kOthers), second;
  for (std::size_t i = 0; i < kListed; ++i) (i % 2 == 0 ? first : second).push_back(map[i].first);
  WriteShards({first, second});
  const Report report = CheckAll();
  EXPECT_EQ(report.verdict(), Verdict::kAccepted);
  ASSERT_NE(FindingOf(report, Rule::kCpTensorUnlisted), nullptr);
  EXPECT_EQ(FindingOf(report, Rule::kCpTensorUnlisted)->found, kOthers);
  WriteShards({first, {second.begin() + 1, second.end()}});
  EXPECT_EQ(CheckAll().findings()[0].rule, Rule::kCpTensorAbsent);
}

// Every lack of descriptors is reported.
TEST_F(CheckpointCheckTest, NoDescriptorsLeft) {
  WriteShards({{"a"}});
  const std::string index = Write(kIndex, TextOf({{"a", "1.safetensors"}}));
  rlimit usual;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
  const int lowest = open("/dev/null", O_RDONLY);  // the lowest free one
  close(lowest);
  const auto judge = [](const std::string& path) { return CheckCheckpoint(path).report; };
  for (const std::string& path : {folder_.string(), index}) {
    for (int left = 0; left < 6; ++left) {
      const rlimit tight{static_cast<rlim_t>(lowest + left), usual.rlim_max};
      ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
      const Report report = judge(path);
      const std::string found = IndexOf(folder_);
      ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
      EXPECT_EQ(found, left < 2 ? folder_.string() : index) << left;
      if (report.verdict() == Verdict::kAccepted) {
        EXPECT_GT(left, 2) << path;
        continue;
      }
      EXPECT_LT(left, 3) << path;
      EXPECT_EQ(report.verdict(), Verdict::kUndecided) << left;
      const Rule rule = report.findings()[0].rule;
      EXPECT_TRUE(rule == Rule::kIoOpenFailed || rule == Rule::kCpShardUndecided) << left;
    }
  }
}

}  // namespace
}  // namespace tensorgate::sharded
