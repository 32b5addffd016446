#include "lib/base/unicode.h"

#include <algorithm>
#include <span>
#include <utility>

#include "lib/base/bytes.h"

namespace tensorgate::internal {
namespace {

// `last` is a distance from `first`, here and below.
struct Range {
  std::uint32_t first;
  std::uint16_t last;
};

// Every `step`-th character from first to last folds to one: target, target + step, ...
struct FoldRun {
  std::uint32_t first, target;
  std::uint16_t last;
  std::uint8_t step;
  bool alike;
};

// `point` folds to this many characters of kFoldPool.
struct FoldText {
  std::uint32_t point;
  std::uint16_t begin;
  std::uint8_t count;
  bool alike;
};

struct LookAlike {
  std::uint32_t point, ascii;
};

// Normal form C joins `first` and `second` to `whole`.
struct Composition {
  std::uint32_t first, second, whole;
};

struct CombiningRun {
  std::uint32_t first;
  std::uint16_t last;
  std::uint8_t combining_class;
};

#include "lib/base/unicode_tables.inc"

constexpr std::array<std::uint16_t, kCompositions.size()> kByWhole = [] {
  std::array<std::uint16_t, kCompositions.size()> order{};
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint16_t>(i);
  std::ranges::sort(order, {}, [](std::uint16_t i) { return kCompositions[i].whole; });
  return order;
}();

static_assert(kMaxFolded <= Character().folded.size());

// The last row of `table` that starts at or before `point`, if it reaches that far.
template <typename Row, std::size_t kCount>
const Row* FindRun(const std::array<Row, kCount>& table, std::uint32_t point) {
  const auto after = std::ranges::upper_bound(table, point, {}, &Row::first);
  if (after == table.begin()) return nullptr;
  const Row& row = *std::prev(after);
  return point - row.first <= row.last ? &row : nullptr;
}

template <typename Row, std::size_t kCount>
const Row* FindPoint(const std::array<Row, kCount>& table, std::uint32_t point) {
  const auto found = std::ranges::lower_bound(table, point, {}, &Row::point);
  return found != table.end() && found->point == point ? &*found : nullptr;
}

// Korean syllables by arithmetic (The Unicode Standard, 3.12).
constexpr std::uint32_t kSyllables = 0xAC00, kLeads = 0x1100, kVowels = 0x1161, kTails = 0x11A7;
constexpr std::uint32_t kLeadCount = 19, kVowelCount = 21, kTailCount = 28;
constexpr std::uint32_t kSyllableCount = kLeadCount * kVowelCount * kTailCount;

bool IsIn(std::uint32_t point, std::uint32_t first, std::uint32_t count) {
  return point - first < count;  // wraps below `first`
}

bool Compose(std::uint32_t first, std::uint32_t second) {
  if (IsIn(first, kLeads, kLeadCount)) return IsIn(second, kVowels, kVowelCount);
  if (IsIn(first, kSyllables, kSyllableCount)) {
    return (first - kSyllables) % kTailCount == 0 && IsIn(second, kTails + 1, kTailCount - 1);
  }
  const auto pair = [](const Composition& each) { return std::pair(each.first, each.second); };
  return std::ranges::binary_search(kCompositions, std::pair(first, second), {}, pair);
}

// It can be the second of two joined characters, though it is not a mark.
bool IsSecond(std::uint32_t point) {
  return IsIn(point, kVowels, kVowelCount) || IsIn(point, kTails + 1, kTailCount - 1) ||
         std::ranges::any_of(kCompositions,
                             [&](const Composition& pair) { return pair.second == point; });
}

std::uint32_t CombiningClass(std::uint32_t point) {
  const CombiningRun* run = FindRun(kCombining, point);
  return run == nullptr ? 0 : run->combining_class;
}

// The pair that normal form C joins to `whole`; nullptr if there is none.
const Composition* PartsOf(std::uint32_t whole) {
  const auto whole_of = [](std::uint16_t i) { return kCompositions.at(i).whole; };
  const auto found = std::ranges::lower_bound(kByWhole, whole, {}, whole_of);
  return found != kByWhole.end() && whole_of(*found) == whole ? &kCompositions.at(*found) : nullptr;
}

void Append(Character& out, std::uint32_t point) { out.folded.at(out.count++) = point; }

// Canonical decomposition: the base character, then the marks that were joined to it, in the order
// of joining.
void Decompose(std::uint32_t point, Character& out) {
  if (IsIn(point, kSyllables, kSyllableCount)) {
    const std::uint32_t index = point - kSyllables, tail = index % kTailCount;
    Append(out, kLeads + index / kTailCount / kVowelCount);
    Append(out, kVowels + index / kTailCount % kVowelCount);
    if (tail != 0) Append(out, kTails + tail);
    return;
  }
  std::array<std::uint32_t, kMaxFolded> marks{};
  std::size_t count = 0;
  for (const Composition* parts = PartsOf(point); parts != nullptr; parts = PartsOf(point)) {
    marks.at(count++) = parts->second;
    point = parts->first;
  }
  Append(out, point);
  while (count != 0) Append(out, marks.at(--count));
}

void FoldForms(std::uint32_t point, Character& out) {
  if (const FoldRun* run = FindRun(kFoldRuns, point);
      run != nullptr && (point - run->first) % run->step == 0) {
    out.alike = run->alike;
    return Decompose(run->target + (point - run->first), out);
  }
  const FoldText* row = FindPoint(kFoldTexts, point);
  if (row == nullptr) return Decompose(point, out);
  out.alike = row->alike;
  for (const std::uint16_t each : std::span(kFoldPool).subspan(row->begin, row->count)) {
    Append(out, each);
  }
}

std::uint32_t FoldAscii(std::uint32_t point) {
  return static_cast<std::uint32_t>(FoldCase(static_cast<char>(point)));
}

void Fold(std::uint32_t point, Folding folding, Character& out) {
  if (FindRun(kUnseen, point) != nullptr) return;
  const bool looks = folding == Folding::kLooks;
  if (const LookAlike* found = looks ? FindPoint(kLookAlikes, point) : nullptr; found != nullptr) {
    out.alike = true;
    return Append(out, FoldAscii(found->ascii));
  }
  FoldForms(point, out);
  if (!looks) return;
  for (std::uint32_t& each : std::span(out.folded).first(out.count)) {
    const LookAlike* found = FindPoint(kLookAlikes, each);
    if (found != nullptr) each = FoldAscii(found->ascii);
  }
}

}  // namespace

std::string_view UnicodeVersion() { return kUnicodeVersion; }

Character CharacterOf(std::uint32_t point, Folding folding) {
  Character out;
  if (point < 0x80) {
    Append(out, FoldAscii(point));
    return out;
  }
  Fold(point, folding, out);
  out.combining_class = static_cast<std::uint8_t>(CombiningClass(point));
  out.never_normal = FindRun(kNotNormal, point) != nullptr;
  out.may_join = out.combining_class != 0 || IsSecond(point);
  return out;
}

bool Joins(std::uint32_t letter, std::uint32_t mark, std::uint32_t mark_class) {
  while (!Compose(letter, mark)) {
    const Composition* parts = PartsOf(letter);
    if (parts == nullptr || mark_class == 0 || CombiningClass(parts->second) <= mark_class) {
      return false;
    }
    letter = parts->first;
  }
  return true;
}

}  // namespace tensorgate::internal
