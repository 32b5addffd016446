"""The exceptions. They are created when first needed, so that importing this package imports nothing else."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tensorgate._native import Report

__all__ = ["OperationError", "RejectedError", "SafetensorError", "raise_failed", "raise_refused", "refusal"]

try:
    # Handlers written for the safetensors package keep working if it is installed.
    from safetensors import SafetensorError
except ImportError:

    class SafetensorError(Exception):  # type: ignore[no-redef]
        """Something cannot be read or written as safetensors."""


# Reasons that name a format, not something that is wrong.
_NO_PARSER = frozenset({"scan/unsupported", "scan/unknown"})
# Findings about a file as a whole have no place.
_WHOLE = ("io/", "scan/", "use/")


class RejectedError(SafetensorError):
    """A file that was not accepted.

    Raised for every verdict but `accepted`; `report.verdict` is the verdict. `rule`, `offset` and `subject` are those of
    the deciding finding; `rule` is empty if there is none (a format without a parser). The text ends with what to do.
    """

    def __init__(self, report: Report, advice: str = "") -> None:
        found = report.reason
        reason = None if found and found.rule in _NO_PARSER else found
        self.report = report
        self.rule = reason.rule if reason else ""
        self.offset = reason.offset if reason else 0
        self.subject = (reason.subject or "") if reason else ""
        self._advice = advice
        text = f"{shown(report.name) or 'file'} is {report.verdict}"
        if reason and reason.rule.startswith("use/"):
            # The file is accepted, but cannot be used in this way.
            text = f"{shown(report.name) or 'file'} cannot be used here: {reason.rule}: {reason.message}"
        elif reason:
            place = "" if reason.rule.startswith(_WHOLE) and not self.offset else f" at byte {self.offset}"
            text += f": {self.rule}{place}: {reason.message}"
        elif report.verdict == "unsupported":
            text += f": no parser for the format {report.format}, so nothing is verified"
        if advice:
            text += f"; {advice}"
        elif found:
            text += f". {found.fix}"
        super().__init__(text)

    def __reduce__(self) -> tuple[object, ...]:
        return (RejectedError, (self.report, self._advice))


class OperationError(SafetensorError):
    """Reading or writing failed, or the call was invalid: `rule` says which.

    `offset` is the position in the file, `part` the index of the file in a sharded checkpoint, `system_error` the system's
    errno or 0.
    """

    def __init__(self, rule: str, message: str, system_error: int = 0, offset: int = 0, part: int = 0) -> None:
        self.rule = rule
        self.system_error = system_error
        self.offset = offset
        self.part = part
        super().__init__(f"{rule}: {message}")


def raise_failed(rule: str, message: str, system_error: int, offset: int, part: int) -> NoReturn:
    """Raises the exception for a call that failed."""
    raise OperationError(rule, message, system_error, offset, part)


def refusal(report: Report, advice: str = "") -> Exception:
    """The exception for a report that is not `accepted`, or that is refused for another reason, given by `advice`."""
    reason = report.reason
    if reason and reason.rule == "io/link-dangling":
        # A program that looks for a file expects this, not a verdict.
        return FileNotFoundError(f"{shown(report.name)}: {reason.message}. {reason.fix}")
    if reason and reason.rule == "io/open-failed" and isinstance(reason.found, int) and reason.found:
        if reason.found == errno.ENOENT:
            # The wording of the safetensors package.
            return FileNotFoundError(f"No such file or directory: {report.name}")
        return OSError(reason.found, os.strerror(reason.found), report.name)
    return RejectedError(report, advice)


def raise_refused(report: Report) -> NoReturn:
    """Raises the exception for a report that is not `accepted`."""
    raise refusal(report)


def shown(name: str) -> str:
    return name.encode("unicode_escape").decode("ascii") if not name.isprintable() else name
