"""Tries one recipe with the built command: compares the scan with the head's expectations."""
from __future__ import annotations

import json
import os
import subprocess
import tempfile

from .corpus import FOLDERS, write_atomically
from .errors import RecipeError
from .formats import format_of
from .recipe_file import compile_recipe, describe, read_text


def find_command(root: str) -> str:
    """TENSORGATE_COMMAND, or the most recently built command."""
    given = os.environ.get("TENSORGATE_COMMAND")
    if given:
        return given
    build = os.path.join(root, "..", "build")
    presets = sorted(os.listdir(build)) if os.path.isdir(build) else ()
    built = [os.path.join(build, preset, "cli", "tensorgate") for preset in presets]
    built = [path for path in built if os.access(path, os.X_OK)]
    if not built:
        raise RecipeError(build, 1, "no command: build one (scripts/test quick), or set TENSORGATE_COMMAND")
    return os.path.normpath(max(built, key=os.path.getmtime))


def find_recipe(root: str, name: str) -> tuple:
    """(format, folder, name, path) for a file, for FORMAT/FOLDER/NAME, or for a NAME that only one recipe has."""
    if name.endswith(".recipe"):
        name = os.path.relpath(name, root) if os.path.exists(name) else name
        name = name[: -len(".recipe")].replace(os.sep, "/")
    found = []
    for format_name in sorted(os.listdir(root)):
        for folder in FOLDERS:
            path = os.path.join(root, format_name, folder, os.path.basename(name) + ".recipe")
            full = f"{format_name}/{folder}/{os.path.basename(name)}"
            fits = full == name if name.count("/") >= 2 else full.endswith("/" + name)
            if fits and os.path.isfile(path):
                found.append((format_name, folder, os.path.basename(name), path))
    if len(found) == 1:
        return found[0]
    several = ", ".join("/".join(each[:3]) for each in found)
    raise RecipeError(name, 1, f"several recipes: {several}" if found else "no such recipe: expected FORMAT/FOLDER/NAME")


def differences(expected: dict, warns: list, line: dict) -> list:
    """How the scan differs from the head in one profile."""
    errors = [each for each in line["findings"] if each["severity"] == "error"]
    rules = [each["rule"] for each in errors]
    found = []
    if line["verdict"] != expected["verdict"]:
        found.append(f"verdict: expected {expected['verdict']}, got {line['verdict']}")
    if expected["rule"] and expected["rule"] not in rules:
        found.append(f"rule: expected {expected['rule']}, got {', '.join(rules) or 'none'}")
    offset = expected.get("offset")
    places = [each["offset"] for each in errors if each["rule"] == expected["rule"]]
    if offset is not None and places and offset not in places:
        found.append(f"offset of {expected['rule']}: expected {offset}, got {', '.join(map(str, places))}")
    given = {each["rule"] for each in line["findings"] if each["severity"] != "error"}
    found += [f"warns: expected {rule}" for rule in warns if rule not in given]
    return found


def run_recipe(root: str, name: str, command: str, keep: str | None) -> list:
    """Compiles one recipe, scans it in both profiles and prints the text report; returns the differences, one per line."""
    format_name, folder, short, path = find_recipe(root, name)
    compiled = compile_recipe(root, path, folder)
    kind = format_of(os.path.join(root, format_name), read_text)
    with tempfile.TemporaryDirectory() as scratch:
        suffix = "" if compiled.files else compiled.head.suffix
        entry = describe(compiled, format_name, short + suffix, path)
        out = keep or scratch
        for sub, output in (compiled.files or {"": compiled.output}).items():
            write_atomically(os.path.join(out, entry["path"], sub) if sub else os.path.join(out, entry["path"]), output)
        target = os.path.join(out, entry["path"])
        limits = [f"--limit-{limit.replace('_', '-')}={value}" for limit, value in entry["limits"].items()]

        def scan(*options):
            return subprocess.run([command, "scan", "--max-findings=1000000", *options, target], capture_output=True, text=True, check=False).stdout

        print(scan("-v", *limits), end="")
        found = []
        for profile in ("strict", "reference"):
            lines = [json.loads(line) for line in scan("--format", "jsonl", "--profile", profile, *(limits if profile == "strict" else ())).splitlines()]
            # For a folder, the line of its index; without one, or with several, only the library's own test judges it.
            whole = [line for line in lines if line["shards"]] if compiled.files else lines
            if len(whole) != 1:
                print(f"{profile}: the command does not judge the folder as a whole; lib_test does")
                continue
            rows = [*kind.rows, ""]
            if kind.rows and whole[0]["format"] not in rows and entry["strict"]["verdict"] != "unsupported":
                print(f"{profile}: the command takes it for {whole[0]['format']}; lib_test judges it as {format_name}")
                continue
            found += [f"{profile}: {each}" for each in differences(entry[profile], entry["warns"] if profile == "strict" else [], whole[0])]
    return found
