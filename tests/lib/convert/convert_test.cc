// Conversion by the library: what is written, and what is refused without writing anything.
#include "tensorgate/convert.h"
#include "tensorgate/safetensors.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>

#include "lib/checkpoint/checkpoint_data.h"
#include "lib/checkpoint/strided.h"
#include "tests/lib/checkpoint/model.h"
#include "tests/lib/formats/torch/build.h"

namespace tensorgate {
namespace {

namespace fs = std::filesystem;
using testing::torch::Dict;
using testing::torch::File;
using testing::torch::View;

using Strings = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

// The bytes 0, 1, 2, …
std::string Counted(std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(i);
  return bytes;
}

ConvertOptions Selecting(const char* key) {
  ConvertOptions options;
  options.select = key;
  return options;
}

// A whole storage of `count` floats.
View Floats(std::uint64_t count, std::size_t record = 0) {
  return {.shape = {count}, .stride = {1}, .record = record, .elements = count};
}

class ConvertTest : public testing::FolderTest {
 protected:
  static constexpr const char* kPlain = TENSORGATE_CORPUS_DIR "/torch-checkpoint/accept/plain";
  static constexpr const char* kIndex = "model.safetensors.index.json";
  static constexpr const char* kOne = "pytorch_model-00001-of-00002.bin";
  static constexpr const char* kTwo = "pytorch_model-00002-of-00002.bin";
  std::string target() const { return (folder_ / "out").string(); }
  std::string Put(const std::string& name, std::string_view content) {
    fs::create_directories((folder_ / name).parent_path());
    return Write(name, content);
  }
  /// Everything below the folder.
  Strings Names() const {
    Strings names;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      names.push_back(entry.path().lexically_relative(folder_));
    }
    std::ranges::sort(names);
    return names;
  }
  Converted Done(const std::string& from, const std::string& to,
                 const ConvertOptions& options = {.verify = true}) {
    const auto converted = Convert(from, to, options);
    EXPECT_TRUE(converted) << (converted.error().report
                                   ? Info(converted.error().report->findings()[0].rule).id
                                   : Message(converted.error().status));
    return converted ? *converted : Converted();
  }
  /// The error of a conversion that leaves no files.
  ConvertError Refused(const std::string& from, const std::string& to,
                       const ConvertOptions& options = {}) {
    const Strings before = Names();
    const auto converted = Convert(from, to, options);
    EXPECT_FALSE(converted);
    EXPECT_EQ(Names(), before);
    return converted ? ConvertError() : converted.error();
  }
  void ExpectRefused(const std::string& file, Rule rule, const std::string& tensor,
                     const ConvertOptions& options = {}) {
    const ConvertError error = Refused(Put("in.pt", file), target(), options);
    EXPECT_FALSE(error.report);
    EXPECT_EQ(error.status.rule, rule) << Info(error.status.rule).id;
    EXPECT_EQ(error.tensor, tensor);
  }
  void ExpectReported(const std::string& from, Rule rule) {
    const ConvertError error = Refused(from, target());
    ASSERT_TRUE(error.report);
    EXPECT_EQ(error.report->findings()[0].rule, rule) << Info(error.report->findings()[0].rule).id;
  }
  /// Two shards in `in`: a tensor and its transposed view, and one tensor under two names.
  std::string PutShards() {
    const View floats{.shape = {2, 2}, .stride = {2, 1}, .elements = 4};
    const View turned{
        .shape = {2, 2}, .stride = {1, 2}, .record = 1, .elements = 4, .storage = "HalfStorage"};
    Put("in/" + std::string(kOne), File(Dict({{"z.w", floats.Code()}, {"a.turned", turned.Code()}}),
                                        {Counted(16), "00112233"}));
    Put("in/" + std::string(kTwo),
        File(Dict({{"head", floats.Code()}, {"again", floats.Code()}}), {Counted(16)}));
    PutIndex({{"z.w", kOne}, {"a.turned", kOne}, {"head", kTwo}, {"again", kTwo}});
    return folder_ / "in";
  }
  void PutIndex(const Pairs& weights) {
    std::string text;
    for (const auto& [tensor, file] : weights) {
      text += (text.empty() ? "\"" : ",\"") + tensor + "\":\"" + file + "\"";
    }
    Put("in/pytorch_model.bin.index.json",
        R"({"metadata":{"total_size":40},"weight_map":{)" + text + "}}");
  }
};

// The tensors of a written file: dtype, shape, bytes.
using Tensors = std::map<std::string, std::tuple<DType, std::vector<std::uint64_t>, std::string>>;

Tensors TensorsOf(const std::string& path) {
  const Checkpoint made = testing::Opened(Checkpoint::OpenPath(path));
  Tensors tensors;
  for (std::size_t i = 0; i < made.tensor_count(); ++i) {
    const TensorRef tensor = *made.tensor(i);
    const Buffer buffer = *made.Read(i);
    std::string bytes;
    for (const std::byte byte : buffer.bytes()) bytes += static_cast<char>(byte);
    tensors[std::string(tensor.name)] = {*tensor.type.dtype, tensor.shape, bytes};
  }
  return tensors;
}

Pairs MetadataOf(const std::string& path) {
  const auto file = safetensors::File::OpenPath(path);
  EXPECT_TRUE(file);
  Pairs metadata;
  for (std::size_t i = 0; i < file->metadata_count(); ++i) {
    metadata.emplace_back(file->metadata(i).key, file->metadata(i).value);
  }
  return metadata;
}

TEST_F(ConvertTest, EveryViewInCOrder) {
  const std::string halves = Counted(48);
  const auto view = [](std::vector<std::uint64_t> shape, std::vector<std::uint64_t> stride,
                       std::uint64_t offset = 0) {
    return View{.shape = std::move(shape),
                .stride = std::move(stride),
                .offset = offset,
                .elements = 24,
                .storage = "HalfStorage"}
        .Code();
  };
  const View scalar{.record = 1, .elements = 1, .storage = "LongStorage"};
  const std::string file = File(Dict({{"a", Dict({{"whole", view({2, 3, 4}, {12, 4, 1})},
                                                  {"turned", view({4, 3, 2}, {1, 4, 12})},
                                                  {"column", view({6}, {4}, 1)},
                                                  {"none", view({4, 0}, {1, 4})}})},
                                      {"scalar", scalar.Code()},
                                      {"epoch", testing::torch::Number(3)}}),
                                {halves, "12345678"});
  const Converted converted = Done(Put("in.pt", file), target());
  EXPECT_EQ(converted.path, target());
  EXPECT_EQ(converted.shards, 0u);
  EXPECT_EQ(converted.tensors, 5u);
  EXPECT_EQ(converted.bytes, 48u + 48 + 12 + 8);
  EXPECT_EQ(converted.rearranged, 2u);
  std::string turned, column;
  for (std::size_t i = 0; i < 24; ++i) {
    turned += halves.substr(2 * (i / 6 + i / 2 % 3 * 4 + i % 2 * 12), 2);
  }
  for (std::size_t i = 0; i < 6; ++i) column += halves.substr(2 * (1 + 4 * i), 2);
  EXPECT_EQ(TensorsOf(target()), (Tensors{{"a.whole", {DType::kF16, {2, 3, 4}, halves}},
                                          {"a.turned", {DType::kF16, {4, 3, 2}, turned}},
                                          {"a.column", {DType::kF16, {6}, column}},
                                          {"a.none", {DType::kF16, {4, 0}, ""}},
                                          {"scalar", {DType::kI64, {}, "12345678"}}}));
  EXPECT_EQ(MetadataOf(target()), (Pairs{{"format", "pt"}}));
}

TEST_F(ConvertTest, TiedTensorsAreWrittenOnce) {
  const View whole{.shape = {2, 2}, .stride = {2, 1}, .elements = 4};
  const View part{.shape = {2}, .stride = {1}, .offset = 2, .elements = 4};
  const std::string file = File(Dict({{"z.head", whole.Code()},
                                      {"b.embed", whole.Code()},
                                      {"format", whole.Code()},
                                      {"part", part.Code()}}),
                                {Counted(16)});
  const Converted converted = Done(Put("in.pt", file), target());
  EXPECT_EQ(converted.tied, (Pairs{{"z.head", "b.embed"}, {"z.head", "format"}}));
  EXPECT_EQ(TensorsOf(target()), (Tensors{{"z.head", {DType::kF32, {2, 2}, Counted(16)}},
                                          {"part", {DType::kF32, {2}, Counted(16).substr(8)}}}));
  // A tensor's name does not replace the format's own key.
  EXPECT_EQ(MetadataOf(target()), (Pairs{{"format", "pt"}, {"b.embed", "z.head"}}));
  fs::remove(target());
  ExpectRefused(file, Rule::kConvertTied, "b.embed", {.refuse_tied = true});
  Put("in.pt", File(Dict({{"w", whole.Code()}}), {Counted(16)}));
  Done(folder_ / "in.pt", target(), {.refuse_tied = true});
}

TEST_F(ConvertTest, OnlyTheSelection) {
  const std::string w = Floats(1).Code();
  const std::string file = File(
      Dict({{"ema", Dict({{"v", w}})}, {"state_dict", Dict({{"w", w}})}, {"state_dictionary", w}}),
      {"abcd"});
  const std::string path = Put("in.pt", file);
  const Tensors v{{"v", {DType::kF32, {1}, "abcd"}}};
  Converted converted = Done(path, target());
  EXPECT_EQ(converted.selected, "state_dict");
  EXPECT_EQ(converted.left_out, 2u);
  EXPECT_EQ(TensorsOf(target()), (Tensors{{"w", {DType::kF32, {1}, "abcd"}}}));
  EXPECT_EQ(Done(path, target(), Selecting("ema")).selected, "ema");
  EXPECT_EQ(TensorsOf(target()), v);
  converted = Done(path, target(), Selecting(""));
  EXPECT_EQ(converted.tensors + converted.tied.size(), 3u);
  EXPECT_EQ(converted.left_out, 0u);
  for (const char* missing : {"em", "ema.v", "emas", "none"}) {
    ExpectRefused(file, Rule::kConvertNoTensors, "", Selecting(missing));
  }
}

TEST_F(ConvertTest, WhatSafetensorsCannotHold) {
  const auto one = [](const View& view, std::size_t bytes) {
    return File(Dict({{"good", Floats(2, 1).Code()}, {"w", view.Code()}}),
                {std::string(bytes, 'x'), Counted(8)});
  };
  ExpectRefused(
      one({.shape = {1}, .stride = {1}, .elements = 1, .storage = "ComplexDoubleStorage"}, 16),
      Rule::kConvertDtype, "w");
  ExpectRefused(one({.shape = {std::uint64_t{1} << 40}, .stride = {0}, .elements = 2}, 8),
                Rule::kConvertExpanded, "w");
  ExpectRefused(File(Dict({{"a", testing::torch::Number(1)}}), {}), Rule::kConvertNoTensors, "");
  // Only the writer detects this.
  ExpectRefused(File(Dict({{"a", Floats(2).Code()}, {"__metadata__", Floats(1, 1).Code()}}),
                     {Counted(8), Counted(4)}),
                Rule::kSaveNameReserved, "__metadata__");
  // Each within its storage, but together far larger than the file.
  testing::torch::Items views;
  for (std::uint64_t i = 100; i < 180; ++i) {
    views.emplace_back(
        std::to_string(i),
        View{.shape = {(1 << 20) - i}, .stride = {1}, .elements = 1 << 20, .storage = "ByteStorage"}
            .Code());
  }
  ExpectRefused(File(Dict(views), {std::string(1 << 20, 'x')}), Rule::kConvertTooLarge, "168");
}

TEST_F(ConvertTest, FilesThatAreNotCheckpoints) {
  const View outside{.shape = {2}, .stride = {1}, .offset = 1, .elements = 2};
  ExpectReported(Put("in.pt", File(Dict({{"w", outside.Code()}}), {Counted(8)})),
                 Rule::kTorchViewOutside);
  const auto status_of = [&](const std::string& from) {
    const ConvertError error = Refused(from, target());
    EXPECT_FALSE(error.report);
    return error.status.rule;
  };
  EXPECT_EQ(status_of(folder_ / "none"), Rule::kIoOpenFailed);
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(status_of(folder_ / "pipe"), Rule::kIoNotRegular);
  // Symbolic links do not lead outside the folder.
  fs::create_directory(folder_ / "linked");
  fs::create_symlink("../in.pt", folder_ / "linked/pytorch_model.bin");
  EXPECT_EQ(status_of(folder_ / "linked"), Rule::kIoLinkNotFollowed);
}

TEST_F(ConvertTest, WhereOneFileGoes) {
  const std::string path =
      Put("in/pytorch_model.bin", File(Dict({{"w", Floats(1).Code()}}), {"abcd"}));
  const std::string in = folder_ / "in", usual = "/model.safetensors";
  fs::create_directory(folder_ / "there");
  const std::string there = folder_ / "there", named = folder_ / "x.safetensors";
  const struct {
    std::string from, to, made;
  } rows[] = {
      {path, there, there + usual},
      {in, there + "/", there + usual},
      {in, target(), target() + usual},
      {in, named, named},
      {path, folder_ / "any.name", folder_ / "any.name"},
      // A name like that of an index means a file, too.
      {in, folder_ / kIndex, folder_ / kIndex},
  };
  for (const auto& [from, to, made] : rows) {
    EXPECT_EQ(Done(from, to, {}).path, made);
    const auto file = safetensors::File::OpenPath(made);
    ASSERT_TRUE(file) << made;
    EXPECT_EQ(file->tensors().size(), 1u);
    fs::remove(made);
  }
}

TEST_F(ConvertTest, ShardsAndTheirIndex) {
  const std::string in = PutShards();
  const Converted converted = Done(in, target() + "/");
  EXPECT_EQ(converted.path, target() + "/" + kIndex);
  EXPECT_EQ(converted.shards, 2u);
  EXPECT_EQ(converted.tied, (Pairs{{"head", "again"}}));
  EXPECT_EQ(TensorsOf(target()), (Tensors{{"z.w", {DType::kF32, {2, 2}, Counted(16)}},
                                          {"a.turned", {DType::kF16, {2, 2}, "00221133"}},
                                          {"head", {DType::kF32, {2, 2}, Counted(16)}}}));
  EXPECT_EQ(MetadataOf(target() + "/model-00002-of-00002.safetensors"),
            (Pairs{{"format", "pt"}, {"again", "head"}}));
  // A file from which nothing is selected has no shard; a second run gives the same result as the
  // first.
  fs::remove_all(target());
  fs::create_directory(target());
  for (int i = 0; i < 2; ++i) {
    const Converted some = Done(in + "/pytorch_model.bin.index.json", target(), Selecting("z"));
    EXPECT_EQ(some.shards, 1u);
    EXPECT_EQ(TensorsOf(target()), (Tensors{{"w", {DType::kF32, {2, 2}, Counted(16)}}}));
    EXPECT_EQ(std::distance(fs::directory_iterator(target()), {}), 2);
  }
}

TEST_F(ConvertTest, ShardsThatAreRefused) {
  const std::string in = PutShards();
  const ConvertError tied = Refused(in, target(), {.refuse_tied = true});
  EXPECT_EQ(tied.status.rule, Rule::kConvertTied);
  EXPECT_EQ(tied.tensor, "again");
  for (const std::string& named : {target() + ".safetensors", (folder_ / kIndex).string()}) {
    EXPECT_EQ(Refused(in, named).status.rule, Rule::kConvertNeedsFolder);
  }
  // A folder may have such a name.
  fs::create_directory(folder_ / "x.safetensors");
  Done(in, folder_ / "x.safetensors");
  // Whatever is in the way stays.
  Put("file", "x");
  EXPECT_EQ(Refused(in, folder_ / "file").status.rule, Rule::kSaveCreateFailed);
  EXPECT_EQ(Refused(in, folder_ / "none" / "out").status.rule, Rule::kSaveCreateFailed);
  EXPECT_EQ(Refused(in, "").status.rule, Rule::kSaveCreateFailed);
  fs::create_directories(folder_ / "out/model-00002-of-00002.safetensors");
  EXPECT_EQ(Refused(in, target()).status.rule, Rule::kIoNotRegular);
  fs::remove_all(target());
  // The same name as the second shard's tensor.
  Put("in/" + std::string(kTwo),
      File(Dict({{"a", Floats(1).Code()}, {"__metadata__", Floats(1, 1).Code()}}),
           {"abcd", "efgh"}));
  PutIndex({{"z.w", kOne}, {"a.turned", kOne}, {"a", kTwo}, {"__metadata__", kTwo}});
  const ConvertError reserved = Refused(in, target());
  EXPECT_EQ(reserved.status.rule, Rule::kSaveNameReserved);
  EXPECT_EQ(reserved.tensor, "__metadata__");
  fs::remove(folder_ / "in" / kTwo);
  ExpectReported(in, Rule::kCpShardMissing);
}

TEST_F(ConvertTest, ADryRunWritesNothing) {
  const std::string in = PutShards();
  const Strings before = Names();
  const Converted converted = Done(in, target(), {.dry_run = true});
  EXPECT_EQ(converted.tensors, 3u);
  EXPECT_EQ(converted.bytes, 40u);
  EXPECT_EQ(Names(), before);
}

// A progress callback that throws when it is called, or when it is copied.
struct Throws {
  static inline bool armed = false;
  bool on_call = false;
  explicit Throws(bool call) : on_call(call) {}
  Throws(const Throws& other) : on_call(other.on_call) {
    if (armed && !on_call) throw 42;
  }
  bool operator()(std::uint64_t, std::uint64_t) const { throw 42; }
};

// Whatever the caller's functions throw.
TEST_F(ConvertTest, NothingIsThrown) {
  const std::string in = PutShards();
  for (const bool call : {false, true}) {
    ConvertOptions options;
    options.progress = Throws(call);
    Throws::armed = true;
    EXPECT_EQ(Refused(in, target(), options).status.rule, Rule::kIoReadFailed);
    Throws::armed = false;
  }
}

TEST_F(ConvertTest, AFolderOfShards) {
  std::uint64_t last = 0, all = 0;
  ConvertOptions options{.verify = true};
  options.progress = [&](std::uint64_t done, std::uint64_t of) {
    EXPECT_GE(done, last);
    last = done;
    all = of;
    return true;
  };
  // The other profile is not used for opening.
  options.check.profile = Profile::kReference;
  const auto converted = Convert(kPlain, target(), options);
  ASSERT_TRUE(converted);
  EXPECT_EQ(converted->path, target() + "/model.safetensors.index.json");
  EXPECT_EQ(converted->shards, 2u);
  EXPECT_EQ(converted->tensors, 2u);
  EXPECT_EQ(converted->bytes, 32u);
  EXPECT_EQ(last, 32u);
  EXPECT_EQ(all, 32u);
  const Checkpoint made = testing::Opened(Checkpoint::OpenPath(target()));
  EXPECT_TRUE(made.report().findings().empty());
  EXPECT_EQ(made.part_count(), 2u);
  EXPECT_TRUE(made.Find("a") && made.Find("b"));
}

TEST_F(ConvertTest, CancelledLeavesNothing) {
  ConvertOptions options;
  int calls = 0;
  options.progress = [&](std::uint64_t, std::uint64_t) { return ++calls < 2; };
  const auto converted = Convert(kPlain, target(), options);
  ASSERT_FALSE(converted);
  EXPECT_EQ(converted.error().status.rule, Rule::kUseCancelled);
  EXPECT_FALSE(converted.error().report);
  EXPECT_FALSE(fs::exists(target()));
}

TEST_F(ConvertTest, TheErrorSaysWhatIsWrong) {
  const auto refused = Convert(
      TENSORGATE_CORPUS_DIR "/torch-checkpoint/reject/shard-rejected/pytorch_model.bin.index.json",
      target());
  ASSERT_FALSE(refused);
  ASSERT_TRUE(refused.error().report);
  EXPECT_EQ(refused.error().report->format(), "pytorch-checkpoint");
  EXPECT_EQ(refused.error().report->findings()[0].rule, Rule::kCpShardRejected);
  const auto named = Convert(kPlain, target() + "/a.safetensors");
  ASSERT_FALSE(named);
  EXPECT_EQ(named.error().status.rule, Rule::kConvertNeedsFolder);
  const auto empty = Convert(folder_.string(), target());
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().report->findings()[0].rule, Rule::kCpIndexMissing);
  EXPECT_FALSE(fs::exists(target()));
}

std::uint64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

internal::CheckpointData DataOf(std::unique_ptr<Source> source) {
  internal::CheckpointData data;
  data.parts.emplace_back();
  data.parts[0].source = std::move(source);
  return data;
}

// A conversion keeps a source for each tensor that is not in C order; together they must not need a
// tile each.
TEST(StridedSourceTest, HoldsNoMemoryOnceItIsRead) {
  constexpr std::uint64_t kSide = 1024, kBytes = kSide * kSide * 4, kSources = 64;
  const std::vector<std::byte> content(kBytes);
  const internal::CheckpointData data = DataOf(std::make_unique<MemorySource>(content));
  std::vector<std::unique_ptr<internal::StridedSource>> sources;
  std::vector<std::byte> block(1 << 20);
  const std::uint64_t before = ResidentBytes();
  for (std::uint64_t i = 0; i < kSources; ++i) {
    sources.push_back(
        std::make_unique<internal::StridedSource>(data, TensorRef{.type = DType::kF32,
                                                                  .shape = {kSide, kSide},
                                                                  .stride = {1, kSide},
                                                                  .range = {0, kBytes}}));
    ASSERT_EQ(sources.back()->size(), kBytes);
    for (std::uint64_t at = 0; at < kBytes; at += block.size()) {
      ASSERT_TRUE(ReadFully(*sources.back(), at, block));
    }
    EXPECT_TRUE(sources.back()->CheckUnchanged());
  }
  EXPECT_LT(ResidentBytes() - before, kSources * kBytes / 2);
}

class FailingSource final : public Source {
 public:
  explicit FailingSource(std::uint64_t size) : size_(size) {}
  std::uint64_t size() const override { return size_; }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte>) override {
    return std::unexpected(Status{.rule = Rule::kIoReadFailed, .offset = offset});
  }

 private:
  std::uint64_t size_;
};

// Two planes, in tiles of two and one step: forwards, and again from any position.
TEST(StridedSourceTest, LargeTensorsInTiles) {
  constexpr std::uint64_t kRow = 6 << 20, kFirst = 1 << 10;
  std::vector<std::byte> content(kFirst + 3 * kRow + 30);
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = testing::PatternAt(i);
  const internal::CheckpointData data = DataOf(std::make_unique<MemorySource>(content));
  const TensorRef tensor{.type = DType::kU8,
                         .shape = {2, 3, kRow},
                         .stride = {1, 7, 3},
                         .range = {kFirst, 3 * kRow + 15}};
  internal::StridedSource source(data, tensor);
  ASSERT_EQ(source.size(), 6 * kRow);
  std::vector<std::byte> block(1 << 20);
  const auto matches = [&](std::uint64_t at) {
    const Result<void> read = ReadFully(source, at, block);
    for (std::uint64_t i = 0; read && i < block.size(); ++i) {
      const std::uint64_t place = at + i, plane = place / kRow / 3, row = place / kRow % 3;
      if (block[i] != content[kFirst + plane + 7 * row + 3 * (place % kRow)]) return false;
    }
    return read.has_value();
  };
  for (std::uint64_t at = 0; at < source.size(); at += block.size()) {
    ASSERT_TRUE(matches(at)) << at;
  }
  // Across tiles, and backwards.
  for (const std::uint64_t at : {4 * kRow + 5, 2 * kRow - 9, std::uint64_t{0}, 5 * kRow - 100}) {
    EXPECT_TRUE(matches(at)) << at;
  }
  EXPECT_EQ(source.Read(source.size(), block).value(), 0u);
  EXPECT_EQ(source.Read(UINT64_MAX, block).value(), 0u);
  EXPECT_EQ(source.Read(source.size() - 3, block).value(), 3u);
}

TEST(StridedSourceTest, FailuresAreErrors) {
  std::byte byte;
  const TensorRef scalar{.type = DType::kU8, .stride = {}, .range = {0, 1}};
  const TensorRef sound{.type = DType::kU8, .shape = {2}, .stride = {3}, .range = {0, 4}};
  TensorRef outside = sound;
  outside.range.length = 3;
  const auto rule_of = [&](const TensorRef& tensor,
                           std::unique_ptr<Source> from) -> std::optional<Rule> {
    const internal::CheckpointData data = DataOf(std::move(from));
    const auto read = internal::StridedSource(data, tensor).Read(0, std::span(&byte, 1));
    if (read) return std::nullopt;
    return read.error().rule;
  };
  const std::vector<std::byte> memory(4, std::byte{7});
  EXPECT_EQ(rule_of(scalar, std::make_unique<MemorySource>(memory)), std::nullopt);
  EXPECT_EQ(byte, std::byte{7});
  EXPECT_EQ(rule_of(sound, std::make_unique<MemorySource>(memory)), std::nullopt);
  EXPECT_EQ(rule_of(sound, std::make_unique<FailingSource>(4)), Rule::kIoReadFailed);
  EXPECT_EQ(rule_of(outside, std::make_unique<MemorySource>(memory)), Rule::kUseNoSuchTensor);
}

}  // namespace
}  // namespace tensorgate
