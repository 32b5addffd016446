"""hash --pin and --check, and what merge and split say."""

import hashlib
import json
import os
import unittest

from support import ACCEPTED, GOOD, OVERLAP, PICKLE, REJECTED, UNDECIDED, USAGE, Case, safetensors, tensor

OTHER = safetensors({"a": tensor(0, 8, "F32", [2]), "c": tensor(8, 12)}, bytes(12))
SAME = safetensors({"a": tensor(0, 8, "F32", [2]), "b": tensor(8, 12)}, bytes(12))  # other metadata


def digest(content):
    return hashlib.sha256(content).hexdigest()


class Pins(Case):
    def check(self, list_text, *paths, code=ACCEPTED):
        path = self.put("pins.txt", list_text if isinstance(list_text, bytes) else list_text.encode())
        out = self.run_command("hash", "--check", path, *paths, "--format", "json", code=code, cwd=self.dir).stdout
        text = self.run_command("hash", "--check", path, *paths, code=code, cwd=self.dir).stdout
        if code == USAGE:
            self.assertEqual((out, text), (b"", b""))
            return None
        return [each["result"] for each in json.loads(out)["files"]]

    def test_sums(self):
        self.put("a.safetensors")
        self.put("b.bin", b"anything")
        both = f"{digest(GOOD)}  a.safetensors\n# a comment\n\n{digest(b'anything').upper()} *b.bin"
        self.assertEqual(self.check(both), ["match", "match"])
        self.put("b.bin", b"anything else")
        self.assertEqual(self.check(both, code=REJECTED), ["match", "mismatch"])
        text = self.run_command("hash", "--check", self.dir / "pins.txt", cwd=self.dir).stdout.decode()
        self.assertIn("a.safetensors: OK\n", text)
        self.assertIn(f"b.bin: FAILED: its SHA-256 is {digest(b'anything else')}", text)
        (self.dir / "b.bin").unlink()
        self.assertEqual(self.check(both, code=UNDECIDED), ["match", "unreadable"])
        os.mkfifo(self.dir / "b.bin")
        self.assertEqual(self.check(both, code=UNDECIDED), ["match", "unreadable"])

    def test_pins(self):
        self.put("a.safetensors")
        self.put("odd\n\\name.safetensors", OTHER)
        lines = self.run_command("hash", "--pin", "a.safetensors", "odd\n\\name.safetensors", code=ACCEPTED,
                                 cwd=self.dir).stdout
        self.assertRegex(lines.decode(), r"\Aheader:[0-9a-f]{64} content:[0-9a-f]{64}  a.safetensors\n\\header:")
        header = self.scan_one("--digest", self.dir / "a.safetensors", code=ACCEPTED)["header_sha256"]
        self.assertIn(f"header:{header} ".encode(), lines)
        content = self.run_command("hash", self.dir / "a.safetensors").stdout.split()[-1]
        self.assertIn(b" content:" + content + b"  a.safetensors\n", lines)
        self.assertEqual(self.check(lines), ["match", "match"])
        self.put("a.safetensors", SAME)
        self.assertEqual(self.check(lines, code=REJECTED), ["mismatch", "match"])
        self.assertEqual(self.check(b"content:" + content + b"  a.safetensors"), ["match"])
        self.put("a.safetensors", OVERLAP)
        self.assertEqual(self.check(lines, code=REJECTED), ["mismatch", "match"])

    def test_pins_of_what_is_refused(self):
        self.put("a.safetensors")
        self.put("b.safetensors", OVERLAP)
        result = self.run_command("hash", "--pin", "b.safetensors", "a.safetensors", code=REJECTED, cwd=self.dir)
        self.assertEqual(result.stdout.count(b"\n"), 1)
        self.assertIn(b"safetensors/offsets-overlap", result.stderr)
        document = json.loads(self.run_command("hash", "--pin", "--format", "json", "b.safetensors", "a.safetensors",
                                               code=REJECTED, cwd=self.dir).stdout)
        self.assertEqual(([pin["path"] for pin in document["pins"]], len(document["reports"])), (["a.safetensors"], 1))

    def test_named_files_are_compared_with_every_line(self):
        path = self.put("downloaded.safetensors")
        self.put("x.bin", PICKLE)
        self.assertEqual(self.check(f"{digest(GOOD)}  elsewhere\n{'0' * 64}  b", path, "x.bin", code=REJECTED),
                         ["match", "mismatch"])

    def test_what_hash_prints(self):
        path = self.put("a.safetensors")
        lines = self.run_command("hash", path, code=ACCEPTED).stdout
        self.assertEqual(self.check(lines, path), ["match"])
        self.check(lines, code=USAGE)  # names no file
        self.assertEqual(self.check(lines, self.put("b.safetensors", SAME)), ["match"])
        self.assertEqual(self.check(lines, self.put("b.safetensors", OTHER), code=REJECTED), ["mismatch"])
        text = self.run_command("hash", "--check", self.dir / "pins.txt", self.dir / "b.safetensors").stdout.decode()
        self.assertIn('tensor "c" is not on the list\n', text)
        self.assertIn('tensor "b" is missing\n', text)
        first, second, last = lines.splitlines(keepends=True)
        for broken in (first + last, lines + lines, first + second, second + first + last, lines.replace(b"F32", b"F64")):
            self.check(broken, path, code=USAGE)

    def test_shards_and_checkpoints(self):
        self.run_command("split", "--max-shard-size", "8", self.put("a.safetensors"), self.dir / "m", code=ACCEPTED)
        lines = self.run_command("hash", "--pin", "m", code=ACCEPTED, cwd=self.dir).stdout
        self.assertRegex(lines, rb"\Acontent:[0-9a-f]{64}  m\n\Z")
        self.assertEqual(self.check(lines), ["match"])
        self.assertEqual(self.check(lines, "a.safetensors"), ["match"])

    def test_bad_lists(self):
        self.put("a")
        for text in ("", "\n# nothing\n", f"{digest(GOOD)}  a\nwhat\n", f"{digest(GOOD)} a\n", f"{digest(GOOD)[1:]}  a\n",
                     f"SHA256 (a) = {digest(GOOD)}\n", f"{digest(GOOD)}  \n", f"\\{digest(GOOD)}  a\\x\n",
                     f"header:{digest(GOOD)}  a\n", f"{digest(GOOD)}  a\0b\n"):
            with self.subTest(text):
                self.check(text, code=USAGE)
        self.run_command("hash", "--check", self.dir / "none", code=USAGE)
        self.run_command("hash", "--check", "", code=USAGE)
        self.run_command("hash", code=USAGE)
        self.run_command("hash", self.dir / "a", self.dir / "a", code=USAGE)
        self.run_command("hash", "--pin", "--check", self.dir / "a", self.dir / "a", code=USAGE)
        self.run_command("hash", "--check", self.put("l", f"{digest(GOOD)}  a".encode()), "--output", self.dir / "l", code=USAGE)


class MergeAndSplit(Case):
    def test_merge_names_the_tensor_and_both_files(self):
        one, two = self.put("one.safetensors"), self.put("two.safetensors", OTHER)
        result = self.run_command("merge", one, two, self.dir / "out.safetensors", "--format", "json", code=UNDECIDED)
        error = json.loads(result.stdout)["error"]
        self.assertEqual(error, {"rule": "save/name-duplicate", "message": f'tensor "a" is in {one} and in {two}'})
        self.assertIn(f'tensor "a" is in {one} and in {two}'.encode(), result.stderr)

    def test_merge_names_the_metadata_key(self):
        files = [self.put(f"{name}.safetensors", safetensors({"__metadata__": {"format": form}, name: tensor(0, 1)}, b"x"))
                 for name, form in (("a", "pt"), ("b", "np"))]
        out = self.dir / "out.safetensors"
        result = self.run_command("merge", *files, out, code=UNDECIDED)
        self.assertIn(b'metadata key "format" is in ', result.stderr)
        self.assertFalse(out.exists())
        self.run_command("merge", *files, out, "--drop-metadata", code=ACCEPTED)

    def test_split_makes_its_folder(self):
        path = self.put("a.safetensors")
        for target in ("m", "n/"):
            self.run_command("split", "--max-shard-size", "8", path, f"{self.dir}/{target}", code=ACCEPTED)
            self.scan(self.dir / target, code=ACCEPTED)
        self.run_command("split", path, self.dir / "no" / "parent", code=UNDECIDED)
        self.assertFalse((self.dir / "no").exists())
        self.run_command("split", path, self.put("file.txt", b"x"), code=USAGE)
        # Refused inputs leave no folder.
        self.run_command("split", self.put("b.safetensors", OVERLAP), self.dir / "o", code=REJECTED)
        self.assertFalse((self.dir / "o").exists())

    def test_split_says_what_it_replaced(self):
        path = self.put("a.safetensors")

        def split(size):
            return json.loads(self.run_command("split", "--max-shard-size", size, path, self.dir / "m", "--format", "json",
                                               code=ACCEPTED).stdout)["replaced"]
        self.assertEqual(split("8"), [])
        self.assertEqual(split("100"), ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                                        "model.safetensors.index.json"])
        self.assertEqual(split("8"), ["model.safetensors"])


if __name__ == "__main__":
    unittest.main()
