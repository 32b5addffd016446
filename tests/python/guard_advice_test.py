"""The text of a guard's error: it never suggests allowing a file that names code, otherwise it names a way that works."""

import argparse
import datetime
import io
import os
import pickle
import re
import tarfile
import time
import unittest
import zipfile

import tensorgate

from support import EVIL, GOOD, Evil, Guarded, digest, plain

try:
    import joblib
except ImportError:
    joblib = None
try:
    import numpy
except ImportError:
    numpy = None
try:
    import torch
except ImportError:
    torch = None


class System:
    """The payload that everyone writes."""

    def __reduce__(self):
        return os.system, ("true",)


class Advice(Guarded):
    def refusal(self, call):
        # A function that is looked up inside the guard.
        with tensorgate.guard(), self.refused() as caught:
            call()
        return str(caught.exception)

    def of_pickle(self, data):
        return self.refusal(lambda: pickle.load(io.BytesIO(data)))

    def named(self):
        """Pickles that call posix.system, in every protocol and in ways that hide it."""
        for protocol in (0, 2, 3, 4, 5):
            yield pickle.dumps(System(), protocol)
            yield pickle.dumps([1, {"a": 2.5}, "text", {3}, b"x", System()], protocol)
        yield b"(S'true'\niposix\nsystem\n."
        yield b"\x80\x02(cposix\nsystem\nX\x04\x00\x00\x00trueo."
        yield b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x940h\x00h\x01\x93\x8c\x04true\x85R."
        yield b"\x80\x02K\x010cposix\nsystem\nX\x04\x00\x00\x00true\x85R."
        call = b"\x93\x8c\x04true\x85R."
        # Memo entries with indices that no writer uses, and the effect of MEMOIZE on them.
        yield b"\x80\x04\x8c\x05posix\x8c\x06systemp77\n0g77\n" + call
        yield b"\x80\x04\x8c\x05posix\x8c\x06systemp +7_7\n0g77\n" + call
        yield (b"\x80\x04\x8c\x0bcollectionsq\x010\x8c\x05posix\x940\x8c\x0bOrderedDictq\x020\x8c\x06system\x940h\x01h\x02"
               + call)

    def hidden(self):
        """The same if it is not in the first pickle."""
        yield pickle.dumps(System(), 1)
        yield b"\x80\x02\x82\x01."
        yield b"\x80\x04\x8c\x01a\x82\x01\x86."
        yield b"\x80\x04\x8c\x01aPb\n\x86."
        yield b"\x80\x04V\\u0070osix\n\x8c\x06system\x93\x8c\x04true\x85R."
        yield b"\x80\x04S'\\x70osix'\n\x8c\x06system\x93\x8c\x04true\x85R."
        # Reached through a module that imports it, and by a name of Python 2.
        yield b"\x80\x04\x8c\x06joblib\x8c\x10memory.os.system\x93\x8c\x04true\x85R."
        yield b"\x80\x02ccPickle\nloads\nC\x00\x85R."
        # Through functions of other packages that unpickle or run their arguments.
        for module, name in (("joblib", "load"), ("pandas", "read_pickle"), ("torch.hub", "load"), ("dill", "loads"),
                             ("pandas.core.computation.eval", "eval"), ("numpy.testing._private.utils", "runstring")):
            yield b"\x80\x02c" + module.encode() + b"\n" + name.encode() + b"\nX\x01\x00\x00\x00a\x85R."
        yield pickle.dumps(System(), 4)[:-1]
        yield pickle.dumps({"a": 1}, 4) + pickle.dumps(System(), 4)
        # Plain data for pickle, another format for programs that look for it.
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("data.pkl", pickle.dumps(System(), 2))
        yield pickle.dumps({"a": archive.getvalue()}, 4)
        header = bytearray(tarfile.TarInfo("x").tobuf())
        header[:7] = b"\x80\x04B" + (1024 - 8).to_bytes(4, "little")
        header[148:156] = b"%06o\0 " % (sum(header[:148]) + sum(header[156:]) + 8 * 32)
        yield bytes(header) + bytes(511) + b"."

    def test_nothing_hostile_is_to_be_allowed(self):
        for data in (*self.named(), *self.hidden()):
            said = self.of_pickle(data)
            with self.subTest(said):
                self.assertNotRegex(said, r"allow=|TENSORGATE_GUARD_ALLOW|sha256:|trust")

    def test_what_is_called_is_named(self):
        for data in self.named():
            self.assertIn("would run posix.system. Do not load it in any other way either, such as weights_only=False",
                          self.of_pickle(data))

    def test_joblib_and_numpy_with_pickles(self):
        calls = []
        if joblib:
            self.put(plain(["joblib.numpy_pickle", System()]), "x.joblib")
            calls.append(lambda: joblib.load(self.folder / "x.joblib"))
        if numpy:
            numpy.save(self.folder / "x.npy", numpy.array([System()], dtype=object))
            calls.append(lambda: numpy.load(self.folder / "x.npy", allow_pickle=True))
        for call in calls:
            said = self.refusal(call)
            self.assertNotRegex(said, r"allow=|TENSORGATE_GUARD_ALLOW|sha256:|trust")
            self.assertIn("SECURITY.md", said)

    def test_plain_data_can_be_allowed(self):
        value = {"a": [1, 2.5, None, True], "b": (b"bytes", "text", {3}), "c": {}}
        for protocol in (0, 3, 4, 5):
            data = pickle.dumps(value, protocol)
            if tensorgate.check(data).format != "pickle":
                continue
            path = self.put(data, "x.pkl")
            for given in (io.BytesIO(data), open(path, "rb")):
                self.addCleanup(given.close)
                with tensorgate.guard(), self.refused() as caught:
                    pickle.load(given)
                said = str(caught.exception)
                self.assertIn("protocol", said)
                # Its advice works.
                allow = re.search(r'allow=\["(sha256:[0-9a-f]{64})"\]', said).group(1)
                self.assertEqual(allow, digest(data))
                given.seek(0)
                with tensorgate.guard(allow=[allow]):
                    self.assertEqual(pickle.load(given), value)

    def test_classes_can_be_trusted(self):
        for value, name in ((argparse.Namespace(a=1), "argparse.Namespace"), (datetime.timedelta(1), "datetime.timedelta"),
                            (Evil(), "support.mark")):
            for protocol in (2, 4):
                said = self.of_pickle(pickle.dumps(value, protocol))
                self.assertIn(name, said)
                self.assertIn("tensorgate.guard(trust=FILE)", said)
                self.assertNotRegex(said, r"allow=|sha256:")
        # One that runs something next to one that is data.
        self.assertNotIn("trust", self.of_pickle(plain([argparse.Namespace(a=1), System()])))

    def test_names_are_text(self):
        said = self.of_pickle(b"\x80\x02c\x1b[31mevil\nna\xe2\x80\xaeme\n.")
        self.assertTrue(said.isprintable(), said)
        many = b"".join(b"cmodule%d\n%s\n0" % (i, b"n" * 300) for i in range(50))
        said = self.of_pickle(b"\x80\x02" + many + b"N.")
        self.assertLess(len(said), 1200)

    @unittest.skipUnless(torch, "without torch")
    def test_checkpoints_and_programs(self):
        path = self.folder / "x.pt"
        for zipped in (True, False):
            torch.save({"a": System()}, path, _use_new_zipfile_serialization=zipped)
            said = self.refusal(lambda: torch.load(path, weights_only=False))
            self.assertIn("would run posix.system", said)
            self.assertNotRegex(said, r"allow=|sha256:")
        torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), str(path))
        said = self.refusal(lambda: torch.jit.load(str(path)))
        self.assertIn(f'allow=["{digest(path.read_bytes())}"]', said)
        self.assertIn('allow=["torchscript"]', said)

    def test_of_another_format(self):
        self.assertIn("pickle.load() does not read safetensors", self.of_pickle(GOOD))
        self.assertNotIn("allow", self.of_pickle(GOOD))
        self.assertNotIn("allow", self.of_pickle(GOOD[:-1]))

    def test_it_ends_in_time(self):
        data = b"\x80\x04" + b"N0" * (4 << 20) + b"N."
        begun = time.process_time()
        self.assertNotIn("allow=", self.of_pickle(data))
        self.assertLess(time.process_time() - begun, 10)

    def test_damage_is_not_to_be_allowed(self):
        data = pickle.dumps({"a": list(range(1000))}, 4)
        for broken in (data[:-2], data[:500], data + b"x", EVIL[:-1]):
            self.assertNotRegex(self.of_pickle(broken), r"allow=|sha256:")


if __name__ == "__main__":
    unittest.main()
