// Checks that end when they must: by the deadline or by the caller, wherever they check for it.
#include "tensorgate/limits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/formats/torch/pickle_file.h"
#include "tensorgate/checkpoint.h"
#include "tensorgate/convert.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/scan.h"
#include "tensorgate/shards.h"
#include "tensorgate/torch.h"
#include "tests/lib/formats/safetensors/build.h"
#include "tests/lib/formats/torch/build.h"
#include "tests/lib/temp_folder.h"

namespace tensorgate {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::AsBytes;
using testing::BuildFile;
using testing::TensorEntry;
namespace made = testing::torch;

bool Has(const Report& report, Rule rule) {
  return std::ranges::find(report.findings(), rule, &Finding::rule) != report.findings().end();
}

// Everything that judges the bytes of a file.
struct Door {
  const char* name;
  std::function<Report(std::string_view, const CheckOptions&)> judge;
};

template <typename Opened>
Report ReportOf(const Opened& opened) {
  return opened ? opened->report() : opened.error();
}

Report StreamOf(std::string_view file, const CheckOptions& options) {
  StreamScan scan(options);
  scan.Feed(AsBytes(file));
  return scan.Finish();
}

const std::vector<Door>& Doors() {
  static const std::vector<Door> doors = {
      {"Scan",
       [](std::string_view file, const CheckOptions& options) {
         MemorySource source(AsBytes(file));
         return Scan(source, "", options);
       }},
      {"StreamScan", StreamOf},
      {"safetensors::CheckBytes",
       [](std::string_view file, const CheckOptions& options) {
         return safetensors::CheckBytes(AsBytes(file), options);
       }},
      {"safetensors::File",
       [](std::string_view file, const CheckOptions& options) {
         return ReportOf(safetensors::File::OpenBytes(AsBytes(file), options));
       }},
      {"safetensors::StreamCheck",
       [](std::string_view file, const CheckOptions& options) {
         safetensors::StreamCheck stream(options);
         stream.Feed(AsBytes(file));
         return stream.Finish();
       }},
      {"torch::CheckBytes",
       [](std::string_view file, const CheckOptions& options) {
         return torch::CheckBytes(AsBytes(file), options);
       }},
      {"torch::File",
       [](std::string_view file, const CheckOptions& options) {
         return ReportOf(torch::File::OpenBytes(AsBytes(file), options));
       }},
      {"torch::internal::CheckPickle",
       [](std::string_view file, const CheckOptions& options) {
         MemorySource source(AsBytes(file));
         return torch::internal::CheckPickle(source, options);
       }},
      {"Checkpoint",
       [](std::string_view file, const CheckOptions& options) {
         return ReportOf(Checkpoint::OpenBytes(AsBytes(file), options));
       }},
  };
  return doors;
}

std::string Content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

const std::string kSafetensors = testing::SmallFile();
const std::string kTorch = made::File(
    made::Dict({{"w", made::View{{2, 2}, {2, 1}, 0, 0, 4}.Code()}}), {std::string(16, '\0')});

const std::string kPickle = std::string("\x80\2", 2) + made::Text("of some length") + ".";

TEST(LimitsTest, EveryLimitHasItsRule) {
  std::set<Rule> rules;
  for (const LimitInfo& limit : kLimits) {
    std::string id = "limit/" + std::string(limit.name);
    std::ranges::replace(id, '_', '-');
    EXPECT_EQ(Info(limit.rule).id, id);
    EXPECT_NE(Info(limit.rule).fix.find(limit.name), std::string_view::npos) << limit.name;
    EXPECT_FALSE(limit.meaning.empty());
    rules.insert(limit.rule);
  }
  rules.insert(Rule::kLimitTime);  // Its limit is `CheckOptions::deadline`.
  for (const RuleInfo& info : AllRules()) {
    EXPECT_EQ(rules.contains(info.rule), info.id.starts_with("limit/")) << info.id;
  }
}

TEST(DeadlineTest, FarSpansAreNoDeadline) {
  using std::chrono::duration;
  const auto now = steady_clock::now();
  EXPECT_GE(*DeadlineIn(duration<double>(0.5)), now + milliseconds(500));
  const auto past = *DeadlineIn(duration<double>(-1e300));
  EXPECT_LE(past, steady_clock::now());
  for (const double seconds : {1e12, 1e300, std::numeric_limits<double>::infinity(),
                               std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(DeadlineIn(duration<double>(seconds)), std::nullopt) << seconds;
  }
}

TEST(DeadlineTest, PastItNothingIsJudged) {
  CheckOptions options;
  options.deadline = steady_clock::now();
  for (const Door& door : Doors()) {
    for (const std::string& file : {kSafetensors, kTorch, kPickle}) {
      const Report report = door.judge(file, options);
      EXPECT_EQ(report.verdict(), Verdict::kUndecided) << door.name;
      EXPECT_EQ(report.findings()[0].rule, Rule::kLimitTime) << door.name;
      EXPECT_EQ(std::ranges::count(report.findings(), Rule::kLimitTime, &Finding::rule), 1);
    }
  }
}

TEST(DeadlineTest, BeforeItNothingIsDifferent) {
  CheckOptions options;
  options.deadline = steady_clock::now() + std::chrono::hours(1);
  std::atomic<bool> cancel = false;
  options.cancel = &cancel;
  options.keep_going = [] { return true; };
  for (const Door& door : Doors()) {
    for (const std::string& file : {kSafetensors, kTorch, kPickle}) {
      const Report plain = door.judge(file, {}), timed = door.judge(file, options);
      EXPECT_EQ(plain.verdict(), timed.verdict()) << door.name;
      EXPECT_EQ(plain.findings().size(), timed.findings().size()) << door.name;
    }
  }
}

TEST(DeadlineTest, AFlagOfAnotherThreadEndsIt) {
  std::atomic<bool> cancel = true;
  CheckOptions options;
  options.cancel = &cancel;
  for (const Door& door : Doors()) {
    const Report report = door.judge(kTorch, options);
    EXPECT_EQ(report.verdict(), Verdict::kUndecided) << door.name;
    EXPECT_EQ(report.findings()[0].rule, Rule::kUseCancelled) << door.name;
  }
}

TEST(DeadlineTest, WhatTheCallersFunctionThrowsEndsIt) {
  CheckOptions options;
  options.keep_going = []() -> bool { throw std::runtime_error("no"); };
  for (const Door& door : Doors()) {
    EXPECT_EQ(door.judge(kTorch, options).findings()[0].rule, Rule::kUseCancelled) << door.name;
  }
}

// Ended at the n-th call, for every small n: undecided; after the last one, the usual result.
void EndEverywhere(const Door& door, std::string_view file, CheckOptions options,
                   const std::string& about) {
  const Report plain = door.judge(file, options);
  for (int n = 0;; n += 1 + n / 20) {
    int asked = 0;
    options.keep_going = [&] { return asked++ < n; };
    const Report report = door.judge(file, options);
    if (asked <= n) {
      ASSERT_EQ(report.verdict(), plain.verdict()) << door.name << ' ' << about;
      ASSERT_EQ(report.findings().size(), plain.findings().size()) << door.name << ' ' << about;
      return;
    }
    // A verdict that was already certain stays.
    const bool same = report.verdict() == plain.verdict() && !Has(report, Rule::kUseCancelled);
    ASSERT_TRUE(same || Has(report, Rule::kUseCancelled)) << door.name << ' ' << about << ' ' << n;
    ASSERT_TRUE(same || report.verdict() == Verdict::kUndecided) << door.name << ' ' << about;
    ASSERT_LE(std::ranges::count(report.findings(), Rule::kUseCancelled, &Finding::rule), 1)
        << door.name << ' ' << about;
  }
}

TEST(DeadlineTest, EndedAtEveryQuestionNothingIsAccepted) {
  int files = 0;
  for (const auto& each : std::filesystem::recursive_directory_iterator(TENSORGATE_CORPUS_DIR)) {
    if (!each.is_regular_file() || each.file_size() > 100'000) continue;
    const std::string file = Content(each.path());
    for (const Door& door : Doors()) {
      // Spooling a stream takes time.
      if (std::string_view(door.name) == "StreamScan" && files % 16 != 0) continue;
      EndEverywhere(door, file, {.scope = Scope::kFull}, each.path());
    }
    EndEverywhere(Doors()[0], file, {.profile = Profile::kReference}, each.path());
    ++files;
  }
  EXPECT_GT(files, 500);
}

TEST(DeadlineTest, EndedAtEveryQuestionOfACheckpoint) {
  const std::filesystem::path root = TENSORGATE_CORPUS_DIR "/checkpoint/accept";
  const Door door = {"CheckCheckpoint", [](std::string_view path, const CheckOptions& options) {
                       return CheckCheckpoint(std::string(path), options).report;
                     }};
  int folders = 0;
  for (const auto& each : std::filesystem::directory_iterator(root)) {
    if (!each.is_directory()) continue;
    EndEverywhere(door, each.path().string(), {}, each.path());
    ++folders;
  }
  EXPECT_GT(folders, 10);
}

// Loops whose length a file determines check repeatedly.
struct Long {
  const char* name;
  std::string file;
  int questions;  // minimum
  Profile profile = Profile::kStrict;
};

std::string ManyTensors(int count, bool backwards, const char* extra = "") {
  std::string header = "{";
  for (int i = 0; i < count; ++i) {
    const auto place = static_cast<std::uint64_t>(backwards ? count - 1 - i : i);
    if (i != 0) header += ',';
    header += TensorEntry("\xC3\xA9" + std::to_string(i), "U8", "1", place, place + 1);
    header.insert(header.size() - 1, extra);
  }
  return BuildFile(header + "}", static_cast<std::size_t>(count));
}

std::string Repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::vector<Long> LongFiles() {
  std::string metadata = "{\"__metadata__\":{\"k\":\"\"";
  for (int i = 0; i < 100'000; ++i) metadata += ",\"k" + std::to_string(i) + "\":\"\"";
  made::Items tensors;
  for (int i = 0; i < 50'000; ++i) {
    tensors.emplace_back("t" + std::to_string(i),
                         i == 0 ? made::View{{1}, {1}, 0, 0, 1}.Code() + "q\1" : "h\1");
  }
  std::vector<std::string> members;
  for (int i = 0; i < 50'000; ++i) members.push_back("data/x" + std::to_string(i));
  made::Items alike;
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = "\xC3\xA9/" + std::to_string(i);
    alike.emplace_back(name, i == 0 ? made::View{{1}, {1}, 0, 0, 1}.Code() + "q\1" : "h\1");
  }
  const std::string nested = "](" + Repeated("](K\1K\2e", 100'000) + "e";
  const std::string pickle = "\x80\x02";
  std::string keys;
  for (int i = 0; i < 200'000; ++i) keys += made::Text(std::to_string(i)) + "N";
  return {
      {"tensors in order", ManyTensors(100'000, false), 40},
      {"tensors out of order", ManyTensors(100'000, true), 60},
      {"unknown fields", ManyTensors(50'000, false, ",\"x\":0"), 20},
      {"metadata", BuildFile(metadata + "}}"), 20},
      {"dimensions",
       BuildFile("{" + TensorEntry("a", "U8", Repeated("1,", 1'000'000) + "1", 0, 1) + "}", 1), 12},
      {"opcodes", pickle + "](" + Repeated("K\1", 1'000'000) + "e.", 240},
      {"values", pickle + nested + ".", 100},
      {"members", made::File("N", {}, members), 10},
      {"keys", pickle + "}(" + keys + "u.", 100},
      {"dicts", pickle + "](" + Repeated("}(K\1K\1K\2K\2u", 20'000) + "e.", 60},
      {"names", made::File(made::Dict(tensors), {std::string(4, '\0')}), 30},
      {"names compared", ManyTensors(100'000, false), 300},
      {"names in archives compared", made::File(made::Dict(alike), {std::string(4, '\0')}), 100},
      {"names outside", pickle + "cos\nsystem\n" + Repeated("cos\npopen\n", 500'000) + ".", 5},
      {"opcodes for the reference", pickle + "](" + Repeated("K\1", 1'000'000) + "e.", 240,
       Profile::kReference},
  };
}

TEST(DeadlineTest, LongLoopsAskAgainAndAgain) {
  for (const Long& each : LongFiles()) {
    int asked = 0;
    CheckOptions options{.profile = each.profile};
    options.keep_going = [&] { return ++asked > 0; };
    MemorySource source(AsBytes(each.file));
    const Report plain = Scan(source, "", options);
    EXPECT_GE(asked, each.questions) << each.name;
    EXPECT_NE(plain.verdict(), Verdict::kUndecided) << each.name;
    // Ended somewhere inside.
    const int all = asked;
    for (const int part : {2, 3, 4, 5, 6, 7, 9, 11, 14, 18, 23, 31, 100}) {
      asked = 0;
      options.keep_going = [&] { return asked++ < all - 1 - all / part; };
      const Report report = Scan(source, "", options);
      EXPECT_EQ(report.verdict(), Verdict::kUndecided) << each.name << part;
      EXPECT_TRUE(Has(report, Rule::kUseCancelled)) << each.name << part;
    }
  }
}

// Files that are just long enough for a check in each loop: ended at every call, and by one that
// answers false only once.
TEST(DeadlineTest, EndedAtEveryQuestionOfLongFiles) {
  std::vector<std::string> members;
  for (int i = 0; i < 9000; ++i) members.push_back("data/x" + std::to_string(i));
  const Door door = Doors()[0];
  for (const std::string& file :
       {ManyTensors(9000, false), ManyTensors(9000, true), made::File("N", {}, members)}) {
    EndEverywhere(door, file, {}, "a long file");
    const Report plain = door.judge(file, {});
    for (int n = 0, asked = n + 1; asked > n; ++n) {
      asked = 0;
      CheckOptions options;
      options.keep_going = [&] { return asked++ != n; };
      const Report report = door.judge(file, options);
      const bool ended = Has(report, Rule::kUseCancelled);
      ASSERT_EQ(report.verdict(), ended ? Verdict::kUndecided : plain.verdict()) << n;
    }
  }
}

// A sender of one byte per millisecond.
class Trickle final : public Source {
 public:
  explicit Trickle(std::string_view bytes) : memory_(AsBytes(bytes)) {}
  std::uint64_t size() const override { return memory_.size(); }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override {
    std::this_thread::sleep_for(milliseconds(1));
    return memory_.Read(offset, into.first(1));
  }

 private:
  MemorySource memory_;
};

TEST(DeadlineTest, ASlowSourceIsGivenUp) {
  const std::string large =
      BuildFile("{" + TensorEntry(std::string(100'000, 'a'), "U8", "1", 0, 1) + "}", 1);
  const std::string records = made::File("N", {std::string(100'000, '\0')});
  const std::function<Report(Source&, const CheckOptions&)> doors[] = {
      [](Source& source, const CheckOptions& options) { return Scan(source, "", options); },
      [](Source& source, const CheckOptions& options) {
        return safetensors::Check(source, options);
      },
      [](Source& source, const CheckOptions& options) { return torch::Check(source, options); },
      [](Source& source, const CheckOptions& options) {
        return torch::internal::CheckPickle(source, options);
      }};
  const std::string pickle = "\x80\2" + Repeated("N0", 100'000) + ".";
  for (const auto& door : doors) {
    for (const std::string& file : {large, pickle, "PK\3\4" + std::string(100'000, '\0')}) {
      Trickle source(file);
      const auto start = steady_clock::now();
      CheckOptions options{.scope = Scope::kFull};
      options.deadline = start + milliseconds(30);
      const Report report = door(source, options);
      EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(5));
      const bool small = report.verdict() == Verdict::kRejected;  // by its first bytes
      EXPECT_TRUE(small || Has(report, Rule::kLimitTime)) << Name(report.verdict());
    }
  }
}

// Checksums are computed by several threads, but only the caller's thread may call its function.
TEST(DeadlineTest, ChecksumsOfManyThreads) {
  const testing::TempFolder folder;
  const std::string path = folder.path() / "x.pt";
  std::ofstream(path, std::ios::binary)
      << made::File(made::Dict({{"w", made::View{{16 << 20}, {1}, 0, 0, 16 << 20}.Code()}}),
                    {std::string(64 << 20, 'x')});
  CheckOptions options{.scope = Scope::kFull};
  const std::thread::id here = std::this_thread::get_id();
  int asked = 0, elsewhere = 0;
  options.keep_going = [&] {
    elsewhere += std::this_thread::get_id() != here;
    return ++asked > 0;
  };
  EXPECT_EQ(ScanPath(path, options).verdict(), Verdict::kAccepted);
  // How many blocks the caller's thread and the others process depends on the machine.
  constexpr int kSome = 3;
  EXPECT_GT(asked, kSome);
  EXPECT_EQ(elsewhere, 0);
  asked = 0;
  options.keep_going = [&] { return ++asked < kSome; };
  EXPECT_EQ(ScanPath(path, options).findings()[0].rule, Rule::kUseCancelled);
  options.keep_going = {};
  const auto whole = steady_clock::now();
  ASSERT_EQ(ScanPath(path, options).verdict(), Verdict::kAccepted);
  const auto needed = steady_clock::now() - whole;
  for (int tenth = 1; tenth < 10; ++tenth) {
    options.deadline = steady_clock::now() + needed * tenth / 20;
    const Report report = ScanPath(path, options);
    EXPECT_TRUE(report.verdict() == Verdict::kAccepted || Has(report, Rule::kLimitTime));
    EXPECT_EQ(report.scope() == Scope::kFull, report.verdict() == Verdict::kAccepted);
  }
}

TEST(DeadlineTest, ShardsShareOne) {
  const std::string folder = TENSORGATE_CORPUS_DIR "/checkpoint/accept";
  CheckOptions options;
  options.deadline = steady_clock::now();
  for (const auto& each : std::filesystem::directory_iterator(folder)) {
    if (!each.is_directory()) continue;
    for (const Report& report : {CheckCheckpoint(each.path(), options).report,
                                 ReportOf(Checkpoint::OpenPath(each.path(), options))}) {
      EXPECT_EQ(report.verdict(), Verdict::kUndecided) << each.path();
      EXPECT_EQ(report.findings()[0].rule, Rule::kLimitTime) << each.path();
    }
  }
}

TEST(DeadlineTest, AConversionIsEndedWhileItsSourceIsJudged) {
  const testing::TempFolder folder;
  const std::string from = folder.path() / "x.pt", to = folder.path() / "x.safetensors";
  std::ofstream(from, std::ios::binary) << kTorch;
  ConvertOptions options;
  options.check.deadline = steady_clock::now();
  auto converted = Convert(from, to, options);
  ASSERT_FALSE(converted);
  EXPECT_EQ(converted.error().report->findings()[0].rule, Rule::kLimitTime);
  std::atomic<bool> cancel = true;
  options = {.cancel = &cancel};
  converted = Convert(from, to, options);
  ASSERT_FALSE(converted);
  EXPECT_EQ(converted.error().report->findings()[0].rule, Rule::kUseCancelled);
  EXPECT_FALSE(std::filesystem::exists(to));
}

TEST(StreamDeadlineTest, ASilentSender) {
  for (const std::string& file : {kSafetensors, kTorch, std::string("text"), std::string()}) {
    CheckOptions options;
    options.deadline = steady_clock::now() + milliseconds(20);
    StreamScan scan(options);
    EXPECT_TRUE(scan.Feed(AsBytes(std::string_view(file).substr(0, file.size() / 2))));
    std::this_thread::sleep_until(*options.deadline);
    const Report report = scan.Finish(false);
    EXPECT_EQ(report.verdict(), Verdict::kUndecided);
    EXPECT_EQ(report.findings()[0].rule, Rule::kLimitTime);
    // A late answer comes after the deadline.
    StreamScan late(options);
    EXPECT_FALSE(late.Feed(AsBytes(file)));
    EXPECT_EQ(late.Finish(true).findings()[0].rule, Rule::kLimitTime);
  }
}

TEST(StreamDeadlineTest, OnWhateverThreadItIsFed) {
  int asked = 0;
  CheckOptions options;
  options.keep_going = [&] { return ++asked < 3; };
  StreamScan scan(options);
  bool fed = true;
  for (int i = 0; i < 10 && fed; ++i) {
    std::thread([&] { fed = scan.Feed(AsBytes(kSafetensors).subspan(0, 1)); }).join();
  }
  EXPECT_FALSE(fed);
  EXPECT_EQ(scan.Finish().findings()[0].rule, Rule::kUseCancelled);
}

}  // namespace
}  // namespace tensorgate
