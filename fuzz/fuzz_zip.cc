// Only the container: the report does not depend on how the bytes are split; a second reader finds
// the same contents in an accepted archive, its members are adjacent, and no two have the same
// name.
#include <algorithm>
#include <cctype>
#include <set>

#include "fuzz/support.h"
#include "fuzz/zip_naive.h"
#include "lib/containers/zip/reader.h"
#include "lib/source/drive.h"

using namespace tensorgate;

namespace {

struct Read {
  Report report;
  zip::internal::Archive archive;
  bool usable = false;
};

Read ReadZip(Source& source, const CheckOptions& options) {
  ReportBuilder builder(options, "pytorch-zip");
  builder.SetSize(source.size());
  Read read;
  zip::internal::Reader reader(builder, read.archive);
  reader.Begin(source.size());
  const auto driven = internal::Drive(reader, source);
  FUZZ_ASSERT(driven.has_value());
  read.usable = reader.usable();
  read.report = builder.Finish();
  return read;
}

// Whatever else was found, a reader may rely on these.
void CheckPlaces(const zip::internal::Archive& archive, std::uint64_t size) {
  FUZZ_ASSERT(archive.directory.size() <= size);
  FUZZ_ASSERT(archive.directory_offset <= size - archive.directory.size());
  for (const zip::internal::Member& member : archive.members.span()) {
    FUZZ_ASSERT(member.local_offset < member.data_offset && member.data_offset <= size);
    FUZZ_ASSERT(member.packed_size <= size - member.data_offset);
  }
}

void CheckAccepted(const zip::internal::Archive& archive, std::string_view bytes) {
  const fuzz::NaiveZip naive(bytes);
  FUZZ_ASSERT(naive.members().size() == archive.members.size());
  std::set<std::string> names;
  for (std::size_t i = 0; i < naive.members().size(); ++i) {
    const fuzz::NaiveZip::Member& expected = naive.members()[i];
    const zip::internal::Member& member = archive.members[i];
    FUZZ_ASSERT(archive.NameOf(member) == expected.name && member.crc == expected.crc);
    FUZZ_ASSERT(member.local_offset == expected.begin && member.data_offset == expected.data);
    FUZZ_ASSERT(member.size == expected.size && member.packed_size == expected.size);
    std::string folded = expected.name;
    std::ranges::transform(folded, folded.begin(), [](char c) {
      return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    });
    FUZZ_ASSERT(names.insert(folded).second);
    FUZZ_ASSERT(!folded.empty() && folded[0] != '/' && !folded.contains('\\'));
    FUZZ_ASSERT(!("/" + folded + "/").contains("/../"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::Bytes(data, size);
  fuzz::Choices choices(bytes);
  MemorySource source(bytes);
  const Read strict = ReadZip(source, {});
  fuzz::CheckContract(strict.report, size);
  CallbackSource pieces = fuzz::InPieces(bytes, choices);
  FUZZ_ASSERT(fuzz::Fingerprint(ReadZip(pieces, {}).report) == fuzz::Fingerprint(strict.report));

  CheckOptions options;
  options.profile = Profile::kReference;
  const Read reference = ReadZip(source, options);
  if (strict.usable) CheckPlaces(strict.archive, size);
  if (reference.usable) CheckPlaces(reference.archive, size);
  if (strict.report.verdict() != Verdict::kAccepted) return 0;
  FUZZ_ASSERT(strict.usable && reference.report.verdict() == Verdict::kAccepted);
  CheckAccepted(strict.archive, internal::AsText(bytes));
  options = {};
  options.limits.header_bytes = strict.archive.directory.size() - 1;
  if (!strict.archive.directory.empty()) {
    FUZZ_ASSERT(ReadZip(source, options).report.verdict() == Verdict::kUndecided);
  }
  return 0;
}
