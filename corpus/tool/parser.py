"""Turns the body of a recipe into nodes. The table in directives.py defines the arguments of each directive."""
from __future__ import annotations

from typing import NamedTuple

from .errors import RecipeError
from .expr import ExprParser
from .lexer import Token, tokenize

MAX_NESTING = 64


class Node(NamedTuple):
    path: str
    line: int
    emit: object  # called with (compiler, scope, node)
    args: tuple


class Template(NamedTuple):
    name: str
    path: str
    line: int
    fields: tuple  # of (name, default expression or None)
    body: list


class Parser(ExprParser):
    def __init__(self, path: str, text: str, first_line: int, directives: dict, call):
        self.path = path
        self._tokens = tokenize(path, text, first_line)
        self._place = 0
        self._directives = directives
        self._call = call  # emits a template
        self._depth = 0

    # ---- tokens
    def peek(self) -> Token:
        return self._tokens[self._place]

    def next(self) -> Token:
        token = self._tokens[self._place]
        if token.kind != "end":
            self._place += 1
        return token

    def error(self, token: Token, expected: str) -> RecipeError:
        return RecipeError(self.path, token.line, f"{show(token)}: expected {expected}")

    def expect(self, kind: str, expected: str = "") -> Token:
        token = self.next()
        if token.kind != kind:
            raise self.error(token, expected or (f"a {kind}" if kind.isalpha() else f"'{kind}'"))
        return token

    def accept(self, kind: str) -> bool:
        if self.peek().kind == kind:
            self._place += 1
            return True
        return False

    def accept_word(self, word: str) -> bool:
        if self.peek().kind == "word" and self.peek().value == word:
            self._place += 1
            return True
        return False

    # ---- nodes
    def body(self) -> list[Node]:
        nodes = self._items("end")
        return nodes

    def block(self) -> list[Node]:
        self.expect("{")
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise RecipeError(self.path, self.peek().line, f"blocks: expected a nesting of at most {MAX_NESTING}")
        nodes = self._items("}")
        self._depth -= 1
        return nodes

    def block_of(self, words: dict) -> list[Node]:
        """A block in which `words` are directives, too."""
        outer, self._directives = self._directives, {**self._directives, **words}
        try:
            return self.block()
        finally:
            self._directives = outer

    def _items(self, end: str) -> list[Node]:
        nodes = []
        while True:
            token = self.next()
            if token.kind == end:
                return nodes
            if token.kind == ";":
                continue
            if token.kind == "string":
                emit = self._directives["text"].emit
                nodes.append(Node(self.path, token.line, emit, (token.value,)))
            elif token.kind != "word":
                wanted = "a directive or a string"
                raise self.error(token, wanted + (" or '}'" if end == "}" else ""))
            elif token.value in self._directives:
                directive = self._directives[token.value]
                nodes.append(Node(self.path, token.line, directive.emit, directive.parse(self, token)))
            elif self.peek().kind in ("(", "{"):
                nodes.append(Node(self.path, token.line, self._call, self._template_call(token.value)))
            else:
                known = " ".join(sorted(self._directives))
                raise RecipeError(
                    self.path, token.line, f"directive {token.value}: expected a template call or one of {known}"
                )

    def _template_call(self, name: str) -> tuple:
        positional, named = [], {}
        if self.accept("("):
            while not self.accept(")"):
                if positional or named:
                    self.expect(",", "',' or ')'")
                token = self.peek()
                if token.kind == "word" and self._tokens[self._place + 1].kind == "=":
                    self._place += 2
                    if token.value in named:
                        raise RecipeError(self.path, token.line, f"field {token.value}: expected only once")
                    named[token.value] = self.expression()
                elif named:
                    raise self.error(token, "NAME=VALUE after the first named field")
                else:
                    positional.append(self.expression())
        block = self.block() if self.peek().kind == "{" else None
        return name, tuple(positional), named, block

    def template(self) -> Template:
        name = self.expect("word", "the template's name")
        if name.value in self._directives:
            raise RecipeError(self.path, name.line, f"template {name.value}: expected a name that is not a directive")
        fields = []
        if self.accept("("):
            while not self.accept(")"):
                if fields:
                    self.expect(",", "',' or ')'")
                field = self.expect("word", "the name of a field")
                default = self.expression() if self.accept("=") else None
                if any(field.value == known for known, _ in fields):
                    raise RecipeError(self.path, field.line, f"field {field.value}: expected only once")
                fields.append((field.value, default))
        return Template(name.value, self.path, name.line, tuple(fields), self.block())


def show(token: Token) -> str:
    if token.kind == "string":
        return f"string {token.value[:40]!r}"
    return str(token.value) if token.kind in ("end", "word", "number") else f"'{token.value}'"
