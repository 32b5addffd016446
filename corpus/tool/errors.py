"""The tool's only exception."""
from __future__ import annotations


class RecipeError(Exception):
    """A mistake in a recipe: its position, and what was expected there."""

    def __init__(self, path: str, line: int, message: str):
        super().__init__(f"{path}:{line}: {message}")
        self.path, self.line, self.message = path, line, message
