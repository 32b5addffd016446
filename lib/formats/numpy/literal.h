// The header of an .npy file as Python reads it: a literal, as ast.literal_eval takes it.
//
// NumPy hands the header to Python's own parser, so that comments, escapes, hexadecimal numbers and blank lines are
// read, too. All of that is read here once; the first place where it leaves the plain form is kept, for the
// profile that allows nothing else.
#ifndef TENSORGATE_FORMATS_NUMPY_LITERAL_H_
#define TENSORGATE_FORMATS_NUMPY_LITERAL_H_

#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tensorgate::numpy::internal {

enum class Kind : std::uint8_t { kNone, kFloat, kBool, kInteger, kString, kTuple, kList, kDict };

/// A value of a literal. Items of a container follow each other by `next`; a dict's are key, value, key, value …
struct Value {
  Kind kind{};
  bool negative = false;  ///< Of an integer that is not 0.
  std::uint64_t number =
      0;  ///< Its magnitude, 2^64-1 if it is more; 1 for True, and of a tuple with a comma.
  std::uint32_t begin = 0;  ///< In characters of the header.
  std::uint32_t end = 0;
  std::uint32_t first = 0;   ///< Item; 0: none.
  std::uint32_t next = 0;    ///< Of the same container; 0: none.
  std::uint32_t count = 0;   ///< Of items; of a string its characters.
  std::uint32_t string = 0;  ///< Where its characters are in Literal::strings.
};

class Literal {
 public:
  /// The items of a container, in order.
  class Items {
   public:
    class Iterator {
     public:
      Iterator(const Literal* literal, std::uint32_t at) : literal_(literal), at_(at) {}
      const Value& operator*() const { return literal_->values[at_]; }
      Iterator& operator++() {
        at_ = literal_->values[at_].next;
        return *this;
      }
      friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

     private:
      const Literal* literal_;
      std::uint32_t at_;
    };
    Items(const Literal* literal, std::uint32_t first) : literal_(literal), first_(first) {}
    Iterator begin() const { return {literal_, first_}; }
    Iterator end() const { return {literal_, 0}; }

   private:
    const Literal* literal_;
    std::uint32_t first_;
  };

  const Value& root() const { return values[root_index]; }
  Items ItemsOf(const Value& value) const { return {this, value.first}; }
  std::u32string_view String(const Value& value) const {
    return std::u32string_view(strings).substr(value.string, value.count);
  }

  std::vector<Value> values;  ///< The one at 0 is nothing.
  std::u32string strings;     ///< Of all strings, decoded.
  std::uint32_t root_index = 0;
  /// The first place that is not a plain dict: its strings without escapes, its numbers decimal, spaces alone between the
  /// tokens and after it, and one line feed at the end.
  std::optional<std::uint32_t> loose;
  /// The first number with Python 2's `L`.
  std::optional<std::uint32_t> python2_long;
};

/// Where Python would not read on, and what would have been right there.
struct LiteralError {
  std::uint32_t offset = 0;
  std::string_view expected;
};

/// `python2`: NumPy reads the header a second time without the `L` of Python 2's long integers. Throws std::bad_alloc.
std::expected<Literal, LiteralError> ParseLiteral(std::u32string_view text, bool python2);

}  // namespace tensorgate::numpy::internal

#endif  // TENSORGATE_FORMATS_NUMPY_LITERAL_H_
