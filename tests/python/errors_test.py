"""Callers' mistakes: exceptions that explain them, never C++ text, a crash or noise at the end of the process."""

import copy
import dataclasses
import io
import os
import pathlib
import pickle
import tempfile
import unittest
import warnings

import numpy

import tensorgate
import tensorgate.guard
import tensorgate.numpy
from tensorgate import _native, _spool

from support import GOOD, OVERLAP, ROOT, safetensors, tensor

try:
    import torch

    import tensorgate.torch
except ImportError:
    torch = None

KINDS = (TypeError, ValueError, tensorgate.SafetensorError, OverflowError, KeyError, OSError)
# Traces of C++ and of the library that the module is built with.
NOISE = ("bad_cast", "std::", "nanobind", "basic_string", "vector", "bad_alloc", "unknown exception")
# torch's own messages for a device that it does not support, or that does not exist.
TORCH = ("don't know how to restore data location", "Cannot access accelerator device")


class Odd:
    """An object whose methods return something other than they should."""

    def __init__(self, **answers):
        for name, answer in answers.items():
            setattr(self, name, lambda *_, answer=answer: answer)


class OddPath:
    def __fspath__(self):
        return 3


class OddMapping(dict):
    def items(self):
        return [(3, 3)]

    def keys(self):
        return [3]


WRONG = [None, 3, -1, 2**70, -2**70, 1.5, float("nan"), True, "text", "", "\ud800", "a\0b", b"bytes", b"\xff", bytearray(b"x"),
         memoryview(b"xyz")[::2], [], [None], [-1], [2**70], (), ("a", "b"), {}, {"a": None}, {3: 3}, {"\ud800": "\ud800"},
         {"a": {"a": 1}}, set(), object(), lambda: None, int, os, Odd(), Odd(read=b"x"), Odd(read="x", tell=0, seek=0),
         Odd(read=b"", tell=None, seek=0, seekable=True), Odd(read=b"", tell=-1, seek=0, seekable=True),
         Odd(read=b"", tell=2**70, seek=0, seekable=True), Odd(read=b"", tell=0, seek=0, seekable=numpy.ones(2)),
         Odd(read=None), Odd(read=3, seekable=False), OddPath(), OddMapping(a=1), io.StringIO("x"), numpy.ones(2),
         [1] * 1000, "x" * 100_000]


def made(folder):
    """Objects of each class."""
    path = folder / "x.safetensors"
    path.write_bytes(GOOD)
    spec = {"dtype": "uint8", "shape": [0], "data_ptr": 0, "data_len": 0}
    objects = {
        "Report": tensorgate.check(OVERLAP), "Finding": tensorgate.check(OVERLAP).findings[0],
        "Checkpoint": _native.open_bytes(GOOD), "Memory": _native.open_bytes(GOOD).read(0),
        "TensorSpec": _native.TensorSpec(**spec), "TrustList": _native.TrustList(""),
        "TorchFile": None, "safe_open": tensorgate.safe_open(path, "np"), "Slice": tensorgate.safe_open(path, "np").get_slice("a"),
        "path": path, "DlpackTensor": _native.dlpack(bytearray(4), 0, "F32", [1]),
    }
    if torch:
        file = io.BytesIO()
        torch.save({"a": torch.ones(2)}, file)
        objects["TorchFile"] = _native.open_torch_bytes(file.getvalue())
        objects["torch"] = file.getvalue()
        objects["model"] = folder / "model"
        tensorgate.torch.save_model(torch.nn.Linear(1, 1), objects["model"])
    return objects


def calls(it):
    """Every function and method, with correct arguments."""
    spec = {"dtype": "uint8", "shape": [0], "data_ptr": 0, "data_len": 0}
    specs, arrays, path = {"a": it["TensorSpec"]}, {"a": numpy.ones(1)}, it["path"]
    checkpoint = it["Checkpoint"]
    found = {
        "tensorgate.check": (tensorgate.check, [GOOD], {"name": "x", "profile": "strict", "limits": {"tensors": 5},
                                                        "max_findings": 3, "trust": it["TrustList"]}),
        "tensorgate.deserialize": (tensorgate.deserialize, [GOOD], {}),
        "tensorgate.guard": (tensorgate.guard.guard, [], {"allow": ["joblib"], "limits": {"tensors": 5}, "trust": None}),
        "tensorgate.guard()": (tensorgate.guard, [], {"allow": ["joblib"], "limits": {"tensors": 5}, "trust": None}),
        "tensorgate.safe_open": (tensorgate.safe_open, [path, "np"], {"device": "cpu", "backend": "pread"}),
        "tensorgate._safe_open_handle": (tensorgate._safe_open_handle, [open(path, "rb"), "np"], {"device": "cpu"}),
        "tensorgate.serialize": (tensorgate.serialize, [specs], {"metadata": {"a": "b"}}),
        "tensorgate.serialize_file": (tensorgate.serialize_file, [specs, "out"], {
            "metadata": {"a": "b"}, "alignment": 8, "sync": False, "max_shard_bytes": 0}),
        "tensorgate.numpy.load": (tensorgate.numpy.load, [GOOD], {}),
        "tensorgate.numpy.load_file": (tensorgate.numpy.load_file, [path], {"backend": "pread"}),
        "tensorgate.numpy.save": (tensorgate.numpy.save, [arrays], {"metadata": {"a": "b"}}),
        "tensorgate.numpy.save_file": (tensorgate.numpy.save_file, [arrays, "out"], {
            "metadata": {"a": "b"}, "alignment": 8, "sync": False}),
        "Report.text": (it["Report"].text, [], {"verbose": False}),
        "Report.json": (it["Report"].json, [], {}),
        "Report.to_dict": (it["Report"].to_dict, [], {}),
        "Report.raise_unless_accepted": (it["Report"].raise_unless_accepted, [], {}),
        "TrustList": (_native.TrustList, ["a.b newobj()"], {}),
        "tensorgate.Pins": (tensorgate.Pins, [f"{'0' * 64}  a"], {}),
        "TensorSpec": (_native.TensorSpec, [], spec),
        "Checkpoint.check_unchanged": (checkpoint.check_unchanged, [], {}),
        "Checkpoint.descriptor": (checkpoint.descriptor, [0], {}),
        "Checkpoint.entry": (checkpoint.entry, [0], {}),
        "Checkpoint.find": (checkpoint.find, ["a"], {}),
        "Checkpoint.load": (checkpoint.load, [], {}),
        "Checkpoint.metadata": (checkpoint.metadata, [], {}),
        "Checkpoint.names": (checkpoint.names, [False], {}),
        "Checkpoint.read": (checkpoint.read, [0], {}),
        "Checkpoint.read_into": (checkpoint.read_into, [0, bytearray(8)], {}),
        "Checkpoint.read_slice": (checkpoint.read_slice, [0, [(0, 1, 1)]], {}),
        "Checkpoint.size": (checkpoint.size, [0], {}),
        "safe_open.get_tensor": (it["safe_open"].get_tensor, ["a"], {}),
        "safe_open.get_slice": (it["safe_open"].get_slice, ["a"], {}),
        "safe_open.get_tensors": (it["safe_open"].get_tensors, [], {}),
        "safe_open.keys": (it["safe_open"].keys, [], {}),
        "safe_open.offset_keys": (it["safe_open"].offset_keys, [], {}),
        "safe_open.metadata": (it["safe_open"].metadata, [], {}),
        "Slice[]": (it["Slice"].__getitem__, [0], {}),
        # DLPack requires a BufferError for a device or a copy.
        "DlpackTensor.__dlpack__": (it["DlpackTensor"].__dlpack__, [], {"stream": None, "max_version": None}),
        "DlpackTensor.__dlpack_device__": (it["DlpackTensor"].__dlpack_device__, [], {}),
        "_native.dlpack": (_native.dlpack, [bytearray(4), 0, "F32", [1]], {}),
        "_native._finding": (_native._finding, [*it["Report"].__reduce__()[1], 0], {}),
        "_native._report": (_native._report, [*it["Report"].__reduce__()[1]], {}),
        "_native.formats": (_native.formats, [], {}),
        "_native.not_pinned": (_native.not_pinned, [tensorgate.check(GOOD)], {}),
        "_native.open_bytes": (_native.open_bytes, [GOOD], {}),
        "_native.open_path": (_native.open_path, [path], {}),
        "_native.extract_path": (_native.extract_path, [path], {}),
        "_native.open_torch_bytes": (_native.open_torch_bytes, [it.get("torch", b"")], {}),
        "_native.open_torch_path": (_native.open_torch_path, [path], {"name": "x"}),
        "_native.plain_descriptor": (_native.plain_descriptor, [io.BytesIO()], {}),
    }
    if torch:
        tensors, model = {"a": torch.ones(2)}, torch.nn.Linear(1, 1)
        opened = it["TorchFile"]
        found |= {
            "tensorgate.torch.extract": (tensorgate.torch.extract, [path], {"device": "cpu"}),
            "tensorgate.torch.load": (tensorgate.torch.load, [io.BytesIO(it["torch"])], {
                "map_location": "cpu", "mmap": False, "weights_only": True}),
            "tensorgate.torch.load_file": (tensorgate.torch.load_file, [path], {"device": "cpu", "backend": "mmap"}),
            "tensorgate.torch.save": (tensorgate.torch.save, [tensors], {"metadata": {"a": "b"}}),
            "tensorgate.torch.save_file": (tensorgate.torch.save_file, [tensors, "out"], {
                "metadata": {"a": "b"}, "alignment": 8, "sync": False}),
            "tensorgate.torch.save_model": (tensorgate.torch.save_model, [model, "model"], {
                "metadata": {"a": "b"}, "force_contiguous": True}),
            "tensorgate.torch.load_model": (tensorgate.torch.load_model, [model, it["model"]], {
                "strict": True, "device": "cpu", "backend": None}),
            "TorchFile.build": (opened.build, [torch, lambda *_: None], {}),
            "TorchFile.check_unchanged": (opened.check_unchanged, [], {}),
            "TorchFile.descriptor": (opened.descriptor, [], {}),
            "TorchFile.load": (opened.load, [], {}),
            "TorchFile.size": (opened.size, [], {}),
            "TorchFile.storages": (opened.storages, [], {}),
        }
    return found


class Wrong(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        self.objects = made(pathlib.Path(folder.name))
        # Some of the odd objects never end.
        self.addCleanup(setattr, _spool, "SPOOL_BYTES", _spool.SPOOL_BYTES)
        _spool.SPOOL_BYTES = 10_000
        warnings.simplefilter("ignore", ResourceWarning)
        self.addCleanup(warnings.resetwarnings)

    def attempt(self, what, call, /, *arguments, **named):
        with self.subTest(what, arguments=str(arguments)[:80], named=str(named)[:80]):
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                try:
                    call(*arguments, **named)
                except Exception as error:
                    said = str(error)
                    if not said.startswith(TORCH):
                        self.assertIsInstance(error, KINDS)
                    self.assertTrue(said.strip())
                    for trace in NOISE:
                        self.assertNotIn(trace, said)

    def test_right_arguments(self):
        for name, (call, arguments, named) in calls(self.objects).items():
            with self.subTest(name):
                try:
                    call(*arguments, **named)
                except (FileNotFoundError, tensorgate.RejectedError):
                    pass

    def test_every_argument_in_turn(self):
        for name in calls(self.objects):
            call, arguments, named = calls(self.objects)[name]
            for wrong in WRONG:
                for i in range(len(arguments)):
                    call, arguments, named = calls(self.objects)[name]
                    self.attempt(name, call, *arguments[:i], wrong, *arguments[i + 1:], **named)
                for key in named:
                    self.attempt(name, call, *arguments, **{**named, key: wrong})

    def test_none_is_refused_in_words(self):
        def refused(what, call, /, *arguments, **named):
            with self.subTest(name, arguments=str(arguments)[:80], named=str(named)[:80]):
                try:
                    call(*arguments, **named)
                except Exception as error:
                    self.assertNotIn("incompatible function arguments", str(error))

        for name in calls(self.objects):
            if not name.startswith(("tensorgate.", "Report.", "safe_open.", "Slice.")):
                continue
            call, arguments, named = calls(self.objects)[name]
            for i in range(len(arguments)):
                refused(name, call, *arguments[:i], None, *arguments[i + 1:], **named)
            for key in named:
                refused(name, call, *arguments, **{**named, key: None})
        refused("TrustList", _native.TrustList, None)
        for key in ("dtype", "shape", "data_ptr", "data_len"):
            refused("TensorSpec", _native.TensorSpec,
                    **{"dtype": "uint8", "shape": [0], "data_ptr": 0, "data_len": 0, key: None})

    def test_numbers_of_arguments(self):
        for name, (call, arguments, named) in calls(self.objects).items():
            self.attempt(name, call, *arguments, *[None] * 9)
            self.attempt(name, call, *arguments, nonsense=1, **named)
            if arguments and name != "Checkpoint.names":
                with self.assertRaises(TypeError):
                    call(**named)

    def test_nothing_is_left_out(self):
        there = set(calls(self.objects))
        modules = [(tensorgate, "tensorgate."), (tensorgate.numpy, "tensorgate.numpy.")]
        if torch:
            modules.append((tensorgate.torch, "tensorgate.torch."))
        for module, prefix in modules:
            for name in module.__all__:
                value = getattr(module, name)
                if isinstance(value, type) and (issubclass(value, (Exception, dict)) or dataclasses.is_dataclass(value)
                                                or hasattr(_native, name)):
                    continue  # plain data
                if callable(value):
                    self.assertIn(prefix + name, there)
        for name in dir(_native):
            value = getattr(_native, name)
            if callable(value) and not isinstance(value, type):
                self.assertTrue({f"_native.{name}", f"tensorgate.{name}"} & there, name)
        classes = [each for each in vars(_native).values() if isinstance(each, type)] + [tensorgate.safe_open]
        for kind in classes:
            if kind.__name__ == "TorchFile" and not torch:
                continue
            for name, value in vars(kind).items():
                if callable(value) and not name.startswith("_"):
                    self.assertIn(f"{kind.__name__}.{name}", there)


class Empty(unittest.TestCase):
    """Objects created without their contents."""

    def test_made_by_hand(self):
        for kind in (each for each in vars(_native).values() if isinstance(each, type)):
            with self.subTest(kind.__name__), warnings.catch_warnings():
                warnings.simplefilter("error")
                with self.assertRaises(TypeError):
                    kind()
                with self.assertRaises(TypeError):
                    object.__new__(kind)
                with self.assertRaises(TypeError):
                    type("Derived", (kind,), {})
                try:
                    made = kind.__new__(kind)
                except TypeError as error:
                    self.assertIn(kind.__name__, str(error))
                    continue
                # Those with an __init__, which was not called.
                for use in (lambda: made.dtype, lambda: made.shape, lambda: made.data_ptr, lambda: made.data_len,
                            lambda: tensorgate.serialize({"a": made}), lambda: tensorgate.check(GOOD, trust=made)):
                    with self.assertRaises((TypeError, AttributeError)) as caught:
                        use()
                    self.assertNotIn("nanobind", str(caught.exception))
                repr(made)

    def test_a_file_that_was_not_opened(self):
        file = tensorgate.safe_open.__new__(tensorgate.safe_open)
        for use in (file.keys, file.offset_keys, file.metadata, file.get_tensors, lambda: file.get_tensor("a"),
                    lambda: file.get_slice("a")):
            with self.assertRaisesRegex(tensorgate.SafetensorError, "closed"):
                use()

    def test_copies(self):
        for it in (_native.dlpack(bytearray(4), 0, "F32", [1]), _native.open_bytes(GOOD), _native.open_bytes(GOOD).read(0),
                   _native.TrustList("")):
            for call in (copy.copy, copy.deepcopy, pickle.dumps):
                with self.assertRaises(TypeError):
                    call(it)

    def test_what_is_used_after_its_end(self):
        memory = memoryview(_native.open_bytes(GOOD).read(0))
        self.assertEqual(len(memory), 8)
        file = open(ROOT / "LICENSE", "rb")
        file.close()
        with self.assertRaises(ValueError):
            tensorgate.check(file)
        detached = io.BufferedReader(io.FileIO(ROOT / "LICENSE"))
        raw = detached.detach()
        with self.assertRaises(ValueError):
            tensorgate.check(detached)
        raw.close()


class Ranks(unittest.TestCase):
    def test_no_rank_ends_the_process(self):
        for rank in (0, 1, 32, 33, 64, 65, 128, 129, 1000, 10000):
            data = safetensors({"a": tensor(0, 4, "F32", [1] * rank)}, b"\0\0\x80\x3f")
            for framework in ("np", "dlpack", *(["pt"] if torch else [])):
                with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
                    file.write(data)
                    file.flush()
                    with self.subTest(rank, framework=framework):
                        try:
                            with tensorgate.safe_open(file.name, framework) as opened:
                                array = opened.get_tensor("a")
                                if framework == "dlpack":
                                    self.assertLessEqual(rank, 64)
                                    numpy.from_dlpack(array)
                                else:
                                    self.assertEqual(len(array.shape), rank)
                        except (ValueError, tensorgate.SafetensorError, RuntimeError) as error:
                            self.assertGreater(rank, 32, str(error))


if __name__ == "__main__":
    unittest.main()
