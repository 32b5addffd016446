"""Decides whether an untrusted machine-learning model file is safe to load, and loads and saves such files.

    import tensorgate

    report = tensorgate.check("model.safetensors")
    if not report:
        print(report)

Importing this package imports no other: not numpy, torch or safetensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorgate._native import Finding, Report, __version__, check

if TYPE_CHECKING:
    from tensorgate._errors import RejectedError, SafetensorError

__all__ = ["Finding", "RejectedError", "Report", "SafetensorError", "__version__", "check"]

_LAZY = {"RejectedError": "tensorgate._errors", "SafetensorError": "tensorgate._errors"}


def __getattr__(name: str) -> object:
    import importlib

    if name not in _LAZY:
        raise AttributeError(f"module 'tensorgate' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
