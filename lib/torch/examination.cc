#include "lib/torch/examination.h"

#include "lib/base/bytes.h"
#include "lib/base/checked.h"

namespace tensorgate::torch::internal {
namespace {

using namespace std::string_view_literals;

// The number 0x1950a86a20f9469cfc6c: LONG1 of 10 bytes, STOP: exactly so every writer has it, behind PROTO of the protocol it was told.
constexpr std::string_view kLegacyMagic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."sv;

}  // namespace

std::string_view FormatName(Layout layout) {
  return layout == Layout::kZip ? "pytorch-zip" : "pytorch-legacy";
}

std::optional<Layout> LayoutOf(std::span<const std::byte> head) {
  const std::string_view text = tensorgate::internal::AsText(head);
  if (text.starts_with('\x80') && text.size() > 2 && text.substr(2).starts_with(kLegacyMagic)) {
    return Layout::kLegacy;
  }
  if (text.starts_with("PK\3\4")) return Layout::kZip;
  return std::nullopt;
}

Examination::Examination(const CheckOptions& options, Layout layout)
    : builder_(options, FormatName(layout)), contents_(std::make_unique<Contents>()) {
  container_ =
      layout == Layout::kZip ? MakeZip(builder_, *contents_) : MakeLegacy(builder_, *contents_);
}

void Examination::Begin(std::uint64_t size) {
  builder_.SetSize(size);
  contents_->file_size = size;
  const std::uint64_t cap = builder_.options().limits.file_bytes;
  if (size > cap) {
    builder_.Add(Rule::kLimitFileBytes, 0, {.found = size, .allowed = cap});
    container_ = nullptr;
    return;
  }
  container_->Begin(size);
}

void Examination::Filled(std::size_t count) {
  container_->Filled(count);
  if (!container_->Next().into.empty()) return;
  // The places of the storages are known, or why not was told.
  const bool names = builder_.options().profile == Profile::kStrict && !builder_.Ended();
  if (names && !builder_.HasError()) {
    NameTensors(*contents_, builder_);
  }
  if (contents_->machine != nullptr) TellFacts();
}

std::optional<std::vector<ByteRange>> Examination::Unread() const {
  // The reference compares no checksums. In strict members share no bytes, so each is read once.
  const CheckOptions& options = builder_.options();
  if (options.scope != Scope::kFull || options.profile != Profile::kStrict) return {};
  if (builder_.HasError()) return {};
  return container_->Unread();
}

void Examination::OnChecksums(std::span<const ByteRange> read,
                              std::span<const std::uint32_t> checksums) {
  for (const ByteRange& range : read) builder_.AddBytesRead(range.length);
  container_->OnChecksums(checksums);
  builder_.SetScope(Scope::kFull);
}

void Examination::TellFacts() {
  Report::Facts facts{.header_bytes = contents_->pickle.size(),
                      .tensors = contents_->tensors.size()};
  const std::span<const TensorValue> tensors = contents_->rebuild->tensors();
  for (const NamedTensor& named : contents_->tensors.span()) {
    facts.parameters =
        tensorgate::internal::SaturatingAdd(facts.parameters, tensors[named.tensor].elements);
  }
  for (const ByteRange& range : contents_->ranges.span()) facts.data_bytes += range.length;
  builder_.SetFacts(facts);
}

Report Examination::Finish() { return builder_.Finish(); }

pickle::Outcome RunPickle(const CheckOptions& options, Contents& contents, Form form,
                          std::size_t begin) {
  contents.machine = nullptr;
  contents.rebuild = std::make_unique<Rebuild>(form, options.trusted);
  contents.machine =
      std::make_unique<pickle::Machine>(contents.pickle.span(), *contents.rebuild, options);
  pickle::Outcome outcome = contents.machine->Run(begin);
  if (outcome.complete) contents.root = outcome.root;
  return outcome;
}

}  // namespace tensorgate::torch::internal
