"""The memory of torch tensors: what can be written from it, and which tensors share it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch

Tensors = dict[str, torch.Tensor]

# Devices whose storages know their size; others (XLA) do not expose their memory, only copies.
_WITH_STORAGES = ("cpu", "cuda", "xpu")


def refuse_without_values(tensors: Tensors) -> None:
    """Raises ValueError for tensors without plain numbers in memory of their own, before any of them is read."""
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            # These messages are quoted from the safetensors package, since programs compare them.
            raise ValueError(f"Key `{name}` is invalid, expected torch.Tensor but received {type(tensor)}")
    sparse = [name for name, tensor in tensors.items() if str(tensor.layout).startswith("torch.sparse")]
    if sparse:
        raise ValueError(f"You are trying to save a sparse tensors: `{sparse}` which this library does not support. You can "
                         "make it a dense tensor before saving with `.to_dense()` but be aware this might make a much "
                         "larger file than needed.")
    for name, tensor in tensors.items():
        if tensor.device.type == "meta":
            # The exception and wording of torch.
            raise RuntimeError(f"Cannot copy out of meta tensor; no data! Load or initialize `{name}` before saving it.")
        reason = _without_values(tensor)
        if reason:
            raise ValueError(f"The tensor `{name}` {reason}")


def _without_values(tensor: torch.Tensor) -> str:
    """The reason why the tensor cannot be written, or an empty string."""
    if tensor.layout != torch.strided:
        return f"has the layout {tensor.layout}, which cannot be written: make it a dense tensor with `.to_dense()`"
    if getattr(tensor, "is_nested", False):
        return "is a nested tensor, which cannot be written: save the tensors of `.unbind()`, or `.to_padded_tensor()`"
    if torch.nn.parameter.is_lazy(tensor):
        return "is a parameter that was not initialized: run the model once before saving it"
    if tensor.nelement() == 0 or tensor.device.type not in _WITH_STORAGES:
        return ""
    try:
        # The storage of a fake tensor is on a device other than the one that the tensor reports.
        real = _storage(tensor).device.type == tensor.device.type and storage_ptr(tensor) and tensor.data_ptr()
        size = storage_size(tensor) if real else 0
    except (RuntimeError, NotImplementedError):
        size = 0
    needed = (tensor.storage_offset() + _span(tensor)) * tensor.element_size()
    if size >= needed:
        return ""
    if size == 0:
        return (f"({type(tensor).__name__}) has no memory of its own: it represents other tensors, such as a DTensor "
                "(`.full_tensor()`), is fake, or its memory was freed (FSDP does so between uses)")
    return (f"needs {needed} bytes of its storage, which has {size}: the storage was resized after the tensor was created "
            "(FSDP does so between uses)")


def written(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor on the CPU, with the values that it shows: the tensor itself, if they are in its memory already."""
    tensor = tensor.detach()
    tensor = tensor.to("cpu") if tensor.device.type != "cpu" else tensor
    tensor = tensor.resolve_conj().resolve_neg()
    if tensor.dtype == torch.bool and tensor.nelement():
        # To torch every value but 0 is true; in the format it is 1.
        raw = tensor.view(torch.uint8)
        if int(raw.max()) > 1:
            tensor = raw != 0
    return tensor


def _is_copied(tensor: torch.Tensor) -> bool:
    """Whether the written values differ from those in the tensor's memory."""
    return bool(tensor.is_conj() or tensor.is_neg())


def _storage(tensor: torch.Tensor) -> Any:
    if hasattr(tensor, "untyped_storage"):
        return tensor.untyped_storage()
    return tensor.storage().untyped()  # torch 1.13 and before


def storage_ptr(tensor: torch.Tensor) -> int:
    """The address of the memory that the tensor is a view of; 0 on the device `meta`."""
    if tensor.device.type == "meta":
        return 0
    return int(_storage(tensor).data_ptr())


def storage_size(tensor: torch.Tensor) -> int:
    """Size of that memory in bytes; on the device `meta`, the size of the tensor."""
    if tensor.device.type == "meta":
        return int(tensor.nelement() * tensor.element_size())
    return int(_storage(tensor).nbytes())


def _span(tensor: torch.Tensor) -> int:
    """Number of elements of its storage between its first and its last element, inclusive."""
    if tensor.nelement() == 0:
        return 0
    return int(sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride()))) + 1


def _end_ptr(tensor: torch.Tensor) -> int:
    """The address after the tensor's last element."""
    return int(tensor.data_ptr()) + _span(tensor) * int(tensor.element_size())


def _is_complete(tensor: torch.Tensor) -> bool:
    """Whether the tensor covers all of its memory."""
    return (int(tensor.data_ptr()) == storage_ptr(tensor)
            and tensor.nelement() * tensor.element_size() == storage_size(tensor))


def _find_shared_tensors(tensors: Tensors) -> list[set[str]]:
    """Sets of names whose memory overlaps; a name that shares no memory is a set of its own."""
    by_storage: dict[Any, list[str]] = defaultdict(list)
    for name, tensor in tensors.items():
        if tensor.device.type != "meta" and not _is_copied(tensor):
            begin, size = storage_ptr(tensor), storage_size(tensor)
            if begin and size:
                by_storage[tensor.device, begin, size].append(name)
    groups = []
    for names in by_storage.values():
        if len(names) == 1:
            groups.append(set(names))
            continue
        end = -1
        for begin, stop, name in sorted((int(tensors[name].data_ptr()), _end_ptr(tensors[name]), name) for name in names):
            if begin >= end:
                groups.append({name})
            else:
                groups[-1].add(name)
            end = max(end, stop)
    return groups


def _remove_duplicate_names(state_dict: Tensors, *, preferred_names: Iterable[str] | None = None,
                            discard_names: Iterable[str] | None = None) -> dict[str, list[str]]:
    """For each group that shares memory: the name to keep, and those to leave out."""
    preferred, discarded = set(preferred_names or ()), set(discard_names or ())
    result: dict[str, list[str]] = {}
    for names in _find_shared_tensors(state_dict):
        complete = {name for name in names if _is_complete(state_dict[name])}
        if not complete:
            raise RuntimeError(f"No tensor of {sorted(names)} covers all of the memory that they share, so none can replace "
                               "the others. Refusing to save/load the model.")
        candidates = complete & preferred or complete - discarded or complete
        kept = min(candidates)
        others = sorted(names - {kept})
        if others:
            result[kept] = others
    return result
