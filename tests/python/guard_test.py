"""tensorgate.guard: files that loaders of other packages are given are checked first."""

import argparse
import datetime
import gzip
import io
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import unittest

import tensorgate
from tensorgate import _policy

from support import EVIL, GOOD, OVERLAP, Guarded, digest, plain

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
try:
    import transformers
except ImportError:
    transformers = None


class Pickles(Guarded):
    def test_plain_data_load(self):
        path = self.put(plain([1, 2]), "x.pkl")
        with open(path, "rb") as file, tensorgate.guard():
            self.assertEqual(pickle.load(file), [1, 2])

    def test_refused_and_allowed(self):
        path = self.put(EVIL, "x.pkl")
        with open(path, "rb") as file, tensorgate.guard(), self.refused("x.pkl is rejected: pickle/"):
            pickle.load(file)
        for allow in ([digest(EVIL)], [digest(EVIL).upper().replace("SHA", "sha")]):
            with open(path, "rb") as file, tensorgate.guard(allow=allow):
                self.assertIs(pickle.load(file), os.getcwd)
        with open(path, "rb") as file, tensorgate.guard(allow=["sha256:" + "0" * 64]), self.refused():
            pickle.load(file)

    def test_nothing_of_it_has_run(self):
        class Evil:
            def __reduce__(self):
                return os.mkdir, (str(folder),)

        folder = self.folder / "ran"
        data = pickle.dumps(Evil())
        with tensorgate.guard(), self.refused():
            pickle.load(io.BytesIO(data))
        self.assertFalse(folder.exists())
        pickle.load(io.BytesIO(data))
        self.assertTrue(folder.exists())

    def test_consecutive_pickles(self):
        one, two = plain(1), plain(2)
        path = self.put(one + two, "x.pkl")
        for open_it in (lambda: io.BytesIO(one + two), lambda: open(path, "rb")):
            with open_it() as file, tensorgate.guard(allow=[digest(one + two), digest(two)]):
                self.assertEqual([pickle.load(file), pickle.load(file)], [1, 2])

    def test_another_file_after_an_accepted_one(self):
        # The loader starts at the position of the file object, and so does the check.
        path = self.put(GOOD + EVIL, "x")
        with open(path, "rb") as file:
            file.seek(len(GOOD))
            with tensorgate.guard(), self.refused("pickle/"):
                pickle.load(file)

    def test_accepted_but_of_another_format(self):
        path = self.put(GOOD, "x.safetensors")
        with open(path, "rb") as file, tensorgate.guard(), self.refused(r"pickle\.load\(\) does not read safetensors"):
            pickle.load(file)

    def test_a_fileno_of_other_bytes(self):
        path = self.put(gzip.compress(EVIL), "x.pkl.gz")
        with gzip.open(path) as file, tensorgate.guard(), self.refused():
            pickle.load(file)
        path = self.put(gzip.compress(plain(1)), "x.pkl.gz")
        with gzip.open(path) as file, tensorgate.guard():
            self.assertEqual(pickle.load(file), 1)

    def test_a_stream_is_refused(self):
        reader, writer = os.pipe()
        os.write(writer, pickle.dumps(1))
        os.close(writer)
        with open(reader, "rb") as file, tensorgate.guard():
            with self.assertRaisesRegex(tensorgate.SafetensorError, "a stream cannot be checked"):
                pickle.load(file)

    def test_objects_with_the_least(self):
        class Readable:
            def __init__(self, data):
                self.read, self.readline = io.BytesIO(data).read, io.BytesIO(data).readline

        class Seekable:
            def __init__(self, data):
                file = io.BytesIO(data)
                self.read, self.readline, self.seek, self.tell = file.read, file.readline, file.seek, file.tell

        data = plain(1)
        with tensorgate.guard():
            self.assertEqual(pickle.load(Seekable(data)), 1)
            with self.assertRaisesRegex(tensorgate.SafetensorError, "a stream cannot be checked"):
                pickle.load(Readable(data))

    def test_from_import_before_the_guard(self):
        module = type(sys)("tensorgate_test_module")
        module.load = pickle.load
        sys.modules[module.__name__] = module
        self.addCleanup(sys.modules.pop, module.__name__)
        original = pickle.load
        with tensorgate.guard():
            self.assertIs(module.load, pickle.load)
            self.assertIsNot(module.load, original)
            late = type(sys)("tensorgate_test_late")
            late.load = pickle.load
            sys.modules[late.__name__] = late
        self.addCleanup(sys.modules.pop, late.__name__)
        self.assertIs(module.load, original)
        self.assertIs(late.load, original)

    def test_guards_within_guards(self):
        original = pickle.load
        with tensorgate.guard():
            with tensorgate.guard(allow=[digest(EVIL)]):
                self.assertIs(pickle.load(io.BytesIO(EVIL)), os.getcwd)
            with self.refused():
                pickle.load(io.BytesIO(EVIL))
        self.assertIs(pickle.load, original)

    def test_wrong_uses(self):
        # The name of a format allows files without a parser, not files that were judged.
        for allow in ("pickle", [""], ["sha256:1"], ["md5:" + "0" * 64], ["Joblib"], ["pickle"], ["safetensors"], [3], 3):
            with self.assertRaises((TypeError, ValueError)):
                tensorgate.guard(allow=allow)
        # Reported here, and not where a program catches what its loader raises.
        for limits in ({"colour": 1}, {"tensors": "x"}, {"spool_bytes": -1}, {"spool_bytes": 1.5}, 3):
            with self.assertRaises((TypeError, ValueError)):
                tensorgate.guard(limits=limits)
        with self.assertRaises(TypeError):
            tensorgate.guard(trust=3)
        with tensorgate.guard(), self.assertRaises(TypeError):
            pickle.load()

    def test_a_list_of_trusted_classes(self):
        value = argparse.Namespace(a=[datetime.timedelta(1, 2)])
        data = plain(value)
        path = self.put(b"argparse.Namespace newobj() build(dict)  # arguments of the training\n"
                        b"datetime.timedelta reduce(int, int, int)\n", "trusted")
        with tensorgate.guard(), self.refused("argparse.Namespace"):
            pickle.load(io.BytesIO(data))
        for trust in (path, str(path), tensorgate.TrustList(path.read_text())):
            with tensorgate.guard(trust=trust):
                self.assertEqual(pickle.load(io.BytesIO(data)), value)
                with self.refused("pickle/"):
                    pickle.load(io.BytesIO(EVIL))
                # The right class, another shape.
                with self.refused("torch/call-arguments"):
                    pickle.load(io.BytesIO(data.replace(b")\x81", b"K\x01\x85\x81")))
        report = tensorgate.check(data, trust=tensorgate.TrustList(path.read_text()))
        self.assertTrue(report)
        self.assertEqual([(each.rule, each.subject) for each in report.findings],
                         [("use/trusted-call", "argparse.Namespace"), ("use/trusted-call", "datetime.timedelta")])
        environment = {**os.environ, "TENSORGATE_GUARD": "1", "TENSORGATE_GUARD_TRUST": str(path)}
        script = self.put(b"import pickle, sys\nprint(pickle.load(open(sys.argv[1], 'rb')).a)", "script.py")
        pickled = self.put(data, "x.pkl")
        expected = "[datetime.timedelta(days=1, seconds=2)]\n"
        for arguments, env in (([script], environment), (["-m", "tensorgate.guard", "--trust", path, script], None)):
            out = subprocess.run([sys.executable, *map(str, arguments), str(pickled)], env=env, capture_output=True,
                                 text=True, check=True)
            self.assertEqual(out.stdout, expected)

    def test_lists_that_are_none(self):
        path = self.put(b"\nargparse.Namespace", "trusted")
        with self.assertRaisesRegex(ValueError, "trusted: line 2: an entry is"):
            tensorgate.guard(trust=path)
        with self.assertRaises(FileNotFoundError):
            tensorgate.guard(trust=self.folder / "none")

    def test_threads_come_and_go(self):
        original = pickle.load
        failures = []

        def work():
            for _ in range(50):
                with tensorgate.guard():
                    try:
                        pickle.load(io.BytesIO(EVIL))
                        failures.append("loaded")
                    except tensorgate.RejectedError:
                        pass

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertIs(pickle.load, original)


@unittest.skipUnless(safetensors, "without the package safetensors")
class Safetensors(Guarded):
    def load_all(self, path):
        from safetensors.numpy import load, load_file
        with safetensors.safe_open(path, "np") as file:
            names = file.keys()
        with open(path, "rb") as plain, safetensors._safe_open_handle(plain, "np") as file:
            self.assertEqual(file.keys(), names)
        self.assertEqual(sorted(load_file(path)), names)
        self.assertEqual(sorted(load(path.read_bytes())), names)
        return names

    def test_accepted(self):
        path = self.put(GOOD, "x.safetensors")
        with tensorgate.guard():
            self.assertEqual(self.load_all(path), ["a", "b"])

    def test_refused(self):
        import safetensors.numpy
        # The reference accepts this one: a name that occurs twice.
        header = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
        data = len(header).to_bytes(8, "little") + header + b"x"
        path = self.put(data, "x.safetensors")
        self.assertEqual(self.load_all(path), ["a"])
        with open(path, "rb") as plain:
            for load in (lambda: safetensors.safe_open(path, "np"),
                         lambda: safetensors.safe_open(filename=str(path), framework="np"),
                         lambda: safetensors._safe_open_handle(plain, "np"),
                         lambda: safetensors.deserialize(data),
                         lambda: safetensors.numpy.load_file(path),
                         lambda: safetensors.numpy.load(data)):
                with tensorgate.guard(), self.refused("safetensors/"):
                    load()

    def test_missing_file(self):
        with tensorgate.guard(), self.assertRaisesRegex(FileNotFoundError, "No such file or directory: none"):
            safetensors.safe_open("none", "np")

    def test_fifo_does_not_block(self):
        os.mkfifo(self.folder / "fifo")
        with tensorgate.guard(), self.refused("io/not-regular"):
            safetensors.safe_open(self.folder / "fifo", "np")

    def test_another_file_slipped_in_between(self):
        path = self.put(GOOD, "x.safetensors")
        real = _policy.check

        def swap(*arguments, **named):
            report = real(*arguments, **named)
            if named.get("name"):
                os.replace(self.put(OVERLAP, "other"), path)
            return report

        _policy.check = swap
        self.addCleanup(setattr, _policy, "check", real)
        with tensorgate.guard(), safetensors.safe_open(path, "np") as file:
            self.assertEqual(file.keys(), ["a", "b"])
            self.assertEqual(bytes(file.get_tensor("b")), b"\1\2\3\4")

    def test_descriptors_are_closed(self):
        path = self.put(GOOD, "x.safetensors")
        bad = self.put(OVERLAP, "y.safetensors")
        before = len(os.listdir("/proc/self/fd"))
        with tensorgate.guard():
            for _ in range(5):
                safetensors.safe_open(path, "np")
                with self.refused():
                    safetensors.safe_open(bad, "np")
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


@unittest.skipUnless(numpy, "without numpy")
class Numpy(Guarded):
    def test_without_pickles_it_is_only_numpy(self):
        path = self.folder / "x.npy"
        numpy.save(path, numpy.arange(3))
        with tensorgate.guard():
            self.assertEqual(numpy.load(path).tolist(), [0, 1, 2])

    def test_plain_arrays_load_and_objects_do_not(self):
        plain, objects = self.folder / "x.npy", self.folder / "y.npy"
        numpy.save(plain, numpy.arange(3))
        numpy.save(objects, numpy.array([{}], dtype=object))
        with tensorgate.guard():
            self.assertEqual(numpy.load(plain, allow_pickle=True).tolist(), [0, 1, 2])
            self.assertEqual(numpy.load(plain, "r", True).tolist(), [0, 1, 2])
            with open(plain, "rb") as file:
                self.assertEqual(numpy.load(file, allow_pickle=True).tolist(), [0, 1, 2])
            with self.refused("numpy/descr-object"):
                numpy.load(objects, allow_pickle=True)
            with self.refused("numpy/descr-object"):
                numpy.load(objects, None, True)
        with self.assertRaisesRegex(ValueError, "allow takes"):
            tensorgate.guard(allow=["numpy"])
        with tensorgate.guard(allow=[digest(objects.read_bytes())]):
            self.assertEqual(numpy.load(objects, allow_pickle=True).tolist(), [{}])

    def test_what_strict_refuses_is_loaded_without_pickles(self):
        """Two arrays in one file, as in the documentation of numpy.save."""
        path = self.folder / "x.npy"
        with open(path, "wb") as file:
            numpy.save(file, numpy.arange(3))
            numpy.save(file, numpy.arange(2))
        self.assertEqual(tensorgate.check(path).verdict, "rejected")
        with tensorgate.guard(), open(path, "rb") as file:
            self.assertEqual(numpy.load(file, allow_pickle=True).tolist(), [0, 1, 2])

    def test_a_pickle_by_another_name(self):
        path = self.put(EVIL, "x.npy")
        with tensorgate.guard(), self.refused("pickle"):
            numpy.load(path, allow_pickle=True)


@unittest.skipUnless(torch, "without torch")
class Torch(Guarded):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "x.pt"
        torch.save({"a": torch.ones(2)}, self.path)

    def test_both_forms(self):
        legacy = io.BytesIO()
        torch.save({"a": torch.ones(2)}, legacy, _use_new_zipfile_serialization=False)
        for data in (self.path.read_bytes(), legacy.getvalue()):
            path = self.put(data, "y.pt")
            for given in (path, str(path), io.BytesIO(data)):
                with tensorgate.guard():
                    self.assertEqual(torch.load(given)["a"].tolist(), [1, 1])

    def test_refused(self):
        for zipped in (True, False):
            torch.save({"a": os.getcwd}, self.path, _use_new_zipfile_serialization=zipped)
            data = self.path.read_bytes()
            for given in (self.path, io.BytesIO(data)):
                with tensorgate.guard(), self.refused("is rejected: "):
                    torch.load(given)
                with tensorgate.guard(allow=[digest(data)]):
                    self.assertIs(torch.load(given, weights_only=False)["a"], os.getcwd)
            if zipped:
                with tensorgate.guard(), open(self.path, "rb") as file, self.refused():
                    torch.load(file)

    def test_a_list_of_trusted_classes(self):
        value = {"a": torch.ones(2), "options": argparse.Namespace(lr=0.5)}
        trust = tensorgate.TrustList("argparse.Namespace newobj() build(dict)\nnone.Such newobj()")
        for zipped in (True, False):
            torch.save(value, self.path, _use_new_zipfile_serialization=zipped)
            for given in (self.path, io.BytesIO(self.path.read_bytes())):
                with tensorgate.guard(), self.refused("is rejected: "):
                    torch.load(given)
                with tensorgate.guard(trust=trust):
                    loaded = torch.load(given)
                self.assertEqual((loaded["a"].tolist(), loaded["options"]), ([1, 1], value["options"]))
        # PyTorch's configuration is restored afterwards.
        self.assertNotIn(argparse.Namespace, getattr(torch.serialization, "get_safe_globals", list)())

    def test_numpy_scalars(self):
        value = {"loss": numpy.float64(0.5), "best": numpy.int64(3), "on": numpy.bool_(True), "dtype": numpy.dtype("<f4"),
                 "array": numpy.arange(6, dtype=">i4").reshape(2, 3), "empty": numpy.zeros((0, 3)),
                 "columns": numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3))}  # fmt: skip
        trust = tensorgate.TrustList("numpy")
        for zipped in (True, False):
            torch.save(value, self.path, _use_new_zipfile_serialization=zipped)
            self.assertTrue(tensorgate.check(self.path, trust=trust))
            self.assertFalse(tensorgate.check(self.path))
            # The other NumPy's module name has one letter more or less.
            other = pickle.dumps(value, 2)
            core, renamed = (b"numpy._core.", b"numpy.core.")[:: 1 if b"numpy._core." in other else -1]
            self.assertTrue(tensorgate.check(other.replace(core, renamed), name="x.pkl", trust=trust))
            with tensorgate.guard(trust=trust):
                loaded = torch.load(self.path)
            self.assertEqual(loaded["array"].tolist(), [[0, 1, 2], [3, 4, 5]])
            self.assertEqual(loaded["columns"].tolist(), value["columns"].tolist())
            for key in ("loss", "best", "on", "dtype"):
                self.assertEqual((loaded[key], type(loaded[key])), (value[key], type(value[key])))
            self.assertEqual(loaded["empty"].shape, (0, 3))
        for hostile in (numpy.array([None]), numpy.array(["text"]), numpy.zeros(2, dtype="f4,f4"), numpy.datetime64("now")):
            self.assertFalse(tensorgate.check(pickle.dumps(hostile, 2), name="x.pkl", trust=trust))

    def test_numpy_is_not_an_entry(self):
        for name in ("numpy.dtype", "numpy.ndarray", "numpy.core.multiarray.scalar", "numpy._core.multiarray._reconstruct"):
            with self.assertRaisesRegex(ValueError, "line 1.*the line 'numpy'"):
                tensorgate.TrustList(f"{name} reduce(any)")

    def test_what_has_no_parser(self):
        torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), str(self.path))
        with tensorgate.guard(), self.refused("no parser for the format torchscript"):
            torch.jit.load(str(self.path))
        with tensorgate.guard(allow=["torchscript"]):
            self.assertEqual(tuple(torch.jit.load(str(self.path)).weight.shape), (1, 1))

    def test_safetensors_for_torch(self):
        import safetensors.torch
        good, bad = self.put(GOOD, "x.safetensors"), self.put(OVERLAP, "y.safetensors")
        with tensorgate.guard():
            self.assertEqual(safetensors.torch.load_file(good)["a"].tolist(), [1.5, -2])
            with self.refused("safetensors/offsets-overlap"):
                safetensors.torch.load_file(bad)


@unittest.skipUnless(torch and transformers, "without transformers and torch")
class Transformers(Guarded):
    def setUp(self):
        super().setUp()
        transformers.utils.logging.disable_progress_bar()

    def model(self):
        config = transformers.BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                                         intermediate_size=32)
        torch.manual_seed(1)
        return transformers.BertModel(config)

    def same(self, one, other):
        for (name, value), (name2, value2) in zip(one.state_dict().items(), other.state_dict().items(), strict=True):
            self.assertEqual(name, name2)
            self.assertTrue(torch.equal(value, value2), name)

    def test_single_file_and_shards(self):
        model = self.model()
        for shard, files in (("1GB", 1), ("10KB", 3)):
            folder = self.folder / shard
            with tensorgate.guard():
                model.save_pretrained(folder, max_shard_size=shard)
                self.same(model, transformers.AutoModel.from_pretrained(folder))
            self.assertGreaterEqual(len(list(folder.glob("*.safetensors"))), files)

    def test_a_refused_file_and_a_refused_shard(self):
        for shard in ("1GB", "10KB"):
            folder = self.folder / shard
            self.model().save_pretrained(folder, max_shard_size=shard)
            path = sorted(folder.glob("*.safetensors"))[-1]
            data = path.read_bytes()
            path.write_bytes(data[:-1])
            with tensorgate.guard(), self.refused("safetensors/"):
                transformers.AutoModel.from_pretrained(folder)

    def test_a_pickle_in_the_folder(self):
        folder = self.folder / "bin"
        self.model().save_pretrained(folder, safe_serialization=False)
        path = folder / "pytorch_model.bin"
        with tensorgate.guard():
            self.same(self.model(), transformers.AutoModel.from_pretrained(folder))
        state = torch.load(path)
        state["extra"] = os.getcwd
        torch.save(state, path)
        with tensorgate.guard(), self.assertRaises(Exception) as caught:
            transformers.AutoModel.from_pretrained(folder)
        # transformers raises its own error, caused by the guard's.
        chain, error = [], caught.exception
        while error is not None:
            chain.append(type(error))
            error = error.__context__
        self.assertIn(tensorgate.RejectedError, chain)


class Processes(Guarded):
    SCRIPT = textwrap.dedent("""
        import io, os, pickle, sys
        assert __name__ == "__main__"
        try:
            print(pickle.load(io.BytesIO(pickle.dumps(os.getcwd, protocol=2))).__name__, *sys.argv[1:])
        except Exception as error:
            print(type(error).__name__, *sys.argv[1:])
        """)

    def run_it(self, *command, **environment):
        done = subprocess.run([sys.executable, *map(str, command)], cwd=self.folder, text=True, capture_output=True,
                              env={**os.environ, **environment})
        return done.returncode, (done.stdout + done.stderr).strip()

    def test_module_runs_scripts_and_modules(self):
        self.put(self.SCRIPT.encode(), "script.py")
        self.assertEqual(self.run_it("script.py", "x"), (0, "getcwd x"))
        self.assertEqual(self.run_it("-m", "tensorgate.guard", "script.py", "x"), (0, "RejectedError x"))
        self.assertEqual(self.run_it("-m", "tensorgate.guard", "-m", "script", "x"), (0, "RejectedError x"))
        self.assertEqual(self.run_it("-m", "tensorgate.guard", "script.py", "x", TENSORGATE_GUARD_ALLOW=f"npz, {digest(EVIL)}"),
                         (0, "getcwd x"))
        self.assertEqual(self.run_it("-m", "tensorgate.guard")[0], 4)

    def test_environment(self):
        self.put(self.SCRIPT.encode(), "script.py")
        for value, said in (("1", "RejectedError"), ("0", "getcwd"), ("", "getcwd")):
            self.assertEqual(self.run_it("script.py", TENSORGATE_GUARD=value), (0, said))
        self.assertEqual(self.run_it("-I", "script.py", TENSORGATE_GUARD="1"), (0, "RejectedError"))

    def test_a_guard_that_cannot_start_stops_the_program(self):
        # A value that no path in a traceback can contain.
        code, said = self.run_it("-c", "print('//ran//')", TENSORGATE_GUARD="1", TENSORGATE_GUARD_ALLOW="?")
        self.assertEqual(code, 1)
        self.assertNotIn("//ran//", said)
        self.assertIn("could not start", said)

    @unittest.skipUnless(safetensors, "without the package safetensors")
    def test_packages_that_come_later(self):
        path = self.put(OVERLAP, "x.safetensors")
        script = f"""
            import tensorgate
            with tensorgate.guard():
                import safetensors, safetensors.numpy
                from importlib import resources
                assert resources.files(safetensors).joinpath("py.typed").is_file() or True
                assert not type(safetensors.__spec__.loader).__module__.startswith("tensorgate")
                try:
                    safetensors.numpy.load_file({str(path)!r})
                except tensorgate.RejectedError as error:
                    print(error.rule)
            try:
                safetensors.numpy.load_file({str(path)!r})
            except safetensors.SafetensorError as error:
                print(type(error).__name__)
            """
        self.assertEqual(self.run_it("-c", textwrap.dedent(script)),
                         (0, "safetensors/offsets-overlap\nSafetensorError"))


if __name__ == "__main__":
    unittest.main()
