// NumPy's objects with a trust list: only what NumPy writes is accepted.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/formats/torch/pickle_file.h"
#include "tensorgate/source.h"

namespace tensorgate {
namespace {

using namespace std::string_literals;

std::string Little(std::uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}

std::string Unicode(const std::string& text) { return "X" + Little(text.size()) + text; }
std::string Global(const char* module, const char* name) {
  return "c"s + module + "\n" + name + "\n";
}
std::string Tuple(const std::string& items) { return "(" + items + "t"; }
std::string Call(const std::string& callee, const std::string& items) {
  return callee + Tuple(items) + "R";
}
std::string Build(const std::string& object, const std::string& items) {
  return object + Tuple(items) + "b";
}

const std::string kNone = "N", kFalse = "\x89", kTrue = "\x88", kZero = "K\0"s, kOne = "K\1";
const std::string kMinusOne = "J\xff\xff\xff\xff";
const std::string kDtype = Global("numpy", "dtype"), kNdarray = Global("numpy", "ndarray");
const std::string kScalar = Global("numpy._core.multiarray", "scalar");
const std::string kReconstruct = Global("numpy._core.multiarray", "_reconstruct");

std::string Bytes(const std::string& text) {
  return Call(Global("_codecs", "encode"), Unicode(text) + Unicode("latin1"));
}
std::string State(const std::string& order) {
  return "K\3" + Unicode(order) + "NNN" + kMinusOne + kMinusOne + kZero;
}
std::string BareDtype(const std::string& code) {
  return Call(kDtype, Unicode(code) + kFalse + kTrue);
}
std::string Dtype(const std::string& code, const std::string& order = "<") {
  return Build(BareDtype(code), State(order));
}
const std::string kBareArray = Call(kReconstruct, kNdarray + Tuple(kZero) + Bytes("b"));
std::string ArrayState(const std::string& shape, const std::string& dtype,
                       const std::string& bytes) {
  return kOne + Tuple(shape) + dtype + kFalse + bytes;
}
std::string Array(const std::string& shape, const std::string& dtype, const std::string& bytes) {
  return Build(kBareArray, ArrayState(shape, dtype, bytes));
}

Report Judge(const std::string& objects, std::string_view list = "numpy") {
  const std::string pickle = "\x80\2" + objects + ".";
  MemorySource source(internal::AsBytes(pickle));
  CheckOptions options;
  options.trusted = *TrustList::Parse(list);
  return torch::internal::CheckPickle(source, options);
}

std::string ReasonOf(const Report& report) {
  for (const Finding& finding : report.findings()) {
    if (finding.severity == Severity::kError) return std::string(Info(finding.rule).id);
  }
  return "none";
}

TEST(NumpyTest, WhatItWritesPasses) {
  const std::string eight(8, '\0');
  for (const std::string& object :
       {Dtype("f8"), Dtype("f8", ">"), Dtype("i1", "|"), Call(kScalar, Dtype("f8") + Bytes(eight)),
        Call(kScalar, Dtype("b1", "|") + Bytes("\0"s)),
        Call(kScalar, Dtype("b1", "|") + Bytes("\1")),
        Array("K\3", Dtype("b1", "|"), Bytes("\1\0\1"s)), Array("", Dtype("f8"), Bytes(eight)),
        Array("K\2K\4", Dtype("u1", "|"), Bytes(eight)),
        Array(kZero, Dtype("f8"), Call(Global("__builtin__", "bytes"), ""))}) {
    EXPECT_EQ(Judge(object).verdict(), Verdict::kAccepted) << ReasonOf(Judge(object));
    EXPECT_EQ(ReasonOf(Judge(object, "")), "pickle/global-outside");
  }
}

TEST(NumpyTest, OtherArgumentsDoNot) {
  const std::string eight(8, '\0'), f8 = Dtype("f8"), bytes = Bytes(eight);
  for (const std::string& object : {
           Call(kDtype, Unicode("f8") + kFalse),
           Call(kDtype, "K\1" + kFalse + kTrue),
           Call(kDtype, Unicode("f8") + kNone + kTrue),
           Call(kDtype, Unicode("f8") + kFalse + kNone),
           Build(BareDtype("f8"), State("<") + kZero),
           Build(BareDtype("f8"), kNone + State("<").substr(2)),
           Build(BareDtype("f8"), "K\3NNNN" + kMinusOne + kMinusOne + kZero),
           Build(BareDtype("f8"), "K\3" + Unicode("<") + "NNN" + kMinusOne + "K\x08" + kZero),
           BareDtype("f8") + "}b",
           Call(kScalar, f8),
           Call(kScalar, kNone + bytes),
           Call(kScalar, BareDtype("f8") + bytes),
           Call(kScalar, f8 + Unicode(eight)),
           Call(kScalar, f8 + Bytes("short")),
           Call(kScalar, Dtype("b1", "|") + Bytes("\2")),
           Call(kReconstruct, kNdarray + Tuple(kZero)),
           Call(kReconstruct, kNdarray + kZero + Bytes("b")),
           Call(kReconstruct, kNdarray + Tuple(kZero + kZero) + Bytes("b")),
           Call(kReconstruct, kNdarray + Tuple(kOne) + Bytes("b")),
           Call(kReconstruct, kNdarray + Tuple(kZero) + Unicode("b")),
           Call(kReconstruct, kNdarray + Tuple(kZero) + Bytes("c")),
           Call(kReconstruct, kDtype + Tuple(kZero) + Bytes("b")),
           Call(kReconstruct, Global("collections", "OrderedDict") + Tuple(kZero) + Bytes("b")),
           Build(Array(kOne, f8, bytes), ArrayState(kOne, f8, bytes)),
           Build(kBareArray, ArrayState(kOne, f8, bytes) + kNone),
           Build(kBareArray, kZero + ArrayState(kOne, f8, bytes).substr(2)),
           Build(kBareArray, kOne + kOne + f8 + kFalse + bytes),
           Build(kBareArray, kOne + Tuple(kOne) + f8 + kNone + bytes),
           Array(kNone, f8, bytes),
           Array(kMinusOne, f8, bytes),
           Array("K\2", f8, bytes),
           Call(Global("__builtin__", "bytes"), Unicode("x")),
           Call(kNdarray, ""),
           kDtype + Tuple(Unicode("f8")) + "\x81",
       }) {
    const Report report = Judge(object);
    EXPECT_EQ(report.verdict(), Verdict::kRejected);
    EXPECT_EQ(ReasonOf(report), "torch/call-arguments") << object;
  }
  // A class of the list is not NumPy's.
  const std::string other = Call(kReconstruct, Global("m", "Array") + Tuple(kZero) + Bytes("b"));
  EXPECT_EQ(ReasonOf(Judge(other, "numpy\nm.Array newobj()")), "torch/call-arguments");
}

// Decoding the same text repeatedly is work that is limited by the file's size.
TEST(NumpyTest, ManyArraysOfOneText) {
  const std::string text(200'000, 'x');
  std::string few, all = "(" + Bytes(text) + "q\1" + Dtype("u1", "|") + "q\2";
  for (int i = 0; i < 40; ++i) {
    if (i == 4) few = all;
    all += kBareArray + "(" + kOne + "(J" + Little(text.size()) + "th\2" + kFalse + "h\1tb";
  }
  EXPECT_EQ(ReasonOf(Judge(few + "t")), "none");
  EXPECT_EQ(ReasonOf(Judge(all + "t")), "pickle/expansion");
}

}  // namespace
}  // namespace tensorgate
