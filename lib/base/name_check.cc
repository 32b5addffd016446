#include "lib/base/name_check.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "lib/base/bytes.h"
#include "lib/base/folded.h"

namespace tensorgate::internal {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{128} << 20;
// Bytes of a name that are checked: they are read without a look at the deadline, and no system has
// longer names.
constexpr std::size_t kLongest = 1 << 20;
// Number of names between two looks at the deadline; a long name counts as several.
constexpr std::int64_t kPace = 1024;
constexpr std::size_t kBytesOfName = 64;

// Thrown when the deadline has passed: sorting and searching have no other way to stop.
struct Stopped {};

// FNV-1a over folded characters: at each '/', the hash of the text before it is available.
class FoldedHash {
 public:
  void Add(std::uint32_t point) { state_ = (state_ ^ point) * 0x100000001B3; }
  std::uint32_t value() const {
    return static_cast<std::uint32_t>(state_ * 0x9E3779B97F4A7C15 >> 32);
  }

 private:
  std::uint64_t state_ = 0xCBF29CE484222325;
};

std::uint32_t HashFolded(std::string_view name, Characters& characters) {
  FoldedHash hash;
  ForEachFolded(name, characters, [&](std::uint32_t point) { hash.Add(point); });
  return hash.value();
}

// A name, compared as folded text in NameIndex.
struct FoldedName {
  std::string_view name;
  Characters* characters;

  static constexpr std::size_t size() { return 0; }  // unknown without reading all of it
  int compare(const FoldedName& other) const {
    return CompareFolded(name, other.name, *characters);
  }
  bool operator==(const FoldedName& other) const { return compare(other) == 0; }
};

// A name represented only by its hash.
struct HashOnly {
  std::uint32_t hash;

  static constexpr std::size_t size() { return 0; }
  int compare(const HashOnly& other) const { return hash < other.hash ? -1 : hash > other.hash; }
  bool operator==(const HashOnly&) const = default;
};

// The findings of one rule so far.
struct Tally {
  std::uint32_t first = UINT32_MAX;
  std::uint64_t count = 0;

  // Counts a name; returns true for the first one.
  bool Count(std::uint32_t name) {
    ++count;
    if (name >= first) return false;
    first = name;
    return true;
  }
};

class Check {
 public:
  Check(std::uint32_t count, const NameAt& at, const NameUse& use, Interrupt& interrupt)
      : count_(count), names_(at), use_(use), interrupt_(interrupt) {}

  std::vector<NameFinding> Run(bool cases_met) {
    Look();
    if (count_ > 1 && (cases_met || beyond_ascii_ || (slashes_ && use_.is_path))) Compare();
    return std::move(findings_);
  }

 private:
  std::string_view At(std::uint32_t i) {
    const std::string_view name = names_(i).substr(0, kLongest);
    left_ -= 1 + static_cast<std::int64_t>(name.size() / kBytesOfName);
    if (left_ > 0) return name;
    left_ = kPace;
    if (interrupt_.Ended()) throw Stopped();
    return name;
  }
  void Look();
  void Compare();
  bool FindFolders(const NameIndex& index, const PodBuffer<std::uint32_t>& hashes);
  void FindFoldersByOrder();
  void AddFolders();
  // No ASCII character looks like another ASCII character.
  Characters& compared() { return beyond_ascii_ ? looks_ : forms_; }
  void Collide(std::uint32_t later, std::uint32_t first);
  std::string Other(std::string_view words, std::uint32_t name) {
    return std::string(words).append(" another ").append(use_.noun).append(", ").append(At(name));
  }

  std::uint32_t count_;  // of the names that are checked
  const NameAt& names_;
  const NameUse& use_;
  Interrupt& interrupt_;
  std::int64_t left_ = kPace;  // until the deadline is checked
  Characters forms_{Folding::kForms}, looks_{Folding::kLooks};
  bool beyond_ascii_ = false, slashes_ = false;
  std::vector<NameFinding> findings_;
  Tally collisions_, inside_;
  std::string collision_;
  std::uint32_t folder_ = 0;  // containing folder of the first name that is inside one
};

// Checks each name by itself.
void Check::Look() {
  std::array<Tally, kNameTraitCount> rules{};  // for each rule, at its first trait
  std::array<NameTrait, kNameTraitCount> first{};
  const auto trait_at = [](std::size_t i) { return static_cast<NameTrait>(i); };
  const auto slot_of = [&](std::size_t i) {
    while (i != 0 && Info(trait_at(i - 1)).rule == Info(trait_at(i)).rule) --i;
    return i;
  };
  std::uint64_t bytes = 0;
  for (std::uint32_t i = 0; i < count_; ++i) {
    const std::string_view name = At(i);
    bytes += names_(i).size();
    if (bytes > kMaxBytes) {
      count_ = i;
      break;
    }
    if (!IsNotable(name)) continue;
    slashes_ |= name.contains('/');
    beyond_ascii_ |= std::ranges::any_of(name, [](char c) { return (c & 0x80) != 0; });
    const NameTraits traits = TraitsOf(name, use_, looks_);
    std::size_t counted = kNameTraitCount;
    for (std::size_t trait = 0; traits >> trait != 0; ++trait) {
      if ((traits >> trait & 1) == 0 || slot_of(trait) == counted) continue;
      counted = slot_of(trait);
      if (rules.at(counted).Count(i)) first.at(counted) = trait_at(trait);
    }
  }
  for (std::size_t i = 0; i < kNameTraitCount; ++i) {
    if (rules.at(i).count == 0) continue;
    const NameTraitInfo& info = Info(first.at(i));
    findings_.push_back({info.rule, rules.at(i).first, rules.at(i).count,
                         std::string("a ").append(use_.noun).append(" ").append(info.words)});
  }
}

void Check::Collide(std::uint32_t later, std::uint32_t first) {
  const std::string_view name = At(later), other = At(first);
  if (name == other) return;  // a duplicate: reported by another rule
  if (!collisions_.Count(later)) return;
  collision_ =
      Other(DifferInCase(name, other)                 ? "differs only in case from"
            : CompareFolded(name, other, forms_) == 0 ? "differs only in case and Unicode form from"
                                                      : "looks the same as",
            first);
}

void Check::Compare() {
  PodBuffer<std::uint32_t> hashes;
  hashes.Resize(count_);
  for (std::uint32_t i = 0; i < count_; ++i) hashes[i] = HashFolded(At(i), compared());
  NameIndex index;
  bool chosen_hashes = false;
  index.Build(
      hashes, [this](std::uint32_t i) { return FoldedName{At(i), &compared()}; },
      [this](std::uint32_t later, std::uint32_t first) { Collide(later, first); },
      [&](std::uint32_t, std::uint32_t) { chosen_hashes = true; });
  if (collisions_.count != 0) {
    findings_.push_back(
        {Rule::kNameCollision, collisions_.first, collisions_.count, std::move(collision_)});
  }
  if (!use_.is_path || !(slashes_ || beyond_ascii_)) return;
  if (chosen_hashes || !FindFolders(index, hashes)) FindFoldersByOrder();
  AddFolders();
}

// Finds names that would be files in a folder that is itself a file because of another name: looks
// up the text before each '/'. Returns false if the hashes are useless: they were chosen to
// collide, there are very many folders, or a folder only looks like the name.
bool Check::FindFolders(const NameIndex& index, const PodBuffer<std::uint32_t>& hashes) {
  const std::uint64_t most = std::uint64_t{count_} * 8 + 65'536;
  std::uint64_t looked_up = 0, probes = 0;
  bool usable = true;
  for (std::uint32_t i = 0; i < count_ && usable; ++i) {
    FoldedHash hash;
    bool inside = false;
    const auto look_up = [&](std::uint32_t value) {
      const auto found = index.Find<HashOnly>(
          HashOnly{value}, value, [&](std::uint32_t j) { return HashOnly{hashes[j]}; }, probes);
      inside = found && IsInFolder(At(i), At(*found), forms_);
      if (inside && inside_.Count(i)) folder_ = *found;
      usable = !found == !inside && ++looked_up <= most && probes <= looked_up * 16 + 4096;
    };
    ForEachFolded(At(i), compared(), [&](std::uint32_t point) {
      if (point == '/' && !inside && usable) look_up(hash.value());
      hash.Add(point);
    });
  }
  return usable;
}

// The same without hashes, in n log n whatever the names: a folder's contents sort right after its
// name.
void Check::FindFoldersByOrder() {
  inside_ = {};
  std::vector<std::uint32_t> order(count_);
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::sort(order, [this](std::uint32_t a, std::uint32_t b) {
    const int way = CompareFolded(At(a), At(b), forms_);
    return way != 0 ? way < 0 : a < b;
  });
  std::uint32_t folder = order.front();
  for (const std::uint32_t i : order) {
    if (IsInFolder(At(i), At(folder), forms_)) {
      if (inside_.Count(i)) folder_ = folder;
    } else if (CompareFolded(At(i), At(folder), forms_) != 0) {
      folder = i;
    }
  }
}

void Check::AddFolders() {
  if (inside_.count == 0) return;
  findings_.push_back({Rule::kNameFolder, inside_.first, inside_.count,
                       Other("is in a folder that would also be the file of", folder_)});
}

}  // namespace

std::vector<NameFinding> CheckNames(std::uint32_t count, const NameAt& at, const NameUse& use,
                                    bool cases_met, Interrupt& interrupt) {
  try {
    return Check(count, at, use, interrupt).Run(cases_met);
  } catch (const Stopped&) {
    return {};
  }
}

bool DifferInCase(std::string_view a, std::string_view b) {
  return a != b && std::ranges::equal(a, b, {}, FoldCase, FoldCase);
}

}  // namespace tensorgate::internal
