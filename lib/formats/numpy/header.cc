#include "lib/formats/numpy/header.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/utf8.h"
#include "lib/formats/numpy/descr.h"
#include "lib/formats/numpy/file.h"
#include "lib/formats/numpy/literal.h"
#include "tensorgate/tensor.h"

namespace tensorgate::numpy::internal {
namespace {

using tensorgate::internal::AsText;
using tensorgate::internal::DecodeUtf8;

constexpr std::uint64_t kMaxIndex = INT64_MAX, kMaxBits = UINT64_MAX;
// NumPy ends the header at a multiple of 64 (older versions: 16), so that a mapped array is
// aligned.
constexpr std::uint64_t kAlignment = 16;

struct Key {
  std::u32string_view name;
  std::string_view text;
  const Value* value = nullptr;
};

class Reader {
 public:
  Reader(std::span<const std::byte> text, Version version, Header& header, ReportBuilder& builder)
      : text_(AsText(text)), version_(version), header_(header), builder_(builder) {}

  void Read();

 private:
  bool Decode();
  bool ReadKeys();
  bool ReadElement(const Value& descr);
  void ReadOrder(const Value& order);
  void ReadShape(const Value& shape);
  void ReadSize(const Value& shape);
  void CheckForm();
  void SetFacts();

  std::uint64_t OffsetOf(std::uint32_t character) const;
  std::string_view Written(const Value& value) const {
    const std::size_t begin = ByteOf(value.begin);
    return text_.substr(begin, ByteOf(value.end) - begin);
  }
  std::size_t ByteOf(std::uint32_t character) const;
  void Add(Rule rule, std::uint32_t character, const Detail& detail = {}) {
    builder_.Add(rule, OffsetOf(character), detail);
  }
  void AddValue(Rule rule, const Value& value) {
    builder_.Add(rule, OffsetOf(value.begin), {.found_text = Written(value)});
  }
  void AddElement(Rule rule, const Place& place) {
    if (!place) return;
    builder_.Add(rule, OffsetOf(*place), {.found_text = header_.descr});
  }

  std::string_view text_;
  Version version_;
  Header& header_;
  ReportBuilder& builder_;
  std::u32string characters_;
  Literal literal_;
  std::array<Key, 3> keys_ = {
      {{U"descr", "descr"}, {U"fortran_order", "fortran_order"}, {U"shape", "shape"}}};
  bool wide_ = false;  // a character that versions 1.0 and 2.0 cannot encode
};

std::size_t Reader::ByteOf(std::uint32_t character) const {
  if (!version_.utf8()) return character;
  std::size_t bytes = 0;
  for (const char32_t c : std::u32string_view(characters_).substr(0, character)) {
    bytes += c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x1'0000 ? 3 : 4;
  }
  return bytes;
}

std::uint64_t Reader::OffsetOf(std::uint32_t character) const {
  return version_.prefix() + ByteOf(character);
}

// Latin-1 in versions 1.0 and 2.0, UTF-8 in 3.0.
bool Reader::Decode() {
  characters_.reserve(text_.size());
  for (std::string_view rest = text_; !rest.empty();) {
    const auto byte = static_cast<unsigned char>(rest[0]);
    auto next = version_.utf8() ? DecodeUtf8(rest) : tensorgate::internal::CodePoint{byte, 1};
    if (next.length == 0) {
      builder_.Add(Rule::kNumpyHeaderNotUtf8, version_.prefix() + text_.size() - rest.size(),
                   {.found = byte});
      return false;
    }
    characters_.push_back(static_cast<char32_t>(next.value));
    wide_ = wide_ || next.value > 0xFF;
    rest.remove_prefix(next.length);
  }
  if (characters_.size() <= kMaxHeader) return true;
  Add(Rule::kNumpyHeaderTooLong, 0, {.found = characters_.size(), .allowed = kMaxHeader});
  return false;
}

// Reads all entries; if a key occurs twice, the last one counts, as in Python.
bool Reader::ReadKeys() {
  const Literal::Items items = literal_.ItemsOf(literal_.root());
  for (auto item = items.begin(); item != items.end(); ++item) {
    const Value& name = *item;
    const Value& value = *++item;
    const auto key = std::ranges::find_if(keys_, [&](const Key& each) {
      return name.kind == Kind::kString && literal_.String(name) == each.name;
    });
    if (key == keys_.end()) {
      AddValue(Rule::kNumpyKeyUnknown, name);
      continue;
    }
    if (key->value != nullptr) AddValue(Rule::kNumpyKeyDuplicate, name);
    key->value = &value;
  }
  for (const Key& key : keys_) {
    if (key.value == nullptr) Add(Rule::kNumpyKeyMissing, 0, {.found_text = key.text});
  }
  return std::ranges::all_of(keys_, [](const Key& key) { return key.value != nullptr; });
}

// False if the element has no size.
bool Reader::ReadElement(const Value& descr) {
  header_.descr = Written(descr);
  if (descr.kind == Kind::kString)
    header_.descr = header_.descr.substr(1, header_.descr.size() - 2);
  const Descr element = ReadDescr(literal_, descr);
  header_.element_bytes = element.bytes;
  header_.dtype = element.dtype;
  AddElement(Rule::kNumpyDescrObject, element.object);
  AddElement(Rule::kNumpyDescrUnknown, element.unknown);
  AddElement(Rule::kNumpyFieldDuplicate, element.duplicate);
  if (element.refused()) return false;
  AddElement(Rule::kNumpyDescrAlias, element.alias);
  AddElement(Rule::kNumpyDescrMachine, element.machine);
  AddElement(Rule::kNumpyBigEndian, element.big_endian);
  if (!element.dtype) AddElement(Rule::kNumpyNoDtype, descr.begin);
  return true;
}

void Reader::ReadOrder(const Value& order) {
  if (order.kind != Kind::kBool) return AddValue(Rule::kNumpyOrderInvalid, order);
  header_.column_major = order.number != 0;
}

void Reader::ReadShape(const Value& shape) {
  if (shape.kind != Kind::kTuple) return AddValue(Rule::kNumpyShapeInvalid, shape);
  if (shape.count > kMaxRank) {
    return Add(Rule::kNumpyRank, shape.begin, {.found = shape.count, .allowed = kMaxRank});
  }
  if (shape.count > builder_.options().limits.rank) {
    return Add(Rule::kLimitRank, shape.begin,
               {.allowed = builder_.options().limits.rank, .subject = kTensorName});
  }
  for (const Value& dimension : literal_.ItemsOf(shape)) {
    if (dimension.kind != Kind::kInteger || dimension.negative) {
      return AddValue(Rule::kNumpyShapeInvalid, dimension);
    }
    header_.shape.push_back(dimension.number);
  }
}

// NumPy leaves out dimensions of 0, and stores the size in bytes as a signed number.
void Reader::ReadSize(const Value& shape) {
  tensorgate::internal::ShapeSize<std::uint64_t> size;
  for (const std::uint64_t dimension : header_.shape) size.Multiply(dimension);
  std::uint64_t bytes = size.nonzero;
  const std::uint64_t element = std::max<std::uint64_t>(header_.element_bytes, 1);
  if (size.nonzero_overflows || tensorgate::internal::MultiplyOverflows(bytes, element) ||
      bytes > kMaxIndex) {
    return AddValue(Rule::kNumpyShapeOverflow, shape);
  }
  if (bytes > kMaxBits / 8) AddValue(Rule::kNumpyShapeLarge, shape);
  header_.elements = size.zero ? 0 : size.nonzero;
  header_.data_bytes = header_.elements * header_.element_bytes;
  if (header_.element_bytes == 0 && header_.elements != 0) {
    builder_.Add(Rule::kNumpyDescrZeroSize, OffsetOf(shape.begin),
                 {.found = header_.elements, .found_text = header_.descr});
  }
}

// What readers that look at fixed positions assume.
void Reader::CheckForm() {
  const std::string descr = "{'descr': " + std::string(Written(*keys_[0].value));
  const std::string order = header_.column_major ? ", 'fortran_order': True, 'shape': ("
                                                 : ", 'fortran_order': False, 'shape': (";
  if (!text_.starts_with(descr + order) || !text_.ends_with('\n')) {
    Add(Rule::kNumpyHeaderForm, 0);
  }
  if (header_.column_major && header_.shape.size() > 1) {
    Add(Rule::kNumpyColumnMajor, keys_[1].value->begin);
  }
  if (header_.data_offset % kAlignment != 0) {
    builder_.Add(Rule::kNumpyUnaligned, header_.data_offset,
                 {.found = header_.data_offset, .allowed = kAlignment});
  }
  if (version_.major == 2 || (version_.major == 3 && !wide_)) {
    builder_.Add(Rule::kNumpyVersionHigh, kMagic.size(), {.found = version_.major});
  }
}

void Reader::SetFacts() {
  const std::size_t text = text_.find_last_not_of(" \n") + 1;
  builder_.SetFacts({.header_bytes = text_.size(),
                     .padding_bytes = text_.size() - text,
                     .tensors = 1,
                     .parameters = header_.elements,
                     .data_bytes = header_.data_bytes});
}

void Reader::Read() {
  if (!Decode()) return;
  auto parsed = ParseLiteral(characters_, version_.major <= 2);
  if (!parsed) {
    const LiteralError& error = parsed.error();
    return Add(Rule::kNumpyHeaderSyntax, error.offset, {.found_text = error.expected});
  }
  literal_ = *std::move(parsed);
  if (literal_.root().kind != Kind::kDict) {
    return Add(Rule::kNumpyHeaderSyntax, literal_.root().begin, {.found_text = "a dict"});
  }
  if (literal_.loose) Add(Rule::kNumpyHeaderLoose, *literal_.loose);
  if (literal_.python2_long) Add(Rule::kNumpyPython2Long, *literal_.python2_long);
  if (!ReadKeys()) return;
  const bool sized = ReadElement(*keys_[0].value);
  ReadOrder(*keys_[1].value);
  ReadShape(*keys_[2].value);
  if (sized && header_.shape.size() == keys_[2].value->count) ReadSize(*keys_[2].value);
  SetFacts();
  CheckForm();
}

}  // namespace

void ReadHeader(std::span<const std::byte> text, Version version, Header& header,
                ReportBuilder& builder) {
  header.data_offset = version.prefix() + text.size();
  Reader(text, version, header, builder).Read();
}

void CheckDataSize(const Header& header, ReportBuilder& builder) {
  const std::uint64_t rest = header.file_size - header.data_offset;
  const std::uint64_t end = header.data_offset + header.data_bytes;
  const Detail detail = {.found = rest, .allowed = header.data_bytes};
  if (rest < header.data_bytes) builder.Add(Rule::kNumpyDataTooShort, header.file_size, detail);
  if (rest > header.data_bytes) builder.Add(Rule::kNumpyDataTrailing, end, detail);
}

}  // namespace tensorgate::numpy::internal
