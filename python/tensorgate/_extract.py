"""Tensors from PyTorch checkpoints that are refused; `tensorgate.torch.extract` is the public function."""

from __future__ import annotations

import collections
import dataclasses
import os
from typing import Any, Literal

import torch

from tensorgate import _frameworks
from tensorgate._native import Report, extract_path
from tensorgate._open import _File


@dataclasses.dataclass(frozen=True, slots=True)
class ExtractedEntry:
    """A tensor of a refused file. Texts are from the file, and untrusted."""

    name: str
    """Its path. If it was taken, the dict has it under this name."""
    outcome: Literal["taken", "as-stored", "left-out"]
    holder: str | None
    """As stored: the class of the object that holds it, which may treat it differently."""
    reason: str | None
    """Left out: why."""
    dtype: str | None
    """PyTorch's name; None if it is not known to be a tensor."""
    shape: tuple[int, ...]
    offset: int
    """Position in the file of the opcode that creates it."""
    shard: str | None
    """The file's name in the index; None if the checkpoint is a single file."""


class Extracted(dict[str, torch.Tensor]):
    """The tensors that were taken, by name.

    `report` says why the source is refused; for a sharded checkpoint, `report.shards` has each file's verdict. `entries`
    lists the tensors of the refused files in the order of the file; `taken`, `as_stored` and `left_out` count them by
    outcome. If `names_dropped` is not 0, these tensors have that many further names, too many to list. For an accepted
    file there are no entries, and the numbers are 0.

    A copy, and what pickle and `torch.save` write, is a plain OrderedDict of the tensors.
    """

    report: Report
    entries: list[ExtractedEntry]
    taken: int
    as_stored: int
    left_out: int
    names_dropped: int

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return (collections.OrderedDict, (), None, None, iter(self.items()))


def extract(path: str | os.PathLike[str], device: Any) -> Extracted:
    if not isinstance(device, str) or device != "cpu":
        device = _frameworks.device(device, "pytorch")
    checkpoint, report, counts, entries = extract_path(path)
    # Read, not mapped: whoever wrote the file may still be able to change it.
    result = Extracted(_File(checkpoint, "pytorch", device, "pread").tensors())
    result.report = report
    result.entries = [ExtractedEntry(*entry) for entry in entries]
    result.taken, result.as_stored, result.left_out, result.names_dropped = counts
    return result
