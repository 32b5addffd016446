// Parses JSON into events, strictly by RFC 8259, with Boost.JSON's basic_parser. This is the only
// place that includes Boost for reading.
#ifndef TENSORGATE_JSON_EVENTS_H_
#define TENSORGATE_JSON_EVENTS_H_

#include <boost/json/basic_parser_impl.hpp>
#include <cstddef>
#include <string_view>

namespace tensorgate::json {

enum class ParseResult {
  kDone,     ///< One value was read; `position` is after it and any white space that follows.
  kStopped,  ///< The handler stopped it.
  kTooDeep,  ///< More containers are open than allowed.
  /// A number's exponent is too large for the parser. The number may still be valid.
  kExponent,
  kSyntax,  ///< Not JSON.
};

struct ParseEnd {
  ParseResult result;
  std::size_t position;  ///< Where the parser stopped.
  const char* reason;    ///< For kSyntax, in words.
};

/// Base of handlers: the types of the events, the limits (none), and the events that never occur
/// with a single buffer.
class HandlerBase {
 public:
  using Text = boost::json::string_view;
  using Error = boost::json::error_code;
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }
  bool on_number_part(Text, Error&) { return true; }
  bool on_comment_part(Text, Error&) { return true; }
  bool on_comment(Text, Error&) { return true; }

 protected:
  /// Return this from an event to end the parse.
  static bool Stop(Error& error) {
    error = boost::json::error::extra_data;
    return false;
  }
};

/// Parses all of `text` with a `Handler` constructed from `arguments`; afterwards calls
/// `after(handler, end)`. At most `max_depth` containers may be open at once. Exceptions of the
/// handler are passed on.
template <typename Handler, typename After, typename... Arguments>
void Parse(std::string_view text, std::size_t max_depth, const After& after,
           Arguments&&... arguments) {
  namespace bj = boost::json;
  bj::parse_options options;
  options.max_depth = max_depth;
  bj::basic_parser<Handler> parser(options, static_cast<Arguments&&>(arguments)...);
  bj::error_code error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  ParseEnd end{ParseResult::kDone, used, ""};
  if (error) {
    if (error == bj::error::extra_data) {
      end.result = ParseResult::kStopped;
    } else if (error == bj::error::too_deep) {
      end.result = ParseResult::kTooDeep;
    } else if (error == bj::error::exponent_overflow) {
      end.result = ParseResult::kExponent;
    } else {
      end.result = ParseResult::kSyntax;
      end.reason = error == bj::error::incomplete ? "it ends too early"
                   // Which of the three it is depends on how much text follows.
                   : error == bj::error::illegal_leading_surrogate ||
                           error == bj::error::illegal_trailing_surrogate ||
                           error == bj::error::expected_hex_digit
                       ? "an invalid escape"
                       : "an unexpected character";
    }
  }
  after(parser.handler(), end);
}

}  // namespace tensorgate::json

#endif  // TENSORGATE_JSON_EVENTS_H_
