// The header of an .npy file as Python reads it: a literal as accepted by ast.literal_eval.
//
// NumPy passes the header to Python's own parser, which also accepts comments, escapes, hexadecimal
// numbers and blank lines. All of that is parsed here; the first position that deviates from the
// plain form is kept, for the profile that allows only the plain form.
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

/// A value of a literal. The items of a container are linked by `next`; those of a dict are key,
/// value, key, value …
struct Value {
  Kind kind{};
  bool negative = false;  ///< For an integer other than 0.
  /// The magnitude of an integer, at most 2^64-1; 1 for True, and for a tuple with a comma.
  std::uint64_t number = 0;
  std::uint32_t begin = 0;  ///< Position in the header, in characters.
  std::uint32_t end = 0;
  std::uint32_t first = 0;   ///< Index of the first item; 0: none.
  std::uint32_t next = 0;    ///< Index of the next item of the same container; 0: none.
  std::uint32_t count = 0;   ///< Number of items; for a string, of characters.
  std::uint32_t string = 0;  ///< Index of its first character in Literal::strings.
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

  std::vector<Value> values;  ///< The value at index 0 is not used.
  std::u32string strings;     ///< The decoded characters of all strings.
  std::uint32_t root_index = 0;
  /// The first position that deviates from a plain dict: strings without escapes, decimal numbers,
  /// only spaces between the tokens and after the dict, and one line feed at the end.
  std::optional<std::uint32_t> loose;
  /// The first number with Python 2's suffix `L`.
  std::optional<std::uint32_t> python2_long;
};

/// The position where Python's parser fails, and what it would accept there.
struct LiteralError {
  std::uint32_t offset = 0;
  std::string_view expected;
};

/// `python2`: parse as NumPy does when it reads the header a second time, without the `L` of Python
/// 2's long integers. Throws std::bad_alloc.
std::expected<Literal, LiteralError> ParseLiteral(std::u32string_view text, bool python2);

}  // namespace tensorgate::numpy::internal

#endif  // TENSORGATE_FORMATS_NUMPY_LITERAL_H_
