// Names that file systems or programs read as something other than the name. This checks one name
// at a time.
#ifndef TENSORGATE_BASE_NAME_FORM_H_
#define TENSORGATE_BASE_NAME_FORM_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/base/folded.h"
#include "lib/base/names.h"
#include "lib/base/raw_bytes.h"
#include "tensorgate/rules.h"

namespace tensorgate::internal {

/// Properties of a name that some reader takes for something else.
enum class NameTrait : std::uint8_t {
  kDrive,           ///< "c:x"
  kDevice,          ///< "a/con.weight": Windows opens the device.
  kDots,            ///< A part is empty or only dots: "a//b", "a/.../b".
  kEnding,          ///< A part ends in a dot or a space, which Windows drops.
  kBackslash,       ///< A backslash, which is a separator on Windows.
  kFoldedPath,      ///< One of the above after folding its characters.
  kMember,          ///< A part is a member of every JavaScript object: "__proto__".
  kUnseen,          ///< Control characters and invisible characters.
  kNotNormal,       ///< Not in normal form C.
  kLooksLikeAscii,  ///< A word looks like an ASCII word, and is not one.
};
inline constexpr std::size_t kNameTraitCount = 10;

struct NameTraitInfo {
  Rule rule;
  std::string_view words;  ///< "is a drive of Windows": after "a tensor's name".
};
const NameTraitInfo& Info(NameTrait trait);

/// How the names of a set are used.
struct NameUse {
  std::string_view noun;  ///< "tensor's name"
  /// Some program creates a file for each name.
  bool is_path = true;
  /// The format's own rules already report control characters, absolute names and "..".
  bool has_own_rules = false;
};
inline constexpr NameUse kSafetensorsNames{.noun = "tensor's name", .has_own_rules = true};
inline constexpr NameUse kTensorNames{.noun = "tensor's name"};
inline constexpr NameUse kMetadataKeys{.noun = "metadata key", .is_path = false};
inline constexpr NameUse kShardNames{.noun = "shard's name"};
inline constexpr NameUse kRecordNames{.noun = "record's name"};

/// A set of traits, one bit each.
using NameTraits = std::uint32_t;
constexpr NameTraits Bit(NameTrait trait) { return NameTraits{1} << static_cast<int>(trait); }

/// `looks`: created with Folding::kLooks and reused for many names. Throws std::bad_alloc.
NameTraits TraitsOf(std::string_view name, const NameUse& use, Characters& looks);
NameTraits TraitsOf(std::string_view name, const NameUse& use);

namespace name_form {

// The first four characters, in lower case, of names that mean something to Windows or JavaScript.
// For devices: three letters and a NUL, if no letter follows.
inline constexpr std::array<std::string_view, 14> kHeads = {"con",  "prn",  "aux",  "nul",  "com",
                                                            "lpt",  "coni", "cono", "tost", "valu",
                                                            "haso", "ispr", "prop", "tolo"};

constexpr std::uint32_t HeadWord(std::string_view head) {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < head.size(); ++i) {
    word |= static_cast<std::uint32_t>(static_cast<unsigned char>(head[i])) << (8 * i);
  }
  return word;
}
// The factor gives each head its own slot.
constexpr std::size_t HeadSlot(std::uint32_t word) { return (word * 0x91B7584Bu) >> 26; }
inline constexpr std::array<std::uint32_t, 64> kHeadTable = [] {
  std::array<std::uint32_t, 64> table{};
  for (const std::string_view head : kHeads) {
    std::uint32_t& slot = table.at(HeadSlot(HeadWord(head)));
    if (slot != 0) throw "two heads share a slot: choose another factor";
    slot = HeadWord(head);
  }
  return table;
}();

}  // namespace name_form

TENSORGATE_RAW_BYTES_BEGIN
/// The start and end of a name. Together with ScanName, which sees everything but control
/// characters and backslashes, this is a first look at ASCII names that may report too much but
/// never too little. Use one object for many names, which often start alike.
class NameEnds {
 public:
  bool Notable(std::string_view name) {
    if (name.size() < 4) [[unlikely]] {
      return !name.empty() && !(IsDigit(name.back()) && !name.substr(1).starts_with(':'));
    }
    const auto head = LoadWord<std::uint32_t>(name.data());
    if (head != head_) [[unlikely]] {
      head_ = head;
      notable_ = IsNotable(head);
    }
    // Letters, digits and brackets are above '0'; the dot and the space are not.
    return notable_ || name.data()[name.size() - 1] < '0';
  }

 private:
  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }
  static bool IsNotable(std::uint32_t head) {
    if constexpr (std::endian::native == std::endian::big) head = __builtin_bswap32(head);
    if (((head >> 8) & 0xFF) == ':') return true;
    head |= 0x20202020;
    if ((head >> 24) - 'a' >= 26) head &= 0xFFFFFF;
    return name_form::kHeadTable[name_form::HeadSlot(head)] == head;
  }

  std::uint32_t head_ = 0;
  bool notable_ = true;  // for four NULs, and for an empty name
};
TENSORGATE_RAW_BYTES_END

/// False if TraitsOf would find nothing in this name.
inline bool IsNotable(std::string_view name) {
  bool control = false;
  for (const char c : name) control |= static_cast<unsigned char>(c) < 0x20 || c == '\\';
  return control || ScanName(name).notable || NameEnds().Notable(name);
}

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_NAME_FORM_H_
