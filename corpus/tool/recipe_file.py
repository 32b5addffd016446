"""A single recipe: reads, compiles and describes it for the manifest."""
from __future__ import annotations

import os
from typing import NamedTuple

from . import head as heads
from .compiler import Compiler
from .errors import RecipeError
from .formats import format_of
from .lexer import check_ascii
from .output import Output

DIGEST_LIMIT = 1 << 30  # larger files (with holes) have no digest in the manifest
TEMPLATES = "templates.inc"  # in a format's folder; read before each of its recipes


class Compiled(NamedTuple):
    head: heads.Head
    offset: int | None
    output: Output
    files: dict  # name -> Output, for a recipe with several files
    sources: tuple  # all files that were read


def read_text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise RecipeError(path, 1, f"cannot be read ({error.strerror})") from None
    text = data.decode("latin-1")
    check_ascii(path, text)
    return text


def compile_recipe(root: str, path: str, folder: str | None = None) -> Compiled:
    """`folder`: the verdict's folder that contains the recipe; None if the folder has no meaning."""
    sources = []

    def read(name):
        sources.append(name)
        return read_text(name)

    try:
        text = read(path)
        fields, body, first_line = heads.split(path, text)
        base = os.path.dirname(os.path.dirname(os.path.realpath(path)))
        head = heads.parse_head(path, fields, format_of(base, read))
        if folder in heads.FOLDERS and head.verdict != heads.FOLDERS[folder]:
            raise RecipeError(path, 1, f"verdict {head.verdict}: expected {heads.FOLDERS[folder]} in the folder {folder}")
        compiler = Compiler(root, read)
        templates = os.path.join(base, TEMPLATES)
        if os.path.isfile(templates):
            compiler.load_templates(templates)
        compiler.compile(path, body, first_line)
        offset = None if head.offset is None else compiler.value(path, head.offset[1], head.offset[0])
    except RecursionError:
        raise RecipeError(path, 1, "nesting: expected far fewer nested expressions") from None
    return Compiled(head, offset, compiler.output, compiler.files, tuple(dict.fromkeys(sources)))


def describe(compiled: Compiled, format_name: str, out_path: str, recipe: str) -> dict:
    """The entry of the manifest."""
    head = compiled.head
    entry = {"path": out_path, "recipe": recipe, "format": format_name, "about": head.about}
    if compiled.files:
        entry["files"] = [_file(out_path + "/" + name, out) for name, out in sorted(compiled.files.items())]
    else:
        entry.update(_file(out_path, compiled.output))
    entry["big"] = head.big
    entry["limits"] = head.limits
    entry["strict"] = {"verdict": head.verdict, "rule": head.rule, "offset": compiled.offset}
    entry["reference"] = {"verdict": head.reference, "rule": head.reference_rule, "error": head.reference_error}
    if head.recognized:
        entry["as"] = {"format": head.recognized[0], "class": head.recognized[1]}
    entry["warns"] = list(head.warns)
    if head.full:
        entry["full"] = head.full
    entry["near"] = head.near
    if head.numpy:
        entry["numpy"] = head.numpy
    if head.extract:
        entry["extract"] = head.extract
    entry["unsure"] = head.unsure
    entry["readers"] = head.readers
    return entry


def _file(path: str, output: Output) -> dict:
    digest = output.sha256() if output.size <= DIGEST_LIMIT else None
    return {"path": path, "sha256": digest, "size": output.size}
