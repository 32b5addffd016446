"""Lists of approved files: tensorgate.check(pins=) and the guard."""

import hashlib
import io
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile
import unittest

import tensorgate
from support import GOOD, OVERLAP, safetensors, shards, tensor
from tensorgate import Pins

try:
    import safetensors as package
except ImportError:
    package = None

COMMAND = pathlib.Path(tensorgate.__file__).parent / "bin" / "tensorgate"
# Names that are escaped in the lines of `tensorgate hash`.
ODD = safetensors({"\x7f\u00e9\n\U0001f600\"": tensor(0, 4, "F32", []), "b": tensor(4, 4, "I8", [0, 2])}, b"abcd")


def line(content, path="x"):
    return f"{hashlib.sha256(content).hexdigest()}  {path}\n"


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)
        self.path = self.put("a.safetensors", GOOD)

    def put(self, name, content):
        path = self.dir / name
        path.write_bytes(content)
        return path


class Check(Folder):
    def test_every_kind_of_input(self):
        for content, accepted in ((GOOD, True), (ODD, False)):
            pins = Pins(line(content))
            for what in (self.path, str(self.path), GOOD, bytearray(GOOD), memoryview(GOOD), io.BytesIO(GOOD)):
                report = tensorgate.check(what, pins=pins)
                self.assertEqual(report.accepted, accepted, what)
                self.assertEqual(report.verdict, "accepted" if accepted else "rejected")
            with open(self.path, "rb") as file:
                file.seek(5)
                self.assertEqual(bool(tensorgate.check(file, pins=pins)), accepted)
                self.assertEqual(file.tell(), 5)
            self.assertEqual(tensorgate.check(self.path, pins=pins).name, str(self.path))

    def test_not_on_the_list(self):
        report = tensorgate.check(self.path, pins=Pins(line(ODD)))
        self.assertEqual(report.reason.rule, "use/not-pinned")
        self.assertEqual((report.format, report.size), ("safetensors", len(GOOD)))
        with self.assertRaisesRegex(tensorgate.RejectedError, "use/not-pinned"):
            report.raise_unless_accepted()

    def test_what_is_not_accepted_is_not_accepted_if_it_is_listed(self):
        path = self.put("b.safetensors", OVERLAP)
        self.assertEqual(tensorgate.check(path, pins=Pins(line(OVERLAP))).reason.rule, "safetensors/offsets-overlap")
        self.assertEqual(tensorgate.check(self.dir / "none", pins=Pins(line(GOOD))).verdict, "undecided")

    def test_lists_in_files(self):
        listed = self.put("pins", b"# approved\n\n" + line(GOOD, "some\udcff").encode("utf-8", "surrogateescape"))
        self.assertTrue(tensorgate.check(self.path, pins=listed))
        self.assertTrue(tensorgate.check(self.path, pins=str(listed), profile="reference", timeout=10, max_findings=1))
        with self.assertRaisesRegex(ValueError, r"pins: line 1 "):
            tensorgate.check(self.path, pins=self.put("pins", b"x"))
        with self.assertRaises(OSError):
            tensorgate.check(self.path, pins=self.dir / "none")
        with self.assertRaises(TypeError):
            tensorgate.check(self.path, pins=[])

    def test_invalid_lists(self):
        digest = hashlib.sha256(b"").hexdigest()
        for text in ("", "# nothing\n", digest[1:] + "  a", digest + " a", f"SHA256 (a) = {digest}", f"\\{digest}  a\\x",
                     f"header:{digest}  a", line(GOOD) + "x", f"{digest} F32 [] \"a\"\n{digest}\n", GOOD.hex()):
            with self.assertRaises(ValueError, msg=text):
                Pins(text)
        with self.assertRaises(TypeError):
            Pins(b"")

    @unittest.skipUnless(COMMAND.exists(), "without the command")
    def test_what_the_command_prints(self):
        for content in (GOOD, ODD):
            path = self.put("c.safetensors", content)
            for options in ([], ["--pin"]):
                text = subprocess.run([COMMAND, "hash", *options, path], capture_output=True, check=True).stdout.decode()
                self.assertTrue(tensorgate.check(content, pins=Pins(text)), text)
                self.assertFalse(tensorgate.check(GOOD if content == ODD else ODD, pins=Pins(text)))
        # The header counts in the second form only.
        other = safetensors({"a": tensor(0, 8, "F32", [2]), "b": tensor(8, 12)}, GOOD[-12:])
        for options, accepted in (([], True), (["--pin"], False)):
            text = subprocess.run([COMMAND, "hash", *options, self.path], capture_output=True, check=True).stdout.decode()
            self.assertEqual(bool(tensorgate.check(other, pins=Pins(text))), accepted)

    @unittest.skipUnless(COMMAND.exists(), "without the command")
    def test_shards(self):
        index = shards(self.dir / "m", {"model-00001-of-00002.safetensors": GOOD,
                                        "model-00002-of-00002.safetensors": ODD.replace(b'"b"', b'"c"')})
        text = subprocess.run([COMMAND, "hash", "--pin", self.dir / "m"], capture_output=True, check=True).stdout.decode()
        for what in (self.dir / "m", index):
            self.assertTrue(tensorgate.check(what, pins=Pins(text)))
            self.assertEqual(tensorgate.check(what, pins=Pins(line(GOOD))).reason.rule, "use/not-pinned")


class Guard(Folder):
    def setUp(self):
        super().setUp()
        self.pickle = self.put("a.pkl", pickle.dumps([1, 2], 2))
        self.other = self.put("b.pkl", pickle.dumps([1, 3], 2))

    def load(self, path):
        with open(path, "rb") as file:
            return pickle.load(file)

    def test_only_what_is_listed(self):
        pins = self.put("pins", line(self.pickle.read_bytes()).encode())
        with tensorgate.guard(pins=pins):
            self.assertEqual(self.load(self.pickle), [1, 2])
            with self.assertRaisesRegex(tensorgate.RejectedError, "use/not-pinned"):
                self.load(self.other)
        self.assertEqual(self.load(self.other), [1, 3])

    def test_a_list_lets_nothing_else_pass(self):
        evil = self.put("evil.pkl", b"cos\nsystem\n(S'true'\ntR.")
        with tensorgate.guard(pins=Pins(line(evil.read_bytes()))), self.assertRaises(tensorgate.RejectedError) as caught:
            self.load(evil)
        self.assertNotEqual(caught.exception.rule, "use/not-pinned")
        # Nor does what is allowed by its digest pass a list without it.
        allow = ["sha256:" + hashlib.sha256(evil.read_bytes()).hexdigest()]
        with tensorgate.guard(allow=allow, pins=Pins(line(GOOD))), self.assertRaises(tensorgate.RejectedError) as caught:
            self.load(evil)
        self.assertEqual(caught.exception.rule, "use/not-pinned")

    @unittest.skipUnless(package, "without the package safetensors")
    def test_safetensors(self):
        import safetensors.numpy

        with tensorgate.guard(pins=Pins(line(GOOD))):
            self.assertEqual(len(safetensors.numpy.load_file(self.path)), 2)
            with self.assertRaises(tensorgate.RejectedError):
                safetensors.numpy.load_file(self.put("c.safetensors", ODD))

    def test_in_the_environment(self):
        pins = self.put("pins", line(self.pickle.read_bytes()).encode())
        script = self.put("script.py", b"import pickle, sys\nprint(pickle.load(open(sys.argv[1], 'rb')))")
        guard = [sys.executable, "-m", "tensorgate.guard"]
        for start, environment in (([*guard, "--pins", pins, script], {}), ([*guard, script], {"TENSORGATE_GUARD_PINS": str(pins)})):
            for path, passes in ((self.pickle, True), (self.other, False)):
                result = subprocess.run([*start, path], env={**os.environ, **environment}, capture_output=True)
                self.assertEqual(result.returncode == 0, passes, result.stderr)
                self.assertEqual(b"use/not-pinned" in result.stderr, not passes)
        for bad in (self.dir / "none", self.put("bad", b"x")):
            self.assertEqual(subprocess.run([*guard, "--pins", bad, script], capture_output=True).returncode, 4)


if __name__ == "__main__":
    unittest.main()
