#include "lib/checkpoint/shelf.h"

#include <algorithm>
#include <map>
#include <utility>

#include "lib/base/checked.h"
#include "lib/tensor/ranges.h"

namespace tensorgate::internal {
namespace {

// A shelf writes its bytes and reads them again, which costs as much as reading one page for each
// of this many bytes of the result.
constexpr std::uint64_t kWorth = 16;

// The tensors of one part that are so expensive by themselves that one pass over their bytes is
// cheaper.
std::vector<std::size_t> ChooseShelved(const CheckpointData& data,
                                       std::span<const TensorRef> tensors,
                                       std::span<const std::size_t> of_part) {
  std::vector<std::size_t> dear;
  std::vector<ByteRange> ranges;
  std::uint64_t separate = 0, together = 0;
  for (const std::size_t i : of_part) {
    const std::uint64_t cost = StridedReader(data, tensors[i]).Cost();
    const std::uint64_t worth = SaturatingMultiply(tensors[i].bytes(), kWorth);
    if (cost <= worth) continue;
    dear.push_back(i);
    ranges.push_back(tensors[i].range);
    separate = SaturatingAdd(separate, cost);
    together = SaturatingAdd(together, worth);
  }
  for (const ByteRange& range : Joined(std::move(ranges))) {
    together = SaturatingAdd(together, SaturatingMultiply(range.length, std::uint64_t{2}));
  }
  if (separate <= together) dear.clear();
  return dear;
}

}  // namespace

Shelf::Shelf(const CheckpointData& data, std::size_t part, std::vector<TensorRef> tensors,
             const std::atomic<bool>* cancel, const ReorderLimits& limits)
    : data_(data), part_(part), tensors_(std::move(tensors)), cancel_(cancel), limits_(limits) {
  offsets_.push_back(0);
  for (const TensorRef& tensor : tensors_) offsets_.push_back(offsets_.back() + tensor.bytes());
}

Result<std::size_t> Shelf::Read(std::uint64_t offset, std::span<std::byte> into) {
  if (offset >= size() || into.empty()) return 0;
  if (!filled_) filled_ = Fill();
  if (*filled_) return file_ ? file_->Read(offset, into) : ReadSingle(offset, into);
  const Status failed = filled_->error();
  // Memory may be available the next time.
  if (failed.rule == Rule::kIoOutOfMemory) filled_.reset();
  return std::unexpected(failed);
}

Result<void> Shelf::Fill() {
  ordered_ = Spool();  // an earlier attempt may have run out of memory half-way
  std::vector<Gather> gathers;
  gathers.reserve(tensors_.size());
  for (const TensorRef& tensor : tensors_) {
    Result<Selection> selection = Select(tensor, {});
    if (!selection) return std::unexpected(selection.error());
    gathers.emplace_back(*std::move(selection));
  }
  Result<void> done = Reorder(data_.parts[part_], gathers, limits_, cancel_, ordered_);
  if (done) {
    Result<std::unique_ptr<Source>> file = ordered_.Open();
    if (file) {
      file_ = *std::move(file);
    } else {
      done = std::unexpected(file.error());
    }
  }
  if (!done) ordered_ = Spool();
  // Reading slowly is better than failing.
  if (!done && done.error().rule == Rule::kIoSpoolFailed) return {};
  return done;
}

Result<std::size_t> Shelf::ReadSingle(std::uint64_t offset, std::span<std::byte> into) {
  const auto next = std::ranges::upper_bound(offsets_, offset);
  const auto tensor = static_cast<std::size_t>(next - offsets_.begin()) - 1;
  if (!reader_ || reading_ != tensor) reader_.emplace(data_, tensors_[tensor]);
  reading_ = tensor;
  into = into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), *next - offset)));
  TENSORGATE_TRY(reader_->Read(offset - offsets_[tensor], into));
  return into.size();
}

Views::Views(const CheckpointData& data, std::vector<TensorRef> tensors,
             const std::atomic<bool>* cancel)
    : places_(tensors.size()) {
  std::map<std::size_t, std::vector<std::size_t>> of_parts;
  for (std::size_t i = 0; i < tensors.size(); ++i) of_parts[tensors[i].part].push_back(i);
  for (const auto& [part, of_part] : of_parts) {
    const std::vector<std::size_t> shelved = ChooseShelved(data, tensors, of_part);
    if (shelved.empty()) continue;
    std::vector<TensorRef> together;
    for (const std::size_t i : shelved) together.push_back(std::move(tensors[i]));
    auto shelf = std::make_unique<Shelf>(data, part, std::move(together), cancel);
    for (std::size_t i = 0; i < shelved.size(); ++i) {
      places_[shelved[i]] = {shelf.get(), shelf->offset(i)};
    }
    sources_.push_back(std::move(shelf));
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (places_[i].source != nullptr) continue;
    sources_.push_back(std::make_unique<StridedSource>(data, std::move(tensors[i])));
    places_[i] = {sources_.back().get(), 0};
  }
}

}  // namespace tensorgate::internal
