#include "lib/write/shard_files.h"

#include <utility>

#include "lib/json/writer.h"
#include "tensorgate/save.h"

namespace tensorgate {
namespace {

constexpr std::size_t kDigits = 5;

std::string Padded(std::size_t number) {
  const std::string digits = std::to_string(number);
  return std::string(digits.size() < kDigits ? kDigits - digits.size() : 0, '0') + digits;
}

// Takes the digits at the front; false if there are fewer than five.
bool TakeNumber(std::string_view& text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  text.remove_prefix(digits);
  return digits >= kDigits;
}

bool Take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::vector<std::vector<std::uint32_t>> SplitIntoShards(std::span<const std::uint64_t> bytes,
                                                        std::uint64_t max_shard_bytes) {
  std::vector<std::vector<std::uint32_t>> shards;
  std::vector<std::uint32_t> open;
  std::uint64_t used = 0;
  for (std::uint32_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] > max_shard_bytes) {
      shards.push_back({i});
      continue;
    }
    if (bytes[i] > max_shard_bytes - used) {
      shards.push_back(std::exchange(open, {}));
      used = 0;
    }
    open.push_back(i);
    used += bytes[i];
  }
  if (!open.empty() || shards.empty()) shards.push_back(std::move(open));
  return shards;
}

ShardNames::ShardNames(std::string_view name)
    : stem_(name.substr(0, name.size() - kSuffix.size())) {}

std::string ShardNames::Shard(std::size_t number, std::size_t count) const {
  return stem_ + "-" + Padded(number + 1) + "-of-" + Padded(count) + std::string(kSuffix);
}

bool ShardNames::IsShard(std::string_view name) const {
  return Take(name, stem_) && Take(name, "-") && TakeNumber(name) && Take(name, "-of-") &&
         TakeNumber(name) && name == kSuffix;
}

std::string internal::IndexText(std::uint64_t total_bytes, std::span<const IndexEntry> sorted) {
  std::string text = "{\n  \"metadata\": {\n    \"total_size\": " + std::to_string(total_bytes) +
                     "\n  },\n  \"weight_map\": {";
  const char* separator = "\n    ";
  for (const IndexEntry& entry : sorted) {
    text += std::exchange(separator, ",\n    ");
    AppendPlainJsonString(text, entry.tensor);
    text += ": ";
    AppendPlainJsonString(text, entry.file);
  }
  text += sorted.empty() ? "}\n}\n" : "\n  }\n}\n";
  return text;
}

}  // namespace tensorgate
