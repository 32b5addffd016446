// Opening the shards of an index as one checkpoint, and reading across shards.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "lib/rules/report_builder.h"
#include "tensorgate/render.h"
#include "tensorgate/scan.h"
#include "tensorgate/shards.h"
#include "tests/lib/checkpoint/model.h"

namespace tensorgate {
namespace {

namespace fs = std::filesystem;

using testing::AsBytes;
using testing::BytesOf;
using testing::Entry;
using testing::ModelOf;
using testing::Opened;
using testing::Same;

constexpr const char* kIndex = "model.safetensors.index.json";

class ShardsTest : public testing::FolderTest {
 protected:
  /// `count` shards of `tensors` tensors each, with different data in each shard, and the index.
  void WriteShards(std::size_t count, std::size_t tensors = 3) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string file = ShardFile(i);
      std::vector<Entry> entries;
      for (std::size_t k = 0; k < tensors; ++k) {
        entries.push_back({TensorName(i, k), DType::kF32, {k + 1, 5}});
        map_[entries.back().name] = file;
      }
      std::string content = ModelOf(entries);
      content.back() = static_cast<char>(i);
      files_[file] = content;
      Write(file, content);
    }
    WriteIndex();
  }
  void WriteIndex() {
    std::string text;
    for (const auto& [tensor, file] : map_) {
      text += (text.empty() ? "\"" : ",\"") + tensor + "\":\"" + file + "\"";
    }
    Write(kIndex, R"({"metadata":{},"weight_map":{)" + text + "}}");
  }
  static std::string ShardFile(std::size_t i) {
    return "s-" + std::to_string(10000 + i) + ".safetensors";
  }
  static std::string TensorName(std::size_t shard, std::size_t tensor) {
    return "layer." + std::to_string(shard) + ".weight" + std::to_string(tensor);
  }
  Report Refused(const std::string& path, const CheckOptions& options = {}) {
    std::expected<Checkpoint, Report> checkpoint = Checkpoint::OpenPath(path, options);
    EXPECT_FALSE(checkpoint);
    if (checkpoint) return Report();
    // Checking and opening are the same examination.
    EXPECT_EQ(CheckCheckpoint(path, options).report.findings()[0].rule,
              checkpoint.error().findings()[0].rule);
    return std::move(checkpoint.error());
  }
  std::string RuleAt(const std::string& path) {
    return std::string(Info(Refused(path).findings()[0].rule).id);
  }
  void ExpectAllReadable(const Checkpoint& checkpoint) {
    const Result<Loaded> all = checkpoint.LoadAll({.threads = 3, .block = 64});
    ASSERT_TRUE(all);
    for (std::size_t i = 0; i < checkpoint.tensor_count(); ++i) {
      const TensorRef tensor = checkpoint.tensor(i).value();
      const std::string& file = files_.at(map_.at(std::string(checkpoint.name(i))));
      const auto expected = BytesOf(file, tensor);
      EXPECT_TRUE(Same(all->bytes(i), expected)) << i;
      EXPECT_TRUE(Same(checkpoint.Read(i)->bytes(), expected)) << i;
      EXPECT_EQ(checkpoint.Find(checkpoint.name(i)), i);
      EXPECT_EQ(checkpoint.part(tensor.part).size, file.size());
    }
  }
  static std::size_t OpenDescriptors() {
    const fs::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }

  std::map<std::string, std::string> map_, files_;
};

TEST_F(ShardsTest, OneNameSpace) {
  WriteShards(4);
  for (const std::string& path :
       {folder_.string(), folder_.string() + "/", (folder_ / kIndex).string()}) {
    const Checkpoint checkpoint = Opened(Checkpoint::OpenPath(path));
    EXPECT_EQ(checkpoint.path(), path);
    EXPECT_EQ(checkpoint.tensor_count(), 12u);
    EXPECT_EQ(checkpoint.part_count(), 4u);
    EXPECT_EQ(checkpoint.report().format(), "safetensors-checkpoint");
    EXPECT_EQ(checkpoint.report().shards().size(), 4u);
    EXPECT_EQ(checkpoint.report().facts()->tensors, 12u);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(checkpoint.part(i).path, (folder_ / ShardFile(i)).string());
      EXPECT_EQ(checkpoint.report().shards()[i].name, ShardFile(i));
      EXPECT_EQ(checkpoint.part(i).report->format(), "safetensors");
    }
    EXPECT_EQ(checkpoint.Find("layer.4.weight0"), std::nullopt);
    EXPECT_EQ(checkpoint.Find(""), std::nullopt);
    EXPECT_EQ(checkpoint.tensor(12).error().rule, Rule::kUseNoSuchTensor);
    ExpectAllReadable(checkpoint);
  }
}

TEST_F(ShardsTest, AReportShowsEachShard) {
  WriteShards(2);
  Report report = ScanPath(folder_ / kIndex);
  EXPECT_EQ(report.format(), "safetensors-checkpoint");
  EXPECT_NE(RenderText("x", report).find("(2 shards, 6 tensors, "), std::string::npos);
  const auto shard = [](std::size_t i, const std::string& rest) {
    return R"({"name":")" + ShardFile(i) + R"(","verdict":")" + rest + "}";
  };
  const std::string good = shard(0, R"(accepted","rule":null)");
  EXPECT_NE(RenderJson("x", report)
                .find("\"shards\":[" + good + "," + shard(1, R"(accepted","rule":null)") + "]"),
            std::string::npos);
  Write(ShardFile(1), "1234567");
  report = ScanPath(folder_ / kIndex);
  EXPECT_NE(RenderJson("x", report)
                .find("\"shards\":[" + good + "," +
                      shard(1, R"(rejected","rule":"safetensors/file-too-small")") + "]"),
            std::string::npos);
}

TEST_F(ShardsTest, RelativeIndexAndSubFolder) {
  WriteShards(2);
  fs::create_directory(folder_ / "sub");
  fs::rename(folder_ / ShardFile(1), folder_ / "sub" / ShardFile(1));
  for (auto& [tensor, file] : map_) {
    if (file == ShardFile(1)) file = "sub/" + file;
  }
  files_["sub/" + ShardFile(1)] = files_[ShardFile(1)];
  WriteIndex();
  const fs::path before = fs::current_path();
  fs::current_path(folder_);
  const std::expected<Checkpoint, Report> checkpoint = Checkpoint::OpenPath(kIndex);
  fs::current_path(before);  // open files stay open
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->part(1).path, "sub/" + ShardFile(1));
  ExpectAllReadable(*checkpoint);
}

// A hub cache: each file of a snapshot is a link into blobs/.
TEST_F(ShardsTest, HubCache) {
  WriteShards(2);
  const fs::path blobs = folder_ / "hub/blobs", snapshot = folder_ / "hub/snapshots/1234";
  fs::create_directories(blobs);
  fs::create_directories(snapshot);
  for (const std::string& name : {ShardFile(0), ShardFile(1), std::string(kIndex)}) {
    fs::rename(folder_ / name, blobs / name);
    fs::create_symlink("../../blobs/" + name, snapshot / name);
  }
  ExpectAllReadable(Opened(Checkpoint::OpenPath(snapshot)));
  ExpectAllReadable(Opened(Checkpoint::OpenPath(snapshot / kIndex)));
  // Links that lead elsewhere are not followed, not even there.
  fs::rename(blobs / ShardFile(1), folder_ / "elsewhere");
  fs::create_symlink("../../elsewhere", blobs / ShardFile(1));
  EXPECT_EQ(RuleAt(snapshot), "checkpoint/shard-link");
  ExpectAllReadable(Opened(Checkpoint::OpenPath(snapshot, {.follow_links = true})));
}

TEST_F(ShardsTest, Refusals) {
  EXPECT_EQ(RuleAt(folder_), "checkpoint/index-missing");
  EXPECT_EQ(RuleAt(folder_ / "none"), "io/open-failed");
  EXPECT_EQ(RuleAt(folder_ / kIndex), "io/open-failed");
  WriteShards(2);
  map_["x"] = "../" + ShardFile(0);
  WriteIndex();
  EXPECT_EQ(RuleAt(folder_), "checkpoint/shard-name-unsafe");
  map_["x"] = ShardFile(1);
  WriteIndex();
  EXPECT_EQ(RuleAt(folder_), "checkpoint/tensor-absent");
  map_.erase("x");
  WriteIndex();
  fs::copy(folder_ / ShardFile(0), folder_ / "again.safetensors");
  map_[TensorName(0, 1)] = "again.safetensors";
  WriteIndex();
  EXPECT_EQ(RuleAt(folder_), "checkpoint/tensor-in-two-shards");
  map_[TensorName(0, 1)] = ShardFile(0);
  WriteIndex();
  ExpectAllReadable(Opened(Checkpoint::OpenPath(folder_)));
  fs::remove(folder_ / ShardFile(1));
  EXPECT_EQ(RuleAt(folder_), "checkpoint/shard-missing");
  fs::create_symlink(ShardFile(1), folder_ / ShardFile(1));  // a loop
  EXPECT_EQ(RuleAt(folder_), "checkpoint/shard-link");
  fs::remove(folder_ / ShardFile(1));
  Write(ShardFile(1), files_[ShardFile(1)] + "x");
  EXPECT_EQ(RuleAt(folder_), "checkpoint/shard-rejected");
}

// Opening is strict, whatever the options are.
TEST_F(ShardsTest, OpeningIsStrict) {
  WriteShards(1);
  std::string file = files_[ShardFile(0)];
  file[8] = ' ';  // the reference skips it, and then finds no brace
  Write(ShardFile(0), file);
  EXPECT_EQ(Refused(folder_, {.profile = Profile::kReference}).profile(), Profile::kStrict);
}

TEST_F(ShardsTest, WhatOthersDoMeanwhile) {
  WriteShards(3);
  const Checkpoint checkpoint = Opened(Checkpoint::OpenPath(folder_));
  // Another file under the name of a shard: the file that was checked is the one that is read.
  Write("new", files_[ShardFile(1)].substr(1));
  fs::rename(folder_ / "new", folder_ / ShardFile(1));
  fs::remove(folder_ / ShardFile(2));
  fs::remove(folder_ / kIndex);
  ExpectAllReadable(checkpoint);
  EXPECT_TRUE(checkpoint.CheckUnchanged());
  // Changed in place: only tensors of that shard fail.
  fs::resize_file(folder_ / ShardFile(0), 10);
  EXPECT_EQ(checkpoint.CheckUnchanged().error().rule, Rule::kIoChanged);
  EXPECT_FALSE(checkpoint.Read(*checkpoint.Find(TensorName(0, 0))));
  EXPECT_TRUE(checkpoint.Read(*checkpoint.Find(TensorName(1, 0))));
  EXPECT_FALSE(checkpoint.LoadAll());
}

TEST_F(ShardsTest, AFailureSaysWhichShard) {
  WriteShards(3);
  const Checkpoint checkpoint = Opened(Checkpoint::OpenPath(folder_));
  fs::resize_file(folder_ / ShardFile(1), 10);
  const std::size_t lost = *checkpoint.Find(TensorName(1, 2));
  for (const Status& status : {checkpoint.CheckUnchanged().error(), checkpoint.Read(lost).error(),
                               checkpoint.LoadAll().error(), checkpoint.Map(1).error(),
                               checkpoint.ReadSlice(lost, {{Subscript::Index(0)}}).error()}) {
    EXPECT_TRUE(status.rule == Rule::kIoChanged || status.rule == Rule::kIoShortRead);
    EXPECT_EQ(checkpoint.part(status.part).path, (folder_ / ShardFile(1)).string());
  }
  EXPECT_TRUE(checkpoint.Map(2));
}

TEST_F(ShardsTest, AThousandShards) {
  WriteShards(1000, 2);
  rlimit given;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &given), 0);
  const auto limit = [&](rlim_t soft) {
    const rlimit wanted{std::min(soft, given.rlim_max), given.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &wanted);
  };
  const std::size_t before = OpenDescriptors();
  if (given.rlim_max < before + 1100) GTEST_SKIP() << "the system gives too few descriptors";
  ASSERT_EQ(limit(before + 500), 0);
  // One file at a time is enough for a check; keeping all open is impossible, which is reported.
  EXPECT_EQ(CheckCheckpoint(folder_).report.verdict(), Verdict::kAccepted);
  std::expected<Checkpoint, Report> none = Checkpoint::OpenPath(folder_);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().verdict(), Verdict::kUndecided);
  EXPECT_EQ(none.error().findings()[0].rule, Rule::kCpShardUndecided);
  EXPECT_EQ(none.error().FoundText(none.error().findings()[0]), "io/open-failed");
  EXPECT_EQ(OpenDescriptors(), before);
  ASSERT_EQ(limit(before + 1100), 0);
  {
    const Checkpoint checkpoint = Opened(Checkpoint::OpenPath(folder_));
    EXPECT_EQ(OpenDescriptors(), before + 1000);
    EXPECT_EQ(checkpoint.tensor_count(), 2000u);
    ExpectAllReadable(checkpoint);
  }
  EXPECT_EQ(OpenDescriptors(), before);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &given), 0);
}

}  // namespace
}  // namespace tensorgate
