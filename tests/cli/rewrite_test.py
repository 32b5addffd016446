"""sanitize, split and merge, hash and diff: what is written, what is reported, and what is refused."""

import hashlib
import json
import os
import pathlib
import signal
import struct
import subprocess
import time
import unittest

from support import (ACCEPTED, COMMAND, GOOD, LFS, OVERLAP, PICKLE, REJECTED, SANITIZED, UNDECIDED,
                     UNSUPPORTED, USAGE, Case, check_line, safetensors, sampled, tensor)

HOSTILE = "\n\r\x1b]0;x\x07\u202e\u200b\x7f\x85\u2028\\\"\U000e0041"
DECEPTIVE = [c for c in HOSTILE if not c.isascii() or c in "\r\x1b\x07\x7f"]


def canonical(header, data):
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return safetensors(text + b" " * (-len(text) % 8), data)


# Order, spelling and padding that are not canonical.
ODD = safetensors(b'{ "b": {"shape":[2,1] ,"data_offsets":[0,8],"dtype":"F32"},\n'
                  b'"__metadata__":{"format":"pt","secret":"\\u0068idden"},'
                  b'"\\u0061":{"dtype":"I64","shape":[],"data_offsets":[8,16]} }' + b" " * 99,
                  b"bbbbbbbbaaaaaaaa")
ODD_CANONICAL = canonical(
    {"__metadata__": {"format": "pt", "secret": "hidden"},
     "a": {"dtype": "I64", "shape": [], "data_offsets": [0, 8]},
     "b": {"dtype": "F32", "shape": [2, 1], "data_offsets": [8, 16]}}, b"aaaaaaaabbbbbbbb")


class Sanitize(Case):
    def sanitize(self, path, *options, code=ACCEPTED):
        target = self.dir / "out.safetensors"
        result = self.run_command("sanitize", "--format", "json", path, target, *options, code=code)
        told = json.loads(result.stdout)
        for report in told["reports"]:
            check_line(self, report)
        self.assertEqual(told["written"], target.exists())
        return told, target.read_bytes() if target.exists() else None

    def test_writes_the_canonical_form(self):
        told, content = self.sanitize(self.put("odd.safetensors", ODD))
        self.assertEqual(content, ODD_CANONICAL)
        self.assertEqual((told["tensors"], told["data_bytes"], told["metadata_entries"]), (2, 16, 2))
        self.assertIsNone(told["error"])

    def test_twice_is_once(self):
        _, once = self.sanitize(self.put("odd.safetensors", ODD))
        _, twice = self.sanitize(self.put("again.safetensors", once))
        self.assertEqual(once, twice)

    def test_into_a_folder(self):
        path = self.put("odd.safetensors", ODD)
        (self.dir / "clean").mkdir()
        self.run_command("sanitize", path, self.dir / "clean", code=ACCEPTED)
        self.assertEqual((self.dir / "clean" / "odd.safetensors").read_bytes(), ODD_CANONICAL)

    def test_every_accepted_file_of_the_corpus(self):
        corpus = os.path.join(os.environ["TENSORGATE_CORPUS_DIR"], "safetensors", "accept")
        names = sorted(name for name in os.listdir(corpus)
                       if os.path.getsize(os.path.join(corpus, name)) < 1 << 20)
        self.assertGreater(len(names), 50)
        for name in names:
            with self.subTest(name):
                path = os.path.join(corpus, name)
                told, _ = self.sanitize(path, "--verify")
                self.assertRegex(told["content_sha256"], "^[0-9a-f]{64}$")
                target = self.dir / "out.safetensors"
                self.run_command("diff", "--metadata", path, target, code=0)
                self.scan_one(target, code=ACCEPTED)

    def test_memory_is_constant(self):
        # One dtype stays in place, two in turn change places, not by whole pages.
        for dtypes, moved in ((["U8"], False), (["U8", "U16"], True)):
            peaks = []
            for size in (16 << 20, 160 << 20):
                each = size // 16 - 24
                path = self.put("big.safetensors", canonical(
                    {f"{i:02}": tensor(i * each, (i + 1) * each, dtype, [each // (1 + (dtype == "U16"))])
                     for i, dtype in enumerate(dtypes * (16 // len(dtypes)))}, b""))
                os.truncate(path, path.stat().st_size + 16 * each)
                out = self.dir / "out.safetensors"
                peaks.append(self.peak_memory("sanitize", "--no-sync", path, out))
                self.assertEqual(out.stat().st_size, path.stat().st_size)
                with open(path, "rb") as before, open(out, "rb") as after:
                    self.assertEqual(before.read(4096) != after.read(4096), moved)
            self.assertLess(peaks[1] - peaks[0], 8 << 20)

    def test_metadata(self):
        path = self.put("odd.safetensors", ODD)
        told, content = self.sanitize(path, "--drop-metadata")
        self.assertNotIn(b"__metadata__", content)
        self.assertEqual((told["metadata_entries"], told["metadata_left_out"]), (0, 2))
        told, content = self.sanitize(path, "--keep-metadata", "format", "--keep-metadata", "none")
        self.assertIn(b'{"__metadata__":{"format":"pt"},', content)
        self.assertEqual((told["metadata_entries"], told["metadata_left_out"]), (1, 1))
        self.run_command("sanitize", path, path, "--drop-metadata", "--keep-metadata", "x", code=USAGE)

    def test_verify_reports_the_content(self):
        path = self.put("odd.safetensors", ODD)
        told, _ = self.sanitize(path, "--verify")
        lines = self.run_command("hash", path, code=ACCEPTED).stdout.split(b"\n")
        self.assertEqual(told["content_sha256"].encode(), lines[-2])

    def test_alignment(self):
        path = self.put("odd.safetensors", ODD)
        for alignment in ("64", "4096", "1Mi"):
            _, content = self.sanitize(path, "--alignment", alignment, "--verify")
            size = {"64": 64, "4096": 4096, "1Mi": 1 << 20}[alignment]
            self.assertEqual((struct.unpack("<Q", content[:8])[0] + 8) % size, 0)
        for wrong in ("0", "12", "4", "2Mi", "x"):
            self.run_command("sanitize", path, path, "--alignment", wrong, code=USAGE)

    def test_what_is_refused_is_not_written(self):
        for name, content, code in (("a.safetensors", OVERLAP, REJECTED), ("b.bin", PICKLE, REJECTED),
                                    ("d.gguf", b"GGUF" + bytes(60), UNSUPPORTED),
                                    ("c.safetensors", LFS, UNSUPPORTED)):
            with self.subTest(name):
                told, written = self.sanitize(self.put(name, content), code=code)
                self.assertIsNone(written)
                self.assertEqual(len(told["reports"]), 1)
        told, _ = self.sanitize(self.dir / "none", code=UNDECIDED)
        self.assertEqual(told["reports"][0]["findings"][0]["rule"], "io/open-failed")

    def test_what_is_accepted_in_another_format_is_not_written(self):
        manifest = json.loads(pathlib.Path(os.environ["TENSORGATE_CORPUS_DIR"], "manifest.json").read_text())
        others = [entry["path"] for entry in manifest["entries"]
                  if entry["strict"]["verdict"] == "accepted" and not entry["big"] and "files" not in entry
                  and not entry["path"].startswith(("safetensors/", "checkpoint/", "scan/"))]
        self.assertGreater(len(others), 0)
        for name in others[::7]:
            with self.subTest(name):
                path = os.path.join(os.environ["TENSORGATE_CORPUS_DIR"], name)
                target = self.dir / "out.safetensors"
                for command in (("sanitize", path, target), ("merge", path, "--output", target)):
                    self.assertNotEqual(self.run_command(*command).returncode, 0)
                self.assertFalse(target.exists())
                if name.endswith(".pkl"):
                    for command in (("hash", path), ("diff", path, path)):
                        self.assertNotEqual(self.run_command(*command).returncode, 0)

    def test_checkpoints_of_pytorch_are_for_convert(self):
        folder = pathlib.Path(os.environ["TENSORGATE_CORPUS_DIR"], "torch", "accept")
        told, written = self.sanitize(folder / "views.pt", code=UNSUPPORTED)
        self.assertIsNone(written)
        self.assertEqual((told["reports"][0]["verdict"], told["error"]["rule"]), ("accepted", "use/not-safetensors"))

    def test_what_cannot_be_written(self):
        path = self.put("good.safetensors")
        result = self.run_command("sanitize", path, self.dir / "no" / "folder", code=UNDECIDED)
        self.assertIn(b"save/create-failed", result.stderr)
        self.assertIn(b"No such file", result.stderr)
        self.assertEqual(os.listdir(self.dir), ["good.safetensors"])

    def test_repairs_what_only_strict_refuses(self):
        hidden = b'{"a":["U8",[4],[0,4]],"a":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]},' \
                 b'"b":{"x":[1],"dtype":{"F32":null},"shape":[1],"data_offsets":[4,8]},' \
                 b'"__metadata__":{"k":"1","k":"2"}}'
        path = self.put("odd.safetensors", safetensors(b"\n" + hidden + b"\t", b"aaaabbbb"))
        told, written = self.sanitize(path, code=REJECTED)
        self.assertIsNone(written)
        told, written = self.sanitize(path, "--profile", "reference", "--verify")
        self.assertEqual(written, canonical(
            {"__metadata__": {"k": "2"}, "b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
             "a": {"dtype": "U8", "shape": [2, 2], "data_offsets": [4, 8]}}, b"bbbbaaaa"))
        rules = {finding["rule"] for finding in told["reports"][0]["findings"]}
        self.assertLessEqual({"safetensors/header-start", "safetensors/header-padding",
                              "safetensors/name-duplicate", "safetensors/tensor-as-array",
                              "safetensors/dtype-as-map", "safetensors/field-unknown",
                              "safetensors/metadata-key-duplicate"}, rules)
        text = self.run_command("sanitize", "--profile", "reference", path, self.dir / "x").stdout
        self.assertIn(b"repaired: safetensors/name-duplicate: ", text)

    def test_repairs_exactly_what_the_reference_reads(self):
        # Every file of the corpus that strict rejects is repaired if the reference accepts it and a strict form exists.
        manifest = json.loads(pathlib.Path(os.environ["TENSORGATE_CORPUS_DIR"], "manifest.json").read_text())
        repaired = 0
        for entry in sampled(manifest["entries"]):
            if entry["strict"]["verdict"] != "rejected" or entry["big"] or entry["format"] != "safetensors":
                continue
            path = os.path.join(os.environ["TENSORGATE_CORPUS_DIR"], entry["path"])
            target = self.dir / "out.safetensors"
            target.unlink(missing_ok=True)
            result = self.run_command("sanitize", "--profile", "reference", path, target)
            with self.subTest(entry["path"]):
                self.assertEqual(result.returncode == 0, target.exists())
                if entry["reference"]["verdict"] != "accepted":
                    self.assertNotEqual(result.returncode, 0)
                elif result.returncode == 0:
                    repaired += 1
                    self.scan_one(target, code=ACCEPTED)
                else:
                    # Strict refuses the shapes or data themselves: there is no other spelling of them.
                    self.assertRegex(result.stderr, b"save/(sub-byte-row|shape-overflow|second-format|rank)")
        self.assertGreater(repaired, 2 if SANITIZED else 20)

    def test_nothing_hostile_in_the_text(self):
        content = safetensors({HOSTILE: tensor(0, 4), "__metadata__": {HOSTILE: HOSTILE}}, bytes(4))
        path = self.put(HOSTILE.replace("/", "") + ".safetensors", content)
        other = self.put("b.safetensors", safetensors({"x": tensor(0, 4)}, bytes(4)))
        for command in (("sanitize", path, self.dir / "c"), ("hash", path), ("diff", "--metadata", path, other),
                        ("merge", path, other, self.dir / (HOSTILE + "m")),
                        ("sanitize", path, self.dir / HOSTILE / "x"), ("merge", path, path, self.dir / "d")):
            for form in ("text", "json"):
                result = self.run_command(*command, "--format", form)
                for character in DECEPTIVE:
                    self.assertNotIn(character, (result.stdout + result.stderr).decode())
                if form == "json":
                    json.loads(result.stdout)
                if command[0] == "merge":
                    # It does not replace a file, and shows the name of the one that is there.
                    again = self.run_command(*command).stderr.decode()
                    self.assertFalse(set(again) & set(DECEPTIVE))
                    command[-1].unlink(missing_ok=True)

    def test_killed_it_leaves_the_old_file(self):
        size = 1 << 30
        path = self.dir / "big.safetensors"
        head = safetensors({"a": tensor(0, size)})
        with open(path, "wb") as file:
            file.write(head)
            file.truncate(len(head) + size)
        target = self.put("out.safetensors", b"old")
        process = subprocess.Popen([COMMAND, "sanitize", path, target], stdout=subprocess.DEVNULL)
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            self.skipTest("it was faster than the signal")
        self.assertEqual(target.read_bytes(), b"old")
        for name in set(os.listdir(self.dir)) - {"big.safetensors", "out.safetensors"}:
            self.assertTrue(name.startswith(".out.safetensors.tensorgate-partial-"), name)


class Shards(Case):
    def test_split_and_merge_give_the_file_back(self):
        tensors = {name: tensor(8 * i, 8 * i + 8, "F64", [1]) for i, name in enumerate("cabde")}
        path = self.put("in.safetensors",
                        safetensors({"__metadata__": {"format": "pt"}, **tensors}, os.urandom(40)))
        (self.dir / "shards").mkdir()
        out = self.dir / "shards" / "model.safetensors"
        text = self.run_command("split", path, out, "--max-shard-size", "16", "--verify",
                                code=ACCEPTED).stdout
        self.assertIn(b"verified: SHA-256 ", text)
        shards = [self.dir / "shards" / f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
        index = json.loads((self.dir / "shards" / "model.safetensors.index.json").read_text())
        self.assertEqual(index["metadata"], {"total_size": 40})
        self.assertEqual(index["weight_map"], {
            "c": shards[0].name, "a": shards[0].name, "b": shards[1].name, "d": shards[1].name,
            "e": shards[2].name})
        self.assertEqual(sorted(os.listdir(self.dir / "shards")),
                         sorted([shard.name for shard in shards] + ["model.safetensors.index.json"]))
        # What a loader opens is named, and what was replaced is not silent.
        self.assertIn(b"model.safetensors.index.json: written: 5 tensors, 40 bytes of data, 1 metadata entry\n", text)
        self.assertNotIn(b"replaced", text)
        text = self.run_command("split", path, out, "--max-shard-size", "16", code=ACCEPTED).stdout
        self.assertIn(b"replaced: 4 files of an earlier set, such as model-00001-of-00003.safetensors\n", text)
        told = json.loads(self.run_command("split", "--format", "json", path, out, "--max-shard-size", "16").stdout)
        self.assertEqual(told["output"], str(self.dir / "shards" / "model.safetensors.index.json"))
        merged = self.dir / "merged.safetensors"
        self.run_command("merge", *shards, merged, code=ACCEPTED)
        self.run_command("diff", "--metadata", path, merged, code=0)
        clean = self.dir / "clean.safetensors"
        self.run_command("sanitize", path, clean, code=ACCEPTED)
        self.assertEqual(merged.read_bytes(), clean.read_bytes())

    def test_split_into_one(self):
        path = self.put("in.safetensors")
        (self.dir / "out").mkdir()
        self.run_command("split", path, self.dir / "out", "--max-shard-size", "5GB", code=ACCEPTED)
        self.assertEqual(os.listdir(self.dir / "out"), ["model.safetensors"])

    def test_usage(self):
        path = self.put("in.safetensors")
        self.run_command("split", path, path, code=USAGE)
        self.run_command("split", path, self.dir / "default.safetensors", code=ACCEPTED)  # 5GB
        self.run_command("split", path, path, "--max-shard-size", "0", code=USAGE)
        self.run_command("split", path, self.dir / "x.bin", "--max-shard-size", "5", code=USAGE)
        self.run_command("merge", path, code=USAGE)

    def test_merge_refuses_what_differs(self):
        one = self.put("1.safetensors", safetensors({"a": tensor(0, 1), "__metadata__": {"k": "1"}}, b"a"))
        two = self.put("2.safetensors", safetensors({"b": tensor(0, 1), "__metadata__": {"k": "2"}}, b"b"))
        same = self.put("3.safetensors", safetensors({"a": tensor(0, 1)}, b"a"))
        out = self.dir / "out.safetensors"
        self.assertIn(b"save/metadata-duplicate",
                      self.run_command("merge", one, two, out, code=UNDECIDED).stderr)
        self.assertIn(b"save/name-duplicate",
                      self.run_command("merge", one, same, out, code=UNDECIDED).stderr)
        self.assertFalse(out.exists())
        self.run_command("merge", one, two, out, "--drop-metadata", code=ACCEPTED)
        self.assertTrue(out.read_bytes().endswith(b"ab"))
        told = json.loads(self.run_command("merge", "--format", "json", one,
                                           self.put("bad.safetensors", OVERLAP), out,
                                           code=REJECTED).stdout)
        self.assertTrue(told["reports"][0]["path"].endswith("bad.safetensors"))
        self.assertFalse(told["written"])


class Hash(Case):
    def test_digests_anybody_can_compute(self):
        path = self.put("odd.safetensors", ODD)
        told = json.loads(self.run_command("hash", "--format", "json", path, code=ACCEPTED).stdout)
        data = {"a": b"aaaaaaaa", "b": b"bbbbbbbb"}
        lines = b""
        for each in told["contents"]["tensors"]:
            self.assertEqual(each["sha256"], hashlib.sha256(data[each["name"]]).hexdigest())
            shape = ",".join(map(str, each["shape"]))
            lines += f'{each["sha256"]} {each["dtype"]} [{shape}] {json.dumps(each["name"])}\n'.encode()
        self.assertEqual([each["name"] for each in told["contents"]["tensors"]], ["a", "b"])
        self.assertEqual(told["contents"]["sha256"], hashlib.sha256(lines).hexdigest())
        text = self.run_command("hash", path, code=ACCEPTED).stdout
        self.assertEqual(text, lines + told["contents"]["sha256"].encode() + b"\n")

    def test_names_as_python_writes_them(self):
        name = HOSTILE.replace("\x7f", "") + "中😀"
        path = self.put("a.safetensors", safetensors({name: tensor(0, 1)}, b"x"))
        line = self.run_command("hash", path, code=ACCEPTED).stdout.split(b"\n")[0]
        self.assertTrue(line.decode().endswith("] " + json.dumps(name)), line)

    def test_the_form_makes_no_difference(self):
        def content(name, data):
            path = self.put(name, data)
            return self.run_command("hash", path, code=ACCEPTED).stdout.split(b"\n")[-2]
        self.assertEqual(content("a.safetensors", ODD), content("b.safetensors", ODD_CANONICAL))
        for other in (ODD.replace(b"bbbb", b"cbbb"), ODD.replace(b"[2,1]", b"[1,2]"),
                      ODD.replace(b"F32", b"I32"), ODD.replace(b'"b"', b'"c"')):
            self.assertNotEqual(content("c.safetensors", ODD), content("d.safetensors", other))

    def test_checkpoints_of_pytorch(self):
        folder = pathlib.Path(os.environ["TENSORGATE_CORPUS_DIR"], "torch", "accept")
        for name in ("views.pt", "legacy-views.pt"):
            told = json.loads(self.run_command("hash", "--format", "json", folder / name, code=ACCEPTED).stdout)
            hashes = {each["name"]: each["sha256"] for each in told["contents"]["tensors"]}
            sizes = {"all": 64, "again": 64, "column": 16, "block": 16, "repeated": 48, "none": 0}
            self.assertEqual(hashes, {each: hashlib.sha256(bytes(size)).hexdigest() for each, size in sizes.items()})
        # The layout does not matter.
        self.run_command("diff", folder / "views.pt", folder / "legacy-views.pt", code=0)
        self.run_command("diff", folder / "views.pt", folder / "zip-plain.pt", code=1)
        told = json.loads(self.run_command("hash", "--format", "json", folder / "view-expands-far.pt",
                                           code=UNSUPPORTED).stdout)
        self.assertEqual((told["report"]["verdict"], told["error"]["rule"]), ("accepted", "use/expands"))

    def test_a_checkpoint_of_pytorch_and_what_it_is_converted_to(self):
        path = pathlib.Path(os.environ["TENSORGATE_CORPUS_DIR"], "torch", "accept", "zip-plain.pt")
        made = self.dir / "made.safetensors"
        self.run_command("convert", path, made, code=ACCEPTED)
        self.run_command("diff", path, made, code=0)

    def test_refused(self):
        path = self.put("bad.safetensors", OVERLAP)
        told = json.loads(self.run_command("hash", "--format", "json", path, code=REJECTED).stdout)
        self.assertIsNone(told["contents"])
        self.run_command("hash", self.dir / "none", code=UNDECIDED)


class Diff(Case):
    def diff(self, a, b, *options, code):
        told = json.loads(self.run_command("diff", "--format", "json", self.put("a.safetensors", a),
                                           self.put("b.safetensors", b), *options, code=code).stdout)
        self.assertEqual(told["same"], {0: True, 1: False}[code])
        return [(each["what"], each["name"], each["a"], each["b"]) for each in told["differences"]]

    def test_same(self):
        self.assertEqual(self.diff(ODD, ODD_CANONICAL, "--metadata", code=0), [])
        self.assertEqual(self.diff(ODD, ODD.replace(b"idden", b"onest"), code=0), [])
        result = self.run_command("diff", self.put("a", ODD), self.put("b", ODD), code=0)
        self.assertEqual(result.stdout, b"same: 2 tensors\n")

    def test_different(self):
        self.assertEqual(self.diff(ODD, ODD.replace(b"bbbbbbbba", b"bbbBbbbba"), code=1),
                         [("data", "b", "byte 3: 0x62", "byte 3: 0x42")])
        self.assertEqual(self.diff(ODD, ODD.replace(b"[2,1]", b"[1,2]"), code=1),
                         [("shape", "b", "[2,1]", "[1,2]")])
        self.assertEqual(self.diff(ODD, ODD.replace(b"F32", b"I32"), code=1), [("dtype", "b", "F32", "I32")])
        self.assertEqual(self.diff(ODD, ODD.replace(b'"b"', b'"c"'), code=1),
                         [("only-in-a", "b", "F32 [2,1]", None), ("only-in-b", "c", None, "F32 [2,1]")])
        self.assertEqual(self.diff(ODD, ODD.replace(b"idden", b"onest"), "--metadata", code=1),
                         [("metadata", "secret", "hidden", "honest")])
        self.assertEqual(self.diff(ODD, safetensors({}), "--metadata", code=1),
                         [("only-in-a", "a", "I64 []", None), ("only-in-a", "b", "F32 [2,1]", None),
                          ("metadata", "format", "pt", None), ("metadata", "secret", "hidden", None)])

    def test_data_beyond_the_first_block(self):
        size = (1 << 20) + 100
        a = safetensors({"a": tensor(0, size)}, bytes(size))
        b = a[:-1] + b"\x01"
        self.assertEqual(self.diff(a, b, code=1),
                         [("data", "a", f"byte {size - 1}: 0x00", f"byte {size - 1}: 0x01")])

    def test_not_compared(self):
        bad, missing, good = self.put("bad", OVERLAP), self.dir / "none", self.put("good")
        plain, other = self.put("plain", b"\x80\x02N."), self.put("x.gguf", b"GGUF" + bytes(20))
        for files, code, reports in (((good, bad), REJECTED, [bad]), ((good, missing), UNDECIDED, [missing]),
                                     ((bad, missing), UNDECIDED, [bad, missing]), ((good, other), UNSUPPORTED, [other]),
                                     ((bad, other), REJECTED, [bad, other]), ((plain, good), UNSUPPORTED, [plain])):
            for a, b in (files, files[::-1]):
                told = json.loads(self.run_command("diff", "--format", "json", a, b, code=code).stdout)
                self.assertEqual({report["path"] for report in told["reports"]}, set(map(str, reports)))
                self.assertEqual((told["same"], told["differences"]), (None, []))
                self.assertEqual(told["error"] is not None, plain in (a, b))
        self.run_command("diff", self.put("a", GOOD), code=USAGE)


if __name__ == "__main__":
    unittest.main()
