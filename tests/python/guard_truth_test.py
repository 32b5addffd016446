"""tensorgate.guard: limits on the memory it uses, and that what programs keep of a load stays correct."""

import bz2
import copy
import gzip
import inspect
import io
import lzma
import os
import pickle
import subprocess
import sys
import tempfile
import unittest
import zipfile

import tensorgate

from support import EVIL, GOOD, Guarded, digest, plain

try:
    import joblib
except ImportError:
    joblib = None
try:
    import numpy
except ImportError:
    numpy = None
try:
    import safetensors
except ImportError:
    safetensors = None
try:
    import torch
except ImportError:
    torch = None


class Bounded(Guarded):
    """The content of a file object is kept in memory, so it has a limit."""

    def opened(self, data):
        path = self.put(data, "plain")
        archive = self.folder / "x.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("member", data)
        member = zipfile.ZipFile(archive).open("member")
        later = open(self.put(b"x" + data, "later"), "rb")
        later.seek(1)
        return [gzip.open(self.put(gzip.compress(data), "x.gz")), bz2.open(self.put(bz2.compress(data), "x.bz2")),
                lzma.open(self.put(lzma.compress(data), "x.xz")), member, later,
                io.BufferedReader(io.BytesIO(path.read_bytes()))]

    def test_the_limit_and_one_past_it(self):
        data = plain(bytes(5000))
        for file in self.opened(data):
            with file, tensorgate.guard(limits={"spool_bytes": len(data)}):
                self.assertEqual(len(pickle.load(file)), 5000)
        for file in self.opened(data):
            with file, tensorgate.guard(limits={"spool_bytes": len(data) - 1}), \
                    self.assertRaisesRegex(tensorgate.SafetensorError, rf"more than {len(data) - 1} bytes.*spool_bytes"):
                pickle.load(file)

    def test_what_is_in_memory_or_on_disk_has_none(self):
        data = plain(bytes(5000))
        path = self.put(data, "x.pkl")
        with open(path, "rb") as file, tempfile.NamedTemporaryFile() as named, tensorgate.guard(limits={"spool_bytes": 10}):
            named.write(data)
            named.seek(0)
            self.assertEqual(len(pickle.load(file)), 5000)
            self.assertEqual(len(pickle.load(named)), 5000)
            self.assertEqual(named.tell(), len(data))
            self.assertEqual(len(pickle.load(io.BytesIO(data))), 5000)

    def test_no_more_than_the_limit_is_read(self):
        with gzip.open(self.put(gzip.compress(bytes(100 << 20), 9), "x.gz")) as file:
            with tensorgate.guard(limits={"spool_bytes": 1 << 20}), self.assertRaises(tensorgate.SafetensorError):
                pickle.load(file)
            self.assertLess(file.tell(), 4 << 20)

    def test_environment(self):
        path = self.put(gzip.compress(plain(bytes(5000))), "x.gz")
        script = "import gzip, pickle, sys; print(len(pickle.load(gzip.open(sys.argv[1]))))"

        def run(value):
            return subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True,
                                  env={**os.environ, "TENSORGATE_GUARD": "1", "TENSORGATE_GUARD_SPOOL_BYTES": value})

        self.assertEqual(run("10000").stdout, "5000\n")
        self.assertIn("spool_bytes", run("1000").stderr)
        self.assertIn("must be a whole number, not 'many'", run("many").stderr)


class Truth(Guarded):
    """What a program keeps of a load, or asks a loader, is the same as without the guard."""

    @unittest.skipUnless(numpy, "without numpy")
    def test_paths_of_arrays(self):
        path = self.folder / "x.npy"
        numpy.save(path, numpy.arange(3))
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        for given in (path, str(path), "x.npy", b"x.npy"):
            for mode in ("r", "c", "r+"):
                expected = numpy.load(given, mode).filename
                with tensorgate.guard():
                    self.assertEqual(numpy.load(given, mode, True).filename, expected)
                    self.assertEqual(numpy.load(given, mode, True)[1:].filename, expected)
        numpy.savez("x.npz", a=numpy.arange(3))
        for given in ("x.npz", self.folder / "x.npz"):
            with numpy.load(given, allow_pickle=True) as plain_one, tensorgate.guard(), \
                    numpy.load(given, allow_pickle=True) as archive:
                self.assertEqual((archive.fid.name, archive.zip.filename), (plain_one.fid.name, plain_one.zip.filename))
                self.assertIsInstance(archive, numpy.lib.npyio.NpzFile)
                self.assertEqual(archive["a"].tolist(), [0, 1, 2])

    @unittest.skipUnless(joblib and numpy, "without joblib")
    def test_paths_of_arrays_within(self):
        path = self.folder / "x.joblib"
        joblib.dump({"a": [numpy.arange(10000)]}, path)
        with tensorgate.guard(allow=["joblib"]):
            for given in (path, str(path)):
                loaded = joblib.load(given, mmap_mode="r")["a"][0]
                self.assertEqual((type(loaded), loaded.filename), (numpy.memmap, str(path)))
                self.assertEqual(loaded[-1], 9999)

    def test_paths_in_errors(self):
        if torch:
            path = self.folder / "x.pt"
            torch.save({"a": torch.ones(2)}, path)
            data = path.read_bytes()[:-40]
            path.write_bytes(data)
            with tensorgate.guard(allow=[digest(data)]), self.assertRaises(Exception) as caught:
                torch.load(path)
            self.assertNotIn("/proc/self", str(caught.exception))
        if numpy:
            data = EVIL[:-5]
            path = self.put(data, "x.pkl")
            with tensorgate.guard(allow=[digest(data)]), self.assertRaisesRegex(pickle.UnpicklingError, str(path)):
                numpy.load(path, allow_pickle=True)

    def test_functions_of_c_stay_what_they_are(self):
        data = plain(1)
        with tensorgate.guard():
            class Serializer:
                load = pickle.load

            self.assertEqual(Serializer().load(io.BytesIO(data)), 1)
            self.assertEqual(Serializer.load(io.BytesIO(data)), 1)
            with self.assertRaises(tensorgate.RejectedError):
                Serializer().load(io.BytesIO(EVIL))
            self.assertIs(pickle.loads(pickle.dumps(pickle.load)), pickle.load)
            self.assertEqual((pickle.load.__name__, pickle.load.__module__), ("load", "_pickle"))
            self.assertEqual(inspect.signature(pickle.load), inspect.signature(pickle.load.__wrapped__))
            self.assertIs(copy.copy(pickle.load), pickle.load)
        self.assertEqual(Serializer().load(io.BytesIO(data)), 1)

    @unittest.skipUnless(safetensors, "without the package safetensors")
    def test_classes_stay_classes(self):
        path = self.put(GOOD, "x.safetensors")
        with safetensors.safe_open(path, "np") as before, tensorgate.guard():
            replaced = safetensors.safe_open
            with replaced(path, "np") as during:
                for each in (before, during):
                    self.assertIsInstance(each, replaced)
                    self.assertNotIsInstance(each, safetensors._safe_open_handle)
                    self.assertTrue(type(each) == replaced)
                    self.assertTrue(issubclass(type(each), replaced))
            self.assertNotIsInstance(3, replaced)
            self.assertIsInstance(replaced, type)
            self.assertIsInstance(before, replaced | None)
            self.assertEqual(replaced.__name__, "safe_open")
            self.assertEqual(replaced.keys(before), ["a", "b"])
            self.assertEqual({replaced: 1}[type(before)], 1)
            self.assertIs(pickle.loads(pickle.dumps(safetensors.SafetensorError)), safetensors.SafetensorError)
            with self.assertRaises(TypeError):
                replaced()
            signature = inspect.signature(replaced)
        self.assertEqual(signature, inspect.signature(safetensors.safe_open))
        self.assertIsNot(safetensors.safe_open, replaced)
        self.assertIsInstance(before, replaced)


if __name__ == "__main__":
    unittest.main()
