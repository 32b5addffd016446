"""What a guarded loader gets in place of what it was given: the descriptor, or the bytes, that were checked."""

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
    """A loader: how people call it, what it reads, and what it takes its first parameter for."""

    name: str
    formats: Formats
    # Of `_KINDS`, in the order in which it looks. What is nothing of these, no loader of this name can read.
    takes: tuple[str, ...]
    # What has no parser it can load without running anything, if it is told.
    lenient: bool = False


class Handed(NamedTuple):
    """What a loader gets, and what is known of it."""

    what: Any
    # What was given in its place.
    given: Any
    # The path that was given; None if it was none.
    path: str | None = None
    # Device and inode of the descriptor that was checked.
    inode: tuple[int, int] | None = None
    allowed: bool = False
    refusal: Exception | None = None


class _Work:
    """A loader at work. Contexts are copied, into tasks that outlive it and into threads: it counts where it began."""

    __slots__ = ("handed", "thread", "done")

    def __init__(self, handed: Handed) -> None:
        self.handed = handed
        self.thread = threading.get_ident()
        self.done = False


_at_work: ContextVar[tuple[_Work, ...]] = ContextVar("tensorgate_at_work", default=())


def _handed_here() -> Iterator[Handed]:
    """What the loaders at work in this thread and context got."""
    return (work.handed for work in _at_work.get() if not work.done and work.thread == threading.get_ident())


def at_work_on(given: Any, formats: Formats) -> bool:
    """Whether `given` was checked already: loaders call each other with what they got.

    What no parser proves (a program) was not, even if it is the same file.
    """
    return any(handed.allowed or (formats - ALLOWABLE and _is_part(given, handed)) for handed in _handed_here())


def name_of(there: Any) -> str | None:
    """The path that was given, for the one that a loader at work was handed."""
    return next((handed.path for handed in _handed_here() if isinstance(there, str) and handed.what == there), None)


def _is_part(given: Any, handed: Handed) -> bool:
    if given is handed.what or (isinstance(given, str) and given == handed.what):
        return True
    return handed.inode is not None and handed.inode == _inode(given)


@contextmanager
def working_on(handed: Handed) -> Iterator[None]:
    """Within it, loaders in this context get `handed` unchecked: it was checked before."""
    work = _Work(handed)
    token = _at_work.set((*_at_work.get(), work))
    try:
        yield
    finally:
        work.done = True
        _at_work.reset(token)


@contextmanager
def hand_over(policy: Policy, given: Any, reader: Reader) -> Iterator[Handed]:
    """What the loader gets in place of `given`, within the context. Raises unless the policy lets it pass."""
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
        raise _error("a stream cannot be checked before it is read: give the loader its bytes, as in "
                     "io.BytesIO(stream.read())")
    name = getattr(file, "name", "")
    # Only a name to be shown, and its suffix: it may come out of an archive.
    name = name.encode("ascii", "backslashreplace").decode().replace("\0", "\\0") if isinstance(name, str) else ""
    begin = file.tell()
    if type(file) is getattr(sys.modules.get("tempfile"), "_TemporaryFileWrapper", None):
        # A file on disk, in what deletes it.
        file = file.file
    if begin == 0 and plain_descriptor(file) >= 0:
        # What is in its buffer was read earlier than what is checked now.
        file.seek(0, os.SEEK_END)
        file.seek(0)
        with policy.judged(file, name, reader.name, reader.formats, reader.lenient) as judgement:
            yield Handed(file, file, None, _inode(file), *judgement)
        return
    # From here on it is another file than the one that begins at 0, or one whose bytes only the object knows.
    data = rest(file, policy.spool_bytes, 'raise the limit: tensorgate.guard(limits={"spool_bytes": ...}) or '
                "TENSORGATE_GUARD_SPOOL_BYTES; or give the loader a path")
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
    """What `safetensors._safe_open_handle` looks at in a file object: its name."""

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
    # To these, bytes are a path.
    "name": (lambda given: isinstance(given, (str, bytes, os.PathLike)), _path),
    "file": (lambda given: hasattr(given, "read"), _file),
    # To these, bytes are a file's content.
    "data": (lambda given: isinstance(given, bytes), _data),
    "handle": (lambda given: hasattr(given, "fileno") and isinstance(getattr(given, "name", None), (str, os.PathLike)),
               _handle),
}
_WORDS = {"path": "a path", "name": "a path", "file": "a file object", "data": "bytes",
          "handle": "a file object with a name"}


def _inode(given: Any) -> tuple[int, int] | None:
    """Of a file object of the interpreter's own, else None."""
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
    # It imports the package safetensors, where there is one.
    from tensorgate._errors import SafetensorError

    return SafetensorError(text)


def _open(path: str | bytes, name: str) -> int:
    """A descriptor. Opening never blocks; the check refuses what is not a regular file."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        # The words of the safetensors package.
        raise FileNotFoundError(f"No such file or directory: {name}") from None


def _name_file(error: BaseException, there: str, descriptor: int, name: str) -> None:
    """Puts the path that was given in place of ours, wherever the loader's error, or its cause, names it."""
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
