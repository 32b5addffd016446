"""Bytes of tensors without a framework, under the names of the safetensors package."""

from __future__ import annotations

from typing import TypedDict

from tensorgate._native import open_bytes


class RawTensor(TypedDict):
    """A tensor as returned by `deserialize`."""

    shape: list[int]
    dtype: str
    data: bytearray


def deserialize(bytes: bytes) -> list[tuple[str, RawTensor]]:  # noqa: A002  (the argument's name in the safetensors package)
    """The tensors of a file in memory, in the order of their data, each with a copy of its bytes."""
    checkpoint = open_bytes(bytes)
    result = []
    for index, name in enumerate(checkpoint.names()):
        dtype, shape, _, _, size, _ = checkpoint.entry(index)
        data = bytearray(size)
        checkpoint.read_into(index, data)
        result.append((name, RawTensor(shape=list(shape), dtype=dtype, data=data)))
    return result
