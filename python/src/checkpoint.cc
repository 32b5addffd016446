#include "python/src/checkpoint.h"

#include "tensorgate/checkpoint.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "python/src/arguments.h"
#include "python/src/check.h"
#include "python/src/file_object.h"
#include "python/src/interrupt.h"
#include "python/src/memory.h"
#include "python/src/report.h"
#include "tensorgate/slice.h"

namespace tensorgate::python {
namespace nb = nanobind;

namespace {

CheckpointHandle Taken(std::expected<Checkpoint, Report>&& opened, std::string name,
                       std::unique_ptr<BufferView> bytes = nullptr) {
  if (!opened) RaiseRefused(std::move(opened.error()), std::move(name));
  return {std::move(bytes), *std::move(opened)};
}

CheckpointHandle OpenPath(nb::handle what) {
  std::string path;
  if (!AsPath(what, path)) throw nb::type_error("expected a path: str or os.PathLike");
  return Taken(
      Watched([&](const CheckOptions& options) { return Checkpoint::OpenPath(path, options); }),
      path);
}

CheckpointHandle OpenBytes(nb::handle what) {
  auto view = std::make_unique<BufferView>(what);
  const std::span<const std::byte> bytes = view->bytes();
  return Taken(
      Watched([&](const CheckOptions& options) { return Checkpoint::OpenBytes(bytes, options); }),
      {}, std::move(view));
}

/// Reads without the GIL; a signal handler can end it.
template <typename Read>
auto Interruptible(Read read) {
  LoadOptions options;
  options.progress = RunSignalHandlers();
  auto result = WithoutInterpreter([&] { return read(options); });
  RaisePending();
  return Take(std::move(result));
}

nb::object Text(std::string_view text) {
  PyObject* object =
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr);
  if (object == nullptr) throw nb::python_error();
  return nb::steal(object);
}

nb::object Names(const CheckpointHandle& self, bool sorted) {
  const std::size_t size = self.checkpoint.tensor_count();
  nb::object list = nb::steal(PyList_New(static_cast<Py_ssize_t>(size)));
  if (!list.is_valid()) throw nb::python_error();
  for (std::size_t i = 0; i < size; ++i) {
    PyList_SetItem(list.ptr(), static_cast<Py_ssize_t>(i),
                   Text(self.checkpoint.name(i)).release().ptr());
  }
  if (sorted && PyList_Sort(list.ptr()) != 0) throw nb::python_error();
  return list;
}

nb::object ValueOf(const MetadataValue& value) {
  const auto object = [](const auto& each) -> nb::object {
    if constexpr (std::is_same_v<decltype(each), const std::string_view&>) {
      return Text(each);
    } else {
      return nb::cast(each);
    }
  };
  return std::visit(object, value);
}

nb::object Metadata(const CheckpointHandle& self) {
  // Empty metadata differ from none.
  if (self.checkpoint.part_count() == 0 || !self.checkpoint.part(0).file->has_metadata()) {
    return nb::none();
  }
  nb::dict dict;
  for (std::size_t i = 0; i < self.checkpoint.metadata_count(); ++i) {
    const MetadataEntry entry = self.checkpoint.metadata(i);
    dict[Text(entry.key)] = ValueOf(entry.value);
  }
  return dict;
}

/// dtype, shape, part, offset in its file, size in bytes, and whether the file has it in C order,
/// aligned for its elements.
using Entry =
    std::tuple<std::string_view, nb::tuple, std::size_t, std::uint64_t, std::uint64_t, bool>;

Entry MakeEntry(const TensorRef& tensor) {
  nb::list shape;
  for (const std::uint64_t dimension : tensor.shape) shape.append(dimension);
  const bool aligned = tensor.range.offset % tensor.type.alignment() == 0;
  return {tensor.type.name,    nb::tuple(shape), tensor.part,
          tensor.range.offset, tensor.bytes(),   tensor.stride.empty() && aligned};
}

Entry GetEntry(const CheckpointHandle& self, std::size_t index) {
  return MakeEntry(Take(self.checkpoint.tensor(index)));
}

std::optional<std::size_t> Find(const CheckpointHandle& self, nb::handle name) {
  if (!PyUnicode_Check(name.ptr())) RaiseWrongType("the name of a tensor", "a str", name);
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(name.ptr(), &size);
  if (text == nullptr) {
    // An unpaired surrogate: no file has such a name.
    PyErr_Clear();
    return std::nullopt;
  }
  return self.checkpoint.Find({text, static_cast<std::size_t>(size)});
}

Memory Read(const CheckpointHandle& self, std::size_t index) {
  return Memory(Interruptible(
      [&](const LoadOptions& options) { return self.checkpoint.Read(index, options); }));
}

void ReadInto(const CheckpointHandle& self, std::size_t index, nb::handle into) {
  BufferView view(into, /*writable=*/true);
  Interruptible([&](const LoadOptions& options) {
    return self.checkpoint.ReadInto(index, view.writable_bytes(), options);
  });
}

std::tuple<Memory*, std::vector<std::size_t>> LoadAll(const CheckpointHandle& self) {
  auto memory = std::make_unique<Memory>(
      Interruptible([&](const LoadOptions& options) { return self.checkpoint.LoadAll(options); }));
  std::vector<std::size_t> offsets(self.checkpoint.tensor_count());
  for (std::size_t i = 0; i < offsets.size(); ++i) offsets[i] = memory->offset(i);
  return {memory.release(), std::move(offsets)};
}

/// Start, stop or step as in Python's slice; an index has no stop and a step of 0.
using Bounds = std::tuple<std::optional<std::int64_t>, std::optional<std::int64_t>, std::int64_t>;

std::tuple<Memory*, std::vector<std::uint64_t>> ReadSlice(const CheckpointHandle& self,
                                                          std::size_t index,
                                                          const std::vector<Bounds>& bounds) {
  std::vector<Subscript> subscripts;
  for (const auto& [start, stop, step] : bounds) {
    subscripts.push_back(step == 0 ? Subscript::Index(start.value_or(0))
                                   : Subscript::Range(start, stop, step));
  }
  SlicePlan plan = Take(self.checkpoint.PlanSlice(index, subscripts));
  Buffer buffer = Take(Buffer::Allocate(plan.bytes));
  Interruptible([&](const LoadOptions& options) {
    return self.checkpoint.ReadSliceInto(index, subscripts, buffer.bytes(), options);
  });
  return {new Memory(std::move(buffer)), std::move(plan.shape)};
}

int DescriptorOf(const CheckpointHandle& self, std::size_t part) {
  if (part >= self.checkpoint.part_count()) throw nb::value_error("there is no such part");
  const Source* source = self.checkpoint.part(part).source;
  return source != nullptr ? source->descriptor() : -1;
}

std::uint64_t SizeOf(const CheckpointHandle& self, std::size_t part) {
  if (part >= self.checkpoint.part_count()) throw nb::value_error("there is no such part");
  return self.checkpoint.part(part).size;
}

}  // namespace

void RaiseStatus(const Status& status) { RaiseStatus(status, {}); }

void RaiseStatus(const Status& status, std::string_view context) {
  if (PyErr_Occurred() != nullptr) throw nb::python_error();
  if (status.rule == Rule::kIoOutOfMemory) throw std::bad_alloc();
  std::string message = Message(status);
  if (!context.empty()) message.append(" (").append(context).append(")");
  nb::module_::import_("tensorgate._errors")
      .attr("raise_failed")(Info(status.rule).id, ToText(message), status.system_error,
                            status.offset, status.part);
  throw nb::type_error("tensorgate._errors.raise_failed returned");
}

void BindCheckpoint(nb::module_& module) {
  nb::class_<CheckpointHandle>(module, "Checkpoint", nb::is_final(), nb::type_slots(kOnlyMadeHere),
                               "A verified model file. Thread-safe.")
      .def("names", &Names, nb::arg("sorted") = false, "Names in the order of the data, or sorted.")
      .def("metadata", &Metadata, "The entries of `__metadata__`; None if there is none.")
      .def("find", &Find, nb::arg("name").none(), "The index of a name, or None.")
      .def(
          "entry", &GetEntry, nb::arg("index"),
          "dtype, shape, part, offset in its file, size in bytes, and whether the file has it in C "
          "order, aligned for its elements.")
      .def("read", &Read, nb::arg("index"), "Reads one tensor into new memory.")
      .def("read_into", &ReadInto, nb::arg("index"), nb::arg("into").none(),
           "Reads one tensor into a writable buffer of its size.")
      .def("load", &LoadAll,
           "Reads all tensors into one block; returns it and the offset of each tensor.")
      .def("read_slice", &ReadSlice, nb::arg("index"), nb::arg("bounds"),
           "Reads a part of a tensor; returns it and its shape.")
      .def("descriptor", &DescriptorOf, nb::arg("part"),
           "The open file of a part, or -1; the checkpoint keeps ownership.")
      .def("size", &SizeOf, nb::arg("part"), "Size of a part's file in bytes.")
      .def(
          "check_unchanged",
          [](const CheckpointHandle& self) { Take(self.checkpoint.CheckUnchanged()); },
          "Raises if a file is known to have changed since it was opened.")
      .def_prop_ro(
          "report",
          [](const CheckpointHandle& self) { return ReportHandle(self.checkpoint.report(), {}); },
          "The accepted report, with its warnings and notes.")
      .def("__len__", [](const CheckpointHandle& self) { return self.checkpoint.tensor_count(); });
  module.def("open_path", &OpenPath, nb::arg("path").none(),
             "Opens a model file; raises an exception that says what is wrong with it.");
  module.def("open_bytes", &OpenBytes, nb::arg("data").none(),
             "The same for bytes in memory, which are kept alive and must not change.");
}

}  // namespace tensorgate::python
