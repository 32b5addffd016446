"""Expressions: numbers, strings, parameters, labels, and functions over ranges of the output."""
from __future__ import annotations

from .errors import RecipeError

MAX_BITS = 4096  # maximum size of a number; no recipe needs more


class Unresolved(Exception):
    """A label that is not placed yet, or bytes that are not final yet."""

    def __init__(self, what: str):
        super().__init__(what)


class Expr:
    """`op` is "value", "param", "at", "len", "crc32", "find", "neg" or a binary operator."""

    __slots__ = ("op", "args", "line")

    def __init__(self, op: str, args: tuple, line: int):
        self.op, self.args, self.line = op, args, line

    def mentions(self, op: str) -> bool:
        return self.op == op or any(isinstance(a, Expr) and a.mentions(op) for a in self.args)


class ExprParser:
    """Mixin of the parser: precedence climbing over + - * / and **."""

    def expression(self) -> Expr:
        left = self._term()
        while self.peek().kind in ("+", "-"):
            token = self.next()
            left = Expr(token.kind, (left, self._term()), token.line)
        return left

    def _term(self) -> Expr:
        left = self._power()
        while self.peek().kind in ("*", "/"):
            token = self.next()
            left = Expr(token.kind, (left, self._power()), token.line)
        return left

    def _power(self) -> Expr:
        left = self._factor()
        if self.peek().kind == "**":
            token = self.next()
            return Expr("**", (left, self._power()), token.line)
        return left

    def _factor(self) -> Expr:
        token = self.next()
        if token.kind in ("number", "string"):
            return Expr("value", (token.value,), token.line)
        if token.kind == "param":
            return Expr("param", (token.value,), token.line)
        if token.kind == "-":
            return Expr("neg", (self._factor(),), token.line)
        if token.kind == "(":
            inner = self.expression()
            self.expect(")")
            return inner
        if token.kind == "word" and self.peek().kind == "(":
            return self._function(token)
        raise self.error(token, "a number, string, $parameter, at(), len() or crc32()")

    def _function(self, token) -> Expr:
        self.next()
        if token.value == "at":
            args = (self.expect("word").value,)
        elif token.value in ("len", "crc32"):
            begin = self.expect("word").value
            self.expect("..")
            args = (begin, self.expect("word").value)
        elif token.value == "find":
            args = (self.expect("string").value, 1)
            if self.peek().kind == ",":
                self.next()
                args = (args[0], self.expect("number").value)
        else:
            raise RecipeError(
                self.path, token.line, f"function {token.value}(): expected at(), len(), crc32() or find()"
            )
        self.expect(")")
        return Expr(token.value, args, token.line)


def evaluate(expr: Expr, env):
    """`env` provides label(name), param(name), crc32(begin, end), find(bytes, nth), fail(line, text)."""
    op, args = expr.op, expr.args
    if op == "value":
        return args[0]
    if op == "param":
        return env.param(args[0], expr.line)
    if op == "at":
        return env.label(args[0], expr.line)
    if op in ("len", "crc32"):
        begin, end = env.label(args[0], expr.line), env.label(args[1], expr.line)
        if begin > end:
            env.fail(expr.line, f"{op}({args[0]}..{args[1]}): expected {args[0]} before {args[1]}")
        return end - begin if op == "len" else env.crc32(begin, end)
    if op == "find":
        return env.find(args[0], args[1], expr.line)
    values = [evaluate(a, env) for a in args]
    if not all(isinstance(v, int) for v in values):
        env.fail(expr.line, "arithmetic on a string: expected numbers")
    return _arithmetic(op, values, expr.line, env)


def _arithmetic(op: str, values: list, line: int, env) -> int:
    if op == "neg":
        return -values[0]
    left, right = values
    if op == "/":
        if right == 0:
            env.fail(line, "division by 0: expected another divisor")
        return left // right
    if op == "**":
        if right < 0 or right > MAX_BITS or left.bit_length() * right > MAX_BITS:
            env.fail(line, f"power: expected a result below 2**{MAX_BITS}")
        return left**right
    result = left + right if op == "+" else left - right if op == "-" else left * right
    if result.bit_length() > MAX_BITS:
        env.fail(line, f"number: expected a value below 2**{MAX_BITS}")
    return result
