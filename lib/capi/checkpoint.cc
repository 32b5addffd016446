// The C interface over `tensorgate::Checkpoint`.
#include "tensorgate/checkpoint.h"

#include <memory>

#include "lib/capi/handles.h"
#include "tensorgate/slice.h"

using tensorgate::CheckOptions;
using tensorgate::Checkpoint;
using tensorgate::LoadOptions;
using tensorgate::Report;
using tensorgate::Result;
using tensorgate::Rule;
using tensorgate::SlicePlan;
using tensorgate::Subscript;
using tensorgate::TensorRef;
using tensorgate::capi::Make;
using tensorgate::capi::Misuse;
using tensorgate::capi::Run;
using tensorgate::capi::Taken;
using tensorgate::capi::ToText;
using tensorgate::capi::ToView;

struct tensorgate_loaded {
  tensorgate::Loaded loaded;
};

struct tensorgate_mapping {
  tensorgate::Mapping mapping;
};

namespace {

static_assert(tensorgate::kDTypeCount == TENSORGATE_U64 + 1);
static_assert(int(tensorgate::DType::kBool) == TENSORGATE_BOOL);
static_assert(int(tensorgate::DType::kF8E5M2FNUZ) == TENSORGATE_F8_E5M2FNUZ);
static_assert(int(tensorgate::DType::kU64) == TENSORGATE_U64);
static_assert(int(Subscript::Kind::kIndex) == TENSORGATE_INDEX);
static_assert(int(Subscript::Kind::kRange) == TENSORGATE_RANGE);
static_assert(int(Subscript::Kind::kEllipsis) == TENSORGATE_ELLIPSIS);
static_assert(int(Subscript::Kind::kNewAxis) == TENSORGATE_NEW_AXIS);

tensorgate_text TextOf(const tensorgate::MetadataValue& value) {
  const auto* text = std::get_if<std::string_view>(&value);
  return text != nullptr ? ToText(*text) : tensorgate_text{nullptr, 0};
}

LoadOptions ToLoadOptions(const tensorgate_load_options* given) {
  const tensorgate_load_options all = Taken(given);
  LoadOptions options;
  options.threads = all.threads;
  if (all.block_bytes != 0) options.block = all.block_bytes;
  if (all.repeated_bytes != 0) options.repeated_bytes = all.repeated_bytes;
  options.progress = tensorgate::capi::ToProgress(all);
  return options;
}

/// Opens a checkpoint with `open` and `options`; the error holds the report.
template <typename Call>
tensorgate_checkpoint* Open(const tensorgate_options* options, tensorgate_error** error,
                            Call&& open, const char* path = "") {
  return Make<tensorgate_checkpoint>(
      error,
      [&]() -> std::expected<Checkpoint, Report> {
        const Result<CheckOptions> taken = tensorgate::capi::ToOptions(options);
        if (!taken) return std::unexpected(tensorgate::ScanFailure(taken.error()));
        return open(*taken);
      },
      path);
}

/// Caller-owned memory, which may be NULL only if its length is 0.
Result<std::span<std::byte>> Memory(void* into, std::size_t length) {
  if (into == nullptr && length != 0) return Misuse(Rule::kUseWrongSize);
  return std::span(static_cast<std::byte*>(into), length);
}

Result<std::vector<Subscript>> ToSubscripts(const tensorgate_subscript* given, std::size_t count) {
  std::vector<Subscript> subscripts;
  if (given == nullptr && count != 0) return Misuse(Rule::kUseBadSlice);
  subscripts.reserve(count);
  for (const tensorgate_subscript& each : std::span(given, count)) {
    Subscript& made = subscripts.emplace_back();
    // An unknown kind becomes a range whose step is refused.
    const auto kind = tensorgate::capi::ToNumber(each.kind);
    if (static_cast<std::uint64_t>(kind) > TENSORGATE_NEW_AXIS) {
      made.step = 0;
      continue;
    }
    made.kind = static_cast<Subscript::Kind>(kind);
    made.step = made.kind == Subscript::Kind::kRange ? each.step : 1;
    if (each.has_start != 0 || made.kind == Subscript::Kind::kIndex) made.start = each.start;
    if (each.has_stop != 0) made.stop = each.stop;
  }
  return subscripts;
}

}  // namespace

extern "C" {

tensorgate_checkpoint* tensorgate_open_path(const char* path, const tensorgate_options* options,
                                            tensorgate_error** error) {
  if (path == nullptr) path = "";
  return Open(
      options, error, [&](const CheckOptions& taken) { return Checkpoint::OpenPath(path, taken); },
      path);
}

tensorgate_checkpoint* tensorgate_open_fd(int descriptor, const tensorgate_options* options,
                                          tensorgate_error** error) {
  return Open(options, error, [&](const CheckOptions& taken) {
    return Checkpoint::OpenDescriptor(descriptor, taken);
  });
}

tensorgate_checkpoint* tensorgate_open_memory(const void* bytes, size_t length,
                                              const tensorgate_options* options,
                                              tensorgate_error** error) {
  if (bytes == nullptr && length != 0) {
    return tensorgate_open_callback(length, nullptr, nullptr, options, error);
  }
  return Open(options, error, [&](const CheckOptions& taken) {
    return Checkpoint::OpenBytes(std::span(static_cast<const std::byte*>(bytes), length), taken);
  });
}

tensorgate_checkpoint* tensorgate_open_callback(uint64_t size, tensorgate_read_function read,
                                                void* context, const tensorgate_options* options,
                                                tensorgate_error** error) {
  return Open(options, error, [&](const CheckOptions& taken) {
    const auto call = [read, context](std::uint64_t offset, std::span<std::byte> into) {
      return tensorgate::capi::CallRead(read, context, offset, into);
    };
    return Checkpoint::Open(std::make_unique<tensorgate::CallbackSource>(size, call), taken);
  });
}

void tensorgate_checkpoint_free(tensorgate_checkpoint* checkpoint) { delete checkpoint; }

size_t tensorgate_tensor_count(const tensorgate_checkpoint* checkpoint) {
  return checkpoint->checkpoint.tensor_count();
}

int tensorgate_find(const tensorgate_checkpoint* checkpoint, const char* name, size_t name_length,
                    size_t* index) {
  const auto found = checkpoint->checkpoint.Find(ToView(name, name_length));
  if (found && index != nullptr) *index = *found;
  return found.has_value();
}

int tensorgate_tensor_at(const tensorgate_checkpoint* checkpoint, size_t index,
                         tensorgate_tensor* tensor, tensorgate_error** error) {
  return Run(error, [&]() -> Result<void> {
    const TensorRef found = TENSORGATE_TRY(checkpoint->checkpoint.tensor(index));
    tensorgate_tensor full{};
    full.name = ToText(found.name);
    full.dtype =
        found.type.dtype ? static_cast<tensorgate_dtype>(*found.type.dtype) : TENSORGATE_NO_DTYPE;
    full.type_name = ToText(found.type.name);
    full.block_elements = found.type.block_elements;
    full.block_bytes = found.type.block_bytes;
    full.rank = found.shape.size();
    full.elements = found.elements();
    full.bytes = found.bytes();
    full.part = found.part;
    full.offset = found.range.offset;
    full.length = found.range.length;
    if (tensorgate::capi::Deliver(full, tensor) == 0) return Misuse(Rule::kUseWrongSize);
    return {};
  });
}

int tensorgate_shape(const tensorgate_checkpoint* checkpoint, size_t index, uint64_t* shape,
                     size_t room, tensorgate_error** error) {
  return Run(error, [&]() -> Result<void> {
    const TensorRef found = TENSORGATE_TRY(checkpoint->checkpoint.tensor(index));
    if (found.shape.size() > room) return Misuse(Rule::kUseWrongSize, room);
    if (shape != nullptr) std::ranges::copy(found.shape, shape);
    return {};
  });
}

int tensorgate_stride(const tensorgate_checkpoint* checkpoint, size_t index, uint64_t* stride,
                      size_t room, tensorgate_error** error) {
  return Run(error, [&]() -> Result<void> {
    TensorRef found = TENSORGATE_TRY(checkpoint->checkpoint.tensor(index));
    const std::size_t rank = found.shape.size();
    if (rank > room) return Misuse(Rule::kUseWrongSize, room);
    if (found.stride.empty()) {
      found.stride.assign(rank, 1);
      for (std::size_t i = rank; i-- > 1;) {
        // With a dimension of 0 the others are arbitrary, and their product has no meaning.
        found.stride[i - 1] = found.elements() == 0 ? 1 : found.stride[i] * found.shape[i];
      }
    }
    if (stride != nullptr) std::ranges::copy(found.stride, stride);
    return {};
  });
}

size_t tensorgate_metadata_count(const tensorgate_checkpoint* checkpoint) {
  return checkpoint->checkpoint.metadata_count();
}

int tensorgate_metadata_at(const tensorgate_checkpoint* checkpoint, size_t index,
                           tensorgate_text* key, tensorgate_text* value) {
  if (index >= checkpoint->checkpoint.metadata_count()) return 0;
  const auto entry = checkpoint->checkpoint.metadata(index);
  if (key != nullptr) *key = ToText(entry.key);
  if (value != nullptr) *value = TextOf(entry.value);
  return 1;
}

int tensorgate_metadata_find(const tensorgate_checkpoint* checkpoint, const char* key,
                             size_t key_length, tensorgate_text* value) {
  const auto found = checkpoint->checkpoint.FindMetadata(ToView(key, key_length));
  if (found && value != nullptr) *value = TextOf(*found);
  return found.has_value();
}

size_t tensorgate_part_count(const tensorgate_checkpoint* checkpoint) {
  return checkpoint->checkpoint.part_count();
}

int tensorgate_part_at(const tensorgate_checkpoint* checkpoint, size_t index,
                       tensorgate_part* part) {
  if (index >= checkpoint->checkpoint.part_count()) return 0;
  const tensorgate::Part found = checkpoint->checkpoint.part(index);
  tensorgate_part full{};
  full.path = ToText(found.path);
  full.size = found.size;
  return tensorgate::capi::Deliver(full, part);
}

int tensorgate_unchanged(const tensorgate_checkpoint* checkpoint, tensorgate_error** error) {
  return Run(error, [&] { return checkpoint->checkpoint.CheckUnchanged(); });
}

const char* tensorgate_dtype_name(tensorgate_dtype dtype) {
  const auto known = tensorgate::capi::ToDType(dtype);
  return known ? tensorgate::Name(*known).data() : nullptr;
}

unsigned tensorgate_dtype_bits(tensorgate_dtype dtype) {
  const auto known = tensorgate::capi::ToDType(dtype);
  return known ? tensorgate::Bits(*known) : 0;
}

int tensorgate_dtype_find(const char* name, tensorgate_dtype* dtype) {
  const auto found = tensorgate::FindDType(name == nullptr ? "" : name);
  if (found && dtype != nullptr) *dtype = static_cast<tensorgate_dtype>(*found);
  return found.has_value();
}

int tensorgate_read(const tensorgate_checkpoint* checkpoint, size_t index, void* into,
                    size_t length, const tensorgate_load_options* options,
                    tensorgate_error** error) {
  return Run(error, [&]() -> Result<void> {
    const auto memory = TENSORGATE_TRY(Memory(into, length));
    return checkpoint->checkpoint.ReadInto(index, memory, ToLoadOptions(options));
  });
}

int tensorgate_read_many(const tensorgate_checkpoint* checkpoint,
                         const tensorgate_destination* destinations, size_t count,
                         const tensorgate_load_options* options, tensorgate_error** error) {
  return Run(error, [&]() -> Result<void> {
    if (destinations == nullptr && count != 0) return Misuse(Rule::kUseWrongSize);
    std::vector<tensorgate::Destination> all;
    all.reserve(count);
    for (const tensorgate_destination& each : std::span(destinations, count)) {
      const auto memory = TENSORGATE_TRY(Memory(each.into, each.length));
      all.push_back({each.index, memory});
    }
    return checkpoint->checkpoint.LoadInto(all, ToLoadOptions(options));
  });
}

tensorgate_loaded* tensorgate_load(const tensorgate_checkpoint* checkpoint, const size_t* which,
                                   size_t count, const tensorgate_load_options* options,
                                   tensorgate_error** error) {
  return Make<tensorgate_loaded>(error, [&] {
    return which == nullptr
               ? checkpoint->checkpoint.LoadAll(ToLoadOptions(options))
               : checkpoint->checkpoint.Load(std::span(which, count), ToLoadOptions(options));
  });
}

void* tensorgate_loaded_bytes(tensorgate_loaded* loaded, size_t index, size_t* length) {
  const bool inside = loaded != nullptr && index < loaded->loaded.size();
  const std::span<std::byte> bytes = inside ? loaded->loaded.bytes(index) : std::span<std::byte>();
  if (length != nullptr) *length = bytes.size();
  return bytes.data();
}

void tensorgate_loaded_free(tensorgate_loaded* loaded) { delete loaded; }

tensorgate_mapping* tensorgate_map(const tensorgate_checkpoint* checkpoint, size_t part,
                                   tensorgate_error** error) {
  return Make<tensorgate_mapping>(error, [&]() -> Result<tensorgate::Mapping> {
    if (part >= checkpoint->checkpoint.part_count()) return Misuse(Rule::kUseNotMappable, part);
    return checkpoint->checkpoint.Map(part);
  });
}

const void* tensorgate_mapping_bytes(const tensorgate_mapping* mapping, size_t* length) {
  const auto bytes = mapping == nullptr ? std::span<const std::byte>() : mapping->mapping.bytes();
  if (length != nullptr) *length = bytes.size();
  return bytes.data();
}

void tensorgate_mapping_free(tensorgate_mapping* mapping) { delete mapping; }

int tensorgate_plan_slice(const tensorgate_checkpoint* checkpoint, size_t index,
                          const tensorgate_subscript* subscripts, size_t count,
                          tensorgate_slice* slice, uint64_t* shape, size_t room,
                          tensorgate_error** error) {
  return Run(error, [&]() -> Result<void> {
    const auto chosen = TENSORGATE_TRY(ToSubscripts(subscripts, count));
    const SlicePlan plan = TENSORGATE_TRY(checkpoint->checkpoint.PlanSlice(index, chosen));
    tensorgate_slice full{};
    full.rank = plan.shape.size();
    full.bytes = plan.bytes;
    full.reads = plan.reads;
    full.read_bytes = plan.read_bytes;
    if (slice != nullptr && tensorgate::capi::Deliver(full, slice) == 0) {
      return Misuse(Rule::kUseWrongSize);
    }
    if (shape != nullptr) {
      std::ranges::copy(std::span(plan.shape).first(std::min(room, plan.shape.size())), shape);
    }
    return {};
  });
}

int tensorgate_read_slice(const tensorgate_checkpoint* checkpoint, size_t index,
                          const tensorgate_subscript* subscripts, size_t count, void* into,
                          size_t length, const tensorgate_load_options* options,
                          tensorgate_error** error) {
  return Run(error, [&]() -> Result<void> {
    const auto memory = TENSORGATE_TRY(Memory(into, length));
    const auto chosen = TENSORGATE_TRY(ToSubscripts(subscripts, count));
    return checkpoint->checkpoint.ReadSliceInto(index, chosen, memory, ToLoadOptions(options));
  });
}

}  // extern "C"
