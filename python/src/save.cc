#include "python/src/save.h"

#include "tensorgate/save.h"

#include <nanobind/stl/string_view.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "python/src/arguments.h"
#include "python/src/check.h"
#include "python/src/checkpoint.h"
#include "python/src/interrupt.h"
#include "tensorgate/dtype.h"
#include "tensorgate/render.h"

namespace tensorgate::python {
namespace nb = nanobind;

namespace {

struct NamedDType {
  std::string_view name;
  DType dtype;
};
// Names used by numpy, ml_dtypes and torch.
constexpr std::array<NamedDType, 20> kDTypes{{{"bool", DType::kBool},
                                              {"uint8", DType::kU8},
                                              {"int8", DType::kI8},
                                              {"uint16", DType::kU16},
                                              {"int16", DType::kI16},
                                              {"float16", DType::kF16},
                                              {"bfloat16", DType::kBF16},
                                              {"uint32", DType::kU32},
                                              {"int32", DType::kI32},
                                              {"float32", DType::kF32},
                                              {"complex64", DType::kC64},
                                              {"uint64", DType::kU64},
                                              {"int64", DType::kI64},
                                              {"float64", DType::kF64},
                                              {"float8_e4m3fn", DType::kF8E4M3},
                                              {"float8_e5m2", DType::kF8E5M2},
                                              {"float8_e8m0fnu", DType::kF8E8M0},
                                              {"float8_e4m3fnuz", DType::kF8E4M3FNUZ},
                                              {"float8_e5m2fnuz", DType::kF8E5M2FNUZ},
                                              {"float4_e2m1fn_x2", DType::kF4}}};

/// A tensor in memory that another object owns.
struct TensorSpec {
  DType dtype;
  std::vector<std::uint64_t> shape;
  std::uint64_t pointer;
  std::uint64_t length;
};

[[noreturn]] void RaiseError(const std::string& text) {
  const nb::object type = nb::module_::import_("tensorgate._errors").attr("SafetensorError");
  PyErr_SetString(type.ptr(), text.c_str());
  throw nb::python_error();
}

std::vector<std::uint64_t> ShapeArgument(nb::handle given) {
  const nb::object items = nb::steal(PySequence_Tuple(given.ptr()));
  if (!items.is_valid()) {
    PyErr_Clear();
    RaiseWrongType("shape", "a sequence of whole numbers", given);
  }
  std::vector<std::uint64_t> shape;
  for (const nb::handle item : items) shape.push_back(NumberArgument(item, "a dimension"));
  return shape;
}

void MakeSpec(TensorSpec* self, nb::handle given_dtype, nb::handle given_shape,
              nb::handle given_pointer, nb::handle given_length) {
  const std::string dtype = TextArgument(given_dtype, "dtype");
  std::vector<std::uint64_t> shape = ShapeArgument(given_shape);
  const std::uint64_t pointer = NumberArgument(given_pointer, "data_ptr");
  const std::uint64_t length = NumberArgument(given_length, "data_len");
  if (length != 0 && (pointer == 0 || length > UINTPTR_MAX - pointer)) {
    RaiseError("data_ptr is not the address of data_len bytes");
  }
  const auto* found =
      std::ranges::find_if(kDTypes, [&](const NamedDType& each) { return each.name == dtype; });
  if (found == kDTypes.end()) {
    std::string text = "Unknown dtype \"" + dtype + "\"; known dtypes are";
    for (const NamedDType& each : kDTypes) text.append(" ").append(each.name);
    RaiseError(text);
  }
  // For F4 frameworks count bytes, the format counts elements, two per byte.
  if (found->dtype == DType::kF4 && !shape.empty()) {
    if (shape.back() > UINT64_MAX / 2) RaiseError("the last dimension is too large for F4");
    shape.back() *= 2;
  }
  new (self) TensorSpec{found->dtype, std::move(shape), pointer, length};
}

const TensorSpec& SpecArgument(nb::handle object) {
  return ObjectArgument<TensorSpec>(object, "a tensor to be written", "a TensorSpec");
}

nb::list ShapeOf(nb::handle self) {
  nb::list list;
  for (const std::uint64_t dimension : SpecArgument(self).shape) list.append(dimension);
  return list;
}

/// What to write, and the objects that it refers to.
struct Request {
  std::vector<TensorData> tensors;
  SaveOptions options;
};

nb::dict DictArgument(nb::handle object, const char* what, const char* kind) {
  if (!PyDict_Check(object.ptr())) RaiseWrongType(what, kind, object);
  return nb::borrow<nb::dict>(object);
}

Metadata MetadataArgument(nb::handle given) {
  Metadata entries;
  for (const auto& [key, value] : DictArgument(given, "metadata", "a dict of str to str")) {
    const std::string name = TextArgument(key, "a key of metadata");
    const std::string what = "the value of the metadata key '" + EscapeForText(name, 200) + "'";
    entries.emplace_back(name, TextArgument(value, what.c_str()));
  }
  return entries;
}

// What the numbers in a status mean: the tensor or key concerned, and the file.
[[noreturn]] void RaiseNotSaved(const Status& status, const Request& request,
                                const std::string& path) {
  std::string context;
  const std::string_view subject = Info(status.rule).subject;
  const bool of_save = Info(status.rule).id.starts_with("save/");
  const auto number = static_cast<std::size_t>(status.found);
  if (of_save && subject == "tensor" && status.found < request.tensors.size()) {
    context = "'" + EscapeForText(request.tensors[number].name, 200) + "'";
  } else if (of_save && subject == "metadata key" && request.options.metadata &&
             status.found < request.options.metadata->size()) {
    context = "'" + EscapeForText((*request.options.metadata)[number].first, 200) + "'";
  }
  if (!path.empty()) context += (context.empty() ? "" : ", ") + EscapeForText(path);
  RaiseStatus(status, context);
}

Request MakeRequest(nb::handle tensors, nb::handle metadata) {
  Request request;
  for (const auto& [name, value] :
       DictArgument(tensors, "tensor_dict", "a dict of str to TensorSpec")) {
    const TensorSpec& spec = SpecArgument(value);
    // The address is trusted, as in the safetensors package.
    const auto* data =
        reinterpret_cast<const std::byte*>(static_cast<std::uintptr_t>(spec.pointer));
    request.tensors.push_back({.name = TextArgument(name, "the name of a tensor"),
                               .dtype = spec.dtype,
                               .shape = spec.shape,
                               .data = std::span(data, static_cast<std::size_t>(spec.length))});
  }
  if (!metadata.is_none()) request.options.metadata = MetadataArgument(metadata);
  request.options.progress = RunSignalHandlers();
  return request;
}

void SaveToFile(nb::handle tensors, nb::handle filename, nb::handle metadata, nb::handle alignment,
                nb::handle sync, nb::handle max_shard_bytes) {
  std::string path;
  if (!AsPath(filename, path)) throw nb::type_error("expected a path: str or os.PathLike");
  Request request = MakeRequest(tensors, metadata);
  request.options.alignment = NumberArgument(alignment, "alignment");
  request.options.sync = FlagArgument(sync, "sync");
  request.options.max_shard_bytes = NumberArgument(max_shard_bytes, "max_shard_bytes");
  Result<void> saved;
  {
    const nb::gil_scoped_release released;
    saved = Save(path, request.tensors, request.options);
  }
  RaisePending();
  if (!saved) RaiseNotSaved(saved.error(), request, path);
}

nb::object SaveToBytes(nb::handle tensors, nb::handle metadata) {
  const Request request = MakeRequest(tensors, metadata);
  const Result<std::uint64_t> needed = SerializedSize(request.tensors, request.options);
  if (!needed) RaiseNotSaved(needed.error(), request, {});
  const std::uint64_t size = *needed;
  if (size > static_cast<std::uint64_t>(PY_SSIZE_T_MAX)) throw std::bad_alloc();
  nb::object bytes = nb::steal(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size)));
  if (!bytes.is_valid()) throw nb::python_error();
  // No other code has a reference to the object yet.
  const std::span into(reinterpret_cast<std::byte*>(PyBytes_AsString(bytes.ptr())),
                       static_cast<std::size_t>(size));
  Result<void> saved;
  {
    const nb::gil_scoped_release released;
    saved = SerializeInto(request.tensors, into, request.options);
  }
  RaisePending();
  if (!saved) RaiseNotSaved(saved.error(), request, {});
  return bytes;
}

}  // namespace

void BindSave(nb::module_& module) {
  nb::class_<TensorSpec>(
      module, "TensorSpec", nb::is_final(),
      "A tensor to be written: its dtype as named by numpy or torch, its shape, "
      "and the address of its bytes. The caller must ensure that the address is valid.")
      .def("__init__", &MakeSpec, nb::kw_only(), nb::arg("dtype").none(), nb::arg("shape").none(),
           nb::arg("data_ptr").none(), nb::arg("data_len").none())
      .def_prop_ro(
          "dtype", [](nb::handle self) { return Name(SpecArgument(self).dtype); },
          "The format's spelling: `F32`.")
      .def_prop_ro("shape", &ShapeOf, "Dimensions, in elements of the format.")
      .def_prop_ro(
          "data_ptr", [](nb::handle self) { return SpecArgument(self).pointer; }, "The address.")
      .def_prop_ro(
          "data_len", [](nb::handle self) { return SpecArgument(self).length; },
          "Number of bytes at the address.");
  module.def("serialize_file", &SaveToFile, nb::arg("tensor_dict").none(),
             nb::arg("filename").none(), nb::arg("metadata") = nb::none(), nb::kw_only(),
             nb::arg("alignment").none() = 8, nb::arg("sync").none() = false,
             nb::arg("max_shard_bytes").none() = 0,
             "Writes tensors to a file, whole or not at all.");
  module.def("serialize", &SaveToBytes, nb::arg("tensor_dict").none(),
             nb::arg("metadata") = nb::none(), "The bytes of a file with these tensors.");
}

}  // namespace tensorgate::python
