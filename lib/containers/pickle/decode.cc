#include "lib/containers/pickle/decode.h"

#include <array>
#include <utility>

namespace tensorgate::pickle {

bool Decoder::Line(std::string_view& text, std::size_t& end) {
  const std::string_view rest = input_.substr(end);
  const std::size_t length = rest.find('\n');
  if (length == rest.npos) return Fail(DecodeError::kTruncated);
  text = rest.substr(0, length);
  end += length + 1;
  return true;
}

bool Decoder::Frame(Event& event, std::string_view rest) {
  if (rest.size() < 8) return Fail(DecodeError::kTruncated);
  const std::uint64_t length = internal::LoadLittleEndian<std::uint64_t>(rest);
  if (length > rest.size() - 8) return Fail(DecodeError::kFramePastEnd, length);
  event.number = length;
  Finish(event, event.offset + 9);
  frame_end_ = at_ + static_cast<std::size_t>(length);
  return true;
}

std::string FullName(std::string_view module, std::string_view name) {
  return std::string(module.substr(0, 256)).append(".").append(name.substr(0, 256));
}

Rule RuleOf(DecodeError error) {
  // Indexed by the error's number; kNone counts as an early end.
  static constexpr std::array kRules = {Rule::kPickleTruncated, Rule::kPickleTruncated,
                                        Rule::kPickleOpcodeUnknown, Rule::kPickleLengthNegative,
                                        Rule::kPickleFramePastEnd};
  static_assert(kRules.size() == std::to_underlying(DecodeError::kFramePastEnd) + 1);
  return kRules.at(std::to_underlying(error));
}

}  // namespace tensorgate::pickle
