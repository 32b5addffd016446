"""The one exception of the tool."""
from __future__ import annotations


class RecipeError(Exception):
    """Something a recipe's author got wrong: where it stands, and what was expected."""

    def __init__(self, path: str, line: int, message: str):
        super().__init__(f"{path}:{line}: {message}")
        self.path, self.line, self.message = path, line, message
