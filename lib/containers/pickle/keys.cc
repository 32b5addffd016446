#include "lib/containers/pickle/keys.h"

#include <array>
#include <bit>
#include <cmath>

#include "lib/base/names.h"

namespace tensorgate::pickle {
namespace {

// Below this number of keys, comparing every pair is cheaper than a table.
constexpr std::size_t kFew = 8;
// Number of keys that are spelled between two looks at the deadline.
constexpr std::uint32_t kPace = 1 << 16;

// 1, 1.0 and True are the same key.
std::optional<std::int64_t> AsInteger(const Value& key) {
  if (key.kind == Kind::kInt || key.kind == Kind::kBool) return key.Int();
  if (key.kind != Kind::kFloat) return std::nullopt;
  const double number = key.Float();
  constexpr double kEnd = 9223372036854775808.0;
  if (!(number >= -kEnd && number < kEnd) || number != std::floor(number)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

}  // namespace

void KeyCheck::SpellScalar(const Value& key) {
  Kind kind = key.kind;
  std::uint64_t bits = key.bits;
  if (const std::optional<std::int64_t> integer = AsInteger(key)) {
    kind = Kind::kInt;
    bits = static_cast<std::uint64_t>(*integer);
  }
  const bool text = kind == Kind::kString || kind == Kind::kBytes || kind == Kind::kBigInt;
  if (text) bits = key.length;
  spelled_.push_back('\xFF');
  spelled_.push_back(static_cast<char>(kind));
  const auto bytes = std::bit_cast<std::array<char, sizeof bits>>(bits);
  spelled_.append(bytes.data(), bytes.size());
  if (text) spelled_.append(values_.Text(key));
}

std::string_view KeyCheck::Spell(const Value& key) {
  if (key.kind == Kind::kString) return values_.Text(key);
  const std::size_t begin = spelled_.size();
  if (IsObject(key.kind)) {
    spelled_.append("\xFF(");
    for (const Value& item : values_.Items(key)) SpellScalar(item);
  } else {
    SpellScalar(key);
  }
  return std::string_view(spelled_).substr(begin);
}

std::optional<std::uint64_t> KeyCheck::FindDuplicate(const Value& object) {
  const std::span<const Value> items = values_.Items(object);
  const std::size_t step = IsMapping(object.kind) ? 2 : 1;
  const auto count = static_cast<std::uint32_t>(items.size() / step);
  const std::string_view pickle = values_.pickle();
  spelled_.clear();
  places_.Resize(count);
  hashes_.Resize(count);
  internal::Pace pace(kPace);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (pace.Due() && interrupt_.Ended()) return std::nullopt;
    const Value& key = items[i * step];
    const std::string_view text = Spell(key);
    const bool string = key.kind == Kind::kString;
    places_[i] = {.begin = string ? key.bits : pickle.size() + (spelled_.size() - text.size()),
                  .length = text.size()};
    if (count > kFew) hashes_[i] = internal::HashName(text);
  }
  const auto at = [&](std::uint32_t i) {
    const Place& place = places_[i];
    if (place.begin < pickle.size()) {
      return pickle.substr(static_cast<std::size_t>(place.begin),
                           static_cast<std::size_t>(place.length));
    }
    return std::string_view(spelled_).substr(static_cast<std::size_t>(place.begin - pickle.size()),
                                             static_cast<std::size_t>(place.length));
  };
  const auto place_of = [&](std::uint32_t i) {
    const Value& key = items[i * step];
    return key.kind == Kind::kString ? key.bits : 0;
  };
  if (count > kFew) {
    std::optional<std::uint64_t> found;
    internal::NameIndex index;
    index.Build(hashes_, at, [&](std::uint32_t later, std::uint32_t) {
      if (!found) found = place_of(later);
    });
    return found;
  }
  for (std::uint32_t later = 1; later < count; ++later) {
    for (std::uint32_t first = 0; first < later; ++first) {
      if (at(first) == at(later)) return place_of(later);
    }
  }
  return std::nullopt;
}

}  // namespace tensorgate::pickle
