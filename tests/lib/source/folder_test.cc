// Files below a folder that is held open, by names that cannot leave it.
#include "lib/source/folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

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
  static std::string Try(const Folder& folder, const std::string& name, bool follow_links = false) {
    const Result<FileSource> file = folder.OpenFile(name, follow_links);
    return file ? "opened" : std::string(Info(file.error().rule).id);
  }
};

TEST_F(FolderTest, NamesBelowIt) {
  const Result<Folder> folder = Folder::Open(folder_);
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

TEST_F(FolderTest, LinksOnTheWayOnlyWhereTheyAreAskedFor) {
  const Result<Folder> folder = Folder::Open(folder_ / "link");
  ASSERT_TRUE(folder);
  EXPECT_EQ(Try(*folder, "file"), "opened");
  const Result<Folder> above = Folder::Open(folder_);
  ASSERT_TRUE(above);
  for (const char* name : {"link/file", "file-link"}) {
    EXPECT_EQ(Try(*above, name), "io/link-not-followed") << name;
    EXPECT_EQ(Try(*above, name, true), "opened") << name;
  }
}

TEST_F(FolderTest, WhatIsNoFolder) {
  EXPECT_EQ(Folder::Open(folder_ / "none").error().rule, Rule::kIoOpenFailed);
  EXPECT_EQ(Folder::Open(folder_ / "sub/file").error().rule, Rule::kIoOpenFailed);
  EXPECT_EQ(Folder::Open(folder_.string() + std::string("\0x", 2)).error().rule,
            Rule::kIoOpenFailed);
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
