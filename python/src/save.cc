#include "python/src/save.h"

#include "tensorgate/save.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "python/src/check.h"
#include "python/src/checkpoint.h"
#include "python/src/interrupt.h"
#include "tensorgate/dtype.h"

namespace tensorgate::python {
namespace nb = nanobind;

namespace {

struct NamedDType {
  std::string_view name;
  DType dtype;
};
// As numpy, ml_dtypes and torch call them.
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

/// A tensor in memory of somebody else's.
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

void MakeSpec(TensorSpec* self, std::string_view dtype, std::vector<std::uint64_t> shape,
              std::uint64_t pointer, std::uint64_t length) {
  const auto* found =
      std::ranges::find_if(kDTypes, [&](const NamedDType& each) { return each.name == dtype; });
  if (found == kDTypes.end()) {
    std::string text = "Unknown dtype \"" + std::string(dtype) + "\"; known are";
    for (const NamedDType& each : kDTypes) text.append(" ").append(each.name);
    RaiseError(text);
  }
  // Frameworks count the bytes of F4, the format its elements, two a byte.
  if (found->dtype == DType::kF4 && !shape.empty()) {
    if (shape.back() > UINT64_MAX / 2) RaiseError("the last dimension is too large for F4");
    shape.back() *= 2;
  }
  new (self) TensorSpec{found->dtype, std::move(shape), pointer, length};
}

nb::list ShapeOf(const TensorSpec& self) {
  nb::list list;
  for (const std::uint64_t dimension : self.shape) list.append(dimension);
  return list;
}

/// What to write, and the objects that it refers to.
struct Request {
  std::vector<TensorData> tensors;
  SaveOptions options;
};

Request MakeRequest(const nb::dict& tensors, nb::handle metadata) {
  Request request;
  for (const auto& [name, value] : tensors) {
    if (!nb::isinstance<TensorSpec>(value)) throw nb::type_error("expected a dict of TensorSpec");
    const auto& spec = nb::cast<const TensorSpec&>(value);
    // The address is the caller's word, as it is in the safetensors package.
    const auto* data =
        reinterpret_cast<const std::byte*>(static_cast<std::uintptr_t>(spec.pointer));
    request.tensors.push_back({.name = nb::cast<std::string>(name),
                               .dtype = spec.dtype,
                               .shape = spec.shape,
                               .data = std::span(data, static_cast<std::size_t>(spec.length))});
  }
  if (!metadata.is_none()) {
    Metadata entries;
    for (const auto& [key, value] : nb::cast<nb::dict>(metadata)) {
      std::string key_text, value_text;
      if (!nb::try_cast(key, key_text) || !nb::try_cast(value, value_text)) {
        throw nb::type_error("metadata is a dict of str and str");
      }
      entries.emplace_back(std::move(key_text), std::move(value_text));
    }
    request.options.metadata = std::move(entries);
  }
  request.options.progress = RunSignalHandlers();
  return request;
}

void SaveToFile(const nb::dict& tensors, nb::handle filename, nb::handle metadata,
                std::uint64_t alignment, bool sync, std::uint64_t max_shard_bytes) {
  std::string path;
  if (!AsPath(filename, path)) throw nb::type_error("expected a path: str or os.PathLike");
  Request request = MakeRequest(tensors, metadata);
  request.options.alignment = alignment;
  request.options.sync = sync;
  request.options.max_shard_bytes = max_shard_bytes;
  Result<void> saved;
  {
    const nb::gil_scoped_release released;
    saved = Save(path, request.tensors, request.options);
  }
  RaisePending();
  Take(std::move(saved));
}

nb::object SaveToBytes(const nb::dict& tensors, nb::handle metadata) {
  const Request request = MakeRequest(tensors, metadata);
  const std::uint64_t size = Take(SerializedSize(request.tensors, request.options));
  nb::object bytes = nb::steal(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size)));
  if (!bytes.is_valid()) throw nb::python_error();
  // Nobody else knows of the object yet.
  const std::span into(reinterpret_cast<std::byte*>(PyBytes_AsString(bytes.ptr())),
                       static_cast<std::size_t>(size));
  Result<void> saved;
  {
    const nb::gil_scoped_release released;
    saved = SerializeInto(request.tensors, into, request.options);
  }
  RaisePending();
  Take(std::move(saved));
  return bytes;
}

}  // namespace

void BindSave(nb::module_& module) {
  nb::class_<TensorSpec>(module, "TensorSpec",
                         "A tensor to be written: its dtype as numpy or torch call it, its shape, "
                         "and where its bytes are. Whoever makes one answers for the address.")
      .def("__init__", &MakeSpec, nb::kw_only(), nb::arg("dtype"), nb::arg("shape"),
           nb::arg("data_ptr"), nb::arg("data_len"))
      .def_prop_ro(
          "dtype", [](const TensorSpec& self) { return Name(self.dtype); },
          "As the format spells it: `F32`.")
      .def_prop_ro("shape", &ShapeOf, "In elements of the format.")
      .def_prop_ro(
          "data_ptr", [](const TensorSpec& self) { return self.pointer; }, "The address.")
      .def_prop_ro("data_len", [](const TensorSpec& self) { return self.length; }, "Bytes there.");
  module.def("serialize_file", &SaveToFile, nb::arg("tensor_dict"), nb::arg("filename"),
             nb::arg("metadata") = nb::none(), nb::kw_only(), nb::arg("alignment") = 8,
             nb::arg("sync") = false, nb::arg("max_shard_bytes") = 0,
             "Writes tensors to a file, whole or not at all.");
  module.def("serialize", &SaveToBytes, nb::arg("tensor_dict"), nb::arg("metadata") = nb::none(),
             "The bytes of a file with these tensors.");
}

}  // namespace tensorgate::python
