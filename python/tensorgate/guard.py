"""A guard in front of the loaders of a process: what they open is checked first, and refused if it is not accepted.

    with tensorgate.guard():
        model = transformers.AutoModel.from_pretrained(folder)

`python -m tensorgate.guard script.py` runs a script, and `TENSORGATE_GUARD=1` in the environment any program, under
the guard from its first line. Guarded are `safetensors.safe_open`, `safetensors.deserialize` and what stands on them
(`load_file`, `load`), `torch.load`, `torch.jit.load`, `numpy.load`, `joblib.load` and `pickle.load`.

A path is opened once. That descriptor is checked, and the loader gets the same one (`/proc/self/fd/N`); of a file
object that is no plain file, the loader gets the bytes that were checked. What is not accepted raises
`tensorgate.RejectedError`.

`allow` lets more pass: the name of a format that has no parser yet (`"joblib"`, `"torchscript"`), or
`"sha256:<digest>"` of one file, whatever was found in it. TENSORGATE_GUARD_ALLOW holds the same, apart by commas. A guard counts for all threads
of the process. What it cannot see is listed in SECURITY.md.

`trust` names a file of functions and classes that a pickle may use beside PyTorch's, each with its shape
(`tensorgate.TrustList` says how); TENSORGATE_GUARD_TRUST, or `--trust FILE` before the script, does the same. A file that
uses them is handed to the loader, which runs their code: for `torch.load(weights_only=True)` they are let through
torch.serialization.safe_globals, those that this file uses and no others. Nothing is ever loaded with
`weights_only=False` that did not ask for it.
"""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import NoReturn

from tensorgate import _hooks
from tensorgate._native import TrustList
from tensorgate._policy import Policy

__all__ = ["guard", "install", "main"]


class _Guard(AbstractContextManager["_Guard"]):
    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def __enter__(self) -> _Guard:
        _hooks.enter(self._policy)
        return self

    def __exit__(self, *_: object) -> None:
        _hooks.leave(self._policy)


def guard(*, allow: Iterable[str] = (), limits: Mapping[str, int] | None = None,
          trust: str | os.PathLike[str] | TrustList | None = None) -> AbstractContextManager[object]:
    """A context in which loaders are guarded.

    See the module for what `allow` and `trust` take, `tensorgate.check` for `limits`.
    """
    return _Guard(Policy(allow, limits, _trust_list(trust)))


def _trust_list(trust: str | os.PathLike[str] | TrustList | None) -> TrustList | None:
    if trust is None or isinstance(trust, TrustList):
        return trust
    with open(trust, encoding="utf-8") as file:
        text = file.read()
    try:
        return TrustList(text)
    except ValueError as error:
        raise ValueError(f"{os.fspath(trust)}: {error}") from None


def install() -> None:
    """Guards this process until it ends, by what TENSORGATE_GUARD_ALLOW and TENSORGATE_GUARD_TRUST say."""
    allow = os.environ.get("TENSORGATE_GUARD_ALLOW", "")
    trust = _trust_list(os.environ.get("TENSORGATE_GUARD_TRUST") or None)
    _hooks.enter(Policy([each.strip() for each in allow.split(",") if each.strip()], None, trust))


def main() -> NoReturn:
    """`python -m tensorgate.guard [--trust FILE] [-m MODULE | SCRIPT] ARGUMENT...`"""
    import runpy

    arguments = sys.argv[1:]
    if arguments[:1] == ["--trust"] and len(arguments) > 1:
        os.environ["TENSORGATE_GUARD_TRUST"] = arguments[1]  # for the processes that this one starts as well
        arguments = arguments[2:]
    by_module = arguments[:1] == ["-m"]
    if by_module:
        arguments = arguments[1:]
    if not arguments:
        print("usage: python -m tensorgate.guard [--trust FILE] [-m MODULE | SCRIPT] ARGUMENT...", file=sys.stderr)
        sys.exit(4)
    install()
    sys.argv = arguments
    if by_module:
        sys.path[0] = os.getcwd()
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))
        runpy.run_path(arguments[0], run_name="__main__")
    sys.exit(0)


class _Callable(types.ModuleType):
    """`tensorgate.guard` is this module and, called, the context."""

    def __call__(
        self, *, allow: Iterable[str] = (), limits: Mapping[str, int] | None = None,
        trust: str | os.PathLike[str] | TrustList | None = None
    ) -> AbstractContextManager[object]:
        return guard(allow=allow, limits=limits, trust=trust)


if __name__ == "__main__":
    main()
else:
    sys.modules[__name__].__class__ = _Callable
