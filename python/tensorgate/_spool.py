"""Bytes of a file object that is not a file on disk, kept in memory up to a limit."""

from __future__ import annotations

import io
from typing import IO

# The default limit.
SPOOL_BYTES = 1 << 30
# Bytes per read from a file object.
_BLOCK = 1 << 20


def rest(file: IO[bytes], limit: int, advice: str) -> bytes:
    """The remaining bytes. A small compressed file can expand to very many, so there is a limit."""
    if type(file) is io.BytesIO:
        return file.read()
    data = io.BytesIO()
    while part := file.read(_BLOCK):
        if not isinstance(part, (bytes, bytearray, memoryview)):
            raise TypeError(f"read() of the file object returned {type(part).__name__}, not bytes: open it in binary mode")
        data.write(part)
        if data.tell() > limit:
            # Imported here because it imports the package safetensors, if there is one.
            from tensorgate._errors import SafetensorError

            raise SafetensorError(f"this {type(file).__name__} yields more than {limit} bytes, which are kept in memory. "
                                  f"If that is intended, {advice}")
    if part is None:
        raise BlockingIOError("the file object would block")
    # Not a copy.
    return data.getvalue()
