#include <algorithm>
#include <cstring>
#include <utility>

#include "mutator.h"
#include "spelling.h"

namespace tensorgate::mutator {
namespace {

struct Tensor {
  std::string name;
  std::size_t dtype = 0;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct Style {
  bool fancy_strings = false;
  bool spaces = false;  // anywhere
  bool python = false;  // ", " and ": "
};

std::uint64_t Elements(const std::vector<std::uint64_t>& shape) {
  std::uint64_t product = 1;
  for (const std::uint64_t dimension : shape) product *= dimension;
  return product;
}

// Small, with whole bytes in every row, so that the strict profile accepts it, too.
std::vector<std::uint64_t> RandomShape(Random& random, unsigned bits) {
  std::vector<std::uint64_t> shape;
  for (std::size_t i = 0, rank = random.Percent(95) ? random.Below(4) : random.Below(12); i < rank;
       ++i) {
    shape.push_back(random.Percent(7) ? 0 : random.Between(1, 3));
  }
  if (bits % 8 != 0) {
    if (shape.empty()) shape.push_back(1);
    shape.back() *= bits == 4 ? 2 : 4;
  }
  // After a zero, any dimension that does not overflow is harmless.
  if (Elements(shape) == 0 && random.Percent(20)) {
    for (std::uint64_t& dimension : shape) {
      if (dimension == 1) {
        dimension = std::uint64_t{1} << random.Below(50);
        break;
      }
    }
    if (bits % 8 != 0 && shape.back() != 0) shape.back() = 8;
  }
  return shape;
}

std::vector<Tensor> RandomTensors(Random& random) {
  std::vector<Tensor> tensors;
  std::uint64_t end = 0;
  for (std::size_t i = 0, count = random.Percent(97) ? random.Below(5) : random.Below(40);
       i < count; ++i) {
    Tensor tensor;
    do {
      tensor.name = RandomName(random);
    } while (std::any_of(tensors.begin(), tensors.end(),
                         [&](const Tensor& each) { return each.name == tensor.name; }));
    tensor.dtype = random.Below(std::size(kDTypeNames));
    tensor.shape = RandomShape(random, kDTypeBits[tensor.dtype]);
    tensor.begin = end;
    end += Elements(tensor.shape) * kDTypeBits[tensor.dtype] / 8;
    tensor.end = end;
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

template <typename T>
void Shuffle(std::vector<T>& items, Random& random) {
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.Below(i)]);
}

class Writer {
 public:
  Writer(Random& random, Style style) : random_(random), style_(style) {}

  std::string Object(const std::vector<std::pair<std::string, std::string>>& members) {
    std::string out = "{" + Gap();
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i != 0) out += "," + Gap(style_.python);
      out +=
          String(members[i].first) + Gap() + ":" + Gap(style_.python) + members[i].second + Gap();
    }
    return out + "}";
  }

  std::string Array(const std::vector<std::uint64_t>& numbers) {
    std::string out = "[" + Gap();
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (i != 0) out += "," + Gap(style_.python);
      out += std::to_string(numbers[i]) + Gap();
    }
    return out + "]";
  }

  std::string String(std::string_view text) { return Quote(text, random_, style_.fancy_strings); }

  std::string Entry(const Tensor& tensor) {
    std::vector<std::pair<std::string, std::string>> fields = {
        {"dtype", String(kDTypeNames[tensor.dtype])},
        {"shape", Array(tensor.shape)},
        {"data_offsets", Array({tensor.begin, tensor.end})}};
    if (random_.Percent(20)) Shuffle(fields, random_);
    // Variants that the reference accepts and the strict profile does not.
    if (random_.Percent(2))
      return "[" + fields[0].second + "," + fields[1].second + "," + fields[2].second + "]";
    if (random_.Percent(4))
      fields.insert(fields.begin() + static_cast<long>(random_.Below(4)),
                    {RandomName(random_) + "_", RandomValue(random_, 3)});
    if (random_.Percent(2)) {
      for (auto& [key, value] : fields) {
        if (key == "dtype") value = "{" + value + ":null}";
      }
    }
    return Object(fields);
  }

  std::string Metadata() {
    if (random_.Percent(8)) return "null";
    std::vector<std::pair<std::string, std::string>> entries;
    for (std::size_t i = 0, count = random_.Below(4); i < count; ++i) {
      entries.emplace_back(RandomName(random_) + (random_.Percent(90) ? std::to_string(i) : ""),
                           String(RandomName(random_)));
    }
    return Object(entries);
  }

 private:
  std::string Gap(bool one = false) {
    if (style_.spaces) return Space(random_);
    return one ? " " : "";
  }
  Random& random_;
  Style style_;
};

}  // namespace

Parts RandomValidFile(Random& random) {
  std::vector<Tensor> tensors = RandomTensors(random);
  const std::uint64_t data_size = tensors.empty() ? 0 : tensors.back().end;
  const Style style{random.Percent(15), random.Percent(15), random.Percent(20)};
  Writer writer(random, style);
  if (random.Percent(30)) Shuffle(tensors, random);

  std::vector<std::pair<std::string, std::string>> members;
  for (const Tensor& tensor : tensors) members.emplace_back(tensor.name, writer.Entry(tensor));
  if (random.Percent(40)) {
    const auto place = random.Percent(70) ? 0 : static_cast<long>(random.Below(members.size() + 1));
    members.insert(members.begin() + place, {"__metadata__", writer.Metadata()});
  }
  Parts parts;
  parts.header = writer.Object(members);
  if (random.Percent(80)) parts.header.resize((parts.header.size() + 7) / 8 * 8, ' ');
  parts.announced = parts.header.size();
  parts.data.assign(static_cast<std::size_t>(data_size), '\x2A');
  return parts;
}

Parts Split(const std::uint8_t* bytes, std::size_t size) {
  Parts parts;
  const std::string all(reinterpret_cast<const char*>(bytes), size);
  if (size < 8) {
    parts.header = all;
    parts.announced = size;
    return parts;
  }
  for (std::size_t i = 8; i-- > 0;) parts.announced = parts.announced * 256 + bytes[i];
  const std::size_t length =
      static_cast<std::size_t>(std::min<std::uint64_t>(parts.announced, size - 8));
  parts.header = all.substr(8, length);
  parts.data = all.substr(8 + length);
  return parts;
}

std::vector<std::byte> Join(const Parts& parts) {
  std::vector<std::byte> bytes;
  bytes.reserve(8 + parts.header.size() + parts.data.size());
  for (unsigned i = 0; i < 8; ++i)
    bytes.push_back(static_cast<std::byte>(parts.announced >> (8 * i)));
  for (const char c : parts.header) bytes.push_back(static_cast<std::byte>(c));
  for (const char c : parts.data) bytes.push_back(static_cast<std::byte>(c));
  return bytes;
}

std::vector<std::byte> GenerateHeader(std::uint64_t seed) {
  Random random(seed);
  Parts parts = RandomValidFile(random);
  if (random.Percent(55)) {
    do {
      MutateOnce(parts, random);
    } while (random.Percent(35));
  }
  std::vector<std::byte> file = Join(parts);
  if (random.Percent(2)) file.resize(random.Below(file.size() + 1));  // truncated
  return file;
}

std::size_t MutateSafetensors(std::uint8_t* data, std::size_t size, std::size_t max_size,
                              unsigned seed) {
  Random random(seed);
  for (int attempt = 0; attempt < 4; ++attempt) {
    Parts parts = size < 10 || random.Percent(1) ? RandomValidFile(random) : Split(data, size);
    do {
      MutateOnce(parts, random);
    } while (random.Percent(30));
    const std::vector<std::byte> file = Join(parts);
    if (file.size() > max_size) continue;
    std::memcpy(data, file.data(), file.size());
    return file.size();
  }
  // Everything tried was too long: change a byte, or truncate.
  if (size == 0) return 0;
  data[random.Below(size)] = static_cast<std::uint8_t>(random.Next());
  return random.Percent(50) ? size : random.Between(1, size);
}

}  // namespace tensorgate::mutator
