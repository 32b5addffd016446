"""A command never overwrites what it reads: usage errors, before anything is written."""

import json
import os
import pathlib
import shutil
import unittest

from support import ACCEPTED, GOOD, OVERLAP, USAGE, Case, safetensors, tensor

CORPUS = pathlib.Path(os.environ["TENSORGATE_CORPUS_DIR"])
INDEX = "model.safetensors.index.json"
HOSTILE = "\x1b]0;x\x07\u202e\n"


def index(**shards):
    return json.dumps({"metadata": {"total_size": 4 * len(shards)}, "weight_map": shards}).encode()


class Overwrite(Case):
    def setUp(self):
        super().setUp()
        self.in_, self.out = self.dir / "in", self.dir / "out"
        self.out.mkdir()
        self.path = self.put("in/x.safetensors")
        self.other = self.put("in/y.safetensors", safetensors({"z": tensor(0, 4)}, b"zzzz"))
        self.torch = self.put("in/x.pt", (CORPUS / "torch/accept/zip-plain.pt").read_bytes())

    def refused(self, *command, **options):
        """Nothing has changed, and the message is safe to display."""
        before = self.state()
        result = self.run_command(*command, code=USAGE, **options)
        self.assertEqual(self.state(), before)
        self.assertEqual(result.stdout, b"")
        self.assertRegex(result.stderr.decode(), "^tensorgate: (--output|OUT): .*\n$")
        return result

    def state(self):
        return {path: (path.is_symlink(), path.stat().st_ino, path.read_bytes() if path.is_file() else None)
                for path in sorted(self.dir.rglob("*"))}

    def names_of(self, path):
        """Each way to name the file."""
        yield path
        yield os.path.relpath(path)
        yield f"{path.parent}/../{path.parent.name}/./{path.name}"
        link, hard, folder = self.dir / "link", self.dir / "hard", self.dir / "folder"
        os.symlink(path, link)
        yield link
        os.symlink("link", self.dir / "chain")
        yield self.dir / "chain"
        os.link(path, hard)
        yield hard
        os.symlink(path.parent, folder)
        yield folder / path.name
        for made in (link, hard, folder, self.dir / "chain"):
            made.unlink()

    def reading(self, path):
        yield ("scan", path)
        yield ("scan", path, self.other)
        yield ("inspect", path)
        yield ("inspect", "--globals", path)
        yield ("hash", path)
        yield ("diff", self.other, path)

    def writing(self, path, out):
        yield ("sanitize", path, out)
        yield ("split", "--max-shard-size", "1GB", path, out)
        yield ("split", "--max-shard-size", "4", path, out)
        yield ("merge", path, self.other, out)
        yield ("merge", self.other, path, out)

    def test_output(self):
        for command in self.reading(self.path):
            for name in self.names_of(self.path):
                with self.subTest(command=command[0], name=str(name)):
                    self.refused(*command, "--output", name)
        for name in self.names_of(self.path):
            self.refused("sanitize", self.path, self.out / "o.safetensors", "--output", name)
        with open(self.path, "rb") as stream:
            self.refused("scan", "--output", self.path, "-", stdin=stream)
        trusted = self.put("trusted", b"argparse.Namespace newobj()\n")
        self.refused("scan", "--trust", trusted, "--output", trusted, self.path)

    def test_output_is_what_is_written(self):
        for target in (self.out / "o.safetensors", f"{self.out}/../out/o.safetensors"):
            self.refused("sanitize", self.path, self.out / "o.safetensors", "--output", target)

    def test_target(self):
        for name in self.names_of(self.path):
            for command in self.writing(self.path, name):
                if "split" in command and not str(name).endswith(".safetensors"):
                    continue  # refused for its name
                with self.subTest(command=command[0], name=str(name)):
                    self.refused(*command)
        for name in self.names_of(self.torch):
            with self.subTest(name=str(name)):
                self.refused("convert", self.torch, name)
                self.refused("convert", "--dry-run", name, self.torch)

    def test_an_input_that_is_refused(self):
        bad = self.put("in/bad.safetensors", OVERLAP)
        for command in (*self.writing(bad, bad), ("scan", bad, "--output", bad)):
            self.refused(*command)

    def test_folder_for_the_target(self):
        model = self.put("m/model.safetensors")
        for command in (("sanitize", model, model.parent), ("merge", model, model.parent),
                        ("split", "--max-shard-size", "4", model, model.parent),
                        ("split", "--max-shard-size", "1GB", model, model.parent),
                        ("merge", self.path, model, model.parent), ("sanitize", self.path, self.in_)):
            with self.subTest(command=command[0]):
                self.refused(*command)
        shutil.copy(self.torch, model)
        self.refused("convert", model, model.parent)
        single = self.put("p/pytorch_model.bin", self.torch.read_bytes())
        self.refused("convert", single.parent, single)
        self.run_command("convert", single.parent, single.parent, code=ACCEPTED)

    def test_split_removes_no_input(self):
        # Old shards of the same name are removed when new ones appear.
        for name in ("model-00001-of-00001.safetensors", "model-00007-of-00009.safetensors"):
            path = self.put("s/" + name)
            self.refused("split", "--max-shard-size", "4", path, path.parent)
            self.refused("split", "--max-shard-size", "1GB", path, path.parent / "model.safetensors")
            os.symlink(path, self.dir / "elsewhere.safetensors")
            self.refused("split", "--max-shard-size", "4", self.dir / "elsewhere.safetensors", path.parent)
            (self.dir / "elsewhere.safetensors").unlink()
            path.unlink()
        path = self.put("s/model-x-of-y.safetensors")
        self.run_command("split", "--max-shard-size", "4", path, path.parent, code=ACCEPTED)
        self.assertTrue(path.exists())

    def shards(self):
        names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
        for name, key in zip(names, "ab"):
            self.put("shards/" + name, safetensors({key: tensor(0, 4)}, b"xxxx"))
        return self.put("shards/" + INDEX, index(a=names[0], b=names[1])), [self.dir / "shards" / n for n in names]

    def test_shards(self):
        whole, shards = self.shards()
        folder = whole.parent
        os.symlink(folder, self.dir / "way")
        for source in (folder, whole, self.dir / "way", self.dir / "way" / INDEX):
            for target in (folder, str(folder) + "/", self.dir / "way"):
                with self.subTest(source=str(source), target=str(target)):
                    self.refused("sanitize", source, target)
                    self.refused("split", "--max-shard-size", "4", source, target)
                    self.refused("split", "--max-shard-size", "1GB", source, target)
            for target in shards:
                self.refused("merge", source, target)
                self.refused("merge", self.path, source, target)
            for command in (("hash", source), ("inspect", source), ("diff", self.path, source)):
                for output in (whole, *shards, self.dir / "way" / shards[0].name):
                    with self.subTest(command=command[0], output=str(output)):
                        self.refused(*command, "--output", output)
        self.refused("sanitize", INDEX, ".", cwd=folder)
        self.refused("merge", *shards, shards[1])
        self.refused("merge", *shards)  # OUT was forgotten
        # A file next to them is not overwritten.
        self.run_command("merge", folder, folder / "one.safetensors", code=ACCEPTED)
        self.run_command("hash", folder, "--output", folder / "hash.txt", code=ACCEPTED)
        self.run_command("hash", folder, "--output", folder / "hash.txt", code=ACCEPTED)
        self.run_command("sanitize", folder, folder / "clean", code=ACCEPTED)

    def test_scanned_folder(self):
        (self.in_ / "sub").mkdir()
        os.symlink(self.in_, self.dir / "way")
        for scanned in (self.in_, str(self.in_) + "/", self.dir / "way", os.path.relpath(self.in_), self.dir):
            for output in (self.in_ / "report", self.in_ / "sub" / "report", self.dir / "way" / "report", self.path,
                           f"{self.out}/../in/report"):
                with self.subTest(scanned=str(scanned), output=str(output)):
                    self.refused("scan", scanned, "--output", output)
                    self.refused("scan", self.other, scanned, "--output", output)
        self.refused("scan", ".", "--output", "report", cwd=self.in_)
        os.symlink(self.in_ / "report", self.out / "link")
        self.run_command("scan", self.in_, "--output", self.out / "report")
        self.assertTrue((self.out / "report").exists())
        self.run_command("scan", self.in_, "--output", str(self.in_) + "2")
        self.run_command("scan", self.in_, "--output", "/dev/null")

    def test_hostile_names(self):
        path = self.put(HOSTILE + ".safetensors")
        for command in (("sanitize", path, path), ("scan", path, "--output", path)):
            result = self.run_command(*command, code=USAGE)
            for character in "\x1b\x07\u202e":
                self.assertNotIn(character, result.stderr.decode())


if __name__ == "__main__":
    unittest.main()
