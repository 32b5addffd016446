"""Saving: written files have the values that the arrays show, or saving is refused with a reason."""

import pathlib
import tempfile
import unittest
import warnings

import numpy

import tensorgate
import tensorgate.numpy

try:
    import ml_dtypes
except ImportError:
    ml_dtypes = None
try:
    import torch
except ImportError:
    torch = None
if torch:
    import tensorgate.torch


def storage_of(tensor):
    return tensor.untyped_storage() if hasattr(tensor, "untyped_storage") else tensor.storage().untyped()


class Saving(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name, "x.safetensors")

    def written(self, module, value):
        """Written by each function, read back by the same module: everything is equal."""
        module.save_file({"a": value}, self.path)
        data = module.save({"a": value})
        self.assertEqual(self.path.read_bytes(), data)
        self.assertTrue(tensorgate.check(self.path, profile="strict"))
        return module.load_file(self.path)["a"]

    def refused(self, module, value, pattern, kind=(ValueError, tensorgate.SafetensorError)):
        for save in (lambda: module.save_file({"a": value}, self.path), lambda: module.save({"a": value})):
            with self.assertRaisesRegex(kind, pattern) as caught:
                save()
            self.assertRegex(str(caught.exception), r"\ba\b|dtype")
        self.assertFalse(self.path.exists())


@unittest.skipUnless(torch, "without torch")
class Torch(Saving):
    def same(self, tensor):
        read = self.written(tensorgate.torch, tensor)
        self.assertEqual((read.dtype, read.shape), (tensor.dtype, tensor.shape))
        self.assertTrue(torch.equal(read, tensor.detach().resolve_conj().resolve_neg().to("cpu")), (read, tensor))
        return read

    def test_views_that_conjugate_or_negate(self):
        base = torch.tensor([1 + 2j, 3 - 4j, 0j, -5j], dtype=torch.complex64)
        views = [base.conj(), base.conj().imag, base.conj()[1:3], base.reshape(2, 2).t().conj().t(), base.conj().conj(),
                 torch._neg_view(torch.tensor([1.0, -2.0])), torch._neg_view(base.conj()), base.conj().requires_grad_()]
        for view in views:
            view = view if view.is_contiguous() else view.contiguous()
            self.same(view)
        contiguous = base.view(torch.float32).reshape(4, 2)[:, 0].contiguous()
        self.same(torch._neg_view(contiguous))

    def test_the_view_beside_its_base(self):
        base = torch.tensor([1 + 2j, 3 - 4j], dtype=torch.complex64)
        tensorgate.torch.save_file({"a": base, "b": base.conj()}, self.path)
        read = tensorgate.torch.load_file(self.path)
        self.assertEqual((read["a"].tolist(), read["b"].tolist()), ([1 + 2j, 3 - 4j], [1 - 2j, 3 + 4j]))

        class Model(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.a = torch.nn.Parameter(base.clone())
                self.register_buffer("b", self.a.detach().conj())

        model = Model()
        tensorgate.torch.save_model(model, self.path)
        self.assertEqual(tensorgate.torch.load_file(self.path)["b"].tolist(), [1 - 2j, 3 + 4j])
        other = Model()
        other.a.data.zero_()
        tensorgate.torch.load_model(other, self.path)
        self.assertEqual((other.a.tolist(), other.b.tolist()), (model.a.tolist(), model.b.tolist()))

    def test_storages_that_were_resized(self):
        for size in (0, 4, 399):
            for make in (lambda: torch.ones(100), lambda: torch.ones(10, 10).t(), lambda: torch.ones(200)[100:]):
                tensor = make()
                before = storage_of(tensor).nbytes()
                storage_of(tensor).resize_(size)
                self.refused(tensorgate.torch, tensor, "storage|memory")
                module = torch.nn.Module()
                module.register_buffer("a", tensor)
                with self.assertRaisesRegex(ValueError, "storage|memory"):
                    tensorgate.torch.save_model(module, self.path)
                storage_of(tensor).resize_(before)
        tensor = torch.arange(4.0)
        storage_of(tensor).resize_(1000)
        self.same(tensor)

    def test_truth_is_0_or_1(self):
        strange = torch.tensor([0, 1, 2, 255], dtype=torch.uint8).view(torch.bool)
        self.same(strange != 0)
        self.written(tensorgate.torch, strange)
        self.assertEqual(self.path.read_bytes()[-4:], b"\0\1\1\1")

    def test_what_has_memory(self):
        class Mine(torch.Tensor):
            pass

        for tensor in (torch.tensor(3.5), torch.empty(0, 5), torch.ones(2).as_subclass(Mine), torch.nn.Parameter(torch.ones(2)),
                       torch.ones(1).expand(1, 1), torch.ones(6)[2:4], torch.inference_mode()(lambda: torch.ones(2))(),
                       torch.ones(2).half(), torch.ones(2).bfloat16(), torch.arange(3, dtype=torch.int8)):
            self.same(tensor)

    def test_what_has_none(self):
        try:
            from torch.func import functionalize, grad, vmap
        except ImportError:
            functionalize = grad = vmap = None
        from torch._subclasses.fake_tensor import FakeTensorMode

        class Wrapper(torch.Tensor):
            @staticmethod
            def __new__(cls, value):
                return torch.Tensor._make_wrapper_subclass(cls, value.shape, dtype=value.dtype)

            @classmethod
            def __torch_dispatch__(cls, function, types, arguments=(), named=None):
                if function is torch.ops.aten.detach.default:
                    return cls(arguments[0])
                raise NotImplementedError

        with FakeTensorMode():
            fake = torch.ones(2)
        for tensor in (fake, Wrapper(torch.ones(2)), torch._efficientzerotensor(2)):
            self.refused(tensorgate.torch, tensor, "no memory of its own")

        def inside(tensor):
            self.refused(tensorgate.torch, tensor, "no memory of its own")
            return tensor.sum()

        for transform in (vmap, grad, functionalize):
            if transform:
                transform(inside)(torch.ones(2, 2) if transform is vmap else torch.ones(2))

    def test_other_layouts(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nested = getattr(torch.nested, "nested_tensor", getattr(torch, "nested_tensor", None))
            cases = [(torch.eye(2).to_sparse(), "sparse"), (torch.eye(2).to_sparse_csr(), "sparse"),
                     (torch.nn.LazyLinear(3).weight, "not initialized"), (nested([torch.ones(2), torch.ones(3)]), "nested"),
                     (torch.quantize_per_tensor(torch.ones(2), 1, 0, torch.qint8), "qint8"),
                     (torch.ones(2, dtype=torch.complex128), "complex128"), (torch.ones(4, 4).t()[1:], "contiguous")]
            if torch.backends.mkldnn.is_available():
                cases.append((torch.ones(2).to_mkldnn(), "layout"))
            if hasattr(torch, "jagged"):
                cases.append((nested([torch.ones(2, 2), torch.ones(3, 2)], layout=torch.jagged), "layout"))
        for tensor, pattern in cases:
            self.refused(tensorgate.torch, tensor, pattern)
        self.refused(tensorgate.torch, torch.ones(2, device="meta"), "Cannot copy out of meta tensor", RuntimeError)

    def test_values_that_are_not_tensors(self):
        for value in (3, None, [1.0], numpy.ones(2)):
            self.refused(tensorgate.torch, value, "expected torch.Tensor")
        for wrong in (3, None, [torch.ones(1)]):
            with self.assertRaises(ValueError):
                tensorgate.torch.save(wrong)


class Errors(Saving):
    """An error names the tensor or the key, and the file."""

    def error(self, call, *words, kind=tensorgate.SafetensorError):
        with self.assertRaises(kind) as caught:
            call()
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_dtypes(self):
        self.error(lambda: tensorgate.numpy.save_file({"layer.1": numpy.zeros(2, "complex128")}, self.path), "`layer.1`", "complex128")

    def test_names(self):
        def save(names):
            return lambda: tensorgate.numpy.save_file({name: numpy.zeros(1) for name in names}, self.path)
        self.error(save(["a", "__metadata__"]), "save/name-reserved", "'__metadata__'", str(self.path))
        self.error(lambda: tensorgate.numpy.save({"__metadata__": numpy.zeros(1)}), "('__metadata__')")

    def test_metadata(self):
        self.error(lambda: tensorgate.numpy.save_file({}, self.path, {"epoch": 3}), "'epoch'", "str", kind=TypeError)

    def test_paths(self):
        missing = self.path.parent / "none" / "x.safetensors"
        self.error(lambda: tensorgate.numpy.save_file({"a": numpy.zeros(1)}, missing), "save/create-failed", str(missing))


class Shards(Saving):
    ARRAYS = {"a": numpy.arange(8.0), "b": numpy.arange(16.0), "c": numpy.zeros(3, "u1")}

    def names(self):
        return sorted(path.name for path in self.path.parent.iterdir())

    def test_numpy(self):
        for size in (192, "192", "192B", "0.192KB", "0.1875 kib"):
            tensorgate.numpy.save_file(self.ARRAYS, self.path, {"format": "np"}, max_shard_size=size)
            self.assertEqual(self.names(), ["x-00001-of-00002.safetensors", "x-00002-of-00002.safetensors",
                                            "x.safetensors.index.json"], size)
        read = tensorgate.numpy.load_file(self.path.parent / "x.safetensors.index.json")
        for name, array in self.ARRAYS.items():
            numpy.testing.assert_array_equal(read[name], array)
        self.assertTrue(tensorgate.check(self.path.parent))
        # What fits is one file, and the shards before it are gone.
        tensorgate.numpy.save_file(self.ARRAYS, self.path, max_shard_size="5GB")
        self.assertEqual(self.names(), ["x.safetensors"])

    @unittest.skipUnless(torch, "without torch")
    def test_torch(self):
        tensorgate.torch.save_file({name: torch.from_numpy(array) for name, array in self.ARRAYS.items()}, self.path,
                                   max_shard_size=64)
        self.assertEqual(self.names()[-1], "x.safetensors.index.json")
        self.assertEqual(set(tensorgate.torch.load_file(self.path.parent)), set(self.ARRAYS))

    def test_sizes_that_are_none(self):
        for size, kind in ((0, ValueError), (-1, ValueError), ("", ValueError), ("5 XB", ValueError), ("GB", ValueError),
                           ("1e9", ValueError), (1 << 64, ValueError), ("0.1", ValueError), (True, TypeError), (1.5, TypeError)):
            with self.assertRaises(kind, msg=size):
                tensorgate.numpy.save_file(self.ARRAYS, self.path, max_shard_size=size)
        self.assertEqual(self.names(), [])
        with self.assertRaises(tensorgate.OperationError):
            tensorgate.numpy.save_file(self.ARRAYS, self.path.parent / "model.bin", max_shard_size=10)


@unittest.skipUnless(torch, "without torch")
class LoadModel(Saving):
    def test_what_it_returns(self):
        """A set and a list, as in the package safetensors 0.8.0."""
        model = torch.nn.Linear(2, 2)
        tensorgate.torch.save_file({"weight": torch.ones(2, 2), "other": torch.ones(1)}, self.path)
        answer = tensorgate.torch.load_model(model, self.path, strict=False)
        self.assertEqual(answer, ({"bias"}, ["other"]))
        try:
            from safetensors.torch import load_model
        except ImportError:
            return
        self.assertEqual(load_model(model, self.path, strict=False), answer)


class Numpy(Saving):
    def same(self, array):
        read = self.written(tensorgate.numpy, array)
        self.assertEqual((read.dtype, read.shape), (array.dtype.newbyteorder("="), array.shape))
        numpy.testing.assert_array_equal(read, array)

    def matrix(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return numpy.matrix([[1.0, 2.0]])

    def test_every_order_and_kind(self):
        whole = numpy.arange(24, dtype=numpy.int32).reshape(2, 3, 4)
        record = numpy.zeros(3, dtype=[("a", "i1"), ("b", "<f4")])
        record["b"] = [1, 2, 3]
        for array in (whole, whole.T, whole[::-1], whole[:, ::2, 1:], whole[..., 0], numpy.array(2.5), numpy.zeros((0, 3)),
                      whole.astype(">i4"), whole.astype(">u2").T, self.matrix(), record["b"],
                      numpy.broadcast_to(numpy.float32(3), (2, 2)), numpy.ma.array([1.0, 2.0]),
                      numpy.lib.stride_tricks.as_strided(whole, (3, 2), (4, 8)), numpy.array([1 + 2j], numpy.complex64).conj(),
                      numpy.frombuffer(b"\1\2\3\4", numpy.uint16), numpy.array([True, False]).T):
            self.same(array)
        mapped = numpy.memmap(self.path.with_name("m"), numpy.float32, "w+", shape=(4,))
        mapped[:] = [1, 2, 3, 4]
        self.same(mapped[1:])

    def test_truth_is_0_or_1(self):
        for strange in (numpy.array([0, 1, 2, 255], numpy.uint8).view(bool), numpy.array([[0, 7], [255, 1]], numpy.uint8).view(bool).T,
                        numpy.array(9, numpy.uint8).view(bool)):
            expected = (strange.view(numpy.uint8) if strange.flags.c_contiguous else strange.copy().view(numpy.uint8)) != 0
            self.written(tensorgate.numpy, strange)
            self.assertEqual(self.path.read_bytes()[-strange.size:], expected.tobytes())

    @unittest.skipUnless(ml_dtypes, "without ml_dtypes")
    def test_small_floats(self):
        for name in ("bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz"):
            array = numpy.array([[1, -2], [0.5, 4]], getattr(ml_dtypes, name))
            self.written(tensorgate.numpy, array.T)
            self.assertEqual(tensorgate.numpy.load_file(self.path)["a"].astype(float).tolist(), [[1, 0.5], [-2, 4]])
        self.path.unlink()
        for name in ("int4", "float8_e4m3b11fnuz"):
            self.refused(tensorgate.numpy, numpy.zeros(2, getattr(ml_dtypes, name)), "Unknown dtype")

    def test_views_of_memory_that_is_gone(self):
        base = numpy.arange(1000.0)
        view = base[10:900]
        base.resize(500, refcheck=False)
        self.refused(tensorgate.numpy, view, "reaches outside")
        base.resize(0, refcheck=False)
        self.refused(tensorgate.numpy, view[::2], "reaches outside")
        small = numpy.arange(4.0)
        self.refused(tensorgate.numpy, numpy.lib.stride_tricks.as_strided(small, (5,), (8,)), "reaches outside")
        self.refused(tensorgate.numpy, numpy.lib.stride_tricks.as_strided(small, (2, 2), (-8, 8)), "reaches outside")

    def test_what_the_format_cannot_say(self):
        for array in (numpy.array([{}], object), numpy.zeros(2, "i4,f4"), numpy.array(["text"]), numpy.array([b"bytes"]),
                      numpy.array(["2020-01-01"], "M8[D]"), numpy.zeros(2, numpy.longdouble), numpy.zeros(2, complex),
                      numpy.rec.array([(1, 2.0)]), numpy.zeros(2, "V3")):
            self.refused(tensorgate.numpy, array, "Unknown dtype")
        self.refused(tensorgate.numpy, numpy.ma.array([1.0, 2.0], mask=[False, True]), "masked")

    def test_values_that_are_not_arrays(self):
        for value in (3, None, [1.0], numpy.float32(1), memoryview(b"x")):
            self.refused(tensorgate.numpy, value, "must be a numpy.ndarray", TypeError)


if __name__ == "__main__":
    unittest.main()
