// A wrong file in a model's place: every accident under every model's suffix at every entry point
// has the same verdict, class and sentence.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/formats/layouts.h"
#include "lib/formats/registry.h"
#include "lib/report/writers.h"
#include "lib/rules/impact.h"
#include "tensorgate.h"
#include "tensorgate/checkpoint.h"
#include "tensorgate/convert.h"
#include "tensorgate/render.h"
#include "tensorgate/scan.h"
#include "tensorgate/shards.h"
#include "tensorgate/walk.h"
#include "tests/lib/formats/safetensors/build.h"
#include "tests/lib/temp_folder.h"

namespace tensorgate {
namespace {

using internal::AsBytes;
using namespace std::string_literals;

// What people need to know.
struct Said {
  Verdict verdict;
  std::optional<FileClass> file_class;
  std::optional<Impact> impact;
  std::string rule, sentence;
  bool operator==(const Said&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Said& said) {
  out << Name(said.verdict);
  if (said.file_class) out << ", " << Name(*said.file_class);
  if (said.impact) out << ", " << Name(*said.impact);
  return out << ": " << said.rule << ": " << said.sentence;
}

Said Of(const Report& report) {
  const Finding* const reason = report.reason();
  return {report.verdict(), report.file_class(), report.impact(),
          reason == nullptr ? "" : std::string(Info(reason->rule).id), Message(report)};
}

enum class Where { kEveryName, kEveryModel, kNeverText, kStructured };

struct Accident {
  std::string content;
  Where where;
  Said said;
};

Said NotTheModel(std::string rule, std::string sentence) {
  return {Verdict::kRejected, {}, Impact::kNotTheModel, std::move(rule), std::move(sentence)};
}

Said NotFetched(std::string rule, std::string sentence) {
  return {Verdict::kUnsupported, FileClass::kNotFetched, {}, std::move(rule), std::move(sentence)};
}

std::vector<Accident> Accidents() {
  const Said page = NotTheModel("scan/web-page", "this is a web page (HTML), not a model");
  const auto text = [](std::string_view shown) {
    return NotTheModel("scan/error-text", "this is text, not a model: " + std::string(shown));
  };
  const std::string oid(64, 'a');
  return {
      {"", Where::kEveryModel, NotTheModel("scan/empty-file", "the file is empty")},
      {"<!DOCTYPE html>\n<html><title>Log in</title></html>", Where::kEveryModel, page},
      {"\xef\xbb\xbf\r\n <HTML>" + std::string(9000, ' '), Where::kEveryModel, page},
      {"{\"error\": \"Invalid username\\n or password.\"}", Where::kEveryModel,
       text("{\"error\": \"Invalid username\\\\n or password.\"}")},
      {"{\n  \"message\": \"Not Found\"\n}\n", Where::kEveryModel,
       text("{ \"message\": \"Not Found\" }")},
      {"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>", Where::kEveryModel,
       text("<?xml version=\"1.0\"?> <Error><Code>AccessDenied</Code></Error>")},
      {"Entry not found", Where::kNeverText, text("Entry not found")},
      {"Access to this model is restricted.\n" + std::string(5000, '.'), Where::kNeverText,
       text("Access to this model is restricted. " + std::string(64, '.'))},
      {"[1, 2]", Where::kNeverText, text("[1, 2]")},
      {std::string(1, '\0'), Where::kStructured,
       NotTheModel("scan/zeros", "the first 1 bytes are all zero, so this is not a model")},
      {std::string(100'000, '\0'), Where::kStructured,
       NotTheModel("scan/zeros", "the first 4096 bytes are all zero, so this is not a model")},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:" + oid + "\nsize 12345\n",
       Where::kEveryName,
       NotFetched("scan/pointer", "this is a Git LFS pointer in place of the file")},
      {"# xet version 0\nfilesize = 12345\nhash = '" + oid + "'\n", Where::kEveryName,
       NotFetched("scan/pointer", "this is a Xet pointer in place of the file")},
      {"/annex/objects/SHA256E-s1--" + oid + ".pt\n", Where::kEveryName,
       NotFetched("scan/pointer", "this is a git-annex pointer in place of the file")},
  };
}

std::set<std::string> ModelSuffixes() {
  std::set<std::string> suffixes;
  for (const internal::Format& format : internal::Formats()) {
    if (format.file_class != FileClass::kModel) continue;
    for (const auto each : format.suffixes) suffixes.emplace(each);
    for (const auto each : format.vague_suffixes) suffixes.emplace(each);
  }
  return suffixes;
}

Report Streamed(std::string_view file, std::size_t piece, const std::string& name) {
  StreamScan scan({}, name);
  bool open = true;
  for (std::size_t at = 0; open && at < file.size(); at += piece) {
    open = scan.Feed(AsBytes(file.substr(at, piece)));
  }
  return scan.Finish();
}

class MistakenTest : public testing::FolderTest {
 protected:
  // The report of Scan, which every other entry point shares.
  Said Everywhere(const std::string& content, const std::string& name);
  void C(const std::string& path, const Said& said);
};

void MistakenTest::C(const std::string& path, const Said& said) {
  tensorgate_report* report = tensorgate_check_path(path.c_str(), nullptr);
  tensorgate_finding reason{};
  reason.struct_size = sizeof reason;
  ASSERT_EQ(tensorgate_report_reason(report, &reason), 1) << path;
  EXPECT_EQ(reason.message, said.sentence) << path;
  EXPECT_EQ(reason.rule, said.rule) << path;
  EXPECT_EQ(reason.fix, Info(FindRule(said.rule)->rule).fix) << path;
  EXPECT_EQ(tensorgate_report_impact(report), said.impact ? Name(*said.impact) : "") << path;
  tensorgate_report_free(report);
  tensorgate_error* error = nullptr;
  EXPECT_EQ(tensorgate_open_path(path.c_str(), nullptr, &error), nullptr);
  EXPECT_EQ(tensorgate_error_rule(error), said.rule) << path;
  tensorgate_error_free(error);
}

Said MistakenTest::Everywhere(const std::string& content, const std::string& name) {
  const std::string path = Write(name, content);
  MemorySource source(AsBytes(content));
  const Said said = Of(Scan(source, path));
  EXPECT_EQ(Of(ScanPath(path)), said) << path;
  for (const std::size_t piece : {1uz, 61uz, 4095uz, std::max(content.size(), 1uz)}) {
    EXPECT_EQ(Of(Streamed(content, piece, name)), said) << path << " by " << piece;
  }
  int visits = 0;
  Walk(folder_, {}, [&](FoundFile& file) {
    ++visits;
    EXPECT_EQ(Of(file.Scan()), said) << path;
    return true;
  });
  EXPECT_EQ(visits, 1) << path;
  const auto opened = Checkpoint::OpenPath(path);
  EXPECT_FALSE(opened) << path;
  if (!opened) EXPECT_EQ(Of(opened.error()), said) << path;
  const auto converted = Convert(path, folder_ / "out", {.dry_run = true});
  EXPECT_TRUE(!converted && converted.error().report) << path;
  if (!converted && converted.error().report) EXPECT_EQ(Of(*converted.error().report), said);
  CheckOptions reference;
  reference.profile = Profile::kReference;
  EXPECT_EQ(Of(ScanPath(path, reference)), said) << path;
  C(path, said);
  std::filesystem::remove(path);
  return said;
}

bool Counts(Where where, const std::string& suffix) {
  const std::set<std::string> text = {".model",   ".params", ".data", ".t7",
                                      ".weights", ".pb",     ".plan"};
  switch (where) {
    case Where::kEveryName:
    case Where::kEveryModel:
      return true;
    case Where::kNeverText:
      return !text.contains(suffix);
    case Where::kStructured:
      break;
  }
  return internal::HasStructure("x" + suffix);
}

TEST_F(MistakenTest, EachAccidentUnderEachSuffixAtEachEntryPoint) {
  const std::set<std::string> suffixes = ModelSuffixes();
  EXPECT_GT(suffixes.size(), 40u);
  for (const Accident& accident : Accidents()) {
    int counted = 0;
    for (const std::string& suffix : suffixes) {
      const Said said = Everywhere(accident.content, "x" + suffix);
      if (Counts(accident.where, suffix)) {
        EXPECT_EQ(said, accident.said) << suffix;
        ++counted;
      } else {
        EXPECT_EQ(said.verdict, Verdict::kUnsupported) << suffix << ": " << said;
        EXPECT_EQ(said.file_class, FileClass::kModel) << suffix << ": " << said;
      }
    }
    EXPECT_GT(counted, 15) << accident.said;
    // Without a model's suffix.
    for (const char* name : {"x", "x.txt", "x.json"}) {
      const Said said = Everywhere(accident.content, name);
      if (accident.where == Where::kEveryName) {
        EXPECT_EQ(said, accident.said) << name;
      } else {
        EXPECT_EQ(said.verdict, Verdict::kUnsupported) << name << ": " << said;
        EXPECT_EQ(said.rule, "scan/unsupported") << name;
      }
    }
  }
}

TEST_F(MistakenTest, ZerosUnderPyTorchsNames) {
  const std::string zeros(5000, '\0');
  EXPECT_EQ(Everywhere(zeros, "pytorch_model-00001-of-00002.bin").rule, "scan/zeros");
  EXPECT_EQ(Everywhere(zeros, "openvino_model.bin").verdict, Verdict::kUnsupported);
}

// The suffix does not hide what could do harm.
TEST_F(MistakenTest, UnfinishedDownloads) {
  const std::string whole = testing::SmallFile(), cut = whole.substr(0, whole.size() - 1);
  const std::string pickle =
      "\x80\x02"s
      "cposix\nsystem\nX\x02\0\0\0id\x85R."s;
  for (const std::string end :
       {".incomplete", ".part", ".partial", "-partial", ".crdownload", ".opdownload",
        ".fdmdownload", ".download", ".aria2", ".!qB", ".!ut", ".tmp", ".temp"}) {
    std::string lower = end;
    std::ranges::transform(lower, lower.begin(), internal::FoldCase);
    const Said unfinished =
        NotFetched("scan/unfinished-download",
                   "the end of its name, " + lower + ", marks an unfinished download");
    for (const std::string& content :
         {""s, cut, whole.substr(0, 5), "<html>"s, "PK\3\4"s, "PK\3\4"s + std::string(2000, 'x'),
          std::string(9, '\0'), "GGUF\3\0\0\0"s}) {
      EXPECT_EQ(Everywhere(content, "x.safetensors" + end), unfinished) << content.size();
    }
    EXPECT_EQ(Everywhere(pickle, "x.pt" + end).impact, Impact::kRunsCode) << end;
    EXPECT_EQ(ScanPath(Write("x.safetensors" + end, whole)).verdict(), Verdict::kAccepted) << end;
    std::filesystem::remove(folder_ / ("x.safetensors" + end));
  }
  // Other programs use these suffixes, too.
  EXPECT_EQ(Everywhere("notes", "x.tmp").file_class, FileClass::kOther);
  EXPECT_EQ(Everywhere("notes", "x.incomplete").file_class, FileClass::kNotFetched);
  EXPECT_EQ(internal::UnfinishedSuffix(".tmp"), "");
  EXPECT_EQ(internal::UnfinishedSuffix("a.part/x.pt"), "");
}

TEST_F(MistakenTest, DanglingLinks) {
  const Said said =
      NotFetched("io/link-dangling", "this symbolic link leads to a file that does not exist");
  for (const std::string& suffix : ModelSuffixes()) {
    const std::string path = folder_ / ("x" + suffix);
    for (const char* target : {"nothing", "/nowhere/nothing", "../../blobs/0", "no/thing"}) {
      std::filesystem::create_symlink(target, path);
      EXPECT_EQ(Of(ScanPath(path)), said) << target;
      EXPECT_EQ(Of(Checkpoint::OpenPath(path).error()), said) << target;
      for (const bool follow : {false, true}) {
        Walk(folder_, {.follow_links = follow}, [&](FoundFile& file) {
          EXPECT_EQ(Of(file.Scan()), said) << target;
          return true;
        });
      }
      Walk(path, {}, [&](FoundFile& file) {
        EXPECT_EQ(Of(file.Scan()), said) << target;
        return true;
      });
      C(path, said);
      std::filesystem::remove(path);
    }
  }
  // What is missing without a link was not there at all.
  EXPECT_EQ(Of(ScanPath(folder_ / "x.pt")).rule, "io/open-failed");
}

TEST_F(MistakenTest, AMissingShardBehindALink) {
  Write("model.safetensors.index.json", R"({"metadata":{},"weight_map":{"a":"a.safetensors"}})");
  std::filesystem::create_symlink("nothing", folder_ / "a.safetensors");
  const Report report = CheckCheckpoint(folder_).report;
  EXPECT_EQ(Of(report).rule, "checkpoint/shard-missing");
  EXPECT_EQ(report.impact(), Impact::kDamaged);
}

// The checkpoint's impact is that of its worst shard.
TEST_F(MistakenTest, AShardThatRunsCode) {
  Write("pytorch_model.bin.index.json",
        R"({"metadata":{},"weight_map":{"a":"a.bin","b":"b.bin"}})");
  Write("a.bin",
        "\x80\x02"s
        "cposix\nsystem\n)R.\x80\x02M\xe9\x03."s);
  const Report report = CheckCheckpoint(folder_).report;
  EXPECT_EQ(report.verdict(), Verdict::kRejected);
  EXPECT_EQ(report.impact(), Impact::kRunsCode) << Message(report);
}

TEST_F(MistakenTest, AMalformedShard) {
  Write("model.safetensors.index.json", R"({"metadata":{},"weight_map":{"a":"a.safetensors"}})");
  Write("a.safetensors", "\7\0\0\0\0\0\0\0"s + "{\"a\":1}");
  const Report report = CheckCheckpoint(folder_).report;
  EXPECT_EQ(Of(report).rule, "checkpoint/shard-rejected");
  EXPECT_EQ(report.impact(), Impact::kMalformed) << Message(report);
}

TEST_F(MistakenTest, APickleInSafetensorsPlace) {
  const std::string pickle =
      "\x80\x02"s
      "cposix\nsystem\nX\x02\0\0\0id\x85R."s;
  const Report report = ScanPath(Write("x.safetensors", pickle));
  EXPECT_EQ(Of(report).rule, "safetensors/foreign-format");
  EXPECT_EQ(report.impact(), Impact::kRunsCode);
}

TEST_F(MistakenTest, OtherLayoutsAreNamedWithTheirTools) {
  struct Example {
    std::vector<std::string> files;
    std::string_view named, tool;
  };
  const std::vector<Example> examples = {
      {{".metadata", "__0_0.distcp"}, "distributed checkpoint", "dcp_to_torch"},
      {{"mp_rank_00_model_states.pt"}, "DeepSpeed", "zero_to_fp32"},
      {{"latest", "zero_to_fp32.py"}, "DeepSpeed", "zero_to_fp32"},
      {{"bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt"}, "DeepSpeed", "zero_to_fp32"},
      {{"saved_model.pb"}, "TensorFlow saved model", "tf.saved_model.load"},
      {{"variables.data-00000-of-00001"}, "TensorFlow saved model", "safetensors.tensorflow"},
      {{"bert_model.ckpt.index"}, "TensorFlow checkpoint", "tf.train.load_checkpoint"},
      {{"model.ckpt-100.meta"}, "TensorFlow checkpoint", "tf.train.load_checkpoint"},
      {{"flax_model.msgpack"}, "Flax", "from_flax=True"},
      {{"tf_model.h5"}, "TensorFlow weights", "from_tf=True"},
      {{"consolidated.00.pth", "params.json"}, "Meta's", "convert_llama_weights_to_hf.py"},
      {{"consolidated.safetensors"}, "Mistral's", "pass the file itself"},
      {{"model.fp16.safetensors"}, "half-precision", "pass the file itself"},
      {{"pytorch_model.fp16.bin"}, "half-precision", "pass the file itself"},
  };
  for (const Example& example : examples) {
    for (const std::string& file : example.files) Write(file, "\1\2\3\xff");
    const Report report = CheckCheckpoint(folder_).report;
    EXPECT_EQ(Of(report).rule, "checkpoint/other-layout");
    EXPECT_EQ(report.impact(), Impact::kNotTheModel);
    EXPECT_TRUE(Message(report).contains(example.named)) << Message(report);
    EXPECT_TRUE(Message(report).contains(example.tool)) << Message(report);
    EXPECT_FALSE(Message(report).ends_with("...")) << Message(report);
    for (const std::string& file : example.files) std::filesystem::remove(folder_ / file);
  }
  EXPECT_EQ(Of(CheckCheckpoint(folder_).report).rule, "checkpoint/index-missing");
  // A file by itself, whatever the verdict.
  const Said part = Of(ScanPath(Write("__0_0.distcp", "\1\2\3\xff")));
  EXPECT_EQ(part.rule, "scan/other-layout");
  EXPECT_EQ(part.file_class, FileClass::kModel);
  EXPECT_TRUE(part.sentence.contains("dcp_to_torch"));
  const Report states = ScanPath(Write("mp_rank_00_model_states.pt", "\x80\x04N."));
  EXPECT_EQ(states.verdict(), Verdict::kRejected);
  EXPECT_TRUE(std::ranges::count(states.findings(), Rule::kScanLayout, &Finding::rule) == 1);
  EXPECT_TRUE(std::ranges::is_sorted(states.findings(), {}, &Finding::rule));
}

// ---- Impact.

Impact ImpactOfName(std::string_view name) {
  return *internal::ImpactOf(Rule::kPickleGlobalOutside, name);
}

TEST(ImpactTest, OfNames) {
  for (const char* name :
       {"posix.system", "nt.system", "builtins.eval", "__builtin__.exec", "subprocess.Popen",
        "functools.partial", "numpy.os.system", "numpy.load", "torch.load", "pandas.read_pickle",
        "mine.eval_all", "os.path.join", "collections.OrderedDict.x"}) {
    EXPECT_EQ(ImpactOfName(name), Impact::kRunsCode) << name;
  }
  for (const char* name : {"argparse.Namespace", "collections.defaultdict", "mine.Model", "Model",
                           "numpy.core.multiarray._reconstruct", ""}) {
    EXPECT_EQ(ImpactOfName(name), Impact::kForeignClasses) << name;
  }
}

// Every rule that rejects has one; the others have none.
TEST(ImpactTest, OfEachRule) {
  for (const RuleInfo& info : AllRules()) {
    const bool rejects = info.effect == Effect::kReport &&
                         (info.strict == Level::kError || info.reference == Level::kError);
    const std::string_view area = info.id.substr(0, info.id.find('/'));
    if (area == "save" || area == "convert" || area == "use") {
      EXPECT_FALSE(ImpactOf(info.rule)) << info.id;
    } else {
      EXPECT_EQ(ImpactOf(info.rule).has_value(), rejects) << info.id;
    }
  }
  EXPECT_EQ(ImpactOf(Rule::kScanAlsoPickle), Impact::kRunsCode);
  EXPECT_EQ(ImpactOf(Rule::kStOffsetsOverlap), Impact::kMalformed);
  EXPECT_EQ(ImpactOf(Rule::kStDataPastEnd), Impact::kDamaged);
}

TEST(ImpactTest, Words) {
  std::set<std::string_view> names, words;
  for (int i = 0; i < 5; ++i) {
    names.insert(Name(static_cast<Impact>(i)));
    words.insert(Words(static_cast<Impact>(i)));
  }
  EXPECT_EQ(names.size(), 5u);
  EXPECT_EQ(words.size(), 5u);
  EXPECT_EQ(Name(Impact::kDamaged), "damaged");
  EXPECT_EQ(Words(Impact::kDamaged), "damaged or incomplete");
}

// The summary lists the worst first, then the commonest.
TEST_F(MistakenTest, TheSummaryIsInOrderOfImpact) {
  const auto writer = internal::ReportFormats().front().make();
  internal::ReportTotals totals;
  writer->Begin({});
  for (const auto& [name, content] : std::vector<std::pair<std::string, std::string>>{
           {"a.pt", ""},
           {"b.pt", ""},
           {"c.pt", "<html>"},
           {"d.safetensors", testing::SmallFile().substr(0, 60)},
           {"e.pkl",
            "\x80\x02"s
            "cposix\nsystem\nX\x02\0\0\0id\x85R."s},
           {"f.pkl",
            "\x80\x02"s
            "cmine\nModel\n)R."s}}) {
    const Report report = ScanPath(Write(name, content));
    totals.Add(report);
    const std::string text = writer->Add(name, report, {});
    EXPECT_TRUE(text.contains(Words(*report.impact()))) << text;
  }
  const std::string end = writer->End(totals);
  EXPECT_TRUE(
      end.contains("6 rejected (1 runs code, 1 foreign classes, 1 damaged or incomplete, "
                   "3 not the model)"))
      << end;
  std::size_t at = 0;
  for (const char* next : {"(runs code)\n", "(foreign classes)\n", "(damaged or incomplete)\n",
                           "scan/empty-file", "scan/web-page"}) {
    const std::size_t found = end.find(next, at);
    ASSERT_NE(found, end.npos) << next << end;
    at = found;
  }
}

}  // namespace
}  // namespace tensorgate
