"""The objects of a PyTorch checkpoint, as `torch.load(weights_only=True)` returns them, built by this package itself."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from typing import Any

import torch

from tensorgate import _spool
from tensorgate._errors import SafetensorError
from tensorgate._native import TorchFile, open_torch_bytes, open_torch_path, plain_descriptor

_ALIGNED = 8  # for every dtype

Tensor = Callable[[int, str, int, tuple[int, ...], tuple[int, ...], bool, bool], torch.Tensor]


def load(file: Any, map_location: Any, mapped: bool) -> Any:
    """The values in a path or a file object. Thread-safe."""
    if not (map_location is None or isinstance(map_location, (str, torch.device, dict)) or callable(map_location)):
        raise TypeError(f"map_location must be a device, a dict or a function, not {type(map_location).__name__}")
    opened = _opened(file)
    storages = _storages(opened, map_location, mapped)
    return opened.build(torch, _maker(storages))


def _opened(file: Any) -> TorchFile:
    if not hasattr(file, "read"):
        return open_torch_path(file)
    descriptor = plain_descriptor(file)
    if descriptor >= 0 and file.tell() == 0:
        name = getattr(file, "name", None)
        return open_torch_path(f"/proc/self/fd/{descriptor}", name if isinstance(name, str) else None)
    return open_torch_bytes(_spool.rest(file, _spool.SPOOL_BYTES, "pass its bytes: io.BytesIO(file.read())"))


def _storages(opened: TorchFile, map_location: Any, mapped: bool) -> list[Any]:
    entries = opened.storages()
    if mapped:
        if opened.descriptor() < 0:
            raise SafetensorError("mmap=True needs a file on disk")
        opened.check_unchanged()
        whole = mmap.mmap(opened.descriptor(), opened.size(), access=mmap.ACCESS_COPY)
        places: list[tuple[Any, int]] = [(whole, offset) for offset, _, _ in entries]
    else:
        places = list(opened.load())
    serialization: Any = torch.serialization
    restore = serialization.default_restore_location
    if map_location is not None:
        restore = serialization._get_restore_location(map_location)
    storages = []
    for (memory, offset), (_, length, location) in zip(places, entries):
        storage = _storage(memory, offset, length)
        if location != "cpu" or map_location is not None:
            storage = restore(storage, location)
        storages.append(storage)
    return storages


def _storage(memory: Any, offset: int, length: int) -> Any:
    if length == 0:
        data = torch.empty(0, dtype=torch.uint8, device="cpu")
    else:
        data = torch.frombuffer(memory, dtype=torch.uint8, count=length, offset=offset)
        if offset % _ALIGNED and isinstance(memory, mmap.mmap):
            # The legacy stream does not align its storages.
            data = data.clone()
    if hasattr(data, "untyped_storage"):
        return data.untyped_storage()
    return data.storage().untyped()  # torch 1.13 and before


def _maker(storages: list[Any]) -> Tensor:
    dtypes: dict[str, Any] = {}

    def dtype_of(name: str) -> Any:
        found = dtypes.get(name)
        if found is None:
            found = getattr(torch, name, None)
            if found is None:
                raise SafetensorError(f"Dtype not understood: {name} (torch {torch.__version__})")
            dtypes[name] = found
        return found

    def make(storage: int, dtype: str, offset: int, shape: tuple[int, ...], stride: tuple[int, ...],
             requires_grad: bool, is_parameter: bool) -> torch.Tensor:
        source = storages[storage]
        tensor: torch.Tensor = torch.empty(0, dtype=dtype_of(dtype), device=source.device)
        tensor.set_(source, offset, shape, stride)
        if is_parameter:
            return torch.nn.Parameter(tensor, requires_grad)
        if requires_grad:
            tensor.requires_grad_()
        return tensor

    return make


__all__ = ["load"]
