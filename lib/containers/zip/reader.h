// Reads the structure of a ZIP archive, without input and output: end records, central directory,
// then each local header and descriptor. Every byte is claimed: first by the members, starting at
// byte 0 and one directly after the other, then by the directory, then by the end records.
// Deviations are findings.
#ifndef TENSORGATE_CONTAINERS_ZIP_READER_H_
#define TENSORGATE_CONTAINERS_ZIP_READER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "lib/base/need.h"
#include "lib/containers/zip/archive.h"
#include "lib/containers/zip/records.h"
#include "lib/rules/report_builder.h"

namespace tensorgate::zip::internal {

using tensorgate::internal::Need;

/// False if no accepted archive starts with `head`, the file's first bytes. True means nothing.
bool MayBegin(std::span<const std::byte> head);

class Reader {
 public:
  /// Both must outlive the reader. `archive` receives the contents; deviations from the format are
  /// reported to `builder`.
  Reader(ReportBuilder& builder, Archive& archive) : builder_(builder), archive_(archive) {}

  // Call Begin, then fill each Next() and call Filled(), until Next() needs nothing. All may throw
  // std::bad_alloc.
  void Begin(std::uint64_t size);
  Need Next();
  void Filled(std::size_t count);

  /// True if every member has its place inside the file; there may still be findings.
  bool usable() const { return usable_; }

 private:
  enum class Step : std::uint8_t { kTail, kFarTail, kDirectory, kMember, kLastDescriptor, kDone };

  void OnTail(bool far);
  bool OnEndRecords(const EndRecord& end, std::uint64_t end_offset);
  bool OnZip64(EndRecord& end, std::uint64_t locator_offset);
  void OnDirectory();
  void AddEntry(const CentralEntry& entry, std::size_t at);
  void CheckEntry(const CentralEntry& entry, const Member& member, std::uint64_t at);
  bool ApplyZip64(CentralEntry& entry, std::span<const std::byte> extra_bytes, std::uint64_t at);
  void CheckName(const Member& member, std::uint16_t flags);
  void CheckNamesDiffer();
  void WantMember();
  void OnMember();
  void CheckLocal(const CommonFields& local, std::span<const std::byte> name,
                  std::span<const std::byte> extra, Member& member);
  void CheckLocalSizes(const CommonFields& local, const Extra& extra, const Member& member);
  void CloseMember(const Member& member, std::span<const std::byte> between, std::uint64_t next);
  void Done(bool usable);
  void AddFor(Rule rule, std::uint64_t offset, const Member& member, Detail detail = {});

  ReportBuilder& builder_;
  Archive& archive_;
  Step step_ = Step::kTail;
  bool usable_ = false;
  std::uint64_t size_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t window_offset_ = 0;
  tensorgate::internal::PodBuffer<std::byte> window_;
  std::size_t member_ = 0;  // whose local header is read next
  tensorgate::internal::PodBuffer<CommonFields> central_fields_;
};

}  // namespace tensorgate::zip::internal

#endif  // TENSORGATE_CONTAINERS_ZIP_READER_H_
