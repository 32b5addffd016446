"""Turns a file back into a recipe that compiles to the same bytes."""
from __future__ import annotations

import re

from .pickles import lines_of

_PERIODIC = re.compile(rb"(.{1,8}?)\1{23,}", re.DOTALL)
_TEXT = re.compile(rb"[ -~\n\r\t]{8,}")
_BREAK = re.compile(rb'.*?(?:\},(?=[ \t\r\n]*")|\Z)', re.DOTALL)
LINE = 100


def quote(data: bytes) -> str:
    """A string of the language; raw if possible, since headers are full of quotes."""
    if all(32 <= c <= 126 and c != 0x60 for c in data):
        return "`" + data.decode("ascii") + "`"
    names = {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x5C: "\\\\", 0x22: '\\"'}
    return '"' + "".join(names.get(c) or (chr(c) if 32 <= c <= 126 else f"\\x{c:02x}") for c in data) + '"'


def _strings(data: bytes) -> list:
    return [quote(data[i : i + LINE]) for i in range(0, len(data), LINE)]


def _hex(data: bytes) -> list:
    return [f'hex "{data[i:i + 32].hex(" ")}"' for i in range(0, len(data), 32)]


def _runs(data: bytes) -> list:
    """Text as strings, everything else as hex."""
    lines, place = [], 0
    for match in _TEXT.finditer(data):
        lines += _hex(data[place : match.start()]) + _strings(match.group())
        place = match.end()
    return lines + _hex(data[place:])


def body_of(data: bytes, plain=_runs) -> list:
    """Repetitions as repeat or zero, everything else by `plain`."""
    lines, place = [], 0
    for match in _PERIODIC.finditer(data):
        unit, count = match.group(1), len(match.group()) // len(match.group(1))
        lines += plain(data[place : match.start()])
        if unit == b"\0":
            lines.append(f"zero {count}")
        else:
            lines.append(f"repeat {count} {{ {quote(unit)} }}")
        place = match.end()
    return lines + plain(data[place:])


def _header_lines(data: bytes) -> list:
    lines = []
    for match in _BREAK.finditer(data):
        lines += _strings(match.group())
    return lines


def recipe_of(data: bytes, verdict: str | None, rule: str | None, about: str) -> str:
    head = [f"about: {about}", f"verdict: {verdict or 'undecided'}"]
    if rule:
        head.append(f"rule: {rule}")
    if verdict is None:
        head.append("unsure: written by from-bytes and not judged yet")
    is_pickle = data[:1] == b"\x80" and data[1:2] <= b"\x05"
    if verdict == "rejected" and not is_pickle:
        head += ["# The reference's verdict; delete both lines and write 'reference: accepted' if it accepts.",
                 "reference: rejected", "reference-error: InvalidHeaderDeserialization"]  # fmt: skip
    length = int.from_bytes(data[:8], "little")
    if is_pickle:
        return "\n".join([*head, "---", *lines_of(data, quote, body_of)]) + "\n"
    if len(data) >= 8 and length <= len(data) - 8 and b"\0" not in data[8 : 8 + min(length, 4)] and length:
        lines = ["header {"] + ["  " + line for line in body_of(data[8 : 8 + length], _header_lines)] + ["}"]
        lines += body_of(data[8 + length :])
    elif len(data) >= 8 and data[8:9] in b"{[ \t\r\n" and len(data) > 8:
        lines = [f"u64le {length}"] + body_of(data[8:], _runs)
    else:
        lines = body_of(data)
    return "\n".join(head + ["---"] + lines) + "\n"
