"""Memory as arrays of numpy, torch and other frameworks, which are only imported when they are needed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Protocol

from tensorgate._errors import SafetensorError
from tensorgate._native import dlpack

Shape = tuple[int, ...]
# An object with the buffer protocol.
Bytes = Any

_NUMPY = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "F16": "float16", "U32": "uint32",
    "I32": "int32", "F32": "float32", "C64": "complex64", "U64": "uint64", "I64": "int64", "F64": "float64",
}
# numpy has none of these; the package ml_dtypes adds them.
_ML_DTYPES = {
    "BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz",
}
_TORCH = _NUMPY | _ML_DTYPES | {"F4": "float4_e2m1fn_x2"}


class Framework(Protocol):
    """Creates arrays. `view` shares the memory of `data` if the framework can."""

    # Whether tensors are mapped (`mmap`) or read (`pread`) by default.
    default_backend: str

    def view(self, data: Bytes, offset: int, dtype: str, shape: Shape) -> Any: ...

    def to(self, array: Any, device: Any) -> Any: ...


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SafetensorError(f"{name} is needed for this and could not be imported: {error}") from error


class Numpy:
    """numpy arrays: writable views of the bytes that were read."""

    default_backend = "pread"

    def __init__(self) -> None:
        self._numpy = _import("numpy")
        self._dtypes: dict[str, Any] = {name: self._numpy.dtype(value) for name, value in _NUMPY.items()}

    def dtype(self, name: str) -> Any:
        """numpy's dtype for a dtype name of the format."""
        found = self._dtypes.get(name)
        if found is None:
            if name not in _ML_DTYPES:
                raise SafetensorError(f"Dtype not understood: {name}")
            found = self._numpy.dtype(getattr(_import("ml_dtypes"), _ML_DTYPES[name]))
            self._dtypes[name] = found
        return found

    def view(self, data: Bytes, offset: int, dtype: str, shape: Shape) -> Any:
        if 0 in shape:
            return self._numpy.zeros(shape, self.dtype(dtype))
        return self._numpy.ndarray(shape, self.dtype(dtype), data, offset)

    def to(self, array: Any, device: Any) -> Any:
        return array


class Torch:
    """torch tensors on the CPU share the memory; other devices get a copy."""

    default_backend = "mmap"

    def __init__(self) -> None:
        self._torch = _import("torch")
        self._dtypes: dict[str, Any] = {}

    def dtype(self, name: str) -> Any:
        """torch's dtype for a dtype name of the format."""
        found = self._dtypes.get(name)
        if found is None:
            found = getattr(self._torch, _TORCH.get(name, ""), None)
            if found is None:
                raise SafetensorError(f"Dtype not understood: {name} (torch {self._torch.__version__})")
            self._dtypes[name] = found
        return found

    def view(self, data: Bytes, offset: int, dtype: str, shape: Shape) -> Any:
        torch_dtype = self.dtype(dtype)
        if dtype == "F4":
            # Two elements per byte: torch counts bytes.
            if not shape or shape[-1] % 2:
                raise SafetensorError(f"f4_x2 dtype requires that the last dim be divisible by 2 in torch: got "
                                      f"{list(shape)}")
            shape = (*shape[:-1], shape[-1] // 2)
        if 0 in shape:
            return self._torch.empty(shape, dtype=torch_dtype)
        count = 1
        for each in shape:
            count *= each
        return self._torch.frombuffer(data, dtype=torch_dtype, count=count, offset=offset).reshape(shape)

    def to(self, array: Any, device: Any) -> Any:
        try:
            return array if device == "cpu" else array.to(device)
        except AssertionError as error:
            raise SafetensorError(f"device {device}: {error}") from error


class Dlpack:
    """Objects with `__dlpack__`, for any framework that accepts them: `jax.dlpack.from_dlpack(tensor)`."""

    default_backend = "pread"

    def view(self, data: Bytes, offset: int, dtype: str, shape: Shape) -> Any:
        try:
            return dlpack(data, offset, dtype, shape)
        except ValueError as error:
            raise SafetensorError(f"A tensor of dtype {dtype} and {len(shape)} dimensions: {error}") from None

    def to(self, array: Any, device: Any) -> Any:
        return array


class _ByNumpy(Numpy):
    """A framework that creates its own arrays from numpy's."""

    def __init__(self, module: str, convert: str, device: str = "") -> None:
        super().__init__()
        function: Any = _import(module)
        for name in convert.split("."):
            function = getattr(function, name)
        self._convert: Callable[..., Any] = function
        self._device = device

    def view(self, data: Bytes, offset: int, dtype: str, shape: Shape) -> Any:
        return self._convert(super().view(data, offset, dtype, shape))

    def to(self, array: Any, device: Any) -> Any:
        if not self._device or device == "cpu":
            return array
        return array.to(device.replace("cuda", self._device))


_MAKERS: dict[str, Callable[[], Framework]] = {
    "numpy": Numpy,
    "pytorch": Torch,
    "dlpack": Dlpack,
    "tensorflow": lambda: _ByNumpy("tensorflow", "convert_to_tensor"),
    "flax": lambda: _ByNumpy("jax", "numpy.array"),
    "mlx": lambda: _ByNumpy("mlx.core", "array"),
    "paddle": lambda: _ByNumpy("paddle", "to_tensor", "gpu"),
}
_NAMES = {
    "pt": "pytorch", "torch": "pytorch", "pytorch": "pytorch", "np": "numpy", "numpy": "numpy", "tf": "tensorflow",
    "tensorflow": "tensorflow", "jax": "flax", "flax": "flax", "mlx": "mlx", "paddle": "paddle",
    "dlpack": "dlpack",
}
_created: dict[str, Framework] = {}


def full_name(name: str) -> str:
    """`pytorch` for `pt`; raises for anything that is not a framework."""
    found = _NAMES.get(name)
    if found is None:
        if not isinstance(name, str):
            raise TypeError("framework must be a str")
        raise SafetensorError(f"framework {name} is invalid")
    return found


def framework(name: str) -> Framework:
    """The framework with this full name; imports it."""
    found = _created.get(name)
    if found is None:
        found = _created[name] = _MAKERS[name]()
    return found


# More than torch supports.
_MAX_DEVICES = 128
_DEVICES = ("cpu", "cuda", "musa", "mps", "npu", "xpu", "xla", "mlu", "hpu")


def device(given: Any, framework_name: str) -> Any:
    """The device as the framework takes it; raises if it is not a device, or not one of this framework."""
    if given is None:
        return "cpu"
    if isinstance(given, str):
        kind, colon, index = given.partition(":")
        if kind not in _DEVICES or (colon and (kind == "cpu" or not index.isdigit())):
            raise SafetensorError(f"device {given} is invalid")
        if kind == "mps":
            if colon and int(index):
                raise SafetensorError(f"device {given} is invalid: only mps or mps:0 is supported")
            given = "mps"
        elif kind != "cpu" and not colon:
            given = f"{kind}:0"
    elif isinstance(given, bool) or not isinstance(given, int) or not 0 <= given < _MAX_DEVICES:
        raise SafetensorError(f"device {given!r} is invalid")
    if given != "cpu" and framework_name not in ("pytorch", "paddle"):
        raise SafetensorError(f"Device {given} is not supported for framework {framework_name}")
    return given
