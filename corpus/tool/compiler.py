"""Runs the nodes of a recipe: writes bytes, places labels, and patches fields that refer to later labels."""
from __future__ import annotations

import os

from .directives import TABLE
from .errors import RecipeError
from .expr import Expr, Unresolved, evaluate
from .output import Output
from .parser import Parser, Template

MAX_SOLID = 128 << 20  # maximum bytes of one recipe outside holes
MAX_SIZE = 1 << 40  # including holes
FILE_NAME = "._-%#+() "  # allowed on every system in addition to letters and digits
MAX_STEPS = 8_000_000
MAX_CALLS = 32  # maximum nesting of templates and includes


class Scope:
    """Labels and parameters of one file, template call or iteration."""

    def __init__(self, parent=None):
        self.parent = parent
        self.labels: dict = {}
        self.params: dict = {}  # name -> value, or (Expr, Scope) until it is evaluated
        self.caller_block = None  # (nodes, scope)

    def find(self, table: str, name: str):
        scope = self
        while scope is not None:
            if name in getattr(scope, table):
                return scope
            scope = scope.parent
        return None


class _Env:
    """The environment in which expressions are evaluated."""

    def __init__(self, compiler, scope, path):
        self.compiler, self.scope, self.path = compiler, scope, path

    def fail(self, line, text):
        raise RecipeError(self.path, line, text)

    def label(self, name, line):
        scope = self.scope.find("labels", name)
        if scope is None:
            raise Unresolved(f"label {name}: expected it to be placed")
        output, offset = scope.labels[name]
        if output is not self.compiler.output:
            self.fail(line, f"label {name}: expected one of the same file or deflate block")
        return offset

    def param(self, name, line):
        scope = self.scope.find("params", name)
        if scope is None:
            self.fail(line, f"${name}: expected a field of the template or the variable of a repeat")
        value = scope.params[name]
        if not isinstance(value, tuple):
            return value
        expr, home, path = value
        if home is None:
            self.fail(line, f"${name}: its value refers to itself, expected one that does not")
        scope.params[name] = (expr, None, path)
        try:
            result = evaluate(expr, _Env(self.compiler, home, path))
        finally:
            scope.params[name] = value
        scope.params[name] = result
        return result

    def crc32(self, begin, end):
        return self.compiler.crc32(begin, end)

    def find(self, needle, nth, line):
        if self.compiler.running:
            self.fail(line, "find(): expected only in the head")
        place = self.compiler.output.find(needle, nth)
        if place < 0:
            self.fail(line, f"find(): expected {needle[:60]!r} in the file {nth} times")
        return place


class Compiler:
    def __init__(self, root: str, read):
        """`root`: the folder that includes must stay in. `read(path) -> text`."""
        self.root = os.path.realpath(root)
        self.read = read
        self.templates: dict = {}
        self.files: dict = {}  # for a recipe with several files
        self.output = Output(MAX_SOLID, MAX_SIZE)
        self.globals = Scope()
        self.running = True
        self._fields: list = []
        self._late: list = []
        self._steps = 0
        self._calls = 0

    # ---- interface
    def load_templates(self, path: str) -> None:
        self.run(self._parse(path, self.read(path), 1), self.globals)

    def compile(self, path: str, body: str, first_line: int) -> None:
        self.run(self._parse(path, body, first_line), self.globals)
        self._patch_all()
        if self.files and self.output.size:
            raise RecipeError(path, first_line, "bytes outside of file blocks: expected all inside, or no file block")
        if self.files:
            self.output = next(iter(self.files.values()))  # the head refers to the first
        self.running = False

    def value(self, path: str, line: int, text: str) -> int:
        """Evaluates an expression of the head, after the body has run."""
        parser = Parser(path, text, line, TABLE, None)
        expr = parser.expression()
        parser.expect("end", "the end of the expression")
        try:
            result = evaluate(expr, _Env(self, self.globals, path))
        except Unresolved as error:
            raise RecipeError(path, line, str(error)) from None
        if not isinstance(result, int) or not 0 <= result <= self.output.size:
            raise RecipeError(path, line, f"offset {result}: expected one inside the file or its end")
        return result

    # ---- running
    def _parse(self, path, text, first_line):
        return Parser(path, text, first_line, TABLE, Compiler._emit_call).body()

    def run(self, nodes, scope) -> None:
        for node in nodes:
            self._steps += 1
            if self._steps > MAX_STEPS:
                self.fail(node, f"steps: expected at most {MAX_STEPS}, repeat a longer constant instead")
            node.emit(self, scope, node)

    def fail(self, node, text):
        raise RecipeError(node.path, node.line, text)

    def position(self) -> int:
        return self.output.size

    def now(self, scope, node, expr: Expr):
        try:
            return evaluate(expr, _Env(self, scope, node.path))
        except Unresolved as error:
            self.fail(node, f"{error} before this")

    def count(self, scope, node, expr, what) -> int:
        value = self.now(scope, node, expr)
        if not isinstance(value, int) or value < 0:
            self.fail(node, f"{what}: expected a number from 0")
        return value

    def reserve(self, node, count) -> None:
        if not self.output.room(count):
            self.fail(node, f"output: expected at most {MAX_SOLID} bytes outside of holes")

    def emit_bytes(self, node, data) -> None:
        self.reserve(node, len(data))
        self.output.append(data)

    def emit_hole(self, node, count) -> None:
        if not self.output.hole(count):
            self.fail(node, f"hole: expected a file of at most {MAX_SIZE} bytes")

    def emit_field(self, scope, node, expr, width, order, signed) -> None:
        field = (self.output.size, node, expr, scope, width, order, signed)
        try:
            data = self._encode(field)
        except Unresolved:
            data = bytes(width)
            (self._late if expr.mentions("crc32") or expr.mentions("param") else self._fields).append(field)
        self.emit_bytes(node, data)

    def _encode(self, field) -> bytes:
        _, node, expr, scope, width, order, signed = field
        if self.running is True and expr.mentions("crc32"):
            raise Unresolved("crc32(): expected its bytes to be final")
        value = evaluate(expr, _Env(self, scope, node.path))
        if not isinstance(value, int):
            self.fail(node, "string: expected a number")
        try:
            return value.to_bytes(width, order, signed=signed)
        except OverflowError:
            kind = "signed" if signed else "unsigned"
            self.fail(node, f"{value}: expected an {kind} integer of {width} bytes")

    def _patch_all(self) -> None:
        """Called when all labels are placed. Checksums come last, in the order in which they occur."""
        self.running = None  # crc32() can be evaluated now
        late, self._late = self._late, []
        fields, self._fields = self._fields, []
        plain = [f for f in late if not self._needs_crc(f)]
        checks = [f for f in late if self._needs_crc(f)]
        self._open = {f[0]: f[4] for f in checks}
        for field in fields + plain + checks:
            try:
                self.output.patch(field[0], self._encode(field))
            except Unresolved as error:
                self.fail(field[1], str(error))
            self._open.pop(field[0], None)
        self.running = True

    def _needs_crc(self, field) -> bool:
        def needs(expr, scope):
            if expr.mentions("crc32"):
                return True
            if expr.op == "param":
                home = scope.find("params", expr.args[0])
                value = home.params[expr.args[0]] if home else None
                return isinstance(value, tuple) and value[1] is not None and needs(value[0], value[1])
            return any(isinstance(a, Expr) and needs(a, scope) for a in expr.args)

        return needs(field[2], field[3])

    def crc32(self, begin, end) -> int:
        if self.running:
            raise Unresolved("crc32(): expected in a number of fixed size")
        for offset, width in self._open.items():
            if begin < offset + width and offset < end:
                raise Unresolved("crc32(): expected a range that contains neither itself nor later checksums")
        return self.output.crc32(begin, end)

    def place_label(self, scope, node, name) -> None:
        if name in scope.labels:
            self.fail(node, f"label {name}: expected only once")
        scope.labels[name] = (self.output, self.output.size)

    def emit_repeat(self, scope, node, variable, count, block) -> None:
        if variable is None and count > 64 and _constant(block):
            data = self.separately(scope, node, block)
            self.reserve(node, len(data) * count)
            self.emit_bytes(node, data * count)
            return
        for index in range(count):
            inner = Scope(scope)
            if variable is not None:
                inner.params[variable] = index
            self._steps += 1
            if self._steps > MAX_STEPS:
                self.fail(node, f"steps: expected at most {MAX_STEPS}, repeat a longer constant instead")
            self.run(block, inner)

    def separately(self, scope, node, block) -> bytes:
        """The bytes of a block that is compiled separately."""
        saved = self.output, self._fields, self._late
        self.output, self._fields, self._late = Output(MAX_SOLID, MAX_SOLID), [], []
        try:
            self.run(block, Scope(scope))
            self._patch_all()
            return self.output.to_bytes()
        finally:
            self.output, self._fields, self._late = saved

    def emit_file(self, scope, node, name, block) -> None:
        text = name.decode("ascii", "replace")
        parts = text.split("/")
        if any(p in ("", ".", "..") or not all(c.isalnum() or c in FILE_NAME for c in p) or p != p.strip() for p in parts):
            self.fail(node, f"file {text!r}: expected letters, digits, inner spaces, {FILE_NAME.strip()}, separated by '/'")
        if text in self.files or any(k.startswith(text + "/") or text.startswith(k + "/") for k in self.files):
            self.fail(node, f"file {text}: expected unique names, none of which is a folder of another")
        if scope is not self.globals:
            self.fail(node, "file: expected at the top level of the body, not inside a block")
        saved = self.output, self._fields, self._late
        self.output, self._fields, self._late = Output(MAX_SOLID, MAX_SIZE), [], []
        try:
            self.run(block, Scope(scope))
            self._patch_all()
            self.files[text] = self.output
        finally:
            self.output, self._fields, self._late = saved

    # ---- templates and includes
    def define(self, node, template: Template) -> None:
        if template.name in self.templates:
            self.fail(node, f"template {template.name}: expected only once")
        self.templates[template.name] = template

    def _emit_call(self, scope, node) -> None:
        name, positional, named, block = node.args
        template = self.templates.get(name)
        if template is None:
            known = " ".join(sorted(self.templates)) or "none is defined"
            self.fail(node, f"template {name}: expected one of: {known}")
        self._enter(node)
        inner = Scope(self.globals)
        inner.caller_block = (block or [], scope)
        fields = [field for field, _ in template.fields]
        if len(positional) > len(fields):
            self.fail(node, f"template {name}: expected at most {len(fields)} values")
        for field, expr in zip(fields, positional):
            inner.params[field] = (expr, scope, node.path)
        for field, expr in named.items():
            if field not in fields or field in inner.params:
                self.fail(node, f"field {field} of {name}: expected each field only once, from: {' '.join(fields)}")
            inner.params[field] = (expr, scope, node.path)
        for field, default in template.fields:
            if field not in inner.params:
                if default is None:
                    self.fail(node, f"template {name}: expected a value for {field}")
                inner.params[field] = (default, inner, template.path)
        self.run(template.body, inner)
        self._calls -= 1

    def emit_caller_block(self, scope, node) -> None:
        home = scope
        while home is not None and home.caller_block is None:
            home = home.parent
        if home is None:
            self.fail(node, "block: expected inside a template")
        nodes, caller = home.caller_block
        self.run(nodes, caller)

    def include(self, scope, node, target: bytes) -> None:
        text = target.decode("ascii", "replace")
        path = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(node.path)), text))
        if os.path.isabs(text) or os.path.commonpath([self.root, path]) != self.root:
            self.fail(node, f"include {text!r}: expected a relative path that stays in the corpus")
        if not path.endswith((".recipe", ".inc")):
            self.fail(node, f"include {text!r}: expected a .recipe or .inc file")
        if not os.path.isfile(path):
            self.fail(node, f"include {text!r}: expected an existing file")
        content = self.read(path)
        self._enter(node)
        shown = os.path.relpath(path, os.getcwd()) if not os.path.isabs(node.path) else path
        first_line = 1
        if path.endswith(".recipe"):
            from .head import split  # only the body is included

            _, content, first_line = split(shown, content)
        self.run(self._parse(shown, content, first_line), scope)
        self._calls -= 1

    def _enter(self, node) -> None:
        self._calls += 1
        if self._calls > MAX_CALLS:
            self.fail(node, f"templates and includes: expected a nesting of at most {MAX_CALLS}")


def _constant(block) -> bool:
    """Whether the block always writes the same bytes."""
    for node in block:
        if getattr(node.emit, "__name__", "") not in ("_emit_text", "_emit_bytes"):
            return False
        if isinstance(node.args[0], Expr) and node.args[0].op != "value":
            return False
    return True
