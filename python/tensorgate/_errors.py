"""The exceptions. They are made when one is first needed, so that importing this package imports nothing else."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tensorgate._native import Report

__all__ = ["OperationError", "RejectedError", "SafetensorError", "raise_failed", "raise_refused", "refusal"]

try:
    # Handlers that are written for the safetensors package go on working where it is installed.
    from safetensors import SafetensorError
except ImportError:

    class SafetensorError(Exception):  # type: ignore[no-redef]
        """What cannot be read or written as safetensors."""


class RejectedError(SafetensorError):
    """A file that was not accepted.

    Raised for every verdict but `accepted`; `report.verdict` tells which. `rule`, `offset` and `subject` are those of
    the finding that decided; `rule` is empty where there is none (a format without a parser).
    """

    def __init__(self, report: Report, advice: str = "") -> None:
        reason = report.reason if report.verdict != "unsupported" else None
        self.report = report
        self.rule = reason.rule if reason else ""
        self.offset = reason.offset if reason else 0
        self.subject = reason.subject if reason else ""
        text = f"{shown(report.name) or 'file'} is {report.verdict}"
        if reason and reason.rule.startswith("use/"):
            # The file is accepted; what is not is this use of it.
            text = f"{shown(report.name) or 'file'} cannot be used here: {reason.rule}: {reason.message}"
        elif reason:
            text += f": {self.rule} at byte {self.offset}: {reason.message}"
        elif report.verdict == "unsupported":
            text += f": no parser for the format {report.format}, nothing is proven"
        super().__init__(f"{text}; {advice}" if advice else text)

    def __reduce__(self) -> tuple[object, ...]:
        # A report cannot be pickled; what crosses to another process is the text.
        return (SafetensorError, (str(self),))


class OperationError(SafetensorError):
    """Reading or writing failed, or was asked for in a way that cannot be: `rule` says which.

    `offset` is the place in the file, `part` the number of the file in a sharded checkpoint, `system_error` the system's
    errno or 0.
    """

    def __init__(self, rule: str, message: str, system_error: int = 0, offset: int = 0, part: int = 0) -> None:
        self.rule = rule
        self.system_error = system_error
        self.offset = offset
        self.part = part
        super().__init__(f"{rule}: {message}")


def raise_failed(rule: str, message: str, system_error: int, offset: int, part: int) -> NoReturn:
    """Raises for a call that failed."""
    raise OperationError(rule, message, system_error, offset, part)


def refusal(report: Report, advice: str = "") -> Exception:
    """What to raise for a report that is not `accepted`, or not welcome for another reason, which `advice` tells."""
    reason = report.reason
    if reason and reason.rule == "io/open-failed" and reason.found:
        if reason.found == errno.ENOENT:
            # The words of the safetensors package.
            return FileNotFoundError(f"No such file or directory: {report.name}")
        return OSError(reason.found, os.strerror(reason.found), report.name)
    return RejectedError(report, advice)


def raise_refused(report: Report) -> NoReturn:
    """Raises for a report that is not `accepted`."""
    raise refusal(report)


def shown(name: str) -> str:
    return name.encode("unicode_escape").decode("ascii") if not name.isprintable() else name
