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
"""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import NoReturn

from tensorgate import _hooks
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


def guard(*, allow: Iterable[str] = (), limits: Mapping[str, int] | None = None) -> AbstractContextManager[object]:
    """A context in which loaders are guarded; see the module for what `allow` takes, `tensorgate.check` for `limits`."""
    return _Guard(Policy(allow, limits))


def install() -> None:
    """Guards this process until it ends, by what TENSORGATE_GUARD_ALLOW says."""
    allow = os.environ.get("TENSORGATE_GUARD_ALLOW", "")
    _hooks.enter(Policy([each.strip() for each in allow.split(",") if each.strip()], None))


def main() -> NoReturn:
    """`python -m tensorgate.guard [-m MODULE | SCRIPT] ARGUMENT...`"""
    import runpy

    arguments = sys.argv[1:]
    by_module = arguments[:1] == ["-m"]
    if by_module:
        arguments = arguments[1:]
    if not arguments:
        print("usage: python -m tensorgate.guard [-m MODULE | SCRIPT] ARGUMENT...", file=sys.stderr)
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
        self, *, allow: Iterable[str] = (), limits: Mapping[str, int] | None = None
    ) -> AbstractContextManager[object]:
        return guard(allow=allow, limits=limits)


if __name__ == "__main__":
    main()
else:
    sys.modules[__name__].__class__ = _Callable
