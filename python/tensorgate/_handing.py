"""What a guarded loader gets instead of its argument: the descriptor, or the bytes, that were checked."""

from __future__ import annotations

import io
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from tensorgate._native import plain_descriptor
from tensorgate._policy import ALLOWABLE, Formats, Policy
from tensorgate._spool import rest


class Reader(NamedTuple):
    """A loader: the name under which people call it, the formats it reads, and the kinds of first argument it takes."""

    name: str
    formats: Formats
    # Keys of `_KINDS`, in the order in which the loader looks. Anything else cannot be read by the loader.
    takes: tuple[str, ...]
    # If asked to, it can load files of formats without a parser without running anything.
    lenient: bool = False


class Handed(NamedTuple):
    """What a loader gets, and what is known about it."""

    what: Any
    # The original argument.
    given: Any
    # The path that was given; None if it was not a path.
    path: str | None = None
    # Device and inode of the checked descriptor.
    inode: tuple[int, int] | None = None
    allowed: bool = False
    refusal: Exception | None = None


class _Work:
    """A running loader. Contexts are copied into threads and into tasks that outlive it: it counts only where it started."""

    __slots__ = ("handed", "thread", "done")

    def __init__(self, handed: Handed) -> None:
        self.handed = handed
        self.thread = threading.get_ident()
        self.done = False


_at_work: ContextVar[tuple[_Work, ...]] = ContextVar("tensorgate_at_work", default=())


def _handed_here() -> Iterator[Handed]:
    """What the running loaders of this thread and context got."""
    return (work.handed for work in _at_work.get() if not work.done and work.thread == threading.get_ident())


def at_work_on(given: Any, formats: Formats) -> bool:
    """Whether `given` was already checked: loaders call each other with what they got.

    A program, which no parser verifies, does not count as checked, even if it is the same file.
    """
    return any(handed.allowed or (formats - ALLOWABLE and _is_part(given, handed)) for handed in _handed_here())


def name_of(there: Any) -> str | None:
    """The original path, if `there` is what a running loader got in its place."""
    return next((handed.path for handed in _handed_here() if isinstance(there, str) and handed.what == there), None)


def _is_part(given: Any, handed: Handed) -> bool:
    if given is handed.what or (isinstance(given, str) and given == handed.what):
        return True
    return handed.inode is not None and handed.inode == _inode(given)


@contextmanager
def working_on(handed: Handed) -> Iterator[None]:
    """Within this context, loaders get `handed` unchecked: it was checked before."""
    work = _Work(handed)
    token = _at_work.set((*_at_work.get(), work))
    try:
        yield
    finally:
        work.done = True
        _at_work.reset(token)


@contextmanager
def hand_over(policy: Policy, given: Any, reader: Reader) -> Iterator[Handed]:
    """Gives what the loader gets instead of `given`, within the context. Raises unless the policy lets it pass."""
    for kind in reader.takes:
        test, hand = _KINDS[kind]
        if test(given):
            with hand(policy, given, reader) as handed, working_on(handed):
                yield handed
            return
    takes = " or ".join(dict.fromkeys(_WORDS[kind] for kind in reader.takes))
    raise TypeError(f"{reader.name}() takes {takes}, not {type(given).__name__}")


@contextmanager
def _path(policy: Policy, given: Any, reader: Reader) -> Iterator[Handed]:
    path = os.fspath(given)
    name = os.fsdecode(path)
    descriptor = _open(path, name)
    there = f"/proc/self/fd/{descriptor}"
    try:
        with (open(descriptor, "rb", closefd=False) as plain,
              policy.judged(plain, name, reader.name, reader.formats, reader.lenient) as judgement):
            yield Handed(there, given, name, _inode(plain), *judgement)
    except Exception as error:
        _name_file(error, there, descriptor, name)
        raise
    finally:
        os.close(descriptor)


@contextmanager
def _file(policy: Policy, file: Any, reader: Reader) -> Iterator[Handed]:
    if not _can_seek(file):
        raise _error("a stream cannot be checked before it is read: pass its bytes to the loader, as in "
                     "io.BytesIO(stream.read())")
    name = getattr(file, "name", "")
    # Used only for messages and for its suffix: it may come from an archive.
    name = name.encode("ascii", "backslashreplace").decode().replace("\0", "\\0") if isinstance(name, str) else ""
    begin = file.tell()
    if type(file) is getattr(sys.modules.get("tempfile"), "_TemporaryFileWrapper", None):
        # A file on disk, inside the object that deletes it.
        file = file.file
    if begin == 0 and plain_descriptor(file) >= 0:
        # The object's buffer was read earlier than the bytes that are checked now.
        file.seek(0, os.SEEK_END)
        file.seek(0)
        with policy.judged(file, name, reader.name, reader.formats, reader.lenient) as judgement:
            yield Handed(file, file, None, _inode(file), *judgement)
        return
    # Otherwise the content is not the file from its offset 0, or only the object knows the bytes.
    data = rest(file, policy.spool_bytes, 'raise the limit with tensorgate.guard(limits={"spool_bytes": ...}) or '
                "TENSORGATE_GUARD_SPOOL_BYTES, or pass a path to the loader")
    file.seek(begin)
    with policy.judged(data, name, reader.name, reader.formats, reader.lenient) as judgement:
        copy = io.BytesIO(data)
        try:
            yield Handed(copy, file, None, None, *judgement)
        finally:
            if not copy.closed:
                file.seek(begin + copy.tell())


@contextmanager
def _data(policy: Policy, given: bytes, reader: Reader) -> Iterator[Handed]:
    data = bytes(given)
    with policy.judged(data, "", reader.name, reader.formats, reader.lenient) as judgement:
        yield Handed(data, given, None, None, *judgement)


class _Named:
    """The only attribute of a file object that `safetensors._safe_open_handle` uses: its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fileno(self) -> int:
        return int(self.name.rpartition("/")[2])


@contextmanager
def _handle(policy: Policy, given: Any, reader: Reader) -> Iterator[Handed]:
    with _path(policy, given.name, reader) as handed:
        yield handed._replace(what=_Named(handed.what), given=given)


_Hand = Callable[[Policy, Any, Reader], AbstractContextManager[Handed]]

_KINDS: dict[str, tuple[Callable[[Any], bool], _Hand]] = {
    "path": (lambda given: isinstance(given, (str, os.PathLike)), _path),
    # For these loaders, bytes are a path.
    "name": (lambda given: isinstance(given, (str, bytes, os.PathLike)), _path),
    "file": (lambda given: hasattr(given, "read"), _file),
    # For these loaders, bytes are the content of a file.
    "data": (lambda given: isinstance(given, bytes), _data),
    "handle": (lambda given: hasattr(given, "fileno") and isinstance(getattr(given, "name", None), (str, os.PathLike)),
               _handle),
}
_WORDS = {"path": "a path", "name": "a path", "file": "a file object", "data": "bytes",
          "handle": "a file object with a name"}


def _inode(given: Any) -> tuple[int, int] | None:
    """Device and inode of a file object of the interpreter's own, otherwise None."""
    try:
        descriptor = plain_descriptor(given)
        if descriptor < 0:
            return None
        status = os.fstat(descriptor)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _can_seek(file: Any) -> bool:
    if hasattr(file, "seekable"):
        return bool(file.seekable())
    return hasattr(file, "seek") and hasattr(file, "tell")


def _error(text: str) -> Exception:
    # Imported here because it imports the package safetensors, if there is one.
    from tensorgate._errors import SafetensorError

    return SafetensorError(text)


def _open(path: str | bytes, name: str) -> int:
    """A descriptor. Opening never blocks; the check refuses anything that is not a regular file."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        # The words of the safetensors package.
        raise FileNotFoundError(f"No such file or directory: {name}") from None


def _name_file(error: BaseException, there: str, descriptor: int, name: str) -> None:
    """Replaces our path by the one that was given, wherever the loader's error or its causes name it."""
    ours = re.compile(re.escape(there) + r"(?!\d)")
    chain: BaseException | None = error
    for _ in range(8):
        if chain is None:
            return
        if any(isinstance(each, str) and there in each for each in chain.args):
            chain.args = tuple(ours.sub(lambda _: name, each) if isinstance(each, str) else each for each in chain.args)
        if isinstance(chain, OSError) and chain.filename in (there, descriptor):
            chain.filename = name
        chain = chain.__cause__ or chain.__context__
