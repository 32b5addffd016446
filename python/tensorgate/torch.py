"""Loads and saves torch tensors, with the functions of `safetensors.torch`.

    from tensorgate.torch import load, load_file, save_file

    save_file({"weight": torch.zeros((2, 2))}, "model.safetensors")
    tensors = load_file("model.safetensors")

`load` is also a drop-in replacement for `torch.load(weights_only=True)`: it reads PyTorch checkpoints without running
anything in them.

    state_dict = load("model.pt")

`extract` takes what tensors it can from a checkpoint that is refused, also without running anything.

    state_dict = extract("last.ckpt")
"""

from __future__ import annotations

import os
from typing import IO, Any, Literal, overload

import torch

from tensorgate import _extract, _frameworks, _pytorch
from tensorgate._extract import Extracted, ExtractedEntry
from tensorgate._native import TensorSpec, open_bytes, serialize, serialize_file
from tensorgate._open import safe_open
from tensorgate._saving import shard_bytes, spec
# Some of these are for programs that import them from safetensors.torch.
from tensorgate._torch_memory import (Tensors, _end_ptr, _find_shared_tensors, _is_complete,  # noqa: F401
                                      _remove_duplicate_names, refuse_without_values, storage_ptr, storage_size, written)

__all__ = ["Extracted", "ExtractedEntry", "extract", "load", "load_file", "load_model", "save", "save_file", "save_model"]


def load_file(filename: str | os.PathLike[str], device: str | int = "cpu", *, backend: str | None = None) -> Tensors:
    """All tensors of a file.

    On the CPU they are views of a private mapping, as in the safetensors package; with `backend="pread"`, of one block of
    memory that the file was read into. `tensorgate.safe_open` describes the risks of both.
    """
    with safe_open(filename, "pt", device, backend=backend) as file:
        return file.get_tensors()


@overload
def load(f: bytes | bytearray | memoryview) -> Tensors: ...
@overload
def load(f: str | os.PathLike[str] | IO[bytes], map_location: Any = None, *, mmap: bool | None = None,
         weights_only: Literal[True] = True) -> Any: ...


def load(f: Any, map_location: Any = None, *, mmap: bool | None = None, weights_only: Literal[True] = True) -> Any:
    """What `torch.load(f, map_location, weights_only=True)` returns for a PyTorch checkpoint (ZIP or legacy stream).

    The objects are equal to those of torch: containers and plain values, tensors with their strides, tensors that
    share memory, parameters. Nothing in the file is run; every check of the strict profile comes first, and
    `RejectedError` is raised for a file that is not accepted. The tensors are in memory of this process, or with
    `mmap=True` in a lazy private mapping of the file, whose risk `tensorgate.safe_open` describes. A file object is read
    from its position on; if it is not a file on disk (`gzip.open`, a remote file), up to 2^30 bytes are read.
    `weights_only=False` is refused.

    Bytes are the content of a safetensors file, as in the safetensors package: all its tensors by name, copied once.
    """
    if weights_only is not True:
        raise ValueError("weights_only=False runs code from the file, which tensorgate.torch.load never does")
    if not isinstance(f, (bytes, bytearray, memoryview)):
        return _pytorch.load(f, map_location, bool(mmap))
    checkpoint = open_bytes(f)
    framework = _frameworks.framework("pytorch")
    memory, offsets = checkpoint.load()
    result = {}
    for index, name in enumerate(checkpoint.names()):
        dtype, shape, *_ = checkpoint.entry(index)
        result[name] = framework.view(memory, offsets[index], dtype, shape)
    return result


def extract(path: str | os.PathLike[str], device: str | int = "cpu") -> Extracted:
    """The tensors of a PyTorch checkpoint, even if it is refused, without running anything in it.

        state_dict = extract("last.ckpt")
        print(state_dict.report)                      # why the file is refused
        for entry in state_dict.entries:
            if entry.outcome == "left-out":
                print(entry.name, entry.reason)
        model.load_state_dict(state_dict, strict=False)

    Each tensor is what the file stores, under its path in the file's own containers, in C order. `torch.load` would give
    the same one if the file's code changed only what the pickle passes to it, and for a tensor with the outcome
    `as-stored` if the class that holds it is an ordinary one. Tensors that foreign code may change are left out. The file
    stays refused, and the weights of a refused file may be made to harm. An accepted file gives all its tensors.

    The tensors are in memory of this process; several names of one tensor share it.

    `path` is a file, an index of shards, or a folder. Raises `RejectedError` with the report if the container is not
    proven or the file is not a PyTorch checkpoint, and `OperationError` if no tensor can be taken
    (`convert/names-changed`, `convert/nothing-extracted`).
    """
    return _extract.extract(path, device)


def save_file(tensors: Tensors, filename: str | os.PathLike[str], metadata: dict[str, str] | None = None, *,
              alignment: int = 8, sync: bool = False, max_shard_size: int | str | None = None) -> None:
    """Writes tensors to a file that appears under its name whole and in one step; until then the old one stays.

    Refuses tensors that share memory (`save_model` keeps one of them), sparse tensors, tensors that are not contiguous, and
    tensors without values in memory (meta, fake, freed). Conjugate and negative views are written with the values that
    they show. See `tensorgate.numpy.save_file` for `alignment`, `sync` and
    `max_shard_size`.
    """
    specs, alive = _specs(tensors)
    serialize_file(specs, filename, metadata, alignment=alignment, sync=sync, max_shard_bytes=shard_bytes(max_shard_size))
    del alive


def save(tensors: Tensors, metadata: dict[str, str] | None = None) -> bytes:
    """The bytes of a file with these tensors."""
    specs, alive = _specs(tensors)
    result = serialize(specs, metadata)
    del alive
    return result


def save_model(model: torch.nn.Module, filename: str | os.PathLike[str], metadata: dict[str, str] | None = None,
               force_contiguous: bool = True) -> None:
    """Writes a model's tensors. One of each group that shares memory is written; the metadata names the others."""
    state = dict(_module(model).state_dict())
    refuse_without_values(state)
    if metadata is not None and not isinstance(metadata, dict):
        raise TypeError(f"metadata must be a dict of str to str, not {type(metadata).__name__}")
    metadata = dict(metadata) if metadata is not None else None
    for kept, removed in _remove_duplicate_names(state).items():
        for name in removed:
            metadata = {} if metadata is None else metadata
            metadata.setdefault(name, kept)
            del state[name]
    if force_contiguous:
        state = {name: tensor.contiguous() for name, tensor in state.items()}
    try:
        save_file(state, filename, metadata)
    except ValueError as error:
        if "contiguous" not in str(error):
            raise
        raise ValueError(f"{error} Or use save_model(..., force_contiguous=True), which changes the layout.") from error


def load_model(model: torch.nn.Module, filename: str | os.PathLike[str], strict: bool = True,
               device: str | int = "cpu", *, backend: str | None = None) -> tuple[set[str], list[str]]:
    """Fills a model with the tensors that `save_model` wrote; returns the missing names and the unexpected names.

    The first are a set, the second a list, as in the safetensors package. With `strict`, such names raise RuntimeError.
    """
    state = load_file(filename, device, backend=backend)
    duplicates = _remove_duplicate_names(_module(model).state_dict(), preferred_names=state.keys())
    answer = model.load_state_dict(state, strict=False)
    missing, unexpected = set(answer.missing_keys), list(answer.unexpected_keys)
    for removed in duplicates.values():
        for name in removed:
            # One of several names for the same memory: it is not required to be in the file, and should not be.
            if name in missing:
                missing.remove(name)
            else:
                unexpected.append(name)
    if strict and (missing or unexpected):
        lines = [f"Error(s) in loading state_dict for {type(model).__name__}:"]
        for what, names in (("Missing", missing), ("Unexpected", unexpected)):
            if names:
                lines.append(f"    {what} key(s) in state_dict: " + ", ".join(f'"{name}"' for name in sorted(names)))
        raise RuntimeError("\n".join(lines))
    return missing, unexpected


def _module(model: torch.nn.Module) -> torch.nn.Module:
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, not {type(model).__name__}")
    return model


def _specs(tensors: Tensors) -> tuple[dict[str, TensorSpec], list[torch.Tensor]]:
    """What to write, and the objects that must stay alive until it is written."""
    if not isinstance(tensors, dict):
        raise ValueError(f"Expected a dict of [str, torch.Tensor] but received {type(tensors)}")
    refuse_without_values(tensors)
    shared = [names for names in _find_shared_tensors(tensors) if len(names) > 1]
    if shared:
        raise RuntimeError(f"Some tensors share memory and would be written more than once: {shared}. Save the model "
                           "with `save_model`, or one of each.")
    specs, alive = {}, []
    for name, tensor in tensors.items():
        if not tensor.is_contiguous():
            raise ValueError(f"You are trying to save a non contiguous tensor: `{name}`. Call `.contiguous()` on it, or "
                             "save the tensor that it is a part of.")
        tensor = written(tensor)
        alive.append(tensor)
        pointer = tensor.data_ptr()
        specs[name] = spec(name, str(tensor.dtype).rpartition(".")[2], tuple(tensor.shape), pointer,
                           tensor.nelement() * tensor.element_size() if pointer else 0)
    return specs, alive
