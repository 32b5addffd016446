#!/usr/bin/env python3
"""Compiles the corpus's recipes to the files they describe, and files back to recipes.

  recipe.py build OUT            compile every recipe to OUT/FORMAT/FOLDER/NAME.SUFFIX, and write OUT/manifest.json
  recipe.py build --manifest     only write the committed manifest.json
  recipe.py check                check that recipes, rules and near misses are complete and manifest.json is up to date
  recipe.py run NAME             build one recipe, scan it with the built command, and compare with its head
  recipe.py from-bytes FILE      print a recipe that compiles to FILE's bytes
  recipe.py directives           list the directives of the language

README.md next to this file describes the language by examples. Needs only Python 3.9.
"""
from __future__ import annotations

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from tool.compiler import MAX_SOLID  # noqa: E402
from tool.corpus import Builder, dump_manifest, problems, read_rules, write_atomically  # noqa: E402
from tool.directives import TABLE  # noqa: E402
from tool.errors import RecipeError  # noqa: E402
from tool.from_bytes import recipe_of  # noqa: E402
from tool.head import VERDICTS  # noqa: E402
from tool.run import find_command, run_recipe  # noqa: E402

HERE = os.path.dirname(os.path.realpath(__file__))
RULES = os.path.join(HERE, "..", "lib", "include", "tensorgate", "rules.def")


def build(arguments) -> int:
    root = _shown(arguments.root)
    if arguments.manifest:
        manifest = Builder(root, None).run()
        write_atomically(os.path.join(root, "manifest.json"), dump_manifest(manifest).encode())
        print(f"manifest.json: {len(manifest['entries'])} entries")
        return 0
    if arguments.out is None:
        print("recipe.py: build: expected a folder to build into, or --manifest", file=sys.stderr)
        return 2
    builder = Builder(root, arguments.out, big=not arguments.no_big)
    builder.run()
    print(f"{builder.built} built, {builder.kept} up to date")
    return 0


def check(arguments) -> int:
    root = _shown(arguments.root)
    manifest = Builder(root, None).run()
    found = problems(root, manifest, read_rules(arguments.rules))
    path = os.path.join(root, "manifest.json")
    try:
        with open(path, encoding="ascii") as file:
            committed = file.read()
    except (OSError, UnicodeDecodeError):
        committed = ""
    if committed != dump_manifest(manifest):
        found.append(f"{path}: stale, run 'recipe.py build --manifest'")
    for line in found:
        print(line, file=sys.stderr)
    if not found:
        print(f"{len(manifest['entries'])} recipes, all rules covered, manifest.json up to date")
    return 1 if found else 0


def run(arguments) -> int:
    command = arguments.command or find_command(arguments.root)
    found = run_recipe(_shown(arguments.root), arguments.name, command, arguments.keep)
    for line in found:
        print(f"different: {line}", file=sys.stderr)
    if not found:
        print("as its head says")
    return 1 if found else 0


def from_bytes(arguments) -> int:
    try:
        with open(arguments.file, "rb") as file:
            data = file.read(MAX_SOLID + 1)
    except OSError as error:
        raise RecipeError(arguments.file, 1, f"cannot be read ({error.strerror})") from None
    if len(data) > MAX_SOLID:
        raise RecipeError(arguments.file, 1, f"size: expected at most {MAX_SOLID} bytes")
    sys.stdout.write(recipe_of(data, arguments.verdict, arguments.rule, arguments.about))
    return 0


def directives(arguments) -> int:
    for name, directive in sorted(TABLE.items()):
        print(f"{name:9} {directive.help}")
    return 0


def _shown(root: str) -> str:
    """The path relative to the current folder, so that messages can be clicked."""
    relative = os.path.relpath(root)
    return root if relative.startswith("..") else relative


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(prog="recipe.py", description=__doc__.split("\n", maxsplit=1)[0])
    commands = parser.add_subparsers(dest="action", required=True)
    one = commands.add_parser("build", help="write the files and their manifest")
    one.add_argument("out", nargs="?", help="the folder to build into")
    one.add_argument("--no-big", action="store_true", help="leave out recipes marked 'big: yes'")
    one.add_argument("--manifest", action="store_true", help="write the committed manifest.json instead")
    one.set_defaults(run=build)
    two = commands.add_parser("check", help="check that corpus and manifest are complete")
    two.add_argument("--rules", default=RULES, help="the library's rules.def")
    two.set_defaults(run=check)
    four = commands.add_parser("run", help="build one recipe, scan it and compare with its head")
    four.add_argument("name", metavar="NAME", help="a file, FORMAT/FOLDER/NAME, or the NAME if only one recipe has it")
    four.add_argument("--command", help="the command (default: TENSORGATE_COMMAND, or the most recently built one)")
    four.add_argument("--keep", metavar="DIR", help="build into this folder, and keep the file")
    four.set_defaults(run=run)
    for sub in (one, two, four):
        sub.add_argument("--root", default=HERE, help="the corpus (default: this script's folder)")
    three = commands.add_parser("from-bytes", help="turn a file into a recipe")
    three.add_argument("file")
    three.add_argument("--verdict", choices=VERDICTS)
    three.add_argument("--rule", help="the rule that gives the verdict")
    three.add_argument("--about", default="to be described", help="a one-line description")
    three.set_defaults(run=from_bytes)
    commands.add_parser("directives", help="list the directives").set_defaults(run=directives)
    arguments = parser.parse_args(argv)
    try:
        return arguments.run(arguments)
    except RecipeError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"recipe.py: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
