"""A guard in front of the loaders of a process: what they open is checked first, and refused if it is not accepted.

    with tensorgate.guard():
        model = transformers.AutoModel.from_pretrained(folder)

`python -m tensorgate.guard script.py` runs a script, and `TENSORGATE_GUARD=1` in the environment any program, under
the guard from its first line. Guarded are `safetensors.safe_open`, `safetensors.deserialize` and what stands on them
(`load_file`, `load`), `torch.load`, `torch.jit.load`, `torch.package.PackageImporter`, `numpy.load`, `joblib.load` and
`pickle.load`, with what calls these by name: `pandas.read_pickle`, `torch.distributed.checkpoint`, `torch.hub`'s downloads.

A path is opened once. That descriptor is checked, and the loader gets the same one (`/proc/self/fd/N`); of a file
object that is no plain file, the loader gets the bytes that were checked. Each loader gets the formats that it reads and
no others. What is not accepted raises `tensorgate.RejectedError`.

`allow` lets more pass. The name of a format that has no parser yet lets files of that format through the loaders that
read it: `"joblib"` (joblib.load), `"torchscript"` (torch.jit.load, torch.load), `"pytorch-tar"` (torch.load) and `"npz"`
with pickled objects (numpy.load); such a file runs what it names. `"sha256:<digest>"` lets one file through every
loader, whatever was found in it. TENSORGATE_GUARD_ALLOW holds the same, apart by commas. A guard counts for all
threads of the process. What it cannot see is listed in SECURITY.md.

`limits` are those of `tensorgate.check`, and `spool_bytes`: what comes out of a file object that is not a file on disk
(`gzip.open`, a remote file) is kept in memory while it is checked and loaded, at most this many bytes: 2^30 unless it,
or TENSORGATE_GUARD_SPOOL_BYTES, says otherwise.

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
from tensorgate._hooks import install
from tensorgate._native import TrustList
from tensorgate._policy import Policy, trust_list

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
    return _Guard(Policy(allow, limits, trust_list(trust)))


_USAGE = "usage: python -m tensorgate.guard [--trust FILE] [-m MODULE | SCRIPT] ARGUMENT..."
_HELP = f"""{_USAGE}

Runs a script or a module under the guard: what safetensors, torch, numpy, joblib and pickle
load from files is checked first, and refused if it is not accepted.

  --trust FILE   functions and classes that a pickle may use (tensorgate.TrustList says how)
  -m MODULE      a module instead of a script, as python -m does
  --help         this text

In the environment: TENSORGATE_GUARD_ALLOW, formats and sha256:DIGESTs to let pass, apart by
commas; TENSORGATE_GUARD_TRUST, as --trust; TENSORGATE_GUARD_SPOOL_BYTES, how much may come
out of a compressed or remote file. TENSORGATE_GUARD=1 guards every Python program.
"""


def main() -> NoReturn:
    """`python -m tensorgate.guard [--trust FILE] [-m MODULE | SCRIPT] ARGUMENT...`"""
    import runpy

    arguments = sys.argv[1:]
    if arguments[:1] in (["--help"], ["-h"]):
        print(_HELP, end="")
        sys.exit(0)
    if arguments[:1] == ["--trust"] and len(arguments) > 1:
        os.environ["TENSORGATE_GUARD_TRUST"] = arguments[1]  # for the processes that this one starts as well
        arguments = arguments[2:]
    by_module = arguments[:1] == ["-m"]
    if by_module:
        arguments = arguments[1:]
        sys.path[0] = os.getcwd()
    if not arguments:
        _refuse(_USAGE)
    if not (_is_module(arguments[0]) if by_module else os.path.exists(arguments[0])):
        _refuse(f"tensorgate.guard: there is no {'module' if by_module else 'file'} {arguments[0]!r}\n{_USAGE}")
    try:
        install()
    except (OSError, ValueError, TypeError) as error:
        _refuse(f"tensorgate.guard: {error}")
    sys.argv = arguments
    if by_module:
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))
        runpy.run_path(arguments[0], run_name="__main__")
    sys.exit(0)


def _refuse(text: str) -> NoReturn:
    print(text, file=sys.stderr)
    sys.exit(4)


def _is_module(name: str) -> bool:
    from importlib.util import find_spec

    try:
        return not name.startswith(".") and find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):
        return False


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
