"""Small files for the tests of the Python package, which must be installed."""

import hashlib
import json
import os
import pathlib
import pickle
import struct
import tempfile
import unittest

import tensorgate

ROOT = pathlib.Path(__file__).resolve().parents[2]


def safetensors(header, data=b""):
    """A file's bytes; header is JSON text or something to be written as JSON."""
    if not isinstance(header, bytes):
        header = json.dumps(header, separators=(",", ":")).encode()
        header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data


def tensor(begin, end, dtype="U8", shape=None):
    return {"dtype": dtype, "shape": [end - begin] if shape is None else shape,
            "data_offsets": [begin, end]}


GOOD = safetensors({"__metadata__": {"format": "pt"}, "a": tensor(0, 8, "F32", [2]),
                    "b": tensor(8, 12)}, struct.pack("<2f", 1.5, -2) + b"\1\2\3\4")
OVERLAP = safetensors({"a": tensor(0, 8), "b": tensor(4, 12)}, bytes(12))


def shards(folder, contents, **more):
    """A sharded checkpoint of these files; returns the index. Each tensor is in the file that contains it."""
    folder.mkdir(exist_ok=True)
    weight_map = {}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        header = json.loads(content[8:8 + struct.unpack("<Q", content[:8])[0]])
        weight_map.update({tensor: name for tensor in header if tensor != "__metadata__"})
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": {**weight_map, **more}}))
    return index


# What the files that tests load have run.
RAN = []


def mark(what):
    """The function that hostile files call."""
    RAN.append(what)
    return what


class Evil:
    """Pickled, it is a call."""

    def __reduce__(self):
        return mark, ("ran",)


# It names a function, which is all that a harmful one needs; loading this one does nothing.
EVIL = pickle.dumps(os.getcwd, protocol=2)


def plain(value):
    """Pickles as torch.save writes them; what newer protocols add is not accepted."""
    return pickle.dumps(value, protocol=2)


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Guarded(unittest.TestCase):
    """Tests with their own folder, which check that refused files have run nothing."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        RAN.clear()

    def put(self, data, name):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def refused(self, rule=None):
        return self.assertRaisesRegex(tensorgate.RejectedError, rule or "")
