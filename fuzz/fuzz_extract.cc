// Extraction from pickles that are refused: each tensor that is taken is inside its storage, and a
// slow second search from what foreign code received does not find it; the same input gives the
// same result; what the strict profile accepts is taken whole, under the names that it gives.
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "fuzz/support.h"
#include "lib/formats/torch/contents.h"
#include "lib/formats/torch/examination.h"
#include "lib/formats/torch/extract.h"
#include "lib/rules/report_builder.h"

namespace {

namespace pickle = tensorgate::pickle;
namespace torch = tensorgate::torch;
using tensorgate::Extraction;
using tensorgate::Outcome;
using torch::internal::Contents;

constexpr std::uint64_t kMostData = 1 << 30;

struct Run {
  std::unique_ptr<Contents> contents;
  Extraction extraction;
  bool complete = false;  // the machine reached the end
  bool good = false;      // tensors may be taken
};

Run Take(std::span<const std::byte> bytes, torch::internal::Form form, bool follow) {
  Run run{.contents = std::make_unique<Contents>()};
  Contents& contents = *run.contents;
  contents.follow_foreign = follow;
  contents.pickle.Resize(bytes.size());
  std::ranges::copy(bytes, contents.pickle.span().begin());
  const pickle::Outcome outcome = torch::internal::RunPickle({}, contents, form, 0);
  run.complete = outcome.complete;
  if (!run.complete) return run;
  // As if each storage had its bytes after the pickle.
  contents.file_size = bytes.size();
  for (const torch::internal::StorageValue& storage : contents.rebuild->storages()) {
    if (storage.bytes > kMostData) return run;
    contents.ranges.PushBack({contents.file_size, storage.bytes});
    contents.file_size += storage.bytes;
  }
  tensorgate::ReportBuilder builder({}, "fuzz");
  if (follow) {
    torch::internal::ExtractTensors(contents, builder, run.extraction);
  } else {
    torch::internal::NameTensors(contents, builder);
  }
  run.good = !builder.HasError();
  return run;
}

// Everything that can be reached from a value, each time from scratch.
class Search {
 public:
  explicit Search(const Contents& contents) : contents_(contents) {}

  /// The storages of the tensors that are found.
  std::set<std::uint32_t> From(const pickle::Value& value) {
    seen_.clear();
    left_ = {value};
    std::set<std::uint32_t> storages;
    while (!left_.empty()) {
      const pickle::Value next = left_.back();
      left_.pop_back();
      if (next.kind == pickle::Kind::kUndefined) continue;
      const bool shared = pickle::IsObject(next.kind) || next.kind == pickle::Kind::kForeign;
      if (shared && !seen_.emplace(next.kind == pickle::Kind::kForeign, next.bits).second) continue;
      if (next.kind == pickle::Kind::kTensor) {
        storages.insert(contents_.rebuild->tensors()[static_cast<std::size_t>(next.bits)].storage);
      }
      if (next.kind == pickle::Kind::kStorage) storages.insert(contents_.rebuild->StorageOf(next));
      Add(next);
    }
    return storages;
  }

 private:
  void Add(const pickle::Value& value) {
    const auto items = contents_.values().Items(value);
    left_.insert(left_.end(), items.begin(), items.end());
    left_.push_back(contents_.values().Attributes(value));
    if (value.kind != pickle::Kind::kForeign) return;
    const pickle::ForeignValues& foreign = *contents_.machine->foreign();
    left_.push_back(foreign[value].callee);
    left_.push_back(foreign[value].arguments);
    for (std::uint32_t i = foreign[value].first; i != 0; i = foreign.operations()[i - 1].next) {
      left_.push_back(foreign.operations()[i - 1].a);
      left_.push_back(foreign.operations()[i - 1].b);
    }
  }

  const Contents& contents_;
  std::set<std::pair<bool, std::uint64_t>> seen_;
  std::vector<pickle::Value> left_;
};

void CheckTaint(const Contents& contents) {
  constexpr std::size_t kMostSearches = 200;
  const pickle::ForeignValues& foreign = *contents.machine->foreign();
  Search search(contents);
  std::set<std::uint32_t> tainted;
  for (std::size_t i = 0; i < std::min(foreign.given().size(), kMostSearches); ++i) {
    if (foreign.given()[i].taints) tainted.merge(search.From(foreign.given()[i].value));
  }
  for (const torch::internal::NamedTensor& named : contents.tensors.span()) {
    FUZZ_ASSERT(!tainted.contains(contents.rebuild->tensors()[named.tensor].storage));
  }
}

void CheckTensors(Run run) {
  const std::size_t count = run.contents->tensors.size();
  FUZZ_ASSERT(count == run.extraction.taken + run.extraction.as_stored);
  FUZZ_ASSERT(count + run.extraction.left_out == run.extraction.entries.size());
  for (const tensorgate::ExtractionEntry& entry : run.extraction.entries) {
    FUZZ_ASSERT((entry.outcome == Outcome::kLeftOut) == !entry.reason.empty());
    FUZZ_ASSERT((entry.outcome == Outcome::kAsStored) == !entry.holder.empty());
  }
  tensorgate::ReportBuilder builder({}, "fuzz");
  const std::uint64_t size = run.contents->file_size;
  const torch::File file = torch::internal::Access::Make(std::move(run.contents), builder.Finish());
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < file.tensor_count(); ++i) {
    const torch::Tensor tensor = file.tensor(i);
    FUZZ_ASSERT(tensor.dtype.has_value() && !tensor.expanded());
    FUZZ_ASSERT(tensor.range.offset >= tensor.storage_range.offset &&
                tensor.range.offset + tensor.range.length <=
                    tensor.storage_range.offset + tensor.storage_range.length);
    FUZZ_ASSERT(tensor.storage_range.offset + tensor.storage_range.length <= size);
    FUZZ_ASSERT(names.insert(tensor.name).second && file.Find(tensor.name) == i);
  }
}

// What the strict profile accepts is taken, except what safetensors cannot hold.
void CheckAccepted(const Run& strict, const Run& taken) {
  FUZZ_ASSERT(taken.complete && taken.good);
  FUZZ_ASSERT(taken.extraction.as_stored == 0);
  const Contents &all = *strict.contents, &some = *taken.contents;
  std::size_t next = 0;
  for (const torch::internal::NamedTensor& named : some.tensors.span()) {
    const std::string_view name = some.NameOf(named);
    const auto found = all.index.Find(name, tensorgate::internal::HashName(name),
                                      [&](std::uint32_t i) { return all.NameOf(all.tensors[i]); });
    FUZZ_ASSERT(found.has_value() && all.tensors[*found].tensor == named.tensor);
    ++next;
  }
  FUZZ_ASSERT(next + taken.extraction.left_out + taken.extraction.names_dropped >=
              all.tensors.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = tensorgate::fuzz::Bytes(data, size);
  for (const torch::internal::Form form :
       {torch::internal::Form::kZip, torch::internal::Form::kLegacy}) {
    Run taken = Take(bytes, form, true);
    const Run again = Take(bytes, form, true), strict = Take(bytes, form, false);
    FUZZ_ASSERT(taken.complete == again.complete && taken.good == again.good);
    FUZZ_ASSERT(taken.extraction.entries.size() == again.extraction.entries.size());
    if (strict.complete && strict.good) CheckAccepted(strict, taken);
    if (!taken.good) continue;
    CheckTaint(*taken.contents);
    CheckTensors(std::move(taken));
  }
  return 0;
}
