"""`safe_open`: a verified file whose tensors are read or mapped on demand."""

from __future__ import annotations

import mmap
import os
from types import TracebackType
from typing import Any

from tensorgate import _frameworks, _slices
from tensorgate._errors import SafetensorError
from tensorgate._native import Checkpoint, open_path

_BACKENDS = (None, "mmap", "pread")


class _File:
    """An open file, shared by a `safe_open` and its slices."""

    __slots__ = ("checkpoint", "framework_name", "device", "backend", "_maps")

    def __init__(self, checkpoint: Checkpoint, framework: str, device: Any, backend: str | None) -> None:
        self.checkpoint = checkpoint
        self.framework_name = framework
        self.device = device
        self.backend = backend
        self._maps: dict[int, mmap.mmap] | None = None

    def map_of(self, part: int) -> mmap.mmap:
        """A private mapping of a file: writable, and what is written never reaches the file."""
        maps = self._maps
        if maps is None:
            maps = self._maps = {}
        found = maps.get(part)
        if found is None:
            self.checkpoint.check_unchanged()
            found = mmap.mmap(self.checkpoint.descriptor(part), self.checkpoint.size(part), access=mmap.ACCESS_COPY)
            maps[part] = found
        return found

    def index(self, name: str) -> int:
        index = self.checkpoint.find(name)
        if index is None:
            raise SafetensorError(f"File does not contain tensor {name}")
        return index

    def mapped(self, framework: _frameworks.Framework) -> bool:
        return (self.backend or framework.default_backend) == "mmap"

    def tensor(self, index: int) -> Any:
        framework = _frameworks.framework(self.framework_name)
        dtype, shape, part, offset, _, plain = self.checkpoint.entry(index)
        if plain and self.mapped(framework) and 0 not in shape:
            array = framework.view(self.map_of(part), offset, dtype, shape)
        else:
            array = framework.view(self.checkpoint.read(index), 0, dtype, shape)
        return framework.to(array, self.device)

    def tensors(self) -> dict[str, Any]:
        framework = _frameworks.framework(self.framework_name)
        names = self.checkpoint.names()
        if self.mapped(framework) or self.device != "cpu":
            # Another device: only one tensor at a time is in the CPU's memory.
            return {name: self.tensor(index) for index, name in enumerate(names)}
        entry = self.checkpoint.entry
        memory, offsets = self.checkpoint.load()
        result = {}
        for index, name in enumerate(names):
            dtype, shape, *_ = entry(index)
            result[name] = framework.view(memory, offsets[index], dtype, shape)
        return result


class Slice:
    """A tensor that is not read yet; `[...]` reads a part of it.

    Subscripts mean what they mean in NumPy; arrays and None are not supported. An index or a stop past the end is refused.
    Only the bytes that are needed are read.
    """

    __slots__ = ("_file", "_index", "_dtype", "_shape")

    def __init__(self, file: _File, index: int) -> None:
        self._file = file
        self._index = index
        self._dtype, self._shape, *_ = file.checkpoint.entry(index)

    def get_shape(self) -> list[int]:
        """The shape of the whole tensor."""
        return list(self._shape)

    def get_dtype(self) -> str:
        """The dtype of the whole tensor, as the format spells it: `BF16`."""
        return self._dtype

    def __getitem__(self, subscripts: Any) -> Any:
        file = self._file
        framework = _frameworks.framework(file.framework_name)
        if file.framework_name == "pytorch" and file.mapped(framework):
            # Lazily, with torch's own meaning of subscripts.
            whole = _File(file.checkpoint, file.framework_name, "cpu", file.backend)
            try:
                part = whole.tensor(self._index)[subscripts]
            except (IndexError, RuntimeError) as error:
                raise SafetensorError(f"Error during slicing with shape {list(self._shape)}: {error}") from error
            return framework.to(part, file.device)
        bounds = _slices.parse(subscripts, self._shape)
        memory, shape = file.checkpoint.read_slice(self._index, bounds)
        return framework.to(framework.view(memory, 0, self._dtype, tuple(shape)), file.device)


class safe_open:
    """Opens a model file that has passed every check, and gives its tensors one by one.

        with tensorgate.safe_open("model.safetensors", framework="pt") as file:
            for name in file.keys():
                tensor = file.get_tensor(name)

    The arguments and methods are those of the class of this name in the safetensors package. `framework` is `pt`, `np`,
    `tf`, `jax`, `mlx`, `paddle`, or `dlpack` for objects that other frameworks can use without a copy; `device` is for
    torch and paddle.

    `backend` says how bytes get into memory. `pread` reads them into memory of this process. `mmap` maps the file
    lazily, privately and copy-on-write: the tensors are writable and use no memory until they are accessed. However, if
    another process truncates the file, this process receives SIGBUS; if the file is changed in place, values can change
    (never names, shapes or ranges, which were checked). A tensor that does not start at a multiple of its element size
    is read in any case. By default torch's tensors are mapped, as in the safetensors package, and all others are read
    into memory that no other process can change.

    `filename` may also be the index of a sharded checkpoint (`model.safetensors.index.json`) or its folder: the tensors
    of all shards appear together, and `metadata()` is that of the first shard.

    Opening reads only the header. Raises `RejectedError` for a file that is not accepted. Thread-safe.
    """

    __slots__ = ("_file",)

    def __init__(self, filename: str | os.PathLike[str], framework: str, device: Any = "cpu", *,
                 backend: str | None = None) -> None:
        name = _frameworks.full_name(framework)
        if not isinstance(device, str) or device != "cpu":
            device = _frameworks.device(device, name)
        if backend not in _BACKENDS:
            raise SafetensorError(f'backend "{backend}" is invalid (expected one of: "mmap", "pread")')
        self._file: _File | None = _File(open_path(filename), name, device, backend)

    def _opened(self) -> _File:
        # An object created without __init__ has none.
        file: _File | None = getattr(self, "_file", None)
        if file is None:
            raise SafetensorError("File is closed")
        return file

    def keys(self) -> list[str]:
        """The names of the tensors, sorted."""
        return self._opened().checkpoint.names(True)

    def offset_keys(self) -> list[str]:
        """The names of the tensors in the order of their data."""
        return self._opened().checkpoint.names()

    def metadata(self) -> dict[str, str] | None:
        """The metadata of the file, its text next to the tensors; None if the file has no metadata."""
        return self._opened().checkpoint.metadata()

    def get_tensor(self, name: str) -> Any:
        """A whole tensor, in the chosen framework."""
        file = self._opened()
        return file.tensor(file.index(name))

    def get_tensors(self) -> dict[str, Any]:
        """All tensors by name, in the order of their data; those that are not mapped are read together."""
        return self._opened().tensors()

    def get_slice(self, name: str) -> Slice:
        """A tensor that can be read in parts: `file.get_slice("w")[:, ::8]`."""
        file = self._opened()
        return Slice(file, file.index(name))

    def __enter__(self) -> safe_open:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self._file = None


class _safe_open_handle(safe_open):
    """The same for an open file that has a name, as in the safetensors package."""

    __slots__ = ()

    def __init__(self, f: Any, framework: str, device: Any = "cpu", *, backend: str | None = None) -> None:
        if not (hasattr(f, "fileno") and hasattr(f, "name")):
            raise TypeError(f"f must be an open file with a name, not {type(f).__name__}")
        super().__init__(f.name, framework, device, backend=backend)
