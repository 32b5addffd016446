"""Shared by the tests of the recipe tool."""
import os
import subprocess
import sys
import tempfile
import unittest

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
CORPUS = os.path.join(REPOSITORY, "corpus")
TOOL = os.path.join(CORPUS, "recipe.py")
sys.path.insert(0, CORPUS)

from tool.errors import RecipeError  # noqa: E402
from tool.recipe_file import compile_recipe  # noqa: E402

HEAD = "about: a test\nverdict: accepted\n---\n"
TEMPLATES = ("second_readings.inc", "safetensors/templates.inc", "safetensors/format.json")


def run(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, TOOL, *arguments], capture_output=True, text=True, cwd=cwd, timeout=300, check=False
    )


class CorpusCase(unittest.TestCase):
    """A separate corpus in a temporary folder."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = os.path.realpath(holder.name)
        for name in TEMPLATES:
            self.write(name, self.text_of(os.path.join(CORPUS, name)))

    @staticmethod
    def text_of(path):
        with open(path, encoding="ascii") as file:
            return file.read()

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        return path

    def compiled(self, body, head=HEAD, name="safetensors/accept/x.recipe"):
        return compile_recipe(self.root, self.write(name, head + body))

    def bytes_of(self, body, **keywords):
        return self.compiled(body, **keywords).output.to_bytes()

    def message_of(self, body, **keywords):
        with self.assertRaises(RecipeError) as caught:
            self.compiled(body, **keywords)
        return caught.exception
