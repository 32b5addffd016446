"""The whole corpus: finds and builds all recipes, writes the manifest, and checks completeness."""
from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile

from . import head as heads
from .errors import RecipeError
from .formats import format_of
from .recipe_file import compile_recipe, describe, read_text

SCHEMA_VERSION = 1
FOLDERS = ("accept", "reject", "undecided", "unsupported", "extract", "regress")
STATE = ".state.json"  # next to the output folder, which contains only the corpus
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
_TEXT = r'"(?:[^"\\]|\\.)*"'
_ROW = re.compile(rf'^TENSORGATE_RULE\(\w+,((?:{_TEXT}|[^")])*)\)', re.M)
_COLUMN = re.compile(rf'\.(\w+) =\s*((?:{_TEXT}\s*)+|[\w:]+)')
_AREA = re.compile(r'^#include "tensorgate/(.+)"', re.M)


def recipes(root: str) -> list:
    """(format, folder, name, path) of each recipe, in a stable order."""
    found = []
    for format_name in sorted(os.listdir(root)):
        for folder in FOLDERS:
            base = os.path.join(root, format_name, folder)
            for file in sorted(os.listdir(base)) if os.path.isdir(base) else ():
                path = os.path.join(base, file)
                if not file.endswith(".recipe") or not _NAME.match(file[:-7]):
                    raise RecipeError(path, 1, "name: expected lower-case words separated by '-', and .recipe")
                found.append((format_name, folder, file[:-7], path))
    if not found:
        raise RecipeError(root, 1, "no recipe: expected some in FORMAT/accept, reject, undecided, unsupported, extract or regress")
    return found


class Builder:
    def __init__(self, root: str, out: str | None, big: bool = True):
        self.root, self.out, self.big = root, out, big
        self.built = self.kept = 0
        self._tool = _digest_of(_tool_files())
        self._state = self._load_state()
        self._new_state: dict = {}

    def run(self) -> dict:
        """Builds what is not up to date (nothing, if there is no `out`), and returns the manifest."""
        entries = []
        for format_name, folder, name, path in recipes(self.root):
            entry = self._one(format_name, folder, name, path)
            if entry is not None:
                entries.append(entry)
        paths = [f["path"] for e in entries for f in e.get("files", [e])]
        formats = {name: format_of(os.path.join(self.root, name), read_text)._asdict() for name in sorted({e["format"] for e in entries})}
        manifest = {"schema_version": SCHEMA_VERSION, "formats": formats, "entries": sorted(entries, key=lambda e: e["path"])}
        if self.out is not None:
            write_atomically(os.path.join(self.out, "manifest.json"), dump_manifest(manifest).encode())
            self._sweep(paths)
            write_atomically(self._state_path(), json.dumps(self._new_state).encode())
        return manifest

    def _one(self, format_name, folder, name, path):
        recipe = os.path.relpath(path, self.root).replace(os.sep, "/")
        known = self._state.get(recipe)
        if known and (self.big or not known["entry"]["big"]) and self._current(known):
            self.kept += 1
            self._new_state[recipe] = known
            return known["entry"]
        compiled = compile_recipe(self.root, path, folder)
        if compiled.head.big and not self.big:
            return None
        suffix = "" if compiled.files else compiled.head.suffix
        entry = describe(compiled, format_name, f"{format_name}/{folder}/{name}{suffix}", recipe)
        self.built += 1
        if self.out is not None:
            outputs = compiled.files or {"": compiled.output}
            for sub, output in outputs.items():
                target = os.path.join(self.out, entry["path"], sub) if sub else os.path.join(self.out, entry["path"])
                write_atomically(target, output)
        sources = [os.path.relpath(s, self.root) for s in compiled.sources]
        state = {"sources": sources, "digest": self._digest(sources), "entry": entry}
        state["files"] = self._files(entry)
        self._new_state[recipe] = state
        return entry

    # ---- up-to-date checks
    def _digest(self, sources) -> str:
        return _digest_of([os.path.join(self.root, s) for s in sources]) + self._tool

    def _files(self, entry) -> list:
        result = []
        for file in entry.get("files", [entry]):
            try:
                status = os.stat(os.path.join(self.out or "", file["path"]))
                result.append([file["path"], status.st_size, status.st_mtime_ns])
            except OSError:
                result.append([file["path"], None, None])
        return result

    def _current(self, known) -> bool:
        return known["digest"] == self._digest(known["sources"]) and known["files"] == self._files(known["entry"])

    def _state_path(self) -> str:
        return os.devnull if self.out is None else os.path.abspath(self.out) + STATE

    def _load_state(self) -> dict:
        try:
            with open(self._state_path(), encoding="ascii") as file:
                state = json.load(file)
            return state if isinstance(state, dict) else {}
        except (OSError, ValueError):
            return {}

    def _sweep(self, paths) -> None:
        """Removes files that earlier runs built from recipes that no longer exist, and nothing else."""
        wanted = set(paths)
        for state in self._state.values():
            for path, _, _ in state["files"]:
                if path not in wanted:
                    try:
                        os.remove(os.path.join(self.out, path))
                    except OSError:
                        pass


def write_atomically(path: str, content) -> None:
    """Writes a file next to the target and renames it: a reader sees the old file or the new one."""
    folder = os.path.dirname(path)
    if os.path.isfile(folder):
        os.remove(folder)
    if os.path.isdir(path):
        shutil.rmtree(path)
    os.makedirs(folder, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                content.write(file)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def dump_manifest(manifest: dict) -> str:
    """One format or entry per line, so that a change of one recipe changes one line."""
    formats = ",\n".join(f"{json.dumps(name)}: {json.dumps(each)}" for name, each in manifest["formats"].items())
    lines = ",\n".join(json.dumps(entry) for entry in manifest["entries"])
    return f'{{"schema_version": {manifest["schema_version"]}, "formats": {{\n{formats}\n}}, "entries": [\n{lines}\n]}}\n'


def _tool_files() -> list:
    folder = os.path.dirname(os.path.realpath(__file__))
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".py")]


def _digest_of(paths) -> str:
    digest = hashlib.sha256()
    for path in paths:
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError:
            content = b""
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


# ---- completeness


def read_rules(path: str) -> dict:
    """id -> (effect, strict, reference, reference error), from rules.def and the files that it includes."""
    text = _read_table(path)
    areas = [_read_table(os.path.join(os.path.dirname(path), area)) for area in _AREA.findall(text)]
    text = "\n".join([text, *areas])
    rules = {}
    for row in _ROW.finditer(text):
        columns = {"effect": "kReport", "strict": "kOff", "reference": "kOff", "reference_error": ""}
        columns |= {name: value.strip().strip('"').split("::")[-1] for name, value in _COLUMN.findall(row[1])}
        rules[columns.get("id")] = tuple(columns[name] for name in ("effect", "strict", "reference", "reference_error"))
    if not rules or len(rules) != text.count("TENSORGATE_RULE("):
        raise RecipeError(path, 1, "the table of rules: expected TENSORGATE_RULE(...) rows, each with a unique id")
    return rules


def _read_table(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        raise RecipeError(path, 1, "the table of rules: expected a readable text file") from None


def _untested(rule: str) -> bool:
    """Rules that need a hostile source, a call, a stream or a symbolic link instead of a file."""
    prefixes = ("convert/", "io/", "save/", "use/")
    return rule.startswith(prefixes) or rule in (
        "checkpoint/shard-link", "limit/spool-bytes", "limit/time", "scan/also-format", "scan/unknown", "scan/unsupported")


def problems(root: str, manifest: dict, rules: dict) -> list:
    """What is missing or inconsistent, one line for each."""
    found, fires, nears = [], set(), set()
    for entry in manifest["entries"]:
        strict, reference, recipe = entry["strict"], entry["reference"], entry["recipe"]
        extracts = entry.get("extract", {}).get("rule")
        for rule in [strict["rule"], reference["rule"], entry["near"], entry.get("full"), extracts, *entry["warns"]]:
            if rule is not None and rule not in rules:
                found.append(f"{recipe}: rule {rule}: expected one from the table of rules")
        if strict["verdict"] not in ("accepted", "unsupported") and strict["rule"] is None:
            found.append(f"{recipe}: expected a rule (written by from-bytes and not judged yet?)")
        if reference["rule"] in rules:
            level, error = rules[reference["rule"]][2:]
            if level != "kError" or error not in ("", reference["error"]):
                found.append(f"{recipe}: reference-error {reference['error']}: expected {error or 'another rule'}")
        fires.update([strict["rule"], entry.get("full"), *entry["warns"]])
        if entry["near"]:
            nears.add(entry["near"])
        if recipe.split("/")[1] == "extract" and "extract" not in entry:
            found.append(f"{recipe}: expected a line 'extract: ...'")
        if entry["near"] in entry["warns"]:
            found.append(f"{recipe}: near {entry['near']}: expected not to be in warns")
    for rule in rules:
        if not _untested(rule):
            if rule not in fires:
                found.append(f"{rule}: expected a recipe that triggers it")
            if rule not in nears:
                found.append(f"{rule}: expected an accepted near miss (near: {rule})")
    return found


__all__ = ["Builder", "dump_manifest", "heads", "problems", "read_rules", "recipes", "write_atomically"]
