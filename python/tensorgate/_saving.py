"""What `save_file` of numpy and torch share."""

from __future__ import annotations

import re

from tensorgate._errors import SafetensorError
from tensorgate._native import TensorSpec

_UNITS = {"": 1, "B": 1, **{prefix + "B": 1000**power for power, prefix in enumerate("KMGT", 1)},
          **{prefix + "IB": 1024**power for power, prefix in enumerate("KMGT", 1)}}


def shard_bytes(size: int | str | None) -> int:
    """Bytes of a `max_shard_size` as transformers and huggingface_hub write it; 0 for None: one file."""
    if size is None:
        return 0
    if isinstance(size, int) and not isinstance(size, bool):
        value = size
    elif isinstance(size, str):
        found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?I?B?)\s*", size.upper())
        if found is None or found[2] not in _UNITS:
            raise ValueError(f"max_shard_size must be a number of bytes or a text such as '5GB' or '500MiB', not {size!r}")
        value = int(float(found[1]) * _UNITS[found[2]]) if "." in found[1] else int(found[1]) * _UNITS[found[2]]
    else:
        raise TypeError(f"max_shard_size must be an int or a str, not {type(size).__name__}")
    if not 0 < value < 1 << 64:
        raise ValueError(f"max_shard_size must be from 1 to 2^64 - 1 bytes, not {size!r}")
    return value


def spec(name: object, dtype: str, shape: tuple[int, ...], data_ptr: int, data_len: int) -> TensorSpec:
    """What to write; an error names the tensor."""
    try:
        return TensorSpec(dtype=dtype, shape=shape, data_ptr=data_ptr, data_len=data_len)
    except SafetensorError as error:
        raise SafetensorError(f"The tensor `{name}` cannot be saved: {error}") from None
