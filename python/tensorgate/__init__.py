"""Decides whether an untrusted machine-learning model file is safe to load, and loads and saves such files.

    import tensorgate

    report = tensorgate.check("model.safetensors")
    if not report:
        print(report)

Importing this package imports no other package, not even numpy, torch or safetensors.
"""

from __future__ import annotations

from tensorgate._native import Finding, Report, TensorSpec, TrustList, __version__, check, serialize, serialize_file

# The module typing takes longer to import than all of this package.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from tensorgate._errors import OperationError, RejectedError, SafetensorError
    from tensorgate._open import _safe_open_handle, safe_open
    from tensorgate._pins import Pins
    from tensorgate._raw import deserialize
    from tensorgate.guard import guard

__all__ = [
    "Finding", "OperationError", "Pins", "RejectedError", "Report", "SafetensorError", "TensorSpec", "TrustList", "__version__",
    "check", "deserialize", "guard", "safe_open", "serialize", "serialize_file",
]

# The module of each name that is only imported when it is first used; submodules are imported in the same way.
_LAZY = {
    "OperationError": "_errors", "RejectedError": "_errors", "SafetensorError": "_errors", "Pins": "_pins",
    "deserialize": "_raw", "safe_open": "_open", "_safe_open_handle": "_open",
}
_SUBMODULES = ("guard", "numpy", "torch")


def __getattr__(name: str) -> object:
    import importlib

    if name in _SUBMODULES:
        return importlib.import_module(f"tensorgate.{name}")
    if name not in _LAZY:
        raise AttributeError(f"module 'tensorgate' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"tensorgate.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
