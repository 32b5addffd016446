// One entry point: whatever a file of the corpus is given to, it gets the same verdict, the same
// first rule and the same format name.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <expected>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include "lib/checkpoint/torch_storages.h"
#include "lib/formats/registry.h"
#include "lib/scan/judge.h"
#include "tensorgate.h"
#include "tensorgate/checkpoint.h"
#include "tensorgate/convert.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/scan.h"
#include "tensorgate/shards.h"
#include "tensorgate/walk.h"
#include "tests/lib/formats/safetensors/build.h"
#include "tests/lib/temp_folder.h"

namespace tensorgate {
namespace {

using testing::AsBytes;

// The result of every entry point for a file.
struct Said {
  std::string verdict, rule, format;
  bool operator==(const Said&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Said& said) {
  return out << said.verdict << ' ' << said.format << ' ' << said.rule;
}

Said Of(const Report& report) {
  const auto findings = report.findings();
  return {std::string(Name(report.verdict())),
          findings.empty() ? "" : std::string(Info(findings[0].rule).id),
          std::string(report.format())};
}

Said Of(const tensorgate_report* report) {
  constexpr const char* kVerdicts[] = {"accepted", "rejected", "undecided", "unsupported"};
  tensorgate_finding finding{};
  finding.struct_size = sizeof finding;
  const bool any = tensorgate_report_finding(report, 0, &finding) != 0;
  return {kVerdicts[tensorgate_report_verdict(report)], any ? finding.rule : "",
          tensorgate_report_format(report)};
}

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

// An accepted file that cannot be used is refused by a rule that says so; any other result is that
// of Scan.
void ExpectRefusedAlike(const Said& refused, const Said& scanned, const std::string& about) {
  if (scanned.verdict != "accepted") {
    EXPECT_EQ(refused, scanned) << about;
    return;
  }
  EXPECT_TRUE(refused.rule.starts_with("use/")) << about << ": " << refused;
  EXPECT_EQ(refused.format, scanned.format) << about;
}

void ExpectOpenedAlike(const std::expected<Checkpoint, Report>& opened, const Said& scanned,
                       const std::string& about) {
  if (!opened) return ExpectRefusedAlike(Of(opened.error()), scanned, about);
  EXPECT_EQ(Of(opened->report()), scanned) << about;
}

Report Streamed(std::string_view file, std::size_t piece, const std::string& name,
                const CheckOptions& options) {
  StreamScan scan(options, name);
  bool open = true;
  for (std::size_t at = 0; open && at < file.size(); at += piece) {
    open = scan.Feed(AsBytes(file.substr(at, piece)));
  }
  return scan.Finish();
}

class EveryDoorTest : public testing::FolderTest {
 protected:
  void Memory(std::string_view file, const std::string& name, const CheckOptions& options,
              const std::string& about);
  void Path(const std::string& path, const CheckOptions& options);
  void C(const std::string& path, const Said& scanned);
  void Converted(const std::string& path, const Said& scanned, const CheckOptions& options);
  int opened_ = 0, used_ = 0;
};

// Bytes, with or without a name for its suffix.
void EveryDoorTest::Memory(std::string_view file, const std::string& name,
                           const CheckOptions& options, const std::string& about) {
  MemorySource source(AsBytes(file));
  const Said scanned = Of(Scan(source, name, options));
  for (const std::size_t piece : {61uz, std::max(file.size(), 1uz)}) {
    Said streamed = Of(Streamed(file, piece, name, options));
    // The type of an archive is only known at its end, which is not reached if a limit ends the
    // stream.
    if (streamed.rule == "limit/file-bytes" && streamed.format == "zip") {
      EXPECT_EQ(internal::FindFormat(scanned.format)->packing, internal::Packing::kZip) << about;
      streamed.format = scanned.format;
    }
    EXPECT_EQ(streamed, scanned) << about << " by " << piece;
  }
  EXPECT_EQ(Of(internal::JudgeToOpen(source, name, options).report), scanned) << about;
  if (!name.empty()) return;
  ExpectOpenedAlike(Checkpoint::OpenBytes(AsBytes(file), options), scanned, about);
  ExpectOpenedAlike(Checkpoint::Open(std::make_unique<MemorySource>(AsBytes(file)), options),
                    scanned, about);
  ExpectOpenedAlike(internal::OpenStorages(AsBytes(file), options), scanned, about);
  tensorgate_report* report = tensorgate_check_memory(file.data(), file.size(), nullptr);
  const CheckOptions usual;
  EXPECT_EQ(Of(report), Of(Scan(source, {}, usual))) << about;
  tensorgate_report_free(report);
  // The narrow check judges everything as safetensors.
  report = tensorgate_check_safetensors_memory(file.data(), file.size(), nullptr);
  EXPECT_EQ(Of(report), Of(safetensors::CheckBytes(AsBytes(file), usual))) << about;
  tensorgate_report_free(report);
}

void EveryDoorTest::C(const std::string& path, const Said& scanned) {
  tensorgate_report* report = tensorgate_check_path(path.c_str(), nullptr);
  EXPECT_EQ(Of(report), scanned) << path;
  tensorgate_report_free(report);
  tensorgate_error* error = nullptr;
  tensorgate_checkpoint* checkpoint = tensorgate_open_path(path.c_str(), nullptr, &error);
  if (checkpoint == nullptr) {
    ExpectRefusedAlike(Of(tensorgate_error_report(error)), scanned, path);
  } else {
    report = tensorgate_checkpoint_report(checkpoint);
    EXPECT_EQ(Of(report), scanned) << path;
    tensorgate_report_free(report);
  }
  tensorgate_checkpoint_free(checkpoint);
  tensorgate_error_free(error);
}

void EveryDoorTest::Converted(const std::string& path, const Said& scanned,
                              const CheckOptions& options) {
  const auto converted = Convert(path, folder_ / "out", {.check = options, .dry_run = true});
  if (converted) {
    EXPECT_EQ(scanned.verdict, "accepted") << path;
    return;
  }
  const ConvertError& error = converted.error();
  EXPECT_EQ(error.report.has_value(), scanned.verdict != "accepted") << path;
  if (error.report) {
    EXPECT_EQ(Of(*error.report), scanned) << path;
  } else {
    const std::string_view rule = Info(error.status.rule).id;
    EXPECT_TRUE(rule.starts_with("use/") || rule.starts_with("convert/")) << path << ' ' << rule;
    ++used_;
  }
}

// A file or an index.
void EveryDoorTest::Path(const std::string& path, const CheckOptions& options) {
  const Said scanned = Of(ScanPath(path, options));
  const auto opened = Checkpoint::OpenPath(path, options);
  opened_ += opened.has_value();
  ExpectOpenedAlike(opened, scanned, path);
  Converted(path, scanned, options);
  C(path, Of(ScanPath(path)));
  if (IsNamedIndex(path)) return;
  ExpectOpenedAlike(internal::OpenStorages(path, options), scanned, path);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(descriptor, 0);
  Result<FileSource> source = FileSource::FromDescriptor(descriptor);
  ASSERT_TRUE(source);
  ExpectOpenedAlike(Checkpoint::OpenDescriptor(descriptor, options), Of(Scan(*source, {}, options)),
                    path);
  ::close(descriptor);
}

TEST_F(EveryDoorTest, EveryFileOfTheCorpus) {
  const boost::json::value manifest =
      boost::json::parse(Content(TENSORGATE_CORPUS_DIR "/manifest.json"));
  int files = 0, folders = 0;
  for (const boost::json::value& entry : manifest.at("entries").as_array()) {
    CheckOptions options;
    for (const auto& limit : entry.at("limits").as_object()) {
      const auto* named =
          std::ranges::find(kLimits, std::string_view(limit.key()), &LimitInfo::name);
      options.limits.*named->member = limit.value().to_number<std::uint64_t>();
    }
    const std::string path = TENSORGATE_CORPUS_DIR "/" + std::string(entry.at("path").as_string());
    const boost::json::value* parts = entry.as_object().if_contains("files");
    if (parts != nullptr) {
      ++folders;
      for (const boost::json::value& part : parts->as_array()) {
        const std::string file =
            TENSORGATE_CORPUS_DIR "/" + std::string(part.at("path").as_string());
        if (IsNamedIndex(file)) Path(file, options);
      }
      const Said folder = Of(CheckCheckpoint(path, options).report);
      ExpectOpenedAlike(Checkpoint::OpenPath(path, options), folder, path);
      continue;
    }
    ++files;
    Path(path, options);
    if (entry.at("size").to_number<std::uint64_t>() > 2'000'000) continue;
    const std::string file = Content(path);
    Memory(file, path, options, path);
    Memory(file, {}, options, path + " without its name");
  }
  EXPECT_GT(files, 1000);
  EXPECT_GT(folders, 50);
  EXPECT_GT(opened_, 300);
  EXPECT_GT(used_, 100);
}

// A walk over the corpus gives for each file the result of scanning its path, and for an index that
// of all its shards.
TEST_F(EveryDoorTest, AWalk) {
  int files = 0, indexes = 0;
  const bool whole = Walk(TENSORGATE_CORPUS_DIR, {}, [&](FoundFile& file) {
    EXPECT_FALSE(file.named()) << file.path();
    EXPECT_EQ(Of(file.Scan()), Of(ScanPath(file.path()))) << file.path();
    ++files;
    indexes += IsNamedIndex(file.path());
    return true;
  });
  EXPECT_TRUE(whole);
  EXPECT_GT(files, 1000);
  EXPECT_GT(indexes, 50);
}

TEST_F(EveryDoorTest, AWalkOfOneFile) {
  const std::string path = folder_ / "x.safetensors";
  EXPECT_TRUE(Walk(path, {}, [&](FoundFile& file) {
    EXPECT_TRUE(file.named());
    EXPECT_EQ(Of(file.Scan()), Of(ScanPath(path)));
    return true;
  }));
  std::ofstream(path, std::ios::binary) << testing::SmallFile();
  int visits = 0;
  const auto visit = [&](FoundFile& file) {
    // Bytes may come from a caller's source.
    std::size_t reads = 0;
    CallbackSource counted((*file.source())->size(),
                           [&](std::uint64_t offset, std::span<std::byte> into) {
                             ++reads;
                             return (*file.source())->Read(offset, into);
                           });
    EXPECT_EQ(Of(file.Scan(counted)), Of(ScanPath(path)));
    EXPECT_GT(reads, 0u);
    return ++visits < 2;
  };
  EXPECT_TRUE(Walk(path, {}, visit));
  EXPECT_FALSE(Walk(folder_, {}, visit));
}

TEST_F(EveryDoorTest, AnOpenIndex) {
  const std::string path =
      TENSORGATE_CORPUS_DIR "/checkpoint/accept/format-same/model.safetensors.index.json";
  Result<FileSource> index = FileSource::Open(path);
  ASSERT_TRUE(index);
  const Said said = Of(CheckCheckpoint(path).report);
  EXPECT_EQ(said.verdict, "accepted");
  EXPECT_EQ(Of(CheckIndex(*index, path, -1).report), said);
  const int folder = ::open(std::filesystem::path(path).parent_path().c_str(), O_RDONLY);
  EXPECT_EQ(Of(CheckIndex(*index, "elsewhere/model.safetensors.index.json", folder).report), said);
  ::close(folder);
  EXPECT_EQ(Of(CheckIndex(*index, "none/model.safetensors.index.json", -1).report).rule,
            "io/open-failed");
  EXPECT_EQ(Of(CheckIndex(*index, path, -2).report), said);
  // A name that no index has: the shards are those of safetensors.
  const std::string unnamed = std::filesystem::path(path).parent_path() / "list";
  EXPECT_EQ(Of(CheckIndex(*index, unnamed, -1).report), said);
}

// The suffix of every format with the beginning of every format.
TEST_F(EveryDoorTest, EverySuffixOnEveryFormat) {
  std::set<std::string> suffixes = {""};
  for (const internal::Format& format : internal::Formats()) {
    for (const auto each : format.suffixes) suffixes.emplace(each);
    for (const auto each : format.vague_suffixes) suffixes.emplace(each);
  }
  EXPECT_GT(suffixes.size(), 50u);
  std::set<std::string> recognised;
  const auto try_all = [&](const std::string& file) {
    for (const std::string& suffix : suffixes) {
      const std::string path = folder_ / ("x" + suffix);
      std::ofstream(path, std::ios::binary) << file;
      Path(path, {});
      Memory(file, path, {}, path);
      recognised.insert(Of(ScanPath(path)).format);
      std::filesystem::remove(path);
    }
  };
  for (const internal::Format& format : internal::Formats()) {
    for (const internal::Signature& mark : format.signatures) {
      try_all(std::string(mark.offset, '\1') + std::string(mark.bytes) + std::string(500, '\1'));
    }
  }
  using namespace std::string_literals;
  for (const std::string& file :
       {testing::SmallFile(), ""s, "\x80\x02}X\x01\x00\x00\x00\x61K\x01s."s, "(lp0\nI1\na."s,
        "\x80\x04\x8c\x13joblib.numpy_pickle."s, "PK\3\4"s + std::string(60, '\0'),
        "PK\5\6"s + std::string(18, '\0'), "PK\7\10PK\3\4"s + std::string(60, '\0'),
        "\x89HDF\r\n\x1a\n"s, std::string(512, '\0') + "\x89HDF\r\n\x1a\n keras_version", "{}"s,
        "<html></html>"s, "<?xml?>"s, "hello\n"s,
        "\x08\x07\x12\x04"s
        "abcd\x3a\x01x"s,
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"s,
        std::string(100, '\xfe'), "\x78\x9c\x03\x00\x00\x00\x00\x01"s}) {
    try_all(file);
  }
  EXPECT_GT(recognised.size(), 25u);
}

// The properties of formats that other code relies on.
TEST(RegistryTest, EachRowIsWhole) {
  std::set<std::string_view> names;
  for (const internal::Format& format : internal::Formats()) {
    EXPECT_TRUE(names.insert(format.name).second) << format.name;
    EXPECT_EQ(internal::FindFormat(format.name), &format);
    EXPECT_FALSE(format.words.empty());
    EXPECT_TRUE(format.recognize != nullptr || format.holds != nullptr ||
                !format.signatures.empty())
        << format.name;
    // For an archive the directory decides: its parser needs the whole file.
    if (format.packing == internal::Packing::kZip) {
      EXPECT_NE(format.holds, nullptr) << format.name;
    }
    const bool whole = format.examine != nullptr && format.holds == nullptr;
    EXPECT_TRUE(!whole || format.stream != internal::StreamMode::kHead) << format.name;
    for (const auto list : {format.suffixes, format.vague_suffixes}) {
      for (const std::string_view suffix : list) {
        EXPECT_TRUE(suffix.starts_with('.')) << suffix;
        EXPECT_EQ(internal::IsNamedAsModel(suffix), format.file_class == FileClass::kModel)
            << suffix;
      }
    }
  }
  EXPECT_EQ(internal::FindFormat("gone"), nullptr);
  EXPECT_EQ(internal::FindShards("safetensors-checkpoint"), &internal::SafetensorsFormat());
  EXPECT_EQ(internal::FindShards("safetensors"), nullptr);
}

TEST(RegistryTest, SuffixesThatPromiseSomethingElse) {
  using internal::NamesOther;
  EXPECT_TRUE(NamesOther("safetensors", "a/b.PT"));
  EXPECT_TRUE(NamesOther("safetensors", "b.npy"));
  EXPECT_TRUE(NamesOther("pickle", "b.json"));
  EXPECT_TRUE(NamesOther("pytorch-legacy", "b.gguf"));
  EXPECT_FALSE(NamesOther("pickle", "b.pt"));
  EXPECT_FALSE(NamesOther("pytorch-zip", "b.joblib"));
  EXPECT_FALSE(NamesOther("pytorch-zip", "b.zip"));  // suggests no format
  EXPECT_FALSE(NamesOther("safetensors", "b.model"));
  EXPECT_FALSE(NamesOther("safetensors", "b"));
  EXPECT_FALSE(NamesOther("gguf", "b.npy"));  // has no parser
  EXPECT_FALSE(NamesOther("safetensors-checkpoint", "b.json"));
}

}  // namespace
}  // namespace tensorgate
