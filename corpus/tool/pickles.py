"""Pickles as mnemonics: `pickle { PROTO 2  GLOBAL "evil_mod" "evil_fn"  EMPTY_TUPLE  REDUCE  STOP }`, in both directions.

The names are those of pickletools. Each is followed by its argument: a number; a text in quotes, whose length is written
before it; two texts for GLOBAL and INST; for BINFLOAT a number in quotes; for LONG1 and LONG4 a number, or their bytes in
quotes. `BINUNICODE(length=9) "abc"` writes a false length. Any other directive may be used between opcodes.
"""
from __future__ import annotations

import pickletools
import struct
from typing import NamedTuple

_FIXED = {"uint1": (1, False), "uint2": (2, False), "int4": (4, True), "uint4": (4, False), "uint8": (8, False)}
_SIZED = {  # width of the length, signed
    pickletools.TAKEN_FROM_ARGUMENT1: (1, False), pickletools.TAKEN_FROM_ARGUMENT4: (4, True),
    pickletools.TAKEN_FROM_ARGUMENT4U: (4, False), pickletools.TAKEN_FROM_ARGUMENT8U: (8, False),
}  # fmt: skip


class Opcode(NamedTuple):
    name: str
    code: int
    kind: str  # "none", "number", "float", "lines", "sized", "long"
    width: int = 0
    signed: bool = False
    lines: int = 0


def _opcode(info) -> Opcode:
    name, code, argument = info.name, ord(info.code), info.arg
    if argument is None:
        return Opcode(name, code, "none")
    if argument.name in _FIXED:
        return Opcode(name, code, "number", *_FIXED[argument.name])
    if argument.name == "float8":
        return Opcode(name, code, "float", 8)
    if argument.n == pickletools.UP_TO_NEWLINE:
        return Opcode(name, code, "lines", lines=2 if "pair" in argument.name else 1)
    width, signed = _SIZED[argument.n]
    return Opcode(name, code, "long" if name.startswith("LONG") else "sized", width, signed)


OPCODES = {info.name: _opcode(info) for info in pickletools.opcodes}
_BY_CODE = {opcode.code: opcode for opcode in OPCODES.values()}


def encode_long(value: int) -> bytes:
    """The shortest two's complement, as in pickle.encode_long."""
    if value == 0:
        return b""
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return data[:-1] if value < 0 and data[-1] == 0xFF and len(data) > 1 and data[-2] & 0x80 else data


def parse_opcode(parser, token) -> tuple:
    opcode = OPCODES[token.value]
    length = None
    if opcode.kind in ("sized", "long") and parser.accept("("):
        if not parser.accept_word("length"):
            raise parser.error(parser.peek(), "length=VALUE")
        parser.expect("=")
        length = parser.expression()
        parser.expect(")")
    count = {"none": 0, "lines": opcode.lines}.get(opcode.kind, 1)
    return opcode, length, tuple(parser.expression() for _ in range(count))


def emit_opcode(compiler, scope, node) -> None:
    opcode, length, expressions = node.args
    compiler.emit_bytes(node, bytes([opcode.code]))
    if opcode.kind == "number":
        compiler.emit_field(scope, node, expressions[0], opcode.width, "little", opcode.signed)
        return
    values = [compiler.now(scope, node, expression) for expression in expressions]
    if opcode.kind == "float":
        try:
            compiler.emit_bytes(node, struct.pack(">d", float(values[0])))
        except (ValueError, OverflowError):
            compiler.fail(node, f"{opcode.name}: expected a number in quotes")
    elif opcode.kind == "lines":
        for value in values:
            compiler.emit_bytes(node, _bytes(compiler, node, opcode, value) + b"\n")
    elif opcode.kind != "none":
        value = values[0]
        data = encode_long(value) if opcode.kind == "long" and isinstance(value, int) else value
        _emit_sized(compiler, scope, node, length, _bytes(compiler, node, opcode, data))


def _emit_sized(compiler, scope, node, length, data: bytes) -> None:
    opcode = node.args[0]
    if length is not None:
        compiler.emit_field(scope, node, length, opcode.width, "little", opcode.signed)
    else:
        try:
            compiler.emit_bytes(node, len(data).to_bytes(opcode.width, "little", signed=opcode.signed))
        except OverflowError:
            compiler.fail(node, f"{opcode.name}: expected a length that fits {opcode.width} bytes, or length=VALUE")
    compiler.emit_bytes(node, data)


def _bytes(compiler, node, opcode, value) -> bytes:
    if not isinstance(value, bytes):
        compiler.fail(node, f"{opcode.name}: expected a text in quotes")
    return value


# ---- the other direction


def lines_of(data: bytes, quote, plain) -> list:
    """The lines of a recipe for `data` that starts with a pickle: mnemonics up to its STOP, the rest by `plain`."""
    lines, place, row = ["pickle {"], 0, []
    while place < len(data):
        read = _read(data, place, quote)
        if read is None:
            break
        text, place = read
        row.append(text)
        if sum(map(len, row)) > 80 or text in ("STOP", "REDUCE", "BUILD") or text.startswith("PROTO"):
            lines.append("  " + "  ".join(row))
            row = []
        if text == "STOP":
            break
    if row:
        lines.append("  " + "  ".join(row))
    return [*lines, "}", *plain(data[place:])]


def split_opcodes(data: bytes) -> list:
    """The bytes of each opcode with its argument, up to STOP or to an unknown opcode."""
    ops, place = [], 0
    while place < len(data):
        read = _read(data, place, repr)
        if read is None:
            break
        ops.append(data[place : read[1]])
        place = read[1]
        if read[0] == "STOP":
            break
    return ops


def _read(data: bytes, place: int, quote) -> tuple[str, int] | None:
    """One opcode as text, and the offset of the next one."""
    opcode = _BY_CODE.get(data[place])
    if opcode is None:
        return None
    begin = place + 1
    if opcode.kind == "none":
        return opcode.name, begin
    if opcode.kind == "lines":
        texts = []
        for _ in range(opcode.lines):
            end = data.find(b"\n", begin)
            if end < 0:
                return None
            texts.append(quote(data[begin:end]))
            begin = end + 1
        return " ".join([opcode.name, *texts]), begin
    end = begin + opcode.width
    if end > len(data):
        return None
    if opcode.kind == "float":
        number = struct.unpack(">d", data[begin:end])[0]
        text = repr(number)
        return (f'{opcode.name} "{text}"', end) if struct.pack(">d", float(text)) == data[begin:end] else None
    number = int.from_bytes(data[begin:end], "little", signed=opcode.signed)
    if opcode.kind == "number":
        return f"{opcode.name} {number}", end
    if not 0 <= number <= len(data) - end:
        return None
    argument = data[end : end + number]
    value = int.from_bytes(argument, "little", signed=True)
    long = opcode.kind == "long" and encode_long(value) == argument
    return f"{opcode.name} {value if long else quote(argument)}", end + number


__all__ = ["OPCODES", "emit_opcode", "encode_long", "lines_of", "parse_opcode", "split_opcodes"]
