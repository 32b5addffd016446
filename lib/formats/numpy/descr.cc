#include "lib/formats/numpy/descr.h"

#include <set>
#include <string>
#include <utility>

#include "lib/formats/numpy/type_string.h"

namespace tensorgate::numpy::internal {
namespace {

// Maximum number of dimensions of a subarray.
constexpr std::size_t kMaxDimensions = 64;

class Reader {
 public:
  explicit Reader(const Literal& literal) : literal_(literal) {}

  struct Element {
    std::uint64_t bytes = 0;
    bool is_void = false;  // `V`, or an array of elements
    bool has_fields = false;
  };

  // The recursion is limited by the nesting of the literal's brackets.
  Element Read(const Value& value) {
    if (value.kind == Kind::kString) return String(value);
    if (value.kind == Kind::kList) return Fields(value);
    if (value.kind == Kind::kTuple && value.count >= 2) {
      auto item = literal_.ItemsOf(value).begin();
      Note(descr_.alias, value);
      const Element element = Read(*item);
      return Repeated(element, *++item);
    }
    return Unknown(value);
  }
  const Descr& result() const { return descr_; }

 private:
  static void Note(Place& place, const Value& value) {
    if (!place) place = value.begin;
  }
  Element Unknown(const Value& value) {
    Note(descr_.unknown, value);
    return {};
  }
  Element String(const Value& value);
  Element Fields(const Value& list);
  Element Field(const Value& field);
  void Names(const Value& name, bool is_void);
  Element Repeated(Element element, const Value& shape);

  const Literal& literal_;
  Descr descr_;
  std::set<std::u32string_view>* names_ = nullptr;  // names and titles of the current fields
};

Reader::Element Reader::String(const Value& value) {
  const std::u32string_view wide = literal_.String(value);
  std::string text;
  for (const char32_t c : wide) {
    if (c >= 0x80) return Unknown(value);
    text.push_back(static_cast<char>(c));
  }
  const TypeString type = ReadTypeString(text);
  if (type.kind == 0) return Unknown(value);
  if (type.kind == 'O') Note(descr_.object, value);
  if (!type.plain) Note(descr_.alias, value);
  if (type.kind == 'f' && type.bytes == 16) Note(descr_.machine, value);
  if (type.kind == 'c' && type.bytes == 32) Note(descr_.machine, value);
  const bool swapped = text.starts_with('>') && !HasOneOrder(type);
  if (swapped) Note(descr_.big_endian, value);
  if (!swapped) descr_.dtype = type.dtype;
  return {.bytes = type.bytes, .is_void = type.kind == 'V'};
}

Reader::Element Reader::Fields(const Value& list) {
  std::set<std::u32string_view> names;
  auto* const outer = std::exchange(names_, &names);
  Element whole;
  for (const Value& field : literal_.ItemsOf(list)) {
    const Element element = Field(field);
    whole.bytes += element.bytes;  // both at most kMaxElement
    if (whole.bytes > kMaxElement) whole = Unknown(list);
  }
  names_ = outer;
  descr_.dtype = std::nullopt;
  whole.has_fields = true;
  return whole;
}

Reader::Element Reader::Field(const Value& field) {
  const bool sequence = field.kind == Kind::kTuple || field.kind == Kind::kList;
  if (!sequence || field.count < 2 || field.count > 3) return Unknown(field);
  if (field.kind == Kind::kList) Note(descr_.alias, field);
  auto item = literal_.ItemsOf(field).begin();
  const Value& name = *item;
  Element element = Read(*++item);
  if (field.count == 3) element = Repeated(element, *++item);
  Names(name, element.is_void);
  return element;
}

// NumPy writes padding between fields as a field without a name.
void Reader::Names(const Value& name, bool is_void) {
  const bool titled = name.kind == Kind::kTuple && name.count == 2;
  if (name.kind == Kind::kString && name.count == 0 && is_void) return;
  if (!titled && name.kind != Kind::kString) {
    Unknown(name);
    return;
  }
  const auto add = [&](const Value& each) {
    if (each.kind != Kind::kString) {
      Unknown(each);
    } else if (!names_->insert(literal_.String(each)).second) {
      Note(descr_.duplicate, each);
    }
    if (each.count == 0) Note(descr_.alias, each);
  };
  if (!titled) return add(name);
  for (const Value& each : literal_.ItemsOf(name)) add(each);
}

Reader::Element Reader::Repeated(Element element, const Value& shape) {
  descr_.dtype = std::nullopt;
  const bool number = shape.kind == Kind::kInteger;
  if (!number && shape.kind != Kind::kTuple && shape.kind != Kind::kList) return Unknown(shape);
  if (shape.kind != Kind::kTuple) Note(descr_.alias, shape);
  if (shape.count > kMaxDimensions) return Unknown(shape);
  // NumPy takes an empty list for fields, and has no array of elements whose size is still to be chosen, such as "|V0".
  if (shape.kind == Kind::kList && shape.count == 0) return Unknown(shape);
  if (element.bytes == 0 && !element.has_fields) return Unknown(shape);
  const auto repeat = [&](const Value& dimension) {
    const bool fits =
        dimension.kind == Kind::kInteger && !dimension.negative && dimension.number <= kMaxElement;
    if (fits) element.bytes *= dimension.number;  // both at most kMaxElement
    if (!fits || element.bytes > kMaxElement) element = Unknown(dimension);
    element.is_void = true;
    element.has_fields = false;
  };
  if (number) repeat(shape);
  for (const Value& dimension : literal_.ItemsOf(shape)) repeat(dimension);
  return element;
}

}  // namespace

Descr ReadDescr(const Literal& literal, const Value& descr) {
  Reader reader(literal);
  const std::uint64_t bytes = reader.Read(descr).bytes;
  Descr result = reader.result();
  result.bytes = bytes;
  // For nested subarrays NumPy reads more elements than the shape has, and fails.
  if (descr.kind == Kind::kTuple && !result.unknown &&
      Reader(literal).Read(*literal.ItemsOf(descr).begin()).bytes != bytes) {
    result.unknown = descr.begin;
  }
  return result;
}

}  // namespace tensorgate::numpy::internal
