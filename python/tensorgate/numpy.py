"""Loads and saves numpy arrays, with the functions of `safetensors.numpy`.

    from tensorgate.numpy import load_file, save_file

    save_file({"weight": numpy.zeros((2, 2))}, "model.safetensors")
    arrays = load_file("model.safetensors")

numpy has no BF16 and no F8 of its own: the package `ml_dtypes` adds them.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from tensorgate import _frameworks
from tensorgate._native import TensorSpec, open_bytes, serialize, serialize_file
from tensorgate._open import safe_open
from tensorgate._saving import shard_bytes, spec

__all__ = ["load", "load_file", "save", "save_file"]

Arrays = dict[str, npt.NDArray[Any]]


def load_file(filename: str | os.PathLike[str], *, backend: str | None = None) -> Arrays:
    """All tensors of a file.

    They are read into one block of memory. The arrays are views of it, and it is freed with the last of them.
    `backend="mmap"` gives views of a private mapping of the file instead: see `tensorgate.safe_open` for the risks.
    """
    with safe_open(filename, "np", backend=backend) as file:
        return file.get_tensors()


def load(data: bytes) -> Arrays:
    """The same for the bytes of a file, which are copied once."""
    checkpoint = open_bytes(data)
    framework = _frameworks.framework("numpy")
    memory, offsets = checkpoint.load()
    result = {}
    for index, name in enumerate(checkpoint.names()):
        dtype, shape, *_ = checkpoint.entry(index)
        result[name] = framework.view(memory, offsets[index], dtype, shape)
    return result


def save_file(tensor_dict: Arrays, filename: str | os.PathLike[str], metadata: dict[str, str] | None = None, *,
              alignment: int = 8, sync: bool = False, max_shard_size: int | str | None = None) -> None:
    """Writes arrays to a file that appears under its name whole and in one step; until then the old one stays.

    The data start at a multiple of `alignment`, for readers that map the file or bypass the page cache. With `sync` the file has
    reached the disk when the call returns; without it, as with the safetensors package, a power failure may lose it.

    With `max_shard_size` (bytes, or a text such as "5GB"), a larger model becomes shards with the names that transformers
    and huggingface_hub give them: for `model.safetensors` they are `model-00001-of-0000N.safetensors` and so on, with
    `model.safetensors.index.json` beside them. A previous checkpoint of that name is replaced.
    """
    specs, alive = _specs(tensor_dict)
    serialize_file(specs, filename, metadata, alignment=alignment, sync=sync, max_shard_bytes=shard_bytes(max_shard_size))
    del alive


def save(tensor_dict: Arrays, metadata: dict[str, str] | None = None) -> bytes:
    """The bytes of a file with these arrays."""
    specs, alive = _specs(tensor_dict)
    result = serialize(specs, metadata)
    del alive
    return result


def _specs(arrays: Arrays) -> tuple[dict[str, TensorSpec], list[npt.NDArray[Any]]]:
    """What to write, and the objects that must stay alive until it is written."""
    if not isinstance(arrays, dict):
        raise TypeError(f"Expected a dict of str to numpy.ndarray, not {type(arrays).__name__}")
    specs, alive = {}, []
    for name, array in arrays.items():
        array = _plain(name, array)
        alive.append(array)
        specs[name] = spec(name, array.dtype.name, array.shape, array.ctypes.data, array.nbytes)
    return specs, alive


def _plain(name: str, given: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array as it is written: in C order, little-endian, booleans as 0 or 1. Copied only if necessary."""
    if not isinstance(given, np.ndarray):
        raise TypeError(f"The value of `{name}` must be a numpy.ndarray, not {type(given).__name__}")
    if isinstance(given, np.ma.MaskedArray) and np.any(given.mask):
        raise ValueError(f"The array `{name}` has masked elements, which the format cannot store: save `.filled()`")
    if _leaves_its_memory(given):
        raise ValueError(f"The array `{name}` reaches outside the memory that it is a view of: that memory was resized after "
                         "the view was created, or its strides are wrong")
    array = np.asarray(given)
    if array.dtype.byteorder == ">" or not array.flags.c_contiguous:
        array = np.array(array, dtype=array.dtype.newbyteorder("<"), order="C")
    if array.dtype == np.bool_ and array.size and array.view(np.uint8).max() > 1:
        array = np.asarray(array.view(np.uint8) != 0)
    return array


def _leaves_its_memory(array: npt.NDArray[Any]) -> bool:
    """Whether a view reaches outside the array that owns the memory, if the owner is an array."""
    owner: Any = array
    while getattr(owner, "base", None) is not None:
        owner = owner.base
    if owner is array or array.size == 0 or not isinstance(owner, np.ndarray) or not owner.flags.owndata:
        return False
    return not _bounds(owner)[0] <= _bounds(array)[0] <= _bounds(array)[1] <= _bounds(owner)[1]


def _bounds(array: npt.NDArray[Any]) -> tuple[int, int]:
    """The first address of its memory, and the one after its last."""
    begin = end = array.ctypes.data
    for size, stride in zip(array.shape, array.strides):
        begin += min((size - 1) * stride, 0)
        end += max((size - 1) * stride, 0)
    return begin, end + array.itemsize if array.size else begin
