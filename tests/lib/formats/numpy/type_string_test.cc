// NumPy's type strings: what they mean, and whether NumPy writes them so. Each was compared with numpy.dtype: what that refuses is refused here.
#include "lib/formats/numpy/type_string.h"

#include <gtest/gtest.h>

#include <string>

namespace tensorgate::numpy::internal {
namespace {

// "f4 F32": kind, bytes, dtype; "alias" where NumPy would write it otherwise.
std::string Read(std::string_view text) {
  const TypeString type = ReadTypeString(text);
  if (type.kind == 0) return "nothing";
  std::string read = type.kind + std::to_string(type.bytes);
  if (type.dtype) read.append(" ").append(Name(*type.dtype));
  return type.plain ? read : read + " alias";
}

struct Case {
  std::string_view text;
  std::string_view read;
};

TEST(TypeStringTest, AsNumPyWritesThem) {
  const Case cases[] = {
      {"|b1", "b1 BOOL"}, {"|i1", "i1 I8"},    {"|u1", "u1 U8"},    {"<i2", "i2 I16"},
      {"<i4", "i4 I32"},  {"<i8", "i8 I64"},   {"<u2", "u2 U16"},   {"<u4", "u4 U32"},
      {"<u8", "u8 U64"},  {"<f2", "f2 F16"},   {"<f4", "f4 F32"},   {"<f8", "f8 F64"},
      {"<f16", "f16"},    {"<c8", "c8 C64"},   {"<c16", "c16"},     {"<c32", "c32"},
      {">i2", "i2 I16"},  {">f8", "f8 F64"},   {">c16", "c16"},     {">f16", "f16"},
      {"|S1", "S1"},      {"|S25", "S25"},     {"<U1", "U4"},       {">U25", "U100"},
      {"|V1", "V1"},      {"|V3000", "V3000"}, {"<M8", "M8"},       {"<m8", "m8"},
      {">M8[ns]", "M8"},  {"|O4", "O4 alias"}, {"|O8", "O8 alias"}, {"|S0", "S0"},
      {"<U0", "U0"},      {"|V0", "V0"},
  };
  for (const Case& each : cases) EXPECT_EQ(Read(each.text), each.read) << each.text;
}

TEST(TypeStringTest, SizesThatAKindDoesNotHave) {
  const Case cases[] = {
      {"<b0", "nothing"},  {"<b2", "nothing"},  {"<i0", "nothing"},  {"<i3", "nothing"},
      {"<i16", "nothing"}, {"<u16", "nothing"}, {"<f1", "nothing"},  {"<f3", "nothing"},
      {"<f12", "nothing"}, {"<f32", "nothing"}, {"<c4", "nothing"},  {"<c24", "nothing"},
      {"<c64", "nothing"}, {"<M4", "nothing"},  {"<M16", "nothing"}, {"<m4", "nothing"},
      {"|O2", "nothing"},  {"|O16", "nothing"}, {"<x4", "nothing"},  {"<e2", "nothing"},
      {"<?1", "nothing"},  {"<d8", "nothing"},  {"<h2", "nothing"},  {"<t4", "nothing"},
  };
  for (const Case& each : cases) EXPECT_EQ(Read(each.text), each.read) << each.text;
}

// Of one byte, of bytes and of raw data the order says nothing.
TEST(TypeStringTest, ByteOrders) {
  const Case cases[] = {
      {"f4", "f4 F32 alias"}, {"=f4", "f4 F32 alias"}, {"|f4", "f4 F32 alias"},
      {"<f4", "f4 F32"},      {">f4", "f4 F32"},       {"!f4", "nothing"},
      {"i1", "i1 I8 alias"},  {"=i1", "i1 I8 alias"},  {"|i1", "i1 I8"},
      {"<i1", "i1 I8"},       {">i1", "i1 I8"},        {"=S3", "S3 alias"},
      {"S3", "S3 alias"},     {"|S3", "S3"},           {"<S3", "S3"},
      {">S3", "S3"},          {"=V3", "V3 alias"},     {"V3", "V3 alias"},
      {"<V3", "V3"},          {"|U3", "U12 alias"},    {"U3", "U12 alias"},
      {"=U3", "U12 alias"},   {"|M8", "M8 alias"},     {"=M8", "M8 alias"},
      {"<", "nothing"},       {"|", "nothing"},        {"=", "nothing"},
      {"", "nothing"},        {"<<f4", "nothing"},     {"< f4", "nothing"},
      {" f4", "nothing"},     {"f4 ", "nothing"},      {"<f", "f4 F32 alias"},
      {"=d", "f8 F64 alias"}, {"<d", "f8 F64 alias"},  {"|d", "f8 F64 alias"},
      {">d", "f8 F64 alias"}, {"|?", "b1 BOOL alias"}, {"<?", "b1 BOOL alias"},
  };
  for (const Case& each : cases) EXPECT_EQ(Read(each.text), each.read) << each.text;
}

// As C's strtol reads a number, up to what NumPy keeps as a C int.
TEST(TypeStringTest, Sizes) {
  const Case cases[] = {
      {"<f04", "f4 F32 alias"},
      {"<f+4", "f4 F32 alias"},
      {"<f 4", "f4 F32 alias"},
      {"<f\t4", "f4 F32 alias"},
      {"<f\n4", "f4 F32 alias"},
      {"<f\v4", "f4 F32 alias"},
      {"<f\f4", "f4 F32 alias"},
      {"<f\r4", "f4 F32 alias"},
      {"<f + 4", "nothing"},
      {"<f+ 4", "nothing"},
      {"<f++4", "nothing"},
      {"<f-4", "nothing"},
      {"<f 04", "f4 F32 alias"},
      {"<f", "f4 F32 alias"},
      {"<f4x", "nothing"},
      {"<f4 ", "nothing"},
      {"<f4.", "nothing"},
      {"<f4[s]", "nothing"},
      {"|S01", "S1 alias"},
      {"|S+1", "S1 alias"},
      {"|S 1", "S1 alias"},
      {"|S00", "S0 alias"},
      {"|S10", "S10"},
      {"|S2147483647", "S2147483647"},
      {"|S2147483648", "nothing"},
      {"|S4294967297", "nothing"},
      {"|S99999999999999999999", "nothing"},
      {"<U536870911", "U2147483644"},
      {"<U536870912", "nothing"},
      {"|V2147483647", "V2147483647"},
      {"|V2147483648", "nothing"},
      {"|a5", "a5 alias"},
      {"<a5", "a5 alias"},
      {"a5", "a5 alias"},
      {"|a0", "a0 alias"},
      {"|S:", "nothing"},
      {"|S/", "nothing"},
      {"|S1:", "nothing"},
      {"|S1/", "nothing"},
  };
  for (const Case& each : cases) EXPECT_EQ(Read(each.text), each.read) << each.text;
}

// The size of a time is compared as a letter, its unit may have a number.
TEST(TypeStringTest, Times) {
  const Case cases[] = {
      {"<M8[Y]", "M8"},
      {"<M8[M]", "M8"},
      {"<M8[W]", "M8"},
      {"<M8[D]", "M8"},
      {"<M8[h]", "M8"},
      {"<M8[m]", "M8"},
      {"<M8[s]", "M8"},
      {"<m8[ms]", "m8"},
      {"<m8[us]", "m8"},
      {"<m8[ns]", "m8"},
      {"<m8[ps]", "m8"},
      {"<m8[fs]", "m8"},
      {"<m8[as]", "m8"},
      {"<m8[25s]", "m8"},
      {"<m8[2147483647s]", "m8"},
      {"<m8[2147483648s]", "nothing"},
      {"<m8[0s]", "m8 alias"},
      {"<m8[025s]", "m8 alias"},
      {"<m8[+25s]", "m8 alias"},
      {"<m8[ 25s]", "m8 alias"},
      {"<m8[-25s]", "nothing"},
      {"<M8[generic]", "M8 alias"},
      {"<M8[25generic]", "nothing"},
      {"<M8[]", "nothing"},
      {"<M8[", "nothing"},
      {"<M8]", "nothing"},
      {"<M8s", "nothing"},
      {"<M8[s", "nothing"},
      {"<M8[sx", "nothing"},
      {"<M8[s)", "nothing"},
      {"<M8s]", "nothing"},
      {"<M8xs]", "nothing"},
      {"<M8[s]x", "nothing"},
      {"<M8[[s]]", "nothing"},
      {"<M8[B]", "nothing"},
      {"<M8[sec]", "nothing"},
      {"<M8[S]", "nothing"},
      {"<M8[s ]", "nothing"},
      {"<M8[ s]", "nothing"},
      {"<M8[25]", "nothing"},
      {"<M8[s/3]", "nothing"},
      {"<M08", "nothing"},
      {"<M08[s]", "nothing"},
      {"<M+8", "nothing"},
      {"<M 8[s]", "nothing"},
      {"|m8[s]", "m8 alias"},
      {"=m8[s]", "m8 alias"},
      {"m8[s]", "m8 alias"},
      {">m8[10as]", "m8"},
  };
  for (const Case& each : cases) EXPECT_EQ(Read(each.text), each.read) << each.text;
}

// One character: NumPy's letter for a type. T is a type of objects in the versions that have it.
TEST(TypeStringTest, Letters) {
  const Case cases[] = {
      {"?", "b1 BOOL alias"}, {"b", "i1 I8 alias"},   {"B", "u1 U8 alias"},
      {"h", "i2 I16 alias"},  {"H", "u2 U16 alias"},  {"i", "i4 I32 alias"},
      {"I", "u4 U32 alias"},  {"l", "i8 I64 alias"},  {"L", "u8 U64 alias"},
      {"q", "i8 I64 alias"},  {"Q", "u8 U64 alias"},  {"p", "i8 I64 alias"},
      {"P", "u8 U64 alias"},  {"n", "i8 I64 alias"},  {"N", "u8 U64 alias"},
      {"e", "f2 F16 alias"},  {"f", "f4 F32 alias"},  {"d", "f8 F64 alias"},
      {"g", "f16 alias"},     {"F", "c8 C64 alias"},  {"D", "c16 alias"},
      {"G", "c32 alias"},     {"S", "S0 alias"},      {"a", "S0 alias"},
      {"c", "S1 alias"},      {"U", "U0 alias"},      {"V", "V0 alias"},
      {"M", "M8 alias"},      {"m", "m8 alias"},      {"O", "O8 alias"},
      {"T", "O8 alias"},      {"x", "nothing"},       {"t", "nothing"},
      {"Z", "nothing"},       {"0", "nothing"},       {" ", "nothing"},
      {"<", "nothing"},       {"|", "nothing"},       {"=", "nothing"},
      {"[", "nothing"},       {"ff", "nothing"},      {"<e", "f2 F16 alias"},
      {"|h", "i2 I16 alias"}, {">q", "i8 I64 alias"}, {"=g", "f16 alias"},
  };
  for (const Case& each : cases) EXPECT_EQ(Read(each.text), each.read) << each.text;
}

// Names take no byte order, and only those of times a unit.
TEST(TypeStringTest, Words) {
  const Case cases[] = {
      {"bool", "b1 BOOL alias"},
      {"bool_", "b1 BOOL alias"},
      {"byte", "i1 I8 alias"},
      {"int8", "i1 I8 alias"},
      {"ubyte", "u1 U8 alias"},
      {"uint8", "u1 U8 alias"},
      {"short", "i2 I16 alias"},
      {"int16", "i2 I16 alias"},
      {"ushort", "u2 U16 alias"},
      {"uint16", "u2 U16 alias"},
      {"intc", "i4 I32 alias"},
      {"int32", "i4 I32 alias"},
      {"uintc", "u4 U32 alias"},
      {"uint32", "u4 U32 alias"},
      {"int", "i8 I64 alias"},
      {"int_", "i8 I64 alias"},
      {"intp", "i8 I64 alias"},
      {"long", "i8 I64 alias"},
      {"longlong", "i8 I64 alias"},
      {"int64", "i8 I64 alias"},
      {"uint", "u8 U64 alias"},
      {"uintp", "u8 U64 alias"},
      {"ulong", "u8 U64 alias"},
      {"ulonglong", "u8 U64 alias"},
      {"uint64", "u8 U64 alias"},
      {"half", "f2 F16 alias"},
      {"float16", "f2 F16 alias"},
      {"single", "f4 F32 alias"},
      {"float32", "f4 F32 alias"},
      {"float", "f8 F64 alias"},
      {"double", "f8 F64 alias"},
      {"float64", "f8 F64 alias"},
      {"longdouble", "f16 alias"},
      {"float128", "f16 alias"},
      {"csingle", "c8 C64 alias"},
      {"complex64", "c8 C64 alias"},
      {"complex", "c16 alias"},
      {"cdouble", "c16 alias"},
      {"complex128", "c16 alias"},
      {"clongdouble", "c32 alias"},
      {"complex256", "c32 alias"},
      {"str", "U0 alias"},
      {"str_", "U0 alias"},
      {"unicode", "U0 alias"},
      {"bytes", "S0 alias"},
      {"bytes_", "S0 alias"},
      {"void", "V0 alias"},
      {"datetime64", "M8 alias"},
      {"timedelta64", "m8 alias"},
      {"object", "O8 alias"},
      {"object_", "O8 alias"},
      {"datetime64[s]", "M8 alias"},
      {"timedelta64[25ns]", "m8 alias"},
      {"datetime64[generic]", "M8 alias"},
      {"datetime64[x]", "nothing"},
      {"datetime64[", "nothing"},
      {"float32[s]", "nothing"},
      {"<float32", "nothing"},
      {"=int8", "nothing"},
      {"|bool", "nothing"},
      {">datetime64[s]", "nothing"},
      {"Float32", "nothing"},
      {"float", "f8 F64 alias"},
      {"bfloat16", "nothing"},
      {"float8_e4m3fn", "nothing"},
      {"int4", "nothing"},
      {"floa", "nothing"},
      {"doubles", "nothing"},
      {"float4", "nothing"},
      {"string", "nothing"},
  };
  for (const Case& each : cases) EXPECT_EQ(Read(each.text), each.read) << each.text;
}

// A letter may also be a type's number in NumPy's C interface.
TEST(TypeStringTest, Numbers) {
  const std::string_view types[] = {"b1",  "i1", "u1", "i2", "u2", "i4",  "u4", "i8",
                                    "u8",  "i8", "u8", "f4", "f8", "f16", "c8", "c16",
                                    "c32", "O8", "S0", "U0", "V0", "M8",  "m8", "f2"};
  char number = 0;
  for (const std::string_view type : types) {
    const TypeString read = ReadTypeString(std::string_view(&number, 1));
    EXPECT_EQ(read.kind + std::to_string(read.bytes), type) << int{number};
    EXPECT_FALSE(read.plain) << int{number};
    ++number;
  }
  EXPECT_EQ(Read(std::string_view(&number, 1)), "nothing");
  for (const char odd : {'\x1f', '\x7f', '\x80', '\xff'}) {
    EXPECT_EQ(Read(std::string_view(&odd, 1)), "nothing");
  }
}

TEST(TypeStringTest, WhatHasOneOrder) {
  for (const char* text : {"|b1", "|i1", "|u1", "|S1", "|S5", "|S0", "|V1", "|V8", "|V0"}) {
    EXPECT_TRUE(HasOneOrder(ReadTypeString(text))) << text;
  }
  for (const char* text : {"<i2", "<f4", "<c8", "<U1", "<U0", "<M8", "<m8"}) {
    EXPECT_FALSE(HasOneOrder(ReadTypeString(text))) << text;
  }
}

}  // namespace
}  // namespace tensorgate::numpy::internal
