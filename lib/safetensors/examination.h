// One examination of one file, without input and output: it asks for bytes, a driver delivers them.
// Opening, checking and streams all go through it, so that they cannot differ.
#ifndef TENSORGATE_SAFETENSORS_EXAMINATION_H_
#define TENSORGATE_SAFETENSORS_EXAMINATION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "lib/base/magic.h"
#include "lib/base/need.h"
#include "lib/base/report_builder.h"
#include "lib/safetensors/header.h"
#include "lib/safetensors/rules.h"
#include "tensorgate/safetensors.h"

namespace tensorgate::safetensors::internal {

using tensorgate::internal::Need;

class Examination {
 public:
  explicit Examination(const CheckOptions& options);

  // Random access: Begin, then fill each Next() and call Filled(), until Next() wants nothing. All
  // may throw std::bad_alloc.
  void Begin(std::uint64_t size);
  Need Next();
  void Filled(std::size_t count);

  // Forward stream: Feed as long as it returns true, then EndOfStream.
  bool Feed(std::span<const std::byte> bytes);
  void EndOfStream();
  /// The stream broke off; a file that was refused before stays refused.
  void BreakOff() {
    if (step_ == Step::kDone || builder_.Ended()) return;
    Fail({.rule = Rule::kIoReadFailed, .offset = position_});
  }

  void Fail(const Status& status);
  tensorgate::internal::Interrupt& interrupt() { return builder_.interrupt(); }
  Report Finish();
  /// Only after an accepted Finish().
  std::unique_ptr<const Header> TakeHeader() { return std::move(header_); }

 private:
  enum class Step : std::uint8_t { kLength, kRecognise, kHeader, kDataProbe, kTail, kDone };

  void OnLength();
  void OnHeader();
  void OnData();
  void OnSize();
  void AllocateHeader(std::uint64_t have);
  void RefuseLength(Rule rule, std::uint64_t found, std::uint64_t allowed);
  void TellLengthRule();
  bool AddForeignHead();
  void AddFailure(const ParseFailure& failure);
  void AddMagic(std::uint64_t offset, std::span<const std::byte> bytes, std::uint64_t limit);
  void ProbeMagics();
  void Remember(std::span<const std::byte> bytes);
  std::span<const std::byte> Head() const { return std::span(head_).first(head_size_); }

  ReportBuilder builder_;
  std::unique_ptr<Header> header_;
  Step step_ = Step::kLength;
  std::optional<std::uint64_t> size_;
  std::uint64_t length_ = 0;    // n
  std::uint64_t position_ = 0;  // of a stream
  std::size_t filled_ = 0;      // bytes of the header that have come in a stream
  DataEnd data_;
  // What the parse noted, for the warnings.
  std::uint32_t seen_ = 0;
  std::uint64_t dimensions_ = 0;

  struct LengthRefusal {
    Rule rule;
    std::uint64_t found, allowed;
  };
  std::optional<LengthRefusal> refusal_;

  // What the file begins with, what the data begin with, and its end: for signatures of other
  // formats.
  std::array<std::byte, tensorgate::internal::kHeadProbe> head_{};
  std::size_t head_size_ = 0;
  std::array<std::byte, tensorgate::internal::kHeadProbe> data_probe_{};
  std::size_t data_probe_size_ = 0;
  std::array<std::byte, tensorgate::internal::kTailProbe> tail_{};
  std::size_t tail_size_ = 0;
};

/// What the format's reference reads in `source`, also where strict refuses it: to repair it, and for
/// nothing else. A tensor or metadata entry whose name stands again further on does not count. The
/// report is that of the reference profile; `header` is set if it accepts.
Report ReadAsReference(Source& source, const CheckOptions& options,
                       std::unique_ptr<const Header>& header);

}  // namespace tensorgate::safetensors::internal

#endif  // TENSORGATE_SAFETENSORS_EXAMINATION_H_
