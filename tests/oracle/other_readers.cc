#include "other_readers.h"

#include <cstdint>
#include <map>
#include <optional>
#include <regex>
#include <string>
#include <vector>

namespace tensorgate::oracle {
namespace {

using namespace std::string_view_literals;

unsigned char At(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text.at(i));
}

std::uint64_t Little(std::string_view text, std::size_t at, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value += std::uint64_t{At(text, at + i)} << (8 * i);
  return value;
}

// tarfile.nti
std::optional<std::int64_t> TarNumber(std::string_view field) {
  if (At(field, 0) == 0x80 || At(field, 0) == 0xFF) {
    // The value matters only for the checksum, which is small.
    std::int64_t value = 0;
    for (std::size_t i = field.size() - 7; i < field.size(); ++i)
      value = value * 256 + At(field, i);
    return At(field, 0) == 0x80 ? value : value - (std::int64_t{1} << 56);
  }
  const std::string text(field.substr(0, field.find('\0')));
  static const std::regex octal(
      "[ \\t-\\r\\x1c-\\x1f]*(([-+]?)(0[oO]_?)?([0-7](_?[0-7])*))?[ \\t-\\r\\x1c-\\x1f]*");
  std::smatch match;
  if (!std::regex_match(text, match, octal)) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : match[4].str()) {
    if (c != '_') value = value * 8 + (c - '0');
  }
  return match[2] == "-" ? -value : value;
}

class Unpickler {
 public:
  explicit Unpickler(std::string_view file) : file_(file) {}

  bool Calls() {
    try {
      for (int i = 0; i < 90'000; ++i) {
        if (Step()) return called_;
      }
    } catch (const Failed&) {
    }
    return false;
  }

 private:
  struct Failed {};
  // The kind of an item: 'n' something named, 't' a text, 'l' list, 'd' dict, 's' set, 'p' anything
  // else.
  using Kind = char;

  std::string_view Take(std::uint64_t count) {
    if (count > file_.size() - at_) throw Failed();
    const std::string_view taken = file_.substr(at_, count);
    at_ += count;
    return taken;
  }
  std::uint64_t Number(std::size_t bytes) { return Little(Take(bytes), 0, bytes); }
  std::string Line() {
    const std::size_t end = file_.find('\n', at_);
    if (end == file_.npos) throw Failed();
    std::string line(file_.substr(at_, end - at_));
    at_ = end + 1;
    return line;
  }
  // For the C unpickler, an integer's line ends at a zero byte.
  std::string Matching(const char* pattern, char end = '\n') {
    std::string line = Line();
    line.resize(std::min(line.find(end), line.size()));
    if (line.size() > 250 || !std::regex_match(line, std::regex(pattern))) throw Failed();
    return line;
  }
  Kind Pop() {
    if (stacks_.back().empty()) throw Failed();
    const Kind kind = stacks_.back().back();
    stacks_.back().pop_back();
    return kind;
  }
  Kind& Top() {
    if (stacks_.back().empty()) throw Failed();
    return stacks_.back().back();
  }
  void Push(Kind kind) { stacks_.back().push_back(kind); }
  std::string PopMark() {
    if (stacks_.size() == 1) throw Failed();
    const std::string items = stacks_.back();
    stacks_.pop_back();
    return items;
  }
  bool Call(Kind callee) {
    if (callee != 'n') throw Failed();
    called_ = true;
    return true;
  }
  bool Change(const std::string& takers, std::size_t items) {
    if (Top() == 'n') return Call('n');
    if (items != 0 && takers.find(Top()) == takers.npos) throw Failed();
    return false;
  }
  std::string Index() {
    std::string digits = Matching("\\s*(\\+?[0-9_]+|-[0_]+)\\s*", '\0');
    std::erase_if(digits, [](char c) { return c < '0' || c > '9'; });
    digits.erase(0, digits.find_first_not_of('0'));
    if (digits.size() > 18) throw Failed();
    return digits;
  }
  void Put(const std::string& index) { memo_[index] = Top(); }
  void Get(const std::string& index) {
    if (!memo_.contains(index)) throw Failed();
    Push(memo_[index]);
  }
  static std::string Spelled(std::uint64_t number) {
    return number == 0 ? "" : std::to_string(number);
  }
  void Global() {
    const std::string module = Line(), name = Line();
    if (module.empty() || name.empty() ||
        module.find_first_of("\0,;:=\"'()[]{}<>|"sv) != module.npos) {
      throw Failed();
    }
  }

  // Returns true when it is finished.
  bool Step() {
    const char code = Take(1)[0];
    switch (code) {
      case '\x80':
        if (Number(1) > 5) throw Failed();
        return false;
      case '\x95':
        Take(8);
        return false;
      case '(':
        stacks_.emplace_back();
        return false;
      case '.':
        Pop();
        return true;
      case '0':
        if (stacks_.back().empty()) {
          PopMark();
        } else {
          Pop();
        }
        return false;
      case '1':
        PopMark();
        return false;
      case '2':
        Push(Kind(Top()));
        return false;
      case 'I':
      case 'L':
        Matching("\\s*[-+]?[0-9][0-9A-Za-z_]*\\s*", '\0');
        Push('p');
        return false;
      case 'F':
        Matching(
            "\\s*[-+]?([0-9.][-+0-9_.eE]*|[nN][aA][nN]|[iI][nN][fF]([iI][nN][iI][tT][yY])?)\\s*",
            '\0');
        Push('p');
        return false;
      case 'S': {
        const std::string line = Line();
        if (line.size() < 2 || line.front() != line.back() || (line[0] != '\'' && line[0] != '"'))
          throw Failed();
        Push('t');
        return false;
      }
      case 'V':
        Line();
        Push('t');
        return false;
      case 'T':
      case '\x8b': {
        const std::uint64_t length = Number(4);
        if (length >= 1u << 31) throw Failed();
        Take(length);
        Push(code == 'T' ? 't' : 'p');
        return false;
      }
      case 'U':
      case '\x8c':
      case 'C':
      case '\x8a':
        Take(Number(1));
        Push(code == 'U' || code == '\x8c' ? 't' : 'p');
        return false;
      case 'X':
      case 'B':
        Take(Number(4));
        Push(code == 'X' ? 't' : 'p');
        return false;
      case '\x8d':
      case '\x8e':
      case '\x96':
        Take(Number(8));
        Push(code == '\x8d' ? 't' : code == '\x96' ? 'l' : 'p');
        return false;
      case 'K':
      case 'M':
      case 'J':
      case 'G':
        Take(code == 'K' ? 1 : code == 'M' ? 2 : code == 'J' ? 4 : 8);
        Push('p');
        return false;
      case 'N':
      case ')':
      case '\x88':
      case '\x89':
        Push('p');
        return false;
      case ']':
      case '}':
      case '\x8f':
        Push(code == ']' ? 'l' : code == '}' ? 'd' : 's');
        return false;
      case 't':
      case 'l':
      case 'd':
      case '\x91':
        PopMark();
        Push(code == 'l' || code == 'd' ? code : 'p');
        return false;
      case '\x85':
      case '\x86':
      case '\x87':
        for (int i = 0; i < code - '\x85' + 1; ++i) Pop();
        Push('p');
        return false;
      case '\x98':
        Pop();
        Push('p');
        return false;
      case 'a':
        Pop();
        return Change("l", 1);
      case 's':
        Pop();
        Pop();
        return Change("ld", 2);
      case 'e':
        return Change("l", PopMark().size());
      case 'u':
        return Change("ld", PopMark().size());
      case '\x90':
        return Change("s", PopMark().size());
      case 'c':
        Global();
        Push('n');
        return false;
      case 'i':
        Global();
        PopMark();
        return Call('n');
      case '\x93': {
        const Kind name = Pop(), module = Pop();
        if (name != 't' || module != 't') throw Failed();
        Push('n');
        return false;
      }
      case 'o': {
        const std::string items = PopMark();
        if (items.empty()) throw Failed();
        return Call(items[0]);
      }
      case '\x92':
        Pop();
        [[fallthrough]];
      case 'R':
      case '\x81':
        Pop();
        return Call(Pop());
      case 'b':
        Pop();
        return Top() == 'n' ? Call('n') : false;
      case '\x82':
      case '\x83':
      case '\x84': {
        const std::uint64_t number = Number(code == '\x82' ? 1 : code == '\x83' ? 2 : 4);
        if (number == 0 || number > 0x7FFFFFFF) throw Failed();
        Push('n');
        return false;
      }
      case 'p':
        Put(Index());
        return false;
      case 'q':
        Put(Spelled(Number(1)));
        return false;
      case 'r':
        Put(Spelled(Number(4)));
        return false;
      case '\x94':
        Put(Spelled(memo_.size()));
        return false;
      case 'g':
        Get(Index());
        return false;
      case 'h':
        Get(Spelled(Number(1)));
        return false;
      case 'j':
        Get(Spelled(Number(4)));
        return false;
      default:
        throw Failed();
    }
  }

  std::string_view file_;
  std::size_t at_ = 0;
  std::vector<std::string> stacks_ = {""};
  std::map<std::string, Kind> memo_;
  bool called_ = false;
};

}  // namespace

bool IsTar(std::string_view file) {
  if (file.size() < 512) return false;
  const std::string block(file.substr(0, 512));
  if (block.find_first_not_of('\0') == block.npos) return false;
  std::int64_t unsigned_sum = 256, signed_sum = 256;
  for (std::size_t i = 0; i < 512; ++i) {
    if (i >= 148 && i < 156) continue;
    unsigned_sum += At(block, i);
    signed_sum += At(block, i) < 128 ? At(block, i) : At(block, i) - 256;
  }
  const auto sum = TarNumber(std::string_view(block).substr(148, 8));
  if (!sum || (*sum != unsigned_sum && *sum != signed_sum)) return false;
  for (const int at : {100, 108, 116, 124, 136, 329, 337}) {
    const std::size_t length = at == 124 || at == 136 ? 12 : 8;
    if (!TarNumber(std::string_view(block).substr(static_cast<std::size_t>(at), length)))
      return false;
  }
  return true;
}

bool IsZip(std::string_view file) {
  // zipfile._EndRecData and _RealGetContents.
  const std::size_t least = file.size() > 65'558 ? file.size() - 65'558 : 0;
  const std::size_t end = file.rfind("PK\5\6"sv);
  if (end == file.npos || end < least || file.size() - end < 22) return false;
  std::uint64_t size = Little(file, end + 12, 4), list_end = end;
  if (end >= 76 && file.substr(end - 20, 4) == "PK\6\7"sv &&
      file.substr(end - 76, 4) == "PK\6\6"sv) {
    size = Little(file, end - 76 + 40, 8);
    list_end = end - 76;
  }
  return size >= 46 && size <= list_end && file.substr(list_end - size, 4) == "PK\1\2"sv;
}

bool IsHdf5(std::string_view file) {
  for (std::size_t at = 0; at < file.size(); at = at == 0 ? 512 : 2 * at) {
    if (file.substr(at).starts_with("\x89HDF\r\n\x1a\n"sv)) return true;
  }
  return false;
}

bool CallsAsPickle(std::string_view file) { return Unpickler(file).Calls(); }

bool HasOneReading(std::string_view file, std::string_view format) {
  const bool zip = format == "pytorch-zip";
  const bool pickle = format == "pickle" || format == "pytorch-legacy";
  return !IsTar(file) && !IsHdf5(file) && (zip || !IsZip(file)) && (pickle || !CallsAsPickle(file));
}

}  // namespace tensorgate::oracle
