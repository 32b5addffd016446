// Running out of memory at the 1st, 2nd, 3rd … allocation is a report, never a crash or an
// exception; and the memory that an open file keeps.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "lib/checkpoint/shelf.h"
#include "lib/checkpoint/strided.h"
#include "lib/checkpoint/to_save.h"
#include "lib/checkpoint/torch_storages.h"
#include "lib/formats/torch/pickle_file.h"
#include "lib/rules/report_builder.h"
#include "lib/source/walk.h"
#include "tensorgate.h"
#include "tensorgate/checkpoint.h"
#include "tensorgate/convert.h"
#include "tensorgate/render.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/save.h"
#include "tensorgate/scan.h"
#include "tensorgate/shards.h"
#include "tensorgate/torch.h"
#include "tests/lib/formats/safetensors/build.h"
#include "tests/lib/formats/torch/build.h"
#include "tests/lib/temp_folder.h"

namespace {
// Negative: never fails.
std::atomic<long> fail_after = -1;
std::atomic<bool> fail_on = false;  // all later ones fail, too
bool Fails() {
  const bool fails = fail_after >= 0 && fail_after-- == 0;
  if (!fails) return false;
  if (fail_on) fail_after = 0;
  errno = ENOMEM;
  return true;
}

// Bytes of the blocks that this thread has allocated and not freed.
thread_local long live = 0;
void* Taken(void* block) {
  live += static_cast<long>(malloc_usable_size(block));
  return block;
}
}  // namespace

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void __libc_free(void*);
void* malloc(std::size_t size) { return Fails() ? nullptr : Taken(__libc_malloc(size)); }
void* calloc(std::size_t count, std::size_t size) {
  return Fails() ? nullptr : Taken(__libc_calloc(count, size));
}
void* realloc(void* block, std::size_t size) {
  if (Fails()) return nullptr;
  const std::size_t before = malloc_usable_size(block);
  void* moved = __libc_realloc(block, size);
  if (moved == nullptr) return nullptr;
  live -= static_cast<long>(before);
  return Taken(moved);
}
void free(void* block) {
  live -= static_cast<long>(malloc_usable_size(block));
  __libc_free(block);
}
}

namespace tensorgate::safetensors {
namespace {

using testing::AsBytes;
using testing::BuildFile;
using testing::TempFolder;
using testing::TensorEntry;

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Rich() {
  std::string header = "{\"__metadata__\":{\"a\":\"b\",\"\\u0063\":\"\\n\"}";
  for (int i = 0; i < 40; ++i)
    header += "," + TensorEntry("t\\u0041" + std::to_string(i), "U8", "2", 78 - 2 * i, 80 - 2 * i);
  return BuildFile(header + "}", 80);
}

// Text that may be a pickle: a stream of it is spooled and examined before its end.
std::string LongText() {
  std::string text = "(";
  for (int i = 0; i < 30'000; ++i) text += "I1\n";
  return text;
}

// A summary of a report that needs no copy.
struct Outcome {
  Verdict verdict;
  bool has_findings;
  Rule first;
};
Outcome OutcomeOf(const Report& report) {
  const auto findings = report.findings();
  return {report.verdict(), !findings.empty(), findings.empty() ? Rule{} : findings[0].rule};
}

// Fails one allocation after the other until `body` succeeds; returns their number. A buffer that
// could not be shrunk stays as it is: such a failure changes nothing.
template <typename Body>
int FailEach(const Body& body) {
  const Outcome expected = body();
  for (int i = 0; i < 10'000; ++i) {
    fail_after = i;
    const Outcome outcome = body();
    const bool failed = fail_after < 0;
    fail_after = -1;
    if (outcome.verdict != expected.verdict) {
      EXPECT_EQ(outcome.verdict, Verdict::kUndecided) << i;
      EXPECT_TRUE(outcome.has_findings && outcome.first == Rule::kIoOutOfMemory) << i;
    }
    if (!failed) return i;
  }
  ADD_FAILURE() << "never got through";
  return 0;
}

TEST(MemoryTest, EveryAllocationMayFail) {
  const std::string good = Rich();
  std::string bad = good;
  bad[bad.find("\"U8\"") + 1] = 'X';
  std::string overlapping = good;
  overlapping[overlapping.find("[78,80]") + 2] = '7';
  for (const std::string& file : {good, bad, overlapping}) {
    const int count = FailEach([&] { return OutcomeOf(CheckBytes(AsBytes(file))); });
    EXPECT_GT(count, 5);
    FailEach([&] {
      const auto opened = File::OpenBytes(AsBytes(file));
      return OutcomeOf(opened ? opened->report() : opened.error());
    });
    FailEach([&] {
      StreamCheck stream;
      stream.Feed(AsBytes(file));
      return OutcomeOf(stream.Finish());
    });
  }
  const std::string none = "/no/such/file";
  FailEach([&] { return OutcomeOf(CheckPath(none)); });
}

TEST(MemoryTest, EveryAllocationOfAScanMayFail) {
  const std::string good = Rich();
  std::string bad = good;
  bad[bad.find("\"U8\"") + 1] = 'X';
  for (const std::string& file : {good, bad, std::string("GGUF and more"), std::string("text"),
                                  std::string("GGUF") + std::string(9000, '\0'), LongText()}) {
    FailEach([&] {
      MemorySource source(AsBytes(file));
      return OutcomeOf(Scan(source, "x"));
    });
    FailEach([&] { return OutcomeOf(ScanFailure(Status{.rule = Rule::kIoOutOfMemory})); });
    FailEach([&] {
      StreamScan stream;
      stream.Feed(AsBytes(file));
      return OutcomeOf(stream.Finish());
    });
    FailEach([&] {
      tensorgate_report* report = tensorgate_check_memory(file.data(), file.size(), nullptr);
      const auto verdict = static_cast<Verdict>(tensorgate_report_verdict(report));
      const bool undecided = verdict == Verdict::kUndecided;
      tensorgate_report_free(report);
      return Outcome{verdict, undecided, Rule::kIoOutOfMemory};
    });
  }
  int refused = 0;
  FailEach([&] {
    tensorgate_stream* stream = tensorgate_stream_create("x.gguf", nullptr);
    refused += stream == nullptr ? 1 : 0;
    tensorgate_stream_feed(stream, good.data(), good.size());
    tensorgate_report* report = tensorgate_stream_finish(stream, 1);
    const auto verdict = static_cast<Verdict>(tensorgate_report_verdict(report));
    tensorgate_report_free(report);
    return Outcome{verdict, verdict == Verdict::kUndecided, Rule::kIoOutOfMemory};
  });
  EXPECT_GT(refused, 0);
}

TEST(MemoryTest, EveryAllocationOfACheckpointMayFail) {
  for (const char* name : {"accept/name-nested", "accept/legacy-plain", "reject/record-missing",
                           "reject/legacy-count", "reject/name-ambiguous"}) {
    const std::string file = Content(TENSORGATE_CORPUS_DIR "/torch/" + std::string(name) + ".pt");
    ASSERT_FALSE(file.empty()) << name;
    const int count = FailEach([&] { return OutcomeOf(torch::CheckBytes(AsBytes(file))); });
    EXPECT_GT(count, 10);
    FailEach([&] {
      const auto opened = torch::File::OpenBytes(AsBytes(file));
      return OutcomeOf(opened ? opened->report() : opened.error());
    });
    FailEach([&] {
      StreamScan stream;
      stream.Feed(AsBytes(file));
      return OutcomeOf(stream.Finish());
    });
  }
}

TEST(MemoryTest, EveryAllocationForAPickleMayFail) {
  const std::string pickle = Content(TENSORGATE_CORPUS_DIR "/pickle/reject/bare-storage.pkl");
  FailEach([&] {
    MemorySource source(AsBytes(pickle));
    return OutcomeOf(torch::internal::CheckPickle(source, {}));
  });
  FailEach([&] { return OutcomeOf(torch::CheckPath("none")); });
  bool parsed = false;
  int i = 0;
  for (; !parsed; ++i) {
    fail_after = i;
    const auto list = TrustList::Parse("argparse.Namespace newobj() build(dict)");
    fail_after = -1;
    parsed = list.has_value();
    if (!parsed) EXPECT_EQ(list.error().line, 0u);
  }
  EXPECT_GT(i, 1);
}

// Texts requested by C: without memory for the message of a finding, it is the summary of its rule.
TEST(MemoryTest, EveryAllocationOfATextForCMayFail) {
  std::string file = Rich();
  file[file.find("\"U8\"") + 1] = 'X';
  bool summary = false;
  for (int i = 0; i < 1000; ++i) {
    tensorgate_report* report = tensorgate_check_memory(file.data(), file.size(), nullptr);
    tensorgate_finding finding;
    finding.struct_size = sizeof finding;
    fail_after = i;
    const int found = tensorgate_report_finding(report, 0, &finding);
    const std::string_view text = tensorgate_report_text(report);
    const std::string_view json = tensorgate_report_json(report);
    const bool failed = fail_after < 0;
    fail_after = -1;
    ASSERT_EQ(found, 1);
    const bool reported = std::string_view(finding.message).contains("unknown dtype X8");
    EXPECT_TRUE(reported || Info(Rule::kStDtypeUnknown).summary == finding.message)
        << finding.message;
    summary |= !reported;
    EXPECT_TRUE(text.empty() || text.ends_with('\n')) << i;
    EXPECT_TRUE(json.empty() || json.ends_with('}')) << i;
    // If it is requested again with memory, the message is there.
    EXPECT_EQ(tensorgate_report_finding(report, 0, &finding), 1);
    EXPECT_TRUE(std::string_view(finding.message).contains("unknown dtype X8"));
    tensorgate_report_free(report);
    if (!failed) {
      EXPECT_TRUE(summary);
      return;
    }
  }
  ADD_FAILURE() << "never got through";
}

// Refused, with a tensor that can be taken.
constexpr const char* kExtractable = TENSORGATE_CORPUS_DIR "/torch/reject/legacy-proto-version.pt";

// Opening, reading and writing through C: everything, or an error that has a text even without
// memory for it.
TEST(MemoryTest, EveryAllocationOfACallFromCMayFail) {
  const std::string file = Rich();
  const std::string path = std::filesystem::temp_directory_path() / "tensorgate-memory-saved";
  std::filesystem::remove(path);
  const auto reported = [](bool done, tensorgate_error* error) {
    Outcome outcome{done ? Verdict::kAccepted : Verdict::kUndecided, !done, Rule::kIoOutOfMemory};
    EXPECT_EQ(error == nullptr, done);
    if (!done) {
      EXPECT_STREQ(tensorgate_error_rule(error), "io/out-of-memory");
      EXPECT_NE(*tensorgate_error_text(error), '\0');
    }
    tensorgate_error_free(error);
    return outcome;
  };
  EXPECT_GT(FailEach([&] {
              tensorgate_error* error = nullptr;
              auto* model = tensorgate_open_memory(file.data(), file.size(), nullptr, &error);
              const bool opened = model != nullptr;
              tensorgate_checkpoint_free(model);
              return reported(opened, error);
            }),
            5);
  EXPECT_GT(FailEach([&] {
              tensorgate_error* error = nullptr;
              tensorgate_extraction* extraction = nullptr;
              auto* tensors = tensorgate_extract_path(kExtractable, nullptr, &extraction, &error);
              const bool opened = tensors != nullptr;
              EXPECT_EQ(extraction != nullptr, opened);
              tensorgate_extraction_free(extraction);
              tensorgate_checkpoint_free(tensors);
              return reported(opened, error);
            }),
            10);
  const std::string list = "argparse.Namespace newobj() build(dict)";
  EXPECT_GT(FailEach([&] {
              tensorgate_error* error = nullptr;
              auto* trusted = tensorgate_trust_list_parse(list.data(), list.size(), &error);
              const bool parsed = trusted != nullptr;
              tensorgate_trust_list_free(trusted);
              return reported(parsed, error);
            }),
            1);
  auto* model = tensorgate_open_memory(file.data(), file.size(), nullptr, nullptr);
  ASSERT_NE(model, nullptr);
  EXPECT_GT(FailEach([&] {
              tensorgate_error* error = nullptr;
              auto* loaded = tensorgate_load(model, nullptr, 0, nullptr, &error);
              const bool done = loaded != nullptr;
              tensorgate_loaded_free(loaded);
              return reported(done, error);
            }),
            5);
  EXPECT_GT(FailEach([&] {
              tensorgate_error* error = nullptr;
              std::byte two[2];
              const tensorgate_destination into{0, two, sizeof two};
              const bool done = tensorgate_read_many(model, &into, 1, nullptr, &error) != 0;
              return reported(done, error);
            }),
            1);
  EXPECT_GT(FailEach([&] {
              tensorgate_error* error = nullptr;
              tensorgate_save_options options{};
              options.struct_size = sizeof options;
              options.no_sync = 1;
              auto* writer = tensorgate_writer_create(path.c_str(), &options, &error);
              const bool done =
                  writer != nullptr &&
                  tensorgate_writer_add_from(writer, {"name", 4}, model, 3, &error) != 0 &&
                  tensorgate_writer_finish(writer, &error) != 0;
              tensorgate_writer_free(writer);
              return reported(done, error);
            }),
            5);
  EXPECT_TRUE(CheckPath(path).verdict() == Verdict::kAccepted);
  std::filesystem::remove(path);
  tensorgate_checkpoint_free(model);
}

// If there is no memory for the error either, the returned error is static: it can be used after it
// is freed.
TEST(MemoryTest, AnErrorNeedsNoMemory) {
  const std::string file = Rich();
  for (int i = 0; i < 1000; ++i) {
    tensorgate_error* error = nullptr;
    fail_on = true;
    fail_after = i;
    auto* model = tensorgate_open_memory(file.data(), file.size(), nullptr, &error);
    fail_after = -1;
    fail_on = false;
    if (model != nullptr) {
      EXPECT_GT(i, 5);
      return tensorgate_checkpoint_free(model);
    }
    ASSERT_NE(error, nullptr);
    for (int times = 0; times < 2; ++times) {
      EXPECT_STREQ(tensorgate_error_rule(error), "io/out-of-memory");
      EXPECT_EQ(tensorgate_error_text(error), Info(Rule::kIoOutOfMemory).summary);
      EXPECT_EQ(tensorgate_error_report(error), nullptr);
      tensorgate_error_free(error);
    }
  }
  ADD_FAILURE() << "never got through";
}

// An index, its shards, and other files next to them.
TEST(MemoryTest, EveryAllocationOfACheckpointOfShardsMayFail) {
  const TempFolder temp;
  const std::string folder = temp.path();
  const std::string index = R"({"metadata":{"total_size":1,"x":[{"y":1}]},"weight_map":{)"
                            R"("\u0061":"a-name-that-is-too-long-for-a-short-string.safetensors",)"
                            R"("b":"b.safetensors"}})";
  const auto write = [&](const std::string& name, const std::string& content) {
    std::ofstream(folder + "/" + name, std::ios::binary) << content;
  };
  write("model.safetensors.index.json", index);
  write("a-name-that-is-too-long-for-a-short-string.safetensors",
        BuildFile("{" + TensorEntry("a", "U8", "2", 0, 2) + "}", 2));
  write("unused.safetensors", "");
  // If memory ran out for one shard, the whole report names that shard.
  const auto outcome = [](const Report& report) {
    Outcome reported = OutcomeOf(report);
    if (reported.has_findings && reported.first == Rule::kCpShardUndecided) {
      EXPECT_EQ(report.FoundText(report.findings()[0]), "io/out-of-memory");
      reported.first = Rule::kIoOutOfMemory;
    }
    return reported;
  };
  for (const char* other :
       {"b", "a"}) {  // accepted; a tensor is not in the shard that the index names
    write("b.safetensors", BuildFile("{" + TensorEntry(other, "U8", "2", 0, 2) + "}", 2));
    EXPECT_GT(FailEach([&] { return outcome(CheckCheckpoint(folder).report); }), 20);
    FailEach([&] {
      const auto opened = Checkpoint::OpenPath(folder);
      return outcome(opened ? opened->report() : opened.error());
    });
  }
}

// A walk reports it by an exception. If only listing a folder fails, that is reported.
TEST(MemoryTest, EveryAllocationOfAWalkMayFail) {
  const TempFolder temp;
  const std::string folder = temp.path();
  const std::string file = folder + "/a-name-that-is-too-long-for-a-short-string";
  ASSERT_NE(std::fclose(std::fopen(file.c_str(), "w")), EOF);
  int reported = 0, thrown = 0;
  bool through = false;
  for (int i = 0; i < 1000 && !through; ++i) {
    bool good = false;
    const tensorgate::internal::Visit visit = [&](const std::string&, int,
                                                  const Result<std::unique_ptr<Source>>& opened) {
      good |= opened.has_value();
      reported += !opened;
      return true;
    };
    fail_after = i;
    try {
      tensorgate::internal::Walk(folder, {}, visit);
      through = fail_after >= 0;
      fail_after = -1;
      EXPECT_EQ(good, through);
    } catch (const std::bad_alloc&) {
      fail_after = -1;
      ++thrown;
    }
  }
  EXPECT_TRUE(through);
  EXPECT_GT(reported, 0);
  EXPECT_GT(thrown, 0);
}

TEST(MemoryTest, EveryAllocationOfAReadMayFail) {
  const std::string file = Rich();
  const auto whole = Checkpoint::OpenBytes(AsBytes(file));
  ASSERT_TRUE(whole);
  const auto reported = [](const auto& result) {
    return result ? Outcome{Verdict::kAccepted, false, Rule{}}
                  : Outcome{Verdict::kUndecided, true, result.error().rule};
  };
  EXPECT_GT(FailEach([&] {
              const auto opened = Checkpoint::OpenBytes(AsBytes(file));
              return OutcomeOf(opened ? opened->report() : opened.error());
            }),
            5);
  const std::string path = "/no/such/file";
  FailEach([&] { return OutcomeOf(Checkpoint::OpenPath(path).error()); });
  const std::size_t which[] = {3, 4, 7};
  const Subscript odd[] = {Subscript::Range({}, {}, -1)};
  LoadOptions options;
  options.threads = 3;
  EXPECT_GT(FailEach([&] { return reported(whole->tensor(3)); }), 0);
  EXPECT_GT(FailEach([&] { return reported(whole->Read(3)); }), 2);
  EXPECT_GT(FailEach([&] { return reported(whole->Load(which, options)); }), 5);
  EXPECT_GT(FailEach([&] { return reported(whole->LoadAll(options)); }), 5);
  EXPECT_GT(FailEach([&] { return reported(whole->PlanSlice(3, odd)); }), 3);
  EXPECT_GT(FailEach([&] { return reported(whole->ReadSlice(3, odd)); }), 5);
}

// Overlapping views that are read together; and a shelf that is read again after a failure.
TEST(MemoryTest, EveryAllocationForStridedTensorsMayFail) {
  using testing::torch::View;
  const View wide{.shape = {40, 300}, .stride = {1100, 1}, .elements = 50'000};
  tensorgate::testing::torch::Items items;
  for (int i = 0; i < 12; ++i) {
    View view = wide;
    view.shape = {40, 2};
    view.offset = static_cast<std::uint64_t>(i) * 2;
    view.stride = {1100, 1};
    items.emplace_back(std::to_string(i), view.Code());
  }
  std::string storage(200'000, '\0');
  for (std::size_t i = 0; i < storage.size(); ++i) storage[i] = static_cast<char>(i * i / 7);
  const std::string file = testing::torch::File(testing::torch::Dict(items), {storage});
  const auto whole = Checkpoint::OpenBytes(AsBytes(file));
  ASSERT_TRUE(whole);
  const auto reported = [](const auto& result) {
    return result ? Outcome{Verdict::kAccepted, false, Rule{}}
                  : Outcome{Verdict::kUndecided, true, result.error().rule};
  };
  EXPECT_GT(FailEach([&] { return reported(whole->LoadAll({.threads = 1})); }), 20);
  const auto& data = tensorgate::internal::CheckpointData::Of(*whole);
  std::vector<TensorRef> tensors;
  for (std::size_t i = 0; i < whole->tensor_count(); ++i) tensors.push_back(*whole->tensor(i));
  std::optional<tensorgate::internal::Shelf> shelf;
  std::vector<std::byte> bytes(tensors.size() * 320), expected;
  const Result<Loaded> all = whole->LoadAll();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    std::ranges::copy(all->bytes(i), std::back_inserter(expected));
  }
  // Also in small steps, whose memory comes from malloc.
  constexpr tensorgate::internal::ReorderLimits kSmall{
      .block = 50'000, .segment = 2000, .buckets = 2000, .bucket = 200};
  bool small = false;
  const auto read_all = [&]() -> Outcome {
    try {
      if (!shelf) {
        shelf.emplace(data, 0, tensors, nullptr,
                      small ? kSmall : tensorgate::internal::ReorderLimits());
      }
      const Result<void> read = ReadFully(*shelf, 0, bytes);
      // A read that failed for lack of memory succeeds the next time.
      if (!read) return reported(read);
      EXPECT_TRUE(bytes == expected);
      shelf.reset();
      return reported(read);
    } catch (const std::bad_alloc&) {
      return {Verdict::kUndecided, true, Rule::kIoOutOfMemory};
    }
  };
  EXPECT_GT(FailEach(read_all), 20);
  small = true;
  EXPECT_GT(FailEach(read_all), 20);
  // Each by itself.
  EXPECT_GT(FailEach([&]() -> Outcome {
              try {
                tensorgate::internal::StridedReader reader(data, tensors[1]);
                const Result<void> read = reader.Read(0, std::span(bytes).first(320));
                if (read) {
                  EXPECT_TRUE(std::ranges::equal(std::span(bytes).first(320),
                                                 std::span(expected).subspan(320, 320)));
                }
                return reported(read);
              } catch (const std::bad_alloc&) {
                return {Verdict::kUndecided, true, Rule::kIoOutOfMemory};
              }
            }),
            3);
}

// If threads cannot be started, the work is done without them.
TEST(MemoryTest, EveryAllocationOfASavingMayFail) {
  const auto reported = [](const auto& result) {
    return result ? Outcome{Verdict::kAccepted, false, Rule{}}
                  : Outcome{Verdict::kUndecided, true, result.error().rule};
  };
  const std::vector<std::byte> bytes(1000);
  std::vector<TensorData> tensors;
  for (int i = 0; i < 10; ++i) {
    tensors.push_back({.name = "a tensor with a long name, number " + std::to_string(i),
                       .shape = {10, 100},
                       .data = std::span<const std::byte>(bytes)});
  }
  SaveOptions options;
  options.metadata = Metadata{{"key", "value"}};
  options.sync = false;
  EXPECT_GT(FailEach([&] { return reported(Serialize(tensors, options)); }), 10);
  const TempFolder temp;
  const std::string folder = temp.path();
  const std::string path = folder + "/model.safetensors";
  EXPECT_GT(FailEach([&] { return reported(Save(path, tensors, options)); }), 10);
  options.max_shard_bytes = 3000;
  EXPECT_GT(FailEach([&] { return reported(Save(path, tensors, options)); }), 10);
  const std::vector<tensorgate::ShardData> shards = {
      {"one", {tensors[0]}, {}}, {"sub/two", {tensors[1]}, Metadata{{"key", "value"}}}};
  const std::string out = folder + "/out", index = "index";
  EXPECT_GT(FailEach([&] {
              const Result<void> saved = SaveShards(out, index, shards, options);
              const long armed = fail_after.exchange(-1);
              // New folders are removed after a failure.
              EXPECT_EQ(std::filesystem::exists(out), saved.has_value());
              std::filesystem::remove_all(out);
              fail_after = armed;
              return reported(saved);
            }),
            10);
}

TEST(MemoryTest, EveryAllocationOfAConversionMayFail) {
  using testing::torch::View;
  const View floats{.shape = {4}, .stride = {1}, .elements = 4};
  const View turned{.shape = {2, 2}, .stride = {1, 2}, .elements = 4};
  const std::string file = testing::torch::File(
      testing::torch::Dict({{"a", floats.Code()}, {"b", turned.Code()}, {"c", turned.Code()}}),
      {"0123456789abcdef"});
  const TempFolder temp;
  const std::string folder = temp.path(), in = folder + "/in/pytorch_model.bin";
  std::filesystem::create_directory(folder + "/in");
  std::ofstream(in, std::ios::binary) << file;
  const std::string index = in + ".index.json", from = folder + "/in", out = folder + "/out";
  const auto convert = [&](bool verify) {
    const auto converted = Convert(from, out, {.verify = verify, .sync = false});
    const long armed = fail_after.exchange(-1);
    // The written file stays if reading it back fails.
    if (!verify) EXPECT_EQ(std::filesystem::exists(out), converted.has_value());
    std::filesystem::remove_all(out);
    Outcome outcome{Verdict::kAccepted, false, Rule{}};
    if (!converted) {
      const ConvertError& error = converted.error();
      outcome = {Verdict::kUndecided, true, error.status.rule};
      if (error.report) outcome = OutcomeOf(*error.report);
      if (outcome.first == Rule::kCpShardUndecided) outcome.first = Rule::kIoOutOfMemory;
    }
    fail_after = armed;
    return outcome;
  };
  for (const bool sharded : {false, true}) {
    if (sharded) {
      std::ofstream(index) << R"({"metadata":{},"weight_map":{"a":"pytorch_model.bin",)"
                           << R"("b":"pytorch_model.bin","c":"pytorch_model.bin"}})";
    }
    for (const bool verify : {false, true})
      EXPECT_GT(FailEach([&] { return convert(verify); }), 20);
  }
  EXPECT_GT(FailEach([&] {
              const auto storages = tensorgate::internal::OpenStorages(AsBytes(file));
              return OutcomeOf(storages ? storages->report() : storages.error());
            }),
            10);
  const auto checkpoint = Checkpoint::OpenBytes(AsBytes(file));
  ASSERT_TRUE(checkpoint);
  EXPECT_GT(FailEach([&] {
              try {
                const auto contents = tensorgate::internal::ToSaveOf(*checkpoint);
                if (contents) return Outcome{Verdict::kAccepted, false, Rule{}};
                return Outcome{Verdict::kUndecided, true, contents.error().rule};
              } catch (const std::bad_alloc&) {
                return Outcome{Verdict::kUndecided, true, Rule::kIoOutOfMemory};
              }
            }),
            5);
}

TEST(MemoryTest, EveryAllocationOfAParallelReadMayFail) {
  constexpr std::size_t kData = 20'000'000;
  const std::string file =
      BuildFile("{" + TensorEntry("a", "U8", std::to_string(kData), 0, kData) + "}", kData);
  const auto checkpoint = Checkpoint::OpenBytes(AsBytes(file));
  ASSERT_TRUE(checkpoint);
  std::string into(kData, 1);
  const Destination destination[] = {{0, std::as_writable_bytes(std::span(into))}};
  LoadOptions options;
  options.threads = 2;
  options.block = 1 << 20;
  FailEach([&] {
    const Result<void> read = checkpoint->LoadInto(destination, options);
    if (!read) return Outcome{Verdict::kUndecided, true, read.error().rule};
    EXPECT_EQ(into.find_first_not_of('\0'), into.npos);
    std::ranges::fill(into, 1);
    return Outcome{Verdict::kAccepted, false, Rule{}};
  });
}

// Text that cannot be rendered is empty, never truncated.
TEST(MemoryTest, EveryAllocationOfARenderingMayFail) {
  std::string file = Rich();
  file[file.find("\"U8\"") + 1] = 'X';
  const Report report = CheckBytes(AsBytes(file));
  const auto fail_each = [](const auto& render) {
    const std::string expected = render();
    ASSERT_FALSE(expected.empty());
    for (int i = 0; i < 10'000; ++i) {
      fail_after = i;
      const std::string text = render();
      const bool failed = fail_after < 0;
      fail_after = -1;
      if (failed) {
        ASSERT_TRUE(text.empty() || text == expected) << i;
      } else {
        ASSERT_EQ(text, expected);
      }
      if (!failed) return;
    }
    ADD_FAILURE() << "never got through";
  };
  fail_each([&] { return RenderJson("path/of/a/file.safetensors", report); });
  fail_each([&] { return RenderText("path/of/a/file.safetensors", report, {.verbose = true}); });
  fail_each([&] { return Message(report, report.findings()[0]); });
  fail_each([&] { return Message(Status{.rule = Rule::kUseBadSlice, .found = 3}); });
  fail_each([&] { return EscapeForText(std::string_view(file).substr(0, 100), 1000); });
  const Status status{.rule = Rule::kIoOpenFailed, .system_error = 2};
  fail_each([&] { return Message(status); });
  fail_each([&] { return QuoteJson(std::string_view(file).substr(0, 100)); });
  const Report accepted = ReportBuilder({}, "x").Finish();
  fail_each([&] { return Message(accepted); });
  fail_each([&] { return GroupDigits(12'345'678'901'234'567'890u); });
}

// In addition to the header's bytes, a file keeps at most 0.6 times as many for real headers, 1.5
// times in the worst case.
double Kept(const std::string& header, std::size_t data) {
  std::string file = BuildFile(header, data);
  const long before = live;
  auto opened = File::OpenBytes(AsBytes(file));
  EXPECT_TRUE(opened);
  const auto kept = static_cast<double>(live - before);
  constexpr double kFixed = 2048;  // kept for a file of any size
  return (kept - kFixed - static_cast<double>(header.size())) / static_cast<double>(header.size());
}

TEST(MemoryTest, AnOpenFileKeepsLittle) {
  for (const int count : {300, 3000, 100'000}) {
    std::string real = "{\"__metadata__\":{\"format\":\"pt\"}", minimal = "{",
                metadata = "{\"__metadata__\":{";
    for (int i = 0; i < count; ++i) {
      const std::string n = std::to_string(i);
      real += "," + TensorEntry("model.layers." + n + ".self_attn.q_proj.weight", "BF16",
                                "4096,4096", 0, 0);
      // No data: the shape has a 0 in place of its last number.
      real.replace(real.rfind("4096]"), 4, "   0");
      minimal += (i ? "," : "") + TensorEntry(n, "U8", "0", 0, 0);
      metadata += (i ? ",\"" : "\"") + n + "\":\"\"";
    }
    EXPECT_LE(Kept(real + "}", 0), 0.6) << count;
    EXPECT_LE(Kept(minimal + "}", 0), 1.5) << count;
    EXPECT_LE(Kept(metadata + "}}", 0), 1.5) << count;
  }
}

}  // namespace
}  // namespace tensorgate::safetensors
