"""Decides what a guard lets pass."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import IO, TYPE_CHECKING, NamedTuple

from tensorgate._native import TrustList, check, formats, not_pinned
from tensorgate._spool import SPOOL_BYTES

if TYPE_CHECKING:
    from tensorgate._native import Report
    from tensorgate._pins import Pins

Formats = frozenset[str]
# A plain file, or bytes.
Content = IO[bytes] | bytes

# What each loader reads, under the format names that reports use.
SAFETENSORS: Formats = frozenset({"safetensors"})
PICKLE: Formats = frozenset({"pickle"})
TORCHSCRIPT: Formats = frozenset({"torchscript"})
TORCH: Formats = frozenset({"pytorch-zip", "pytorch-legacy", "pytorch-tar", "torchscript"})
NUMPY: Formats = frozenset({"pickle", "numpy", "npz"})
JOBLIB: Formats = frozenset({"pickle", "joblib"})
# No parser verifies these; `allow` may name them, each for the loaders that read it.
ALLOWABLE = frozenset(each for each in NUMPY | JOBLIB | TORCH if not formats()[each])

# The dtypes that the line `numpy` of a trust list allows.
_NUMPY_NUMBERS = "b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16".split()
# More than the number of entries that a trust list can have: each entry that a file uses is reported.
_ALL_FINDINGS = 2000
# The guard's own limit, in addition to those of `tensorgate.check`: bytes of a file object that are kept in memory.
_SPOOL = "spool_bytes"


class Judgement(NamedTuple):
    """The decision about a file that a loader may get."""

    # The user lets it pass, whatever it contains.
    allowed: bool
    # If the file may only be loaded in a way that runs nothing: the reason.
    refusal: Exception | None


class Policy:
    """Judges what loaders are given. One object serves all threads."""

    def __init__(self, allow: Iterable[str], limits: Mapping[str, int] | None, trust: TrustList | None = None,
                 pins: Pins | None = None) -> None:
        if isinstance(allow, str):
            raise TypeError("allow must be a list of names, not a str")
        self._formats: set[str] = set()
        self._digests: set[str] = set()
        for each in allow:
            self._allow(each)
        self._limits = dict(limits or {})
        self.spool_bytes = self._limits.pop(_SPOOL, SPOOL_BYTES)
        if isinstance(self.spool_bytes, bool) or not isinstance(self.spool_bytes, int) or self.spool_bytes < 0:
            raise TypeError(f"{_SPOOL} must be a whole number, 0 or more")
        self._trust = trust
        self._pins = pins
        # Report mistakes in these here, and not where a program catches the errors of a loader.
        check(b"", limits=self._limits, trust=trust)

    @classmethod
    def of_environment(cls) -> Policy:
        """The policy given by the environment: TENSORGATE_GUARD_ALLOW and the like."""
        allow = os.environ.get("TENSORGATE_GUARD_ALLOW", "")
        trust = trust_list(os.environ.get("TENSORGATE_GUARD_TRUST") or None)
        spool = os.environ.get("TENSORGATE_GUARD_SPOOL_BYTES", "")
        if spool and not spool.isdecimal():
            raise ValueError(f"TENSORGATE_GUARD_SPOOL_BYTES must be a whole number, not {spool!r}")
        limits = {_SPOOL: int(spool)} if spool else None
        pins = pins_list(os.environ.get("TENSORGATE_GUARD_PINS") or None)
        return cls([each.strip() for each in allow.split(",") if each.strip()], limits, trust, pins)

    def _allow(self, each: str) -> None:
        if not isinstance(each, str):
            raise TypeError(f"allow must be a list of names, not of {type(each).__name__}")
        kind, colon, digest = each.partition(":")
        if kind == "sha256" and re.fullmatch(r"[0-9a-fA-F]{64}", digest):
            self._digests.add(digest.lower())
        elif not colon and each in ALLOWABLE:
            self._formats.add(each)
        else:
            raise ValueError(f"allow takes sha256:<64 digits> and the format names {', '.join(sorted(ALLOWABLE))}, not {each!r}")

    @contextmanager
    def judged(self, what: Content, name: str, loader: str, formats: Formats, lenient: bool) -> Iterator[Judgement]:
        """Raises unless `what` is accepted, or allowed, for a loader of these formats.

        If `lenient`, a refused file of one of these formats that is not a pickle gives the exception instead of raising it.
        Within the context, torch's own unpickler allows exactly those entries of the user's list that this file uses.
        """
        report = check(what, name=name, limits=self._limits, max_findings=_ALL_FINDINGS, trust=self._trust)
        accepted = bool(report) and report.format in formats
        allowed = not accepted and self._allowed(report, what, formats)
        if accepted or allowed:
            if self._pins is not None and not self._pins.approves(what):
                from tensorgate._errors import refusal

                raise refusal(not_pinned(report))
            with _permitted([each.subject or "" for each in report.findings if each.rule == "use/trusted-call"]):
                yield Judgement(allowed, None)
            return
        from tensorgate._advice import advice
        from tensorgate._errors import refusal

        error = refusal(report, advice(report, what, loader, self._limits))
        if lenient and report.verdict in ("unsupported", "rejected") and report.format in formats - PICKLE:
            yield Judgement(False, error)
            return
        raise error

    def _allowed(self, report: Report, what: Content, formats: Formats) -> bool:
        if report.verdict == "unsupported" and report.format in self._formats & formats:
            return True
        if not self._digests:
            return False
        return digest(what) in self._digests


def trust_list(trust: str | os.PathLike[str] | TrustList | None) -> TrustList | None:
    """The list itself, or the list in a file."""
    if trust is None or isinstance(trust, TrustList):
        return trust
    if not isinstance(trust, (str, os.PathLike)):
        raise TypeError(f"trust must be a path or a TrustList, not {type(trust).__name__}")
    with open(trust, encoding="utf-8") as file:
        text = file.read()
    try:
        return TrustList(text)
    except ValueError as error:
        raise ValueError(f"{os.fspath(trust)}: {error}") from None


def pins_list(pins: str | os.PathLike[str] | Pins | None) -> Pins | None:
    """The same for a list of approved files."""
    if pins is None:
        return None
    from tensorgate._pins import pins_of

    return pins_of(pins)


def digest(what: Content) -> str:
    """SHA-256 of all bytes, whatever the position of a file object."""
    if isinstance(what, bytes):
        return hashlib.sha256(what).hexdigest()
    with open(f"/proc/self/fd/{what.fileno()}", "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _permitted(names: list[str]) -> AbstractContextManager[object]:
    """Lets torch's own restricted unpickler allow exactly those entries of the user's list that this file uses."""
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
        # torch checks the class of an object that gets a state; NumPy has one class for each dtype.
        dtype = importlib.import_module("numpy").dtype
        found += [type(dtype(name)) for name in _NUMPY_NUMBERS]
    context: AbstractContextManager[object] = safe_globals(found)
    return context


def _present(module: str) -> str:
    """The module under the name that this NumPy has for it; it warns about the other name."""
    old, new = "numpy.core.", "numpy._core."
    if module.startswith((old, new)) and "numpy" in sys.modules:
        here = new if hasattr(sys.modules["numpy"], "_core") else old
        return here + module.removeprefix(old).removeprefix(new)
    return module
