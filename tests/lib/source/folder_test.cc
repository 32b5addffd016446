// Files below a folder that is held open, by names that cannot leave it.
#include "lib/source/folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "lib/source/beneath.h"
#include "tests/lib/temp_folder.h"

namespace tensorgate::internal {
namespace {

namespace fs = std::filesystem;

class FolderTest : public testing::FolderTest {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "sub/deeper");
    std::ofstream(folder_ / "sub/file") << "content";
    fs::create_symlink("sub", folder_ / "link");
    fs::create_symlink("sub/file", folder_ / "file-link");
  }

  /// The rule that refuses `name`, or "opened".
  static std::string Try(const Store& folder, const std::string& name) {
    const Result<std::unique_ptr<Source>> file = folder.Open(name);
    return file ? "opened" : std::string(Info(file.error().rule).id);
  }
};

TEST_F(FolderTest, NamesBelowIt) {
  const Result<Folder> folder = Folder::At(folder_);
  ASSERT_TRUE(folder);
  EXPECT_EQ(Try(*folder, "sub/file"), "opened");
  EXPECT_EQ(Try(*folder, "sub/none"), "io/open-failed");
  EXPECT_EQ(Try(*folder, "none/file"), "io/open-failed");
  EXPECT_EQ(Try(*folder, "sub/file/below"), "io/open-failed");
  EXPECT_EQ(Try(*folder, "sub/deeper"), "io/not-regular");
  EXPECT_EQ(Try(*folder, std::string("sub\0/file", 9)), "io/open-failed");
  ASSERT_EQ(mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(Try(*folder, "fifo"), "io/not-regular");
}

TEST_F(FolderTest, AsDeepAsALinkMayLead) {
  int below = open((folder_ / "sub").c_str(), O_RDONLY | O_DIRECTORY);
  std::string path = "sub";
  for (int depth = 2; depth <= 257; ++depth) {
    ASSERT_EQ(mkdirat(below, "d", 0700), 0);
    const int next = openat(below, "d", O_RDONLY | O_DIRECTORY);
    close(std::exchange(below, next));
    close(openat(below, "m", O_WRONLY | O_CREAT, 0600));
    path += "/d";
    // The folder itself is one of the 256.
    const std::string link = "link" + std::to_string(depth);
    fs::create_symlink(path + "/m", folder_ / link);
    if (depth < 254) continue;
    const Result<Folder> folder = Folder::At(folder_);
    ASSERT_TRUE(folder);
    EXPECT_EQ(Try(*folder, link), depth <= 255 ? "opened" : "io/open-failed") << depth;
  }
  close(below);
}

TEST_F(FolderTest, NoDescriptorLeftOnTheWay) {
  const Descriptor folder(open(folder_.c_str(), O_RDONLY | O_DIRECTORY));
  ASSERT_TRUE(folder.valid());
  const int given[] = {folder.get()};
  ASSERT_TRUE(OpenBeneath(given, {}, "sub/file"));
  rlimit usual;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
  const int first = open("/dev/null", O_RDONLY);  // the lowest that is free
  close(first);
  for (int left = 0; left < 2; ++left) {  // the folder cannot be opened, or the file in it
    const rlimit tight{static_cast<rlim_t>(first + left), usual.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
    const Result<Descriptor> file = OpenBeneath(given, {}, "sub/file");
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
    ASSERT_FALSE(file) << left;
    EXPECT_EQ(file.error().rule, Rule::kIoOpenFailed) << left;
    EXPECT_EQ(file.error().system_error, EMFILE) << left;
  }
}

TEST_F(FolderTest, LinksThatAreFollowedAnywhere) {
  ASSERT_EQ(mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  fs::create_symlink("../fifo", folder_ / "sub/to-fifo");
  fs::create_symlink("../sub", folder_ / "sub/to-folder");
  fs::create_symlink("none", folder_ / "sub/to-none");
  fs::create_symlink(folder_ / "sub/file", folder_ / "sub/to-file");
  const Result<Folder> folder = Folder::At(folder_ / "sub", true);
  ASSERT_TRUE(folder);
  EXPECT_EQ(Try(*folder, "to-fifo"), "io/not-regular");
  EXPECT_EQ(Try(*folder, "to-folder"), "io/not-regular");
  EXPECT_EQ(Try(*folder, "to-none"), "io/link-dangling");
  EXPECT_EQ(Try(*folder, "to-file"), "opened");
}

TEST_F(FolderTest, ALinkToAFileInTheFolder) {
  fs::create_directories(folder_ / "out");
  std::ofstream(folder_ / "out/file") << "content";
  const fs::path sub = folder_ / "sub";
  const std::pair<const char*, std::string> rows[] = {
      {"opened", "file"},
      {"opened", "deeper/../file"},
      {"opened", "up-and-down"},
      {"opened", sub / "file"},
      {"io/link-not-followed", "../out/file"},
      {"io/link-not-followed", "../sub/file"},
      {"io/link-not-followed", "deeper"},
      {"io/link-not-followed", folder_ / "out/file"},
      {"io/link-not-followed", "/dev/null"},
      {"io/link-dangling", "none"},
      {"io/open-failed", "last"},
  };
  fs::create_symlink("deeper/../../sub/../sub/file", sub / "over-the-edge");
  fs::create_symlink("./deeper/.././file", sub / "up-and-down");
  const Result<Folder> folder = Folder::At(sub);
  ASSERT_TRUE(folder);
  EXPECT_EQ(Try(*folder, "over-the-edge"), "io/link-not-followed");
  for (const auto& [expected, target] : rows) {
    for (const char* name : {"last", "deeper/last"}) {
      if (std::string_view(name) == "deeper/last" && !target.starts_with('/')) continue;
      fs::create_symlink(target, sub / name);
      EXPECT_EQ(Try(*folder, name), expected) << target << " " << name;
      fs::remove(sub / name);
    }
  }
  fs::create_symlink("../file", sub / "deeper/last");
  EXPECT_EQ(Try(*folder, "deeper/last"), "opened");
}

TEST_F(FolderTest, LinksOnTheWayOnlyWhereTheyAreAskedFor) {
  const Result<Folder> folder = Folder::At(folder_ / "link");
  ASSERT_TRUE(folder);
  EXPECT_EQ(Try(*folder, "file"), "opened");
  const Result<Folder> above = Folder::At(folder_);
  ASSERT_TRUE(above);
  EXPECT_EQ(Try(*above, "link/file"), "io/link-not-followed");
  EXPECT_EQ(Try(*above, "file-link"), "opened");
  const Result<Folder> following = Folder::At(folder_, true);
  ASSERT_TRUE(following);
  const Result<Folder> held = Folder::Holding(folder_ / "sub", true);
  ASSERT_TRUE(held);
  for (const char* name : {"link/file", "file-link"}) {
    EXPECT_EQ(Try(*following, name), "opened") << name;
    EXPECT_EQ(Try(*held, name), "opened") << name;
  }
}

TEST_F(FolderTest, ListsBytewise) {
  const Result<Folder> folder = Folder::At(folder_);
  ASSERT_TRUE(folder);
  const Result<FolderNames> names = folder->List();
  ASSERT_TRUE(names);
  std::string listed;
  for (const FolderNames::Name& name : names->list) listed.append(names->At(name)).append(" ");
  EXPECT_EQ(listed, "file-link link sub ");
}

TEST_F(FolderTest, APathIsASource) {
  const Result<std::unique_ptr<Source>> file = OpenPath(folder_ / "file-link");
  ASSERT_TRUE(file);
  EXPECT_EQ((*file)->size(), 7u);
  EXPECT_EQ(OpenPath(folder_ / "none").error().rule, Rule::kIoOpenFailed);
  EXPECT_EQ(OpenPath(folder_).error().rule, Rule::kIoNotRegular);
}

TEST_F(FolderTest, PathsThatAreNotFolders) {
  EXPECT_EQ(Folder::At(folder_ / "none").error().rule, Rule::kIoOpenFailed);
  EXPECT_EQ(Folder::At(folder_ / "sub/file").error().rule, Rule::kIoOpenFailed);
  EXPECT_EQ(Folder::At(folder_.string() + std::string("\0x", 2)).error().rule, Rule::kIoOpenFailed);
  EXPECT_EQ(Folder::FromDescriptor(-1).error().rule, Rule::kIoOpenFailed);
}

TEST_F(FolderTest, OfADescriptorThatIsClosedAfterwards) {
  const int descriptor = open((folder_ / "sub").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_GE(descriptor, 0);
  const Result<Folder> folder = Folder::FromDescriptor(descriptor);
  ASSERT_EQ(close(descriptor), 0);
  ASSERT_TRUE(folder);
  EXPECT_EQ(Try(*folder, "file"), "opened");
}

}  // namespace
}  // namespace tensorgate::internal
