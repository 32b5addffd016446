"""Uses of the package that must pass `mypy --strict`; typing_test.py runs it."""

import io
from pathlib import Path

import tensorgate


def judge(path: Path) -> str:
    report = tensorgate.check(path, profile="strict", limits={"tensors": 10})
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
