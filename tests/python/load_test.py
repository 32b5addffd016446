"""Loading: values, memory, slices, errors, threads, and files that change meanwhile."""

import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest

import numpy

import tensorgate
import tensorgate.numpy

from support import GOOD, OVERLAP, safetensors, shards, tensor

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

FRAMEWORKS = ["np"] + (["pt"] if torch else [])
WIDTH = {"BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "F16": 2, "U32": 4, "I32": 4, "F32": 4, "C64": 8, "U64": 8,
         "I64": 8, "F64": 8}
SMALL_FLOATS = {"BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
                "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz"}


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def put(self, data, name="x.safetensors"):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def every_way(self, path):
        for framework in FRAMEWORKS:
            for backend in (None, "mmap", "pread"):
                with self.subTest(framework=framework, backend=backend), \
                        tensorgate.safe_open(path, framework, backend=backend) as file:
                    yield file


class Values(Files):
    def test_names_metadata_and_tensors(self):
        for file in self.every_way(self.put(GOOD)):
            self.assertEqual((file.keys(), file.offset_keys(), file.metadata()),
                             (["a", "b"], ["a", "b"], {"format": "pt"}))
            self.assertEqual(file.get_tensor("a").tolist(), [1.5, -2])
            self.assertEqual({name: value.tolist() for name, value in file.get_tensors().items()},
                             {"a": [1.5, -2], "b": [1, 2, 3, 4]})
            self.assertEqual(file.get_slice("b").get_dtype(), "U8")

    def test_keys_are_sorted_and_offset_keys_are_not(self):
        data = safetensors({"b": tensor(0, 1), "a": tensor(1, 2), "é": tensor(2, 3)}, b"123")
        for file in self.every_way(self.put(data)):
            self.assertEqual((file.keys(), file.offset_keys()), (["a", "b", "é"], ["b", "a", "é"]))

    def test_metadata_none_and_empty(self):
        for header, expected in (({"a": tensor(0, 1)}, None), ({"__metadata__": {}, "a": tensor(0, 1)}, {})):
            with tensorgate.safe_open(self.put(safetensors(header, b"x")), "np") as file:
                self.assertEqual(file.metadata(), expected)

    def test_every_dtype(self):
        for name, width in WIDTH.items():
            content = bytes(range(1, 2 * width + 1)) if name != "BOOL" else b"\0\1"
            path = self.put(safetensors({"a": tensor(0, 2 * width, name, [2])}, content))
            for backend in ("mmap", "pread"):
                array = tensorgate.numpy.load_file(path, backend=backend)["a"]
                self.assertEqual((array.tobytes(), array.itemsize, array.shape), (content, width, (2,)), name)

    @unittest.skipUnless(ml_dtypes, "without ml_dtypes")
    def test_dtypes_that_numpy_lacks(self):
        for name, theirs in SMALL_FLOATS.items():
            width = 2 if name == "BF16" else 1
            content = bytes(range(1, 2 * width + 1))
            path = self.put(safetensors({"a": tensor(0, 2 * width, name, [2])}, content))
            array = tensorgate.numpy.load_file(path)["a"]
            self.assertEqual((array.dtype, array.tobytes()), (numpy.dtype(getattr(ml_dtypes, theirs)), content))
            self.assertEqual(tensorgate.numpy.load(tensorgate.numpy.save({"a": array}))["a"].tobytes(), content)

    def test_dtypes_of_no_framework(self):
        path = self.put(safetensors({"a": tensor(0, 3, "F6_E2M3", [4])}, b"abc"))
        for file in self.every_way(path):
            self.assertEqual(file.keys(), ["a"])
            with self.assertRaisesRegex(tensorgate.SafetensorError, "F6_E2M3"):
                file.get_tensor("a")

    def test_odd_header_lengths(self):
        # Data at any offset: no reader may rely on an alignment.
        for spaces in range(8):
            text = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}' + b" " * spaces
            for file in self.every_way(self.put(safetensors(text, struct.pack("<2f", 1, 2)))):
                self.assertEqual(file.get_tensor("a").tolist(), [1, 2])
                self.assertEqual(file.get_tensors()["a"].tolist(), [1, 2])

    def test_scalars_and_empty(self):
        data = safetensors({"e": tensor(0, 0, "F32", [0, 3]), "s": tensor(0, 4, "F32", [])}, struct.pack("<f", 7))
        for file in self.every_way(self.put(data)):
            self.assertEqual((tuple(file.get_tensor("e").shape), file.get_tensor("s").item()), ((0, 3), 7))
            self.assertEqual(list(file.get_tensors()), ["e", "s"])
        self.assertEqual(tensorgate.numpy.load(safetensors({})), {})

    def test_dlpack(self):
        data = safetensors({"a": tensor(0, 8, "F32", [1, 2]), "e": tensor(8, 8, "I8", [0, 2]),
                            "h": tensor(8, 10, "BF16", [1]), "s": tensor(10, 11, "U8", [])},
                           struct.pack("<2f", 1, 2) + b"\x80\x3f\x07")
        for backend in ("mmap", "pread"):
            with tensorgate.safe_open(self.put(data), "dlpack", backend=backend) as file:
                tensors = file.get_tensors()
                del file
            self.assertEqual(numpy.from_dlpack(tensors["a"]).tolist(), [[1, 2]])
            self.assertEqual(numpy.from_dlpack(tensors["e"]).shape, (0, 2))
            self.assertEqual(numpy.from_dlpack(tensors["s"]).tolist(), 7)
            if torch:
                self.assertEqual(torch.utils.dlpack.from_dlpack(tensors["h"].__dlpack__()).tolist(), [1])
        from tensorgate import _native
        for offset, shape in ((0, [13]), (12, [1]), (13, [0]), (0, [2**62, 8])):
            with self.assertRaises(ValueError):
                _native.dlpack(bytearray(12), offset, "U8", shape)
        self.assertIsNotNone(_native.dlpack(bytearray(12), 4, "F32", [2]))

    def test_raw(self):
        self.assertEqual(tensorgate.deserialize(GOOD),
                         [("a", {"shape": [2], "dtype": "F32", "data": bytearray(GOOD[-12:-4])}),
                          ("b", {"shape": [4], "dtype": "U8", "data": bytearray(GOOD[-4:])})])


class Memory(Files):
    def test_results_can_be_written_and_outlive_the_file(self):
        for framework in FRAMEWORKS:
            for backend in ("mmap", "pread"):
                path = self.put(GOOD)
                with tensorgate.safe_open(path, framework, backend=backend) as file:
                    array = file.get_tensor("b")
                    many = file.get_tensors()
                del file
                array[0] = 9
                many["b"][1] = 9
                self.assertEqual(array.tolist()[0], 9)
                self.assertEqual(path.read_bytes(), GOOD)
                os.remove(path)
                self.assertEqual(many["a"].tolist(), [1.5, -2])

    def test_one_block_of_memory_with_views(self):
        values = {f"t{i}": numpy.full(100_000, i, dtype=numpy.float32) for i in range(4)}
        path = self.folder / "x.safetensors"
        tensorgate.numpy.save_file(values, path)
        loaded = tensorgate.numpy.load_file(path)
        begin = min(each.ctypes.data for each in loaded.values())
        end = max(each.ctypes.data + each.nbytes for each in loaded.values())
        self.assertEqual(end - begin, sum(each.nbytes for each in loaded.values()))
        self.assertEqual(len({id(each.base) for each in loaded.values()}), 1)

    def test_read_memory_is_our_own(self):
        path = self.put(GOOD)
        arrays = tensorgate.numpy.load_file(path)
        with open(path, "r+b") as file:
            file.seek(-4, 2)
            file.write(b"\xff\xff\xff\xff")
        self.assertEqual(arrays["b"].tolist(), [1, 2, 3, 4])

    @unittest.skipUnless(torch, "without torch")
    def test_torch_shares_it(self):
        path = self.put(GOOD)
        import tensorgate.torch
        for backend in ("mmap", "pread"):
            loaded = tensorgate.torch.load_file(path, backend=backend)
            view = loaded["b"].numpy()
            loaded["b"][0] = 77
            self.assertEqual(view[0], 77)

    def test_peak_of_loading_is_the_tensors(self):
        size = 48 << 20
        path = self.folder / "x.safetensors"
        tensorgate.numpy.save_file({"a": numpy.zeros(size, numpy.uint8)}, path)
        script = """
            import resource, sys, numpy, tensorgate.numpy
            tensorgate.numpy.load(tensorgate.numpy.save({"a": numpy.zeros(1)}))
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            arrays = tensorgate.numpy.load_file(sys.argv[1])
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
            """
        said = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(path)], check=True,
                              capture_output=True, text=True).stdout
        self.assertLess(int(said) * 1024, size + (16 << 20))


class Slices(Files):
    def test_as_numpy(self):
        whole = numpy.arange(4 * 5 * 6, dtype=numpy.int32).reshape(4, 5, 6)
        path = self.folder / "x.safetensors"
        tensorgate.numpy.save_file({"a": whole}, path)
        chosen = [numpy.s_[:], numpy.s_[1], numpy.s_[-1], numpy.s_[1:3], numpy.s_[:, 2], numpy.s_[..., -2],
                  numpy.s_[1, ..., 1:4:2], numpy.s_[:, :, ::2], numpy.s_[3, 4, 5], numpy.s_[2:2], numpy.s_[...],
                  numpy.s_[1, 2:4, 3], (), [], numpy.s_[numpy.int64(2), 1:]]
        further = [numpy.s_[::-1], numpy.s_[:, ::-2, 1:], numpy.s_[-3:-1], numpy.s_[3:1], numpy.s_[..., -2:]]
        for backend in ("mmap", "pread"):
            with tensorgate.safe_open(path, "np", backend=backend) as file:
                part = file.get_slice("a")
                self.assertEqual((part.get_shape(), part.get_dtype()), ([4, 5, 6], "I32"))
                for each in chosen + further:
                    expected = whole[each] if not isinstance(each, list) else whole[0:0]
                    self.assertEqual(part[each].tolist(), expected.tolist(), each)
        if torch:
            for backend in ("mmap", "pread"):
                with tensorgate.safe_open(path, "pt", backend=backend) as file:
                    for each in chosen[:-2]:
                        self.assertEqual(file.get_slice("a")[each].tolist(), whole[each].tolist(), each)

    def test_unaligned_data_are_read(self):
        path = self.folder / "x.safetensors"
        path.write_bytes(safetensors({"a": tensor(0, 1), "b": tensor(1, 9, "F32", [2])},
                                     b"\7" + struct.pack("<2f", 0.5, -2)))
        for framework in FRAMEWORKS:
            for backend in (None, "mmap", "pread"):
                with tensorgate.safe_open(path, framework, backend=backend) as file:
                    got = file.get_tensor("b")
                    address = got.ctypes.data if framework == "np" else got.data_ptr()
                    self.assertEqual((address % 4, got.tolist()), (0, [0.5, -2]))

    def test_errors_in_the_words_of_the_reference(self):
        import safetensors as reference
        path = self.folder / "x.safetensors"
        tensorgate.numpy.save_file({"a": numpy.zeros((10, 5))}, path)
        wrong = [numpy.s_[2:, -6], numpy.s_[2:, 20], numpy.s_[:20], numpy.s_[:, :20], [0, 1], numpy.s_[..., ...],
                 numpy.s_[0, ::0], numpy.s_[1:20:3, 1], "x", numpy.s_[:, None], 10, -11]
        with reference.safe_open(path, "np") as theirs, tensorgate.safe_open(path, "np") as ours:
            for each in wrong:
                with self.assertRaises(reference.SafetensorError) as expected:
                    theirs.get_slice("a")[each]
                with self.assertRaises(tensorgate.SafetensorError) as caught:
                    ours.get_slice("a")[each]
                self.assertEqual(str(caught.exception), str(expected.exception), each)
            with self.assertRaises(tensorgate.SafetensorError):
                ours.get_slice("a")[0, 0, 0]

    def test_a_slice_outlives_its_file(self):
        with tensorgate.safe_open(self.put(GOOD), "np") as file:
            part = file.get_slice("b")
        self.assertEqual(part[1:3].tolist(), [2, 3])


class Errors(Files):
    def test_refused(self):
        path = self.put(OVERLAP)
        calls = [lambda: tensorgate.safe_open(path, "np"), lambda: tensorgate.numpy.load_file(path),
                 lambda: tensorgate.numpy.load(OVERLAP), lambda: tensorgate.deserialize(OVERLAP)]
        if torch:
            calls += [lambda: tensorgate.torch.load_file(path), lambda: tensorgate.torch.load(OVERLAP)]
        for call in calls:
            with self.assertRaises(tensorgate.RejectedError) as caught:
                call()
            self.assertEqual((caught.exception.rule, caught.exception.subject), ("safetensors/offsets-overlap", "b"))

    def test_arguments(self):
        path = self.put(GOOD)
        wrong = [({"framework": "caffe"}, tensorgate.SafetensorError), ({"framework": 3}, TypeError),
                 ({"framework": "np", "device": "cuda"}, tensorgate.SafetensorError),
                 ({"framework": "pt", "device": "toaster"}, tensorgate.SafetensorError),
                 ({"framework": "pt", "device": "cuda:x"}, tensorgate.SafetensorError),
                 ({"framework": "pt", "device": "mps:1"}, tensorgate.SafetensorError),
                 ({"framework": "pt", "device": -1}, tensorgate.SafetensorError),
                 ({"framework": "pt", "device": 1.5}, tensorgate.SafetensorError),
                 ({"framework": "np", "backend": "carrier pigeon"}, tensorgate.SafetensorError)]
        for arguments, expected in wrong:
            with self.assertRaises(expected):
                tensorgate.safe_open(path, **arguments)
        with self.assertRaises(TypeError):
            tensorgate.safe_open(3, "np")
        with self.assertRaises(FileNotFoundError):
            tensorgate.safe_open(self.folder / "none", "np")

    def test_no_such_tensor_and_closed(self):
        with tensorgate.safe_open(self.put(GOOD), "np") as file:
            for call in (file.get_tensor, file.get_slice):
                with self.assertRaisesRegex(tensorgate.SafetensorError, "^File does not contain tensor c$"):
                    call("c")
        for call in (file.keys, file.offset_keys, file.metadata, file.get_tensors, lambda: file.get_tensor("a")):
            with self.assertRaisesRegex(tensorgate.SafetensorError, "^File is closed$"):
                call()

    def test_files_that_change(self):
        big = safetensors({"a": tensor(0, 1 << 20)}, bytes(1 << 20))

        def cut(path):
            os.truncate(path, 1000)

        def written(path):
            os.utime(path, ns=(1, 1))

        for change in (cut, written):
            for framework in FRAMEWORKS:
                for backend in ("pread", "mmap"):
                    path = self.put(big)
                    with tensorgate.safe_open(path, framework, backend=backend) as file:
                        change(path)
                        for call in (lambda: file.get_tensor("a"), file.get_tensors):
                            with self.assertRaises(tensorgate.OperationError) as caught:
                                call()
                            self.assertIn(caught.exception.rule, ("io/changed", "io/short-read"))

    def test_replaced_by_another_file(self):
        path = self.put(GOOD)
        with tensorgate.safe_open(path, "np") as file:
            os.replace(self.put(OVERLAP, "other"), path)
            try:
                self.assertEqual(file.get_tensor("b").tolist(), [1, 2, 3, 4])
            except tensorgate.OperationError as error:
                self.assertEqual(error.rule, "io/changed")

    def test_out_of_memory_is_an_exception(self):
        script = """
            import resource, sys, tensorgate, tensorgate.numpy
            resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
            try:
                tensorgate.numpy.load_file(sys.argv[1])
            except MemoryError:
                print("memory")
            """
        header = b'{"a":{"dtype":"U8","shape":[8589934592],"data_offsets":[0,8589934592]}}'
        path = self.put(safetensors(header))
        os.truncate(path, path.stat().st_size + (8 << 30))
        said = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(path)], check=True,
                              capture_output=True, text=True).stdout
        self.assertEqual(said.strip(), "memory")


class Shards(Files):
    def setUp(self):
        super().setUp()
        self.two = safetensors({"c": tensor(0, 8, "I16", [2, 2]), "empty": tensor(8, 8, "U8", [0])},
                               struct.pack("<4h", 1, 2, 3, 4))
        self.index = shards(self.folder, {"1.safetensors": GOOD, "2.safetensors": self.two})

    def test_one_name_space(self):
        for path in (self.folder, self.index, str(self.index)):
            for file in self.every_way(path):
                self.assertEqual((file.keys(), file.metadata()), (["a", "b", "c", "empty"], {"format": "pt"}))
                values = {"a": [1.5, -2], "b": [1, 2, 3, 4], "c": [[1, 2], [3, 4]], "empty": []}
                self.assertEqual({name: value.tolist() for name, value in file.get_tensors().items()}, values)
                for name, value in values.items():
                    self.assertEqual(file.get_tensor(name).tolist(), value)
                self.assertEqual(file.get_slice("c")[:, 1].tolist(), [2, 4])
        self.assertEqual(sorted(tensorgate.numpy.load_file(self.folder)), ["a", "b", "c", "empty"])
        if torch:
            self.assertEqual(sorted(tensorgate.torch.load_file(self.index)), ["a", "b", "c", "empty"])

    def test_refused(self):
        (self.folder / "2.safetensors").write_bytes(OVERLAP)
        for path in (self.folder, self.index):
            for open_it in (lambda: tensorgate.safe_open(path, "np"), lambda: tensorgate.numpy.load_file(path)):
                with self.assertRaises(tensorgate.RejectedError) as caught:
                    open_it()
                self.assertEqual((caught.exception.rule, caught.exception.subject),
                                 ("checkpoint/shard-rejected", "2.safetensors"))
        self.index.unlink()
        with self.assertRaises(tensorgate.RejectedError) as caught:
            tensorgate.safe_open(self.folder, "np")
        self.assertEqual(caught.exception.rule, "checkpoint/index-missing")

    def test_a_shard_that_changes_is_an_error_of_its_tensors(self):
        with tensorgate.safe_open(self.folder, "np") as file:
            os.truncate(self.folder / "2.safetensors", 20)
            self.assertEqual(file.get_tensor("b").tolist(), [1, 2, 3, 4])
            for read in (lambda: file.get_tensor("c"), file.get_tensors, lambda: file.get_slice("c")[0]):
                with self.assertRaises(tensorgate.OperationError) as caught:
                    read()
                self.assertEqual((caught.exception.part, caught.exception.rule in ("io/changed", "io/short-read")),
                                 (1, True))


class Threads(Files):
    def test_many_on_one_file(self):
        values = {f"t{i}": numpy.full(5000, i, dtype=numpy.int32) for i in range(20)}
        path = self.folder / "x.safetensors"
        tensorgate.numpy.save_file(values, path)
        failures = []

        def work(file, backend):
            for _ in range(10):
                for name, value in values.items():
                    if not (file.get_tensor(name) == value).all() or file.get_slice(name)[7:9].tolist() != [value[0]] * 2:
                        failures.append(name)
                if sorted(tensorgate.numpy.load_file(path, backend=backend)) != sorted(values):
                    failures.append("names")

        for backend in ("mmap", "pread"):
            with tensorgate.safe_open(path, "np", backend=backend) as file:
                threads = [threading.Thread(target=work, args=(file, backend)) for _ in range(6)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
        self.assertEqual(failures, [])

    def test_signals(self):
        class Interrupted(Exception):
            pass

        def handle(*_):
            raise Interrupted

        path = self.folder / "x.safetensors"
        value = numpy.zeros(128 << 20, numpy.uint8)
        tensorgate.numpy.save_file({"a": value}, path)
        before = signal.signal(signal.SIGALRM, handle)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        for call in (lambda: tensorgate.numpy.load_file(path),
                     lambda: tensorgate.numpy.save_file({"a": value}, path)):
            for i in range(6):
                with self.assertRaises(Interrupted):
                    signal.setitimer(signal.ITIMER_REAL, 0.001 + i * 0.01)
                    call()
                    time.sleep(60)
        self.assertEqual(tensorgate.numpy.load_file(path)["a"].nbytes, value.nbytes)

    def test_interpreter_is_free_meanwhile(self):
        path, value = self.folder / "x.safetensors", numpy.zeros(256 << 20, numpy.uint8)
        tensorgate.numpy.save_file({"a": value}, path)
        content = path.read_bytes()
        ticks, stop = [0], threading.Event()

        def count():
            while not stop.is_set():
                ticks[0] += 1
                time.sleep(0.001)

        thread = threading.Thread(target=count)
        interval = sys.getswitchinterval()
        sys.setswitchinterval(100)  # no other thread runs unless the GIL is released
        try:
            thread.start()
            for call in (lambda: tensorgate.numpy.load_file(path), lambda: tensorgate.numpy.load(content),
                         lambda: tensorgate.numpy.save_file({"a": value}, path),
                         lambda: tensorgate.numpy.save({"a": value})):
                before = ticks[0]
                call()
                self.assertGreater(ticks[0], before)
        finally:
            sys.setswitchinterval(interval)
            stop.set()
            thread.join()


if __name__ == "__main__":
    unittest.main()
