// A second, slow and obvious reader of ZIP archives, for archives that the library has accepted: it
// aborts if the archive is not what it was accepted as.
#ifndef TENSORGATE_FUZZ_ZIP_NAIVE_H_
#define TENSORGATE_FUZZ_ZIP_NAIVE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/support.h"

namespace tensorgate::fuzz {

class NaiveZip {
 public:
  struct Member {
    std::string name;
    std::uint64_t begin = 0, data = 0, size = 0;
    std::uint32_t crc = 0;
  };

  explicit NaiveZip(std::string_view bytes) : bytes_(bytes) { ReadDirectory(); }
  const std::vector<Member>& members() const { return members_; }

 private:
  static constexpr std::uint64_t kOnes = 0xFFFFFFFF;

  std::uint64_t At(std::uint64_t place, unsigned width) const {
    FUZZ_ASSERT(place <= bytes_.size() && width <= bytes_.size() - place);
    std::uint64_t value = 0;
    for (unsigned i = width; i-- > 0;) {
      value = value << 8 | static_cast<unsigned char>(bytes_[static_cast<std::size_t>(place + i)]);
    }
    return value;
  }
  std::string Text(std::uint64_t place, std::uint64_t length) const {
    FUZZ_ASSERT(place <= bytes_.size() && length <= bytes_.size() - place);
    return std::string(
        bytes_.substr(static_cast<std::size_t>(place), static_cast<std::size_t>(length)));
  }
  // Offset of the ZIP64 field's contents; 0: there is none.
  std::uint64_t WideField(std::uint64_t place, std::uint64_t length) const {
    for (const std::uint64_t end = place + length; place < end; place += 4 + At(place + 2, 2)) {
      if (At(place, 2) == 1) return place + 4;
    }
    return 0;
  }

  void ReadDirectory() {
    const std::uint64_t end = bytes_.size() - 22;
    FUZZ_ASSERT(bytes_.size() >= 22 && At(end, 4) == 0x06054b50 && At(end + 20, 2) == 0);
    std::uint64_t count = At(end + 10, 2), size = At(end + 12, 4), offset = At(end + 16, 4);
    std::uint64_t records = end;
    if (end >= 76 && At(end - 20, 4) == 0x07064b50) {
      records = At(end - 12, 8);
      FUZZ_ASSERT(records == end - 76 && At(records, 4) == 0x06064b50);
      count = At(records + 32, 8);
      size = At(records + 40, 8);
      offset = At(records + 48, 8);
    }
    std::uint64_t place = offset, next = 0;
    for (std::uint64_t i = 0; i < count; ++i) place = ReadEntry(place, next);
    FUZZ_ASSERT(place == offset + size && place == records);
    if (count != 0) CheckEnd(members_.back(), offset);
    if (count == 0) FUZZ_ASSERT(offset == 0);
  }

  // Returns the offset of the next entry. `next`: the minimum offset of the member's local header.
  std::uint64_t ReadEntry(std::uint64_t place, std::uint64_t& next) {
    FUZZ_ASSERT(At(place, 4) == 0x02014b50 && At(place + 10, 2) == 0);
    const std::uint64_t name = At(place + 28, 2), extra = At(place + 30, 2),
                        comment = At(place + 32, 2);
    Member member{.name = Text(place + 46, name),
                  .begin = At(place + 42, 4),
                  .size = At(place + 24, 4),
                  .crc = static_cast<std::uint32_t>(At(place + 16, 4))};
    std::uint64_t packed = At(place + 20, 4), wide = WideField(place + 46 + name, extra);
    for (std::uint64_t* value : {&member.size, &packed, &member.begin}) {
      if (*value != kOnes) continue;
      *value = At(wide, 8);
      wide += 8;
    }
    FUZZ_ASSERT(packed == member.size && comment == 0);
    FUZZ_ASSERT(members_.empty() ? member.begin == 0 : member.begin >= next);
    if (!members_.empty()) CheckEnd(members_.back(), member.begin);
    ReadLocal(member, At(place + 8, 2));
    next = member.data + member.size;
    members_.push_back(std::move(member));
    return place + 46 + name + extra + comment;
  }

  void ReadLocal(Member& member, std::uint64_t flags) {
    const std::uint64_t at = member.begin, name = At(at + 26, 2), extra = At(at + 28, 2);
    FUZZ_ASSERT(At(at, 4) == 0x04034b50 && At(at + 6, 2) == flags && At(at + 8, 2) == 0);
    FUZZ_ASSERT(Text(at + 30, name) == member.name);
    member.data = at + 30 + name + extra;
    FUZZ_ASSERT(member.data <= bytes_.size() && member.size <= bytes_.size() - member.data);
    const std::uint64_t wide = WideField(at + 30 + name, extra);
    descriptor_ = (flags & 8) == 0 ? 0 : wide == 0 ? 12 : 20;
    if (descriptor_ != 0) return;
    FUZZ_ASSERT(At(at + 14, 4) == member.crc);
    const std::uint64_t size = At(at + 22, 4);
    FUZZ_ASSERT((size == kOnes && wide != 0 ? At(wide, 8) : size) == member.size);
  }

  // Before `next` there is only the descriptor of the last member that was read, with or without
  // its signature.
  void CheckEnd(const Member& member, std::uint64_t next) const {
    const std::uint64_t left = next - member.data - member.size;
    FUZZ_ASSERT(next >= member.data + member.size);
    if (descriptor_ == 0) {
      FUZZ_ASSERT(left == 0);
      return;
    }
    FUZZ_ASSERT(left == descriptor_ || left == descriptor_ + 4);
    const unsigned width = descriptor_ == 12 ? 4 : 8;
    FUZZ_ASSERT(At(next - width, width) == member.size &&
                At(next - 2 * width, width) == member.size);
    FUZZ_ASSERT(At(next - 2 * width - 4, 4) == member.crc);
  }

  std::string_view bytes_;
  std::vector<Member> members_;
  // Size of the descriptor, without signature, of the last member that was read; 0: it has none
  std::uint64_t descriptor_ = 0;
};

}  // namespace tensorgate::fuzz

#endif  // TENSORGATE_FUZZ_ZIP_NAIVE_H_
