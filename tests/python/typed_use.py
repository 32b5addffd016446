"""Uses of the package that must pass `mypy --strict`; typing_test.py runs it."""

import io
from pathlib import Path
from typing import Any

import numpy.typing as npt

import tensorgate
import tensorgate.numpy
import tensorgate.torch


def judge(path: Path) -> str:
    report = tensorgate.check(path, profile="strict", limits={"tensors": 10}, pins=tensorgate.Pins("0" * 64 + "  a"))
    if report:
        return "accepted"
    finding: tensorgate.Finding = report.findings[0]
    number: int = finding.offset
    return f"{finding.rule} {number} {report.facts['tensors'] if report.facts else 0}"


def judge_others(data: bytes) -> list[tensorgate.Report]:
    return [tensorgate.check(data), tensorgate.check(memoryview(data)), tensorgate.check(io.BytesIO(data))]


def refuse(report: tensorgate.Report) -> tuple[str, int, str]:
    try:
        report.raise_unless_accepted()
    except tensorgate.RejectedError as error:
        return error.rule, error.offset, error.subject
    return "", 0, ""


def load(path: Path) -> list[str]:
    with tensorgate.safe_open(path, framework="np", backend="pread") as file:
        part = file.get_slice("a")
        dtype: str = part.get_dtype()
        metadata: dict[str, str] | None = file.metadata()
        return [*file.keys(), dtype, *(metadata or {})]


def save_and_load(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> bytes:
    tensorgate.numpy.save_file(arrays, path, {"format": "np"}, alignment=64, sync=True)
    loaded: dict[str, npt.NDArray[Any]] = tensorgate.numpy.load_file(path)
    return tensorgate.numpy.save(loaded)


def extract(path: Path) -> list[tuple[str, str | None]]:
    state: tensorgate.torch.Extracted = tensorgate.torch.extract(path, device="cpu")
    report: tensorgate.Report = state.report
    number: int = state.taken + state.as_stored + state.left_out
    entry: tensorgate.torch.ExtractedEntry = state.entries[0]
    if report or number == 0 or entry.outcome == "taken" or entry.shape == (1,):
        return []
    return [(each.name, each.reason) for each in state.entries if each.outcome == "left-out"]


def guarded() -> None:
    with tensorgate.guard(allow=["torchscript"], limits={"tensors": 5}, trust=tensorgate.TrustList("a.b newobj()"), pins="approved"):
        pass
