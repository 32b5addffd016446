// libFuzzer's hook for archives: parses an archive, changes members, and writes it again, so that
// sizes, offsets and checksums agree; in half of the cases one field is then made false. A
// `data.pkl` is mutated as a pickle, as is any member that starts like one. Every fourth mutation
// is one of libFuzzer's own.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/pickle_mutation.h"
#include "lib/base/bytes.h"
#include "lib/base/crc32.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using tensorgate::fuzz::Choices;
using tensorgate::internal::AsBytes;

struct Member {
  std::string name, data;
  bool descriptor = true, wide = false, padded = true;
};

std::uint64_t At(std::string_view bytes, std::size_t place, unsigned width) {
  std::uint64_t value = 0;
  for (unsigned i = width; i-- > 0;) {
    if (place + i < bytes.size())
      value |= std::uint64_t{static_cast<unsigned char>(bytes[place + i])} << (8 * i);
  }
  return value;
}

// The members in the directory that can be found; none if it is not an archive.
std::vector<Member> TakeApart(std::string_view bytes) {
  std::vector<Member> members;
  const std::size_t end = bytes.rfind("PK\5\6");
  if (end == bytes.npos) return members;
  std::size_t place = static_cast<std::size_t>(At(bytes, end + 16, 4));
  while (place < bytes.size() && bytes.substr(place).starts_with("PK\1\2") && members.size() < 64) {
    const auto name = static_cast<std::size_t>(At(bytes, place + 28, 2));
    const auto local = static_cast<std::size_t>(At(bytes, place + 42, 4));
    const auto begin =
        local + 30 + static_cast<std::size_t>(At(bytes, local + 26, 2) + At(bytes, local + 28, 2));
    if (begin > bytes.size() || place + 46 > bytes.size()) break;
    members.push_back({.name = std::string(bytes.substr(place + 46, name)),
                       .data = std::string(
                           bytes.substr(begin, static_cast<std::size_t>(At(bytes, place + 20, 4)))),
                       .descriptor = (At(bytes, place + 8, 2) & 8) != 0,
                       .padded = At(bytes, local + 28, 2) != 0});
    place +=
        46 + name + static_cast<std::size_t>(At(bytes, place + 30, 2) + At(bytes, place + 32, 2));
  }
  return members;
}

// Writes an archive and remembers the positions of its numbers.
class Builder {
 public:
  std::string Build(const std::vector<Member>& members, bool zip64) {
    std::vector<std::uint64_t> offsets;
    for (const Member& member : members) {
      offsets.push_back(text_.size());
      Local(member);
    }
    const std::uint64_t directory = text_.size();
    for (std::size_t i = 0; i < members.size(); ++i) Entry(members[i], offsets[i]);
    const std::uint64_t length = text_.size() - directory, count = members.size();
    if (zip64) {
      const std::uint64_t record = text_.size();
      Put("PK\6\6"), Put(44, 8), Put(0x2d031e, 4), Put(0, 8);
      Put(count, 8), Put(count, 8), Put(length, 8), Put(directory, 8);
      Put("PK\6\7"), Put(0, 4), Put(record, 8), Put(1, 4);
    }
    Put("PK\5\6"), Put(0, 4), Put(count, 2), Put(count, 2), Put(length, 4), Put(directory, 4),
        Put(0, 2);
    return std::move(text_);
  }
  void Lie(std::string& text, Choices& choices) const {
    const auto [place, width] = fields_[static_cast<std::size_t>(choices.Below(fields_.size()))];
    const std::uint64_t stated = At(text, place, width);
    const auto [other, other_width] =
        fields_[static_cast<std::size_t>(choices.Below(fields_.size()))];
    const std::uint64_t values[] = {stated + 1,
                                    stated - 1,
                                    0,
                                    ~std::uint64_t{0},
                                    At(text, other, other_width),
                                    std::uint64_t{1} << choices.Below(64),
                                    stated ^ 0x20};
    const std::uint64_t value = values[choices.Below(std::size(values))];
    for (unsigned i = 0; i < width; ++i) text[place + i] = static_cast<char>(value >> (8 * i));
  }

 private:
  void Put(std::string_view text) {
    fields_.emplace_back(text_.size(),
                         static_cast<unsigned>(std::min<std::size_t>(text.size(), 4)));
    text_ += text;
  }
  void Put(std::uint64_t value, unsigned width) {
    fields_.emplace_back(text_.size(), width);
    for (unsigned i = 0; i < width; ++i) text_ += static_cast<char>(value >> (8 * i));
  }
  // Fields of both entry and local header; a descriptor has the checksum and sizes instead of the
  // local header.
  void Common(const Member& member, bool stated) {
    Put(0, 2), Put(member.descriptor ? 0x0808 : 0x0800, 2), Put(0, 2), Put(0, 4);
    Put(stated ? tensorgate::internal::Crc32(0, AsBytes(member.data)) : 0, 4);
    Put(stated ? member.data.size() : 0, 4), Put(stated ? member.data.size() : 0, 4),
        Put(member.name.size(), 2);
  }
  void Local(const Member& member) {
    const std::size_t before = text_.size() + 30 + member.name.size() + (member.wide ? 20 : 0) + 4;
    const std::size_t padding = (64 - before % 64) % 64;
    Put("PK\3\4");
    Common(member, !member.descriptor);
    Put((member.wide ? 20u : 0u) + (member.padded ? 4 + padding : 0), 2);
    Put(member.name);
    if (member.wide) Put(1, 2), Put(16, 2), Put(member.data.size(), 8), Put(member.data.size(), 8);
    if (member.padded) Put("FB"), Put(padding, 2), text_.append(padding, 'Z');
    text_ += member.data;
    if (!member.descriptor) return;
    const unsigned width = member.wide ? 8 : 4;
    Put("PK\7\10"), Put(tensorgate::internal::Crc32(0, AsBytes(member.data)), 4);
    Put(member.data.size(), width), Put(member.data.size(), width);
  }
  void Entry(const Member& member, std::uint64_t offset) {
    Put("PK\1\2"), Put(0, 2);
    Common(member, true);
    Put(0, 2), Put(0, 2), Put(0, 2), Put(0, 2), Put(0, 4), Put(offset, 4);
    Put(member.name);
  }

  std::string text_;
  std::vector<std::pair<std::size_t, unsigned>> fields_;  // offset, bytes
};

void MutateData(Member& member, Choices& choices) {
  if (member.name.ends_with("data.pkl")) {
    member.data = tensorgate::fuzz::MutatePickle(AsBytes(member.data), choices);
  } else if (choices.Below(2) == 0) {
    member.data.resize(static_cast<std::size_t>(choices.Below(129)));
  } else if (!member.data.empty()) {
    member.data[static_cast<std::size_t>(choices.Below(member.data.size()))] =
        static_cast<char>(choices.Below(256));
  }
}

void MutateName(std::string& name, Choices& choices) {
  static constexpr std::string_view kParts[] = {
      "/", "..", "data/", "data.pkl", "archive/", "byteorder", "version", "A", "0", "\\"};
  const std::string_view part = kParts[choices.Below(std::size(kParts))];
  const auto at = static_cast<std::size_t>(choices.Below(name.size() + 1));
  if (choices.Below(2) == 0) name.erase(at, static_cast<std::size_t>(choices.Below(8)));
  name.insert(std::min(at, name.size()), part);
}

void Mutate(std::vector<Member>& members, Choices& choices) {
  const auto at = static_cast<std::size_t>(choices.Below(members.size()));
  Member& member = members[at];
  switch (choices.Below(8)) {
    case 0:
      members.push_back(member);
      break;
    case 1:
      if (members.size() > 1) members.erase(members.begin() + static_cast<std::ptrdiff_t>(at));
      break;
    case 2:
      std::swap(member, members[static_cast<std::size_t>(choices.Below(members.size()))]);
      break;
    case 3:
      MutateName(member.name, choices);
      break;
    case 4:
      member.descriptor = !member.descriptor;
      break;
    case 5:
      member.wide = !member.wide;
      member.padded = choices.Below(4) != 0;
      break;
    default:
      MutateData(member, choices);
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  if (seed % 4 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const auto bytes = tensorgate::fuzz::Bytes(data, size);
  const std::string seeded = std::to_string(seed);
  Choices choices(AsBytes(seeded));
  std::vector<Member> members = TakeApart(tensorgate::internal::AsText(bytes));
  std::string all;
  if (members.empty()) {
    all = tensorgate::fuzz::MutatePickle(bytes, choices);
  } else {
    for (std::uint64_t i = choices.Below(3) + 1; i != 0; --i) Mutate(members, choices);
    Builder builder;
    all = builder.Build(members, choices.Below(4) != 0);
    if (choices.Below(2) == 0) builder.Lie(all, choices);
  }
  all.resize(std::min(all.size(), max_size));
  std::ranges::copy(all, data);
  return all.size();
}
