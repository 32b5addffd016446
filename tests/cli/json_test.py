"""All JSON that the command writes: no object has a key twice, whatever the file. Readers differ in which one they keep."""

import json
import os
import pathlib
import unittest

from convert_test import checkpoint
from support import ACCEPTED, Case, safetensors, sampled, tensor

CORPUS = pathlib.Path(os.environ["TENSORGATE_CORPUS_DIR"])


def once(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError(f"twice: {sorted(key for key in set(keys) if keys.count(key) > 1)}")
    return dict(pairs)


class Keys(Case):
    def parse(self, *command, code=None):
        out = self.run_command(*command, code=code, timeout=300).stdout.decode()
        return [json.loads(line, object_pairs_hook=once) for line in out.split("\n") if line]

    def test_the_parser_refuses_a_key_that_is_there_twice(self):
        with self.assertRaises(ValueError):
            json.loads('{"a":{"b":1,"b":2}}', object_pairs_hook=once)

    def test_every_file_of_the_corpus(self):
        manifest = json.loads((CORPUS / "manifest.json").read_text())
        paths = [CORPUS / entry["path"] for entry in manifest["entries"]
                 if not entry["big"] and entry.get("size", 0) < 1 << 20]  # for several files, the folder
        self.assertGreater(len(paths), 500)
        for path in sampled(paths):
            with self.subTest(path=str(path.relative_to(CORPUS))):
                self.parse("inspect", "--format", "json", path)
        for path in paths[::9]:
            with self.subTest(path=str(path.relative_to(CORPUS))):
                self.parse("hash", "--format", "json", path)
                self.parse("hash", "--pin", "--format", "json", path)
                self.parse("inspect", "--stats", "--format", "json", path)
                if not path.is_dir():
                    self.parse("metadata", "--format", "json", path)
                self.parse("diff", "--metadata", "--format", "json", path, path)
                self.parse("sanitize", "--format", "json", path, self.dir / "out.safetensors")
        self.assertGreater(len(self.parse("scan", "--format", "jsonl", CORPUS)), 500)
        out = self.run_command("scan", "--profile", "reference", "--format", "json", CORPUS, timeout=300).stdout
        json.loads(out, object_pairs_hook=once)
        self.parse("rules", "--format", "json")

    def test_names_that_are_keys_of_ours(self):
        names = ["report", "contents", "error", "tensors", "totals", "metadata", "metadata_null", "U8", "name", "shard",
                 "path", "path_base64", "sha256", "values", "items", "null", "", "__proto__", "constructor"]
        header = {name: tensor(i, i + 1) for i, name in enumerate(names)}
        header["__metadata__"] = {name: "x" for name in names}
        path = self.put("a.safetensors", safetensors(header, bytes(len(names))))
        told, = self.parse("inspect", "--format", "json", path, code=ACCEPTED)
        self.assertEqual(set(told), {"report", "contents", "error"})
        self.assertEqual([each["name"] for each in told["contents"]["tensors"]], names)
        self.assertEqual(told["contents"]["metadata"], {name: "x" for name in names})
        other = self.put("b.safetensors", safetensors({"x": tensor(0, 1)}, b"x"))
        for command in (("hash", path), ("hash", "--pin", path), ("inspect", "--stats", path), ("metadata", path), ("diff", "--metadata", path, other),
                        ("sanitize", path, self.dir / "out.safetensors")):
            self.parse(*command, "--format", "json")

    def test_keys_of_a_checkpoint(self):
        told, = self.parse("inspect", "--format", "json", CORPUS / "torch/accept/keys-alike.pt", code=ACCEPTED)
        self.assertEqual(told["contents"]["values"], {"items": [
            [2, 1], ["2", {}], [None, []], ["None", None], [True, "a"], ["True", ["b"]], [0.5, None],
            ["<float 6>", None], [[5, 6], None], ["w", {"tensor": "w"}],
            ["o", {"items": [["__dict__", None]], "__dict__": {"version": 1}}],
            ["p", {"items": [[7, None], ["7", None]], "__dict__": {"version": 1}}]]})
        # Nothing changes where no two are alike.
        for value in ({1: 2, "2": 3}, {"a": {}, "b": {True: 1, 2: {"x": 1}}}, {"items": [[1, 2]]}, {"__dict__": 1}):
            path = self.put("x.pt", checkpoint(value, {}))
            told, = self.parse("inspect", "--format", "json", path, code=ACCEPTED)
            self.assertEqual(told["contents"]["values"], json.loads(json.dumps(value).replace('"true"', '"True"')))
        for value in ({1: 2, "1": 3}, {"a": [{None: 1, "None": {"b": {3: 1, "3": 2}}}]}):
            path = self.put("x.pt", checkpoint(value, {}))
            self.assertIn('"items"', json.dumps(self.parse("inspect", "--format", "json", path, code=ACCEPTED)))


if __name__ == "__main__":
    unittest.main()
