// The decoder: every opcode with its argument, every early end, frames.
#include "lib/containers/pickle/decode.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tensorgate::pickle {
namespace {

using namespace std::string_literals;

// Its events are views of `bytes`.
std::vector<Event> All(const std::string& bytes, DecodeError* error = nullptr) {
  Decoder decoder(internal::AsBytes(bytes));
  std::vector<Event> events;
  for (Event event; decoder.Next(event);) events.push_back(event);
  if (error != nullptr) *error = decoder.error();
  return events;
}

// The smallest argument of each kind, and its value.
struct Sample {
  std::string bytes;
  std::uint64_t number;
  std::string text, name;
};

Sample SampleOf(Argument argument) {
  switch (argument) {
    case Argument::kNone:
      return {""s, 0, "", ""};
    case Argument::kUint8:
      return {"\xFE"s, 0xFE, "", ""};
    case Argument::kUint16:
      return {"\x01\xFF"s, 0xFF01, "", ""};
    case Argument::kInt32:
      return {"\xFE\xFF\xFF\xFF"s, ~1ull, "", ""};
    case Argument::kUint32:
      return {"\xFE\xFF\xFF\xFF"s, 0xFFFFFFFE, "", ""};
    case Argument::kFloat64:
      return {"\x3F\xF8\0\0\0\0\0\0"s, 0x3FF8000000000000, "", ""};
    case Argument::kLine:
      return {"ab\n"s, 0, "ab", ""};
    case Argument::kTwoLines:
      return {"ab\ncde\n"s, 0, "ab", "cde"};
    case Argument::kSized8:
      return {"\x02xy"s, 2, "xy", ""};
    case Argument::kSized32:
    case Argument::kSizedInt32:
      return {"\x02\0\0\0xy"s, 2, "xy", ""};
    case Argument::kSized64:
      return {"\x02\0\0\0\0\0\0\0xy"s, 2, "xy", ""};
    case Argument::kFrame:
      return {"\0\0\0\0\0\0\0\0"s, 0, "", ""};
  }
  return {};
}

TEST(DecodeTest, EveryOpcodeReadsItsArgumentAndNoMore) {
  ASSERT_EQ(Opcodes().size(), 68u);
  for (const OpcodeInfo& opcode : Opcodes()) {
    const Sample sample = SampleOf(opcode.argument);
    const std::string bytes = std::string(1, static_cast<char>(opcode.op)) + sample.bytes;
    DecodeError error{};
    const std::string whole = bytes + ".";
    const std::vector<Event> events = All(whole, &error);
    ASSERT_EQ(events.size(), 2u) << opcode.name;
    EXPECT_EQ(events[0].op, opcode.op) << opcode.name;
    EXPECT_EQ(events[0].end, bytes.size()) << opcode.name;
    if (!sample.bytes.empty() && sample.name.empty() && sample.text != "ab") {
      EXPECT_EQ(events[0].number, sample.number) << opcode.name;
    }
    if (!sample.text.empty()) EXPECT_EQ(events[0].text, sample.text) << opcode.name;
    if (!sample.name.empty()) EXPECT_EQ(events[0].name, sample.name) << opcode.name;
    EXPECT_EQ(error, DecodeError::kTruncated);
    EXPECT_EQ(All(bytes).size(), 1u) << opcode.name;  // with nothing after it
    // Cut anywhere, it is truncated, and the offset is the opcode's.
    for (std::size_t size = 1; size < bytes.size(); ++size) {
      Decoder decoder(internal::AsBytes(std::string_view(bytes).substr(0, size)));
      Event event;
      EXPECT_FALSE(decoder.Next(event)) << opcode.name << size;
      EXPECT_EQ(decoder.error(), DecodeError::kTruncated) << opcode.name << size;
      EXPECT_EQ(decoder.offset(), 0u);
      EXPECT_FALSE(decoder.at_end());
    }
  }
}

TEST(DecodeTest, NumbersAsTheirOpcodesMeanThem) {
  EXPECT_EQ(All("J\xFE\xFF\xFF\xFF"s).at(0).Signed(), -2);
  EXPECT_EQ(All("G\x3F\xF8\0\0\0\0\0\0"s).at(0).Float(), 1.5);
}

TEST(DecodeTest, TheOtherBytesAreNoOpcodes) {
  int unknown = 0;
  for (int code = 0; code < 256; ++code) {
    const std::string bytes = std::string(1, static_cast<char>(code)) + std::string(16, '\n');
    DecodeError error{};
    const bool known = FindOpcode(static_cast<std::uint8_t>(code)) != nullptr;
    Decoder decoder(internal::AsBytes(bytes));
    Event event;
    decoder.Next(event);
    error = decoder.error();
    EXPECT_EQ(error == DecodeError::kUnknownOpcode, !known) << code;
    unknown += !known;
  }
  EXPECT_EQ(unknown, 256 - 68);
}

TEST(DecodeTest, LengthsThatCannotBe) {
  DecodeError error{};
  All("T\0\0\0\0."s, &error);
  EXPECT_EQ(error, DecodeError::kTruncated);
  All("T\xFF\xFF\xFF\xFF."s, &error);
  EXPECT_EQ(error, DecodeError::kNegativeLength);
  All("X\xFF\xFF\xFF\xFF."s, &error);
  EXPECT_EQ(error, DecodeError::kTruncated);
  All("\x8D\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF."s, &error);
  EXPECT_EQ(error, DecodeError::kTruncated);
  All("\x95\x02\0\0\0\0\0\0\0."s, &error);
  EXPECT_EQ(error, DecodeError::kFramePastEnd);
  All("\x95\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF."s, &error);
  EXPECT_EQ(error, DecodeError::kFramePastEnd);
}

TEST(DecodeTest, ALengthOfNothingMayBeTheLastBytes) {
  for (const std::string& bytes : {"U\0"s, "X\0\0\0\0"s, "\x8E\0\0\0\0\0\0\0\0"s}) {
    const std::vector<Event> events = All(bytes);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].end, bytes.size());
    EXPECT_EQ(events[0].text, "");
  }
}

TEST(DecodeTest, AnArgumentThatCrossesItsFrameIsMarked) {
  const std::string split = "\x95\x01\0\0\0\0\0\0\0X\x01\0\0\0aN."s;
  const std::vector<Event> events = All(split);
  ASSERT_EQ(events.size(), 4u);
  EXPECT_TRUE(events[1].crosses_frame);
  EXPECT_EQ(events[1].text, "a");
  EXPECT_FALSE(events[2].crosses_frame);
  const std::vector<Event> exact = All("\x95\x06\0\0\0\0\0\0\0X\x01\0\0\0aN."s);
  ASSERT_EQ(exact.size(), 4u);
  for (const Event& event : exact) EXPECT_FALSE(event.crosses_frame);
  // A frame may reach up to the end.
  EXPECT_EQ(All("\x95\1\0\0\0\0\0\0\0N"s).size(), 2u);
}

}  // namespace
}  // namespace tensorgate::pickle
