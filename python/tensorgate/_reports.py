"""Makes reports and findings from their state: what pickles of them name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorgate import _native

if TYPE_CHECKING:
    from tensorgate._native import Finding, Report


def report(state: tuple[Any, ...]) -> Report:
    """The report that had this state. ValueError for that of a version with other rules."""
    return _native._report(state)


def finding(state: tuple[Any, ...], index: int) -> Finding:
    """A finding of the report that had this state."""
    return _native._finding(state, index)
