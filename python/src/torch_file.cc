#include "python/src/torch_file.h"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "lib/checkpoint/torch_storages.h"
#include "lib/formats/torch/contents.h"
#include "lib/formats/torch/plain_calls.h"
#include "python/src/arguments.h"
#include "python/src/check.h"
#include "python/src/checkpoint.h"
#include "python/src/file_object.h"
#include "python/src/interrupt.h"
#include "python/src/memory.h"
#include "python/src/report.h"
#include "tensorgate/checkpoint.h"
#include "tensorgate/torch.h"

namespace tensorgate::python {
namespace nb = nanobind;

namespace {

using pickle::Kind;
using pickle::Value;

/// Bytes per block of memory for storages: smaller ones need more pages, larger ones keep memory
/// alive that is no longer used.
constexpr std::uint64_t kBlock = std::uint64_t{64} << 20;

nb::object Owned(PyObject* object) {
  if (object == nullptr) throw nb::python_error();
  return nb::steal(object);
}

void Done(int result) {
  if (result != 0) throw nb::python_error();
}

nb::object Text(std::string_view text) {
  // As in Python's own pickles: unpaired surrogates are kept.
  return Owned(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogatepass"));
}

/// Creates objects from values. A value that occurs several times is created once; the check bounds
/// the nesting.
class Builder {
 public:
  Builder(const torch::File& file, nb::handle module, nb::handle tensor)
      : contents_(torch::internal::Access::Of(file)),
        values_(contents_.values()),
        module_(module),
        tensor_(tensor),
        collections_(nb::module_::import_("collections")),
        objects_(values_.object_count()),
        tensors_(contents_.rebuild->tensors().size()) {}

  nb::object Root() { return Make(contents_.root); }

 private:
  nb::object Make(const Value& value) {
    switch (value.kind) {
      case Kind::kNone:
        return nb::none();
      case Kind::kBool:
        return nb::bool_(value.bits != 0);
      case Kind::kInt:
        return Owned(PyLong_FromLongLong(value.Int()));
      case Kind::kBigInt: {
        const std::string_view digits = values_.Text(value);
        return nb::handle(reinterpret_cast<PyObject*>(&PyLong_Type))
            .attr("from_bytes")(nb::bytes(digits.data(), digits.size()), "little",
                                nb::arg("signed") = true);
      }
      case Kind::kFloat:
        return nb::float_(value.Float());
      case Kind::kString:
        return Text(values_.Text(value));
      case Kind::kBytes: {
        const std::string bytes = values_.DecodeBytes(value);
        return nb::bytes(bytes.data(), bytes.size());
      }
      case Kind::kDtype:
        return Member(
            torch::internal::Info(static_cast<torch::internal::ScalarType>(value.bits)).name);
      case Kind::kLayout:
        return Member(torch::internal::LayoutName(value.bits));
      case Kind::kQscheme:
        return Member(torch::internal::QschemeName(value.bits));
      case Kind::kTensor:
        return Once(tensors_, value, [&] { return MakeTensor(value); });
      default:
        return Once(objects_, value, [&] { return MakeObject(value); });
    }
  }

  template <typename Maker>
  static nb::object Once(std::vector<nb::object>& made, const Value& value, const Maker& maker) {
    nb::object& found = made[static_cast<std::size_t>(value.bits)];
    if (!found.is_valid()) found = maker();
    return found;
  }

  /// A name in the module torch; the name may start with the module's.
  nb::object Member(std::string_view name) {
    const std::string bare(name.substr(name.rfind('.') + 1));
    if (nb::hasattr(module_, bare.c_str())) return nb::getattr(module_, bare.c_str());
    const nb::object error = nb::module_::import_("tensorgate._errors").attr("SafetensorError");
    PyErr_Format(error.ptr(), "the file names torch.%s, which this torch does not have",
                 bare.c_str());
    throw nb::python_error();
  }

  nb::object MakeTuple(std::span<const Value> items) {
    nb::object tuple = Owned(PyTuple_New(static_cast<Py_ssize_t>(items.size())));
    for (std::size_t i = 0; i < items.size(); ++i) {
      Done(
          PyTuple_SetItem(tuple.ptr(), static_cast<Py_ssize_t>(i), Make(items[i]).release().ptr()));
    }
    return tuple;
  }

  nb::object MakeTensor(const Value& value) {
    const torch::internal::TensorValue& tensor =
        contents_.rebuild->tensors()[static_cast<std::size_t>(value.bits)];
    return tensor_(tensor.storage, torch::internal::Info(tensor.dtype).name, tensor.offset,
                   MakeTuple(values_.Items(tensor.shape)), MakeTuple(values_.Items(tensor.stride)),
                   tensor.requires_grad, tensor.is_parameter);
  }

  nb::object MakeObject(const Value& value) {
    const std::span<const Value> items = values_.Items(value);
    switch (value.kind) {
      case Kind::kTuple:
        return MakeTuple(items);
      case Kind::kSize:
        return module_.attr("Size")(MakeTuple(items));
      case Kind::kDevice:
        return module_.attr("device")(*MakeTuple(items));
      case Kind::kComplex:
        return nb::handle(reinterpret_cast<PyObject*>(&PyComplex_Type))(*MakeTuple(items));
      case Kind::kByteArray:
        return nb::handle(reinterpret_cast<PyObject*>(&PyByteArray_Type))(*MakeTuple(items));
      case Kind::kList: {
        nb::object list = Owned(PyList_New(0));
        for (const Value& item : items) Done(PyList_Append(list.ptr(), Make(item).ptr()));
        return list;
      }
      case Kind::kSet: {
        nb::object set = Owned(PySet_New(nullptr));
        for (const Value& item : items) Done(PySet_Add(set.ptr(), Make(item).ptr()));
        return set;
      }
      case Kind::kDict:
        return Fill(Owned(PyDict_New()), items);
      case Kind::kCounter:
        return Fill(collections_.attr("Counter")(), items);
      case Kind::kOrderedDict: {
        nb::object dict = Fill(collections_.attr("OrderedDict")(), items);
        const Value attributes = values_.Attributes(value);
        if (attributes.kind != Kind::kUndefined)
          dict.attr("__dict__").attr("update")(Make(attributes));
        return dict;
      }
      default:
        throw nb::type_error("a value that no accepted checkpoint contains");
    }
  }

  nb::object Fill(nb::object mapping, std::span<const Value> items) {
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      Done(PyObject_SetItem(mapping.ptr(), Make(items[i]).ptr(), Make(items[i + 1]).ptr()));
    }
    return mapping;
  }

  const torch::internal::Contents& contents_;
  const pickle::Values& values_;
  nb::handle module_, tensor_;
  nb::object collections_;
  std::vector<nb::object> objects_, tensors_;
};

/// A checkpoint, its storages and, if it was opened from bytes, the object that holds them.
struct TorchFileHandle {
  std::unique_ptr<BufferView> bytes;
  Checkpoint storages;

  const torch::File& file() const { return *storages.part(0).file->As<torch::File>(); }
};

template <typename Open>
TorchFileHandle Opened(Open open, std::string name, std::unique_ptr<BufferView> bytes = nullptr) {
  std::expected<Checkpoint, Report> opened = [&] {
    const nb::gil_scoped_release released;
    return open();
  }();
  if (!opened) RaiseRefused(std::move(opened.error()), std::move(name));
  return {std::move(bytes), *std::move(opened)};
}

TorchFileHandle OpenPath(nb::handle what, nb::handle name) {
  std::string path, shown;
  if (!AsPath(what, path)) throw nb::type_error("expected a path: str or os.PathLike");
  if (!name.is_none() && !AsPath(name, shown)) throw nb::type_error("name must be a path");
  return Opened([&] { return internal::OpenStorages(path, {}); }, shown.empty() ? path : shown);
}

TorchFileHandle OpenBytes(nb::handle what) {
  auto view = std::make_unique<BufferView>(what);
  const std::span<const std::byte> bytes = view->bytes();
  return Opened([&] { return internal::OpenStorages(bytes, {}); }, {}, std::move(view));
}

/// The memory that a storage was read into, and the offset in it; no memory for an empty storage.
using Place = std::pair<nb::object, std::size_t>;

std::vector<Place> Load(const TorchFileHandle& self) {
  const torch::File& file = self.file();
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < file.storage_count(); ++i) {
    if (file.storage(i).range.length != 0) order.push_back(i);
  }
  std::ranges::sort(order, {}, [&](std::size_t i) { return file.storage(i).range.offset; });
  std::vector<Place> places(file.storage_count(), Place(nb::none(), 0));
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    std::uint64_t bytes = 0;
    while (end < order.size()) {
      const std::uint64_t more = file.storage(order[end]).range.length;
      if (end != begin && more > kBlock - bytes) break;
      bytes += std::min(more, kBlock - bytes);
      ++end;
    }
    const std::span<const std::size_t> which = std::span(order).subspan(begin, end - begin);
    LoadOptions options;
    options.progress = RunSignalHandlers();
    Result<Loaded> loaded = [&] {
      const nb::gil_scoped_release released;
      return self.storages.Load(which, options);
    }();
    RaisePending();
    auto memory = std::make_unique<Memory>(Take(std::move(loaded)));
    std::vector<std::size_t> offsets(which.size());
    for (std::size_t i = 0; i < which.size(); ++i) offsets[i] = memory->offset(i);
    const nb::object owner = nb::cast(memory.release(), nb::rv_policy::take_ownership);
    for (std::size_t i = 0; i < which.size(); ++i) places[which[i]] = {owner, offsets[i]};
  }
  return places;
}

/// Offset in the file, size in bytes, and the location recorded by the writer.
using StorageEntry = std::tuple<std::uint64_t, std::uint64_t, nb::object>;

std::vector<StorageEntry> Storages(const TorchFileHandle& self) {
  std::vector<StorageEntry> all;
  for (std::size_t i = 0; i < self.file().storage_count(); ++i) {
    const torch::Storage storage = self.file().storage(i);
    all.emplace_back(storage.range.offset, storage.range.length, Text(storage.location));
  }
  return all;
}

}  // namespace

void BindTorchFile(nb::module_& module) {
  nb::class_<TorchFileHandle>(module, "TorchFile", nb::is_final(), nb::type_slots(kOnlyMadeHere),
                              "A verified PyTorch checkpoint.")
      .def("storages", &Storages, "Offset in the file, size in bytes and location of each storage.")
      .def("load", &Load,
           "For each storage, the memory that it was read into and the offset in it.")
      .def(
          "build",
          [](const TorchFileHandle& self, nb::handle torch, nb::handle tensor) {
            if (!nb::hasattr(torch, "Size")) RaiseWrongType("torch", "the module torch", torch);
            if (PyCallable_Check(tensor.ptr()) == 0) RaiseWrongType("tensor", "a function", tensor);
            return Builder(self.file(), torch, tensor).Root();
          },
          nb::arg("torch").none(), nb::arg("tensor").none(),
          "The values as objects; `tensor` creates a tensor from storage, dtype, offset, shape, "
          "stride, requires_grad and whether it is a parameter.")
      .def(
          "descriptor",
          [](const TorchFileHandle& self) { return self.storages.part(0).source->descriptor(); },
          "The open file, or -1; the checkpoint keeps ownership.")
      .def(
          "size", [](const TorchFileHandle& self) { return self.storages.part(0).size; },
          "Size of the file in bytes.")
      .def(
          "check_unchanged",
          [](const TorchFileHandle& self) { Take(self.storages.CheckUnchanged()); },
          "Raises if the file is known to have changed since it was opened.")
      .def_prop_ro(
          "report",
          [](const TorchFileHandle& self) { return ReportHandle(self.storages.report(), {}); },
          "The accepted report, with its warnings and notes.");
  module.def("open_torch_path", &OpenPath, nb::arg("path").none(), nb::arg("name") = nb::none(),
             "Opens a PyTorch checkpoint; raises an exception that says what is wrong with it, "
             "under `name` if given.");
  module.def("open_torch_bytes", &OpenBytes, nb::arg("data").none(),
             "The same for bytes in memory, which are kept alive and must not change.");
}

}  // namespace tensorgate::python
