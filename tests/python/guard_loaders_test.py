"""tensorgate.guard, loader by loader: the formats that each gets, and the kinds of argument that it takes."""

import io
import mmap
import os
import pathlib
import pickle
import tarfile
import unittest
import warnings
import zipfile

import tensorgate

from support import EVIL, GOOD, RAN, Evil, Guarded, plain

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

# The accepted formats that each loads, and the others if `allow` names them.
READS = {"pickle.load": {"pickle"}, "pickle._load": {"pickle"}}
ALLOWED = {}
if numpy:
    READS["numpy.load"] = {"pickle", "numpy"}
    ALLOWED["numpy.load"] = {"npz"}
if joblib:
    READS["joblib.load"] = {"pickle"}
    ALLOWED["joblib.load"] = {"joblib"}
if torch:
    READS |= {"torch.load": {"pytorch-zip", "pytorch-legacy"}, "torch.jit.load": set()}
    ALLOWED |= {"torch.load": {"torchscript", "pytorch-tar"}, "torch.jit.load": {"torchscript"}}
if safetensors:
    READS |= {"safetensors.safe_open": {"safetensors"}, "safetensors.deserialize": {"safetensors"}}


def load(name, given):
    """By the name of the loader, in the way that runs the most code."""
    package, _, function = name.rpartition(".")
    module = {"pickle": pickle, "joblib": joblib, "numpy": numpy, "safetensors": safetensors, "torch": torch,
              "torch.jit": torch and torch.jit}[package]
    more = {"numpy.load": {"allow_pickle": True}, "torch.load": {"weights_only": False},
            "safetensors.safe_open": {"framework": "np"}}.get(name, {})
    return getattr(module, function)(given, **more)


def saved(save, *values, **named):
    """The file written by torch.save, or by another function that takes a file first."""
    file = io.BytesIO()
    save(*((values[0], file) if torch and save in (torch.save, torch.jit.save) else (file, *values)), **named)
    return file.getvalue()


def torchscript():
    return saved(torch.jit.save, torch.jit.script(torch.nn.Linear(1, 1)))


def legacy(value):
    return saved(torch.save, value, _use_new_zipfile_serialization=False)


def appended(front, archive):
    """The members of an archive, after other bytes: its offsets count from the beginning of the file."""
    file = io.BytesIO(front)
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(file, "a") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    return file.getvalue()[len(front):]


def legacy_with_a_program():
    """A legacy stream whose last storage is a TorchScript archive."""
    size = len(appended(b"front", torchscript()))
    stream = legacy({"a": torch.zeros(size, dtype=torch.uint8)})
    front = stream[:-size]
    return front + appended(front, torchscript())


def tar():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            entry = tarfile.TarInfo(name)
            entry.size = len(EVIL)
            archive.addfile(entry, io.BytesIO(EVIL))
    return file.getvalue()


def samples():
    """A file of each format that some loader reads."""
    evil = Evil()
    files = {"pickle": plain({"a": 1}), "safetensors": GOOD, "joblib": plain(["joblib.numpy_pickle", evil]),
             "pytorch-tar": tar()}
    if numpy:
        objects = numpy.array([evil], dtype=object)
        files |= {"numpy": saved(numpy.save, numpy.arange(3)), "npz": saved(numpy.savez, a=objects)}
    if torch:
        files |= {"pytorch-zip": saved(torch.save, {"a": torch.ones(2)}), "pytorch-legacy": legacy({"a": torch.ones(2)}),
                  "torchscript": torchscript()}
    return files


class Formats(Guarded):
    def gets(self, loader, format_name, path, **more):
        """Whether the loader gets the file, whatever it does with it."""
        given = path.read_bytes() if loader.endswith("deserialize") else path
        if loader.startswith("pickle."):
            given = open(path, "rb")
            self.addCleanup(given.close)
        with warnings.catch_warnings(), tensorgate.guard(**more):
            warnings.simplefilter("ignore")
            try:
                loaded = load(loader, given)
                if hasattr(loaded, "zip"):
                    with loaded:
                        loaded["a"]
            except tensorgate.RejectedError as error:
                self.assertIn(format_name, str(error) if error.report.verdict != "rejected" else error.report.format)
                return False
            except FileNotFoundError:
                raise
            except Exception:
                pass
        return True

    def test_each_gets_its_own_and_no_others(self):
        for format_name, data in samples().items():
            path = self.put(data, "file")
            self.assertEqual(tensorgate.check(data, name="file").format, format_name)
            for loader, reads in READS.items():
                with self.subTest(loader, format=format_name):
                    self.assertEqual(self.gets(loader, format_name, path), format_name in reads)
                    self.assertEqual(RAN, [])

    def test_what_is_allowed_is_allowed_to_its_readers(self):
        names = sorted({name for each in ALLOWED.values() for name in each})
        for format_name, data in samples().items():
            path = self.put(data, "file")
            for loader, reads in READS.items():
                with self.subTest(loader, format=format_name):
                    mine = format_name in ALLOWED.get(loader, set())
                    self.assertEqual(self.gets(loader, format_name, path, allow=names), mine or format_name in reads)
                    others = [name for name in names if name != format_name]
                    self.assertEqual(self.gets(loader, format_name, path, allow=others), format_name in reads)

    @unittest.skipUnless(joblib, "without joblib")
    def test_a_word_in_a_pickle_opens_no_other_loader(self):
        path = self.put(plain(["joblib.numpy_pickle", Evil()]), "x.joblib")
        for loader in READS:
            if loader != "joblib.load":
                self.assertFalse(self.gets(loader, "joblib", path, allow=["joblib"]))
        self.assertEqual(RAN, [])
        self.assertTrue(self.gets("joblib.load", "joblib", path, allow=["joblib"]))
        self.assertEqual(RAN, ["ran"])

    @unittest.skipUnless(torch, "without torch")
    def test_a_program_as_the_last_storage_of_a_legacy_stream(self):
        data = legacy_with_a_program()
        path = self.put(data, "x.pt")
        self.assertEqual(tuple(torch.jit.load(str(path)).weight.shape), (1, 1))
        for allow in ([], ["torchscript"]):
            with open(path, "rb") as file, tensorgate.guard(allow=allow):
                for given in (path, str(path), file, io.BytesIO(data)):
                    with self.refused():
                        torch.jit.load(given)

    @unittest.skipUnless(torch, "without torch")
    def test_a_checkpoint_is_not_a_program(self):
        path = self.put(samples()["pytorch-zip"], "x.pt")
        with tensorgate.guard(allow=["torchscript"]), self.refused(r"torch\.jit\.load\(\) does not read pytorch-zip"):
            torch.jit.load(str(path))


class PathLike:
    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return self.path


class FileAndPath(PathLike):
    """Like fsspec's local files: a file object that is a path as well."""

    def __init__(self, path, content):
        super().__init__(path)
        file = io.BytesIO(content)
        self.read, self.readline, self.seek, self.tell = file.read, file.readline, file.seek, file.tell


class Kinds(Guarded):
    """Each loader interprets its argument as it does without the guard."""

    def setUp(self):
        super().setUp()
        self.evil, self.good = self.put(EVIL, "evil"), self.put(plain({"a": 1}), "good")

    def test_bytes_are_a_path(self):
        loaders = [name for name in ("numpy.load", "joblib.load") if name in READS]
        # A path that is a pickle: the file it names is loaded, not the path object.
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        name = plain(1)
        with open(name, "wb") as file:
            file.write(EVIL)
        for loader in loaders:
            with tensorgate.guard():
                self.assertEqual(load(loader, os.fsencode(self.good)), {"a": 1})
                self.assertEqual(load(loader, PathLike(os.fsencode(self.good))), {"a": 1})
                for given in (name, os.fsencode(self.evil), PathLike(os.fsencode(self.evil))):
                    with self.refused("pickle/global-outside"):
                        load(loader, given)
                with self.assertRaises((FileNotFoundError, ValueError)):
                    load(loader, plain(2))

    def test_bytes_are_content_or_nothing(self):
        with tensorgate.guard():
            for loader in READS:
                content = GOOD if loader.startswith("safetensors") else self.good.read_bytes()
                for given in (bytearray(content), memoryview(content), bytearray(os.fsencode(self.good))):
                    with self.subTest(loader, given=type(given).__name__), self.assertRaises(TypeError):
                        load(loader, given)
            for loader in ("pickle.load", "torch.load", "torch.jit.load", "safetensors.safe_open"):
                if loader in READS:
                    with self.subTest(loader), self.assertRaises(TypeError):
                        load(loader, os.fsencode(self.good))

    def test_what_is_none_of_it(self):
        descriptor = os.open(self.evil, os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        with tensorgate.guard():
            for loader in READS:
                for given in (descriptor, None, object(), [str(self.evil)], 1.5):
                    with self.subTest(loader, given=given), self.assertRaisesRegex(TypeError, r"load\(\) takes|\(\) takes"):
                        load(loader, given)
                with self.assertRaises((TypeError, AttributeError)):
                    load(loader, io.StringIO("text"))
        self.assertEqual(RAN, [])

    def test_a_file_that_is_a_path_as_well(self):
        # pickle and numpy read it, joblib and torch open the path.
        for loader, by_path in (("pickle.load", False), ("numpy.load", False), ("joblib.load", True)):
            if loader not in READS:
                continue
            for path, content in ((self.good, EVIL), (self.evil, plain({"a": 1}))):
                with tensorgate.guard():
                    if (path == self.good) == by_path:
                        self.assertEqual(load(loader, FileAndPath(str(path), content)), {"a": 1})
                    else:
                        with self.refused("pickle/global-outside"):
                            load(loader, FileAndPath(str(path), content))

    def test_a_memory_map_is_a_file(self):
        for path in (self.good, self.evil):
            with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                with tensorgate.guard():
                    if path == self.good:
                        self.assertEqual(pickle.load(mapped), {"a": 1})
                        self.assertEqual(mapped.tell(), len(self.good.read_bytes()))
                    else:
                        with self.refused("pickle/global-outside"):
                            pickle.load(mapped)

    @unittest.skipUnless(safetensors, "without the package safetensors")
    def test_the_name_of_a_handle(self):
        class Handle:
            def __init__(self, name):
                self.name = name

            def fileno(self):
                return 0

        bad = self.put(GOOD[:-1], "bad.safetensors")
        good = self.put(GOOD, "good.safetensors")
        with tensorgate.guard():
            for kind in (str, pathlib.Path, PathLike):
                self.assertEqual(safetensors._safe_open_handle(Handle(kind(str(good))), "np").keys(), ["a", "b"])
                with self.refused("safetensors/"):
                    safetensors._safe_open_handle(Handle(kind(str(bad))), "np")
            for wrong in (Handle(3), Handle(None), object()):
                with self.assertRaises(TypeError):
                    safetensors._safe_open_handle(wrong, "np")

    def test_folders(self):
        for loader in READS:
            if not loader.startswith("pickle.") and not loader.endswith("deserialize"):
                with tensorgate.guard(), self.assertRaises(OSError) as caught:
                    load(loader, self.folder)
                self.assertIn(str(self.folder), str(caught.exception))


if __name__ == "__main__":
    unittest.main()
