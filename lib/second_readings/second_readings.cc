#include "lib/second_readings/second_readings.h"

#include <algorithm>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/second_readings/flatbuffer.h"
#include "lib/second_readings/packed.h"
#include "lib/second_readings/tar.h"
#include "lib/source/drive.h"

namespace tensorgate::internal {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kHdf5 = "\x89HDF\r\n\x1a\n"sv;
constexpr std::uint64_t kWalkBlock = 65'536;

// In a valid stream a signature occurs by chance once in four gigabytes.
constexpr std::size_t kMaxMarks = 4096;
constexpr std::string_view kEntry = "PK\1\2"sv, kZip64End = "PK\6\6"sv;
constexpr std::size_t kMarkBytes = 4;
// Bytes that a stream's next bytes can complete: all but the last byte of a signature.
constexpr std::size_t kOverlap = 7;

// The behavior of a pickle, as shown in a report.
std::string Act(const pickle::DryRun& pickle) {
  if (pickle.outcome() == pickle::DryRun::Outcome::kUnclear)
    return "continue in a way that unpicklers read differently, or run for very long";
  if (pickle.outcome() == pickle::DryRun::Outcome::kStream)
    return "start a legacy PyTorch stream, whose other pickles torch.load runs";
  const std::string verb = pickle.dangerous() ? "call " : "name ";
  if (!pickle.name().empty()) return verb + std::string(pickle.name());
  return verb + "a function or class whose name is computed";
}

}  // namespace

// ---- Random access.

void SecondReadings::Begin(std::uint64_t size) {
  size_ = size;
  Advance();
}

void SecondReadings::Filled(std::size_t count) {
  const std::span<const std::byte> bytes = need_.into.first(count);
  switch (step_) {
    case Step::kHead:
      head_size_ += count;
      break;
    case Step::kTail:
      zip_.OnTail(bytes, size_);
      break;
    case Step::kZip:
      zip_.OnBytes(bytes);
      break;
    case Step::kHdf5:
      OnHdf5(bytes);
      break;
    case Step::kPickle:
      pickle_.Feed(bytes);
      break;
    case Step::kProtobuf:
      protobuf_.Feed(bytes);
      break;
    case Step::kPacked:
      OnPacked(bytes);
      [[fallthrough]];
    case Step::kDone:
      break;
  }
  Advance();
}

// Continues step by step until one needs bytes that are not available.
void SecondReadings::Advance() {
  need_ = {};
  while (!WantNext()) step_ = static_cast<Step>(std::to_underlying(step_) + 1);
}

bool SecondReadings::WantNext() {
  switch (step_) {
    case Step::kHead:
      if (head_size_ < std::min<std::uint64_t>(size_, kHead)) {
        const auto rest =
            static_cast<std::size_t>(std::min<std::uint64_t>(size_, kHead)) - head_size_;
        need_ = {head_size_, std::span(head_).subspan(head_size_, rest)};
        return true;
      }
      OnHead();
      return false;
    case Step::kTail:
      return WantTail();
    case Step::kZip:
      if (const auto place = zip_.Wanted()) return Want(*place, ZipTail::kWanted);
      return false;
    case Step::kHdf5:
      return WantHdf5();
    case Step::kPickle:
      return WantPickle();
    case Step::kProtobuf:
      return WantProtobuf();
    case Step::kPacked:
      return WantPacked();
    case Step::kDone:
      break;
  }
  return true;  // there is no such reading
}

bool SecondReadings::Want(std::uint64_t offset, std::uint64_t length) {
  buffer_.Resize(static_cast<std::size_t>(std::min(length, size_ - offset)));
  need_ = {offset, buffer_.span()};
  return true;
}

bool SecondReadings::WantTail() {
  if (family_ == Family::kZip || tail_asked_) return false;
  tail_asked_ = true;
  if (size_ > head_size_) {
    const std::uint64_t length = std::min<std::uint64_t>(size_, kZipTail);
    return Want(size_ - length, length);
  }
  zip_.OnTail(head(), size_);
  return false;
}

bool SecondReadings::WantHdf5() {
  for (; !hdf5_ && size_ >= kHdf5.size() && next_hdf5_ <= size_ - kHdf5.size();) {
    if (next_hdf5_ > head_size_ || head_size_ - next_hdf5_ < kHdf5.size()) {
      return Want(next_hdf5_, kHdf5.size());
    }
    OnHdf5(head().subspan(static_cast<std::size_t>(next_hdf5_)));
  }
  return false;
}

bool SecondReadings::WantPickle() {
  while (pickle_.going()) {
    const std::uint64_t at = pickle_.position();
    if (at >= size_) {
      pickle_.AtEnd();
    } else if (at >= head_size_) {
      return Want(at, kWalkBlock);
    } else {
      pickle_.Feed(head().subspan(static_cast<std::size_t>(at)));
    }
  }
  return false;
}

bool SecondReadings::WantProtobuf() {
  while (protobuf_.going() && protobuf_.position() < size_) {
    const std::uint64_t at = protobuf_.position();
    if (at >= head_size_) return Want(at, kWalkBlock);
    protobuf_.Feed(head().subspan(static_cast<std::size_t>(at)));
  }
  return false;
}

bool SecondReadings::WantPacked() {
  if (std::exchange(packed_asked_, true) || !MayBePacked()) return false;
  if (size_ > head_size_) return Want(0, kPackedWindow);
  OnPacked(head());
  return false;
}

// ---- What the bytes contain.

void SecondReadings::OnHead() {
  if (const auto member = FirstTarMember(AsText(head()))) tar_ = *member;
  flatbuffer_ = IsTorchFlatbuffer(AsText(head()), size_);
  if (family_ == Family::kZip || family_ == Family::kPickle) pickle_.AtEnd();
}

void SecondReadings::OnHdf5(std::span<const std::byte> bytes) {
  if (AsText(bytes).starts_with(kHdf5)) hdf5_ = next_hdf5_;
  next_hdf5_ *= 2;
}

bool SecondReadings::MayBePacked() const {
  return (family_ == Family::kSafetensors || family_ == Family::kOther) &&
         !PackedFormat(head()).empty();
}

void SecondReadings::OnPacked(std::span<const std::byte> bytes) {
  if (Unpacks(bytes)) compressed_ = PackedFormat(bytes);
}

// ---- Forward stream.

void SecondReadings::Watch(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  Know(bytes);
  WatchMarks(bytes);
  WatchHdf5(bytes);
  const auto feed = [&](auto& walk) {
    if (walk.going() && walk.position() - size_ < bytes.size()) {
      walk.Feed(bytes.subspan(static_cast<std::size_t>(walk.position() - size_)));
    }
  };
  feed(pickle_);
  feed(protobuf_);
  if (packed_.size() == size_ && packed_.size() < kPackedWindow &&
      (head_size_ < kPackedSignature || MayBePacked())) {
    const std::size_t have = packed_.size();
    packed_.Resize(std::min(kPackedWindow, have + bytes.size()));
    CopyBytes(bytes, packed_.span().subspan(have));
  }
  WatchTail(bytes);
  size_ += bytes.size();
}

// Calls `use(offset, text)` for the latest bytes, and before that for the bytes around their
// beginning.
template <typename Use>
void SecondReadings::WithOverlap(std::span<const std::byte> bytes, Use use) {
  std::array<std::byte, 2 * kOverlap> joined;
  const std::size_t before = std::min(kOverlap, tail_.size());
  if (before != 0) {
    CopyBytes(tail_.span().last(before), joined);
    const std::size_t after = CopyBytes(bytes, std::span(joined).subspan(before, kOverlap));
    use(size_ - before, AsText(std::span(joined).first(before + after)), before);
  }
  use(size_, AsText(bytes), 0);
}

// Remembers entries of ZIP directories, which the end of the stream may point to.
void SecondReadings::WatchMarks(std::span<const std::byte> bytes) {
  WithOverlap(bytes, [this](std::uint64_t offset, std::string_view text, std::size_t before) {
    for (std::size_t at = text.find("PK"); at != text.npos; at = text.find("PK", at + 1)) {
      const std::string_view mark = text.substr(at, kMarkBytes);
      // In the overlap, count only signatures that start before these bytes and end in them.
      const bool fresh = before == 0 || (at < before && at + kMarkBytes > before);
      if (fresh && (mark == kEntry || mark == kZip64End) && marks_.size() <= kMaxMarks) {
        marks_.push_back(offset + at);
      }
    }
  });
}

void SecondReadings::WatchHdf5(std::span<const std::byte> bytes) {
  WithOverlap(bytes, [this](std::uint64_t offset, std::string_view text, std::size_t) {
    while (!hdf5_ && next_hdf5_ >= offset && next_hdf5_ - offset < text.size() &&
           text.size() - (next_hdf5_ - offset) >= kHdf5.size()) {
      OnHdf5(AsBytes(text.substr(static_cast<std::size_t>(next_hdf5_ - offset))));
    }
  });
}

void SecondReadings::WatchTail(std::span<const std::byte> bytes) {
  bytes = bytes.last(std::min(bytes.size(), kZipTail));
  if (tail_.size() + bytes.size() > 2 * kZipTail) {
    // Move the last bytes to the front.
    const std::size_t keep = kZipTail - bytes.size();
    const std::span<std::byte> all = tail_.span();
    std::ranges::copy(all.last(keep), all.begin());
    tail_.Resize(keep);
  }
  const std::size_t have = tail_.size();
  tail_.Resize(have + bytes.size());
  CopyBytes(bytes, tail_.span().subspan(have));
}

void SecondReadings::EndOfStream() {
  OnHead();
  pickle_.AtEnd();
  if (MayBePacked()) OnPacked(packed_.span());
  zip_.OnTail(tail_.span().last(std::min(tail_.size(), kZipTail)), size_);
  while (const auto place = zip_.Wanted()) {
    // For earlier bytes only the signatures are known; if there were too many, assume that they are
    // everywhere.
    zip_.OnMark(marks_.size() > kMaxMarks || std::ranges::binary_search(marks_, *place));
  }
}

// ---- The report.

bool SecondReadings::IsPickle() const {
  return pickle_.dangerous() || (pickle_.names() && family_ != Family::kOther);
}

std::optional<std::uint64_t> SecondReadings::first() const {
  if (tar_ || !compressed_.empty()) return 0;
  if (flatbuffer_) return kTorchFlatbufferMark;
  if (IsPickle()) return pickle_.name_offset();
  return zip_.found() ? zip_.found()->directory : hdf5_;
}

void SecondReadings::AddTo(ReportBuilder& builder) const {
  // The loaders of the reference profile run nothing. Among them, torch.load looks for a tar
  // archive, unless the file is a ZIP archive.
  const bool strict = builder.options().profile == Profile::kStrict;
  if (tar_ && (strict || family_ == Family::kPickle)) {
    builder.Add(Rule::kScanAlsoTar, 0, {.found_text = *tar_});
  }
  if (const auto& zip = zip_.found()) {
    builder.Add(Rule::kScanAlsoZip, zip->directory, {.found = zip->record});
  } else if (zip_.record()) {
    builder.Add(Rule::kScanZipMark, *zip_.record());
  }
  if (hdf5_) builder.Add(Rule::kScanAlsoHdf5, *hdf5_);
  if (!compressed_.empty()) builder.Add(Rule::kScanAlsoPacked, 0, {.found_text = compressed_});
  if (flatbuffer_) builder.Add(Rule::kScanAlsoFlatbuffer, kTorchFlatbufferMark);
  if (onnx()) builder.Add(Rule::kScanAlsoOnnx, 0);
  if (IsPickle()) {
    builder.Add(Rule::kScanAlsoPickle, pickle_.name_offset(), {.found_text = Act(pickle_)});
  }
}

bool IsProvenButAmbiguous(const Report& report) {
  if (report.verdict() != Verdict::kRejected) return false;
  const Rule reason = report.reason()->rule;
  return reason >= Rule::kScanAlsoTar && reason <= Rule::kScanAlsoPickle;
}

Result<void> FindSecondReadings(SecondReadings& readings, Source& source) {
  readings.Begin(source.size());
  return Drive(readings, source);
}

void AddSecondReadings(Family family, Source& source, ReportBuilder& builder) {
  SecondReadings readings(family);
  readings.Begin(source.size());
  if (const Result<void> read = Drive(readings, source, builder.interrupt()); !read) {
    builder.Add(read.error());
    return;
  }
  readings.AddTo(builder);
}

}  // namespace tensorgate::internal
