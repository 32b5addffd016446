"""Checkpoints converted, against what they were made of. They are written here, without PyTorch."""

import collections
import io
import json
import pickle
import sys
import types
import unittest
import zipfile

from support import ACCEPTED, REJECTED, UNDECIDED, UNSUPPORTED, USAGE, Case

# What a pickle of PyTorch's names, for the pickler to find.
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


def checkpoint(structure, records):
    out, data = io.BytesIO(), io.BytesIO()
    sys.modules.update({"torch": TORCH, "torch._utils": UTILS})
    try:
        Pickler(data, protocol=2).dump(structure)
    finally:
        del sys.modules["torch"], sys.modules["torch._utils"]
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("m/data.pkl", data.getvalue())
        archive.writestr("m/byteorder", b"little")
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

    def test_tied(self):
        storage = Storage(0, "FloatStorage", 4)
        head = View(storage, 0, (2, 2), (2, 1))
        structure = {"z.head": head, "b.embed": View(storage, 0, (2, 2), (2, 1)), "c.same": head,
                     "part": View(storage, 2, (2,), (1,))}
        content = checkpoint(structure, {0: bytes(range(16))})
        metadata, tensors, _ = self.convert(content)
        self.assertEqual(metadata, {"format": "pt", "z.head": "b.embed", "c.same": "b.embed"})
        self.assertEqual(tensors, {"b.embed": ("F32", [2, 2], bytes(range(16))),
                                   "part": ("F32", [2], bytes(range(8, 16)))})
        self.assertIn(b"another name", self.convert(content, "--tied", "refuse", code=REJECTED).stderr)

    def test_select(self):
        storage = Storage(0, "FloatStorage", 1)
        view = View(storage, 0, (1,), (1,))
        content = checkpoint({"state_dict": {"w": view}, "ema": {"v": view}, "step": 1}, {0: b"abcd"})
        self.assertEqual(list(self.convert(content)[1]), ["w"])
        self.assertEqual(list(self.convert(content, "--select", "ema")[1]), ["v"])
        self.convert(content, "--select", "em", code=REJECTED)
        self.assertIn(b"would write", self.convert(content, "--dry-run").stdout)

    def test_refused(self):
        storage = Storage(0, "FloatStorage", 2)
        for view, record, word in (
                (View(storage, 0, (1 << 40,), (0,)), bytes(8), b"repeats"),
                (View(Storage(0, "ComplexDoubleStorage", 1), 0, (1,), (1,)), bytes(16), b"no such dtype")):
            result = self.convert(checkpoint({"w": view}, {0: record}), code=REJECTED)
            self.assertIn(word, result.stderr)
            self.assertIn(b"tensor w", result.stderr)
        # Within the storage each, and together far more than the file.
        views = {str(i): View(Storage(0, "ByteStorage", 1 << 20), 0, ((1 << 20) - i,), (1,)) for i in range(80)}
        self.assertIn(b"overlap", self.convert(checkpoint(views, {0: bytes(1 << 20)}), code=REJECTED).stderr)
        self.convert(checkpoint({"a": 1}, {}), code=REJECTED)
        outside = View(storage, 1, (2,), (1,))
        self.convert(checkpoint({"w": outside}, {0: bytes(8)}), code=REJECTED)
        self.convert(b"\x1f\x8b\x08\0" + bytes(20), code=UNSUPPORTED)
        self.run_command("convert", self.put("in.pt", b"x"), code=USAGE)
        self.run_command("convert", self.dir / "none", self.dir / "out", code=UNDECIDED)

    def test_the_same_bytes_again(self):
        view = View(Storage(0, "FloatStorage", 1), 0, (1,), (1,))
        content = checkpoint({"w": view}, {0: b"abcd"})
        self.convert(content)
        first = (self.dir / "out.safetensors").read_bytes()
        self.convert(content)
        self.assertEqual((self.dir / "out.safetensors").read_bytes(), first)


if __name__ == "__main__":
    unittest.main()
