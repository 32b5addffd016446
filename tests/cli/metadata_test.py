"""metadata, inspect --stats, index, sanitize --repair: what they write and report, and what they refuse."""

import io
import json
import os
import pathlib
import struct
import unittest
import zipfile

from support import (ACCEPTED, GOOD, OVERLAP, PICKLE, REJECTED, UNDECIDED, UNSUPPORTED, USAGE, Case, check_line, safetensors,
                     tensor)

CORPUS = pathlib.Path(os.environ.get("TENSORGATE_CORPUS_DIR", ""))
INDEX = "model.safetensors.index.json"


def one(name, size=4):
    return safetensors({name: tensor(0, size)}, bytes(size))


class Metadata(Case):
    def metadata(self, path, *options, code=ACCEPTED):
        document = json.loads(self.run_command("metadata", path, "--format", "json", *options, code=code).stdout)
        check_line(self, document["report"])
        return document

    def test_shows(self):
        path = self.put("a.safetensors")
        self.assertEqual(self.run_command("metadata", path, code=ACCEPTED).stdout, b"format: pt\n")
        document = self.metadata(path)
        self.assertEqual((document["contents"]["metadata"], document["written"]), ({"format": "pt"}, False))
        self.assertEqual(path.read_bytes(), GOOD)
        self.assertEqual(self.run_command("metadata", self.put("b.safetensors", one("a"))).stdout, b"")

    def test_sets_and_deletes(self):
        path = self.put("a.safetensors")
        document = self.metadata(path, "--set", "note=a=b", "--set", "format=np", "--delete", "gone")
        self.assertEqual((document["written"], document["absent"]), (True, ["gone"]))
        self.assertEqual(document["contents"]["metadata"], {"format": "np", "note": "a=b"})
        self.assertEqual(list(self.metadata(path)["contents"]["metadata"].items()), [("format", "np"), ("note", "a=b")])
        self.assertEqual(path.read_bytes()[-12:], GOOD[-12:])
        for profile in ("strict", "reference"):
            self.assertEqual(self.scan_one("--profile", profile, path, code=ACCEPTED)["metadata_entries"], 2)
        self.metadata(path, "--delete", "note", "--delete", "format")
        self.assertNotIn(b"__metadata__", path.read_bytes())
        text = self.run_command("metadata", path, "--set", "format=pt", code=ACCEPTED).stdout.decode()
        self.assertIn("written: 1 set, 0 deleted, 1 entry", text)
        self.run_command("diff", "--metadata", path, self.put("b.safetensors"), code=0)

    def test_what_is_so_already_is_not_written(self):
        path = self.put("a.safetensors")
        before = path.stat()
        document = self.metadata(path, "--set", "format=pt", "--delete", "none")
        self.assertFalse(document["written"])
        self.assertEqual(path.stat().st_ino, before.st_ino)

    def test_a_symbolic_link_is_replaced_and_its_target_kept(self):
        blob = self.put("blobs/abc")
        link = self.dir / "m.safetensors"
        link.symlink_to(blob)
        self.metadata(link, "--set", "x=y")
        self.assertFalse(link.is_symlink())
        self.assertEqual(blob.read_bytes(), GOOD)

    def test_every_accepted_file_of_the_corpus(self):
        names = sorted(path for path in (CORPUS / "safetensors" / "accept").iterdir() if path.stat().st_size < 1 << 20)
        self.assertGreater(len(names), 50)
        for name in names[::4]:
            with self.subTest(name.name):
                path = self.put("a.safetensors", name.read_bytes())
                self.metadata(path, "--no-sync", "--set", "added by the test=\u00e9 \"\\")
                self.run_command("diff", name, path, code=0)
                for profile in ("strict", "reference"):
                    self.scan_one("--profile", profile, path, code=ACCEPTED)
                self.metadata(path, "--no-sync", "--delete", "added by the test")
                self.run_command("diff", "--metadata", name, path, code=0)

    def test_wrong_usage(self):
        path = self.put("a.safetensors")
        for options in (["--set", "x"], ["--set", "=x"], ["--set", "a=1", "--set", "a=2"], ["--set", "a=1", "--delete", "a"],
                        ["--set", b"a=\xff"], ["--delete", b"\xff"], ["--set"]):
            result = self.run_command("metadata", path, *options, code=USAGE)
            self.assertEqual(result.stdout, b"")
        self.run_command("metadata", self.dir, code=USAGE)
        self.run_command("metadata", path, "--set", "a=b", "--output", path, code=USAGE)
        self.assertEqual(path.read_bytes(), GOOD)

    def test_refused(self):
        for content, code in ((OVERLAP, REJECTED), (PICKLE, REJECTED)):
            path = self.put("a.safetensors", content)
            self.assertFalse(self.metadata(path, "--set", "a=b", code=code)["contents"])
            self.assertEqual(path.read_bytes(), content)
        path = self.put("a.pt", (CORPUS / "torch" / "accept" / "legacy-plain.pt").read_bytes())
        self.assertEqual(self.metadata(path, "--set", "a=b", code=UNSUPPORTED)["error"]["rule"], "use/not-safetensors")
        self.metadata(path)
        self.metadata(self.dir / "none", code=UNDECIDED)

    def test_a_header_that_would_be_too_large(self):
        path = self.put("a.safetensors")
        result = self.run_command("metadata", path, *(option for i in range(900) for option in ("--set", f"{i}={'x' * 120_000}")),
                                  code=None) if os.sysconf("SC_ARG_MAX") > 120_000_000 else None
        if result:
            self.assertEqual(result.returncode, UNDECIDED)
        self.assertEqual(path.read_bytes(), GOOD)


class Stats(Case):
    FLOATS = struct.pack("<6f", 1.5, -2, float("nan"), float("inf"), 0, -0.0)

    def stats(self, path, code=ACCEPTED):
        document = json.loads(self.run_command("inspect", "--stats", "--format", "json", path, code=code).stdout)
        return {each["name"]: each["stats"] for each in document["contents"]["tensors"]}

    def test_json(self):
        path = self.put("a.safetensors", safetensors(
            {"f": tensor(0, 24, "F32", [6]), "u": tensor(24, 32, "U64", []), "c": tensor(32, 40, "C64", [1]),
             "n": tensor(40, 42, "F16", [1]), "e": tensor(42, 42, "F32", [0])},
            self.FLOATS + b"\xff" * 8 + bytes(8) + b"\x00\x7e"))
        stats = self.stats(path)
        self.assertEqual(stats["f"], {"min": -2, "max": 1.5, "mean": -0.125, "nan": 1, "inf": 1, "zeros": 2})
        self.assertEqual(stats["u"]["max"], 2**64 - 1)
        self.assertEqual(stats["c"], {"min": None, "max": None, "mean": None, "nan": 0, "inf": 0, "zeros": 1})
        self.assertEqual((stats["n"]["nan"], stats["n"]["min"]), (1, None))
        self.assertEqual(stats["e"], {"min": None, "max": None, "mean": None, "nan": 0, "inf": 0, "zeros": 0})

    def test_text(self):
        path = self.put("a.safetensors", safetensors({"a": tensor(0, 24, "F32", [6])}, self.FLOATS))
        lines = self.run_command("inspect", "--stats", path, code=ACCEPTED).stdout.decode().splitlines()
        self.assertIn(["a", "F32", "[6]", "-2", "1.5", "-0.125", "1", "1", "2"], [line.split() for line in lines])
        self.assertEqual(lines[-1], 'NaN or Inf in 1 tensor, first in "a"')
        text = self.run_command("inspect", "--stats", self.put("b.safetensors")).stdout.decode()
        self.assertTrue(text.endswith("all numbers are finite\n"))
        empty = self.put("c.safetensors", safetensors(b"{}"))
        self.assertIn("0 tensors", self.run_command("inspect", "--stats", empty, code=ACCEPTED).stdout.decode())

    def test_every_format_and_shards(self):
        for folder in ("torch", "numpy"):
            files = sorted((CORPUS / folder / "accept").iterdir())
            shown = 0
            for path in files[::5]:
                if self.run_command("hash", path).returncode != ACCEPTED:
                    continue
                shown += 1
                with self.subTest(path.name):
                    for name, stats in self.stats(path).items():
                        self.assertGreaterEqual(stats["zeros"], 0, name)
            self.assertGreater(shown, 3)
        for i in (1, 2):
            self.put(f"m/model-0000{i}-of-00002.safetensors", one("ab"[i - 1]))
        self.run_command("index", self.dir / "m", code=ACCEPTED)
        self.assertEqual({name: stats["zeros"] for name, stats in self.stats(self.dir / "m").items()}, {"a": 4, "b": 4})

    def test_strided_tensors_are_read_as_they_are(self):
        for path in sorted((CORPUS / "torch" / "accept").glob("*strid*")) + sorted((CORPUS / "torch" / "accept").glob("*expand*")):
            if self.run_command("hash", path).returncode != ACCEPTED:
                continue
            out = self.dir / "out.safetensors"
            out.unlink(missing_ok=True)
            if self.run_command("convert", path, out).returncode == ACCEPTED:
                converted = self.stats(out)
                self.assertLessEqual(converted.items(), self.stats(path).items())

    def test_refused(self):
        self.run_command("inspect", "--stats", self.put("a.safetensors", OVERLAP), code=REJECTED)
        self.run_command("inspect", "--stats", self.put("a.gguf", b"GGUF" + bytes(20)), code=UNSUPPORTED)
        for other in ("--opcodes", "--globals", "--extract", "--digest"):
            self.run_command("inspect", "--stats", other, self.put("a.safetensors"), code=USAGE)


class Index(Case):
    def index(self, code=ACCEPTED):
        document = json.loads(self.run_command("index", self.dir / "m", "--format", "json", code=code).stdout)
        for report in document["reports"]:
            check_line(self, report)
        self.assertEqual(document["written"], code == ACCEPTED)
        return document

    def test_writes_what_split_writes(self):
        path = self.put("a.safetensors")
        self.run_command("split", "--max-shard-size", "8", path, self.dir / "m", code=ACCEPTED)
        before = (self.dir / "m" / INDEX).read_bytes()
        (self.dir / "m" / INDEX).unlink()
        document = self.index()
        self.assertEqual((self.dir / "m" / INDEX).read_bytes(), before)
        self.assertEqual((document["shards"], document["tensors"], document["data_bytes"], document["replaced"]), (2, 2, 12, False))
        self.scan(self.dir / "m", code=ACCEPTED)
        self.assertTrue(self.index()["replaced"])

    def test_other_names_and_other_files(self):
        self.put("m/encoder.safetensors", one("a"))
        self.put("m/decoder.safetensors", one("b"))
        self.put("m/config.json", b"{}")
        self.assertEqual(self.index()["shards"], 2)

    def test_a_name_in_two_shards(self):
        for name in ("one", "two"):
            self.put(f"m/{name}.safetensors", one("layer"))
        error = self.index(code=REJECTED)["error"]
        self.assertEqual(error["rule"], "checkpoint/tensor-in-two-shards")
        self.assertEqual(error["message"], 'tensor "layer" is in one.safetensors and in two.safetensors')
        self.assertFalse((self.dir / "m" / INDEX).exists())

    def test_a_missing_shard(self):
        self.put("m/model-00001-of-00003.safetensors", one("a"))
        self.put("m/model-00003-of-00003.safetensors", one("b"))
        self.assertEqual(self.index(code=REJECTED)["error"]["rule"], "checkpoint/shard-numbering")

    def test_shards_that_are_not_accepted(self):
        self.put("m/a.safetensors", one("a"))
        self.put("m/b.safetensors", OVERLAP)
        self.put("m/c.safetensors", PICKLE)
        reports = self.index(code=REJECTED)["reports"]
        self.assertEqual([os.path.basename(report["path"]) for report in reports], ["b.safetensors", "c.safetensors"])
        text = self.run_command("index", self.dir / "m", code=REJECTED).stdout.decode()
        self.assertIn("safetensors/offsets-overlap", text)
        (self.dir / "m" / "c.safetensors").unlink()
        (self.dir / "m" / "c.safetensors").symlink_to("/dev/zero")
        self.index(code=UNDECIDED)

    def test_nothing_to_index(self):
        (self.dir / "m").mkdir()
        self.index(code=UNSUPPORTED)
        self.run_command("index", self.dir / "none", code=UNDECIDED)
        self.run_command("index", code=USAGE)


class Repair(Case):
    def repair(self, content, code=ACCEPTED, name="a.safetensors"):
        out = self.dir / "out" / "repaired.safetensors"
        out.parent.mkdir(exist_ok=True)
        document = json.loads(self.run_command("sanitize", "--repair", "--format", "json", self.put(name, content), out,
                                               code=code).stdout)
        self.assertEqual(document["written"], out.exists())
        return document, out.read_bytes() if out.exists() else None

    def test_drops_the_bytes_after_the_end(self):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("x/data.pkl", PICKLE)
        # The rest stays as it is, canonical or not.
        odd = safetensors(b'{ "b": {"shape":[4] ,"data_offsets":[0,4],"dtype":"U8"}}   ', b"bbbb")
        for good in (GOOD, odd):
            for tail in (b"\0", bytes(10_000), archive.getvalue(), GOOD):
                document, content = self.repair(good + tail)
                self.assertEqual(content, good)
                self.assertEqual((document["kept_bytes"], document["dropped_bytes"]), (len(good), len(tail)))
        text = self.run_command("sanitize", "--repair", self.dir / "a.safetensors", self.dir / "b").stdout.decode()
        self.assertIn(f"repaired: dropped {len(GOOD)} bytes after the end of the data", text)
        self.scan_one(self.dir / "b", code=ACCEPTED)

    def test_nothing_to_repair(self):
        document, content = self.repair(GOOD)
        self.assertEqual((content, document["dropped_bytes"]), (GOOD, 0))

    def test_repairs_nothing_else(self):
        for content in (OVERLAP, OVERLAP + b"x", GOOD[:-1], safetensors(b' {"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"axx"),
                        PICKLE, b""):
            self.repair(content, code=REJECTED)
        path = self.put("a.pt", (CORPUS / "torch" / "accept" / "legacy-plain.pt").read_bytes())
        self.run_command("sanitize", "--repair", path, self.dir / "x", code=UNSUPPORTED)
        self.run_command("sanitize", "--repair", self.dir / "none", self.dir / "x", code=UNDECIDED)

    def test_wrong_usage(self):
        path = self.put("a.safetensors", GOOD + b"x")
        for options in (["--drop-metadata"], ["--keep-metadata", "a"], ["--alignment", "64"], ["--profile", "reference"],
                        ["--verify"]):
            self.run_command("sanitize", "--repair", *options, path, self.dir / "x", code=USAGE)
        self.run_command("sanitize", "--repair", path, path, code=USAGE)
        self.run_command("sanitize", "--repair", self.dir, self.dir / "x", code=USAGE)
        self.run_command("split", "--repair", path, self.dir / "x", code=USAGE)
        self.assertFalse((self.dir / "x").exists())


if __name__ == "__main__":
    unittest.main()
