"""Sharded checkpoints: the index's line covers the whole checkpoint, and each shard has its own."""

import json
import os
import resource
import signal
import unittest

from support import ACCEPTED, OVERLAP, REJECTED, SANITIZED, UNDECIDED, USAGE, Case, check_line, safetensors, tensor

INDEX = "model.safetensors.index.json"


def shard(name):
    return safetensors({"__metadata__": {"format": "pt"}, name: tensor(0, 4)}, bytes(4))


def index(shards, **more):
    return json.dumps({"metadata": {"total_size": 4 * len(shards)}, "weight_map": shards, **more}).encode()


class Checkpoint(Case):
    def setUp(self):
        super().setUp()
        self.one, self.two = (f"model-0000{i}-of-00002.safetensors" for i in (1, 2))
        self.folder = self.dir / "m"
        self.put("m/" + self.one, shard("a"))
        self.put("m/" + self.two, shard("b"))
        self.index = self.put("m/" + INDEX, index({"a": self.one, "b": self.two}))

    def lines(self, *arguments, code, **options):
        """By the file's name; each file has one line."""
        lines = self.scan(*arguments, code=code, **options)
        result = {os.path.basename(line["path"]): line for line in lines}
        self.assertEqual(len(result), len(lines))
        return result

    def whole(self, code, *arguments, **options):
        return self.lines(self.folder, *arguments, code=code, **options)[INDEX]


class Scan(Checkpoint):
    def test_folder(self):
        lines = self.lines(self.folder, code=ACCEPTED)
        self.assertEqual(set(lines), {self.one, self.two, INDEX})
        whole = lines[INDEX]
        self.assertEqual((whole["verdict"], whole["format"], whole["findings"]),
                         ("accepted", "safetensors-checkpoint", []))
        self.assertEqual(whole["size"], self.index.stat().st_size)
        self.assertEqual((whole["tensors"], whole["parameters"], whole["data_bytes"]), (2, 8, 8))
        self.assertEqual(whole["shards"], [{"name": name, "verdict": "accepted", "rule": None}
                                           for name in (self.one, self.two)])
        self.assertEqual((lines[self.one]["format"], lines[self.one]["shards"]), ("safetensors", None))
        text = self.run_command("scan", self.folder, code=ACCEPTED).stdout.decode()
        self.assertIn(INDEX + "  (2 shards, 2 tensors, 8 parameters)", text)
        self.assertIn("3 files: 3 accepted", text)

    def test_named(self):
        self.assertEqual(self.scan_one(self.index, code=ACCEPTED)["tensors"], 2)
        self.assertEqual(self.scan_one(INDEX, cwd=self.folder, code=ACCEPTED)["tensors"], 2)
        # Through a link elsewhere, its shards are looked for next to the link, as loaders do.
        os.symlink(self.index, self.dir / INDEX)
        self.assertEqual(self.rules(self.scan_one(self.dir / INDEX, code=REJECTED))[0], "checkpoint/shard-missing")
        os.symlink(self.folder, self.dir / "n")
        self.scan_one(self.dir / "n" / INDEX, code=ACCEPTED)

    def test_names_of_an_index(self):
        for name, is_index in (("a.safetensors.index.json", True), ("a.safetensors.index.fp16.json", True),
                               (".safetensors.index.json", False), ("bin.index.json", False),
                               (".bin.index.json", False), ("a.bin.index.b.c.json", False),
                               ("a.safetensors.index.b.c.json", False), ("safetensors.index.json", False),
                               ("a.safetensors.index..json", False), ("a.safetensors.index.json.bak", False)):
            with self.subTest(name=name):
                path = self.put("m/" + name, index({"a": self.one, "b": self.two}))
                self.assertEqual(self.scan_one(path)["format"] == "safetensors-checkpoint", is_index)

    def test_bad_shard(self):
        self.put("m/" + self.two, OVERLAP)
        lines = self.lines(self.folder, code=REJECTED)
        self.assertEqual([lines[n]["verdict"] for n in (self.one, self.two, INDEX)],
                         ["accepted", "rejected", "rejected"])
        finding = lines[INDEX]["findings"][0]
        self.assertEqual((finding["rule"], finding["subject"], finding["found"]),
                         ("checkpoint/shard-rejected", self.two, "safetensors/offsets-overlap"))
        self.assertEqual(lines[INDEX]["shards"][1],
                         {"name": self.two, "verdict": "rejected", "rule": "safetensors/offsets-overlap"})
        self.assertIsNone(lines[INDEX]["tensors"])

    def test_unsafe_names_are_never_opened(self):
        # A FIFO would be undecided if it were looked at.
        os.mkfifo(self.dir / "x.safetensors")
        for name in ("../x.safetensors", str(self.dir / "x.safetensors"), "..\\x.safetensors", "m/../../x.safetensors"):
            self.index.write_bytes(index({"a": self.one, "b": name}))
            whole = self.scan_one(self.index, code=REJECTED, timeout=10)
            self.assertEqual(self.rules(whole)[0], "checkpoint/shard-name-unsafe")
            self.assertEqual([s["rule"] for s in whole["shards"] if s["name"] == name], ["checkpoint/shard-name-unsafe"])

    def test_not_regular(self):
        os.remove(self.folder / self.two)
        os.mkfifo(self.folder / self.two)
        whole = self.scan_one(self.index, code=UNDECIDED, timeout=10)
        self.assertEqual([(f["rule"], f["found"]) for f in whole["findings"]],
                         [("checkpoint/shard-undecided", "io/not-regular")])
        os.remove(self.folder / self.two)
        os.mkdir(self.folder / self.two)
        self.assertEqual(self.rules(self.scan_one(self.index, code=UNDECIDED)), ["checkpoint/shard-undecided"])

    def test_sub_folder(self):
        self.put("m/sub/x.safetensors", shard("b"))
        self.index.write_bytes(index({"a": self.one, "b": "sub/x.safetensors"}))
        self.assertIn("checkpoint/shard-sub-folder", self.rules(self.scan_one(self.index, code=ACCEPTED)))
        self.index.write_bytes(index({"a": self.one, "b": self.two + "/x.safetensors"}))
        self.assertIn("checkpoint/shard-missing", self.rules(self.scan_one(self.index, code=REJECTED)))

    def test_reference_profile(self):
        # The reference accepts a header that starts with a space; the strict profile does not.
        header = b' {"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'
        self.put("m/" + self.two, safetensors(header, bytes(4)))
        self.whole(REJECTED)
        whole = self.whole(ACCEPTED, "--profile", "reference")
        self.assertEqual((whole["profile"], whole["reference_error"]), ("reference", None))
        self.index.write_bytes(index({"a": "../a.safetensors"}))
        self.assertEqual(self.whole(REJECTED, "--profile", "reference")["verdict"], "rejected")

    def test_limits(self):
        header = sum(int.from_bytes((self.folder / n).read_bytes()[:8], "little") for n in (self.one, self.two))
        for option, limit in (("index-bytes", self.index.stat().st_size), ("shards", 2), ("checkpoint-header-bytes", header)):
            with self.subTest(option=option):
                at = self.scan_one(self.index, f"--limit-{option}", str(limit), code=ACCEPTED)
                self.assertEqual(at["limits"][option.replace("-", "_")], limit)
                past = self.scan_one(self.index, f"--limit-{option}", str(limit - 1), code=UNDECIDED)
                self.assertIn("limit/" + option, self.rules(past))

    def test_unreadable_index(self):
        self.assertEqual(self.rules(self.scan_one(self.dir / INDEX, code=UNDECIDED)), ["io/open-failed"])

    def test_no_descriptors_left(self):
        if SANITIZED:
            self.skipTest("the sanitizer needs some itself")
        # Standard streams, the folder and the index: no descriptor is left for a shard.
        limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))
        whole = self.scan_one(self.index, code=UNDECIDED, preexec_fn=limit)
        self.assertEqual(set(self.rules(whole)), {"checkpoint/shard-undecided"})
        self.assertEqual({f["found"] for f in whole["findings"]}, {"io/open-failed"})

    def test_many_shards(self):
        names = {f"t{i}": f"s-{i:05}-of-01000.safetensors" for i in range(1, 1001)}
        for name, file in names.items():
            self.put("n/" + file, shard(name))
        path = self.put("n/" + INDEX, index(names))
        # One is open at a time.
        limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
        whole = self.scan_one(path, code=ACCEPTED, preexec_fn=limit)
        self.assertEqual((len(whole["shards"]), whole["tensors"], whole["findings"]), (1000, 1000, []))


class Sanitize(Checkpoint):
    def setUp(self):
        super().setUp()
        # Spelling, order and padding that are not canonical; a tensor that the index leaves out.
        odd = b'{ "z":{"shape":[4],"data_offsets":[0,4],"dtype":"U8"},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]},' \
              b'"__metadata__":{"format":"pt","note":"two"}}'
        self.put("m/" + self.two, safetensors(odd + b" " * 99, b"zzzzbbbb"))
        self.index.write_bytes(index({"b": self.two, "a": self.one}, more="hidden"))
        self.put("m/config.json", b"{}")
        self.put("m/code/x.py", b"")
        self.out = self.dir / "out"

    def sanitize(self, *arguments, code=ACCEPTED, **options):
        told = json.loads(self.run_command("sanitize", "--format", "json", *arguments, code=code, **options).stdout)
        for report in told["reports"]:
            check_line(self, report)
        return told

    @staticmethod
    def contents(folder):
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def test_a_folder_comes_out(self):
        for path in (self.folder, str(self.folder) + "/", self.index):
            told = self.sanitize(path, self.out, "--verify")
            self.assertEqual((told["output"], told["written"], told["error"]), (str(self.out / INDEX), True, None))
            self.assertEqual((told["tensors"], told["data_bytes"], told["metadata_entries"], told["not_copied"]), (3, 12, 3, 2))
            self.assertRegex(told["content_sha256"], "^[0-9a-f]{64}$")
            written = self.contents(self.out)
            self.assertEqual(set(written), {INDEX, self.one, self.two})
            self.assertEqual(json.loads(written[INDEX]), {
                "metadata": {"total_size": 12}, "weight_map": {"a": self.one, "b": self.two, "z": self.two}})
            self.assertEqual(self.lines(self.out, code=ACCEPTED)[INDEX]["findings"], [])
            self.run_command("diff", "--metadata", self.folder, self.out, code=0)
            # Each is what sanitize makes of the single shard.
            for name in (self.one, self.two):
                self.run_command("sanitize", self.folder / name, self.dir / "alone", code=ACCEPTED)
                self.assertEqual(written[name], (self.dir / "alone").read_bytes())
            for file in self.out.iterdir():
                file.unlink()
            self.out.rmdir()
        text = self.run_command("sanitize", self.folder, self.out, code=ACCEPTED).stdout
        self.assertIn(b"not copied: 2 other files and folders\n", text)

    def test_twice_is_once(self):
        self.sanitize(self.folder, self.out)
        once = self.contents(self.out)
        self.sanitize(self.out, self.dir / "again")
        self.assertEqual(self.contents(self.dir / "again"), once)

    def test_names_and_sub_folders_stay(self):
        other = "m.safetensors.index.fp16.json"
        self.put("n/sub/deep/x.safetensors", shard("b"))
        self.put("n/" + self.one, shard("a"))
        self.put("n/" + other, index({"a": self.one, "b": "sub/deep/x.safetensors"}))
        self.assertEqual(self.sanitize(self.dir / "n", self.out)["not_copied"], 0)
        self.assertEqual(set(self.contents(self.out)), {other, self.one, "sub/deep/x.safetensors"})
        self.run_command("diff", "--metadata", self.dir / "n", self.out, code=0)

    def test_metadata_and_alignment(self):
        told = self.sanitize(self.folder, self.out, "--keep-metadata", "note", "--alignment", "4096", "--verify")
        self.assertEqual((told["metadata_entries"], told["metadata_left_out"]), (1, 2))
        written = self.contents(self.out)
        self.assertNotIn(b"__metadata__", written[self.one])
        self.assertIn(b'{"__metadata__":{"note":"two"},', written[self.two])
        self.assertEqual({int.from_bytes(written[name][:8], "little") for name in (self.one, self.two)}, {4088})

    def test_refused_and_nothing_written(self):
        self.put("m/" + self.two, OVERLAP)
        told = self.sanitize(self.folder, self.out, code=REJECTED)
        self.assertEqual((told["written"], self.rules(told["reports"][0])[0]), (False, "checkpoint/shard-rejected"))
        self.assertFalse(self.out.exists())
        self.sanitize(self.dir / "none", self.out, code=UNDECIDED)
        self.index.unlink()
        self.sanitize(self.folder, self.out, code=REJECTED)
        self.assertFalse(self.out.exists())

    def test_what_out_must_be(self):
        for out in (self.dir / "x.safetensors", self.dir / INDEX, self.put("file")):
            self.run_command("sanitize", self.folder, out, code=USAGE)
        self.assertFalse((self.dir / "x.safetensors").exists())
        result = self.run_command("sanitize", self.folder, self.dir / "no" / "folder", code=UNDECIDED)
        self.assertIn(b"save/create-failed", result.stderr)

    def test_what_cannot_be_written_leaves_all_as_it_was(self):
        self.put("n/sub/x.safetensors", shard("b"))
        self.put("n/" + INDEX, index({"b": "sub/x.safetensors"}))
        (self.dir / "elsewhere").mkdir()
        before = self.contents(self.dir)
        # A link in OUT does not lead outside it.
        self.out.mkdir()
        os.symlink("../elsewhere", self.out / "sub")
        self.assertEqual(self.sanitize(self.dir / "n", self.out, code=UNDECIDED)["error"]["rule"], "save/create-failed")
        # A folder has the last shard's name: the first shard was written, and does not appear.
        taken = self.dir / "taken"
        (taken / self.two).mkdir(parents=True)
        self.assertEqual(self.sanitize(self.folder, taken, code=UNDECIDED)["error"]["rule"], "io/not-regular")
        self.assertEqual(self.contents(self.dir), before)
        self.assertEqual(os.listdir(taken), [self.two])

    def test_a_full_disk_leaves_no_folder(self):
        if SANITIZED:
            self.skipTest("the sanitizer writes more than that")

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

        result = self.run_command("sanitize", self.folder, self.out, code=UNDECIDED, preexec_fn=limit)
        self.assertIn(b"save/write-failed", result.stderr)
        self.assertFalse(self.out.exists())


class OtherCommands(Checkpoint):
    def test_inspect(self):
        for path in (self.folder, self.index):
            text = self.run_command("inspect", path, code=ACCEPTED).stdout.decode()
            rows = [line.split() for line in text.splitlines()]
            heads = [row for row in rows if row[:1] == ["name"]]
            self.assertEqual(heads, [["name", "dtype", "shape", "bytes", "range", "shard"]])  # one table
            self.assertEqual([(row[0], row[-1]) for row in rows if "U8" in row[1:2]], [("a", self.one), ("b", self.two)])
            self.assertIn(["U8", "2", "tensors", "8", "elements", "8", "bytes"], rows)
            out = json.loads(self.run_command("inspect", "--format", "json", path, code=ACCEPTED).stdout)
            check_line(self, out["report"])
            self.assertEqual([(t["name"], t["shard"]) for t in out["contents"]["tensors"]],
                             [("a", self.one), ("b", self.two)])
            self.assertEqual(out["contents"]["totals"], {"U8": {"tensors": 2, "elements": 8, "bytes": 8}})

    def test_inspect_refused(self):
        os.remove(self.folder / self.two)
        text = self.run_command("inspect", self.folder, code=REJECTED).stdout.decode()
        self.assertIn("checkpoint/shard-missing", text)
        out = json.loads(self.run_command("inspect", "--format", "json", self.folder, code=REJECTED).stdout)
        check_line(self, out["report"])
        self.assertIsNone(out["contents"])

    def test_rewritten(self):
        self.put("m/" + self.two, safetensors({"__metadata__": {"format": "pt"}, "b": tensor(0, 4)}, b"bbbb"))
        whole = self.dir / "whole.safetensors"
        self.run_command("merge", self.folder, whole, code=ACCEPTED)
        for path in (self.folder, self.index):
            self.run_command("diff", path, whole, code=ACCEPTED)
        digests = {self.run_command("hash", path, code=ACCEPTED).stdout.split()[-1] for path in (self.folder, whole)}
        self.assertEqual(len(digests), 1)
        again = self.dir / "again"
        again.mkdir()
        self.run_command("split", self.folder, again, "--max-shard-size", "4", code=ACCEPTED)
        self.assertEqual(len(self.scan(again, code=ACCEPTED)), 3)
        self.run_command("diff", again, self.folder, code=ACCEPTED)

    def test_into_a_folder(self):
        for path in (self.folder, self.index):
            out = self.dir / ("out-" + path.name)
            out.mkdir()
            self.run_command("merge", path, out, code=ACCEPTED)
            self.assertEqual(os.listdir(out), ["model.safetensors"])

    def test_refused_as_what_it_is(self):
        self.index.write_bytes(b"[]")
        for arguments in ((), ("--profile", "reference")):
            out = self.run_command("sanitize", *arguments, self.folder, self.dir / "x.safetensors", code=REJECTED)
            self.assertIn(b"checkpoint/index-root-not-object", out.stdout + out.stderr)
        self.assertFalse((self.dir / "x.safetensors").exists())


class Links(Checkpoint):
    def test_link_is_not_followed(self):
        outside = self.put("outside.safetensors", shard("b"))
        for target in (outside, "../outside.safetensors", "../m/" + self.one, "."):
            os.remove(self.folder / self.two)
            os.symlink(target, self.folder / self.two)
            with self.subTest(target=str(target)):
                lines = self.lines(self.folder, code=UNDECIDED)
                self.assertEqual(self.rules(lines[self.two]), ["io/link-not-followed"])
                finding = lines[INDEX]["findings"][0]
                self.assertEqual((finding["rule"], finding["subject"]), ("checkpoint/shard-link", self.two))
                self.assertEqual(lines[INDEX]["verdict"], "rejected")

    def test_link_within_the_folder(self):
        os.makedirs(self.folder / "blobs")
        for number, name in enumerate((self.one, self.two)):
            os.rename(self.folder / name, self.folder / "blobs" / f"{number}")
            os.symlink(f"blobs/{number}" if number else self.folder / "blobs" / "0", self.folder / name)
        lines = self.lines(self.folder, code=ACCEPTED)
        self.assertEqual(lines[INDEX]["tensors"], 2)
        for command in (("inspect", self.folder), ("hash", self.index), ("diff", self.folder, self.folder)):
            self.run_command(*command, code=ACCEPTED)
        # To another shard: each name refers to its target.
        os.remove(self.folder / self.two)
        os.symlink(self.one, self.folder / self.two)
        self.assertEqual(self.rules(self.whole(REJECTED)), ["checkpoint/tensor-absent", "checkpoint/tensor-in-two-shards"])
        for target, code, rule, of_index in (("none", REJECTED, "io/link-dangling", "checkpoint/shard-missing"),
                                             (self.two, UNDECIDED, "io/open-failed", "checkpoint/shard-link")):
            os.remove(self.folder / self.two)
            os.symlink(target, self.folder / self.two)
            lines = self.lines(self.folder, code=code)
            self.assertEqual(self.rules(lines[self.two]), [rule])
            self.assertEqual(self.rules(lines[INDEX]), [of_index])

    def test_follow_links(self):
        outside = self.put("outside.safetensors", shard("b"))
        os.remove(self.folder / self.two)
        os.symlink(outside, self.folder / self.two)
        self.assertEqual(self.whole(ACCEPTED, "--follow-links")["tensors"], 2)
        os.remove(self.folder / self.two)
        os.symlink(self.two, self.folder / self.two)
        whole = self.scan_one(self.index, "--follow-links", code=REJECTED)
        self.assertEqual(self.rules(whole)[0], "checkpoint/shard-link")

    def test_linked_folder_on_the_way(self):
        self.put("outside/x.safetensors", shard("b"))
        os.symlink("../outside", self.folder / "sub")
        self.index.write_bytes(index({"a": self.one, "b": "sub/x.safetensors"}))
        self.assertIn("checkpoint/shard-link", self.rules(self.scan_one(self.index, code=REJECTED)))
        self.scan_one(self.index, "--follow-links", code=ACCEPTED)

    def hub(self):
        """The layout of a hub cache: each file of the snapshot is a link into blobs/."""
        repository = self.dir / "models--a--b"
        snapshot = repository / "snapshots" / "1234"
        snapshot.mkdir(parents=True)
        (repository / "blobs").mkdir()
        for number, name in enumerate((self.one, self.two, INDEX)):
            os.rename(self.folder / name, repository / "blobs" / f"{number}")
            os.symlink(f"../../blobs/{number}", snapshot / name)
        return snapshot

    def test_hub_cache(self):
        snapshot = self.hub()
        lines = self.lines(snapshot, code=ACCEPTED)
        self.assertEqual([line["verdict"] for line in lines.values()], ["accepted"] * 3)
        self.assertEqual(lines[INDEX]["tensors"], 2)
        self.scan_one(snapshot / INDEX, code=ACCEPTED)
        self.scan_one(INDEX, cwd=snapshot, code=ACCEPTED)

    def test_hub_cache_of_another(self):
        snapshot = self.hub()
        self.put("secret/blobs/1", shard("b"))
        os.remove(snapshot / self.two)
        os.symlink("../../../secret/blobs/1", snapshot / self.two)
        self.assertIn("checkpoint/shard-link", self.rules(self.scan_one(snapshot / INDEX, code=REJECTED)))


if __name__ == "__main__":
    unittest.main()
