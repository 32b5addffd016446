"""Converted checkpoints, compared with their contents. The checkpoints are written here, without PyTorch."""

import collections
import io
import json
import pickle
import sys
import types
import unittest
import zipfile

from support import ACCEPTED, REJECTED, UNDECIDED, UNSUPPORTED, USAGE, Case

# Names in PyTorch's pickles, for the pickler to find.
TORCH, UTILS = types.ModuleType("torch"), types.ModuleType("torch._utils")


def _named(module, name):
    thing = type(name, (), {"__module__": module.__name__, "__qualname__": name})
    setattr(module, name, thing)
    return thing


REBUILD = _named(UTILS, "_rebuild_tensor_v2")
STORAGES = {name: _named(TORCH, name) for name in
            ("FloatStorage", "HalfStorage", "ByteStorage", "LongStorage", "ComplexDoubleStorage")}


class Storage:
    def __init__(self, key, kind, numel):
        self.key, self.kind, self.numel = str(key), STORAGES[kind], numel


class View:
    def __init__(self, storage, offset, size, stride):
        self.arguments = (storage, offset, size, stride, False, collections.OrderedDict())

    def __reduce__(self):
        return REBUILD, self.arguments


class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        if isinstance(obj, Storage):
            return ("storage", obj.kind, obj.key, "cpu", obj.numel)
        return None


def checkpoint(structure, records, also=()):
    out, data = io.BytesIO(), io.BytesIO()
    sys.modules.update({"torch": TORCH, "torch._utils": UTILS})
    try:
        Pickler(data, protocol=2).dump(structure)
    finally:
        del sys.modules["torch"], sys.modules["torch._utils"]
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("m/data.pkl", data.getvalue())
        archive.writestr("m/byteorder", b"little")
        for name in also:
            archive.writestr("m/" + name, b"x")
        for key, content in records.items():
            archive.writestr(f"m/data/{key}", content)
        archive.writestr("m/version", b"3\n")
    return out.getvalue()


def read(path):
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8:8 + length])
    metadata = header.pop("__metadata__")
    data = content[8 + length:]
    return metadata, {name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])])
                      for name, entry in header.items()}


class Convert(Case):
    def convert(self, content, *options, code=ACCEPTED):
        target = self.dir / "out.safetensors"
        target.unlink(missing_ok=True)
        result = self.run_command("convert", *options, self.put("in.pt", content), target, code=code)
        self.assertEqual(target.exists(), code == ACCEPTED and "--dry-run" not in options)
        self.assertEqual([p.name for p in self.dir.iterdir() if "partial" in p.name], [])
        return (*read(target), result) if target.exists() else result

    def test_strides_names_and_dtypes(self):
        record = bytes(range(48))
        numbers = Storage(0, "HalfStorage", 24)
        whole, longs = View(numbers, 0, (2, 3, 4), (12, 4, 1)), Storage(1, "LongStorage", 1)
        structure = {"a": {"whole": whole, "turned": View(numbers, 0, (4, 3, 2), (1, 4, 12)),
                           "column": View(numbers, 1, (6,), (4,)), "none": View(numbers, 0, (0, 3), (3, 1))},
                     "list": [View(longs, 0, (), ()), 7], "epoch": 3, "name": "x"}
        content = checkpoint(structure, {0: record, 1: b"12345678"})
        metadata, tensors, _ = self.convert(content, "--verify")
        cells = [record[2 * i:2 * i + 2] for i in range(24)]
        turned = b"".join(cells[i + 4 * j + 12 * k] for i in range(4) for j in range(3) for k in range(2))
        self.assertEqual(metadata, {"format": "pt"})
        self.assertEqual(tensors, {
            "a.whole": ("F16", [2, 3, 4], record), "a.turned": ("F16", [4, 3, 2], turned),
            "a.column": ("F16", [6], b"".join(cells[1::4])), "a.none": ("F16", [0, 3], b""),
            "list.0": ("I64", [], b"12345678")})

    def test_larger_than_a_tile(self):
        rows, columns = 4300, 4200
        record = bytes(i * 7 % 251 for i in range(4096)) * (rows * columns // 4096 + 1)
        record = record[:rows * columns]
        view = View(Storage(0, "ByteStorage", len(record)), 0, (columns, rows), (1, columns))
        _, tensors, _ = self.convert(checkpoint({"w": view}, {0: record}))
        turned = b"".join(record[i::columns] for i in range(columns))
        self.assertTrue(tensors["w"][2] == turned)

    def test_memory_is_constant(self):
        peaks = []
        for size in (24 << 20, 96 << 20):
            # Unchanged, and its columns, which are read together in tiles of 16 MiB.
            storage, rows = Storage(0, "ByteStorage", size), size >> 12
            path = self.put("in.pt", checkpoint({"whole": View(storage, 0, (size,), (1,)),
                                                 "turned": View(storage, 0, (4096, rows), (1, 4096))}, {0: bytes(size)}))
            out = self.dir / "out.safetensors"
            peaks.append(self.peak_memory("convert", "--no-sync", path, out))
            self.assertGreater(out.stat().st_size, 2 * size)
        self.assertLess(peaks[1] - peaks[0], 8 << 20)

    def test_tied(self):
        storage = Storage(0, "FloatStorage", 4)
        head = View(storage, 0, (2, 2), (2, 1))
        structure = {"z.head": head, "b.embed": View(storage, 0, (2, 2), (2, 1)), "c.same": head,
                     "part": View(storage, 2, (2,), (1,))}
        content = checkpoint(structure, {0: bytes(range(16))})
        metadata, tensors, _ = self.convert(content)
        self.assertEqual(metadata, {"format": "pt", "b.embed": "z.head", "c.same": "z.head"})
        self.assertEqual(tensors, {"z.head": ("F32", [2, 2], bytes(range(16))),
                                   "part": ("F32", [2], bytes(range(8, 16)))})
        self.assertIn(b"another name", self.convert(content, "--tied", "refuse", code=UNSUPPORTED).stderr)

    def test_the_name_that_models_know(self):
        """The order of state_dict(): the first name of tied weights is the one that loaders need."""
        storage = Storage(0, "FloatStorage", 4)
        for names in (
            ("transformer.wte.weight", "lm_head.weight"),  # GPT-2
            ("gpt_neox.embed_in.weight", "embed_out.weight"),
            ("model.embed_tokens.weight", "lm_head.weight"),  # Gemma, Llama, Qwen
            ("model.decoder.embed_tokens.weight", "lm_head.weight"),  # OPT
            ("transformer.word_embeddings.weight", "lm_head.weight"),  # BLOOM, Falcon
            ("model.shared.weight", "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"),  # BART
            ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"),  # T5
            ("bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"),
            ("roberta.embeddings.word_embeddings.weight", "lm_head.decoder.weight"),
            ("distilbert.embeddings.word_embeddings.weight", "vocab_projector.weight"),
            ("proj_out.weight", "model.decoder.embed_tokens.weight"),  # as a writer may order them
        ):  # fmt: skip
            view = View(storage, 0, (2, 2), (2, 1))
            metadata, tensors, _ = self.convert(checkpoint({name: view for name in names}, {0: bytes(range(16))}))
            self.assertEqual(list(tensors), [names[0]])
            self.assertEqual(metadata, {"format": "pt", **{name: names[0] for name in names[1:]}})

    def test_select(self):
        storage = Storage(0, "FloatStorage", 1)
        view = View(storage, 0, (1,), (1,))
        content = checkpoint({"state_dict": {"w": view}, "ema": {"v": view}, "step": 1}, {0: b"abcd"})
        self.assertEqual(list(self.convert(content)[1]), ["w"])
        self.assertEqual(list(self.convert(content, "--select", "ema")[1]), ["v"])
        self.convert(content, "--select", "em", code=UNSUPPORTED)
        self.assertIn(b"would write", self.convert(content, "--dry-run").stdout)

    def test_refused(self):
        storage = Storage(0, "FloatStorage", 2)
        for view, record, word in (
                (View(storage, 0, (1 << 40,), (0,)), bytes(8), b"repeats"),
                (View(Storage(0, "ComplexDoubleStorage", 1), 0, (1,), (1,)), bytes(16), b"convert/dtype")):
            result = self.convert(checkpoint({"w": view}, {0: record}), code=UNSUPPORTED)
            self.assertIn(word, result.stderr)
            self.assertIn(b"tensor w", result.stderr)
        # Each within its storage, but together far larger than the file.
        views = {str(i): View(Storage(0, "ByteStorage", 1 << 20), 0, ((1 << 20) - i,), (1,)) for i in range(80)}
        self.assertIn(b"overlap", self.convert(checkpoint(views, {0: bytes(1 << 20)}), code=UNSUPPORTED).stderr)
        self.assertIn(b"convert/no-tensors", self.convert(checkpoint({"a": 1}, {}), code=UNSUPPORTED).stderr)
        outside = View(storage, 1, (2,), (1,))
        self.convert(checkpoint({"w": outside}, {0: bytes(8)}), code=REJECTED)
        exported = checkpoint({"w": View(storage, 0, (2,), (1,))}, {0: bytes(8)}, also=("archive_format",))
        for content, what in ((b"\x1f\x8b\x08\0" + bytes(20), b"gzip"), (exported, b"pytorch-export")):
            self.assertIn(what, self.convert(content, code=UNSUPPORTED).stderr)
        self.run_command("convert", self.put("in.pt", b"x"), code=USAGE)
        self.run_command("convert", self.dir / "none", self.dir / "out", code=UNDECIDED)

    def test_the_same_bytes_again(self):
        view = View(Storage(0, "FloatStorage", 1), 0, (1,), (1,))
        content = checkpoint({"w": view}, {0: b"abcd"})
        self.convert(content)
        first = (self.dir / "out.safetensors").read_bytes()
        self.convert(content)
        self.assertEqual((self.dir / "out.safetensors").read_bytes(), first)


class Folder(Case):
    """Shards with an index of PyTorch's, and one file next to them that is not in it."""
    ONE, TWO = (f"pytorch_model-0000{i}-of-00002.bin" for i in (1, 2))
    OUT = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    INDEX = "model.safetensors.index.json"

    def setUp(self):
        super().setUp()
        storage = Storage(0, "FloatStorage", 4)
        whole = View(storage, 0, (2, 2), (2, 1))
        turned = View(Storage(1, "HalfStorage", 4), 0, (2, 2), (1, 2))
        self.put("in/" + self.ONE, checkpoint({"z.w": whole, "a.turned": turned},
                                              {0: bytes(range(16)), 1: b"00112233"}))
        self.put("in/" + self.TWO, checkpoint({"head": whole, "again": whole}, {0: bytes(range(16, 32))}))
        self.put("in/config.json", b"{}")
        self.index = self.put("in/pytorch_model.bin.index.json", b"")
        self.write_index({"z.w": self.ONE, "a.turned": self.ONE, "head": self.TWO, "again": self.TWO})
        self.source, self.target = self.dir / "in", self.dir / "out"

    def write_index(self, weight_map, total_size=40):
        self.index.write_text(json.dumps({"metadata": {"total_size": total_size}, "weight_map": weight_map}))

    def names(self):
        return sorted(path.name for path in self.target.iterdir()) if self.target.exists() else []

    def refused(self, word, *options, code=REJECTED, source=None):
        result = self.run_command("convert", *options, source or self.source, self.target, code=code)
        self.assertIn(word, result.stderr + result.stdout)
        self.assertEqual(self.names(), [])

    def test_shards(self):
        text = self.run_command("convert", "--verify", self.source, self.target, code=ACCEPTED).stdout
        self.assertIn(b"index.json  (2 shards, 3 tensors, 40 bytes, verified)", text)
        self.assertEqual(self.names(), [*self.OUT, self.INDEX])
        self.assertEqual(json.loads((self.target / self.INDEX).read_text()), {
            "metadata": {"total_size": 40},
            "weight_map": {"a.turned": self.OUT[0], "head": self.OUT[1], "z.w": self.OUT[0]}})
        self.assertEqual(read(self.target / self.OUT[0]), ({"format": "pt"}, {
            "z.w": ("F32", [2, 2], bytes(range(16))), "a.turned": ("F16", [2, 2], b"00221133")}))
        self.assertEqual(read(self.target / self.OUT[1]), ({"format": "pt", "again": "head"}, {
            "head": ("F32", [2, 2], bytes(range(16, 32)))}))
        lines = self.scan(self.target, code=ACCEPTED)
        self.assertEqual([finding for line in lines for finding in line["findings"]], [])

    def test_the_same_by_the_index_and_again(self):
        before = None
        for source in (self.source, self.index, self.index):
            self.run_command("convert", source, self.target, code=ACCEPTED)
            now = {name: (self.target / name).read_bytes() for name in self.names()}
            self.assertEqual(now, before or now)
            before = now

    def test_beside_the_source(self):
        before = {path.name: path.read_bytes() for path in self.source.iterdir()}
        self.run_command("convert", self.source, self.source, code=ACCEPTED)
        after = {path.name: path.read_bytes() for path in self.source.iterdir()}
        self.assertEqual(set(after) - set(before), {*self.OUT, self.INDEX})
        self.assertEqual({name: after[name] for name in before}, before)
        self.assertEqual(len(self.scan(self.source, code=ACCEPTED)), 7)

    def test_dry_run(self):
        text = self.run_command("convert", "--dry-run", self.source, self.target, code=ACCEPTED).stdout
        self.assertIn(b"would write", text)
        self.assertIn(b"(2 shards, 3 tensors, 40 bytes)", text)
        self.assertFalse(self.target.exists())

    def test_select(self):
        self.run_command("convert", "--select", "z", self.source, self.target, code=ACCEPTED)
        self.assertEqual(self.names(), ["model-00001-of-00001.safetensors", self.INDEX])
        self.assertEqual(list(read(self.target / self.names()[0])[1]), ["w"])

    def test_refused_and_nothing_written(self):
        self.refused(b"another name", "--tied", "refuse", code=UNSUPPORTED)
        self.refused(b"no tensor", "--select", "q", code=UNSUPPORTED)
        self.write_index({"z.w": self.ONE, "a.turned": self.ONE, "head": self.TWO, "again": self.ONE})
        self.refused(b"checkpoint/tensor-absent")
        for name, rule in (("../in/" + self.TWO, b"checkpoint/shard-name-unsafe"), ("none.bin", b"checkpoint/shard-missing"),
                           ("a.safetensors", b"checkpoint/shard-suffix")):
            self.write_index({"z.w": self.ONE, "a.turned": self.ONE, "head": name, "again": name})
            self.refused(rule)
            self.refused(rule, source=self.index)

    def test_a_shard_that_is_refused(self):
        outside = View(Storage(0, "FloatStorage", 4), 3, (2, 2), (2, 1))
        self.put("in/" + self.TWO, checkpoint({"head": outside, "again": outside}, {0: bytes(16)}))
        self.refused(b"checkpoint/shard-rejected")

    def test_dtype_that_is_refused(self):
        self.put("in/" + self.TWO, checkpoint({"head": View(Storage(0, "ComplexDoubleStorage", 1), 0, (1,), (1,))},
                                              {0: bytes(16)}))
        self.write_index({"z.w": self.ONE, "a.turned": self.ONE, "head": self.TWO})
        self.refused(b"convert/dtype", code=UNSUPPORTED)

    def test_targets_of_shards(self):
        for name in ("x.safetensors", self.INDEX):
            result = self.run_command("convert", self.source, self.dir / name, code=USAGE)
            self.assertIn(b"named as a file", result.stderr)
            self.assertFalse((self.dir / name).exists())
        self.run_command("convert", self.source, self.put("out", b"x"), code=UNDECIDED)
        self.assertEqual((self.dir / "out").read_bytes(), b"x")

    def test_all_or_nothing(self):
        # The second shard cannot appear: neither does the first.
        (self.target / self.OUT[1]).mkdir(parents=True)
        self.run_command("convert", self.source, self.target, code=UNDECIDED)
        self.assertEqual(self.names(), [self.OUT[1]])

    def test_one_file(self):
        self.index.unlink()
        self.refused(b"checkpoint/index-missing")
        content = (self.source / self.ONE).read_bytes()
        self.put("in/pytorch_model.bin", content)
        text = self.run_command("convert", "--verify", self.source, self.target, code=ACCEPTED).stdout
        self.assertIn(b"model.safetensors  (2 tensors, 24 bytes, verified)", text)
        self.assertEqual(self.names(), ["model.safetensors"])
        whole = (self.target / "model.safetensors").read_bytes()
        self.run_command("convert", self.source, self.dir / "named.safetensors", code=ACCEPTED)
        self.run_command("convert", self.source / "pytorch_model.bin", self.put("t/x").parent, code=ACCEPTED)
        self.assertEqual((self.dir / "named.safetensors").read_bytes(), whole)
        self.assertEqual((self.dir / "t" / "model.safetensors").read_bytes(), whole)

    def test_no_link_out_of_the_folder(self):
        (self.source / self.TWO).rename(self.dir / "elsewhere.bin")
        (self.source / self.TWO).symlink_to(self.dir / "elsewhere.bin")
        self.refused(b"checkpoint/shard-link")
        self.index.unlink()
        (self.source / "pytorch_model.bin").symlink_to(self.dir / "elsewhere.bin")
        self.refused(b"symbolic link", code=UNDECIDED)


if __name__ == "__main__":
    unittest.main()
