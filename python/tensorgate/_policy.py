"""What a guard lets pass: opens a file once, checks it, and hands on what was checked."""

from __future__ import annotations

import hashlib
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import IO, TYPE_CHECKING, Any

from tensorgate._native import check, plain_descriptor

if TYPE_CHECKING:
    from tensorgate._native import Report, TrustList

Formats = frozenset[str]


# The dtypes that the line `numpy` of a list lets pass.
_NUMPY_NUMBERS = "b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16".split()
# More than a list of trusted calls can have: each that a file names is told.
_ALL_FINDINGS = 2000


class Policy:
    """Judges what loaders are given. One object serves all threads."""

    def __init__(self, allow: Iterable[str], limits: Mapping[str, int] | None, trust: TrustList | None = None) -> None:
        if isinstance(allow, str):
            raise TypeError("allow is a list of names")
        self._formats: set[str] = set()
        self._digests: set[str] = set()
        self._limits = dict(limits) if limits else None
        self._trust = trust
        for each in allow:
            kind, colon, digest = each.partition(":")
            if not colon and re.fullmatch(r"[a-z0-9-]+", each):
                self._formats.add(each)
            elif kind == "sha256" and re.fullmatch(r"[0-9a-fA-F]{64}", digest):
                self._digests.add(digest.lower())
            else:
                raise ValueError(f"allow takes names of formats and sha256:<64 digits>, not {each!r}")

    @contextmanager
    def hand_over(self, given: Any, formats: Formats, lenient: bool = False) -> Iterator[tuple[Any, Exception | None]]:
        """What the loader shall get in place of `given`, within the context.

        Raises unless it is accepted, and of a format that the loader reads; if `lenient`, an unsupported format comes
        with the exception instead. What is neither path, bytes nor file is the loader's to refuse.
        """
        if isinstance(given, (str, os.PathLike)):
            descriptor = open_once(given)
            try:
                with (open(descriptor, "rb", closefd=False) as plain,
                      self._judged(plain, os.fspath(given), formats, lenient) as refusal):
                    yield f"/proc/self/fd/{descriptor}", refusal
            finally:
                os.close(descriptor)
        elif isinstance(given, (bytes, bytearray, memoryview)):
            data = bytes(given)
            with self._judged(data, "", formats, lenient) as refusal:
                yield data, refusal
        elif hasattr(given, "read"):
            with self._file_object(given, formats, lenient) as handed:
                yield handed
        else:
            yield given, None

    @contextmanager
    def _file_object(self, file: IO[bytes], formats: Formats, lenient: bool) -> Iterator[tuple[Any, Exception | None]]:
        name = getattr(file, "name", "")
        name = name if isinstance(name, str) else ""
        if not _can_seek(file):
            from tensorgate._errors import SafetensorError

            raise SafetensorError("a stream cannot be checked before it is read: give the loader its bytes, as in "
                                  "io.BytesIO(stream.read())")
        begin = file.tell()
        if begin == 0 and plain_descriptor(file) >= 0:
            with self._judged(file, name, formats, lenient) as refusal:
                yield file, refusal
            return
        # From here on it is another file than the one that begins at 0, or one whose bytes only the object knows.
        data = bytes(file.read())
        file.seek(begin)
        with self._judged(data, name, formats, lenient) as refusal:
            copy = io.BytesIO(data)
            try:
                yield copy, refusal
            finally:
                if not copy.closed:
                    file.seek(begin + copy.tell())

    @contextmanager
    def _judged(self, what: IO[bytes] | bytes, name: str, formats: Formats,
                lenient: bool) -> Iterator[Exception | None]:
        """Within it, torch lets pass what the user's list lets this file use."""
        report = check(what, name=name, limits=self._limits, max_findings=_ALL_FINDINGS, trust=self._trust)
        if (report and report.format in formats) or self._allowed(report, what):
            with _permitted([each.subject for each in report.findings if each.rule == "use/trusted-call"]):
                yield None
            return
        from tensorgate._errors import refusal

        error = refusal(report, _advice(report, formats))
        if lenient and report.verdict == "unsupported":
            yield error
            return
        raise error

    def _allowed(self, report: Report, what: IO[bytes] | bytes) -> bool:
        if report.verdict == "unsupported" and report.format in self._formats:
            return True
        if not self._digests:
            return False
        if isinstance(what, bytes):
            return hashlib.sha256(what).hexdigest() in self._digests
        with open(f"/proc/self/fd/{what.fileno()}", "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() in self._digests


def _permitted(names: list[str]) -> AbstractContextManager[object]:
    """What torch's own restricted unpickler is told to let pass: exactly what this file uses of the user's list."""
    safe_globals = getattr(getattr(sys.modules.get("torch"), "serialization", None), "safe_globals", None)
    if not names or safe_globals is None:
        return nullcontext()
    import importlib

    found = []
    for full in names:
        full = full.replace("__builtin__.", "builtins.")  # as torch does
        module, _, name = full.rpartition(".")
        value = getattr(importlib.import_module(_present(module)), name)
        own = f"{getattr(value, '__module__', '')}.{getattr(value, '__name__', '')}"
        found.append(value if own == full else (value, full))
    if "numpy.dtype" in names:
        # torch asks for the class of what gets a state; NumPy has one for each dtype.
        dtype = importlib.import_module("numpy").dtype
        found += [type(dtype(name)) for name in _NUMPY_NUMBERS]
    context: AbstractContextManager[object] = safe_globals(found)
    return context


def _present(module: str) -> str:
    """The module under the name that this NumPy has for it; by the other one it warns."""
    old, new = "numpy.core.", "numpy._core."
    if module.startswith((old, new)) and "numpy" in sys.modules:
        here = new if hasattr(sys.modules["numpy"], "_core") else old
        return here + module.removeprefix(old).removeprefix(new)
    return module


def _can_seek(file: IO[bytes]) -> bool:
    if hasattr(file, "seekable"):
        return file.seekable()
    return hasattr(file, "seek") and hasattr(file, "tell")


def open_once(path: str | os.PathLike[str]) -> int:
    """A descriptor. Opening never blocks; the check refuses what is not a regular file."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        # The words of the safetensors package.
        raise FileNotFoundError(f"No such file or directory: {os.fspath(path)}") from None


def _advice(report: Report, formats: Formats) -> str:
    if report:
        return f"it is {report.format}, which this loader does not read"
    allow = 'allow this file (allow=["sha256:..."])'
    if report.verdict == "unsupported":
        allow += f' or its whole format (allow=["{report.format}"])'
    elif report.format == "safetensors" or report.verdict == "undecided":
        return ""
    return f"if you trust it, {allow} in tensorgate.guard() or TENSORGATE_GUARD_ALLOW"
