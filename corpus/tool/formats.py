"""The differences between formats, from the format.json in each folder of the corpus."""
from __future__ import annotations

import json
import os
from typing import NamedTuple

from .errors import RecipeError

NAME = "format.json"


class Format(NamedTuple):
    suffix: str  # of the files, unless a recipe specifies another
    checker: str = "scan"  # the check that the recipes describe, one that tests/lib/corpus_test.cc supports
    errors: tuple = ()  # kinds of error that the format's reference distinguishes; empty: none
    rows: dict = {}  # rows of the library's table of formats, each with its fuzz target's mutator ("": none)


def format_of(folder: str, read) -> Format:
    """The format of a folder; `read` returns the text of a file."""
    path = os.path.join(folder, NAME)
    expected = f'expected an object with "suffix" and, where needed, {" and ".join(Format._fields[1:])}'
    try:
        return Format(**json.loads(read(path)))
    except ValueError as error:
        raise RecipeError(path, getattr(error, "lineno", 1), expected) from None
    except TypeError:
        raise RecipeError(path, 1, expected) from None
