"""What the guard's error says after the reason: what loading the file would do, and what the user can do."""

from __future__ import annotations

import io
import itertools
import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tensorgate._errors import shown
from tensorgate._native import check
from tensorgate._policy import Content, digest

if TYPE_CHECKING:
    from tensorgate._native import Report

# Deviations from how torch.save writes pickles that do not change what a pickle can do.
_HARMLESS = frozenset({
    "pickle/key-kind", "pickle/memo-redefined", "pickle/opcode-outside", "pickle/opcode-text", "pickle/proto-late",
    "pickle/proto-missing", "pickle/proto-version", "pickle/string-surrogate",
})
# Findings whose text is a name that the format does not use.
_NAMES = frozenset({"pickle/global-alias", "pickle/global-outside"})
# Standard library classes of plain data that people do pickle. Everything else in it runs something or is of no use
# here.
_DATA_CLASSES = frozenset({
    "argparse.Namespace", "collections.defaultdict", "collections.deque", "copyreg._reconstructor",
    "copy_reg._reconstructor", "datetime.date", "datetime.datetime", "datetime.timedelta", "decimal.Decimal",
    "fractions.Fraction", "pathlib.Path", "pathlib.PosixPath", "pathlib.PurePosixPath", "pathlib.WindowsPath",
    "types.SimpleNamespace", "uuid.UUID",
})
# Functions of other packages that load, evaluate or run what they are given; a name counts if it starts with one of
# these.
_RUNNERS = ("_load", "_unpickle", "compile", "eval", "exec", "import", "load", "open", "query", "read_", "run", "system")
# Opcodes that refer to something outside the pickle.
_FOREIGN_OPCODES = frozenset({"EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEXT_BUFFER", "READONLY_BUFFER"})
_HOLDS_PICKLE = ("if it contains a pickle, loading it runs whatever the pickle names. SECURITY.md (\"The guard in Python\") "
                 "explains how to allow a file of your own")
# Largest pickle that is read again as a whole before advice to allow it is given.
_WHOLE = 16 << 20
_STEPS = 200_000


def advice(report: Report, what: Content, loader: str, limits: Mapping[str, int] | None) -> str:
    """Advice about a file that `loader` does not get. It never suggests allowing code that the format does not use."""
    if report:
        return f"but {loader}() does not read {report.format}"
    if report.verdict == "unsupported":
        return _unsupported(report, what)
    if report.verdict == "undecided" or report.format == "safetensors":
        return ""
    reference = check(what, profile="reference", limits=limits, max_findings=100)
    names = sorted({*_names(report), *_names(reference)})
    if names:
        return _named(names)
    errors = {each.rule for one in (report, reference) for each in one.findings if each.severity == "error"}
    if "numpy/descr-object" in errors:
        return _HOLDS_PICKLE
    if report.format == "pickle" and errors <= _HARMLESS and _one_plain_pickle(what):
        return f"it contains only plain data: {_allow(what)}. If saved with protocol=2, it would be accepted"
    return ""


def _unsupported(report: Report, what: Content) -> str:
    if report.format == "torchscript":
        return f"it is a program, and loading it runs it: {_allow(what)}, and allow=[\"torchscript\"] lets all such files pass"
    if report.file_class in ("other", "not-fetched") or report.format == "unknown":
        return ""
    return _HOLDS_PICKLE


def _names(report: Report) -> Iterable[str]:
    findings: list[dict[str, Any]] = json.loads(report.json())["findings"]
    return [str(each["found"]) for each in findings if each["rule"] in _NAMES]


def _named(names: list[str]) -> str:
    foreign = [name for name in names if not _may_be_trusted(name)]
    if foreign:
        return (f"loading it would run {_list(foreign)}. Do not load it in any other way either, such as weights_only=False; "
                "ask for the weights as safetensors")
    return (f"loading it would run code that is not part of the format: {_list(names)}. If you know and trust that code, list "
            "it: tensorgate.guard(trust=FILE); tensorgate.TrustList explains how. Otherwise ask for the weights as safetensors")


def _may_be_trusted(name: str) -> bool:
    """Whether it may be a user's own class. Functions of the standard library never are, however they are reached."""
    if name in _DATA_CLASSES:
        return True
    parts = name.split(".")
    # A module can be reached through one that imports it (`some.module.os.system`).
    if not all(part.isidentifier() for part in parts) or any(map(_is_standard, parts[:-1])):
        return False
    return not parts[-1].startswith(_RUNNERS)


def _is_standard(module: str) -> bool:
    """Whether the standard library has this module, possibly under its Python 2 name, which pickle accepts."""
    import _compat_pickle

    old = {name.partition(".")[0] for name in _compat_pickle.IMPORT_MAPPING}
    return module in sys.stdlib_module_names or module in old or module == "popen2"


def _list(names: list[str]) -> str:
    text = ", ".join(shown(name[:80]) for name in names[:3])
    return f"{text} and {len(names) - 3} more" if len(names) > 3 else text


def _allow(what: Content) -> str:
    return (f'if you trust it, allow=["sha256:{digest(what)}"] in tensorgate.guard() or TENSORGATE_GUARD_ALLOW lets this '
            "file pass")


def _one_plain_pickle(what: Content) -> bool:
    """Whether it is a single pickle up to its last byte, and neither a tar nor a ZIP to a program that looks for these."""
    import pickle
    import pickletools
    import tarfile
    import zipfile

    data = what if isinstance(what, bytes) else os.pread(what.fileno(), _WHOLE + 1, 0)
    if len(data) > _WHOLE:
        return False
    try:
        opcodes = list(itertools.islice(pickletools.genops(data), _STEPS))
        end = 1 + (opcodes[-1][2] or 0)
        if any(opcode.name in _FOREIGN_OPCODES for opcode, _, _ in opcodes):
            return False
        return (data[end - 1:end] == pickle.STOP and end == len(data) and not zipfile.is_zipfile(io.BytesIO(data))
                and not tarfile.is_tarfile(io.BytesIO(data)))
    except Exception:
        return False
