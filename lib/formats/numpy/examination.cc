#include "lib/formats/numpy/examination.h"

#include <algorithm>
#include <string>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/formats/numpy/file.h"

namespace tensorgate::numpy::internal {

using tensorgate::internal::AsText;
using tensorgate::internal::BytesAboveOne;
using tensorgate::internal::DataFacts;
using tensorgate::internal::DataRange;
using tensorgate::internal::LoadLittleEndian;
using tensorgate::internal::Need;

Examination::Examination(const CheckOptions& options) : builder_(options, "numpy") {}

void Examination::Begin(std::uint64_t size) {
  header_.file_size = size;
  builder_.SetSize(size);
  const Limits& limits = builder_.options().limits;
  if (size > limits.file_bytes) {
    builder_.Add(Rule::kLimitFileBytes, 0, {.found = size, .allowed = limits.file_bytes});
  } else if (limits.tensors == 0) {
    builder_.Add(Rule::kLimitTensors, 0, {.allowed = 0});
  }
  prefix_size_ = static_cast<std::size_t>(std::min<std::uint64_t>(size, kLongPrefix));
  if (size == 0) OnPrefix(0);
  if (builder_.HasError()) step_ = Step::kDone;
}

Need Examination::Next() {
  switch (step_) {
    case Step::kPrefix:
      return {0, std::span(prefix_).first(prefix_size_)};
    case Step::kHeader:
      return {version_.prefix(), text_.span()};
    case Step::kDone:
      break;
  }
  return {};
}

void Examination::Filled(std::size_t count) {
  builder_.AddBytesRead(count);
  const Step step = std::exchange(step_, Step::kDone);
  if (step == Step::kPrefix) OnPrefix(count);
  if (step == Step::kHeader) OnHeader();
}

void Examination::OnPrefix(std::size_t count) {
  const std::string_view prefix = AsText(prefix_).substr(0, count);
  // The file was recognized by these bytes.
  if (!prefix.starts_with(kMagic)) return builder_.Add(Rule::kIoChanged, 0);
  if (count >= kMagic.size() + 2) {
    version_ = {std::to_integer<std::uint8_t>(prefix_[kMagic.size()]),
                std::to_integer<std::uint8_t>(prefix_[kMagic.size() + 1])};
    if (!version_.known()) {
      const std::string found =
          std::to_string(version_.major) + "." + std::to_string(version_.minor);
      return builder_.Add(Rule::kNumpyVersion, kMagic.size(), {.found_text = found});
    }
  }
  if (version_.major == 0 || count < version_.prefix()) {
    const std::uint64_t least = version_.major == 0 ? kShortPrefix : version_.prefix();
    return builder_.Add(Rule::kNumpyFileTooSmall, count, {.found = count, .allowed = least});
  }
  const std::string_view length = prefix.substr(kMagic.size() + 2);
  OnLength(version_.major == 1 ? LoadLittleEndian<std::uint16_t>(length)
                               : LoadLittleEndian<std::uint32_t>(length));
}

void Examination::OnLength(std::uint64_t length) {
  constexpr std::uint64_t kPlace = kMagic.size() + 2;
  const std::uint64_t room = header_.file_size - version_.prefix();
  if (length > room) {
    return builder_.Add(Rule::kNumpyHeaderPastEnd, kPlace, {.found = length, .allowed = room});
  }
  const std::uint64_t most = version_.utf8() ? kMaxHeaderBytes : kMaxHeader;
  if (length > most) {
    return builder_.Add(Rule::kNumpyHeaderTooLong, kPlace, {.found = length, .allowed = most});
  }
  const std::uint64_t limit = builder_.options().limits.header_bytes;
  if (length > limit) {
    return builder_.Add(Rule::kLimitHeaderBytes, kPlace, {.found = length, .allowed = limit});
  }
  text_.Resize(static_cast<std::size_t>(length));
  step_ = Step::kHeader;
  if (length == 0) {
    step_ = Step::kDone;
    OnHeader();
  }
}

void Examination::OnHeader() {
  ReadHeader(text_.span(), version_, header_, builder_);
  if (!builder_.HasError()) CheckDataSize(header_, builder_);
}

std::vector<DataRange> Examination::Unread() const {
  const CheckOptions& options = builder_.options();
  const bool full = options.scope == Scope::kFull && options.profile == Profile::kStrict;
  if (!full || builder_.HasError() || header_.dtype != DType::kBool) return {};
  return {{.bytes = {header_.data_offset, header_.data_bytes}, .booleans = true}};
}

void Examination::OnData(std::span<const DataFacts> facts) {
  BytesAboveOne above_one;
  for (const DataFacts& each : facts) above_one.Add(each.above_one);
  builder_.AddBytesRead(header_.data_bytes);
  builder_.SetScope(Scope::kFull);
  if (above_one.count != 0) tensorgate::internal::AddBooleans(above_one, kTensorName, builder_);
}

}  // namespace tensorgate::numpy::internal
