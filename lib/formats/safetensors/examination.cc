#include "lib/formats/safetensors/examination.h"

#include <algorithm>
#include <cstring>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/utf8.h"
#include "lib/formats/safetensors/parse.h"

namespace tensorgate::safetensors::internal {
namespace {

using tensorgate::internal::CopyBytes;
using tensorgate::internal::Family;
using tensorgate::internal::kHeadProbe;
using tensorgate::internal::kSlack;

// A stream's header buffer grows with the bytes that arrive: a length alone must not make us
// allocate 100 MB.
constexpr std::uint64_t kStreamBlock = 1 << 20;

}  // namespace

Examination::Examination(const CheckOptions& options)
    : builder_(options, "safetensors"), header_(std::make_unique<Header>()) {}

void Examination::Begin(std::uint64_t size) {
  size_ = size;
  builder_.SetSize(size);
  const Limits& limits = builder_.options().limits;
  if (size < kLengthBytes) {
    builder_.Add(Rule::kStFileTooSmall, size, {.found = size, .allowed = kLengthBytes});
  } else if (size > limits.file_bytes) {
    builder_.Add(Rule::kLimitFileBytes, 0, {.found = size, .allowed = limits.file_bytes});
  }
  if (builder_.HasError()) step_ = Step::kDone;
}

Need Examination::Next() {
  switch (step_) {
    case Step::kLength:
      return {0, std::span(head_).first(kLengthBytes)};
    case Step::kRecognize:
      return {0, std::span(head_).first(
                     static_cast<std::size_t>(std::min<std::uint64_t>(*size_, kHeadProbe)))};
    case Step::kHeader:
      return {kLengthBytes, header_->bytes.span().first(header_->size)};
    case Step::kDataProbe:
      return {header_->data_offset(), std::span(data_probe_).first(data_probe_size_)};
    case Step::kReadings:
      return readings_->Next();
    case Step::kData:
    case Step::kDone:
      break;
  }
  return {};
}

void Examination::Filled(std::size_t count) {
  builder_.AddBytesRead(count);
  switch (step_) {
    case Step::kLength:
      head_size_ = kLengthBytes;
      OnLength();
      break;
    case Step::kRecognize:
      head_size_ = count;
      AddLengthRule();
      step_ = Step::kDone;
      break;
    case Step::kHeader:
      head_size_ += CopyBytes(header_->bytes.span().first(header_->size),
                              std::span(head_).subspan(kLengthBytes));
      OnHeader();
      if (step_ == Step::kDone) break;
      OnSize();
      data_probe_size_ = static_cast<std::size_t>(
          std::min<std::uint64_t>(*size_ - header_->data_offset(), kHeadProbe));
      step_ = Step::kDataProbe;
      if (data_probe_size_ == 0) BeginReadings();
      break;
    case Step::kDataProbe:
      BeginReadings();
      break;
    case Step::kReadings:
      readings_->Filled(count);
      OnReadings();
      break;
    case Step::kData:
    case Step::kDone:
      break;
  }
}

// Called when the eight length bytes are in head_.
void Examination::OnLength() {
  length_ = tensorgate::internal::LoadLittleEndian64(
      std::span<const std::byte>(head_).first<kLengthBytes>());
  const Limits& limits = builder_.options().limits;
  if (length_ > kMaxHeaderBytes)
    return RefuseLength(Rule::kStHeaderTooLarge, length_, kMaxHeaderBytes);
  if (size_ && length_ > *size_ - kLengthBytes) {
    return RefuseLength(Rule::kStHeaderPastEnd, length_, *size_ - kLengthBytes);
  }
  if (length_ > limits.header_bytes) {
    builder_.Add(Rule::kLimitHeaderBytes, 0, {.found = length_, .allowed = limits.header_bytes});
    step_ = Step::kDone;
    return;
  }
  header_->size = static_cast<std::size_t>(length_);
  AllocateHeader(size_ ? length_ : std::min(length_, kStreamBlock));
  step_ = Step::kHeader;
  if (length_ == 0) {
    OnHeader();
    step_ = Step::kDone;
  }
}

void Examination::AllocateHeader(std::uint64_t have) {
  PodBuffer<std::byte>& bytes = header_->bytes;
  bytes.Resize(static_cast<std::size_t>(have) + kSlack);
  std::ranges::fill(bytes.span().last(kSlack), std::byte{0});
}

// The rest of this file has no meaning, but its first bytes may show what it is.
void Examination::RefuseLength(Rule rule, std::uint64_t found, std::uint64_t allowed) {
  refusal_ = LengthRefusal{rule, found, allowed};
  step_ = Step::kRecognize;
}

void Examination::AddLengthRule() {
  AddForeignHead();
  builder_.SetReferenceError(Info(refusal_->rule).reference_error);
  builder_.Add(refusal_->rule, 0, {.found = refusal_->found, .allowed = refusal_->allowed});
}

// For a file that is refused anyway: names the format that it appears to have.
bool Examination::AddForeignHead() {
  if (tensorgate::internal::IsLfsPointer(Head())) {
    builder_.Add(Rule::kStLfsPointer, 0);
    return true;
  }
  // A stream's size is unknown, so what is reported must not depend on the size.
  const std::string_view magic = tensorgate::internal::ForeignMagic(Head(), UINT64_MAX);
  if (magic.empty()) return false;
  builder_.Add(Rule::kStForeignFormat, 0, {.found_text = magic});
  return true;
}

void Examination::AddFailure(const ParseFailure& failure) {
  const std::size_t valid = tensorgate::internal::ValidUtf8Length(header_->text());
  std::string_view reference_error = Info(failure.rule).reference_error;
  if (valid < header_->size) {
    reference_error = Info(Rule::kStHeaderNotUtf8).reference_error;
    builder_.Add(Rule::kStHeaderNotUtf8, kLengthBytes + valid,
                 {.found = static_cast<unsigned char>(header_->text()[valid])});
  }
  if (Info(failure.rule).effect == Effect::kReport) {
    AddForeignHead();
    builder_.SetReferenceError(reference_error);
  }
  builder_.Add(failure.rule, kLengthBytes + failure.offset,
               {.found = failure.found,
                .allowed = failure.allowed,
                .subject = failure.subject,
                .subject_offset = kLengthBytes + failure.offset,
                .found_text = failure.found_text});
}

void Examination::OnHeader() {
  // If a limit stopped the parse, nothing is known about the rest, not even whether it is UTF-8.
  ParsedHeader parsed = ParseHeader(*header_, builder_.options().limits, builder_.interrupt());
  if (parsed.failure) {
    if (tensorgate::internal::IsInterrupt(parsed.failure->rule)) {
      builder_.Add(parsed.failure->rule, 0);
    } else {
      AddFailure(*parsed.failure);
    }
    step_ = Step::kDone;
    return;
  }
  data_ = ApplyRules(*header_, parsed, builder_);
  seen_ = parsed.seen;
  dimensions_ = parsed.dimensions;
  builder_.SetFacts({.header_bytes = length_,
                     .padding_bytes = header_->padding,
                     .tensors = header_->tensors.size(),
                     .parameters = parsed.parameters,
                     .data_bytes = data_.end,
                     .metadata_entries = header_->metadata.size()});
  if (builder_.HasError()) step_ = Step::kDone;
}

void Examination::OnSize() {
  ApplySizeRules(*header_, data_, *size_, builder_);
  if (!builder_.HasError()) ApplyWarnings(*header_, seen_, dimensions_, builder_);
  header_->file_size = *size_;
}

void Examination::AddMagic(std::uint64_t offset, std::span<const std::byte> bytes,
                           std::uint64_t limit) {
  const std::string_view magic = tensorgate::internal::ForeignMagic(bytes, limit);
  if (!magic.empty()) builder_.Add(Rule::kStForeignMagic, offset, {.found_text = magic});
}

void Examination::ProbeMagics() {
  AddMagic(0, Head(), *size_);
  const std::uint64_t data = header_->data_offset();
  AddMagic(data, std::span(data_probe_).first(data_probe_size_), *size_ - data);
}

// The last request, made only if no error was found.
void Examination::BeginReadings() {
  ProbeMagics();
  step_ = Step::kDone;
  if (builder_.HasError() || builder_.options().profile != Profile::kStrict) return;
  readings_.emplace(Family::kSafetensors);
  readings_->Know(std::span(head_).first(kLengthBytes));
  readings_->Know(header_->bytes.span().first(header_->size));
  readings_->Begin(*size_);
  OnReadings();
}

void Examination::OnReadings() {
  step_ = readings_->Next().into.empty() ? Step::kDone : Step::kReadings;
  if (step_ == Step::kDone) readings_->AddTo(builder_);
}

std::vector<DataRange> Examination::Unread() const {
  const CheckOptions& options = builder_.options();
  if (options.scope != Scope::kFull || options.profile != Profile::kStrict) return {};
  if (builder_.HasError()) return {};
  std::vector<DataRange> ranges;
  for (std::uint32_t i = 0; i < header_->tensors.size(); ++i) {
    const std::uint32_t ordinal = header_->order.empty() ? i : header_->order[i];
    const TensorRecord& tensor = header_->tensors[ordinal];
    const std::uint64_t begin = header_->BeginOf(ordinal);
    // A stream's size is not known yet: data past any possible end of a file are refused at its
    // end.
    if (tensor.end > UINT64_MAX - header_->data_offset()) break;
    if (tensor.dtype() != DType::kBool || begin == tensor.end) continue;
    ranges.push_back(
        {.bytes = {header_->data_offset() + begin, tensor.end - begin}, .booleans = true});
  }
  return ranges;
}

void Examination::OnData(std::span<const DataRange> read, std::span<const DataFacts> facts) {
  BytesAboveOne above_one;
  for (std::size_t i = 0; i < read.size(); ++i) {
    builder_.AddBytesRead(read[i].bytes.length);
    above_one.Add(facts[i].above_one);
  }
  AddBooleans(above_one);
}

void Examination::AddBooleans(const BytesAboveOne& above_one) {
  builder_.SetScope(Scope::kFull);
  if (above_one.count == 0) return;
  const auto holds = [&](std::uint32_t ordinal) {
    const std::uint64_t begin = header_->data_offset() + header_->BeginOf(ordinal);
    return above_one.first >= begin &&
           above_one.first - header_->data_offset() < header_->tensors[ordinal].end;
  };
  std::uint32_t ordinal = 0;
  while (!holds(ordinal)) ++ordinal;
  tensorgate::internal::AddBooleans(above_one, header_->NameOf(header_->tensors[ordinal]),
                                    builder_);
}

// Handles data of a stream, after the first `position_` bytes.
void Examination::SeeBooleans(std::span<const std::byte> bytes) {
  const std::uint64_t end = position_ + bytes.size();
  for (; next_boolean_ < booleans_.size(); ++next_boolean_) {
    const ByteRange& range = booleans_[next_boolean_].bytes;
    if (range.offset >= end) return;
    const std::uint64_t from = std::max(range.offset, position_);
    const std::uint64_t to = std::min(range.offset + range.length, end);
    above_one_.See(from, bytes.subspan(static_cast<std::size_t>(from - position_),
                                       static_cast<std::size_t>(to - from)));
    if (range.offset + range.length > end) return;
  }
}

void Examination::Remember(std::span<const std::byte> bytes) {
  head_size_ += CopyBytes(bytes, std::span(head_).subspan(head_size_));
  if (readings_) readings_->Watch(bytes);
  if (step_ != Step::kData) return;
  data_probe_size_ += CopyBytes(bytes, std::span(data_probe_).subspan(data_probe_size_));
}

bool Examination::Feed(std::span<const std::byte> bytes) {
  builder_.interrupt().Claim();
  if (builder_.Ended()) step_ = Step::kDone;
  if (step_ == Step::kDone) return false;
  if (position_ == 0 && builder_.options().profile == Profile::kStrict && !readings_) {
    readings_.emplace(Family::kSafetensors);
  }
  builder_.AddBytesRead(bytes.size());
  while (!bytes.empty() && step_ != Step::kDone) {
    std::size_t take = bytes.size();
    if (step_ == Step::kLength) {
      take = std::min<std::size_t>(take, kLengthBytes - static_cast<std::size_t>(position_));
    } else if (step_ == Step::kHeader) {
      take = std::min(take, header_->size - filled_);
    } else if (step_ == Step::kRecognize) {
      take = std::min(take, kHeadProbe - head_size_);
    }
    const std::span<const std::byte> part = bytes.first(take);
    bytes = bytes.subspan(take);
    Remember(part);
    if (step_ == Step::kData) SeeBooleans(part);
    position_ += take;
    if (step_ == Step::kLength && position_ == kLengthBytes) {
      OnLength();
    } else if (step_ == Step::kRecognize && head_size_ == kHeadProbe) {
      AddLengthRule();
      step_ = Step::kDone;
    } else if (step_ == Step::kHeader) {
      if (header_->bytes.size() < filled_ + take + kSlack) {
        AllocateHeader(std::min<std::uint64_t>(
            length_, std::max<std::uint64_t>(filled_ + take, 2 * std::uint64_t{filled_})));
      }
      filled_ += CopyBytes(part, header_->bytes.span().subspan(filled_));
      if (filled_ == header_->size) {
        OnHeader();
        if (step_ == Step::kHeader) {
          step_ = Step::kData;
          booleans_ = Unread();
        }
      }
    }
    if (step_ == Step::kData) CheckEnd();
  }
  return step_ != Step::kDone;
}

// The header determines the length of the file: a longer stream is refused whatever follows. The
// report depends only on the first bytes, however the stream is split.
void Examination::CheckEnd() {
  const std::uint64_t end =
      tensorgate::internal::SaturatingAdd(std::uint64_t{header_->data_offset()}, data_.end);
  const std::uint64_t cap = builder_.options().limits.file_bytes;
  if (position_ <= std::min(end, cap)) return;
  if (end <= cap) {
    builder_.Add(Rule::kStDataTrailing, end);
  } else {
    builder_.Add(Rule::kLimitFileBytes, 0, {.found = position_, .allowed = cap});
  }
  step_ = Step::kDone;
}

void Examination::EndOfStream() {
  if (step_ == Step::kDone) return;
  size_ = position_;
  builder_.SetSize(position_);
  if (step_ == Step::kLength) {
    builder_.Add(Rule::kStFileTooSmall, position_, {.found = position_, .allowed = kLengthBytes});
  } else if (step_ == Step::kRecognize) {
    AddLengthRule();
  } else if (step_ == Step::kHeader) {
    refusal_ = LengthRefusal{Rule::kStHeaderPastEnd, length_, position_ - kLengthBytes};
    AddLengthRule();
  } else {
    OnSize();
    ProbeMagics();
    if (readings_ && !builder_.HasError()) {
      readings_->EndOfStream();
      readings_->AddTo(builder_);
    }
    if (!booleans_.empty() && !builder_.HasError()) AddBooleans(above_one_);
  }
  step_ = Step::kDone;
}

void Examination::Fail(const Status& status) {
  builder_.Add(status);
  step_ = Step::kDone;
}

Report Examination::Finish() { return builder_.Finish(); }

}  // namespace tensorgate::safetensors::internal
