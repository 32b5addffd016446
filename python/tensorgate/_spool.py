"""What comes out of a file object that is not a file on disk: kept in memory, at most so much of it."""

from __future__ import annotations

import io
from typing import IO

# Where nobody says otherwise.
SPOOL_BYTES = 1 << 30
# Bytes that are asked of a file object at once.
_BLOCK = 1 << 20


def rest(file: IO[bytes], limit: int, advice: str) -> bytes:
    """The bytes that are left. A small compressed file can have very many, so there is a limit."""
    if type(file) is io.BytesIO:
        return file.read()
    data = io.BytesIO()
    while part := file.read(_BLOCK):
        if not isinstance(part, (bytes, bytearray, memoryview)):
            raise TypeError(f"read() of the file object gives {type(part).__name__}, not bytes: open it in binary mode")
        data.write(part)
        if data.tell() > limit:
            # This imports the package safetensors, where there is one.
            from tensorgate._errors import SafetensorError

            raise SafetensorError(f"more than {limit} bytes come out of this {type(file).__name__}, and they are kept in "
                                  f"memory. If that is right, {advice}")
    if part is None:
        raise BlockingIOError("the file object would block")
    # Not a copy.
    return data.getvalue()
