// The mutations work on tokens: a header is split into strings, numbers, words, punctuation and
// white space, a mutation changes some of them or moves whole values, and the tokens are joined
// again. Text that is no longer JSON still has tokens.
#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>
#include <utility>

#include "byte_mutations.h"
#include "mutator.h"
#include "spelling.h"
#include "tokens.h"

namespace tensorgate::mutator {
namespace {

class Mutation {
 public:
  Mutation(Parts& parts, Random& random)
      : parts_(parts), random_(random), tokens_(Tokenize(parts.header)) {}

  void Run() {
    const bool consistent = parts_.announced == parts_.header.size();
    const std::size_t kind = random_.Below(100);
    if (kind < 4) return ChangeLength(parts_, random_);
    if (kind < 8) return ChangeData(parts_, random_);
    if (kind < 12) {
      ChangeEnds(parts_, random_);
    } else if (kind < 16) {
      ChangeByte(parts_, random_);
    } else {
      ChangeTokens();
      parts_.header = Concat(tokens_, 0, tokens_.size());
    }
    if (consistent || random_.Percent(50)) parts_.announced = parts_.header.size();
  }

 private:
  void ChangeTokens() {
    switch (random_.Below(16)) {
      case 0:
      case 1:
      case 2:
        return ChangeNumber();
      case 3:
      case 4:
        return ChangeString();
      case 5:
        return AddSpace();
      case 6:
        return DuplicateItem();
      case 7:
        return MoveItems();
      case 8:
        return AddUnknownField();
      case 9:
        return ChangeForm();
      case 10:
        return ChangeMetadata();
      case 11:
        return ChangeShape();
      case 12:
        return ChangeOffsets();
      case 13:
        return AddTensor();
      case 14:
        return ChangePunctuation();
      default:
        return ReplaceValue();
    }
  }

  template <typename Predicate>
  std::optional<std::size_t> Find(Predicate wanted) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (wanted(i)) found.push_back(i);
    }
    if (found.empty()) return std::nullopt;
    return found[random_.Below(found.size())];
  }
  std::optional<std::size_t> FindOpen(std::string_view which) {
    return Find(
        [&](std::size_t i) { return which.empty() ? IsOpen(tokens_[i]) : tokens_[i] == which; });
  }
  // The first token of the value of some key with the spelling `key`.
  std::optional<std::size_t> FindValueOf(std::string_view key) {
    const auto at =
        Find([&](std::size_t i) { return tokens_[i] == "\"" + std::string(key) + "\""; });
    if (!at) return std::nullopt;
    std::size_t value = *at + 1;
    while (value < tokens_.size() && (tokens_[value] == ":" || IsSpaceToken(tokens_[value])))
      ++value;
    return value < tokens_.size() ? std::optional(value) : std::nullopt;
  }
  void Replace(std::size_t begin, std::size_t end, std::string text) {
    tokens_.erase(tokens_.begin() + static_cast<long>(begin),
                  tokens_.begin() + static_cast<long>(end));
    tokens_.insert(tokens_.begin() + static_cast<long>(begin), std::move(text));
  }
  void Insert(std::size_t at, std::string text) {
    tokens_.insert(tokens_.begin() + static_cast<long>(at), std::move(text));
  }
  // Inserts an item at a random place of the container, with commas as needed.
  void InsertItem(std::size_t open, const std::string& text) {
    const std::vector<Range> items = Items(tokens_, open);
    if (items.empty()) return Insert(open + 1, text);
    if (random_.Percent(50)) return Insert(items[0].begin, text + ",");
    Insert(items[random_.Below(items.size())].end, "," + text);
  }

  void ChangeNumber() {
    const auto at = Find([&](std::size_t i) { return IsNumber(tokens_[i]); });
    if (!at) return AddUnknownField();
    std::string& token = tokens_[*at];
    switch (random_.Below(6)) {
      case 0:
      case 1:
        token = RandomNumber(random_);
        break;
      case 2:
        token = RandomBadNumber(random_);
        break;
      case 3:
        token = "-" + token;
        break;
      case 4: {
        static constexpr std::string_view kTails[] = {".0", "e0",  "E0", "0", ".5",
                                                      "e1", "e-1", ".",  "e", " "};
        token += random_.Pick(kTails);
        break;
      }
      default: {
        const auto old =
            token.find_first_not_of("0123456789") == std::string::npos && token.size() < 18
                ? std::stoull(token)
                : 1;
        const std::uint64_t values[] = {old + 1, old - 1, old * 2, old / 2, old * 4, old + 8};
        token = std::to_string(random_.Pick(values));
      }
    }
  }

  void ChangeString() {
    const auto at = Find([&](std::size_t i) { return IsString(tokens_[i]); });
    if (!at) return;
    std::string& token = tokens_[*at];
    const std::size_t place = token.size() > 2 ? random_.Between(1, token.size() - 2) : 1;
    static constexpr std::string_view kKeys[] = {"\"dtype\"",
                                                 "\"DTYPE\"",
                                                 "\"d\\u0074ype\"",
                                                 "\"shape\"",
                                                 "\"Shape\"",
                                                 "\"data_offsets\"",
                                                 "\"data_offset\"",
                                                 "\"__metadata__\"",
                                                 "\"\\u005f_metadata__\"",
                                                 "\"\\u005F\\u005Fmetadata\\u005f_\"",
                                                 "\"\"",
                                                 "\"dtype\\u0000\"",
                                                 "\"F\\u0033\\u0032\"",
                                                 "\"f32\"",
                                                 "\"F128\"",
                                                 "\"F32 \"",
                                                 "\"E8M0\"",
                                                 "\"BOOL\"",
                                                 "\"F8_E4M3FN\""};
    switch (random_.Below(5)) {
      case 0: {  // the same, with a different spelling
        const auto byte = static_cast<unsigned char>(token[place]);
        if (place < token.size() && byte >= 0x20 && byte < 0x7F && token[place] != '\\' &&
            token[place] != '"' && token.find('\\') == std::string::npos) {
          token.replace(place, 1, EscapeAscii(token[place], random_));
        }
        break;
      }
      case 1:
        token.insert(std::min(place, token.size()), HostileStringPiece(random_));
        break;
      case 2:
        token = Quote(random_.Pick(kDTypeNames), random_, random_.Percent(20));
        break;
      case 3:
        token = random_.Pick(kKeys);
        break;
      default: {
        const auto other = Find([&](std::size_t i) { return IsString(tokens_[i]); });
        token = tokens_[*other];
      }
    }
  }

  void AddSpace() {
    static constexpr std::string_view kSpaces[] = {
        " ",  "\t", "\n", "\r", "\r\n",     "  \t",         " ",    "\t",
        "\n", "\r", "\f", "\v", "\xC2\xA0", "\xE2\x80\xA8", "/**/", "\xEF\xBB\xBF"};
    Insert(random_.Below(tokens_.size() + 1), std::string(random_.Pick(kSpaces)));
  }

  void DuplicateItem() {
    const auto open = FindOpen("");
    if (!open) return;
    const std::vector<Range> items = Items(tokens_, *open);
    if (items.empty()) return;
    const Range item = items[random_.Below(items.size())];
    std::string copy = Concat(tokens_, item.begin, item.end);
    // The same key with a different spelling.
    const std::size_t quote = copy.find('"');
    if (random_.Percent(30) && quote != std::string::npos && quote + 1 < copy.size()) {
      const char c = copy[quote + 1];
      if (c > ' ' && c < '\x7F' && c != '"' && c != '\\')
        copy.replace(quote + 1, 1, EscapeAscii(c, random_));
    }
    if (random_.Percent(30)) copy = Scramble(copy);
    Insert(items[random_.Below(items.size())].end, "," + copy);
  }

  // Changes numbers in a copy, which shows that the other duplicate is ignored.
  std::string Scramble(const std::string& text) {
    Tokens tokens = Tokenize(text);
    for (std::string& token : tokens) {
      if (IsNumber(token) && random_.Percent(40)) token = RandomNumber(random_);
    }
    return Concat(tokens, 0, tokens.size());
  }

  void MoveItems() {
    const auto open = FindOpen("");
    if (!open) return;
    const std::vector<Range> items = Items(tokens_, *open);
    if (items.empty()) return;
    const std::size_t first = random_.Below(items.size());
    const std::size_t second = random_.Below(items.size());
    if (first == second || random_.Percent(30)) {  // delete it, with a comma next to it
      std::size_t begin = items[first].begin, end = items[first].end;
      if (first + 1 < items.size()) {
        ++end;
      } else if (first > 0) {
        --begin;
      }
      return Replace(begin, end, "");
    }
    const Range a = items[std::min(first, second)], b = items[std::max(first, second)];
    const std::string text_a = Concat(tokens_, a.begin, a.end),
                      text_b = Concat(tokens_, b.begin, b.end);
    Replace(b.begin, b.end, text_a);
    Replace(a.begin, a.end, text_b);
  }

  void AddUnknownField() {
    const auto open = FindOpen("{");
    if (!open) return;
    std::string value;
    switch (random_.Below(5)) {
      case 0:
        value = RandomValue(random_, 3);
        break;
      case 1:
        value = Nested(random_.Between(120, 130), random_);
        break;
      case 2:
        value = "[" + RandomNumber(random_) + "," + RandomNumber(random_) + "]";
        break;
      case 3:
        value = "\"" + std::string(HostileStringPiece(random_)) + "\"";
        break;
      default:
        value = RandomNumber(random_);
    }
    InsertItem(*open,
               Quote(random_.Percent(50) ? "x" : RandomName(random_), random_, true) + ":" + value);
  }

  // Tensors as arrays, dtypes as maps.
  void ChangeForm() {
    if (random_.Percent(40)) {
      const auto at = FindValueOf("dtype");
      if (!at) return;
      static constexpr std::string_view kValues[] = {
          ":null", ":null", ":null", ":{}", ":[]", ":0", "", ":null,\"F16\":null"};
      return Replace(*at, *at + 1, "{" + tokens_[*at] + std::string(random_.Pick(kValues)) + "}");
    }
    const auto open = Find([&](std::size_t i) { return tokens_[i] == "{" && i > 0; });
    if (!open) return;
    std::string out;
    for (const Range& item : Items(tokens_, *open)) {
      const std::string text = Concat(tokens_, item.begin, item.end);
      const std::size_t colon = text.find(':');
      if (colon == std::string::npos || random_.Percent(4)) continue;
      if (!out.empty()) out += ",";
      out += text.substr(colon + 1);
    }
    if (random_.Percent(8)) out += ",null";
    Replace(*open, ValueEnd(tokens_, *open), "[" + out + "]");
  }

  void ChangeMetadata() {
    static constexpr std::string_view kValues[] = {"null",
                                                   "{}",
                                                   "{\"a\":\"1\"}",
                                                   "{\"a\":\"1\",\"a\":\"2\"}",
                                                   "{\"a\":\"1\",\"\\u0061\":\"2\"}",
                                                   "{\"a\":1}",
                                                   "{\"a\":null}",
                                                   "{\"a\":{}}",
                                                   "[]",
                                                   "\"x\"",
                                                   "1",
                                                   "{\"a\":1,\"a\":\"2\"}",
                                                   "{\"dtype\":\"F32\"}",
                                                   "true",
                                                   "{\"a\":[[[]]]}",
                                                   "{\"a\":\"\\ud800\"}"};
    const auto at = FindValueOf("__metadata__");
    if (at && random_.Percent(60))
      return Replace(*at, ValueEnd(tokens_, *at), std::string(random_.Pick(kValues)));
    const std::size_t open = random_.Percent(85) ? 0 : FindOpen("{").value_or(0);
    if (open >= tokens_.size() || !IsOpen(tokens_[open])) return;
    InsertItem(open, (random_.Percent(80) ? "\"__metadata__\":" : "\"\\u005f_metadata__\":") +
                         std::string(random_.Pick(kValues)));
  }

  void ChangeShape() {
    const auto open = FindValueOf("shape");
    if (!open || tokens_[*open] != "[") return;
    const std::vector<Range> items = Items(tokens_, *open);
    switch (random_.Below(5)) {
      case 0:
        return InsertItem(*open, "1");
      case 1:
        return InsertItem(*open, "0");
      case 2:
        return InsertItem(*open, RandomNumber(random_));
      case 3: {  // too large for 64 bits, before or after a zero
        static constexpr std::string_view kShapes[] = {
            "[0,4611686018427387904,4611686018427387904]",
            "[4611686018427387904,4611686018427387904,0]",
            "[4294967296,4294967296]",
            "[4294967296,0,4294967296]",
            "[2305843009213693952]",
            "[2305843009213693951]",
            "[0,2305843009213693952]",
            "[288230376151711744,0]",
            "[18446744073709551615,1]",
            "[0,18446744073709551616]",
            "[3,0]",
            "[0,3]",
            "[2,3]",
            "[3]",
            "[3,2]",
            "[]",
            "[1,1,1,1,1,1,1,1,1,1]"};
        return Replace(*open, ValueEnd(tokens_, *open), std::string(random_.Pick(kShapes)));
      }
      default:
        if (items.size() < 2) return;
        return MoveWithin(items);
    }
  }

  void MoveWithin(const std::vector<Range>& items) {
    const std::string last = Concat(tokens_, items.back().begin, items.back().end);
    const std::string first = Concat(tokens_, items.front().begin, items.front().end);
    Replace(items.back().begin, items.back().end, first);
    Replace(items.front().begin, items.front().end, last);
  }

  void ChangeOffsets() {
    const auto open = FindValueOf("data_offsets");
    if (!open || tokens_[*open] != "[") return;
    const std::vector<Range> items = Items(tokens_, *open);
    switch (random_.Below(5)) {
      case 0:
        if (items.size() < 2) return;
        return MoveWithin(items);
      case 1: {  // those of another tensor
        const auto other = FindValueOf("data_offsets");
        return Replace(*open, ValueEnd(tokens_, *open),
                       Concat(tokens_, *other, ValueEnd(tokens_, *other)));
      }
      case 2: {
        if (items.empty()) return;
        const std::string same = Concat(tokens_, items.back().begin, items.back().end);
        return Replace(*open, ValueEnd(tokens_, *open), "[" + same + "," + same + "]");
      }
      case 3:
        return InsertItem(*open, RandomNumber(random_));
      default:
        return Replace(*open, ValueEnd(tokens_, *open),
                       "[" + RandomNumber(random_) + "," + RandomNumber(random_) + "]");
    }
  }

  // Most are empty and start where the data end, or share a range with another.
  void AddTensor() {
    const auto open = FindOpen("{");
    const std::size_t place = random_.Percent(90) ? 0 : open.value_or(0);
    if (place >= tokens_.size() || !IsOpen(tokens_[place])) return;
    std::string offset = std::to_string(
        random_.Percent(60) ? parts_.data.size() : random_.Below(parts_.data.size() + 1));
    static constexpr std::string_view kShapes[] = {"[0]",
                                                   "[0,3]",
                                                   "[3,0]",
                                                   "[1]",
                                                   "[]",
                                                   "[3]",
                                                   "[0,18446744073709551615]",
                                                   "[4294967296,4294967296]"};
    InsertItem(place, Quote(RandomName(random_), random_, false) +
                          ":{\"dtype\":" + Quote(random_.Pick(kDTypeNames), random_, false) +
                          ",\"shape\":" + std::string(random_.Pick(kShapes)) +
                          ",\"data_offsets\":[" + offset + "," + offset + "]}");
  }

  void ChangePunctuation() {
    static constexpr std::string_view kMarks[] = {",", ":", "{", "}",  "[",  "]", ",,",
                                                  ";", "",  "'", "\"", "()", "#"};
    const auto at = Find([&](std::size_t i) {
      return !IsSpaceToken(tokens_[i]) && !IsString(tokens_[i]) && !IsNumber(tokens_[i]);
    });
    if (!at) return Insert(0, "{");
    if (random_.Percent(50)) {
      tokens_[*at] = random_.Pick(kMarks);
    } else {
      Insert(*at, std::string(random_.Pick(kMarks)));
    }
  }

  void ReplaceValue() {
    static constexpr std::string_view kWords[] = {
        "null", "true", "false",  "nul",       "NULL",      "True", "\"4\"", "{}",
        "[]",   "[[]]", "[null]", "{\"a\":0}", "undefined", "1",    "\"\"",  "'a'"};
    const auto at = Find([&](std::size_t i) {
      return IsString(tokens_[i]) || IsNumber(tokens_[i]) || IsOpen(tokens_[i]);
    });
    if (!at) return;
    const std::string value =
        random_.Percent(70) ? std::string(random_.Pick(kWords)) : RandomValue(random_, 3);
    Replace(*at, ValueEnd(tokens_, *at), value);
  }

  Parts& parts_;
  Random& random_;
  Tokens tokens_;
};

}  // namespace

void MutateOnce(Parts& parts, Random& random) { Mutation(parts, random).Run(); }

}  // namespace tensorgate::mutator
