// The details of findings about the container, archives that are not checkpoints, and the number of
// bytes read.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "lib/base/bytes.h"
#include "tests/lib/containers/zip/check.h"

namespace tensorgate {
namespace {

using namespace std::string_literals;

// "rule at offset: found, allowed", one per line.
std::string Reported(const Report& report) {
  std::string all;
  for (const Finding& finding : report.findings()) {
    all.append(Info(finding.rule).id).append(" at ").append(std::to_string(finding.offset));
    if (finding.has_found) all.append(": ").append(std::to_string(finding.found));
    if (finding.has_allowed) all.append(", ").append(std::to_string(finding.allowed));
    all.append("\n");
  }
  return all;
}

std::string Reported(std::string_view bytes) {
  MemorySource source(internal::AsBytes(bytes));
  return Reported(testing::CheckZip(source));
}

// Nothing else is reported.
TEST(ZipReaderTest, FindingsReportWhatWasFound) {
  const struct {
    const char* file;
    const char* reported;
  } cases[] = {
      {"comment-archive", "zip/comment at 429: 6\n"},
      {"comment-member", "zip/comment at 242: 1\n"},
      {"data-past-end", "zip/data-past-end at 86: 291, 210\n"},
      {"data-past-end-name", "zip/data-past-end at 86: 65714, 210\n"},
      {"data-past-end-near", "zip/data-past-end at 318: 211, 210\n"},
      {"data-past-end-offset", "zip/data-past-end at 318: 1073741940, 210\n"},
      {"descriptor-crc", "zip/checksums-differ at 194: 0, 1432854225\n"},
      {"descriptor-mismatch", "zip/descriptor-mismatch at 194: 3, 2\n"},
      {"descriptor-missing", "zip/descriptor-missing at 194: 0\n"},
      {"descriptor-missing-cut", "zip/descriptor-missing at 70: 8\n"},
      {"descriptor-missing-signature", "zip/descriptor-missing at 70: 16\n"},
      {"directory-gap", "zip/directory-gap at 333: 6\n"},
      {"directory-leftover", "zip/directory-leftover at 333: 60\n"},
      {"directory-range-count", "zip/directory-range at 333: 200, 2\n"},
      {"directory-range-wraps", "zip/directory-range at 333: 2, 401016175515425034\n"},
      {"end-missing", "zip/end-missing at 333: 333\n"},
      {"entry-past-end", "zip/entry-past-end at 272: 17, 16\n"},
      {"extra-unknown-two", "zip/extra-unknown at 272: 28789\n"},
      {"gap", "zip/gap at 86: 6\n"},
      {"gap-last", "zip/gap at 210: 100\n"},
      {"gap-narrow", "zip/gap at 210: 8\n"},
      {"gap-undescribed", "zip/gap at 70: 6\n"},
      {"local-flags", "zip/local-mismatch at 4: 8, 2056\n"},
      {"local-method", "zip/local-mismatch at 4: 8, 0\n"},
      {"local-sizes", "zip/local-sizes at 14: 0, 6\n"},
      {"local-crc", "zip/checksums-differ at 14: 1, 3305279986\n"},
      {"local-sizes-packed", "zip/local-sizes at 14: 0, 6\n"},
      {"local-sizes-wide-empty", "zip/local-zip64 at 14: 0\n"},
      {"local-sizes-wide-packed", "zip/local-sizes at 14: 7, 6\n"},
      {"local-sizes-wide-superfluous", "zip/local-zip64 at 14: 8\n"},
      {"descriptor-wide-half", "zip/local-zip64 at 100: 4\n"},
      {"descriptor-wide-other", "zip/local-sizes at 100: 1, 2\n"},
      {"local-sizes-unpacked", "zip/local-sizes at 14: 7, 6\n"},
      {"local-time", "zip/local-mismatch at 4: 24576, 0\n"},
      {"name-duplicate-thrice", "zip/name-duplicate at 639: 516\nzip/name-duplicate at 701: 516\n"},
      {"overlap-nested", "zip/overlap at 70: 70, 146\nzip/gap at 146: 16\n"},
      {"prefix", "zip/prefix at 0: 25\n"},
      {"sizes-differ", "zip/sizes-differ at 230: 6, 7\n"},
      {"trailing-bytes", "zip/trailing-bytes at 431: 1\n"},
      {"version-46", "zip/version at 216: 46, 45\n"},
      {"zip64-end-elsewhere", "zip/zip64-end at 389: 86, 333\n"},
      {"zip64-size", "zip/zip64-size at 337: 45, 44\n"},
  };
  for (const auto& [file, reported] : cases) {
    Result<FileSource> source =
        FileSource::Open(TENSORGATE_CORPUS_DIR "/zip/reject/"s + file + ".pt");
    ASSERT_TRUE(source) << file;
    EXPECT_EQ(Reported(testing::CheckZip(*source)), reported) << file;
  }
}

// In each folder of the corpus, everything passes or fails as it should. Checksums are tested
// elsewhere.
TEST(ZipReaderTest, EveryFileOfTheCorpus) {
  for (const std::string folder : {"accept", "reject"}) {
    int files = 0;
    for (const auto& file :
         std::filesystem::directory_iterator(TENSORGATE_CORPUS_DIR "/zip/" + folder)) {
      if (file.path().stem() == "crc-mismatch") continue;
      Result<FileSource> source = FileSource::Open(file.path().string());
      ASSERT_TRUE(source) << file.path();
      const std::string reported = Reported(testing::CheckZip(*source));
      EXPECT_EQ(reported.empty(), folder == "accept") << file.path() << reported;
      ++files;
    }
    EXPECT_GT(files, 30) << folder;
  }
}

TEST(ZipReaderTest, ArchivesWithoutMembers) {
  const std::string end = "PK\5\6"s + std::string(18, '\0');
  EXPECT_EQ(Reported(end), "");
  EXPECT_EQ(Reported(end.substr(1)), "zip/end-missing at 21: 21\n");
  // The directory is stated to be empty, and to start where the end record does.
  std::string after = "hidden" + end;
  after[6 + 16] = 6;
  EXPECT_EQ(Reported(after), "zip/prefix at 0: 6\n");
}

// Thirty bytes of local header up to the directory, and no contents.
TEST(ZipReaderTest, TheSmallestMember) {
  std::string end = "PK\5\6"s + std::string(18, '\0');
  end[8] = end[10] = 1;
  end[12] = 46;
  end[16] = 30;
  EXPECT_EQ(Reported("PK\3\4" + std::string(26, '\0') + "PK\1\2" + std::string(42, '\0') + end),
            "zip/name-unsafe at 76\n");
}

TEST(ZipReaderTest, AfterTheEndNothingIsNeeded) {
  ReportBuilder builder({}, "zip");
  zip::internal::Archive archive;
  zip::internal::Reader reader(builder, archive);
  reader.Begin(0);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(reader.Next().into.empty());
    EXPECT_FALSE(reader.usable());
    reader.Filled(0);
  }
  EXPECT_EQ(Reported(builder.Finish()), "zip/end-missing at 0: 0\n");
}

TEST(ZipReaderTest, TheListIsLimited) {
  CheckOptions options;
  for (const std::uint64_t most : {122, 123}) {
    Result<FileSource> file = FileSource::Open(TENSORGATE_CORPUS_DIR "/zip/accept/plain.pt");
    ASSERT_TRUE(file);
    options.limits.header_bytes = most;
    EXPECT_EQ(Reported(testing::CheckZip(*file, options)),
              most == 123 ? "" : "limit/header-bytes at 210: 123, 122\n");
  }
}

// Bytes between members are reported, not read.
TEST(ZipReaderTest, GapsAreNotRead) {
  Result<FileSource> file = FileSource::Open(TENSORGATE_CORPUS_DIR "/zip/reject/gap-far.pt");
  ASSERT_TRUE(file);
  const Report report = testing::CheckZip(*file);
  EXPECT_EQ(report.findings()[0].rule, Rule::kZipGap);
  EXPECT_LT(report.bytes_read(), 2000u);
}

}  // namespace
}  // namespace tensorgate
