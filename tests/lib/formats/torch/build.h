// Checkpoints as torch.save writes them, built without PyTorch: values as their pickle code,
// records as given.
#ifndef TENSORGATE_TESTS_LIB_FORMATS_TORCH_BUILD_H_
#define TENSORGATE_TESTS_LIB_FORMATS_TORCH_BUILD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/crc32.h"

namespace tensorgate::testing::torch {

inline std::string Little(std::uint64_t number, int bytes) {
  std::string text;
  for (; bytes > 0; --bytes, number >>= 8) text += static_cast<char>(number);
  return text;
}

inline std::string Text(std::string_view text) {
  return "X" + Little(text.size(), 4) + std::string(text);
}

inline std::string Number(std::uint64_t number) {
  return number <= INT32_MAX ? "J" + Little(number, 4) : "\x8a\x08" + Little(number, 8);
}

inline std::string Tuple(const std::vector<std::uint64_t>& numbers) {
  std::string code = "(";
  for (const std::uint64_t number : numbers) code += Number(number);
  return code + "t";
}

using Items = std::vector<std::pair<std::string, std::string>>;

inline std::string Dict(const Items& items) {
  std::string code = "}(";
  for (const auto& [key, value] : items) code += Text(key) + value;
  return code + "u";
}

/// Elements of one storage, which has its own record.
struct View {
  std::vector<std::uint64_t> shape, stride;
  std::uint64_t offset = 0;
  std::size_t record = 0;
  std::uint64_t elements = 0;  ///< Number in the storage.
  const char* storage = "FloatStorage";

  std::string Code() const {
    return "ctorch._utils\n_rebuild_tensor_v2\n((" + Text("storage") + "ctorch\n" + storage + "\n" +
           Text(std::to_string(record)) + Text("cpu") + Number(elements) + "tQ" + Number(offset) +
           Tuple(shape) + Tuple(stride) + "\x89" + "ccollections\nOrderedDict\n)RtR";
  }
};

/// The archive: `value` as its pickle, the records of its storages, and empty members with the
/// names `also`.
inline std::string File(std::string_view value, const std::vector<std::string>& records,
                        const std::vector<std::string>& also = {}) {
  Items members = {{"data.pkl", "\x80\x02" + std::string(value) + "."}, {"byteorder", "little"}};
  for (const std::string& name : also) members.emplace_back(name, "");
  for (std::size_t i = 0; i < records.size(); ++i) {
    members.emplace_back("data/" + std::to_string(i), records[i]);
  }
  members.emplace_back("version", "3\n");
  std::string file, list;
  for (const auto& [name, content] : members) {
    // Version 2.0, no flags, not compressed, the earliest date.
    std::string common =
        Little(20, 2) + Little(0, 4) + Little(0x0021'0000, 4) +
        Little(tensorgate::internal::Crc32(0, tensorgate::internal::AsBytes(content)), 4) +
        Little(content.size(), 4) + Little(content.size(), 4) + Little(2 + name.size(), 2) +
        Little(0, 2);
    list +=
        "PK\1\2" + Little(20, 2) + common + Little(0, 10) + Little(file.size(), 4) + "m/" + name;
    file += "PK\3\4" + common + "m/" + name + content;
  }
  const std::string count = Little(members.size(), 2);
  return file + list + "PK\5\6" + Little(0, 4) + count + count + Little(list.size(), 4) +
         Little(file.size(), 4) + Little(0, 2);
}

}  // namespace tensorgate::testing::torch

#endif  // TENSORGATE_TESTS_LIB_FORMATS_TORCH_BUILD_H_
