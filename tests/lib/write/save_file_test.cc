// How files appear: whole or not at all, with the right mode, whatever was there and whatever goes
// wrong.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tensorgate/save.h"
#include "tests/lib/checkpoint/made_tensors.h"
#include "tests/lib/temp_folder.h"

namespace tensorgate {
namespace {

namespace fs = std::filesystem;
using safetensors::File;

class SaveFileTest : public testing::FolderTest {
 protected:
  void SetUp() override {
    path_ = folder_ / "model.safetensors";
    bytes_.resize(300'000);
    for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<std::byte>(i * 13 >> 2);
  }

  TensorData Tensor(std::string name = "a", std::size_t size = 300'000) {
    return {.name = std::move(name),
            .shape = {size},
            .data = std::span<const std::byte>(bytes_).first(size)};
  }
  Result<void> SaveOne(const TensorData& tensor, const SaveOptions& options = {}) {
    return Save(path_, std::span(&tensor, 1), options);
  }
  std::string Content(const fs::path& path) const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void Put(std::string_view content) { std::ofstream(path_, std::ios::binary) << content; }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    return names;
  }
  // The old file is there, and nothing else.
  void ExpectOld(std::string_view content = "old") {
    EXPECT_EQ(Names(), std::vector<std::string>{"model.safetensors"});
    EXPECT_EQ(Content(path_), content);
  }
  static mode_t ModeOf(const fs::path& path) {
    struct stat status{};
    EXPECT_EQ(lstat(path.c_str(), &status), 0);
    return status.st_mode & 07777;
  }

  std::string path_;
  std::vector<std::byte> bytes_;
};

TEST_F(SaveFileTest, WritesWhatMemoryGets) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    mutator::Random random(seed);
    const testing::MadeTensors made = testing::MakeTensors(random);
    SaveOptions options;
    options.metadata = testing::MakeMetadata(random);
    options.sync = seed % 50 == 0;
    ASSERT_TRUE(Save(path_, made.tensors, options));
    const auto expected = Serialize(made.tensors, options);
    const std::string content = Content(path_);
    ASSERT_TRUE(std::ranges::equal(std::as_bytes(std::span(content)), *expected));
  }
  EXPECT_EQ(Names(), std::vector<std::string>{"model.safetensors"});
}

// Tensors in memory are written together, whatever their sizes, with others in between.
TEST_F(SaveFileTest, WritesMemoryTogether) {
  bytes_.resize(9'000'001);
  for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<std::byte>(i * 31 >> 5);
  const std::size_t sizes[] = {5,       200'001,   1,       3'000'007, 100,
                               131'072, 9'000'001, 131'071, 0,         4'194'304,
                               150'000, 2'097'152, 140'000, 2};
  std::vector<TensorData> tensors;
  std::string expected;
  const auto add = [&](std::size_t size, bool called) {
    TensorData tensor = Tensor("t" + std::to_string(tensors.size()), size);
    if (called) {
      tensor.data = DataCallback([this](std::uint64_t offset, std::span<std::byte> into) {
        std::ranges::copy(std::span(bytes_).subspan(offset, into.size()), into.begin());
        return Result<void>();
      });
    }
    for (std::size_t i = 0; i < size; ++i) expected += static_cast<char>(bytes_[i]);
    tensors.push_back(std::move(tensor));
  };
  for (std::size_t i = 0; i < 40; ++i) {
    add(sizes[i % std::size(sizes)], i % 9 == 4);
    // More pieces than one system call takes.
    for (int k = 0; i == 1 && k < 150; ++k) add(k + 1, false);
  }
  ASSERT_TRUE(Save(path_, tensors, {.order = TensorOrder::kAsGiven}));
  EXPECT_TRUE(Content(path_).ends_with(expected));
  EXPECT_TRUE(File::OpenPath(path_));
}

TEST_F(SaveFileTest, ModeIsANewFilesOrTheOldOnes) {
  const mode_t mask = umask(027);
  ASSERT_TRUE(SaveOne(Tensor()));
  EXPECT_EQ(ModeOf(path_), 0640u);
  for (const mode_t mode : {0600u, 0666u, 0444u}) {
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
    ASSERT_TRUE(SaveOne(Tensor()));
    EXPECT_EQ(ModeOf(path_), mode);
  }
  umask(mask);
}

TEST_F(SaveFileTest, ALinkIsReplacedAndWhatItLedToStays) {
  const fs::path blob = folder_ / "blob";
  std::ofstream(blob) << "blob";
  fs::create_symlink("blob", path_);
  ASSERT_TRUE(SaveOne(Tensor()));
  EXPECT_FALSE(fs::is_symlink(path_));
  EXPECT_EQ(Content(blob), "blob");
}

TEST_F(SaveFileTest, PathsThatAreNotFilesAreRefused) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(SaveOne(Tensor()).error().rule, Rule::kIoNotRegular);
  fs::remove(path_);
  fs::create_directory(path_);
  EXPECT_EQ(SaveOne(Tensor()).error().rule, Rule::kIoNotRegular);
  const TensorData tensor = Tensor();
  for (const fs::path& path :
       {folder_ / "none" / "x", fs::path(), folder_ / "", folder_ / std::string("a\0b", 3)}) {
    const auto saved = Save(path, std::span(&tensor, 1));
    ASSERT_FALSE(saved);
    EXPECT_EQ(saved.error().rule, Rule::kSaveCreateFailed) << path;
    EXPECT_NE(saved.error().system_error, 0);
  }
}

TEST_F(SaveFileTest, ARelativePathIsOfTheFolderAtCreation) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_);
  auto writer = Writer::Create("model.safetensors");
  fs::current_path(before);
  ASSERT_TRUE(writer && writer->Add(Tensor()) && writer->Finish());
  EXPECT_TRUE(File::OpenPath(path_));
}

TEST_F(SaveFileTest, TheFileThatIsReadMayBeSavedOver) {
  ASSERT_TRUE(SaveOne(Tensor("a")));
  const std::string before = Content(path_);
  // Mapped, as by a loader.
  const int descriptor = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  void* map = mmap(nullptr, before.size(), PROT_READ, MAP_SHARED, descriptor, 0);
  close(descriptor);
  ASSERT_NE(map, MAP_FAILED);
  const std::span mapped(static_cast<const std::byte*>(map), before.size());
  // From the mapping, and from a source of the same file.
  const TensorData from_map{.name = "bb", .shape = {300'000}, .data = mapped.last(300'000)};
  ASSERT_TRUE(SaveOne(from_map));
  EXPECT_TRUE(std::ranges::equal(mapped, std::as_bytes(std::span(before))));
  auto source = FileSource::Open(path_);
  ASSERT_TRUE(source);
  const auto file = File::Open(*source);
  const TensorData from_source{
      .name = "ccc", .shape = {300'000}, .data = SourceData{&*source, file->data_offset()}};
  ASSERT_TRUE(SaveOne(from_source));
  EXPECT_TRUE(std::ranges::equal(mapped, std::as_bytes(std::span(before))));
  munmap(map, before.size());
  const std::string after = Content(path_);
  EXPECT_TRUE(std::ranges::equal(std::as_bytes(std::span(after)).last(300'000), bytes_));
}

TEST_F(SaveFileTest, CopiesByTheKernelFromAnyOffset) {
  std::string content(5'000'000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 31 >> 4);
  const fs::path other = folder_ / "other";
  std::ofstream(other, std::ios::binary) << content;
  auto source = FileSource::Open(other);
  ASSERT_TRUE(source);
  ASSERT_GE(source->descriptor(), 0);
  std::string expected;
  std::vector<TensorData> tensors;
  // Two that form one run, one apart, one from memory in between, and a repeated one.
  for (const auto& [offset, size] :
       {std::pair{7u, 1'000'000u}, {1'000'007u, 500'000u}, {0u, 5'000'000u}, {4'999'999u, 1u}}) {
    tensors.push_back({.name = "t" + std::to_string(tensors.size()),
                       .shape = {size},
                       .data = SourceData{&*source, offset}});
    expected += content.substr(offset, size);
    if (tensors.size() == 2) {
      tensors.push_back(Tensor("t2", 1000));
      for (std::size_t i = 0; i < 1000; ++i) expected += static_cast<char>(bytes_[i]);
    }
  }
  ASSERT_TRUE(Save(path_, tensors));
  const std::string after = Content(path_);
  EXPECT_TRUE(after.ends_with(expected));
  EXPECT_TRUE(File::OpenPath(path_));
}

// Data that keep their offset within a page are copied by the kernel, all others in blocks.
TEST_F(SaveFileTest, CopiesWhatKeepsItsPlaceInThePage) {
  std::string content(40'000'000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 31 >> 4);
  const fs::path other = folder_ / "other";
  std::ofstream(other, std::ios::binary) << content;
  auto source = FileSource::Open(other);
  ASSERT_TRUE(source);
  for (const std::size_t offset : {4096u, 8192u, 4097u, 1u}) {
    const std::size_t size = content.size() - offset;
    const TensorData tensor{.name = "t", .shape = {size}, .data = SourceData{&*source, offset}};
    ASSERT_TRUE(SaveOne(tensor, {.alignment = 4096, .sync = false}));
    const std::string after = Content(path_);
    EXPECT_EQ(after.size(), 4096 + size);
    EXPECT_TRUE(after.ends_with(std::string_view(content).substr(offset)));
  }
}

TEST_F(SaveFileTest, AfterAFailureTheOldFileIsThere) {
  Put("old");
  int calls = 0;
  const std::vector<TensorData> tensors = {
      Tensor(),
      {.name = "b",
       .shape = {4'000'000},
       .data = DataCallback([&](std::uint64_t, std::span<std::byte>) -> Result<void> {
         if (++calls == 3) throw std::runtime_error("broken");
         return {};
       })}};
  EXPECT_EQ(Save(path_, tensors).error().rule, Rule::kIoReadFailed);
  EXPECT_EQ(calls, 3);
  ExpectOld();
  std::atomic<bool> cancel = true;
  EXPECT_EQ(SaveOne(Tensor(), {.cancel = &cancel}).error().rule, Rule::kUseCancelled);
  ExpectOld();
  {
    auto writer = Writer::Create(path_);
    ASSERT_TRUE(writer && writer->Add(Tensor()));
    TensorData pushed{.name = "p", .shape = {10}, .data = PushedData()};
    ASSERT_TRUE(writer->Add(pushed));
    ASSERT_TRUE(writer->Write("p", std::span(bytes_).first(5)));
  }
  ExpectOld();
}

TEST_F(SaveFileTest, AFileTooLargeIsAnErrorAndNotASignal) {
  Put("old");
  // In a child process: not every user can raise limits again.
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100'000, 100'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    const auto saved = SaveOne(Tensor());
    _exit(!saved && saved.error().rule == Rule::kSaveWriteFailed &&
                  saved.error().system_error == EFBIG
              ? 0
              : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  ExpectOld();
}

TEST_F(SaveFileTest, AFullDiskLeavesTheOldFile) {
  const fs::path disk = folder_ / "disk";
  fs::create_directory(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=256k") != 0) {
    GTEST_SKIP() << "mounting a small file system needs root";
  }
  path_ = disk / "model.safetensors";
  Put("old");
  for (const bool by_kernel : {false, true}) {
    TensorData tensor = Tensor();
    const fs::path other = folder_ / "other";
    std::ofstream(other) << std::string(300'000, 'x');
    auto source = FileSource::Open(other);
    if (by_kernel) tensor.data = SourceData{&*source, 0};
    const auto saved = SaveOne(tensor, {.alignment = 4096});
    ASSERT_FALSE(saved);
    EXPECT_EQ(saved.error().rule, Rule::kSaveWriteFailed);
    EXPECT_EQ(saved.error().system_error, ENOSPC);
    EXPECT_EQ(Content(path_), "old");
    EXPECT_EQ(std::distance(fs::directory_iterator(disk), {}), 1);
  }
  // A file that fits is saved: nothing is left that would be in its way.
  EXPECT_TRUE(SaveOne(Tensor("a", 200'000)));
  EXPECT_EQ(umount(disk.c_str()), 0);
}

TEST_F(SaveFileTest, KilledInTheMiddleItLeavesTheOldFile) {
  Put("old");
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const TensorData tensor{
        .name = "a",
        .shape = {8'000'000},
        .data = DataCallback([&](std::uint64_t offset, std::span<std::byte>) -> Result<void> {
          if (offset < 4'000'000) return {};
          static_cast<void>(!write(ends[1], "x", 1));
          pause();
          return {};
        })};
    static_cast<void>(SaveOne(tensor));
    _exit(0);
  }
  char reported = 0;
  ASSERT_EQ(read(ends[0], &reported, 1), 1);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  close(ends[0]);
  close(ends[1]);
  EXPECT_EQ(Content(path_), "old");
  // Only the old file, or, if the system has no unnamed files, one with a name that says what it
  // is.
  for (const std::string& name : Names()) {
    if (name == "model.safetensors") continue;
    EXPECT_TRUE(name.starts_with(".model.safetensors.tensorgate-partial-")) << name;
  }
}

TEST_F(SaveFileTest, PushedInAnyOrder) {
  auto writer = Writer::Create(path_);
  ASSERT_TRUE(writer);
  const auto add = [&](std::string name, std::uint64_t size) {
    return writer->Add({.name = std::move(name), .shape = {size}, .data = PushedData()});
  };
  ASSERT_TRUE(add("b", 100'000));
  ASSERT_TRUE(add("a", 200'000));
  ASSERT_TRUE(add("empty", 0));
  ASSERT_TRUE(writer->Add(Tensor("c", 1000)));
  const std::span<const std::byte> bytes(bytes_);
  ASSERT_TRUE(writer->Write("b", bytes.first(60'000)));
  ASSERT_TRUE(writer->Write("a", bytes.first(200'000)));
  EXPECT_EQ(add("late", 1).error().rule, Rule::kSaveMisuse);
  EXPECT_EQ(writer->Write("none", {}).error().rule, Rule::kSaveMisuse);
  EXPECT_EQ(writer->Write("c", {}).error().rule, Rule::kSaveMisuse);
  EXPECT_EQ(writer->Write("a", bytes.first(1)).error().rule, Rule::kSaveWrongSize);
  ASSERT_TRUE(writer->Write("b", bytes.subspan(60'000, 40'000)));
  ASSERT_TRUE(writer->Finish());
  EXPECT_EQ(writer->Finish().error().rule, Rule::kSaveMisuse);
  EXPECT_EQ(writer->Add(Tensor()).error().rule, Rule::kSaveMisuse);

  const std::vector<TensorData> same = {Tensor("a", 200'000), Tensor("b", 100'000),
                                        Tensor("c", 1000), Tensor("empty", 0)};
  const std::string content = Content(path_);
  EXPECT_TRUE(std::ranges::equal(std::as_bytes(std::span(content)), *Serialize(same)));
}

TEST_F(SaveFileTest, CancelledWhileTheKernelCopies) {
  Put("old");
  const fs::path other = folder_ / "other";
  std::ofstream(other) << std::string(300'000, 'x');
  auto source = FileSource::Open(other);
  ASSERT_TRUE(source);
  const TensorData tensor{.name = "t", .shape = {300'000}, .data = SourceData{&*source, 0}};
  int calls = 0;
  const SaveOptions options{.alignment = 4096, .progress = [&](std::uint64_t, std::uint64_t) {
                              ++calls;
                              return false;
                            }};
  EXPECT_EQ(SaveOne(tensor, options).error().rule, Rule::kUseCancelled);
  EXPECT_EQ(calls, 1);
  fs::remove(other);
  ExpectOld();
}

// A source that reports at the end that it changed.
class ChangedSource final : public Source {
 public:
  std::uint64_t size() const override { return 1 << 20; }
  Result<std::size_t> Read(std::uint64_t, std::span<std::byte> into) override {
    return into.size();
  }
  Result<void> CheckUnchanged() override {
    return std::unexpected(Status{.rule = Rule::kIoChanged});
  }
};

TEST_F(SaveFileTest, WhatAWriterRefuses) {
  Put("old");
  EXPECT_EQ(SaveOne(Tensor(), {.alignment = 3}).error().rule, Rule::kSaveMisuse);
  EXPECT_EQ(SaveOne({.name = "x", .shape = {1}}).error().rule, Rule::kSaveWrongSize);
  ChangedSource source;
  const TensorData changed{.name = "t", .shape = {10}, .data = SourceData{&source, 0}};
  EXPECT_EQ(SaveOne(changed).error().rule, Rule::kIoChanged);
  EXPECT_EQ(SaveOne(Tensor(), {.metadata = Metadata{{"a", ""}, {"a", ""}}}).error().rule,
            Rule::kSaveMetadataDuplicate);
  ExpectOld();
  // Detected with the first bytes, and reported again from then on.
  const TensorData pushed{.name = "p", .shape = {4}, .data = PushedData()};
  auto writer = Writer::Create(folder_ / "other.safetensors");
  ASSERT_TRUE(writer && writer->Add(pushed) && writer->Add(pushed));
  EXPECT_EQ(writer->Write("p", {}).error().rule, Rule::kSaveNameDuplicate);
  EXPECT_EQ(writer->Write("p", {}).error().rule, Rule::kSaveNameDuplicate);
  writer = Writer::Create(path_);
  ASSERT_TRUE(writer && writer->Add(pushed));
  EXPECT_EQ(writer->Write("a", {}).error().rule, Rule::kSaveMisuse);
  EXPECT_EQ(writer->Write("q", {}).error().rule, Rule::kSaveMisuse);
  fs::remove(path_);
  fs::create_directory(path_);
  EXPECT_EQ(writer->Write("p", std::span(bytes_).first(4)).error().rule, Rule::kIoNotRegular);
  EXPECT_EQ(writer->Finish().error().rule, Rule::kIoNotRegular);
  EXPECT_EQ(Names(), std::vector<std::string>{"model.safetensors"});
}

// The number is the tensor's among all, not that in its shard.
TEST_F(SaveFileTest, TheTensorWithWhichAShardIsTooLarge) {
  const std::uint64_t largest = (std::uint64_t{1} << 61) - 1, most = 4 * largest;
  auto writer = Writer::Create(path_, {.max_shard_bytes = most});
  ASSERT_TRUE(writer);
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(writer->Add({.name = std::string(1, static_cast<char>('a' + i)),
                             .shape = {i == 0 ? 1 : largest},
                             .data = PushedData()}));
  }
  const Result<void> finished = writer->Finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().rule, Rule::kSaveShapeOverflow);
  EXPECT_EQ(finished.error().found, 7u);
}

TEST_F(SaveFileTest, PartlyPushedDataAreNotSaved) {
  Put("old");
  auto writer = Writer::Create(path_);
  ASSERT_TRUE(writer->Add(Tensor("x", 1)));
  ASSERT_TRUE(writer->Add({.name = "a", .shape = {10}, .data = PushedData()}));
  ASSERT_TRUE(writer->Write("a", std::span(bytes_).first(9)));
  const auto finished = writer->Finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().rule, Rule::kSaveWrongSize);
  EXPECT_EQ(finished.error().found, 1u);
  EXPECT_EQ(writer->Write("a", std::span(bytes_).first(1)).error().rule, Rule::kSaveWrongSize);
  ExpectOld();
}

// Shards and index are checked as a whole elsewhere; this checks what is in the folder.
class ShardsTest : public SaveFileTest {
 protected:
  Result<void> SaveShards(std::uint64_t most, const std::vector<std::size_t>& sizes) {
    std::vector<TensorData> tensors;
    for (const std::size_t size : sizes) {
      tensors.push_back(Tensor("t" + std::to_string(tensors.size()), size));
    }
    return Save(path_, tensors, {.metadata = Metadata{{"format", "pt"}}, .max_shard_bytes = most});
  }
  std::string NamesOf(const std::string& shard) {
    const auto file = File::OpenPath(folder_ / shard);
    if (!file) return "refused";
    EXPECT_EQ(file->FindMetadata("format"), "pt");
    std::string names;
    for (const safetensors::Tensor tensor : file->tensors()) names.append(tensor.name()) += ' ';
    return names;
  }
};

TEST_F(ShardsTest, AreFilledInTheOrderGiven) {
  // 100 and 50 fit, 200 does not; 400 is larger than a shard and goes before the open one.
  ASSERT_TRUE(SaveShards(300, {100, 50, 200, 400, 100, 1}));
  EXPECT_EQ(Names(), (std::vector<std::string>{
                         "model-00001-of-00004.safetensors", "model-00002-of-00004.safetensors",
                         "model-00003-of-00004.safetensors", "model-00004-of-00004.safetensors",
                         "model.safetensors.index.json"}));
  EXPECT_EQ(NamesOf("model-00001-of-00004.safetensors"), "t0 t1 ");
  EXPECT_EQ(NamesOf("model-00002-of-00004.safetensors"), "t3 ");
  EXPECT_EQ(NamesOf("model-00003-of-00004.safetensors"), "t2 t4 ");
  EXPECT_EQ(NamesOf("model-00004-of-00004.safetensors"), "t5 ");
  EXPECT_EQ(Content(folder_ / "model.safetensors.index.json"),
            "{\n  \"metadata\": {\n    \"total_size\": 851\n  },\n  \"weight_map\": {\n"
            "    \"t0\": \"model-00001-of-00004.safetensors\",\n"
            "    \"t1\": \"model-00001-of-00004.safetensors\",\n"
            "    \"t2\": \"model-00003-of-00004.safetensors\",\n"
            "    \"t3\": \"model-00002-of-00004.safetensors\",\n"
            "    \"t4\": \"model-00003-of-00004.safetensors\",\n"
            "    \"t5\": \"model-00004-of-00004.safetensors\"\n  }\n}\n");
}

TEST_F(ShardsTest, TheFormerCheckpointOfTheNameIsReplaced) {
  std::ofstream(folder_ / "model-notes.safetensors") << "kept";
  std::ofstream(folder_ / "other-00001-of-00002.safetensors") << "kept";
  std::ofstream(folder_ / "model-0001-of-0002.safetensors") << "kept";
  ASSERT_TRUE(SaveShards(1000, {100, 100}));
  EXPECT_EQ(NamesOf("model.safetensors"), "t0 t1 ");
  ASSERT_TRUE(SaveShards(100, {100, 100, 100}));
  EXPECT_FALSE(fs::exists(path_));
  ASSERT_TRUE(SaveShards(200, {100, 100, 100}));
  EXPECT_EQ(Names(), (std::vector<std::string>{
                         "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                         "model-0001-of-0002.safetensors", "model-notes.safetensors",
                         "model.safetensors.index.json", "other-00001-of-00002.safetensors"}));
  ASSERT_TRUE(SaveShards(300, {100, 100, 100}));
  EXPECT_EQ(Names(),
            (std::vector<std::string>{"model-0001-of-0002.safetensors", "model-notes.safetensors",
                                      "model.safetensors", "other-00001-of-00002.safetensors"}));
}

TEST_F(ShardsTest, NothingIsLeftOfShardsThatFail) {
  Put("old");
  int calls = 0;
  std::vector<TensorData> tensors = {Tensor("a"), Tensor("b")};
  tensors[1].data = DataCallback([&](std::uint64_t, std::span<std::byte>) -> Result<void> {
    ++calls;
    return std::unexpected(Status{.rule = Rule::kIoReadFailed});
  });
  EXPECT_FALSE(Save(path_, tensors, {.max_shard_bytes = 300'000}));
  EXPECT_EQ(calls, 1);
  ExpectOld();
}

TEST_F(ShardsTest, MoreThanFilesMayBeOpen) {
  const std::vector<std::size_t> sizes(300, 10);
  ASSERT_TRUE(SaveShards(10, sizes));
  EXPECT_EQ(Names().size(), 301u);
  EXPECT_EQ(NamesOf("model-00300-of-00300.safetensors"), "t299 ");
}

TEST_F(ShardsTest, NeedTheSuffixAndUtf8) {
  for (const std::string name : {"model", "model.bin", "m\xff.safetensors"}) {
    EXPECT_EQ(Writer::Create(folder_ / name, {.max_shard_bytes = 1}).error().rule,
              Rule::kSaveMisuse);
  }
}

TEST_F(ShardsTest, DuplicatesAreFoundAcrossShards) {
  const std::vector<TensorData> tensors = {Tensor("a", 10), Tensor("b", 10), Tensor("a", 10)};
  const auto saved = Save(path_, tensors, {.max_shard_bytes = 10});
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().rule, Rule::kSaveNameDuplicate);
  EXPECT_EQ(saved.error().found, 2u);
  EXPECT_TRUE(Names().empty());
}

// Files that are rewritten and keep their shards.
class RewriteTest : public SaveFileTest {
 protected:
  using Shards = std::vector<tensorgate::ShardData>;
  Result<void> Rewrite(const Shards& shards, const std::string& index = "index",
                       const SaveOptions& options = {}) {
    return tensorgate::SaveShards(out_, index, shards, options);
  }
  /// The error of a save that leaves nothing.
  Status Refused(const Shards& shards, const std::string& index = "index",
                 const SaveOptions& options = {}) {
    const Result<void> saved = Rewrite(shards, index, options);
    EXPECT_FALSE(saved);
    EXPECT_FALSE(fs::exists(out_));
    return saved ? Status() : saved.error();
  }
  std::vector<std::string> Written() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(out_)) {
      if (entry.is_regular_file()) names.push_back(entry.path().lexically_relative(out_));
    }
    std::ranges::sort(names);
    return names;
  }
  std::string out_ = folder_ / "out";
};

TEST_F(RewriteTest, IntoFoldersThatAreMadeOrThere) {
  const Shards shards = {{"s/one", {Tensor("a", 10)}, Metadata{{"k", "v"}}},
                         {"s/two", {Tensor("b", 20), Tensor("c", 0)}, {}},
                         {"s/t/three", {}, {}}};
  const std::vector<std::string> expected = {"index", "s/one", "s/t/three", "s/two"};
  // The second time everything already exists.
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(Rewrite(shards));
    EXPECT_EQ(Written(), expected);
  }
  EXPECT_EQ(File::OpenPath(out_ + "/s/one")->FindMetadata("k"), "v");
  EXPECT_EQ(File::OpenPath(out_ + "/s/two")->tensors().size(), 2u);
  EXPECT_EQ(Content(out_ + "/index"),
            "{\n  \"metadata\": {\n    \"total_size\": 30\n  },\n  \"weight_map\": {\n"
            "    \"a\": \"s/one\",\n    \"b\": \"s/two\",\n    \"c\": \"s/two\"\n  }\n}\n");
  fs::remove_all(out_);
  out_ += "//";
  ASSERT_TRUE(Rewrite({{"one", {Tensor("a", 10)}, {}}}, "", {.sync = false}));
  EXPECT_EQ(Written(), std::vector<std::string>{"one"});
}

TEST_F(RewriteTest, TheIndexOfTheRefusedTensor) {
  const auto refused = [&](TensorData tensor, Rule rule, std::uint64_t found,
                           std::vector<TensorData> others = {}) {
    others.insert(others.begin(), std::move(tensor));
    const Status status =
        Refused({{"one", {Tensor("a", 1), Tensor("b", 1)}, {}}, {"two", std::move(others), {}}});
    EXPECT_EQ(status.rule, rule) << Info(status.rule).id;
    EXPECT_EQ(status.found, found);
  };
  const std::uint64_t quarter = (std::uint64_t{1} << 61) - 1;
  const DataCallback nothing;
  refused({.name = "x", .shape = {UINT64_MAX}}, Rule::kSaveShapeOverflow, 2);
  refused({.name = "x", .shape = {1}}, Rule::kSaveWrongSize, 2);
  refused({.name = "x", .shape = {1}, .data = PushedData()}, Rule::kSaveMisuse, 2);
  refused({.name = "x", .shape = {1}, .data = nothing}, Rule::kSaveMisuse, 2);
  refused(Tensor("b", 1), Rule::kSaveNameDuplicate, 2);
  refused({.name = "x", .shape = {quarter}, .data = nothing}, Rule::kSaveShapeOverflow, 5,
          {{.name = "y1", .shape = {quarter}, .data = nothing},
           {.name = "y2", .shape = {quarter}, .data = nothing},
           {.name = "y3", .shape = {quarter}, .data = nothing}});
}

TEST_F(RewriteTest, ARefusalLeavesNothing) {
  ChangedSource source;
  const Shards one = {{"one", {Tensor("a", 1)}, {}}};
  EXPECT_EQ(Refused({{"one", {Tensor("a", 1)}, {}},
                     {"two", {{.name = "b", .shape = {10}, .data = SourceData{&source, 0}}}, {}}})
                .rule,
            Rule::kIoChanged);
  EXPECT_EQ(Refused({{"one", {}, Metadata{{"a", ""}, {"a", ""}}}}).rule,
            Rule::kSaveMetadataDuplicate);
  EXPECT_EQ(Refused(one, "index", {.alignment = 3}).rule, Rule::kSaveMisuse);
  // A shard's folder or name that cannot be created: another shard is a file where this one needs a
  // folder.
  EXPECT_EQ(Refused({{std::string("a\0b/one", 7), {}, {}}}).rule, Rule::kSaveCreateFailed);
  EXPECT_EQ(Refused({{std::string(300, 'x') + "/one", {}, {}}}).rule, Rule::kSaveCreateFailed);
  const std::string out = std::exchange(out_, "");
  const Status nowhere = Refused(one);
  EXPECT_EQ(nowhere.rule, Rule::kSaveCreateFailed);
  EXPECT_EQ(nowhere.system_error, ENOENT);
  // If it may write there, the data fail.
  out_ = "//";
  const Result<void> root =
      Rewrite({{"tensorgate-test", {{.name = "b", .shape = {1}, .data = DataCallback()}}, {}}});
  ASSERT_FALSE(root);
  EXPECT_TRUE(root.error().rule == Rule::kSaveMisuse || root.error().system_error == EACCES ||
              root.error().system_error == EROFS);
  out_ = out;
  fs::create_directory(out_);
  std::ofstream(out_ + "/file") << "x";
  fs::create_directory(out_ + "/taken");
  fs::create_symlink("taken", out_ + "/link");
  EXPECT_EQ(Rewrite({{"file/one", {}, {}}}).error().rule, Rule::kSaveCreateFailed);
  EXPECT_EQ(Rewrite({{"link/one", {}, {}}}).error().rule, Rule::kSaveCreateFailed);
  EXPECT_EQ(Rewrite({{"taken", {}, {}}}).error().rule, Rule::kIoNotRegular);
  EXPECT_EQ(Rewrite(one, "taken").error().rule, Rule::kIoNotRegular);
  EXPECT_EQ(Written(), std::vector<std::string>{"file"});
}

}  // namespace
}  // namespace tensorgate
