#include <algorithm>
#include <utility>

#include "lib/base/magic.h"
#include "lib/base/utf8.h"
#include "lib/sharded/handler.h"
#include "lib/sharded/index.h"

namespace tensorgate::sharded {
namespace {

using json::Token;
using json::TokenCursor;
using json::TokenKind;

struct Failure {
  Rule rule{};
  std::size_t offset = 0;
  std::optional<std::uint64_t> found, allowed;
  std::string subject, text;
};

Failure FromHandler(const IndexHandler& handler, const Index& index, std::size_t stop) {
  const IndexHandler::Stopped& stopped = handler.stopped();
  const Token token = json::TokenAtStop(index.text(), stop, stopped.kind);
  Failure failure{stopped.rule, token.begin, stopped.found, stopped.allowed, {}, {}};
  if (stopped.names_tensor) failure.subject = handler.TensorName();
  if (token.kind == TokenKind::kNumber) {
    failure.text = index.text().substr(token.begin, token.size());
  } else {
    failure.text = json::Words(token.kind);
  }
  return failure;
}

std::optional<Failure> FailureOf(const json::ParseEnd& end, const IndexHandler& handler,
                                 const Index& index) {
  Failure failure{.offset = end.position};
  switch (end.result) {
    case json::ParseResult::kDone:
      if (end.position == index.text().size()) return std::nullopt;
      failure.rule = Rule::kCpIndexTrailing;
      failure.found = static_cast<unsigned char>(index.text()[end.position]);
      break;
    case json::ParseResult::kStopped:
      return FromHandler(handler, index, end.position);
    case json::ParseResult::kTooDeep:
      failure.rule = Rule::kCpIndexDepth;
      failure.allowed = kMaxDepth;
      break;
    case json::ParseResult::kExponent: {
      failure.rule = Rule::kCpIndexNumberRange;
      const Token token = json::TokenAtStop(index.text(), end.position, TokenKind::kNumber);
      failure.offset = token.begin;
      failure.text = index.text().substr(token.begin, token.size());
      break;
    }
    case json::ParseResult::kSyntax:
      failure.rule = Rule::kCpIndexSyntax;
      failure.text = internal::IsLfsPointer(index.bytes.span()) ? "it is a Git LFS pointer"
                     : index.text().empty()                     ? "it is empty"
                                                                : end.reason;
  }
  return failure;
}

void AddFinding(const Failure& failure, const Index& index, ReportBuilder& builder) {
  const std::size_t valid = internal::ValidUtf8Length(index.text());
  // If a limit stopped the parse, nothing is known about the rest, not even whether it is UTF-8.
  if (valid < index.text().size() && Info(failure.rule).effect == Effect::kReport) {
    builder.Add(Rule::kCpIndexNotUtf8, valid,
                {.found = static_cast<unsigned char>(index.text()[valid])});
  }
  builder.Add(failure.rule, failure.offset,
              {.found = failure.found,
               .allowed = failure.allowed,
               .subject = failure.subject,
               .subject_offset = failure.offset,
               .found_text = failure.text});
}

// The first duplicate key in an object other than weight_map.
std::optional<Failure> RepeatedKey(const Index& index, Events& events) {
  const auto key_of = [&](const OtherKey& key) { return index.Text(key.key); };
  const std::span<OtherKey> keys = events.keys.span();
  std::ranges::sort(keys, [&](const OtherKey& a, const OtherKey& b) {
    if (a.container != b.container) return a.container < b.container;
    if (a.key.length != b.key.length) return a.key.length < b.key.length;
    const int order = key_of(a).compare(key_of(b));
    return order != 0 ? order < 0 : a.string < b.string;
  });
  const OtherKey* repeated = nullptr;
  for (std::size_t i = 1; i < keys.size(); ++i) {
    const OtherKey &before = keys[i - 1], &key = keys[i];
    if (before.container == key.container && key_of(before) == key_of(key) &&
        (repeated == nullptr || key.string < repeated->string)) {
      repeated = &key;
    }
  }
  if (repeated == nullptr) return std::nullopt;
  TokenCursor cursor(index.text());
  Token token = cursor.Next();
  for (std::uint32_t strings = 0; token; token = cursor.Next()) {
    if (token.kind == TokenKind::kString && strings++ == repeated->string) break;
  }
  return Failure{Rule::kCpIndexKeyDuplicate,     token.begin, {}, {},
                 std::string(key_of(*repeated)), {}};
}

// Entries refer to their shard by its index among the values; this changes it to the index among
// the names.
void NameShards(Index& index, const Events& events) {
  const std::span<const TextRef> values = events.values.span();
  internal::PodBuffer<std::uint32_t> hashes, shard_of;
  hashes.Resize(values.size());
  shard_of.AssignZero(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    hashes[i] = internal::HashName(index.Text(values[i]));
  }
  constexpr std::uint32_t kFirst = UINT32_MAX;
  std::ranges::fill(shard_of.span(), kFirst);
  internal::NameIndex distinct;
  distinct.Build(
      hashes, [&](std::uint32_t i) { return index.Text(values[i]); },
      [&](std::uint32_t later, std::uint32_t first) { shard_of[later] = first; });
  std::vector<std::uint32_t> firsts;
  for (std::uint32_t i = 0; i < values.size(); ++i) {
    if (shard_of[i] == kFirst) firsts.push_back(i);
  }
  std::ranges::sort(firsts, {}, [&](std::uint32_t i) { return index.Text(values[i]); });
  index.shards.resize(firsts.size(), {.name = {}, .first = kFirst});
  internal::PodBuffer<std::uint32_t> position;
  position.AssignZero(values.size());
  for (std::uint32_t i = 0; i < firsts.size(); ++i) {
    position[firsts[i]] = i;
    index.shards[i].name = values[firsts[i]];
  }
  for (std::uint32_t i = 0; i < index.entries.size(); ++i) {
    const std::uint32_t value = index.entries[i].shard;
    index.entries[i].shard = position[shard_of[value] == kFirst ? value : shard_of[value]];
    std::uint32_t& first = index.shards[index.entries[i].shard].first;
    first = std::min(first, i);
  }
}

// Finds the positions in the root, and in weight_map if a name was written with escapes.
void LocateKeys(Index& index) {
  const std::string_view text = index.text();
  const auto unescaped = [&](Token token) {
    return json::Unescape(text.substr(token.begin, token.size()));
  };
  TokenCursor cursor(text);
  cursor.Next();  // the root
  for (Token key = cursor.Next(); key.kind == TokenKind::kString; key = cursor.Next()) {
    const std::string name = unescaped(key);
    Token value = cursor.Next();
    if (name == "metadata") {
      for (Token inner = cursor.Next(); inner.kind == TokenKind::kString; inner = cursor.Next()) {
        value = cursor.Next();
        if (unescaped(inner) == "total_size") index.total_size = value;
        cursor.SkipValue(value);
      }
      continue;
    }
    if (name == "weight_map") {
      for (Entry& entry : index.entries.span()) {
        entry.place = static_cast<std::uint32_t>(cursor.Next().begin);
        cursor.Next();
      }
      cursor.Next();
      continue;
    }
    if (!index.unknown) index.unknown = key;
    cursor.SkipValue(value);
  }
}

void IndexNames(Index& index, ReportBuilder& builder) {
  internal::PodBuffer<std::uint32_t> hashes;
  hashes.Resize(index.entries.size());
  const std::span<const Entry> entries = index.entries.span();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    hashes[i] = internal::HashName(index.NameOf(entries[i]));
  }
  index.names.Build(
      hashes, [&](std::uint32_t i) { return index.NameOf(entries[i]); },
      [&](std::uint32_t later, std::uint32_t first) {
        index.repeated.resize(entries.size());
        index.repeated[later] = true;
        builder.Add(Rule::kCpTensorDuplicate, entries[later].place,
                    {.found = entries[first].place,
                     .subject = index.NameOf(entries[later]),
                     .subject_offset = entries[later].place});
      },
      [&](std::uint32_t, std::uint32_t) { index.name_cases = true; });
}

}  // namespace

Token Index::PlaceOf(const ShardName& shard) const {
  TokenCursor cursor(text(), entries[shard.first].place);
  cursor.Next();
  return cursor.Next();
}

bool ParseIndex(Index& index, ReportBuilder& builder) {
  Events events;
  std::optional<Failure> failure;
  const Limits& limits = builder.options().limits;
  json::Parse<IndexHandler>(
      index.text(), kMaxDepth,
      [&](IndexHandler& handler, const json::ParseEnd& end) {
        failure = FailureOf(end, handler, index);
      },
      index, limits, events);
  if (!failure) failure = RepeatedKey(index, events);
  if (!failure && !events.has_weight_map) {
    failure = Failure{.rule = Rule::kCpWeightMapMissing};
  }
  if (!failure && index.entries.empty()) failure = Failure{.rule = Rule::kCpWeightMapEmpty};
  if (failure) {
    AddFinding(*failure, index, builder);
    return false;
  }
  NameShards(index, events);
  if (index.shards.size() > limits.shards) {
    builder.Add(Rule::kLimitShards, 0, {.found = index.shards.size(), .allowed = limits.shards});
    return false;
  }
  LocateKeys(index);
  IndexNames(index, builder);
  return true;
}

}  // namespace tensorgate::sharded
