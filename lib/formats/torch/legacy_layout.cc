// A checkpoint as torch.save wrote it up to 1.5: five consecutive pickles (a magic number, the
// protocol, the writer's system, the object, the storages' keys), then for each storage its number
// of elements and its bytes.
#include <algorithm>
#include <array>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/names.h"
#include "lib/formats/torch/examination.h"
#include "lib/formats/torch/pickle_file.h"

namespace tensorgate::torch::internal {
namespace {

using pickle::Kind;
using pickle::Outcome;
using pickle::Value;
using tensorgate::internal::HashName;

constexpr std::int64_t kProtocol = 1001;
constexpr std::uint64_t kFirstWindow = 1 << 16, kGrowth = 4;
constexpr std::uint64_t kCountBytes = 8;

constexpr std::string_view kCalls = "it names a function or class";

// The pickles beside the object's contain plain values only.
bool NamesForeign(const pickle::Machine& machine) {
  return machine.foreign() != nullptr && !machine.foreign()->all().empty();
}

constexpr std::string_view kSizedTypes[] = {"short", "int", "long"};

// The sizes of types in bytes, by name.
bool AreSizes(const pickle::Values& values, std::span<const Value> items) {
  for (std::size_t i = 0; i < items.size(); i += 2) {
    const Value& size = items[i + 1];
    if (!items[i].IsString() ||
        std::ranges::find(kSizedTypes, values.Text(items[i])) == std::end(kSizedTypes)) {
      return false;
    }
    if (!size.IsInt() || size.Int() < 1 || size.Int() > 16) return false;
  }
  return true;
}

// Checks the values of sys_info; the only variation among writers is the byte order.
bool IsSystem(const pickle::Values& values, const Value& root, bool& big_endian) {
  if (root.kind != Kind::kDict) return false;
  const std::span<const Value> items = values.Items(root);
  if (items.size() != 6) return false;
  bool protocol = false, sizes = false, order = false;
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (!items[i].IsString()) return false;
    const std::string_view key = values.Text(items[i]);
    const Value& value = items[i + 1];
    if (key == "protocol_version") {
      protocol = value.IsInt() && value.Int() == kProtocol;
    } else if (key == "little_endian") {
      order = value.kind == Kind::kBool;
      big_endian = order && value.bits == 0;
    } else if (key == "type_sizes") {
      sizes = value.kind == Kind::kDict && AreSizes(values, values.Items(value));
    }
  }
  return protocol && sizes && order;
}

class LegacyLayout final : public Container {
 public:
  LegacyLayout(ReportBuilder& builder, Contents& contents)
      : builder_(builder), contents_(contents) {}

  void Begin(std::uint64_t size) override {
    size_ = size;
    // The magic number was read to identify the layout, so it is there, whatever the limit.
    contents_.pickle.Resize(static_cast<std::size_t>(std::max(
        std::min(size, std::uint64_t{kLayoutHead}), std::min({size, kFirstWindow, Cap()}))));
  }
  Need Next() override;
  void Filled(std::size_t count) override;

 private:
  enum class Step : std::uint8_t { kPickles, kCount, kDone };
  // How far the window was sufficient.
  enum class Reached : std::uint8_t { kAll, kShort, kRefused };

  std::uint64_t Cap() const { return builder_.options().limits.header_bytes; }
  void OnPickles();
  Reached ReadPickles();
  Reached ReadSmall(std::size_t& at, Rule rule);
  Reached Judge(const Outcome& outcome);
  bool TakeKeys(const pickle::Values& values, const Value& root, std::size_t at);
  void MatchKeys();
  void WantCount();
  void OnCount();

  ReportBuilder& builder_;
  Contents& contents_;
  Step step_ = Step::kPickles;
  std::uint64_t size_ = 0;
  std::uint64_t at_ = 0;  // offset of the next storage
  std::vector<std::string> keys_;
  std::vector<std::uint32_t> order_;  // the storages in the order of their bytes
  std::size_t next_ = 0;
  std::array<std::byte, kCountBytes> count_{};
};

Need LegacyLayout::Next() {
  if (step_ == Step::kPickles) return {0, contents_.pickle.span()};
  if (step_ == Step::kCount) return {at_, count_};
  return {};
}

void LegacyLayout::Filled(std::size_t count) {
  builder_.AddBytesRead(count);
  step_ == Step::kPickles ? OnPickles() : OnCount();
}

// The pickles have no length fields: more is read until they end.
void LegacyLayout::OnPickles() {
  const std::uint64_t have = contents_.pickle.size();
  const Reached reached = ReadPickles();
  if (reached == Reached::kAll) return MatchKeys();
  if (reached == Reached::kShort && have < Cap()) {
    contents_.machine = nullptr;  // it refers to the old window
    contents_.pickle.Resize(static_cast<std::size_t>(std::min({size_, have * kGrowth, Cap()})));
    return;
  }
  if (reached == Reached::kShort) {
    builder_.Add(Rule::kLimitHeaderBytes, Cap(), {.found = size_, .allowed = Cap()});
  }
  step_ = Step::kDone;
}

LegacyLayout::Reached LegacyLayout::Judge(const Outcome& outcome) {
  if (outcome.complete) return Reached::kAll;
  const bool cut = outcome.facts.back().rule == Rule::kPickleTruncated;
  if (cut && contents_.pickle.size() < size_) return Reached::kShort;
  AddFacts(builder_, outcome, contents_.pickle.span(), 0);
  return Reached::kRefused;
}

LegacyLayout::Reached LegacyLayout::ReadPickles() {
  std::size_t at = MagicBytes(contents_.pickle.span());
  const auto protocol = std::to_integer<std::uint64_t>(contents_.pickle[1]);
  for (const Rule rule : {Rule::kTorchLegacyProtocol, Rule::kTorchLegacySystem}) {
    const Reached reached = ReadSmall(at, rule);
    if (reached != Reached::kAll) return reached;
  }
  const Outcome object = RunPickle(builder_.options(), contents_, Form::kLegacy, at);
  if (const Reached reached = Judge(object); reached != Reached::kAll) return reached;
  Rebuild none(Form::kLegacy);
  pickle::Machine machine(contents_.pickle.span(), none, builder_.options());
  if (contents_.follow_foreign) machine.FollowForeign();
  const Outcome keys = machine.Run(object.end);
  if (const Reached reached = Judge(keys); reached != Reached::kAll) return reached;
  // All pickles are complete: report everything that was noticed, once.
  if (protocol != 2 && !contents_.follow_foreign)
    builder_.Add(Rule::kPickleProtoVersion, 0, {.found = protocol});
  AddFacts(builder_, object, contents_.pickle.span(), 0);
  AddFacts(builder_, keys, contents_.pickle.span(), 0);
  at_ = keys.end;
  if (NamesForeign(machine)) {
    builder_.Add(Rule::kTorchLegacyKeys, object.end, {.found_text = kCalls});
    return Reached::kRefused;
  }
  return TakeKeys(machine.values(), keys.root, object.end) ? Reached::kAll : Reached::kRefused;
}

LegacyLayout::Reached LegacyLayout::ReadSmall(std::size_t& at, Rule rule) {
  Rebuild none(Form::kLegacy);
  pickle::Machine machine(contents_.pickle.span(), none, builder_.options());
  if (contents_.follow_foreign) machine.FollowForeign();
  const Outcome outcome = machine.Run(at);
  if (const Reached reached = Judge(outcome); reached != Reached::kAll) return reached;
  bool big_endian = false;
  const Value& root = outcome.root;
  const bool valid = rule == Rule::kTorchLegacyProtocol
                         ? root.IsInt() && root.Int() == kProtocol
                         : IsSystem(machine.values(), root, big_endian);
  if (!valid || NamesForeign(machine)) builder_.Add(rule, at);
  if (big_endian) builder_.Add(Rule::kTorchBigEndian, at);
  at = outcome.end;
  // In the strict profile the bytes after it have no meaning; what the reference ignores was not
  // reported.
  return builder_.HasError() ? Reached::kRefused : Reached::kAll;
}

bool LegacyLayout::TakeKeys(const pickle::Values& values, const Value& root, std::size_t at) {
  const std::span<const Value> items = values.Items(root);
  const bool valid = root.kind == Kind::kList && std::ranges::all_of(items, &Value::IsString);
  if (!valid) {
    builder_.Add(Rule::kTorchLegacyKeys, at, {.found_text = "it is not a list of texts"});
    return false;
  }
  for (const Value& item : items) keys_.emplace_back(values.Text(item));
  return true;
}

// Each key must name a storage of the object, and each storage must have a key.
void LegacyLayout::MatchKeys() {
  const std::span<const StorageValue> storages = contents_.rebuild->storages();
  PodBuffer<std::uint32_t> hashes;
  hashes.Resize(storages.size());
  for (std::size_t i = 0; i < storages.size(); ++i) hashes[i] = HashName(storages[i].key);
  tensorgate::internal::NameIndex index;
  const auto key_at = [&](std::uint32_t i) { return storages[i].key; };
  index.Build(hashes, key_at, [](std::uint32_t, std::uint32_t) {});
  std::vector<bool> used(storages.size());
  for (const std::string& key : keys_) {
    const auto found = index.Find(key, HashName(key), key_at);
    if (!found || used[*found]) {
      builder_.Add(Rule::kTorchLegacyKeys, at_, {.found_text = key});
      step_ = Step::kDone;
      return;
    }
    used[*found] = true;
    order_.push_back(*found);
  }
  for (std::size_t i = 0; i < storages.size(); ++i) {
    if (!used[i]) {
      builder_.Add(Rule::kTorchRecordMissing, storages[i].offset, {.subject = storages[i].key});
    }
  }
  contents_.ranges.Resize(storages.size());
  std::ranges::fill(contents_.ranges.span(), ByteRange{});
  WantCount();
}

void LegacyLayout::WantCount() {
  step_ = Step::kDone;
  if (next_ == order_.size()) {
    if (at_ != size_) builder_.Add(Rule::kTorchLegacyTrailing, at_, {.found = size_ - at_});
    return;
  }
  const StorageValue& storage = contents_.rebuild->storages()[order_[next_]];
  if (size_ - at_ < kCountBytes || storage.bytes > size_ - at_ - kCountBytes) {
    builder_.Add(Rule::kTorchLegacyPastEnd, at_,
                 {.found = storage.bytes, .allowed = size_ - at_, .subject = storage.key});
    return;
  }
  step_ = Step::kCount;
}

void LegacyLayout::OnCount() {
  const StorageValue& storage = contents_.rebuild->storages()[order_[next_]];
  const std::uint64_t stated = tensorgate::internal::LoadLittleEndian64(count_);
  if (stated != storage.numel) {
    builder_.Add(Rule::kTorchLegacyCount, at_,
                 {.found = stated, .allowed = storage.numel, .subject = storage.key});
    step_ = Step::kDone;
    return;
  }
  contents_.ranges[order_[next_]] = {at_ + kCountBytes, storage.bytes};
  at_ += kCountBytes + storage.bytes;
  ++next_;
  WantCount();
}

}  // namespace

std::unique_ptr<Container> MakeLegacy(ReportBuilder& builder, Contents& contents) {
  return std::make_unique<LegacyLayout>(builder, contents);
}

}  // namespace tensorgate::torch::internal
