"""The whole corpus through the command: each line follows the contract and reports what the manifest says."""

import json
import os
import pathlib
import unittest

from support import UNDECIDED, Case

INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
# What is in a model's place by accident is reported as that, whatever the suffix.
MISTAKEN = (["scan/pointer"], ["scan/web-page"], ["scan/error-text"], ["scan/empty-file"], ["scan/zeros"])
CORPUS = pathlib.Path(os.environ.get("TENSORGATE_CORPUS_DIR", ""))


@unittest.skipUnless((CORPUS / "manifest.json").exists(), "TENSORGATE_CORPUS_DIR names no built corpus")
class Corpus(Case):
    def setUp(self):
        super().setUp()
        manifest = json.loads((CORPUS / "manifest.json").read_text())
        entries = [entry for entry in manifest["entries"] if not entry["limits"]]
        self.entries = {entry["path"]: entry for entry in entries if "files" not in entry}
        self.assertGreater(len(self.entries), 100)
        # A checkpoint is given by its index; folders without exactly one index are not files to name.
        self.checkpoints = {file["path"]: entry for entry in entries for file in entry.get("files", ())
                            if os.path.basename(file["path"]) in INDEXES}
        self.assertGreater(len(self.checkpoints), 50)

    def test_folder(self):
        for profile in ("strict", "reference"):
            seen = set()
            for line in self.scan("--profile", profile, CORPUS, timeout=300):
                path = os.path.relpath(line["path"], CORPUS)
                self.assertTrue(os.path.isfile(line["path"]))
                self.assertNotIn(path, seen)
                seen.add(path)
                entry = self.entries.get(path) or self.checkpoints.get(path)
                if entry is None:
                    continue
                with self.subTest(path=path, profile=profile):
                    told = entry[profile]
                    # The manifest has what the check of the format by itself says.
                    if path.endswith((".safetensors", ".pkl")) and self.rules(line)[:1] in MISTAKEN:
                        continue
                    if path.endswith(".pkl") and line["format"] != "pickle":
                        self.assertEqual(line["verdict"], "unsupported")  # it cannot be distinguished from other bytes
                        continue
                    self.assertEqual(line["verdict"], told["verdict"])
                    errors = [f for f in line["findings"] if f["severity"] == "error"]
                    if told["rule"]:
                        self.assertIn(told["rule"], [f["rule"] for f in errors])
            self.assertLessEqual({*self.entries, *self.checkpoints}, seen)

    def test_standard_input(self):
        for path, entry in self.entries.items():
            if entry["big"] or entry["size"] > 1 << 20:
                continue
            with self.subTest(path=path), open(CORPUS / path, "rb") as file:
                line = self.scan_one("-", stdin=file)
                self.assertEqual(line["verdict"] == "accepted", entry["strict"]["verdict"] == "accepted")
                self.assertNotEqual(line["verdict"], "undecided")

    def test_text(self):
        out = self.run_command("scan", "-v", CORPUS, timeout=300).stdout.decode()
        for character in "\x1b\x07\x7f\x85\u202e\u2066\u200b\ufeff\r":
            self.assertNotIn(character, out)


if __name__ == "__main__":
    unittest.main()
