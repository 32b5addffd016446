"""Parses the subscripts of `get_slice(name)[...]` for the shape of a tensor."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from tensorgate._errors import SafetensorError

# Start, stop and step; a step of 0 marks an index, whose dimension is removed.
Bounds = tuple[int | None, int | None, int]

_FAR = 1 << 62


def parse(given: Any, shape: Sequence[int]) -> list[Bounds]:
    """One entry for each leading dimension that has a subscript.

    The meaning is NumPy's, except that an index or a stop past the end of its dimension is refused, as in the safetensors
    package.
    """
    if isinstance(given, list):
        if given:
            raise SafetensorError("Non empty lists are not implemented")
        return [(0, 0, 1)]
    items = list(given) if isinstance(given, tuple) else [given]
    dots = [i for i, each in enumerate(items) if each is Ellipsis]
    if len(dots) > 1:
        raise SafetensorError("Only one ellipsis (...) is allowed in slice index")
    if dots:
        whole = [slice(None)] * max(len(shape) - len(items) + 1, 0)
        items[dots[0] : dots[0] + 1] = whole
    bounds = [_one(each, i, shape) for i, each in enumerate(items)]
    _refuse_outside(bounds, shape)
    return bounds


def _one(item: Any, dimension: int, shape: Sequence[int]) -> Bounds:
    size = shape[dimension] if dimension < len(shape) else 0
    if isinstance(item, slice):
        start, stop, step = (None if each is None else _bounded(operator.index(each))
                             for each in (item.start, item.stop, item.step))
        if step == 0:
            raise SafetensorError("Slice step must be a positive integer, got 0")
        return start, stop, 1 if step is None else step
    try:
        index = operator.index(item)
    except TypeError:
        raise SafetensorError(f"Unsupported slice index at position {dimension}: expected slice, int, or ellipsis"
                              ) from None
    if index < -size:
        raise SafetensorError(f"Invalid index {index} for dimension {dimension} of size {size}")
    return index + size if index < 0 else index, None, 0


def _bounded(number: int) -> int:
    """Clamps a number: beyond the largest possible dimension all numbers mean the same."""
    return max(min(number, _FAR), -_FAR)


def _refuse_outside(bounds: list[Bounds], shape: Sequence[int]) -> None:
    if len(bounds) > len(shape):
        raise SafetensorError(f"Error during slicing {_text(bounds)} with shape {list(shape)}: more slicing indexes "
                              f"than dimensions in tensor")
    for dimension, ((start, stop, step), size) in enumerate(zip(bounds, shape)):
        last = start if step == 0 else stop - 1 if stop is not None and step > 0 else None
        if last is not None and last >= size:
            raise SafetensorError(f"Error during slicing {_text(bounds)} with shape {list(shape)}: index {last} out "
                                  f"of bounds for tensor dimension #{dimension} of size {size}")


def _text(bounds: list[Bounds]) -> str:
    def one(start: int | None, stop: int | None, step: int) -> str:
        if step == 0:
            return str(start)
        text = f"{'' if start is None else start}:{'' if stop is None else stop}"
        return text if step == 1 else f"{text}:{step}"

    return f"[{', '.join(one(*each) for each in bounds)}]"
