"""The exceptions. They are made when one is first needed, so that importing this package imports nothing else."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tensorgate._native import Report

__all__ = ["RejectedError", "SafetensorError", "raise_refused"]

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

    def __init__(self, report: Report) -> None:
        reason = next((each for each in report.findings if each.severity == "error"), None)
        self.report = report
        self.rule = reason.rule if reason else ""
        self.offset = reason.offset if reason else 0
        self.subject = reason.subject if reason else ""
        text = f"{self.rule} at byte {self.offset}: {reason.message}" if reason else (
            f"no parser for the format {report.format}: nothing is proven")
        super().__init__(f"{report.name or 'file'} is {report.verdict}: {text}")

    def __reduce__(self) -> tuple[object, ...]:
        # A report cannot be pickled; what crosses to another process is the text.
        return (SafetensorError, (str(self),))


def raise_refused(report: Report) -> NoReturn:
    """Raises for a report that is not `accepted`."""
    reason = next(iter(report.findings), None)
    if reason and reason.rule == "io/open-failed" and reason.found:
        if reason.found == errno.ENOENT:
            # The words of the safetensors package.
            raise FileNotFoundError(f"No such file or directory: {report.name}")
        raise OSError(reason.found, os.strerror(reason.found), report.name)
    raise RejectedError(report)
