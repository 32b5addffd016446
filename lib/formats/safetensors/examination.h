// One examination of one file, without input and output: it requests bytes, and a driver delivers
// them. Opening, checking and streams all use it, so that their results cannot differ.
#ifndef TENSORGATE_FORMATS_SAFETENSORS_EXAMINATION_H_
#define TENSORGATE_FORMATS_SAFETENSORS_EXAMINATION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "lib/base/magic.h"
#include "lib/base/need.h"
#include "lib/formats/safetensors/header.h"
#include "lib/formats/safetensors/rules.h"
#include "lib/rules/report_builder.h"
#include "lib/second_readings/second_readings.h"
#include "lib/source/data.h"
#include "tensorgate/safetensors.h"

namespace tensorgate::safetensors::internal {

using tensorgate::internal::BytesAboveOne;
using tensorgate::internal::DataFacts;
using tensorgate::internal::DataRange;
using tensorgate::internal::Need;

class Examination {
 public:
  explicit Examination(const CheckOptions& options);

  // Random access: call Begin, then fill each Next() and call Filled(), until Next() needs nothing.
  // All may throw std::bad_alloc.
  void Begin(std::uint64_t size);
  Need Next();
  void Filled(std::size_t count);

  // Forward stream: call Feed as long as it returns true, then EndOfStream.
  bool Feed(std::span<const std::byte> bytes);
  void EndOfStream();
  /// The stream stopped early; a file that was already refused stays refused.
  void BreakOff() {
    if (step_ == Step::kDone || builder_.Ended()) return;
    Fail({.rule = Rule::kIoReadFailed, .offset = position_});
  }

  /// After Next() needs nothing: the boolean tensors, which a check of scope `kFull` must read, in
  /// the order of the data. Empty if there are none, or the file is already refused. In a stream
  /// they are checked as they arrive.
  std::vector<DataRange> Unread() const;
  void OnData(std::span<const DataRange> read, std::span<const DataFacts> facts);

  void Fail(const Status& status);
  tensorgate::internal::Interrupt& interrupt() { return builder_.interrupt(); }
  Report Finish();
  /// Requires that Finish() accepted the file.
  std::unique_ptr<const Header> TakeHeader() { return std::move(header_); }

 private:
  enum class Step : std::uint8_t {
    kLength,
    kRecognize,
    kHeader,
    kDataProbe,
    kData,
    kReadings,
    kDone
  };

  void OnLength();
  void OnHeader();
  void CheckEnd();
  void OnSize();
  void AllocateHeader(std::uint64_t have);
  void RefuseLength(Rule rule, std::uint64_t found, std::uint64_t allowed);
  void AddLengthRule();
  bool AddForeignHead();
  void AddFailure(const ParseFailure& failure);
  void AddMagic(std::uint64_t offset, std::span<const std::byte> bytes, std::uint64_t limit);
  void ProbeMagics();
  void BeginReadings();
  void OnReadings();
  void Remember(std::span<const std::byte> bytes);
  void SeeBooleans(std::span<const std::byte> bytes);
  void AddBooleans(const BytesAboveOne& above_one);
  std::span<const std::byte> Head() const { return std::span(head_).first(head_size_); }

  ReportBuilder builder_;
  std::unique_ptr<Header> header_;
  Step step_ = Step::kLength;
  std::optional<std::uint64_t> size_;
  std::uint64_t length_ = 0;    // n
  std::uint64_t position_ = 0;  // position in a stream
  std::size_t filled_ = 0;      // bytes of the header that have arrived in a stream
  DataEnd data_;
  // For a stream: its boolean tensors, the first one that has not fully arrived, and what was found
  // in them.
  std::vector<DataRange> booleans_;
  std::size_t next_boolean_ = 0;
  BytesAboveOne above_one_;
  // Noted by the parser, for the warnings.
  std::uint32_t seen_ = 0;
  std::uint64_t dimensions_ = 0;

  struct LengthRefusal {
    Rule rule;
    std::uint64_t found, allowed;
  };
  std::optional<LengthRefusal> refusal_;

  // The first bytes of the file and of its data, for signatures of other formats.
  std::array<std::byte, tensorgate::internal::kHeadProbe> head_{};
  std::size_t head_size_ = 0;
  std::array<std::byte, tensorgate::internal::kHeadProbe> data_probe_{};
  std::size_t data_probe_size_ = 0;
  // In the strict profile, if no error was found; for a stream from its beginning.
  std::optional<tensorgate::internal::SecondReadings> readings_;
};

/// What the format's reference reads in `source`, even if the strict profile refuses it; only for
/// repairing a file. A tensor or metadata entry whose name occurs again later does not count.
/// Returns the report of the reference profile; `header` is set if it accepts.
Report ReadAsReference(Source& source, const CheckOptions& options,
                       std::unique_ptr<const Header>& header);

}  // namespace tensorgate::safetensors::internal

#endif  // TENSORGATE_FORMATS_SAFETENSORS_EXAMINATION_H_
