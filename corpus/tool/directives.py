"""The table of directives: for each word, how its arguments are parsed and what it writes.

A new one (an opcode of a pickle, an entry of a zip file) needs one line in TABLE and two functions: `parse(parser, token)`
returns a tuple, and `emit(compiler, scope, node)` writes it.
"""
from __future__ import annotations

import zlib
from typing import NamedTuple

from .errors import RecipeError
from .expr import Unresolved
from .pickles import OPCODES as PICKLE_OPCODES, emit_opcode, parse_opcode


class Directive(NamedTuple):
    parse: object
    emit: object
    help: str


def _integer(width: int, order: str, signed: bool) -> Directive:
    def parse(parser, token):
        values = [parser.expression()]
        while parser.accept(","):
            values.append(parser.expression())
        return tuple(values)

    def emit(compiler, scope, node):
        for expr in node.args:
            compiler.emit_field(scope, node, expr, width, order, signed)

    kind = "signed" if signed else "unsigned"
    return Directive(parse, emit, f"VALUE, ...: {kind} integers of {width} bytes")


def _parse_hex(parser, token):
    string = parser.expect("string", "hex digits in quotes")
    digits = bytes(c for c in string.value if c not in b" \t")
    try:
        return (bytes.fromhex(digits.decode("ascii")),)
    except (ValueError, UnicodeDecodeError):
        raise RecipeError(parser.path, string.line, "hex: expected pairs of hex digits") from None


def _emit_bytes(compiler, scope, node):
    compiler.emit_bytes(node, node.args[0])


def _parse_expression(parser, token):
    return (parser.expression(),)


def _emit_text(compiler, scope, node):
    value = node.args[0]
    if not isinstance(value, bytes):
        value = compiler.now(scope, node, value)
    compiler.emit_bytes(node, str(value).encode("ascii") if isinstance(value, int) else value)


def _emit_zero(compiler, scope, node):
    count = compiler.count(scope, node, node.args[0], "zero")
    compiler.reserve(node, count)
    compiler.emit_bytes(node, bytes(count))


def _emit_hole(compiler, scope, node):
    compiler.emit_hole(node, compiler.count(scope, node, node.args[0], "hole"))


def _parse_align(parser, token):
    step = parser.expression()
    return step, parser.expression() if parser.accept_word("with") else None


def _emit_align(compiler, scope, node):
    step = compiler.count(scope, node, node.args[0], "align")
    filler = 0 if node.args[1] is None else compiler.now(scope, node, node.args[1])
    if step == 0 or not isinstance(filler, int) or not 0 <= filler <= 255:
        compiler.fail(node, "align: expected a step above 0 and a byte")
    count = -compiler.position() % step
    compiler.reserve(node, count)
    compiler.emit_bytes(node, bytes([filler]) * count)


def _parse_repeat(parser, token):
    variable = parser.next().value if parser.peek().kind == "word" and parser.peek().value not in ("at", "len") else None
    return variable, parser.expression(), parser.block()


def _emit_repeat(compiler, scope, node):
    variable, expr, block = node.args
    compiler.emit_repeat(scope, node, variable, compiler.count(scope, node, expr, "repeat"), block)


def _parse_label(parser, token):
    return (parser.expect("word", "the label's name").value,)


def _emit_label(compiler, scope, node):
    compiler.place_label(scope, node, node.args[0])


def _parse_block(parser, token):
    return (parser.block(),)


def _emit_deflate(compiler, scope, node):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)  # raw deflate, as in zip entries
    data = packer.compress(compiler.separately(scope, node, node.args[0])) + packer.flush()
    compiler.emit_bytes(node, data)


def _parse_include(parser, token):
    return (parser.expect("string", "the path in quotes").value,)


def _emit_include(compiler, scope, node):
    compiler.include(scope, node, node.args[0])


def _parse_template(parser, token):
    return (parser.template(),)


def _emit_template(compiler, scope, node):
    compiler.define(node, node.args[0])


def _parse_nothing(parser, token):
    return ()


def _emit_caller_block(compiler, scope, node):
    compiler.emit_caller_block(scope, node)


def _parse_pickle(parser, token):
    return (parser.block_of(OPCODES),)


def _emit_block(compiler, scope, node):
    compiler.run(node.args[0], scope)


def _parse_file(parser, token):
    return parser.expect("string", "the file's name in quotes").value, parser.block()


def _emit_file(compiler, scope, node):
    compiler.emit_file(scope, node, *node.args)


TABLE = {
    "text": Directive(_parse_expression, _emit_text, "VALUE: a string unchanged, a number in decimal digits"),
    "hex": Directive(_parse_hex, _emit_bytes, '"00 ff": these bytes'),
    "zero": Directive(_parse_expression, _emit_zero, "COUNT: zero bytes"),
    "hole": Directive(_parse_expression, _emit_hole, "COUNT: zero bytes, written as a hole of a sparse file"),
    "align": Directive(_parse_align, _emit_align, "STEP [with BYTE]: up to a multiple of STEP from the file's start"),
    "repeat": Directive(_parse_repeat, _emit_repeat, "[NAME] COUNT { ... }: NAME is the parameter $NAME, from 0"),
    "label": Directive(_parse_label, _emit_label, "NAME: names this position for at(), len(), crc32()"),
    "deflate": Directive(_parse_block, _emit_deflate, "{ ... }: the block, as a raw deflate stream"),
    "include": Directive(_parse_include, _emit_include, '"path": the body of another recipe, or an .inc file'),
    "template": Directive(_parse_template, _emit_template, "NAME(FIELD=DEFAULT, ...) { ... }: defines a template"),
    "block": Directive(_parse_nothing, _emit_caller_block, "in a template: the block passed by its caller"),
    "pickle": Directive(_parse_pickle, _emit_block, "{ OPCODE ARGUMENT ... }: a pickle given by its opcodes"),
    "file": Directive(_parse_file, _emit_file, '"name" { ... }: one of several files'),
}
# Additional words inside a pickle block.
OPCODES = {name: Directive(parse_opcode, emit_opcode, "an opcode") for name in PICKLE_OPCODES}
for _width in (1, 2, 4, 8):
    for _prefix, _signed in (("u", False), ("i", True)):
        for _order, _name in (("", "little"),) if _width == 1 else (("le", "little"), ("be", "big")):
            TABLE[f"{_prefix}{8 * _width}{_order}"] = _integer(_width, _name, _signed)

__all__ = ["TABLE", "Directive", "Unresolved"]
