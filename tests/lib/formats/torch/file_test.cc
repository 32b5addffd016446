// The tensors, storages and values of an accepted checkpoint.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/formats/torch/pickle_file.h"
#include "tensorgate/torch.h"
#include "tests/lib/formats/torch/build.h"

namespace tensorgate::torch {
namespace {

using namespace std::string_literals;
using tensorgate::internal::AsBytes;

Rule ReasonOf(const Report& report) {
  EXPECT_FALSE(report.findings().empty());
  return report.findings().empty() ? Rule{} : report.findings()[0].rule;
}

File Opened(const std::string& name) {
  auto file = File::OpenPath(TENSORGATE_CORPUS_DIR "/torch/accept/" + name);
  EXPECT_TRUE(file) << name;
  return std::move(*file);
}

TEST(TorchFileTest, SaysWhereEachTensorIs) {
  const File file = Opened("tensors.pt");
  const ByteRange storage = file.storage(0).range;
  EXPECT_EQ(storage.length, 16u);
  using Sizes = std::vector<std::uint64_t>;
  struct Row {
    const char* name;
    Sizes shape, stride;
    std::uint64_t offset, elements, begin, length;
    bool contiguous = true, requires_grad = false, is_parameter = false;
  };
  const Row rows[] = {
      {"scalar", {}, {}, 3, 1, 12, 4},
      {"ones", {1, 2, 1}, {7, 1, 0}, 1, 2, 4, 8},
      {"apart", {2}, {3}, 0, 2, 0, 16, false},
      {"none", {0, 3}, {3, 1}, 2, 0, 0, 0},
      {"graded", {4}, {1}, 0, 4, 0, 16, true, true},
      {"parameter", {2, 2}, {1, 2}, 0, 4, 0, 16, false, true, true},
      {"keys.-7", {}, {}, 3, 1, 12, 4},
      {"keys.True", {}, {}, 3, 1, 12, 4},
      {"keys.False", {}, {}, 3, 1, 12, 4},
      {"keys.None", {}, {}, 3, 1, 12, 4},
      {"keys.<float 4>", {}, {}, 3, 1, 12, 4},
      {"keys.<tuple 6>", {}, {}, 3, 1, 12, 4},
      {"list.1", {}, {}, 3, 1, 12, 4},
      {"list.2.0", {}, {}, 3, 1, 12, 4},
      {"__dict__.attribute", {}, {}, 3, 1, 12, 4},
  };
  ASSERT_EQ(file.tensor_count(), std::size(rows));
  std::size_t in_turn = 0;
  for (const Tensor& tensor : file.tensors()) EXPECT_EQ(tensor.name, rows[in_turn++].name);
  EXPECT_EQ(in_turn, std::size(rows));
  for (std::size_t i = 0; i < file.tensor_count(); ++i) {
    const Row& row = rows[i];
    const Tensor tensor = file.tensor(i);
    EXPECT_EQ(tensor.name, row.name);
    EXPECT_EQ(file.name(i), row.name);
    EXPECT_EQ(file.Find(row.name), i) << row.name;
    EXPECT_EQ(tensor.dtype_name, "float32");
    EXPECT_EQ(tensor.dtype, DType::kF32);
    EXPECT_EQ(tensor.element_bytes, 4u);
    EXPECT_EQ(tensor.shape, row.shape) << row.name;
    EXPECT_EQ(tensor.stride, row.stride) << row.name;
    EXPECT_EQ(tensor.offset, row.offset) << row.name;
    EXPECT_EQ(tensor.elements(), row.elements) << row.name;
    EXPECT_EQ(tensor.bytes(), 4 * row.elements) << row.name;
    EXPECT_EQ(tensor.storage, 0u) << row.name;
    EXPECT_EQ(tensor.storage_range, storage) << row.name;
    EXPECT_EQ(tensor.range.offset, storage.offset + row.begin) << row.name;
    EXPECT_EQ(tensor.range.length, row.length) << row.name;
    EXPECT_EQ(tensor.contiguous(), row.contiguous) << row.name;
    EXPECT_EQ(tensor.requires_grad, row.requires_grad) << row.name;
    EXPECT_EQ(tensor.is_parameter, row.is_parameter) << row.name;
    EXPECT_FALSE(tensor.expanded()) << row.name;
  }
  EXPECT_EQ(file.Find("list.0"), std::nullopt);
  EXPECT_EQ(file.storage_count(), 1u);
  EXPECT_EQ(file.storage(0).element_bytes, 4u);
  EXPECT_EQ(file.storage(0).location, "cpu");
  EXPECT_EQ(file.location(0), "cpu");
  const Report& report = file.report();
  EXPECT_EQ(report.size(), file.file_size());
  EXPECT_EQ(report.facts()->tensors, std::size(rows));
  EXPECT_EQ(report.facts()->parameters, 22u);
  EXPECT_EQ(report.facts()->data_bytes, 16u);
}

// The reference profile predicts what a loader returns, not the names of tensors: a cycle has no
// names.
TEST(TorchFileTest, NamesTensorsInStrictOnly) {
  const std::string path = TENSORGATE_CORPUS_DIR "/torch/accept/tensors.pt";
  EXPECT_NE(CheckPath(path).facts()->tensors, 0u);
  const Report report = CheckPath(path, {.profile = Profile::kReference});
  EXPECT_EQ(report.verdict(), Verdict::kAccepted);
  EXPECT_EQ(report.facts()->tensors, 0u);
}

TEST(TorchFileTest, WithoutARootNothingIsLookedFor) {
  for (const char* name : {"root-missing.pt", "pickle-missing-empty.pt"}) {
    const Report report = CheckPath(TENSORGATE_CORPUS_DIR "/torch/reject/"s + name);
    EXPECT_EQ(report.findings().size(), 1u) << name;
  }
}

TEST(TorchFileTest, CountsAnUntypedStorageInBytes) {
  const File file = Opened("tensor-untyped.pt");
  ASSERT_EQ(file.storage_count(), 1u);
  EXPECT_EQ(file.storage(0).element_bytes, 1u);
  EXPECT_EQ(file.storage(0).location, "cuda:0");
  EXPECT_EQ(file.storage(0).range.length, 8u);
  const Tensor tensor = file.tensor(0);
  EXPECT_EQ(tensor.dtype, DType::kU16);
  EXPECT_EQ(tensor.dtype_name, "uint16");
  EXPECT_EQ(tensor.range, (ByteRange{tensor.storage_range.offset + 2, 4}));
}

TEST(TorchFileTest, NamesATensorInNoContainer) {
  const File file = Opened("root-tensor.pt");
  ASSERT_EQ(file.tensor_count(), 1u);
  EXPECT_EQ(file.name(0), "tensor");
  EXPECT_EQ(file.ValuesJson(), R"({"tensor":"tensor"})");
}

TEST(TorchFileTest, WritesEveryValueAsJson) {
  EXPECT_EQ(Opened("values.pt").ValuesJson(),
            R"([null,true,false,-5,)"
            R"({"integer":"0x400000000000000000"},{"integer":"0xff7fffffffffffffff"},)"
            R"(1.5,{"float":"inf"},{"float":"nan"},"a\"b",{"bytes":"/w=="},)"
            R"({"bytearray":[{"bytes":"6Q=="}]},{"bytearray":[]},{"set":[1]},)"
            R"({"complex":[1,2]},{"a":2},[2],{"device":["cuda",1]},)"
            R"({"layout":"torch.jagged"},{"qscheme":"torch.per_channel_affine"},)"
            R"({"dtype":"float8_e5m2"},{"tensor":"21"},)"
            R"({"2":null,"True":null,"None":null,"<float 3>":null,"<dtype 4>":null,)"
            R"("__dict__":{"version":1}},{},[]])");
  // Tensors are identified by their names, in every order of containers.
  EXPECT_EQ(Opened("tensors.pt").ValuesJson(),
            R"({"scalar":{"tensor":"scalar"},"ones":{"tensor":"ones"},"apart":{"tensor":"apart"},)"
            R"("none":{"tensor":"none"},"graded":{"tensor":"graded"},)"
            R"("parameter":{"tensor":"parameter"},"keys":{"-7":{"tensor":"keys.-7"},)"
            R"("True":{"tensor":"keys.True"},"False":{"tensor":"keys.False"},)"
            R"("None":{"tensor":"keys.None"},"<float 4>":{"tensor":"keys.<float 4>"},"text":5,)"
            R"("<tuple 6>":{"tensor":"keys.<tuple 6>"}},)"
            R"("list":[null,{"tensor":"list.1"},[{"tensor":"list.2.0"}]],)"
            R"("__dict__":{"attribute":{"tensor":"__dict__.attribute"}}})");
}

// No JSON object has the same key twice, though 1 and "1" are two keys.
TEST(TorchFileTest, WritesKeysThatAreSpelledAlikeAsPairs) {
  EXPECT_EQ(Opened("keys-alike.pt").ValuesJson(),
            R"({"items":[[2,1],["2",{}],[null,[]],["None",null],[true,"a"],["True",["b"]],)"
            R"([0.5,null],["<float 6>",null],[[5,6],null],["w",{"tensor":"w"}],)"
            R"(["o",{"items":[["__dict__",null]],"__dict__":{"version":1}}],)"
            R"(["p",{"items":[[7,null],["7",null]],"__dict__":{"version":1}}]]})");
}

TEST(TorchFileTest, MovesWithItsNames) {
  File file = Opened("tensors.pt");
  const std::string name(file.name(0));
  file = Opened("tensor-untyped.pt");
  EXPECT_EQ(file.name(0), "w");
  File other = Opened("tensors.pt");
  const std::string_view kept = other.name(0);
  file = std::move(other);
  EXPECT_EQ(file.name(0).data(), kept.data());
  EXPECT_EQ(kept, name);
}

// An empty storage has no booleans; the others are counted, each once.
TEST(TorchFileTest, BooleansOfEveryStorage) {
  using testing::torch::View;
  const std::string all =
      testing::torch::Dict({{"none", View{{0}, {1}, 0, 0, 0, "BoolStorage"}.Code()},
                            {"some", View{{3}, {1}, 0, 1, 3, "BoolStorage"}.Code()},
                            {"other", View{{3}, {1}, 0, 2, 3, "ByteStorage"}.Code()}});
  const auto full = [&](const std::string& some) {
    const std::string file = testing::torch::File(all, {"", some, "\2\3\4"});
    return CheckBytes(AsBytes(file), {.scope = Scope::kFull});
  };
  const Report good = full("\0\1\1"s), bad = full("\0\1\2"s);
  EXPECT_EQ(good.verdict(), Verdict::kAccepted);
  EXPECT_EQ(good.scope(), Scope::kFull);
  EXPECT_EQ(bad.findings().size(), good.findings().size() + 1);
  const auto found = std::ranges::find(bad.findings(), Rule::kTensorBoolValue, &Finding::rule);
  ASSERT_NE(found, bad.findings().end());
  EXPECT_EQ(bad.Subject(*found), "some");
  EXPECT_EQ(found->found, 1u);
}

// Paths of lists only: no tensor is in any of them.
TEST(TorchFileTest, PathsOfContainersOnly) {
  const auto judge = [](char levels) {
    // The first list is empty, each other has the one before ten times.
    std::string value = "}(K\xff]q";
    value += '\0';
    for (char i = 0; i < levels; ++i) {
      value += std::string("K") + i + "]q" + static_cast<char>(i + 1) + "(";
      for (int again = 0; again < 10; ++again) value += std::string("h") + i;
      value += 'e';
    }
    value += testing::torch::Text(std::string(32, 'k')) + "h" + levels + "u";
    return CheckBytes(AsBytes(testing::torch::File(value, {})));
  };
  EXPECT_EQ(judge(3).verdict(), Verdict::kAccepted);
  const Report many = judge(6);
  EXPECT_EQ(many.verdict(), Verdict::kRejected);
  EXPECT_EQ(ReasonOf(many), Rule::kTorchNamesExpand);
}

TEST(TorchFileTest, MissingFiles) {
  const auto file = File::OpenPath(TENSORGATE_CORPUS_DIR "/torch/accept/none");
  ASSERT_FALSE(file);
  for (const Report& report : {file.error(), CheckPath(TENSORGATE_CORPUS_DIR "/none")}) {
    EXPECT_EQ(report.verdict(), Verdict::kUndecided);
    EXPECT_EQ(report.format(), "pytorch-zip");
    EXPECT_EQ(ReasonOf(report), Rule::kIoOpenFailed);
  }
  EXPECT_EQ(CheckPath(TENSORGATE_CORPUS_DIR "/torch/accept/views.pt").verdict(),
            Verdict::kAccepted);
}

TEST(TorchFileTest, AnArchiveOfNothing) {
  const std::string end = "PK\5\6"s + std::string(18, '\0');
  const Report report = CheckBytes(AsBytes(end));
  EXPECT_EQ(report.verdict(), Verdict::kRejected);
  EXPECT_EQ(ReasonOf(report), Rule::kTorchPickleMissing);
}

// A caller's source: `read` is its read function, `changed` the answer to CheckUnchanged.
struct Given final : Source {
  std::uint64_t size() const override { return bytes.size(); }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override {
    if (throws) throw 1;
    if (fails) return std::unexpected(Status{.rule = Rule::kIoReadFailed, .offset = offset});
    return tensorgate::internal::CopyBytes(AsBytes(bytes).subspan(static_cast<std::size_t>(offset)),
                                           into);
  }
  Result<void> CheckUnchanged() override {
    if (changed) return std::unexpected(Status{.rule = Rule::kIoChanged});
    return {};
  }
  std::string bytes;
  bool throws = false, fails = false, changed = false;
};

TEST(TorchFileTest, SourcesThatFail) {
  std::ifstream file(TENSORGATE_CORPUS_DIR "/torch/accept/views.pt", std::ios::binary);
  Given source;
  source.bytes.assign(std::istreambuf_iterator<char>(file), {});
  const auto check = [&](Rule rule) {
    for (const Scope scope : {Scope::kStructure, Scope::kFull}) {
      const Report report = Check(source, {.scope = scope});
      EXPECT_EQ(report.verdict(), Verdict::kUndecided);
      EXPECT_EQ(ReasonOf(report), rule);
    }
  };
  EXPECT_EQ(Check(source).verdict(), Verdict::kAccepted);
  source.changed = true;
  check(Rule::kIoChanged);
  source.fails = true;
  check(Rule::kIoReadFailed);
  source.throws = true;
  check(Rule::kIoReadFailed);
}

TEST(TorchFileTest, SourcesOfAPickleThatFail) {
  Given source;
  source.bytes = "\x80\x02N."s;
  EXPECT_EQ(internal::CheckPickle(source, {}).verdict(), Verdict::kAccepted);
  source.changed = true;
  const Report changed = internal::CheckPickle(source, {});
  EXPECT_EQ(changed.verdict(), Verdict::kUndecided);
  EXPECT_EQ(ReasonOf(changed), Rule::kIoChanged);
  EXPECT_EQ(changed.bytes_read(), 4u);
  source.fails = true;
  const Report failed = internal::CheckPickle(source, {});
  EXPECT_EQ(failed.verdict(), Verdict::kUndecided);
  EXPECT_EQ(ReasonOf(failed), Rule::kIoReadFailed);
  EXPECT_EQ(failed.bytes_read(), 0u);
  source.throws = true;
  EXPECT_EQ(ReasonOf(internal::CheckPickle(source, {})), Rule::kIoReadFailed);
}

// HDF5 readers look for their signature at powers of two.
TEST(TorchFileTest, ARecordWithAnHdf5SignatureWhereItsReadersLook) {
  namespace make = testing::torch;
  const make::View view{.shape = {1024}, .stride = {1}, .elements = 1024};
  const std::string value = make::Dict({{"w", view.Code()}});
  const std::string plain = make::File(value, {std::string(4096, '\0')});
  const std::size_t record = plain.find("m/data/0") + 8;
  for (const std::size_t at : {512uz, 1024uz, 768uz}) {
    std::string content(4096, '\0');
    content.replace(at - record, 8, "\x89HDF\r\n\x1a\n");
    const Report report = CheckBytes(AsBytes(make::File(value, {content})));
    if (at == 768) {
      EXPECT_EQ(report.verdict(), Verdict::kAccepted);
      continue;
    }
    ASSERT_EQ(report.verdict(), Verdict::kRejected) << at;
    EXPECT_EQ(ReasonOf(report), Rule::kScanAlsoHdf5);
    EXPECT_EQ(report.findings()[0].offset, at);
  }
}

}  // namespace
}  // namespace tensorgate::torch
