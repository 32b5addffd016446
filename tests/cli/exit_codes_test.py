"""The table of exit codes: each command, each kind of input, and which code wins."""

import json
import os
import pathlib
import unittest

from convert_test import checkpoint
from support import (ACCEPTED, GOOD, LFS, OVERLAP, PICKLE, REJECTED, UNDECIDED, UNSUPPORTED, Case)

CORPUS = pathlib.Path(os.environ["TENSORGATE_CORPUS_DIR"])
PLAIN = b"\x80\x02}X\x01\x00\x00\x00aK\x01s."
DONE = ACCEPTED

# The result of each kind of input: for commands that read tensors, for convert, and for those that write safetensors.
KINDS = {
    "good.safetensors": (GOOD, DONE, UNSUPPORTED, DONE),
    "good": (GOOD, DONE, UNSUPPORTED, DONE),
    "checkpoint.pt": (CORPUS / "torch/accept/zip-plain.pt", DONE, DONE, UNSUPPORTED),
    "legacy.pt": (CORPUS / "torch/accept/legacy-plain.pt", DONE, DONE, UNSUPPORTED),
    "plain.pkl": (PLAIN, UNSUPPORTED, UNSUPPORTED, UNSUPPORTED),
    "plain": (PLAIN, UNSUPPORTED, UNSUPPORTED, UNSUPPORTED),
    "bad.safetensors": (OVERLAP, REJECTED, REJECTED, REJECTED),
    "bad": (OVERLAP, REJECTED, REJECTED, REJECTED),
    "bad.pkl": (PICKLE, REJECTED, REJECTED, REJECTED),
    "bad.pt": (CORPUS / "torch/accept/zip-plain.pt", REJECTED, REJECTED, REJECTED),
    "empty.safetensors": (b"", REJECTED, REJECTED, REJECTED),
    "x.gguf": (b"GGUF" + bytes(20), UNSUPPORTED, UNSUPPORTED, UNSUPPORTED),
    "plain.npy": (CORPUS / "numpy/accept/plain.npy", DONE, DONE, UNSUPPORTED),
    "x.npy": (b"\x93NUMPY\1\0" + bytes(90), REJECTED, REJECTED, REJECTED),
    "x.npz": (b"PK\5\6" + bytes(18), UNSUPPORTED, UNSUPPORTED, UNSUPPORTED),
    "unknown": (bytes(range(200, 256)) * 3, UNSUPPORTED, UNSUPPORTED, UNSUPPORTED),
    "text.md": (b"hello\n", UNSUPPORTED, UNSUPPORTED, UNSUPPORTED),
    "error.json": (b'{"error":1}', UNSUPPORTED, UNSUPPORTED, UNSUPPORTED),
    "empty": (b"", UNSUPPORTED, UNSUPPORTED, UNSUPPORTED),
    "empty.bin": (b"", REJECTED, REJECTED, REJECTED),
    "pointer.bin": (LFS, UNSUPPORTED, UNSUPPORTED, UNSUPPORTED),
    "missing": (None, UNDECIDED, UNDECIDED, UNDECIDED),
}
# If there are several codes: 4 over 2 over 1 over 3 over 0.
ORDER = [DONE, UNSUPPORTED, REJECTED, UNDECIDED]


def worse(*codes):
    return max(codes, key=ORDER.index)


class Table(Case):
    def setUp(self):
        super().setUp()
        self.out = self.dir / "out"
        self.out.mkdir()
        self.paths = {}
        for name, (content, *_) in KINDS.items():
            self.paths[name] = self.dir / "in" / name
            if content is not None:
                content = content if isinstance(content, bytes) else content.read_bytes()
                # Truncated: the directory is at the end.
                self.put("in/" + name, content[:-1] if name == "bad.pt" else content)
        self.target = self.out / "x.safetensors"

    def commands(self, path):
        yield 1, ("inspect", path)
        yield 1, ("inspect", "--format", "json", path)
        yield 1, ("hash", path)
        yield 1, ("hash", "--format", "json", path)
        yield 1, ("hash", "--pin", path)
        yield 1, ("inspect", "--stats", path)
        yield 1, ("inspect", "--stats", "--format", "json", path)
        yield 1, ("metadata", path)
        yield 1, ("metadata", "--format", "json", path)
        yield 1, ("diff", path, path)
        yield 1, ("diff", "--format", "json", path, path)
        yield 2, ("convert", path, self.target)
        yield 2, ("convert", "--dry-run", path, self.target)
        yield 3, ("sanitize", path, self.target)
        yield 3, ("sanitize", "--format", "json", path, self.target)
        yield 3, ("split", "--max-shard-size", "1GB", path, self.target)
        yield 3, ("merge", path, self.target)

    def test_each_command_and_kind(self):
        for name, kind in KINDS.items():
            for column, command in self.commands(self.paths[name]):
                with self.subTest(command=command[:3], kind=name):
                    self.target.unlink(missing_ok=True)
                    result = self.run_command(*command, code=kind[column])
                    written = result.returncode == DONE and command[0] in ("convert", "sanitize", "split", "merge")
                    self.assertEqual(self.target.exists(), written and "--dry-run" not in command)
                    self.check_why(command, result)

    def check_why(self, command, result):
        """An accepted file that cannot be used is still called accepted, and a rule says why it cannot be used."""
        said = (result.stdout + result.stderr).decode()
        scanned = self.scan_one(next(part for part in command if self.dir / "in" in getattr(part, "parents", ())))
        if result.returncode == UNSUPPORTED and scanned["verdict"] == "accepted":
            self.assertIn("use/", said)
            self.assertNotIn("rejected", said)
        elif result.returncode != DONE:
            self.assertNotIn("accepted ", said)

    def test_several_inputs(self):
        names = ("good.safetensors", "bad", "x.gguf", "missing", "plain", "text.md")
        for a in names:
            for b in names:
                with self.subTest(a=a, b=b):
                    reads, writes = (worse(KINDS[a][i], KINDS[b][i]) for i in (1, 3))
                    self.run_command("diff", self.paths[a], self.paths[b], code=reads)
                    if writes != DONE:
                        told = json.loads(self.run_command("merge", "--format", "json", self.paths[a], self.paths[b],
                                                           self.target, code=writes).stdout)
                        self.assertFalse(told["written"])
                        self.assertEqual(len(told["reports"]), sum(KINDS[each][3] != DONE for each in (a, b)))
        self.assertEqual(os.listdir(self.out), [])

    def test_differ(self):
        other = self.put("other.safetensors", GOOD.replace(b"F32", b"I32"))
        self.run_command("diff", self.paths["good"], other, code=REJECTED)

    def test_output_that_cannot_be_written(self):
        for name, kind in KINDS.items():
            for column, command in self.commands(self.paths[name]):
                if command[0] == "convert":
                    continue
                with self.subTest(command=command[:3], kind=name):
                    self.target.unlink(missing_ok=True)  # merge does not replace a file
                    self.run_command(*command, "--output", self.dir / "no" / "folder", code=UNDECIDED)

    def test_each_folder_has_a_model(self):
        """A gate that names two folders does not pass because one of them has a model."""
        good, empty = self.put("good/a.safetensors"), self.dir / "empty"
        empty.mkdir()
        self.put("text/README.md", b"hello")
        self.run_command("scan", good.parent, code=DONE)
        for other in (empty, self.dir / "text"):
            for paths in ((good.parent, other), (other, good), (good, other)):
                self.run_command("scan", *paths, code=UNSUPPORTED)

    def test_folders(self):
        folder = self.put("shards/model.safetensors.index.json", json.dumps(
            {"metadata": {"total_size": 12}, "weight_map": {"a": "m.safetensors", "b": "m.safetensors"}}).encode()).parent
        self.put("shards/m.safetensors")
        for path in (folder, folder / "model.safetensors.index.json"):
            for command in (("inspect", path), ("hash", path), ("diff", path, path)):
                self.run_command(*command, code=DONE)
            result = self.run_command("convert", path, self.out / "t", code=UNSUPPORTED)
            self.assertIn(b"use/already-safetensors", result.stderr)

    def test_without_tensors(self):
        path = self.put("none.pt", checkpoint({"epoch": 1}, {}))
        for command in (("inspect", path), ("hash", path), ("diff", path, path)):
            self.run_command(*command, code=DONE)
        self.assertIn(b"convert/no-tensors", self.run_command("convert", path, self.target, code=UNSUPPORTED).stderr)

    def test_a_dtype_without_a_name(self):
        path = CORPUS / "torch/accept/dtype-unnamed.pt"
        self.run_command("inspect", path, code=DONE)
        for command in (("hash", path), ("diff", path, path), ("sanitize", path, self.target),
                        ("sanitize", "--profile", "reference", path, self.target)):
            result = self.run_command(*command, code=UNSUPPORTED)
            self.assertIn(b"accepted", result.stdout)
            self.assertIn(b'the dtype complex128 of tensor "w" has no equivalent', result.stderr)
            told = json.loads(self.run_command(*command, "--format", "json", code=UNSUPPORTED).stdout)
            self.assertEqual(told["error"]["rule"], "use/no-dtype")
            self.assertIn('of tensor "w"', told["error"]["message"])
        self.run_command("convert", path, self.target, code=UNSUPPORTED)
        texts = CORPUS / "numpy/accept/descr-texts.npy"
        self.run_command("inspect", texts, code=DONE)
        for command in (("hash", texts), ("diff", texts, texts), ("sanitize", texts, self.target)):
            result = self.run_command(*command, code=UNSUPPORTED)
            self.assertIn(b"the dtype <U2 of tensor \"array\" has no equivalent", result.stderr)
        # The same in a shard.
        self.put("sharded/m.bin", path.read_bytes())
        index = self.put("sharded/pytorch_model.bin.index.json",
                         b'{"metadata":{"total_size":32},"weight_map":{"w":"m.bin"}}')
        self.run_command("scan", index, code=DONE)
        for command in (("inspect", index), ("inspect", index.parent), ("hash", index), ("diff", index, index)):
            told = json.loads(self.run_command(*command, "--format", "json", code=UNSUPPORTED).stdout)
            self.assertEqual((told.get("report") or told["reports"][0])["verdict"], "accepted")
            self.assertEqual(told["error"]["rule"], "use/no-dtype")

    def test_the_profile_of_the_reference(self):
        for name, kind in KINDS.items():
            if name in ("bad", "bad.safetensors"):
                continue
            with self.subTest(kind=name):
                self.target.unlink(missing_ok=True)
                result = self.run_command("sanitize", "--profile", "reference", self.paths[name], self.target, code=kind[3])
                self.check_why(("sanitize", self.paths[name]), result)

    def test_rules(self):
        self.run_command("rules", code=DONE)
        self.run_command("rules", "use/no-tensors", code=DONE)
        self.run_command("rules", "--output", self.dir / "no" / "folder", code=UNDECIDED)


if __name__ == "__main__":
    unittest.main()
