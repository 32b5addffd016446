#include "lib/sharded/rules.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "lib/base/name_check.h"

namespace tensorgate::sharded {
namespace {

std::optional<std::uint64_t> ParseNumber(std::string_view digits) {
  std::uint64_t value = 0;
  const char* end = std::to_address(digits.end());
  const auto [stop, error] = std::from_chars(std::to_address(digits.begin()), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

struct Numbers {
  std::uint64_t number, count;
  std::string_view stem;
  std::uint32_t shard;
};

// The N and M of "...-N-of-M.safetensors" or "...-N-of-M.VARIANT.safetensors".
std::optional<Numbers> NumbersOf(std::string_view name) {
  constexpr std::string_view kOf = "-of-";
  const std::size_t of = name.rfind(kOf);
  if (of == name.npos) return std::nullopt;
  const std::string_view before = name.substr(0, of), after = name.substr(of + kOf.size());
  const std::size_t dash = before.rfind('-');
  if (dash == before.npos) return std::nullopt;
  const std::optional<std::uint64_t> number = ParseNumber(before.substr(dash + 1));
  const std::optional<std::uint64_t> count = ParseNumber(after.substr(0, after.find('.')));
  if (!number || !count) return std::nullopt;
  return Numbers{*number, *count, before.substr(0, dash), 0};
}

void CheckNumbering(const Index& index, ReportBuilder& builder) {
  std::vector<Numbers> numbered;
  std::optional<std::uint32_t> plain;
  for (std::uint32_t i = 0; i < index.shards.size(); ++i) {
    std::optional<Numbers> numbers = NumbersOf(index.Text(index.shards[i].name));
    if (numbers) {
      numbers->shard = i;
      numbered.push_back(*numbers);
    } else if (!plain) {
      plain = i;
    }
  }
  if (numbered.empty()) return;
  const auto add = [&](std::uint32_t shard, std::string_view words) {
    builder.Add(Rule::kCpShardNumbering, index.PlaceOf(index.shards[shard]).begin,
                {.subject = index.Text(index.shards[shard].name), .found_text = words});
  };
  if (plain) return add(*plain, "has no number");
  const std::uint64_t count = numbered.front().count;
  for (const Numbers& numbers : numbered) {
    if (numbers.count != count) return add(numbers.shard, "states a different total");
  }
  std::ranges::sort(numbered, [](const Numbers& a, const Numbers& b) {
    return std::tie(a.number, a.shard) < std::tie(b.number, b.shard);
  });
  const std::uint64_t base = numbered.front().number == 0 ? 0 : 1;  // some writers start at 0
  for (std::size_t i = 0; i < numbered.size(); ++i) {
    if (i != 0 && numbered[i].number == numbered[i - 1].number) {
      return add(numbered[i].shard, "repeats a number");
    }
    if (numbered[i].number != base + i) return add(numbered[i].shard, "skips a number");
  }
  if (count != numbered.size())
    add(numbered.back().shard, "states a total other than the number of shards");
}

void CheckTensorNames(const Index& index, ReportBuilder& builder) {
  const std::span<const Entry> entries = index.entries.span();
  const auto name_at = [&](std::uint32_t i) { return index.NameOf(entries[i]); };
  for (const internal::NameFinding& finding :
       internal::CheckNames(static_cast<std::uint32_t>(entries.size()), name_at,
                            internal::kTensorNames, index.name_cases, builder.interrupt())) {
    const std::size_t place = entries[finding.name].place;
    builder.Add(finding.rule, place,
                {.found = finding.count,
                 .subject = name_at(finding.name),
                 .subject_offset = place,
                 .found_text = finding.text});
  }
}

// Only for shards that may be opened: the others are refused because of their names.
void CheckShardNames(const Index& index, ReportBuilder& builder) {
  std::vector<std::uint32_t> shards;
  for (std::uint32_t i = 0; i < index.shards.size(); ++i) {
    if (ShardNameFault(index.Text(index.shards[i].name)).empty()) shards.push_back(i);
  }
  const auto name_at = [&](std::uint32_t i) { return index.Text(index.shards[shards[i]].name); };
  const auto add = [&](Rule rule, std::uint32_t i, std::uint64_t count, std::string_view text) {
    const std::size_t place = index.PlaceOf(index.shards[shards[i]]).begin;
    builder.Add(
        rule, place,
        {.found = count, .subject = name_at(i), .subject_offset = place, .found_text = text});
  };
  const auto count = static_cast<std::uint32_t>(shards.size());
  for (const internal::NameFinding& finding :
       internal::CheckNames(count, name_at, internal::kShardNames, true, builder.interrupt())) {
    add(finding.rule, finding.name, finding.count, finding.text);
  }
  std::vector<std::uint32_t> odd;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!ShardNameOddity(name_at(i)).empty()) odd.push_back(i);
  }
  if (odd.empty()) return;
  add(Rule::kCpShardNameOdd, odd.front(), odd.size(), ShardNameOddity(name_at(odd.front())));
}

}  // namespace

void ApplyIndexRules(const Index& index, ReportBuilder& builder) {
  if (!index.has_metadata) builder.Add(Rule::kCpMetadataMissing, 0);
  if (index.unknown) {
    const std::string key =
        json::Unescape(index.text().substr(index.unknown.begin, index.unknown.size()));
    builder.Add(Rule::kCpIndexUnknown, index.unknown.begin,
                {.found = index.unknowns, .subject = key, .subject_offset = index.unknown.begin});
  }
  CheckNumbering(index, builder);
  CheckTensorNames(index, builder);
  CheckShardNames(index, builder);
  std::uint64_t below = 0;
  const ShardName* first = nullptr;
  for (const ShardName& shard : index.shards) {
    if (!index.Text(shard.name).contains('/')) continue;
    if (first == nullptr) first = &shard;
    ++below;
  }
  if (first != nullptr) {
    builder.Add(Rule::kCpShardSubFolder, index.PlaceOf(*first).begin,
                {.found = below, .subject = index.Text(first->name)});
  }
}

void ApplyTotalSizeRule(const Index& index, std::uint64_t data_bytes, std::uint64_t named_bytes,
                        ReportBuilder& builder) {
  const json::Token& token = index.total_size;
  if (!token) return;
  const std::string_view written = index.text().substr(token.begin, token.size());
  std::string_view number = token.kind == json::TokenKind::kNumber ? written : "";
  // Some writers divide by 8 and write a double.
  if (number.ends_with(".0")) number.remove_suffix(2);
  const std::optional<std::uint64_t> said = ParseNumber(number);
  if (said == data_bytes || said == named_bytes) return;
  builder.Add(
      Rule::kCpTotalSize, token.begin,
      {.allowed = data_bytes,
       .found_text = token.kind == json::TokenKind::kNumber ? written : json::Words(token.kind)});
}

std::string_view FindUpload(std::span<const std::string_view> names, bool whole) {
  std::string_view first;
  std::optional<Numbers> last;
  for (const std::string_view name : names) {
    const std::optional<Numbers> numbers = NumbersOf(name);
    if (!numbers) {
      if (whole) return name;
      continue;
    }
    const bool next = last && numbers->stem == last->stem && numbers->count == last->count &&
                      numbers->number == last->number + 1;
    if (!next && numbers->number > 1) continue;
    if (!next) first = name;
    last = numbers;
    const std::uint64_t base = NumbersOf(first)->number;
    if (numbers->number - base + 1 == numbers->count) return first;
  }
  return {};
}

bool IsUsed(const Index& index, std::string_view name) {
  const auto text = [&](const ShardName& shard) { return index.Text(shard.name); };
  return std::ranges::binary_search(index.shards, name, {}, text);
}

std::optional<Rule> ApplyShardNameRules(const Index& index, const ShardName& shard,
                                        std::string_view suffix, ReportBuilder& builder) {
  const std::string_view name = index.Text(shard.name);
  const std::string_view fault = ShardNameFault(name);
  if (fault.empty() && name.ends_with(suffix)) return std::nullopt;
  const Rule rule = fault.empty() ? Rule::kCpShardSuffix : Rule::kCpShardNameUnsafe;
  const std::size_t place = index.PlaceOf(shard).begin;
  builder.Add(
      rule, place,
      {.subject = name, .subject_offset = place, .found_text = fault.empty() ? suffix : fault});
  return rule;
}

}  // namespace tensorgate::sharded
