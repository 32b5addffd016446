#include "lib/formats/torch/trust.h"

#include <algorithm>
#include <new>
#include <tuple>
#include <utility>

#include "lib/formats/torch/globals.h"
#include "lib/formats/torch/numpy.h"

namespace tensorgate {
namespace internal {
namespace {

using pickle::Kind;

constexpr std::size_t kMaxEntries = 1000, kMaxOfOneName = 16, kMaxArguments = 64;
// A report shows this much of a name.
constexpr std::size_t kLongestName = 256;
constexpr std::string_view kBlank = " \t\r";
// Not an entry, but a schema of its own (numpy.h).
constexpr std::string_view kNumpyLine = "numpy";
constexpr const char* kForm =
    "an entry is: module.name, reduce(KINDS) or newobj(KINDS), and build(KIND) if its state may be "
    "set";

std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// Returns the text before the first of `marks`, or all of it if there is none, and removes it
// together with the mark.
std::string_view TakeTo(std::string_view& text, std::string_view marks) {
  const std::size_t end = std::min(text.find_first_of(marks), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

auto NameOf(const TrustedCall& call) {
  return std::tuple(std::string_view(call.module), std::string_view(call.name));
}

class EntryParser {
 public:
  explicit EntryParser(std::string_view line) : rest_(Trim(line)) {}

  /// std::nullopt: `reason` says why.
  std::optional<TrustedCall> Parse() {
    TrustedCall call;
    const bool good = Name(call) && Make(call) && State(call);
    return good ? std::optional(std::move(call)) : std::nullopt;
  }
  std::string reason;

 private:
  bool Fail(std::string why) {
    reason = std::move(why);
    return false;
  }

  bool Name(TrustedCall& call) {
    const std::string_view full = TakeTo(rest_, kBlank);
    const std::size_t dot = full.rfind('.');
    if (dot == full.npos || dot == 0 || dot + 1 == full.size() ||
        full.find_first_of("(),|") != full.npos) {
      return Fail(kForm);
    }
    if (full.size() > kLongestName) return Fail("a name of more than 256 bytes");
    call.module = full.substr(0, dot);
    call.name = full.substr(dot + 1);
    if (torch::internal::TakesRawMemory(call.module, call.name)) {
      return Fail(
          call.FullName() +
          " builds memory as the file describes it, including pointers, so no entry makes it safe; "
          "the line 'numpy' allows NumPy's scalars and arrays of numbers");
    }
    if (!torch::internal::FindGlobal(call.module, call.name)) return true;
    return Fail(call.FullName() + " is one of PyTorch's own names, which a list cannot change");
  }

  // Takes `word(inside)` from the front.
  bool Form(std::string_view& word, std::string_view& inside) {
    const std::size_t open = rest_.find('('), close = rest_.find(')', open);
    if (close == rest_.npos) return Fail(kForm);
    word = Trim(rest_.substr(0, open));
    inside = Trim(rest_.substr(open + 1, close - open - 1));
    rest_ = Trim(rest_.substr(close + 1));
    return true;
  }

  bool Make(TrustedCall& call) {
    std::string_view word, inside;
    if (!Form(word, inside)) return false;
    call.reduce = word == "reduce";
    if (!call.reduce && word != "newobj") return Fail(kForm);
    const auto count = static_cast<std::size_t>(std::ranges::count(inside, ',')) + 1;
    if (count > kMaxArguments) return Fail("more than 64 arguments");
    if (inside.empty()) return true;
    for (std::size_t i = 0; i < count; ++i) {
      Kinds kinds = 0;
      if (!KindsOf(TakeTo(inside, ","), kinds)) return false;
      call.arguments.push_back(kinds);
    }
    return true;
  }

  bool State(TrustedCall& call) {
    if (rest_.empty()) return true;
    std::string_view word, inside;
    if (!Form(word, inside)) return false;
    if (word != "build" || !rest_.empty()) return Fail(kForm);
    return KindsOf(inside, call.state);
  }

  bool KindsOf(std::string_view text, Kinds& kinds) {
    const auto count = static_cast<std::size_t>(std::ranges::count(text, '|')) + 1;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view word = Trim(TakeTo(text, "|"));
      Kinds found = 0;
      for (auto kind = Kind::kNone; kind <= Kind::kTensor;
           kind = static_cast<Kind>(static_cast<unsigned>(kind) + 1)) {
        if (word == "any" || word == pickle::Name(kind)) {
          found |= Kinds{1} << static_cast<unsigned>(kind);
        }
      }
      if (found == 0) return Fail("unknown kind of value: '" + std::string(word) + "'");
      kinds |= found;
    }
    return true;
  }

  std::string_view rest_;
};

std::expected<TrustList, TrustError> ParseList(std::string_view text) {
  std::vector<TrustedCall> calls;
  bool numpy = false;
  for (std::size_t line = 1; !text.empty(); ++line) {
    std::string_view content = TakeTo(text, "\n");
    content = Trim(TakeTo(content, "#"));
    numpy |= content == kNumpyLine;
    if (content.empty() || content == kNumpyLine) continue;
    EntryParser parser(content);
    std::optional<TrustedCall> call = parser.Parse();
    if (!call) return std::unexpected(TrustError{line, std::move(parser.reason)});
    if (calls.size() == kMaxEntries) {
      return std::unexpected(TrustError{line, "more than 1000 entries"});
    }
    const auto same = std::ranges::equal_range(calls, NameOf(*call), {}, NameOf);
    if (same.size() == kMaxOfOneName) {
      return std::unexpected(TrustError{line, "more than 16 entries of one name"});
    }
    calls.insert(same.end(), std::move(*call));
  }
  return TrustAccess::Make(std::move(calls), numpy);
}

}  // namespace

std::span<const TrustedCall> TrustAccess::Calls(const TrustList& list) {
  if (list.calls_ == nullptr) return {};
  return *list.calls_;
}

TrustList TrustAccess::Make(std::vector<TrustedCall> calls, bool numpy) {
  TrustList list;
  list.numpy_ = numpy;
  if (!calls.empty()) {
    list.calls_ = std::make_shared<const std::vector<TrustedCall>>(std::move(calls));
  }
  return list;
}

std::optional<std::size_t> FindTrusted(const TrustList& list, std::string_view module,
                                       std::string_view name) {
  const std::span<const TrustedCall> calls = TrustAccess::Calls(list);
  const auto found = std::ranges::lower_bound(calls, std::tuple(module, name), {}, NameOf);
  if (found == calls.end() || NameOf(*found) != std::tuple(module, name)) return std::nullopt;
  return static_cast<std::size_t>(found - calls.begin());
}

bool Trusts(const TrustList& list, std::string_view module, std::string_view name) {
  if (TrustAccess::Numpy(list) && torch::internal::FindNumpy(module, name)) return true;
  return FindTrusted(list, module, name).has_value();
}

std::optional<std::size_t> MatchTrusted(const TrustList& list, std::size_t first, bool reduce,
                                        std::span<const pickle::Value> arguments) {
  const std::span<const TrustedCall> calls = TrustAccess::Calls(list);
  for (std::size_t i = first; i < calls.size() && NameOf(calls[i]) == NameOf(calls[first]); ++i) {
    const TrustedCall& call = calls[i];
    const auto fits = [](Kinds kinds, const pickle::Value& value) {
      return Holds(kinds, value.kind);
    };
    if (call.reduce == reduce && std::ranges::equal(call.arguments, arguments, fits)) return i;
  }
  return std::nullopt;
}

}  // namespace internal

std::expected<TrustList, TrustError> TrustList::Parse(std::string_view text) {
  try {
    return internal::ParseList(text);
  } catch (const std::bad_alloc&) {
    return std::unexpected(TrustError{0, {}});
  }
}

}  // namespace tensorgate
