// The promises of every verified format, for the row of the registry that TENSORGATE_FUZZ_FORMAT
// names. The report does not depend on how the source splits its reads; the strict profile accepts
// nothing that the reference refuses; tighter limits never accept more; tensors are inside the
// file, in the order of their data, and disjoint unless they may share bytes; each name is found;
// an accepted file is refused if its end is cut off; and no other loader takes it for its own
// format.
#include <algorithm>

#include "fuzz/support.h"
#include "lib/formats/registry.h"
#include "lib/rules/report_builder.h"
#include "lib/second_readings/second_readings.h"
#include "tensorgate/scan.h"

using namespace tensorgate;

namespace {

const internal::Format& Row() {
  static const internal::Format* const row = internal::FindFormat(TENSORGATE_FUZZ_FORMAT);
  FUZZ_ASSERT(row != nullptr && row->examine != nullptr);
  return *row;
}

Report Examine(Source& source, const CheckOptions& options, internal::OpenedFile* opened) {
  Report report = Row().examine(source, options, opened);
  fuzz::CheckContract(report, source.size());
  return report;
}

Report Examine(std::span<const std::byte> bytes, const CheckOptions& options = {},
               internal::OpenedFile* opened = nullptr) {
  MemorySource source(bytes);
  return Examine(source, options, opened);
}

bool IsAccepted(const Report& report) { return report.verdict() == Verdict::kAccepted; }

CheckOptions Tight(fuzz::Choices& choices, std::uint64_t size) {
  CheckOptions options;
  for (const LimitInfo& limit : kLimits) {
    if (choices.Below(2) == 0) options.limits.*limit.member = choices.Below(2 * size + 1);
  }
  options.max_findings = static_cast<std::uint32_t>(1 + choices.Below(3));
  return options;
}

// Checks that keys are lower-case; the texts may be anything.
class KeyCheck final : public Describer {
 public:
  void Add(std::string_view key, std::uint64_t, std::string_view) override { Check(key); }
  void Add(std::string_view key, bool, std::string_view) override { Check(key); }
  void Add(std::string_view key, std::string_view, std::string_view) override { Check(key); }
  void AddJson(std::string_view key, std::string_view json, std::string_view) override {
    Check(key);
    FUZZ_ASSERT(!json.empty());
  }

 private:
  static void Check(std::string_view key) {
    FUZZ_ASSERT(!key.empty() && std::ranges::all_of(key, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }));
  }
};

void CheckTensor(const ModelFile& file, std::size_t index, std::uint64_t size) {
  const TensorRef tensor = file.tensor(index);
  FUZZ_ASSERT(tensor.name == file.name(index) && file.Find(tensor.name) == index);
  FUZZ_ASSERT(tensor.part == 0 && tensor.shape.size() <= kMaxRank);
  FUZZ_ASSERT(tensor.stride.empty() || tensor.stride.size() == tensor.shape.size());
  FUZZ_ASSERT(tensor.range.offset <= size && tensor.range.length <= size - tensor.range.offset);
  if (tensor.stride.empty()) FUZZ_ASSERT(tensor.bytes() == tensor.range.length);
  KeyCheck keys;
  file.DescribeTensor(index, keys);
}

void CheckModel(const ModelFile& file, std::uint64_t size) {
  std::uint64_t begin = 0, end = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(file.tensor_count(), 1000); ++i) {
    CheckTensor(file, i, size);
    const ByteRange range = file.tensor(i).range;
    FUZZ_ASSERT(range.offset >= (file.shares_bytes() ? begin : end));
    begin = range.offset;
    end = range.offset + range.length;
  }
  // Each lookup may be linear.
  for (std::size_t i = 0; i < std::min<std::size_t>(file.metadata_count(), 100); ++i) {
    FUZZ_ASSERT(file.FindMetadata(file.metadata(i).key) == file.metadata(i).value);
  }
  KeyCheck keys;
  file.Describe(keys);
  if (const auto structure = file.structure()) FUZZ_ASSERT(!structure->json.empty());
}

// No second readings: a format that forgot to check for them fails here.
void CheckReadings(std::span<const std::byte> bytes, const internal::Format& format) {
  using internal::Family;
  const internal::Packing packing = format.packing;
  const Family family = packing == internal::Packing::kZip      ? Family::kZip
                        : packing == internal::Packing::kPickle ? Family::kPickle
                                                                : Family::kOther;
  ReportBuilder builder({}, format.name);
  MemorySource source(bytes);
  internal::AddSecondReadings(family, source, builder);
  FUZZ_ASSERT(!builder.HasError());
}

void CheckAccepted(std::span<const std::byte> bytes, fuzz::Choices& choices) {
  for (int i = 0; i < 4 && !bytes.empty(); ++i) {
    const std::uint64_t cut = i == 0 ? bytes.size() - 1 : choices.Below(bytes.size());
    FUZZ_ASSERT(!IsAccepted(Examine(bytes.first(static_cast<std::size_t>(cut)))));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::Bytes(data, size);
  fuzz::Choices choices(bytes);
  const Report strict = Examine(bytes);
  const Report reference = Examine(bytes, {.profile = Profile::kReference});
  for (const Report* whole : {&strict, &reference}) {
    CallbackSource pieces = fuzz::InPieces(bytes, choices);
    const Report report = Examine(pieces, {.profile = whole->profile()}, nullptr);
    FUZZ_ASSERT(fuzz::Fingerprint(report) == fuzz::Fingerprint(*whole));
  }
  if (IsAccepted(strict)) FUZZ_ASSERT(IsAccepted(reference));

  const CheckOptions tight = Tight(choices, size);
  const Report limited = Examine(bytes, tight);
  FUZZ_ASSERT(limited.findings().size() <= tight.max_findings);
  if (IsAccepted(limited)) FUZZ_ASSERT(IsAccepted(strict));
  if (IsAccepted(strict)) FUZZ_ASSERT(limited.verdict() != Verdict::kRejected);

  // However the file is detected, no entry point accepts more.
  MemorySource source(bytes);
  const Report scanned = Scan(source, "x");
  if (IsAccepted(scanned) && scanned.format() == strict.format()) FUZZ_ASSERT(IsAccepted(strict));

  internal::OpenedFile file;
  FUZZ_ASSERT(fuzz::Fingerprint(Examine(bytes, {}, &file)) == fuzz::Fingerprint(strict));
  FUZZ_ASSERT(file == nullptr || IsAccepted(strict));
  if (file != nullptr) CheckModel(*file, size);
  if (IsAccepted(strict)) {
    // If two rows share one examination, it may be the other row.
    const internal::Format* format = internal::FindFormat(strict.format());
    FUZZ_ASSERT(format != nullptr);
    CheckReadings(bytes, *format);
    CheckAccepted(bytes, choices);
  }
  return 0;
}
