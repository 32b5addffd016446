// The C interface over `tensorgate::Writer`.
#include "tensorgate/save.h"

#include "lib/capi/handles.h"

using tensorgate::Result;
using tensorgate::Rule;
using tensorgate::Status;
using tensorgate::TensorData;
using tensorgate::capi::Misuse;
using tensorgate::capi::Run;
using tensorgate::capi::ToView;

struct tensorgate_writer {
  tensorgate::Writer writer;
};

namespace {

tensorgate::SaveOptions ToSaveOptions(const tensorgate_save_options* given) {
  const tensorgate_save_options all = tensorgate::capi::Taken(given);
  tensorgate::SaveOptions options;
  if (all.metadata != nullptr) {
    tensorgate::Metadata& metadata = options.metadata.emplace();
    for (const tensorgate_metadata_entry& entry : std::span(all.metadata, all.metadata_count)) {
      metadata.emplace_back(ToView(entry.key.bytes, entry.key.length),
                            ToView(entry.value.bytes, entry.value.length));
    }
  }
  if (all.alignment != 0) options.alignment = all.alignment;
  if (all.as_given != 0) options.order = tensorgate::TensorOrder::kAsGiven;
  options.sync = all.no_sync == 0;
  options.max_shard_bytes = all.max_shard_bytes;
  options.progress = tensorgate::capi::ToProgress(all);
  return options;
}

/// Adds a tensor; its callers provide the different kinds of data.
int Add(tensorgate_writer* writer, tensorgate_text name, const tensorgate_dtype& dtype,
        const std::uint64_t* shape, std::size_t rank, decltype(TensorData::data) data,
        tensorgate_error** error) {
  return Run(error, [&]() -> Result<void> {
    const auto known = tensorgate::capi::ToDType(dtype);
    if (!known || (shape == nullptr && rank != 0)) return Misuse(Rule::kSaveMisuse);
    const std::span<const std::uint64_t> dimensions(shape, rank);
    return writer->writer.Add({.name = std::string(ToView(name.bytes, name.length)),
                               .dtype = *known,
                               .shape = {dimensions.begin(), dimensions.end()},
                               .data = std::move(data)});
  });
}

}  // namespace

extern "C" {

tensorgate_writer* tensorgate_writer_create(const char* path,
                                            const tensorgate_save_options* options,
                                            tensorgate_error** error) {
  return tensorgate::capi::Make<tensorgate_writer>(error, [&] {
    return tensorgate::Writer::Create(path == nullptr ? "" : path, ToSaveOptions(options));
  });
}

int tensorgate_writer_add(tensorgate_writer* writer, tensorgate_text name, tensorgate_dtype dtype,
                          const uint64_t* shape, size_t rank, const void* bytes, size_t length,
                          tensorgate_error** error) {
  const std::span data(static_cast<const std::byte*>(bytes), bytes == nullptr ? 0 : length);
  return Add(writer, name, dtype, shape, rank, data, error);
}

int tensorgate_writer_add_callback(tensorgate_writer* writer, tensorgate_text name,
                                   tensorgate_dtype dtype, const uint64_t* shape, size_t rank,
                                   tensorgate_data_function data, void* context,
                                   tensorgate_error** error) {
  const auto call = [data, context](std::uint64_t offset,
                                    std::span<std::byte> into) -> Result<void> {
    if (data == nullptr || data(context, offset, into.data(), into.size()) == 0) {
      return std::unexpected(Status{.rule = Rule::kIoReadFailed, .offset = offset});
    }
    return {};
  };
  return Add(writer, name, dtype, shape, rank, tensorgate::DataCallback(call), error);
}

int tensorgate_writer_add_from(tensorgate_writer* writer, tensorgate_text name,
                               const tensorgate_checkpoint* checkpoint, size_t index,
                               tensorgate_error** error) {
  return Run(error, [&]() -> Result<void> {
    const tensorgate::Checkpoint& from = checkpoint->checkpoint;
    Result<tensorgate::TensorRef> tensor = from.tensor(index);
    if (!tensor) return std::unexpected(tensor.error());
    if (!tensor->type.dtype) return Misuse(Rule::kUseNoDtype, index);
    decltype(TensorData::data) data =
        tensorgate::SourceData{from.part(tensor->part).source, tensor->range.offset};
    if (!tensor->stride.empty()) {
      // The checkpoint gathers tensors with strides, the whole tensor at a time.
      auto gathered = std::make_shared<tensorgate::Buffer>();
      data = [&from, index, gathered](std::uint64_t offset,
                                      std::span<std::byte> into) -> Result<void> {
        if (offset == 0) {
          tensorgate::Buffer read = TENSORGATE_TRY(from.Read(index));
          *gathered = std::move(read);
        }
        const auto begin = gathered->bytes().begin() + static_cast<std::ptrdiff_t>(offset);
        std::copy_n(begin, into.size(), into.begin());
        return {};
      };
    }
    return writer->writer.Add({.name = std::string(ToView(name.bytes, name.length)),
                               .dtype = *tensor->type.dtype,
                               .shape = std::move(tensor->shape),
                               .data = std::move(data)});
  });
}

int tensorgate_writer_finish(tensorgate_writer* writer, tensorgate_error** error) {
  return Run(error, [&] { return writer->writer.Finish(); });
}

void tensorgate_writer_free(tensorgate_writer* writer) { delete writer; }

}  // extern "C"
