#include "crafted.h"

#include <utility>

#include "mutator.h"

namespace tensorgate::side_by_side {
namespace {

constexpr std::string_view kJson = "InvalidHeaderDeserialization";
constexpr std::string_view kUtf8 = "InvalidHeader";
constexpr std::string_view kOffset = "InvalidOffset";
constexpr std::string_view kOverflow = "ValidationOverflow";
constexpr std::string_view kBits = "MisalignedSlice";
constexpr std::string_view kSize = "TensorInvalidInfo";
constexpr std::string_view kEnd = "MetadataIncompleteBuffer";
const std::string kData16(16, '\x2A');
// `a`, 16 bytes, which most of the cases change.
const std::string kA = R"("a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]})";

class Builder {
 public:
  // A header with a correct length.
  void Add(std::string header, std::string_view data, std::string_view error,
           std::optional<Rule> reason) {
    mutator::Parts parts;
    parts.announced = header.size();
    parts.header = header;
    parts.data = data;
    cases_.push_back({std::move(header), mutator::Join(parts), error, reason});
  }
  // `a` with other fields.
  void Fields(const std::string& fields, std::string_view data, std::string_view error,
              std::optional<Rule> reason) {
    Add("{\"a\":{" + fields + "}}", data, error, reason);
  }
  void Tensor(const std::string& dtype, const std::string& shape, const std::string& offsets,
              std::string_view data, std::string_view error, std::optional<Rule> reason) {
    Fields("\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets, data,
           error, reason);
  }
  // Any bytes.
  void Raw(std::string what, std::uint64_t announced, std::string rest, std::string_view error,
           std::optional<Rule> reason) {
    mutator::Parts parts;
    parts.announced = announced;
    parts.header = std::move(rest);
    cases_.push_back({std::move(what), mutator::Join(parts), error, reason});
  }
  std::vector<Crafted> Take() { return std::move(cases_); }

 private:
  std::vector<Crafted> cases_;
};

void AddLengths(Builder& to) {
  to.Raw("length 2^64-1", ~std::uint64_t{0}, "{}", "HeaderTooLarge", Rule::kStHeaderTooLarge);
  to.Raw("length 100,000,001", 100'000'001, "{}", "HeaderTooLarge", Rule::kStHeaderTooLarge);
  to.Raw("length 100,000,000", 100'000'000, "{}", "InvalidHeaderLength", Rule::kStHeaderPastEnd);
  to.Raw("length one past the end", 3, "{}", "InvalidHeaderLength", Rule::kStHeaderPastEnd);
  to.Raw("smallest", 2, "{}", "", std::nullopt);
  to.Raw("empty object and a byte", 2, "{}x", kEnd, Rule::kStDataTrailing);
}

void AddJson(Builder& to) {
  to.Add("{" + kA + "}", kData16, "", std::nullopt);
  to.Add("{" + kA + "}    ", kData16, "", std::nullopt);
  to.Add("{" + kA + "}\n", kData16, "", Rule::kStHeaderPadding);
  to.Add("{" + kA + "}  \t  ", kData16, "", Rule::kStHeaderPadding);
  to.Add(" {" + kA + "}", kData16, "", Rule::kStHeaderStart);
  to.Add("\r\n{" + kA + "}", kData16, "", Rule::kStHeaderStart);
  to.Add("{ \t\n" + kA + " \r}", kData16, "", std::nullopt);
  to.Add("{" + kA + "}" + std::string(2, '\0'), kData16, kJson, Rule::kStJsonTrailing);
  to.Add("{" + kA + "}xyz", kData16, kJson, Rule::kStJsonTrailing);
  to.Add("{" + kA + "}{}", kData16, kJson, Rule::kStJsonTrailing);
  to.Add("{" + kA + ",}", kData16, kJson, Rule::kStJsonSyntax);
  to.Add("{'a':1}", "", kJson, Rule::kStJsonSyntax);
  to.Add("{" + kA, kData16, kJson, Rule::kStJsonSyntax);
  to.Add("{/**/}", "", kJson, Rule::kStJsonSyntax);
  to.Add("[1,2,3]", "", kJson, Rule::kStRootNotObject);
  to.Add("{\"a\xFF\":1}", "", kUtf8, Rule::kStHeaderNotUtf8);
  to.Add("{\"\xED\xA0\x80\":1}", "", kUtf8, Rule::kStHeaderNotUtf8);
  to.Add("{\"\x01\":{}}", "", kJson, Rule::kStJsonSyntax);
  to.Add("{\"\\ud800\":{}}", "", kJson, Rule::kStJsonSyntax);
  to.Add("{\"a\\u0000b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", "", "",
         std::nullopt);
  to.Add("{\"\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", "", "", std::nullopt);
  const std::string deep(125, '['), deep_end(125, ']');
  to.Fields("\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0],\"x\":" + deep + deep_end, "",
            "", Rule::kStFieldUnknown);
  to.Fields("\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0],\"x\":[" + deep + deep_end + "]",
            "", kJson, Rule::kStJsonDepth);
  to.Fields("\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0],\"x\":0e99999999999", "", "",
            Rule::kStFieldUnknown);
}

void AddMetadata(Builder& to) {
  to.Add(R"({"__metadata__":null})", "", "", std::nullopt);
  to.Add(R"({"__metadata__":{}})", "", "", std::nullopt);
  to.Add(R"({"__metadata__":{"x":"1","y":"2"}})", "", "", std::nullopt);
  to.Add(R"({"__metadata__":{"x":"1","x":"2"}})", "", "", Rule::kStMetadataKeyDuplicate);
  to.Add(R"({"__metadata__":{"x":"1","\u0078":"2"}})", "", "", Rule::kStMetadataKeyDuplicate);
  to.Add(R"({"__metadata__":{"x":1,"x":"2"}})", "", kJson, Rule::kStMetadataNotString);
  to.Add(R"({"__metadata__":{"x":1}})", "", kJson, Rule::kStMetadataNotString);
  to.Add(R"({"__metadata__":{"x":null}})", "", kJson, Rule::kStMetadataNotString);
  to.Add(R"({"__metadata__":[]})", "", kJson, Rule::kStMetadataNotObject);
  to.Add(R"({"__metadata__":"x"})", "", kJson, Rule::kStMetadataNotObject);
  to.Add(R"({"__metadata__":{},"__metadata__":{}})", "", kJson, Rule::kStMetadataRepeated);
  to.Add(R"({"__metadata__":null,"__metadata__":null})", "", kJson, Rule::kStMetadataRepeated);
  to.Add(R"({"__metadata__":null,"\u005f_metadata__":null})", "", kJson, Rule::kStMetadataRepeated);
  to.Add(R"({"\u005f_metadata__":{"x":"1"}})", "", "", std::nullopt);
}

void AddEntries(Builder& to) {
  to.Add(R"({"a":["F32",[4],[0,16]]})", kData16, "", Rule::kStTensorAsArray);
  to.Add(R"({"a":["F32",[4]]})", kData16, kJson, Rule::kStTensorItems);
  to.Add(R"({"a":["F32",[4],[0,16],0]})", kData16, kJson, Rule::kStTensorItems);
  to.Tensor(R"({"F32":null})", "[4]", "[0,16]", kData16, "", Rule::kStDtypeAsMap);
  to.Add(R"({"a":1})", "", kJson, Rule::kStTensorNotObject);
  to.Add(R"({"a":null})", "", kJson, Rule::kStTensorNotObject);
  to.Add(R"({"a":{}})", "", kJson, Rule::kStFieldMissing);
  to.Fields(R"("dtype":"F32","shape":[4])", kData16, kJson, Rule::kStFieldMissing);
  to.Fields(R"("dtype":"F32","dtype":"F32","shape":[4],"data_offsets":[0,16])", kData16, kJson,
            Rule::kStFieldDuplicate);
  to.Fields(R"("dtype":"F32","shape":[4],"data_offsets":[0,16],"x":[1,{"y":2}])", kData16, "",
            Rule::kStFieldUnknown);
  to.Fields(R"("d\u0074ype":"F\u00332","shape":[4],"data_offsets":[0,16])", kData16, "",
            std::nullopt);
  to.Tensor("\"F128\"", "[4]", "[0,16]", kData16, kJson, Rule::kStDtypeUnknown);
  to.Tensor("\"f32\"", "[4]", "[0,16]", kData16, kJson, Rule::kStDtypeUnknown);
  to.Tensor("4", "[4]", "[0,16]", kData16, kJson, Rule::kStFieldType);
  to.Tensor("\"F32\"", "4", "[0,16]", kData16, kJson, Rule::kStFieldType);
  to.Tensor("\"F32\"", "null", "[0,16]", kData16, kJson, Rule::kStFieldType);
  for (const char* dimension : {"4.0", "4e0", "-4", "18446744073709551616", "-0"}) {
    to.Tensor("\"F32\"", std::string("[") + dimension + "]", "[0,16]", kData16, kJson,
              Rule::kStDimensionNotInteger);
    to.Tensor("\"F32\"", "[4]", std::string("[0,") + dimension + "]", kData16, kJson,
              Rule::kStOffsetNotInteger);
  }
  to.Tensor("\"F32\"", "[4]", "[0]", kData16, kJson, Rule::kStOffsetsCount);
  to.Tensor("\"F32\"", "[4]", "[0,16,16]", kData16, kJson, Rule::kStOffsetsCount);
  to.Add("{" + kA + "," + kA + "}", kData16, "", Rule::kStNameDuplicate);
  to.Add("{" + kA + R"(,"\u0061":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})", kData16,
         "", Rule::kStNameDuplicate);
  to.Add("{" + kA + R"(,"a":{"dtype":"F32","shape":[4],"data_offsets":[16,32]}})",
         kData16 + kData16, kOffset, Rule::kStNameDuplicate);
  to.Add(R"({"a":{"dtype":"F32","shape":[9],"data_offsets":[77,5]},)" + kA + "}", kData16, "",
         Rule::kStNameDuplicate);
}

void AddShapes(Builder& to) {
  to.Tensor("\"F32\"", "[4294967296,4294967296]", "[0,0]", "", kOverflow, Rule::kStShapeOverflow);
  to.Tensor("\"F32\"", "[0,4611686018427387904,4611686018427387904]", "[0,0]", "", "",
            Rule::kStShapeOverflowHidden);
  to.Tensor("\"F32\"", "[4611686018427387904,4611686018427387904,0]", "[0,0]", "", kOverflow,
            Rule::kStShapeOverflow);
  to.Tensor("\"U64\"", "[0,288230376151711743]", "[0,0]", "", "", std::nullopt);
  to.Tensor("\"U64\"", "[0,288230376151711744]", "[0,0]", "", "", Rule::kStShapeOverflowHidden);
  to.Tensor("\"F4\"", "[3]", "[0,2]", "12", kBits, Rule::kStSizeNotBytes);
  to.Tensor("\"F4\"", "[]", "[0,1]", "1", kBits, Rule::kStSizeNotBytes);
  to.Tensor("\"F4\"", "[2,3]", "[0,3]", "123", "", Rule::kStSubByteRow);
  to.Tensor("\"F4\"", "[0,3]", "[0,0]", "", "", Rule::kStSubByteRow);
  to.Tensor("\"F4\"", "[3,2]", "[0,3]", "123", "", std::nullopt);
  to.Tensor("\"F6_E2M3\"", "[4]", "[0,3]", "123", "", std::nullopt);
  to.Tensor("\"F32\"", "[3]", "[0,16]", kData16, kSize, Rule::kStSizeMismatch);
  to.Tensor("\"F32\"", "[]", "[0,4]", "1234", "", std::nullopt);
  to.Tensor("\"U8\"", "[1,1,1,1,1,1,1,1,1,1,1,1]", "[0,1]", "1", "", std::nullopt);
}

void AddRanges(Builder& to) {
  const auto two = [](unsigned b0, unsigned e0, unsigned b1, unsigned e1) {
    const auto one = [](const char* name, unsigned begin, unsigned end) {
      return std::string("\"") + name + "\":{\"dtype\":\"U8\",\"shape\":[" +
             std::to_string(end - begin) + "],\"data_offsets\":[" + std::to_string(begin) + "," +
             std::to_string(end) + "]}";
    };
    return "{" + one("a", b0, e0) + "," + one("b", b1, e1) + "}";
  };
  to.Add(two(0, 8, 8, 16), kData16, "", std::nullopt);
  to.Add(two(8, 16, 0, 8), kData16, "", std::nullopt);
  to.Add(two(0, 16, 0, 0), kData16, "", std::nullopt);
  to.Add(two(0, 16, 16, 16), kData16, "", std::nullopt);
  to.Add(two(0, 8, 9, 16), kData16, kOffset, Rule::kStOffsetsHole);
  to.Add(two(1, 8, 8, 16), kData16, kOffset, Rule::kStOffsetsHole);
  to.Add(two(0, 9, 8, 16), kData16, kOffset, Rule::kStOffsetsOverlap);
  to.Add(two(0, 16, 0, 16), kData16, kOffset, Rule::kStOffsetsOverlap);
  to.Add(two(0, 16, 8, 8), kData16, kOffset, Rule::kStOffsetsOverlap);
  to.Tensor("\"F32\"", "[4]", "[16,0]", kData16, kOffset, Rule::kStOffsetsReversed);
  to.Add("{" + kA + "}", kData16.substr(4), kEnd, Rule::kStDataPastEnd);
  to.Add("{" + kA + "}", kData16 + "1234", kEnd, Rule::kStDataTrailing);
}

}  // namespace

const std::vector<Crafted>& CraftedFiles() {
  static const std::vector<Crafted> cases = [] {
    Builder builder;
    AddLengths(builder);
    AddJson(builder);
    AddMetadata(builder);
    AddEntries(builder);
    AddShapes(builder);
    AddRanges(builder);
    return builder.Take();
  }();
  return cases;
}

}  // namespace tensorgate::side_by_side
