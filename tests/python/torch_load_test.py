"""`tensorgate.torch.load` compared with `torch.load(weights_only=True)`: equal objects from the same files."""

import collections
import io
import math
import pathlib
import tempfile
import threading
import unittest
import warnings

import tensorgate
from tensorgate import _spool

from support import GOOD

try:
    import torch

    import tensorgate.torch
except ImportError:
    torch = None


def storage_of(tensor):
    return tensor.untyped_storage() if hasattr(tensor, "untyped_storage") else tensor.storage().untyped()


def bytes_of(storage):
    return torch.empty(0, dtype=torch.uint8).set_(storage).numpy().tobytes()


class Comparison:
    """Checks that two structures are equal, with the same objects shared in both."""

    def __init__(self, test):
        self.test = test
        self.objects, self.memory = {}, {}

    def same(self, a, b, path=""):
        self.test.assertIs(type(a), type(b), path)
        if isinstance(a, (dict, list, set, bytearray, torch.Tensor)):
            first = id(a) not in self.objects
            self.test.assertEqual(self.objects.setdefault(id(a), id(b)), id(b), path)
            if not first:
                return
        if isinstance(a, torch.Tensor):
            self.same_tensor(a, b, path)
        elif isinstance(a, dict):
            self.test.assertEqual(len(a), len(b), path)
            for (key, value), (other_key, other_value) in zip(a.items(), b.items()):
                self.same(key, other_key, f"{path} key")
                self.same(value, other_value, f"{path}[{key!r}]")
            if hasattr(a, "__dict__"):
                self.same(dict(vars(a)), dict(vars(b)), f"{path}.__dict__")
        elif isinstance(a, (list, tuple)):
            self.test.assertEqual(len(a), len(b), path)
            for i, (one, other) in enumerate(zip(a, b)):
                self.same(one, other, f"{path}[{i}]")
        elif isinstance(a, float) and math.isnan(a):
            self.test.assertTrue(math.isnan(b), path)
        else:
            self.test.assertEqual(a, b, path)
            self.test.assertEqual(repr(a), repr(b), path)

    def same_tensor(self, a, b, path):
        for name in ("dtype", "shape", "requires_grad", "device", "layout", "is_leaf"):
            self.test.assertEqual(getattr(a, name), getattr(b, name), f"{path}.{name}")
        self.test.assertEqual((a.stride(), a.storage_offset()), (b.stride(), b.storage_offset()), path)
        mine, other = storage_of(a), storage_of(b)
        self.test.assertEqual(mine.nbytes(), other.nbytes(), path)
        if mine.nbytes():
            shared = self.memory.setdefault(mine.data_ptr(), other.data_ptr())
            self.test.assertEqual(shared, other.data_ptr(), path)
            self.test.assertEqual(bytes_of(mine), bytes_of(other), path)


def structures():
    """What people save, and what they could save."""
    linear = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.BatchNorm1d(5))
    optimizer = torch.optim.Adam(linear.parameters())
    linear(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    base = torch.arange(24.0)
    shared = [1, 2]
    tied = torch.randn(2, 3)
    attributes = collections.OrderedDict(a=torch.ones(1))
    attributes._metadata = {"": {"version": 2}}
    dtypes = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
              torch.int8, torch.uint8, torch.bool, torch.complex128, torch.complex64]
    return {
        "state": linear.state_dict(),
        "training": {"state_dict": linear.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "best": 0.5},
        "views": {"all": base, "t": base.view(4, 6).t(), "part": base[3:9:2], "row": base[4:8],
                  "expanded": base[:1].expand(1000, 7)},
        "tied": {"a": tied, "b": tied, "c": tied[1:], "lists": [shared, shared]},
        "parameters": [torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2), requires_grad=False)],
        "gradient": torch.ones(3, requires_grad=True),
        "dtypes": {str(dtype): torch.ones(3, 2).to(dtype) for dtype in dtypes},
        "empty": {"none": torch.empty(0), "rows": torch.empty(0, 4), "scalar": torch.tensor(2.5)},
        "plain": {"text": "\u00e4\U0001f600", 3: None, "number": [-1, 2**31, 2**62, -2**63, 2**100, -2**70],
                  "float": [0.1, -0.0, math.inf, math.nan], "flags": (True, False), "nested": ((), [], {}, ([{}],)),
                  True: (1,), None: (1, 2, 3, 4, 5)},
        "attributes": attributes,
        "size": torch.Size([2, 3]),
        "dtype": [torch.float32, torch.bfloat16],
        "nothing": {},
        "large": {f"layer.{i}": torch.full((300, 1000), float(i)) for i in range(5)},
    }


@unittest.skipIf(torch is None, "torch is not installed")
class LoadTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        warnings.simplefilter("ignore")

    def saved(self, what, name="x.pt", legacy=False):
        path = self.folder / name
        torch.save(what, path, _use_new_zipfile_serialization=not legacy)
        return path

    def test_equals_what_torch_loads(self):
        compared = refused = 0
        for name, what in structures().items():
            for legacy in (False, True):
                path = self.saved(what, legacy=legacy)
                try:
                    theirs = torch.load(path, weights_only=True)
                except Exception:
                    # Versions differ in what they allow; the contents that this one saved are still known.
                    refused += 1
                    theirs = torch.load(path)
                for mapped in (False, True):
                    with self.subTest(name, legacy=legacy, mmap=mapped):
                        Comparison(self).same(theirs, tensorgate.torch.load(path, mmap=mapped))
                        compared += 1
        self.assertEqual(compared, 4 * len(structures()))
        self.assertLess(refused, len(structures()))

    def test_memory_is_its_own(self):
        path = self.saved({"a": torch.ones(1000), "b": torch.zeros(3)})
        before = path.read_bytes()
        for mapped in (False, True):
            loaded = tensorgate.torch.load(path, mmap=mapped)
            loaded["a"].add_(1)
            self.assertEqual(float(loaded["a"].sum()), 2000)
            again = tensorgate.torch.load(path)
            self.assertEqual(float(again["a"].sum()), 1000)
        self.assertEqual(path.read_bytes(), before)
        # Tensors outlive the file and each other.
        b = tensorgate.torch.load(path)["b"]
        path.unlink()
        self.assertEqual(b.tolist(), [0, 0, 0])

    def test_elements_are_aligned(self):
        what = [torch.ones(odd, dtype=dtype) for odd in (1, 3) for dtype in (torch.uint8, torch.float64, torch.int16)]
        for legacy in (False, True):
            path = self.saved(what, legacy=legacy)
            for mapped in (False, True):
                for tensor in tensorgate.torch.load(path, mmap=mapped):
                    self.assertEqual(tensor.data_ptr() % tensor.element_size(), 0)
                    self.assertEqual(float(tensor.sum()), tensor.numel())

    def test_an_expanded_view_costs_nothing(self):
        path = self.saved(torch.ones(1).expand(1 << 20, 1 << 20))
        loaded = tensorgate.torch.load(path)
        self.assertEqual((tuple(loaded.shape), loaded.stride(), storage_of(loaded).nbytes()),
                         ((1 << 20, 1 << 20), (0, 0), 4))
        with self.assertRaises(tensorgate.OperationError) as caught, tensorgate.safe_open(path, "pt") as file:
            file.get_tensor("tensor")
        self.assertEqual(caught.exception.rule, "use/expands")

    def test_file_objects(self):
        what = {"a": torch.arange(5)}
        path = self.saved(what)
        with open(path, "rb") as file:
            self.assertEqual(tensorgate.torch.load(file)["a"].tolist(), [0, 1, 2, 3, 4])
        with open(path, "rb") as file:
            self.assertEqual(tensorgate.torch.load(file, mmap=True)["a"].tolist(), [0, 1, 2, 3, 4])
        inside = io.BytesIO(b"xx" + path.read_bytes())
        inside.seek(2)
        self.assertEqual(tensorgate.torch.load(inside)["a"].tolist(), [0, 1, 2, 3, 4])
        with self.assertRaises(tensorgate.SafetensorError):
            tensorgate.torch.load(io.BytesIO(path.read_bytes()), mmap=True)

    def test_a_dtype_that_this_torch_lacks(self):
        path = self.saved(torch.bfloat16)
        name = torch.bfloat16
        del torch.bfloat16
        try:
            with self.assertRaisesRegex(tensorgate.SafetensorError, "names torch.bfloat16, which this torch does not have"):
                tensorgate.torch.load(path)
        finally:
            torch.bfloat16 = name

    def test_map_location(self):
        path = self.saved({"a": torch.ones(2)})
        seen = []

        def where(storage, location):
            seen.append(location)
            return storage
        for location in ("cpu", torch.device("cpu"), {"cuda:0": "cpu"}, where):
            self.assertEqual(tensorgate.torch.load(path, location)["a"].tolist(), [1, 1])
        self.assertEqual(seen, ["cpu"])

    def test_refused(self):
        path = self.folder / "bad.pt"
        torch.save({"a": collections.deque([1])}, path)
        with self.assertRaises(tensorgate.RejectedError) as caught:
            tensorgate.torch.load(path)
        self.assertEqual((caught.exception.report.verdict, caught.exception.rule), ("rejected", "pickle/global-outside"))
        whole = self.saved({"a": torch.ones(2)}).read_bytes()
        for size in (0, 1, 100, len(whole) - 1):
            with self.assertRaises(tensorgate.RejectedError):
                tensorgate.torch.load(io.BytesIO(whole[:size]))
        with self.assertRaises(FileNotFoundError):
            tensorgate.torch.load(self.folder / "none.pt")
        with self.assertRaises(ValueError):
            tensorgate.torch.load(self.saved({}), weights_only=False)
        # Another format is named.
        (self.folder / "text.pt").write_bytes(b"GGUF" + bytes(100))
        with self.assertRaises(tensorgate.RejectedError) as caught:
            tensorgate.torch.load(self.folder / "text.pt")
        self.assertEqual(caught.exception.report.format, "gguf")

    def test_a_file_object_that_does_not_end(self):
        class Endless(io.RawIOBase):
            given = 0

            def readable(self):
                return True

            def read(self, size=-1):
                self.given += size
                return bytes(size)

        file, before = Endless(), _spool.SPOOL_BYTES
        self.addCleanup(setattr, _spool, "SPOOL_BYTES", before)
        _spool.SPOOL_BYTES = 3 << 20
        with self.assertRaisesRegex(tensorgate.SafetensorError, "this Endless yields more than 3145728 bytes"):
            tensorgate.torch.load(file)
        self.assertLess(file.given, 8 << 20)

    def test_a_refused_file_object_is_named(self):
        path = self.folder / "x.pt"
        path.write_bytes(b"\x80\x02cos\nsystem\n.")
        with open(path, "rb") as file, self.assertRaises(tensorgate.RejectedError) as caught:
            tensorgate.torch.load(file)
        self.assertEqual(caught.exception.report.name, str(path))
        self.assertNotIn("/proc/self", str(caught.exception))

    def test_bytes_are_safetensors(self):
        self.assertEqual(tensorgate.torch.load(GOOD)["a"].tolist(), [1.5, -2.0])

    def test_threads(self):
        path = self.saved(structures()["training"])
        results = []

        def work():
            results.append(tensorgate.torch.load(path)["epoch"])
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [3] * 8)

    def test_safe_open(self):
        base = torch.arange(24.0)
        what = {"model": {"w": base.view(4, 6).t(), "b": base[3:7], "tied": base}, "step": 3}
        for legacy in (False, True):
            path = self.saved(what, legacy=legacy)
            for backend in ("mmap", "pread"):
                with tensorgate.safe_open(path, "pt", backend=backend) as file:
                    self.assertEqual(file.keys(), ["model.b", "model.tied", "model.w"])
                    self.assertIsNone(file.metadata())
                    for name, expected in what["model"].items():
                        got = file.get_tensor(f"model.{name}")
                        self.assertTrue(torch.equal(got, expected), name)
                        self.assertTrue(torch.equal(file.get_slice(f"model.{name}")[1:3], expected[1:3]))
                    for name, got in file.get_tensors().items():
                        self.assertTrue(torch.equal(got, what["model"][name.split(".")[1]]), name)


if __name__ == "__main__":
    unittest.main()
