"""The output of a recipe: runs of bytes and holes, with fields that are patched later."""
from __future__ import annotations

import hashlib
import zlib

CHUNK = 1 << 20


class Output:
    def __init__(self, limit: int, hole_limit: int):
        self.size = 0
        self.solid = 0  # bytes outside holes
        self._limit, self._hole_limit = limit, hole_limit
        self._runs: list[tuple[int, bytearray]] = []

    def room(self, count: int) -> bool:
        return count <= self._limit - self.solid

    def append(self, data) -> None:
        """Requires that room() was called."""
        if not self._runs or self._runs[-1][0] + len(self._runs[-1][1]) != self.size:
            self._runs.append((self.size, bytearray()))
        self._runs[-1][1].extend(data)
        self.size += len(data)
        self.solid += len(data)

    def hole(self, count: int) -> bool:
        if count > self._hole_limit - self.size:
            return False
        self.size += count
        return True

    def patch(self, offset: int, data: bytes) -> None:
        for start, run in self._runs:
            if start <= offset < start + len(run):
                run[offset - start : offset - start + len(data)] = data
                return

    def pieces(self, begin: int = 0, end: int | None = None):
        """(bytes, None) or (None, length of a hole), in order."""
        end, place = self.size if end is None else end, begin
        for start, run in self._runs:
            low, high = max(start, begin), min(start + len(run), end)
            if low >= high:
                continue
            if place < low:
                yield None, low - place
            yield memoryview(run)[low - start : high - start], None
            place = high
        if place < end:
            yield None, end - place

    def crc32(self, begin: int, end: int) -> int:
        crc, zeros = 0, bytes(CHUNK)
        for data, hole in self.pieces(begin, end):
            if data is not None:
                crc = zlib.crc32(data, crc)
                continue
            while hole:
                crc = zlib.crc32(zeros[:hole], crc)
                hole -= min(hole, CHUNK)
        return crc

    def sha256(self) -> str:
        digest, zeros = hashlib.sha256(), bytes(CHUNK)
        for data, hole in self.pieces():
            if data is not None:
                digest.update(data)
                continue
            while hole:
                digest.update(zeros[:hole])
                hole -= min(hole, CHUNK)
        return digest.hexdigest()

    def find(self, needle: bytes, nth: int) -> int:
        """Offset of the nth occurrence outside holes, or -1."""
        for start, run in self._runs:
            place = -1
            while True:
                place = run.find(needle, place + 1)
                if place < 0:
                    break
                nth -= 1
                if nth == 0:
                    return start + place
        return -1

    def to_bytes(self) -> bytes:
        return b"".join(bytes(hole) if data is None else bytes(data) for data, hole in self.pieces())

    def write(self, file) -> None:
        for data, hole in self.pieces():
            if data is None:
                file.seek(hole, 1)
            else:
                file.write(data)
        file.truncate(self.size)
