"""Lists of approved files, by their digests."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import stat
import struct
from typing import IO, TYPE_CHECKING, Any

from tensorgate import _native
from tensorgate._spool import SPOOL_BYTES, rest

if TYPE_CHECKING:
    from tensorgate._native import Checkpoint, Report

__all__ = ["Pins", "check", "pins_of"]

_HEX = "([0-9a-fA-F]{64})"
_FILE = re.compile(rf"{_HEX} [ *](.+)", re.DOTALL)
_CONTENT = re.compile(rf"(?:header:{_HEX} )?content:{_HEX} [ *](.+)", re.DOTALL)
_TENSOR = re.compile(rf"{_HEX} [^ *].*\"", re.DOTALL)
_ESCAPED = re.compile(r"(?:[^\\]|\\[\\nr])+", re.DOTALL)


class Pins:
    """The digests of approved files.

    One file per line: what `sha256sum FILE` prints, or `tensorgate hash --pin FILE`, which names the header and the
    contents of a model; empty lines and lines that start with `#` are skipped. The text may also be what `tensorgate hash
    FILE` prints. The paths on the list do not matter: a file with one of these digests is approved under every name. A
    sharded checkpoint as a whole is approved by the line of `tensorgate hash --pin FOLDER`. Raises ValueError, which names
    the first invalid line.
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"the text of Pins must be a str, not {type(text).__name__}")
        self._files: set[str] = set()
        # Pairs of header, "" if it does not matter, and contents.
        self._contents: set[tuple[str, str]] = set()
        lines = text.split("\n")
        if re.fullmatch(_HEX, lines[0]) or _TENSOR.fullmatch(lines[0]):
            self._add_contents(text)
            return
        for number, line in enumerate(lines, 1):
            if line and not line.startswith("#"):
                self._add(number, line)
        if not self._files and not self._contents:
            raise ValueError("the list of approved files is empty")

    def _add(self, number: int, line: str) -> None:
        escaped = line.startswith("\\")
        line = line.removeprefix("\\")
        file, content = _FILE.fullmatch(line), _CONTENT.fullmatch(line)
        found = file or content
        if found is None or "\0" in line or (escaped and not _ESCAPED.fullmatch(found[found.re.groups])):
            raise ValueError(f"line {number} is not one that `sha256sum FILE` or `tensorgate hash --pin FILE` prints")
        if file is not None:
            self._files.add(file[1].lower())
        elif content is not None:
            self._contents.add(((content[1] or "").lower(), content[2].lower()))

    def _add_contents(self, text: str) -> None:
        *tensors, last = text.removesuffix("\n").split("\n")
        for number, line in enumerate(tensors, 1):
            if not _TENSOR.fullmatch(line):
                raise ValueError(f"line {number} is not one that `tensorgate hash FILE` prints")
        above = "".join(line + "\n" for line in tensors)
        if last.lower() != hashlib.sha256(above.encode("utf-8", "surrogateescape")).hexdigest():
            raise ValueError(f"line {len(tensors) + 1} is not the SHA-256 of the lines above it: the list was changed")
        self._contents.add(("", last.lower()))

    def approves(self, what: IO[bytes] | bytes) -> bool:
        """Whether these bytes, or this plain file whatever its position, are on the list."""
        from tensorgate._policy import digest

        if self._files and digest(what) in self._files:
            return True
        if not self._contents:
            return False
        header = _header_digest(what)
        wanted = {content for pinned, content in self._contents if pinned in ("", header)}
        if not wanted:
            return False
        if isinstance(what, bytes):
            return _opened(_native.open_bytes, what) in wanted
        return _opened(_native.open_path, f"/proc/self/fd/{what.fileno()}") in wanted

    def approves_folder(self, path: str | os.PathLike[str]) -> bool:
        """Whether a sharded checkpoint, given by its folder or index, is on the list."""
        return _opened(_native.open_path, path) in {content for header, content in self._contents if not header}


def pins_of(pins: str | os.PathLike[str] | Pins | None) -> Pins | None:
    """The list itself, or the list in a file."""
    if pins is None or isinstance(pins, Pins):
        return pins
    if not isinstance(pins, (str, os.PathLike)):
        raise TypeError(f"pins must be a path or a Pins, not {type(pins).__name__}")
    # Paths may have any bytes.
    with open(pins, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        text = file.read()
    try:
        return Pins(text)
    except ValueError as error:
        raise ValueError(f"{os.fspath(pins)}: {error}") from None


def check(what: Any, pins: str | os.PathLike[str] | Pins, **options: Any) -> Report:
    """`tensorgate.check` with a list. What is judged and what is compared with the list are the same bytes."""
    approved = pins_of(pins)
    assert approved is not None
    if not isinstance(what, (str, os.PathLike)):
        return _check_content(what, approved, options)
    try:
        descriptor = os.open(what, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return _native.check(what, **options)  # says why
    if stat.S_ISREG(os.fstat(descriptor).st_mode) and not _is_index(os.fsdecode(what)):
        with open(descriptor, "rb", buffering=0) as file:
            options["name"] = options.get("name") or what
            return _check_content(file, approved, options)
    os.close(descriptor)
    report = _native.check(what, **options)
    return report if not report or approved.approves_folder(what) else _native.not_pinned(report)


def _check_content(what: Any, pins: Pins, options: dict[str, Any]) -> Report:
    if not hasattr(what, "read"):
        what = bytes(what)
    elif _native.plain_descriptor(what) < 0:
        what = _all_bytes(what)
    elif isinstance(what, io.BufferedWriter | io.BufferedRandom):
        what.flush()
    before = None if isinstance(what, bytes) else _state(what)
    report = _native.check(what, **options)
    if not report:
        return report
    approved = pins.approves(what)
    if not isinstance(what, bytes) and _state(what) != before:
        approved = False
    return report if approved else _native.not_pinned(report)


def _state(file: IO[bytes]) -> tuple[int, ...]:
    """Changes if the file is written to."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _all_bytes(file: IO[bytes]) -> bytes:
    """As `check` judges a file object: all bytes if it can seek, otherwise the rest."""
    if not file.seekable():
        return rest(file, SPOOL_BYTES, "save it to a file first")
    position = file.tell()
    try:
        file.seek(0)
        return rest(file, SPOOL_BYTES, "save it to a file first")
    finally:
        file.seek(position)


def _is_index(path: str) -> bool:
    name = os.path.basename(path)
    return re.fullmatch(r".*\.(safetensors|bin)\.index(\.[^.]+)?\.json", name) is not None


def _header_digest(what: IO[bytes] | bytes) -> str:
    """SHA-256 of the first 8 + n bytes of a safetensors file; of other files, of nothing that a list holds."""
    if isinstance(what, bytes):
        return _header_of(io.BytesIO(what))
    with open(f"/proc/self/fd/{what.fileno()}", "rb") as file:
        return _header_of(file)


def _header_of(file: IO[bytes]) -> str:
    length = file.read(8)
    if len(length) < 8 or struct.unpack("<Q", length)[0] > 100_000_000:
        return ""
    return hashlib.sha256(length + file.read(struct.unpack("<Q", length)[0])).hexdigest()


def _opened(opens: Any, what: Any) -> str:
    """The digest of the contents; "" if the file holds no tensors that can be read."""
    from tensorgate._errors import SafetensorError

    try:
        return _content_digest(opens(what))
    except SafetensorError:
        return ""


def _content_digest(checkpoint: Checkpoint) -> str:
    """What `tensorgate hash` prints in its last line."""
    content = hashlib.sha256()
    names = {name.encode(): index for index, name in enumerate(checkpoint.names())}
    for name in sorted(names):
        dtype, shape, *_ = checkpoint.entry(names[name])
        memory: Any = checkpoint.read(names[name])  # has the buffer protocol, which types only know from Python 3.12 on
        data = hashlib.sha256(memory).hexdigest()
        quoted = json.dumps(name.decode()).replace("\x7f", "\\u007f")
        content.update(f"{data} {dtype} [{','.join(map(str, shape))}] {quoted}\n".encode())
    checkpoint.check_unchanged()
    return content.hexdigest()
