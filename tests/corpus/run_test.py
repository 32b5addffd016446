"""recipe.py run: one recipe, beside the command."""

import contextlib
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "corpus"
sys.path.insert(0, str(CORPUS))

from tool.corpus import recipes  # noqa: E402
from tool.errors import RecipeError  # noqa: E402
from tool.run import differences, find_recipe, run_recipe  # noqa: E402

COMMAND = os.environ["TENSORGATE_COMMAND"]


class Run(unittest.TestCase):
    def test_recipes_of_each_folder(self):
        seen = {}
        for format_name, folder, name, _ in recipes(str(CORPUS)):
            seen.setdefault((format_name, folder), []).append(f"{format_name}/{folder}/{name}")
        for names in seen.values():
            for name in names[:: max(len(names) // 3, 1)]:
                with self.subTest(name), contextlib.redirect_stdout(io.StringIO()) as out:
                    self.assertEqual(run_recipe(str(CORPUS), name, COMMAND, None), [])
                    self.assertTrue(out.getvalue())

    def test_a_wrong_head_is_reported(self):
        line = {"verdict": "rejected", "findings": [{"rule": "a/b", "severity": "error", "offset": 3},
                                                    {"rule": "a/w", "severity": "warning", "offset": 0}]}
        right = {"verdict": "rejected", "rule": "a/b", "offset": 3}
        self.assertEqual(differences(right, ["a/w"], line), [])
        for changed, warns, wanted in (({"verdict": "accepted"}, [], "verdict: expected accepted, got rejected"),
                                       ({"rule": "a/c"}, [], "rule: expected a/c, got a/b"),
                                       ({"offset": 4}, [], "offset of a/b: expected 4, got 3"),
                                       ({}, ["a/x"], "warns: expected a/x")):
            self.assertEqual(differences(right | changed, warns, line), [wanted])

    def test_names(self):
        whole = find_recipe(str(CORPUS), "safetensors/reject/offsets-overlap-by-1")
        self.assertEqual(find_recipe(str(CORPUS), "offsets-overlap-by-1"), whole)
        self.assertEqual(find_recipe(str(CORPUS), whole[3]), whole)
        with self.assertRaisesRegex(RecipeError, "no such recipe"):
            find_recipe(str(CORPUS), "overlap-by-1")
        with self.assertRaisesRegex(RecipeError, "several recipes: checkpoint/"):
            find_recipe(str(CORPUS), "index-other-name")

    def test_as_people_call_it(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([sys.executable, CORPUS / "recipe.py", "run", "offsets-overlap-by-1", "--keep", folder],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("as its head says", done.stdout)
            self.assertEqual(os.listdir(folder), ["offsets-overlap-by-1.safetensors"])


if __name__ == "__main__":
    unittest.main()
