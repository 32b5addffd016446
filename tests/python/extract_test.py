"""`tensorgate.torch.extract`: what is taken from refused checkpoints, what is reported, and which errors there are."""

import argparse
import collections
import copy
import json
import pickle
import struct
import unittest
import warnings

import tensorgate
from tensorgate import _native

from support import GOOD, RAN, Guarded, mark

try:
    import torch

    import tensorgate.torch
except ImportError:
    torch = None

LEGACY = (bytes.fromhex("80028a0a6cfc9c46f9206aa850192e"), pickle.dumps(1001, protocol=2),
          pickle.dumps({"protocol_version": 1001, "little_endian": True,
                        "type_sizes": {"short": 2, "int": 4, "long": 4}}, protocol=2))


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def tensor(key):
    """The opcodes for a tensor of all four elements of a storage."""
    return (b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu")
            + b"K\4NtQK\0K\4\x85K\1\x85\x89ccollections\nOrderedDict\n)RtR")


def held(key):
    """An object of a class that does not exist, with a tensor as its attribute `v`."""
    return b"cmodel\nNet\n)\x81}" + text("v") + tensor(key) + b"sb"


def changed(key):
    """What a function that does not exist makes of a tensor."""
    return b"cmodel\nchange\n(" + tensor(key) + b"tR"


def legacy(items, storages):
    """A legacy stream without torch: each storage has its number and the three after it."""
    values = b"\x80\2}(" + b"".join(text(name) + value for name, value in items.items()) + b"u."
    keys = b"\x80\2](" + b"".join(text(str(i)) for i in range(storages)) + b"e."
    data = b"".join(struct.pack("<Q4f", 4, i, i + 1, i + 2, i + 3) for i in range(storages))
    return b"".join(LEGACY) + values + keys + data


REFUSED = legacy({"w": tensor("0"), "net": held("1"), "call": changed("2")}, 3)


class Native(Guarded):
    """What needs no torch."""

    def test_entries(self):
        path = self.put(REFUSED, "x.pt")
        checkpoint, report, counts, entries = _native.extract_path(path)
        self.assertEqual((report.verdict, report.name), ("rejected", str(path)))
        self.assertEqual(counts, (1, 1, 2, 0))
        self.assertEqual(checkpoint.names(), ["w", "net.v"])
        self.assertEqual([bytes(checkpoint.read(i)) for i in (0, 1)],
                         [struct.pack("<4f", 0, 1, 2, 3), struct.pack("<4f", 1, 2, 3, 4)])
        w, v, call, given = entries
        self.assertEqual(w[:6], ("w", "taken", None, None, "float32", (4,)))
        self.assertEqual(v[:6], ("net.v", "as-stored", "model.Net", None, "float32", (4,)))
        self.assertEqual(call[:6], ("call", "left-out", None, "made by model.change", None, ()))
        self.assertEqual(given[1:3] + given[4:6], ("left-out", None, "float32", (4,)))
        self.assertIn("passed to model.change", given[3])
        for entry in entries:
            self.assertIsNone(entry[7])
            self.assertTrue(0 < entry[6] < len(REFUSED))

    def test_nothing(self):
        path = self.put(legacy({"call\n": changed("0")}, 1), "x.pt")
        with self.assertRaises(tensorgate.OperationError) as caught:
            _native.extract_path(path)
        self.assertEqual(caught.exception.rule, "convert/nothing-extracted")
        self.assertIn("inspect --extract", str(caught.exception))
        self.assertIn("model.change", str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))

    def test_changed_names(self):
        path = self.put(legacy({"w": tensor("0"), "f": b"cmodel\nf\n}b"}, 1), "x.pt")
        with self.assertRaisesRegex(tensorgate.OperationError, "safetensors file") as caught:
            _native.extract_path(path)
        self.assertEqual(caught.exception.rule, "convert/names-changed")

    def test_container_not_proven(self):
        with self.refused("torch/") as caught:
            _native.extract_path(self.put(REFUSED + b"\0", "x.pt"))
        self.assertEqual(caught.exception.report.verdict, "rejected")
        with self.refused() as caught:
            _native.extract_path(self.put(b"\x89HDF\r\n\x1a\n" + bytes(100), "x.h5"))
        self.assertEqual(caught.exception.report.verdict, "unsupported")
        with self.refused("safetensors/"):
            _native.extract_path(self.put(GOOD + b"\0", "x.safetensors"))

    def test_no_file(self):
        with self.assertRaisesRegex(FileNotFoundError, "No such file or directory: .*none.pt"):
            _native.extract_path(self.folder / "none.pt")
        for what in (None, 3, b"x.pt"):
            with self.assertRaises(TypeError):
                _native.extract_path(what)


class Holder:
    """An ordinary class, which the format does not have."""


class Changing:
    """Its tensor is given to a function when it is loaded."""

    def __init__(self, value):
        self.value = value

    def __reduce__(self):
        return mark, (self.value,)


@unittest.skipIf(torch is None, "torch is not installed")
class Extract(Guarded):
    def setUp(self):
        super().setUp()
        warnings.simplefilter("ignore")
        self.path = self.folder / "x.ckpt"

    def trusted(self):
        """What the loader that trusts the file has. It runs the file's functions."""
        try:
            return torch.load(self.path, weights_only=False)
        finally:
            RAN.clear()

    def outcomes(self, extracted):
        return {entry.name: entry.outcome for entry in extracted.entries}

    def test_training_checkpoint(self):
        model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.BatchNorm1d(5))
        holder = Holder()
        holder.scale = torch.randn(3, 2).t()
        given = torch.ones(4)
        for legacy_stream in (False, True):
            torch.save({"model": model.state_dict(), "args": argparse.Namespace(rate=0.5), "extra": holder,
                        "given": given, "changing": Changing(given)}, self.path,
                       _use_new_zipfile_serialization=not legacy_stream)
            with self.refused("pickle/"):
                tensorgate.torch.load(self.path)
            extracted = tensorgate.torch.extract(self.path)
            self.assertEqual(RAN, [])
            self.assertIs(type(extracted), tensorgate.torch.Extracted)
            self.assertEqual((extracted.report.verdict, extracted.report.name), ("rejected", str(self.path)))
            loaded = self.trusted()
            expected = {f"model.{name}": value for name, value in loaded["model"].items()}
            expected["extra.scale"] = loaded["extra"].scale
            self.assertEqual(set(extracted), set(expected))
            for name, value in expected.items():
                self.assertIs(extracted[name].dtype, value.dtype)
                self.assertTrue(torch.equal(extracted[name], value), name)
            self.assertEqual((extracted.taken, extracted.as_stored, extracted.names_dropped), (len(expected) - 1, 1, 0))
            self.assertEqual(extracted.left_out, len(extracted.entries) - len(expected))
            self.assertEqual(self.outcomes(extracted)["given"], "left-out")
            (stored,) = [entry for entry in extracted.entries if entry.outcome == "as-stored"]
            self.assertEqual((stored.name, stored.dtype, stored.shape), ("extra.scale", "float32", (2, 3)))
            self.assertTrue(stored.holder.endswith(".Holder"))
            (left,) = [entry for entry in extracted.entries if entry.name == "given"]
            self.assertIn("support.mark", left.reason)

    def test_load_state_dict(self):
        model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.BatchNorm1d(5))
        state = model.state_dict()
        state["x"] = Holder()
        torch.save(state, self.path)
        extracted = tensorgate.torch.extract(str(self.path))
        other = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.BatchNorm1d(5))
        other.load_state_dict(extracted)
        for name, value in model.state_dict().items():
            self.assertTrue(torch.equal(other.state_dict()[name], value), name)
            extracted[name].zero_()
        self.assertEqual(extracted.left_out, 0)

    def test_whole_module(self):
        model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
        torch.save(model, self.path)
        extracted = tensorgate.torch.extract(self.path)
        self.assertEqual(list(extracted), list(model.state_dict()))
        self.assertEqual(extracted.as_stored, 4)
        model.load_state_dict(extracted)

    def test_tied_and_empty(self):
        tied = torch.randn(2, 3)
        torch.save({"a": tied, "b": tied, "none": torch.empty(0, 2), "x": Holder()}, self.path)
        extracted = tensorgate.torch.extract(self.path)
        self.assertTrue(torch.equal(extracted["a"], tied) and torch.equal(extracted["b"], tied))
        self.assertEqual(extracted["a"].data_ptr(), extracted["b"].data_ptr())
        self.assertEqual(tuple(extracted["none"].shape), (0, 2))

    def test_accepted(self):
        torch.save({"w": torch.ones(2)}, self.path)
        extracted = tensorgate.torch.extract(self.path)
        self.assertTrue(extracted.report)
        self.assertEqual((list(extracted), extracted.entries, extracted.taken), (["w"], [], 0))

    def test_what_is_saved_again_is_accepted(self):
        self.path.write_bytes(REFUSED)
        extracted = tensorgate.torch.extract(self.path)
        torch.save(extracted, self.path)
        again = tensorgate.torch.load(self.path)
        self.assertIs(type(again), collections.OrderedDict)
        self.assertEqual({name: value.tolist() for name, value in again.items()},
                         {"w": [0, 1, 2, 3], "net.v": [1, 2, 3, 4]})
        self.assertIs(type(copy.deepcopy(extracted)), collections.OrderedDict)
        self.assertEqual(list(pickle.loads(pickle.dumps(extracted))), ["w", "net.v"])

    def test_entries_are_frozen(self):
        self.path.write_bytes(REFUSED)
        entry = tensorgate.torch.extract(self.path).entries[0]
        self.assertIs(type(entry), tensorgate.torch.ExtractedEntry)
        with self.assertRaises(AttributeError):
            entry.name = "x"
        self.assertEqual(copy.copy(entry), entry)

    def test_shards(self):
        """A folder with an index whose shards are refused, one of them, or both."""
        names = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"]
        plain = legacy({"x": tensor("0")}, 1)
        for second in (plain, legacy({"x": tensor("0"), "other": changed("1")}, 2)):
            self.put(REFUSED, names[0])
            self.put(second, names[1])
            index = self.put(json.dumps({"metadata": {}, "weight_map": {"w": names[0], "net.v": names[0], "x": names[1]}})
                             .encode(), "pytorch_model.bin.index.json")
            for what in (self.folder, index):
                extracted = tensorgate.torch.extract(what)
                self.assertEqual(set(extracted), {"w", "net.v", "x"})
                self.assertEqual(extracted["x"].tolist(), [0, 1, 2, 3])
                self.assertEqual(extracted.report.verdict, "rejected")
                self.assertEqual([verdict for _, verdict, _ in extracted.report.shards],
                                 ["rejected", "accepted" if second is plain else "rejected"])
                self.assertEqual([entry.shard for entry in extracted.entries],
                                 [names[0]] * 4 + ([] if second is plain else [names[1]] * 3))
        self.put(REFUSED[:-1], names[0])
        with self.refused("checkpoint/shard-rejected") as caught:
            tensorgate.torch.extract(self.folder)
        self.assertEqual(caught.exception.report.verdict, "rejected")

    def test_arguments(self):
        self.path.write_bytes(REFUSED)
        with self.assertRaisesRegex(tensorgate.SafetensorError, "device"):
            tensorgate.torch.extract(self.path, "nowhere")
        with self.assertRaises(TypeError):
            tensorgate.torch.extract(REFUSED)
        self.assertEqual(len(tensorgate.torch.extract(self.path, device="cpu")), 2)
        if torch.cuda.is_available():
            self.assertEqual(tensorgate.torch.extract(self.path, 0)["w"].tolist(), [0, 1, 2, 3])


if __name__ == "__main__":
    unittest.main()
