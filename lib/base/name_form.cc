#include "lib/base/name_form.h"

#include <algorithm>
#include <span>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/character_set.h"
#include "lib/base/utf8.h"

namespace tensorgate::internal {
namespace {

constexpr std::array<NameTraitInfo, kNameTraitCount> kTraits = {{
    {Rule::kNameReserved, "starts like a Windows drive"},
    {Rule::kNameReserved, "has a part that is a Windows device"},
    {Rule::kNameReserved, "has a part that is empty or only dots"},
    {Rule::kNameReserved, "has a part that ends in a dot or a space, which Windows drops"},
    {Rule::kNameReserved, "contains a backslash, which separates folders on Windows"},
    {Rule::kNameReserved,
     "becomes a drive, a device or another path once its characters are replaced with plain ones"},
    {Rule::kNameMember, "has a part that every JavaScript or Python object has as a member"},
    {Rule::kNameUnseen, "contains invisible characters"},
    {Rule::kNameNotNormal, "is not in Unicode's normal form C"},
    {Rule::kNameLooksAlike, "has a word that looks like ASCII but is not"},
}};

constexpr CharacterSet kSeparators("/\\");  // path separators of any system
constexpr CharacterSet kObjectSeparators("./");
// No system opens a path longer than this.
constexpr std::size_t kLongestPath = 4096;

constexpr std::array<std::string_view, 6> kDevices = {"con", "prn",    "aux",
                                                      "nul", "conin$", "conout$"};
constexpr std::array<std::string_view, 2> kNumberedDevices = {"com", "lpt"};
constexpr std::array<std::string_view, 3> kRaisedDigits = {"\xC2\xB9", "\xC2\xB2", "\xC2\xB3"};

// Names that every JavaScript object already has, found by programs that turn names into objects:
// the first ones and "constructor" matter wherever they are a part of a name, the others at its
// start. `prototype` has a meaning only below `constructor`.
constexpr std::array<std::string_view, 14> kMembers = {
    "__proto__",   "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__",
    "__class__",   "__bases__",        "__base__",         "__mro__",          "__import__",
    "__globals__", "__builtins__",     "__init__",         "__subclasses__"};
constexpr std::string_view kConstructor = "constructor";
constexpr std::array<std::string_view, 6> kFirstMembers = {
    "toString",      "valueOf",        "hasOwnProperty",
    "isPrototypeOf", "toLocaleString", "propertyIsEnumerable"};

template <std::size_t kCount>
bool IsOneOf(const std::array<std::string_view, kCount>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

// Calls `part` for each part between separators.
template <typename Part>
void ForEachPart(std::string_view text, const CharacterSet& separators, const Part& part) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!separators.Has(text[i])) continue;
    part(text.substr(begin, i - begin));
    begin = i + 1;
  }
  part(text.substr(begin));
}

bool IsDrive(std::string_view name) {
  const char letter = name.empty() ? '\0' : FoldCase(name[0]);
  return letter >= 'a' && letter <= 'z' && name.substr(1).starts_with(':');
}

// Windows opens the same device for "CON", "con.weight" and "con .x".
bool IsDevice(std::string_view part) {
  constexpr std::size_t kLongest = 7;
  std::string_view base = part.substr(0, part.find_first_of(".:"));
  const std::size_t end = base.find_last_not_of(' ');
  base = base.substr(0, end == base.npos ? 0 : end + 1);
  if (base.size() < 3 || base.size() > kLongest) return false;
  std::array<char, kLongest> folded{};
  std::ranges::transform(base, folded.begin(), FoldCase);
  const std::string_view name(folded.data(), base.size());
  if (IsOneOf(kDevices, name)) return true;
  const std::string_view number = name.substr(3);
  const bool digit = number.size() == 1 && number[0] >= '0' && number[0] <= '9';
  return (digit || IsOneOf(kRaisedDigits, number)) && IsOneOf(kNumberedDevices, name.substr(0, 3));
}

bool IsOnlyDots(std::string_view part) { return part.find_first_not_of('.') == part.npos; }

NameTraits PartTraits(std::string_view part, bool own_rules) {
  if (own_rules && part == "..") return 0;
  if (IsOnlyDots(part)) return Bit(NameTrait::kDots);
  NameTraits traits = 0;
  if (part.ends_with('.') || part.ends_with(' ')) traits |= Bit(NameTrait::kEnding);
  if (IsDevice(part)) traits |= Bit(NameTrait::kDevice);
  return traits;
}

NameTraits PathTraits(std::string_view name, bool own_rules) {
  NameTraits traits = 0;
  if (IsDrive(name)) traits |= Bit(NameTrait::kDrive);
  if (name.contains('\\')) traits |= Bit(NameTrait::kBackslash);
  // Skip the empty part at the start of an absolute name.
  if (own_rules && kSeparators.Has(name[0])) name.remove_prefix(1);
  ForEachPart(name, kSeparators,
              [&](std::string_view part) { traits |= PartTraits(part, own_rules); });
  return traits;
}

bool IsMember(std::string_view part) {
  return part.starts_with("__") ? IsOneOf(kMembers, part) : part == kConstructor;
}

bool HasMember(std::string_view name) {
  bool found = false;
  ForEachPart(name, kObjectSeparators, [&](std::string_view part) { found |= IsMember(part); });
  return found || IsOneOf(kFirstMembers, name.substr(0, name.find_first_of("./")));
}

// Reads the words of a name (letters and digits), one character at a time.
class WordReader {
 public:
  void Add(const Character& character) {
    if (character.count == 0) return;
    ascii_only_ &= character.alike;
    for (const std::uint32_t each : std::span(character.folded).first(character.count)) {
      ascii_only_ &= each < 0x80;
      // A character that looks like a separator does not belong to a word; it is judged with the
      // path.
      if (each < 0x80 && IsAsciiLetter(static_cast<char>(each))) ++letters_;
    }
    alike_ |= character.alike;
  }
  void AddAscii(char c) {
    if (IsAsciiLetter(c)) {
      ++letters_;
    } else if (c < '0' || c > '9') {
      EndWord();
    }
  }
  bool found() {
    EndWord();
    return found_;
  }

 private:
  static bool IsAsciiLetter(char c) { return FoldCase(c) >= 'a' && FoldCase(c) <= 'z'; }
  // A single letter is not a word: Greek letters name quantities.
  void EndWord() {
    found_ |= alike_ && ascii_only_ && letters_ > 1;
    alike_ = false;
    ascii_only_ = true;
    letters_ = 0;
  }

  bool alike_ = false, ascii_only_ = true, found_ = false;
  std::size_t letters_ = 0;
};

std::string Folded(std::string_view name, Characters& looks) {
  std::string text;
  // Only ASCII matters here.
  ForEachFolded(name, looks, [&](std::uint32_t point) {
    text += point < 0x80 ? static_cast<char>(point) : '\x7f';
  });
  return text;
}

NameTraits CharacterTraits(std::string_view name, bool own_rules, Characters& looks) {
  NameTraits traits = 0;
  WordReader words;
  for (std::string_view rest = name; !rest.empty();) {
    if ((rest.front() & 0x80) == 0) {
      words.AddAscii(rest.front());
      rest.remove_prefix(1);
      continue;
    }
    const CodePoint next = DecodeUtf8(rest);
    rest.remove_prefix(std::max<std::size_t>(next.length, 1));
    const Character character = looks.Of(next.value);
    words.Add(character);
    // Bytes that are not UTF-8 decode to NUL.
    const bool deceptive = IsDeceptive(next.value);
    if (deceptive ? !own_rules : character.count == 0) traits |= Bit(NameTrait::kUnseen);
  }
  if (words.found()) traits |= Bit(NameTrait::kLooksLikeAscii);
  if (!IsNormalFormC(name, looks)) traits |= Bit(NameTrait::kNotNormal);
  return traits;
}

}  // namespace

const NameTraitInfo& Info(NameTrait trait) { return kTraits.at(static_cast<std::size_t>(trait)); }

NameTraits TraitsOf(std::string_view name, const NameUse& use) {
  Characters looks(Folding::kLooks);
  return TraitsOf(name, use, looks);
}

NameTraits TraitsOf(std::string_view name, const NameUse& use, Characters& looks) {
  if (name.empty()) return 0;
  NameTraits traits = 0;
  if (HasMember(name)) traits |= Bit(NameTrait::kMember);
  if (use.is_path) traits |= PathTraits(name, use.has_own_rules);
  bool control = false, ascii = true;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    control |= byte < 0x20 || byte == 0x7F;
    ascii &= byte < 0x80;
  }
  if (control && !use.has_own_rules) traits |= Bit(NameTrait::kUnseen);
  if (ascii) return traits;
  traits |= CharacterTraits(name, use.has_own_rules, looks);
  if (name.size() > kLongestPath) return traits;
  const std::string folded = Folded(name, looks);
  if (HasMember(folded)) traits |= Bit(NameTrait::kMember);
  if (use.is_path && (PathTraits(folded, false) & ~PathTraits(name, false)) != 0) {
    traits |= Bit(NameTrait::kFoldedPath);
  }
  return traits;
}

}  // namespace tensorgate::internal
