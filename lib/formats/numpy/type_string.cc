#include "lib/formats/numpy/type_string.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <string>

namespace tensorgate::numpy::internal {
namespace {

// `<f4` is byte order, kind, size.
struct Sized {
  char kind;
  std::uint64_t bytes;
  std::optional<DType> dtype = {};
};
constexpr Sized kSized[] = {{'b', 1, DType::kBool},
                            {'i', 1, DType::kI8},
                            {'i', 2, DType::kI16},
                            {'i', 4, DType::kI32},
                            {'i', 8, DType::kI64},
                            {'u', 1, DType::kU8},
                            {'u', 2, DType::kU16},
                            {'u', 4, DType::kU32},
                            {'u', 8, DType::kU64},
                            {'f', 2, DType::kF16},
                            {'f', 4, DType::kF32},
                            {'f', 8, DType::kF64},
                            {'f', 16},
                            {'c', 8, DType::kC64},
                            {'c', 16},
                            {'c', 32},
                            {'M', 8},
                            {'m', 8},
                            {'O', 4},
                            {'O', 8}};

// Kinds that can have any size, and the bytes per unit of size.
constexpr Sized kFlexible[] = {{'S', 1}, {'a', 1}, {'V', 1}, {'U', 4}};

// Other names that NumPy accepts as type strings, on 64-bit Linux. It writes none of them. Several
// types in one string, as in "f4,f4" or "2f4", are not included: both profiles refuse them.
struct Alias {
  std::string_view name;
  std::string_view means;
};
constexpr Alias kLetters[] = {
    {"?", "b1"},  {"b", "i1"}, {"B", "u1"}, {"h", "i2"}, {"H", "u2"},  {"i", "i4"}, {"I", "u4"},
    {"l", "i8"},  {"L", "u8"}, {"q", "i8"}, {"Q", "u8"}, {"p", "i8"},  {"P", "u8"}, {"n", "i8"},
    {"N", "u8"},  {"e", "f2"}, {"f", "f4"}, {"d", "f8"}, {"g", "f16"}, {"F", "c8"}, {"D", "c16"},
    {"G", "c32"}, {"S", "S0"}, {"a", "S0"}, {"c", "S1"}, {"U", "U0"},  {"V", "V0"}, {"M", "M8"},
    {"m", "m8"},  {"O", "O8"}, {"T", "O8"}};
constexpr Alias kWords[] = {
    {"bool", "b1"},        {"bool_", "b1"},     {"byte", "i1"},        {"int8", "i1"},
    {"ubyte", "u1"},       {"uint8", "u1"},     {"short", "i2"},       {"int16", "i2"},
    {"ushort", "u2"},      {"uint16", "u2"},    {"intc", "i4"},        {"int32", "i4"},
    {"uintc", "u4"},       {"uint32", "u4"},    {"int", "i8"},         {"int_", "i8"},
    {"intp", "i8"},        {"long", "i8"},      {"longlong", "i8"},    {"int64", "i8"},
    {"uint", "u8"},        {"uintp", "u8"},     {"ulong", "u8"},       {"ulonglong", "u8"},
    {"uint64", "u8"},      {"half", "f2"},      {"float16", "f2"},     {"single", "f4"},
    {"float32", "f4"},     {"float", "f8"},     {"double", "f8"},      {"float64", "f8"},
    {"longdouble", "f16"}, {"float128", "f16"}, {"csingle", "c8"},     {"complex64", "c8"},
    {"complex", "c16"},    {"cdouble", "c16"},  {"complex128", "c16"}, {"clongdouble", "c32"},
    {"complex256", "c32"}, {"str", "U0"},       {"str_", "U0"},        {"unicode", "U0"},
    {"bytes", "S0"},       {"bytes_", "S0"},    {"void", "V0"},        {"datetime64", "M8"},
    {"timedelta64", "m8"}, {"object", "O8"},    {"object_", "O8"}};
// Types by their number in NumPy's C interface: NumPy also accepts a character with that code.
constexpr std::string_view kNumbers[] = {"b1",  "i1", "u1", "i2", "u2", "i4",  "u4", "i8",
                                         "u8",  "i8", "u8", "f4", "f8", "f16", "c8", "c16",
                                         "c32", "O8", "S0", "U0", "V0", "M8",  "m8", "f2"};
constexpr std::string_view kUnits[] = {"Y",  "M",  "W",  "D",  "h",  "m", "s",
                                       "ms", "us", "ns", "ps", "fs", "as"};

// Reads the number at the start of `text` and removes it, like C's strtol: after blanks and a sign.
// std::nullopt if there is none, or it is far too large. `plain` is cleared unless it is NumPy's
// own spelling.
std::optional<std::uint64_t> TakeNumber(std::string_view& text, bool& plain) {
  std::size_t at = std::min(text.find_first_not_of(" \t\n\v\f\r"), text.size());
  if (at < text.size() && text[at] == '+') ++at;
  const std::size_t digits = at;
  std::uint64_t number = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    number = number * 10 + static_cast<std::uint64_t>(text[at] - '0');
    if (number > kMaxElement) return std::nullopt;
  }
  if (at == digits) return std::nullopt;
  plain = digits == 0 && (text[0] != '0' || at == 1);
  text.remove_prefix(at);
  return number;
}

// The unit of a time type, "[25s]". `plain` is cleared unless it is NumPy's own spelling.
bool IsUnit(std::string_view text, bool& plain) {
  if (!text.starts_with('[') || !text.ends_with(']')) return false;
  text = text.substr(1, text.size() - 2);
  if (text == "generic") {
    plain = false;
    return true;
  }
  if (std::ranges::find(kUnits, text) == std::end(kUnits)) {
    const std::optional<std::uint64_t> number = TakeNumber(text, plain);
    plain = plain && number && *number != 0;
    if (!number) return false;
  }
  return std::ranges::find(kUnits, text) != std::end(kUnits);
}

// Reads kind, size and unit.
TypeString ReadKind(std::string_view text) {
  TypeString type;
  const char kind = text[0];
  text.remove_prefix(1);
  const std::optional<std::uint64_t> number = TakeNumber(text, type.plain);
  if (!number) return type;
  if (kind == 'M' || kind == 'm') {
    if (!type.plain) return type;  // the size must be written exactly as "8"
    if (!text.empty() && !IsUnit(text, type.plain)) return type;
  } else if (!text.empty()) {
    return type;
  }
  for (const Sized& sized : kSized) {
    if (sized.kind != kind || sized.bytes != *number) continue;
    type.kind = kind;
    type.bytes = *number;
    type.dtype = sized.dtype;
  }
  for (const Sized& unit : kFlexible) {
    if (unit.kind != kind || *number > kMaxElement / unit.bytes) continue;
    type.kind = kind;
    type.bytes = *number * unit.bytes;
    type.plain = type.plain && kind != 'a';
  }
  return type;
}

std::optional<std::string_view> FindAlias(std::span<const Alias> aliases, std::string_view name) {
  const auto found = std::ranges::find(aliases, name, &Alias::name);
  if (found == aliases.end()) return std::nullopt;
  return found->means;
}

// Kind and size for a name that NumPy accepts but never writes.
std::optional<std::string> MeaningOf(std::string_view text, bool ordered) {
  if (text.size() == 1) {
    const auto number = static_cast<unsigned char>(text[0]);
    if (number < std::size(kNumbers)) return std::string(std::span(kNumbers)[number]);
    if (const auto letter = FindAlias(kLetters, text)) return std::string(*letter);
  }
  const std::size_t unit = std::min(text.find('['), text.size());
  const auto word = FindAlias(kWords, text.substr(0, unit));
  if (!word || ordered) return std::nullopt;
  return std::string(*word) + std::string(text.substr(unit));
}

}  // namespace

TypeString ReadTypeString(std::string_view text) {
  const bool ordered = !text.empty() && std::string_view("<>|=").contains(text[0]);
  const char order = ordered ? text[0] : '=';
  if (ordered) text.remove_prefix(1);
  if (text.empty()) return {};
  const std::optional<std::string> meaning = MeaningOf(text, ordered);
  TypeString type = ReadKind(meaning ? *meaning : text);
  if (meaning || order == '=' || (order == '|' && !HasOneOrder(type))) type.plain = false;
  return type;
}

}  // namespace tensorgate::numpy::internal
