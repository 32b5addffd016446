"""A guard for the loaders of a process: files that they open are checked first, and refused if they are not accepted.

    with tensorgate.guard():
        model = transformers.AutoModel.from_pretrained(folder)

`python -m tensorgate.guard script.py` runs a script under the guard from its first line on; `TENSORGATE_GUARD=1` in the
environment does the same for any program. The guard covers `safetensors.safe_open`, `safetensors.deserialize` and what
uses them (`load_file`, `load`), `torch.load`, `torch.jit.load`, `torch.package.PackageImporter`, `numpy.load`,
`joblib.load` and `pickle.load`, and what calls these by name: `pandas.read_pickle`, `torch.distributed.checkpoint`,
`torch.hub`'s downloads.

A path is opened once. That descriptor is checked, and the loader gets the same one (`/proc/self/fd/N`). For a file
object that is not a plain file, the loader gets the bytes that were checked. Each loader gets only the formats that it
reads. A file that is not accepted raises `tensorgate.RejectedError`.

`allow` lets more files pass. The name of a format that has no parser yet lets files of that format through the loaders
that read it: `"joblib"` (joblib.load), `"torchscript"` (torch.jit.load, torch.load), `"pytorch-tar"` (torch.load) and
`"npz"` with pickled objects (numpy.load); loading such a file runs what it names. `"sha256:<digest>"` lets one file
through every loader, whatever was found in it. TENSORGATE_GUARD_ALLOW holds the same, separated by commas. A guard
applies to all threads of the process. SECURITY.md lists what it cannot see.

`limits` are those of `tensorgate.check`, and `spool_bytes`: the bytes of a file object that is not a file on disk
(`gzip.open`, a remote file) are kept in memory while it is checked and loaded, up to this limit. The default is 2^30, or
TENSORGATE_GUARD_SPOOL_BYTES.

`trust` names a file that lists functions and classes that a pickle may use in addition to PyTorch's, and how it may use
them (`tensorgate.TrustList` explains the syntax); TENSORGATE_GUARD_TRUST, or `--trust FILE` before the script, does the
same. A file that uses them is passed to the loader, which runs their code: for `torch.load(weights_only=True)` the guard
uses torch.serialization.safe_globals to allow exactly those that this file uses. The guard never loads a file with
`weights_only=False` unless the program asked for it.

`pins` names a list of approved files by their digests (`tensorgate.Pins` explains the syntax); TENSORGATE_GUARD_PINS, or
`--pins FILE` before the script, does the same. Loaders then get only files that are on the list, and only if they pass
everything else as well.
"""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, NoReturn

from tensorgate import _hooks
from tensorgate._hooks import install
from tensorgate._native import TrustList
from tensorgate._policy import Policy, pins_list, trust_list

if TYPE_CHECKING:
    from tensorgate._pins import Pins

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
          trust: str | os.PathLike[str] | TrustList | None = None,
          pins: str | os.PathLike[str] | Pins | None = None) -> AbstractContextManager[object]:
    """A context in which loaders are guarded.

    The module's documentation describes `allow`, `trust` and `pins`, that of `tensorgate.check` describes `limits`.
    """
    return _Guard(Policy(allow, limits, trust_list(trust), pins_list(pins)))


_OPTIONS = {"--trust": "TENSORGATE_GUARD_TRUST", "--pins": "TENSORGATE_GUARD_PINS"}
_USAGE = "usage: python -m tensorgate.guard [--trust FILE] [--pins FILE] [-m MODULE | SCRIPT] ARGUMENT..."
_HELP = f"""{_USAGE}

Runs a script or a module under the guard: files that safetensors, torch, numpy, joblib and
pickle load are checked first, and refused if they are not accepted.

  --trust FILE   functions and classes that a pickle may use (see tensorgate.TrustList)
  --pins FILE    digests of the only files that may be loaded (see tensorgate.Pins)
  -m MODULE      run a module instead of a script, as python -m does
  --help         show this text

Environment: TENSORGATE_GUARD_ALLOW, formats and sha256:DIGESTs to let pass, separated by
commas; TENSORGATE_GUARD_TRUST and TENSORGATE_GUARD_PINS, like --trust and --pins;
TENSORGATE_GUARD_SPOOL_BYTES, the limit for the bytes of a compressed or remote file.
TENSORGATE_GUARD=1 guards every Python program.
"""


def main() -> NoReturn:
    """`python -m tensorgate.guard [--trust FILE] [--pins FILE] [-m MODULE | SCRIPT] ARGUMENT...`"""
    import runpy

    arguments = sys.argv[1:]
    if arguments[:1] in (["--help"], ["-h"]):
        print(_HELP, end="")
        sys.exit(0)
    while arguments[:1] and arguments[0] in _OPTIONS and len(arguments) > 1:
        os.environ[_OPTIONS[arguments[0]]] = arguments[1]  # for child processes as well
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
    """`tensorgate.guard` is this module; calling it gives the context."""

    def __call__(
        self, *, allow: Iterable[str] = (), limits: Mapping[str, int] | None = None,
        trust: str | os.PathLike[str] | TrustList | None = None, pins: str | os.PathLike[str] | Pins | None = None
    ) -> AbstractContextManager[object]:
        return guard(allow=allow, limits=limits, trust=trust, pins=pins)


if __name__ == "__main__":
    main()
else:
    sys.modules[__name__].__class__ = _Callable
