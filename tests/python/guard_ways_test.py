"""Ways around tensorgate.guard: those that are closed, and those that SECURITY.md lists as open."""

import bz2
import contextvars
import dbm.dumb
import functools
import gzip
import importlib
import io
import os
import pickle
import shelve
import sys
import tarfile
import threading
import unittest
import warnings
import zipfile

import tensorgate

from support import GOOD, RAN, ROOT, Evil, Guarded, digest, plain

try:
    import joblib
    import joblib.numpy_pickle_compat
except ImportError:
    joblib = None
try:
    import numpy
except ImportError:
    numpy = None
try:
    import pandas
except ImportError:
    pandas = None
try:
    import safetensors
except ImportError:
    safetensors = None
try:
    import torch
    import torch.jit.mobile
    import torch.package
except ImportError:
    torch = None
try:
    import torch.distributed.checkpoint
except ImportError:
    pass


class Loads:
    """A class whose objects load another file, named by their state, while they are created."""

    def __setstate__(self, state):
        with open(state["path"], "rb") as file:
            self.loaded = pickle.load(file)


class Closed(Guarded):
    def setUp(self):
        super().setUp()
        self.evil = self.put(plain(Evil()), "evil.pkl")

    def not_loaded(self, call, *arguments, **named):
        with tensorgate.guard(), self.refused():
            call(*arguments, **named)
        self.assertEqual(RAN, [])

    def test_modules_that_are_loaded_again(self):
        torch_path, evil = str(self.folder / "x.pt"), str(self.evil)
        calls = [("pickle", lambda module: module.load(open(evil, "rb"))),
                 ("pickle", lambda module: module._load(open(evil, "rb")))]
        if numpy:
            name = next(each for each in ("numpy.lib._npyio_impl", "numpy.lib.npyio") if hasattr(sys.modules.get(each), "load"))
            calls.append((name, lambda module: module.load(evil, allow_pickle=True)))
        if torch:
            torch.save(Evil(), torch_path)
            calls += [("torch.serialization", lambda module: module.load(torch_path, weights_only=False)),
                      ("torch.jit._serialization", lambda module: module.load(torch_path))]
        for name, call in calls:
            module = sys.modules[name]
            before = dict(vars(module))
            with self.subTest(name), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.not_loaded(lambda: call(importlib.reload(module)))
            vars(module).update(before)

    def test_the_same_function_elsewhere(self):
        import _pickle
        with open(self.evil, "rb") as file:
            for call in (_pickle.load, pickle.load, pickle._load, pickle.__dict__["load"]):
                file.seek(0)
                with tensorgate.guard(), self.refused():
                    sys.modules[call.__module__].__dict__[call.__name__](file)
        if torch:
            torch.save(Evil(), self.folder / "x.pt")
            for name in ("torch.load", "torch.serialization.load"):
                self.not_loaded(lambda: eval(name)(self.folder / "x.pt", weights_only=False))
            self.not_loaded(lambda: torch.storage._load_from_bytes((self.folder / "x.pt").read_bytes()))
            self.not_loaded(lambda: torch.jit._serialization.load(str(self.folder / "x.pt")))
        if joblib:
            self.not_loaded(lambda: joblib.numpy_pickle.load(self.evil))
            self.not_loaded(lambda: joblib.numpy_pickle_compat.load_compatibility(str(self.evil)))

    def test_files_whose_methods_are_replaced(self):
        good = self.put(plain({}), "good.pkl")
        for buffering in (-1, 0):
            for name in ("file", "raw"):
                with self.subTest(buffering=buffering, name=name), open(good, "rb", buffering) as file:
                    other = io.BytesIO(plain(Evil()))
                    target = file.raw if name == "raw" and buffering else file
                    for method in ("read", "readinto", "readline", "peek"):
                        if hasattr(target, method):
                            setattr(target, method, getattr(other, method, lambda *_: b""))
                    with tensorgate.guard(), self.refused():
                        pickle.load(file)
                    self.assertEqual(RAN, [])

    def test_modules_that_are_imported_again(self):
        names = ["_pickle", "pickle", *(["safetensors"] if safetensors else [])]
        before = {name: sys.modules[name] for name in names}
        self.addCleanup(sys.modules.update, before)
        evil = str(self.put(GOOD[:-1], "x.safetensors"))
        with tensorgate.guard():
            for name in names:
                del sys.modules[name]
            for name in names:
                module = importlib.import_module(name)
                with self.refused():
                    if name == "safetensors":
                        module.safe_open(evil, "np")
                    else:
                        module.load(io.BytesIO(plain(Evil())))
        self.assertEqual(RAN, [])

    @unittest.skipUnless(numpy, "without numpy")
    def test_parts_of_numpy_load(self):
        objects = numpy.array([Evil()], dtype=object)
        numpy.save(self.folder / "x.npy", objects)
        numpy.savez(self.folder / "x.npz", a=objects)
        with open(self.folder / "x.npy", "rb") as file:
            self.not_loaded(lambda: numpy.lib.format.read_array(file, allow_pickle=True))
        with open(self.folder / "x.npz", "rb") as file:
            self.not_loaded(lambda: numpy.lib.npyio.NpzFile(file, allow_pickle=True)["a"])
        for allow in ([], ["joblib"]):
            with tensorgate.guard(allow=allow), numpy.load(self.folder / "x.npz", allow_pickle=True) as archive, \
                    self.refused("npz"):
                archive["a"]
        self.assertEqual(RAN, [])
        with tensorgate.guard(allow=["npz"]), numpy.load(self.folder / "x.npz", allow_pickle=True) as archive:
            self.assertEqual(archive["a"].tolist(), ["ran"])
        self.assertEqual(RAN, ["ran"])

    @unittest.skipUnless(pandas, "without pandas")
    def test_pandas(self):
        data = plain(Evil())
        self.put(gzip.compress(data), "x.pkl.gz")
        self.put(bz2.compress(data), "x.pkl.bz2")
        # A name with a NUL, which functions for paths refuse with an exception that pandas catches.
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as file:
            entry = tarfile.TarInfo("x")
            entry.size, entry.pax_headers = len(data), {"path": "a\0b.pkl"}
            file.addfile(entry, io.BytesIO(data))
        self.put(archive.getvalue(), "x.pkl.tar")
        for name in ("evil.pkl", "x.pkl.gz", "x.pkl.bz2", "x.pkl.tar"):
            self.not_loaded(lambda: pandas.read_pickle(self.folder / name))
        with open(self.evil, "rb") as file:
            self.not_loaded(lambda: pandas.compat.pickle_compat.Unpickler(file).load())
        with tensorgate.guard():
            self.assertEqual(pandas.read_pickle(self.put(plain({"a": 1}), "good.pkl")), {"a": 1})

    @unittest.skipUnless(pandas, "without pandas")
    def test_pandas_reads_twice(self):
        # The first time it is accepted, and fails to load; pandas tries again in another way.
        class Twice(io.BytesIO):
            name, times = "x.pkl", 0

            def seek(self, offset, whence=0):
                if offset == 0 and self.tell():
                    self.times += 1
                if self.times == 2:
                    self.times += 1
                    super().seek(0)
                    self.write(plain(Evil()))
                    self.truncate()
                return super().seek(offset, whence)

        trust = tensorgate.TrustList("none.Such newobj()")
        with tensorgate.guard(trust=trust), self.assertRaises(Exception):
            pandas.read_pickle(Twice(b"\x80\x02cnone\nSuch\n)\x81."))
        self.assertEqual(RAN, [])

    def test_what_a_loader_at_work_loads(self):
        # A trusted class that loads the file named by its state.
        value = Loads()
        value.path = str(self.evil)
        trust = tensorgate.TrustList(f"{__name__}.Loads newobj() build(dict)")
        data = plain(value)
        with tensorgate.guard(trust=trust), self.refused("pickle/global-outside"):
            pickle.load(io.BytesIO(data))
        value.path = str(self.put(plain(5), "good.pkl"))
        with tensorgate.guard(trust=trust):
            self.assertEqual(pickle.load(io.BytesIO(plain(value))).loaded, 5)
        if torch:
            path = self.folder / "x.pt"
            torch.save({"a": torch.ones(2)}, path)

            def move(storage, location):
                with open(self.evil, "rb") as file:
                    pickle.load(file)
                return storage

            self.not_loaded(lambda: torch.load(path, map_location=move, weights_only=False))
        self.assertEqual(RAN, [])

    def test_contexts_that_are_copied_while_a_loader_works(self):
        # A thread or a task that a program starts in the meantime is not part of the load.
        copies, failures = [], []
        data = plain(Evil())

        class File(io.BytesIO):
            def read(self, size=-1):
                copies.append(contextvars.copy_context())
                return super().read(size)

        def work():
            try:
                pickle.load(io.BytesIO(data))
                failures.append("loaded")
            except tensorgate.RejectedError:
                pass

        class Starts:
            def __reduce__(self):
                return start, ()

        def start():
            copies.append(contextvars.copy_context())
            thread = threading.Thread(target=copies[-1].copy().run, args=(work,))
            thread.start()
            thread.join()

        module = type(sys)("tensorgate_test_starts")
        module.start, start.__module__, start.__qualname__ = start, module.__name__, "start"
        sys.modules[module.__name__] = module
        self.addCleanup(sys.modules.pop, module.__name__)
        allowed = plain(Starts())
        with tensorgate.guard(allow=[digest(allowed)]):
            pickle.load(File(allowed))
            for copy in copies:
                copy.run(work)
        self.assertGreater(len(copies), 1)
        self.assertEqual((failures, RAN), ([], []))

    def test_what_was_read_before_the_check(self):
        # A program looks at the first bytes; then the file is overwritten; the rest is in the file object's buffer.
        path = self.put(plain(Evil()), "x.pkl")
        with open(path, "rb") as file:
            file.read(1)
            file.seek(0)
            path.write_bytes(plain(1))
            with tensorgate.guard():
                self.assertEqual(pickle.load(file), 1)
        self.assertEqual(RAN, [])

    @unittest.skipUnless(torch, "without torch")
    def test_programs_of_torch(self):
        path = self.folder / "x.pt"
        with torch.package.PackageExporter(str(path)) as package:
            package.extern(__name__)
            package.extern("support")
            package.save_source_string("model", "import support\nsupport.mark('package')\n")
        for kind in (torch.package.PackageImporter, type("Mine", (torch.package.PackageImporter,), {})):
            for open_it in (lambda: path, lambda: str(path), lambda: io.BytesIO(path.read_bytes())):
                self.not_loaded(lambda: kind(open_it()).import_module("model"))
        self.assertEqual(torch.package.PackageImporter.__init__.__module__, "torch.package.package_importer")
        self.assertFalse(hasattr(torch.package.PackageImporter.__init__, "__wrapped__"))
        with tensorgate.guard(allow=[digest(path.read_bytes())]):
            importer = torch.package.PackageImporter(path)
            self.assertIsInstance(importer, torch.package.PackageImporter)
            self.assertEqual(importer.filename, str(path))
            importer.import_module("model")
        self.assertEqual(RAN.pop(), "package")
        linear = torch.jit.script(torch.nn.Linear(1, 1))
        linear._save_for_lite_interpreter(str(path))
        self.not_loaded(lambda: torch.jit.mobile._load_for_lite_interpreter(str(path)))
        with tensorgate.guard(allow=["torchscript"]):
            torch.jit.mobile._load_for_lite_interpreter(str(path))
        torch.jit.save_jit_module_to_flatbuffer(linear, str(path))
        self.not_loaded(lambda: torch.jit.jit_module_from_flatbuffer(str(path)))

    @unittest.skipUnless(torch and hasattr(torch, "export") and hasattr(torch.export, "load"), "without torch.export")
    def test_pickles_in_exported_programs(self):
        program = torch.export.export(torch.nn.Linear(1, 1), (torch.ones(1, 1),))
        torch.export.save(program, self.folder / "x.pt2")
        evil = io.BytesIO()
        torch.save(Evil(), evil)
        with (zipfile.ZipFile(self.folder / "x.pt2") as source, zipfile.ZipFile(self.folder / "y.pt2", "w") as target):
            for name in source.namelist():
                target.writestr(name, evil.getvalue() if name.endswith("constants.pt") else source.read(name))
        with tensorgate.guard():
            torch.export.load(self.folder / "x.pt2")
        self.not_loaded(lambda: torch.export.load(self.folder / "y.pt2"))

    @unittest.skipUnless(torch and hasattr(getattr(torch.distributed, "checkpoint", None), "load"),
                         "without torch.distributed.checkpoint")
    def test_distributed_checkpoints(self):
        checkpoint, folder = torch.distributed.checkpoint, self.folder / "checkpoint"
        warnings.simplefilter("ignore")
        self.addCleanup(warnings.resetwarnings)
        checkpoint.save({"a": torch.ones(2)}, checkpoint_id=folder)
        (folder / ".metadata").write_bytes(plain(Evil()))
        with tensorgate.guard(), self.assertRaisesRegex(BaseException, "support.mark"):
            checkpoint.load({"a": torch.zeros(2)}, checkpoint_id=folder)
        self.assertEqual(RAN, [])


class Open(Guarded):
    """What the guard does not see, according to SECURITY.md. A test that fails here is good news for that page."""

    def setUp(self):
        super().setUp()
        self.evil = self.put(plain(Evil()), "evil.pkl")

    def runs(self, call):
        RAN.clear()
        with tensorgate.guard():
            call()
        self.assertEqual(RAN, ["ran"])

    def test_they_are_listed(self):
        text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
        listed = text[text.index("It does not see"):text.index("## What we do not promise")]
        for name in ("pickle.loads", "pickle.Unpickler", "functools.partial", "default argument", "torch.hub.load",
                     "torch.export.load", "importlib.util", "shelve"):
            self.assertIn(name, listed)

    def test_loaders_that_are_not_in_its_list(self):
        self.runs(lambda: pickle.loads(self.evil.read_bytes()))
        with open(self.evil, "rb") as file:
            self.runs(lambda: pickle.Unpickler(file).load())
        with open(self.evil, "rb") as file:
            self.runs(lambda: pickle._Unpickler(file).load())

    def test_what_is_built_on_an_unpickler(self):
        path = str(self.folder / "shelf")
        with dbm.dumb.open(path, "c") as database:
            database["a"] = self.evil.read_bytes()
        with shelve.Shelf(dbm.dumb.open(path, "r")) as shelf:
            self.runs(lambda: shelf["a"])

    def test_loaders_that_were_kept_elsewhere(self):
        kept = [functools.partial(pickle.load), {"load": pickle.load}["load"],
                lambda file, load=pickle.load: load(file)]
        for call in kept:
            with open(self.evil, "rb") as file:
                self.runs(lambda: call(file))
        with tensorgate.guard():
            # The replaced function can be found by programs that look for it.
            original = pickle.load.__wrapped__
        with open(self.evil, "rb") as file:
            self.runs(lambda: original(file))

    def test_a_module_created_by_hand(self):
        spec = importlib.util.spec_from_file_location("another_pickle", pickle.__file__)
        module = importlib.util.module_from_spec(spec)
        with open(self.evil, "rb") as file, tensorgate.guard():
            spec.loader.exec_module(module)
            module._load(file)
        self.assertEqual(RAN, ["ran"])

    @unittest.skipUnless(torch, "without torch")
    def test_code_beside_the_weights(self):
        self.put(f"import sys\nsys.path.insert(0, {os.path.dirname(__file__)!r})\nimport support\n"
                 "def model():\n    return support.mark('ran')\n".encode(), "hubconf.py")
        self.runs(lambda: torch.hub.load(str(self.folder), "model", source="local"))


if __name__ == "__main__":
    unittest.main()
