// Folders and links: what is visited, in which order, and what is not entered.
// tests/cli/files_test.py tests the command.
#include "lib/source/walk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "lib/source/descriptor.h"
#include "tests/lib/temp_folder.h"

namespace tensorgate::internal {
namespace {

namespace fs = std::filesystem;

using Strings = std::vector<std::string>;

class WalkTest : public testing::FolderTest {
 protected:
  void Put(const std::string& name) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << "content";
  }
  void Link(const std::string& target, const std::string& name) {
    fs::create_directories((folder_ / name).parent_path());
    fs::create_symlink(target, folder_ / name);
  }
  /// "path" for an opened file, "path: rule" for others; paths are relative to the root.
  std::vector<std::string> Visits(const std::string& below = "", WalkOptions options = {}) {
    std::vector<std::string> visits;
    const std::string root = folder_ / below;
    EXPECT_TRUE(Walk(root, options,
                     [&](const std::string& path, int, Result<std::unique_ptr<Source>> file) {
                       std::string visit = path.starts_with(root) ? path.substr(root.size()) : path;
                       if (visit.starts_with('/')) visit.erase(0, 1);
                       if (!file) visit.append(": ").append(Info(file.error().rule).id);
                       visits.push_back(visit);
                       return true;
                     }));
    return visits;
  }
  std::vector<std::string> Followed(const std::string& below = "") {
    return Visits(below, {.follow_links = true, .skip = {}});
  }
};

TEST_F(WalkTest, BytewiseByName) {
  for (const char* name : {"b", "a/z", "a/y/1", "a.b", "a-b", "C", "\xC3\xA9"}) Put(name);
  fs::create_directory(folder_ / "empty");
  EXPECT_EQ(Visits(), (Strings{"C", "a/y/1", "a/z", "a-b", "a.b", "b", "\xC3\xA9"}));
  EXPECT_EQ(Visits("a/"), (Strings{"y/1", "z"}));
  EXPECT_EQ(Visits("b"), (Strings{""}));
}

TEST_F(WalkTest, WhatCannotBeOpened) {
  EXPECT_EQ(Visits("none"), (Strings{": io/open-failed"}));
  EXPECT_EQ(Visits(std::string("a\0b", 3)), (Strings{": io/open-failed"}));
  ASSERT_EQ(mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(Visits(), (Strings{"fifo: io/not-regular"}));
  EXPECT_EQ(Visits("fifo"), (Strings{": io/not-regular"}));
}

TEST_F(WalkTest, AVisitMayEndIt) {
  for (const char* name : {"a", "b/c", "d"}) Put(name);
  Link("nowhere", "e");
  for (const int enough : {1, 2, 3, 4}) {
    int visits = 0;
    EXPECT_FALSE(
        Walk(folder_, {}, [&](const std::string&, int, const Result<std::unique_ptr<Source>>&) {
          return ++visits < enough;
        }));
    EXPECT_EQ(visits, enough);
  }
  for (const char* named : {"none", "a"}) {
    EXPECT_FALSE(
        Walk(folder_ / named, {}, [](const std::string&, int, const auto&) { return false; }));
  }
}

// Anything may happen between listing a folder and opening its entries.
TEST_F(WalkTest, WhatGoesWhileItIsWalked) {
  for (const char* name : {"a", "b", "c/d"}) Put(name);
  Link("a", "e");
  Strings rules;
  EXPECT_TRUE(
      Walk(folder_, {}, [&](const std::string&, int, const Result<std::unique_ptr<Source>>& file) {
        for (const char* name : {"b", "c", "e"}) fs::remove_all(folder_ / name);
        rules.emplace_back(file ? "" : Info(file.error().rule).id);
        return true;
      }));
  EXPECT_EQ(rules, (Strings{"", "io/open-failed", "io/open-failed", "io/open-failed"}));
}

TEST_F(WalkTest, ASocketThatIsNamed) {
  const std::string path = folder_ / "socket";
  const int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(Visits("socket"), (Strings{": io/not-regular"}));
  EXPECT_EQ(Visits(), (Strings{"socket: io/not-regular"}));
  close(descriptor);
}

TEST(DescriptorTest, ClosesWhatItHolds) {
  const int number = open("/dev/null", O_RDONLY);
  {
    Descriptor first(number);
    Descriptor second;
    EXPECT_FALSE(second.valid());
    second = std::move(first);
    EXPECT_EQ(second.get(), number);
    EXPECT_FALSE(first.valid());
    EXPECT_EQ(fcntl(number, F_GETFD), 0);
  }
  EXPECT_EQ(fcntl(number, F_GETFD), -1);
}

TEST_F(WalkTest, TheFileThatIsWritten) {
  Put("a");
  Put("b");
  struct stat status;
  ASSERT_EQ(stat((folder_ / "a").c_str(), &status), 0);
  EXPECT_EQ(Visits("", {.skip = {static_cast<std::uint64_t>(status.st_dev),
                                 static_cast<std::uint64_t>(status.st_ino)}}),
            (Strings{"b"}));
}

TEST_F(WalkTest, LinksThatAreFound) {
  Put("outside/m");
  Link("../outside/m", "in/file");
  Link("../outside", "in/folder");
  Link("nowhere", "in/none");
  EXPECT_EQ(Visits("in"), (Strings{"file: io/link-not-followed", "folder: io/link-not-followed",
                                   "none: io/link-dangling"}));
  EXPECT_EQ(Followed("in"), (Strings{"file", "folder/m", "none: io/link-dangling"}));
  // A link that is given as the path is followed.
  EXPECT_EQ(Visits("in/file"), (Strings{""}));
  EXPECT_EQ(Visits("in/folder"), (Strings{"m"}));
}

// Links are followed if each step stays in the given folder; each name has its visit.
TEST_F(WalkTest, LinksWithinTheFolder) {
  Put("in/m");
  Put("in/a/b/m");
  Put("outside/m");
  const std::string in = folder_ / "in";
  const std::vector<std::pair<const char*, std::string>> followed = {
      {"in/beside", "m"},
      {"in/below", "a/b/m"},
      {"in/a/above", "../m"},
      {"in/a/b/aside", "../../a/../m"},
      {"in/a/b/chain", "../above"},
      {"in/dots", "././/a/./b/m"},
      {"in/absolute", in + "/m"},
      {"in/absolute-by-folder", in + "/a/../above-it"},
      {"in/above-it", "by-folder/m"},
      {"in/by-folder", "a/b"},  // links to folders are followed on the way
      {"in/to-absolute", "a/b/to-root"},
      {"in/a/b/to-root", in + "//m"},
      {"in/back", "a/to-in/m"},
      {"in/a/to-in", in},
  };
  for (const auto& [name, target] : followed) Link(target, name);
  const Strings visits = Visits("in");
  for (const auto& [name, target] : followed) {
    const std::string path = std::string(name).substr(3);
    const bool folder = path == "by-folder" || path == "a/to-in";
    EXPECT_EQ(std::ranges::count(visits, path + (folder ? ": io/link-not-followed" : "")), 1)
        << path;
  }
  EXPECT_EQ(visits.size(), followed.size() + 2);
}

TEST_F(WalkTest, LinksThatLeadNowhereElse) {
  Put("in/m");
  Put("in/sub/m");
  Put("outside/m");
  Put("in-beside/m");
  ASSERT_EQ(mkfifo((folder_ / "in/z-fifo").c_str(), 0600), 0);
  const std::string in = folder_ / "in";
  const std::vector<std::tuple<const char*, std::string, const char*>> rows = {
      {"a-out", "../outside/m", "io/link-not-followed"},
      {"b-out-and-in", "../in/m", "io/link-not-followed"},
      {"c-sub-out", "sub/../../outside/m", "io/link-not-followed"},
      {"d-absolute", folder_ / "outside/m", "io/link-not-followed"},
      {"e-prefix", in + "-beside/m", "io/link-not-followed"},
      {"f-absolute-out", in + "/../outside/m", "io/link-not-followed"},
      {"g-by-link", "way-out/m", "io/link-not-followed"},
      {"h-root", in, "io/link-not-followed"},
      {"i-folder", "sub/", "io/link-not-followed"},
      {"j-dot", ".", "io/link-not-followed"},
      {"k-up", "..", "io/link-not-followed"},
      {"l-slash", "m/", "io/open-failed"},
      {"m-below-file", "m/x", "io/open-failed"},
      {"n-up-from-file", "m/..", "io/open-failed"},
      {"o-none", "none", "io/link-dangling"},
      {"p-none-folder", "none/../m", "io/link-dangling"},
      {"q-self", "q-self", "io/open-failed"},
      {"r-loop", "s-loop", "io/open-failed"},
      {"s-loop", "./r-loop", "io/open-failed"},
      {"t-fifo", "z-fifo", "io/not-regular"},
      {"u-magic", "/proc/self/fd/0", "io/link-not-followed"},
      {"v-device", "/dev/null", "io/link-not-followed"},
      {"w-long", std::string(3000, '/') + "m", "io/link-dangling"},
      {"way-out", "../outside", "io/link-not-followed"},
      {"x-far", "sub/../sub/../../../../../../../../../etc/hostname", "io/link-not-followed"},
  };
  Strings expected;
  for (const auto& [name, target, rule] : rows) {
    Link(target, std::string("in/") + name);
    expected.push_back(std::string(name) + ": " + rule);
  }
  Strings visits = Visits("in");
  std::erase_if(visits, [](const std::string& visit) {
    return visit == "m" || visit == "sub/m" || visit.starts_with("z-fifo");
  });
  EXPECT_EQ(visits, expected);
}

TEST_F(WalkTest, ChainsOfLinksEnd) {
  Put("in/m");
  Link("m", "in/l00");
  for (int i = 1; i <= 45; ++i) {
    const auto name = [](int number) {
      return (number < 10 ? "l0" : "l") + std::to_string(number);
    };
    Link(name(i - 1), "in/" + name(i));
  }
  const Strings visits = Visits("in");
  ASSERT_EQ(visits.size(), 47u);
  EXPECT_EQ(visits[39], "l39");  // a chain of forty links
  EXPECT_EQ(visits[40], "l40: io/open-failed");
}

TEST_F(WalkTest, TheRootMayItselfBeReachedByALink) {
  Put("real/in/m");
  Link("real", "way");
  Link((folder_ / "way/in/m").string(), "real/in/typed");
  Link((folder_ / "real/in/m").string(), "real/in/true");
  EXPECT_EQ(Visits("way/in"), (Strings{"m", "true", "typed"}));
  EXPECT_EQ(Visits("way/in/"), (Strings{"m", "true", "typed"}));
  EXPECT_EQ(Visits("real/in"), (Strings{"m", "true", "typed: io/link-not-followed"}));
}

// A folder on the path of a link is repeatedly replaced by a way out: nothing outside is ever
// opened.
TEST_F(WalkTest, NoRaceLeadsOut) {
  Put("in/real/m");
  Put("outside/m");
  for (int i = 0; i < 20; ++i) Link("sub/m", "in/l" + std::to_string(i));
  Link("../outside", "in/out");
  fs::create_symlink("real", folder_ / "in/sub");
  struct stat outside;
  ASSERT_EQ(stat((folder_ / "outside/m").c_str(), &outside), 0);
  std::atomic<bool> done = false;
  std::thread other([&] {
    const fs::path in = folder_ / "in";
    while (!done) {
      fs::rename(in / "real", in / "away");
      fs::rename(in / "out", in / "real");
      fs::rename(in / "real", in / "out");
      fs::rename(in / "away", in / "real");
    }
  });
  int opened = 0, refused = 0;
  for (int round = 0; round < 100 || ((opened == 0 || refused == 0) && round < 5000); ++round) {
    Walk(folder_ / "in", {},
         [&](const std::string& path, int, const Result<std::unique_ptr<Source>>& file) {
           if (!file || !path.ends_with("/m")) ++(file ? opened : refused);
           struct stat now;
           EXPECT_TRUE(!file || fstat((*file)->descriptor(), &now) != 0 ||
                       now.st_ino != outside.st_ino);
           return true;
         });
  }
  done = true;
  other.join();
  EXPECT_GT(opened, 0);
  EXPECT_GT(refused, 0);
}

TEST_F(WalkTest, LoopsAndSecondWays) {
  Put("d/m");
  Link("..", "d/up");
  Link("d", "e");
  EXPECT_EQ(Followed(), (Strings{"d/m", "d/up: io/link-not-followed"}));
}

TEST_F(WalkTest, BlobsOfAHubCache) {
  Put("models--a/blobs/0123");
  Put("models--a/blobs/sub/0123");
  Put("models--a/blobs2/0123");
  ASSERT_EQ(mkfifo((folder_ / "models--a/blobs/fifo").c_str(), 0600), 0);
  const std::string snapshot = "models--a/snapshots/rev/";
  Link("../../blobs/0123", snapshot + "good");
  Link("../../../blobs/0123", snapshot + "deeper/good");
  Link("../../blobs/0123", snapshot + "deeper/short");  // would lead to snapshots/blobs
  Link("../blobs/0123", snapshot + "too-near");
  Link("../../blobs2/0123", snapshot + "other-folder");
  Link("../../blobs/sub/0123", snapshot + "below");
  Link("../../blobs/", snapshot + "folder");
  Link("../../blobs/.", snapshot + "dot");
  Link("../../blobs/..", snapshot + "dots");
  Link("../../blobs/none", snapshot + "none");
  Link("../../blobs/fifo", snapshot + "pipe");
  Link("/etc/hostname", snapshot + "absolute");
  EXPECT_EQ(Visits("models--a/snapshots"),
            (Strings{"rev/absolute: io/link-not-followed", "rev/below: io/link-not-followed",
                     "rev/deeper/good", "rev/deeper/short: io/link-dangling",
                     "rev/dot: io/link-not-followed", "rev/dots: io/link-not-followed",
                     "rev/folder: io/link-not-followed", "rev/good", "rev/none: io/link-dangling",
                     "rev/other-folder: io/link-not-followed", "rev/pipe: io/not-regular",
                     "rev/too-near: io/link-dangling"}));
  // The folder above must be named snapshots, and blobs must be a real folder.
  Put("models--b/blobs/0123");
  Link("../../blobs/0123", "models--b/elsewhere/rev/good");
  EXPECT_EQ(Visits("models--b/elsewhere"), (Strings{"rev/good: io/link-not-followed"}));
  Put("models--b/snapshots/rev/m");
  EXPECT_EQ(Visits("models--b/elsewhere"), (Strings{"rev/good: io/link-not-followed"}));
  Link("../models--a/blobs", "models--c/blobs");
  Link("../../blobs/0123", "models--c/snapshots/rev/good");
  EXPECT_EQ(Visits("models--c/snapshots"), (Strings{"rev/good: io/link-not-followed"}));
  Link("../../../../../../../../../../blobs/0123", "models--d/snapshots/rev/high");
  EXPECT_EQ(Visits("models--d"), (Strings{"snapshots/rev/high: io/link-dangling"}));
}

TEST_F(WalkTest, AsDeepAsItMayBe) {
  const int opened = open(folder_.c_str(), O_RDONLY | O_DIRECTORY);
  int folder = dup(opened);
  for (int depth = 0; depth < 258; ++depth) {
    ASSERT_EQ(mkdirat(folder, "d", 0700), 0);
    const int below = openat(folder, "d", O_RDONLY | O_DIRECTORY);
    close(openat(below, "m", O_WRONLY | O_CREAT, 0600));
    close(folder);
    folder = below;
  }
  close(folder);
  close(opened);
  const Strings visits = Visits();
  ASSERT_EQ(visits.size(), 256u);  // 255 files below the root, and the folder that is too deep
  EXPECT_TRUE(visits[0].ends_with("d: io/open-failed"));
  EXPECT_EQ(visits.back(), "d/m");
}

// Every lack of descriptors is reported; nothing is skipped silently.
TEST_F(WalkTest, NoDescriptorsLeft) {
  Put("a/m");
  Link("../../../blobs/0123", "a/snapshots/rev/l");
  Put("a/blobs/0123");
  rlimit usual;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
  const int first = open("/dev/null", O_RDONLY);  // the lowest free one
  close(first);
  std::size_t most = 0;
  for (int left = 0; left < 8; ++left) {
    const rlimit tight{static_cast<rlim_t>(first + left), usual.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
    const Strings strict = Visits(), followed = Followed();
    const bool to_the_end = Walk(
        folder_, {}, [](const std::string&, int, const auto& file) { return file.has_value(); });
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
    ASSERT_FALSE(strict.empty() || followed.empty()) << left;
    EXPECT_FALSE(to_the_end) << left;  // at least the link is not followed
    EXPECT_GE(strict.size(), most) << left;
    most = strict.size();
    if (left < 2) EXPECT_TRUE(strict[0].ends_with(": io/open-failed")) << left << strict[0];
  }
  EXPECT_EQ(Visits(), (Strings{"a/blobs/0123", "a/m", "a/snapshots/rev/l: io/link-dangling"}));
}

}  // namespace
}  // namespace tensorgate::internal
