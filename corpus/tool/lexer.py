"""Splits the text of a recipe into tokens."""
from __future__ import annotations

import re
from typing import NamedTuple

from .errors import RecipeError


class Token(NamedTuple):
    kind: str  # "word", "number", "param", "string", "end", or the punctuation itself
    value: object
    line: int


_TOKEN = re.compile(
    r"(?P<space>[ \t\n]+|#[^\n]*)"
    r"|(?P<number>0x[0-9a-fA-F_]+|[0-9][0-9_]*)"
    r"|(?P<word>[A-Za-z_]\w*(?:\.\w+)*)"
    r"|\$(?P<param>\w+)"
    r"|`(?P<raw>[^`\n]*)`"
    r'|"(?P<string>(?:[^"\\\n]|\\.)*)"'
    r"|(?P<punct>\.\.|\*\*|[-+*/(){},=;])",
    re.ASCII,
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u\{([0-9a-fA-F]{1,6})\}|(.))", re.ASCII)
_SIMPLE = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0", "\\": b"\\", '"': b'"'}


def check_ascii(path: str, text: str) -> None:
    """Whatever is hostile in a recipe must be visible to a reviewer: only printable ASCII is allowed."""
    line = 1
    for char in text:
        if char == "\n":
            line += 1
        elif char != "\t" and not " " <= char <= "~":
            raise RecipeError(
                path, line, f"character U+{ord(char):04X}: expected printable ASCII, use an escape"
            )


def unescape(path: str, line: int, text: str) -> bytes:
    out, end = [], 0
    for match in _ESCAPE.finditer(text):
        out.append(text[end : match.start()].encode("ascii"))
        end = match.end()
        if match.group(1):
            out.append(bytes([int(match.group(1), 16)]))
        elif match.group(2):
            code = int(match.group(2), 16)
            if code > 0x10FFFF:
                raise RecipeError(path, line, "escape \\u{...}: expected at most 10ffff")
            # "surrogatepass": recipes contain what no correct encoder would write.
            out.append(chr(code).encode("utf-8", "surrogatepass"))
        elif match.group(3) in _SIMPLE:
            out.append(_SIMPLE[match.group(3)])
        else:
            raise RecipeError(
                path, line, f"escape \\{match.group(3)}: expected \\n \\r \\t \\0 \\\\ \\\" \\xHH \\u{{H}}"
            )
    out.append(text[end:].encode("ascii"))
    return b"".join(out)


def tokenize(path: str, text: str, first_line: int = 1) -> list[Token]:
    tokens, place, line = [], 0, first_line
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            if text[place] in "\"`":
                raise RecipeError(path, line, "unterminated string: expected the closing quote on its line")
            raise RecipeError(path, line, f"character {text[place]!r}: expected a directive, string or number")
        kind, value = match.lastgroup, match.group(match.lastgroup)
        if kind == "number":
            try:
                tokens.append(Token(kind, int(value.replace("_", ""), 16 if value[:2] == "0x" else 10), line))
            except ValueError:
                raise RecipeError(path, line, f"number {value[:40]}: expected at most 4000 digits") from None
        elif kind == "string":
            tokens.append(Token(kind, unescape(path, line, value), line))
        elif kind == "raw":
            tokens.append(Token("string", value.encode("ascii"), line))
        elif kind == "punct":
            tokens.append(Token(value, value, line))
        elif kind != "space":
            tokens.append(Token(kind, value, line))
        line += match.group().count("\n")
        place = match.end()
    tokens.append(Token("end", "the end of the recipe", line))
    return tokens
