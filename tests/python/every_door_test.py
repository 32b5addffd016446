"""One entry point: check, opening, loading and the guard report the same verdict, first rule and format of a file."""

import glob
import io
import json
import os
import pathlib
import re
import unittest

import tensorgate
import tensorgate.numpy
from tensorgate import _advice, _loaders, _native, _policy

from support import GOOD, OVERLAP, ROOT, Guarded, plain

try:
    import torch
    import tensorgate.torch
except ImportError:
    torch = None


def corpus():
    """The newest corpus that was built; None if the package is tested without one."""
    named = os.environ.get("TENSORGATE_CORPUS_DIR")
    built = [named + "/manifest.json"] if named else glob.glob(str(ROOT / "build/*/corpus/manifest.json"))
    for manifest in sorted(built, key=os.path.getmtime)[-1:]:
        for entry in json.loads(pathlib.Path(manifest).read_text())["entries"]:
            if not entry["limits"] and "files" not in entry:
                yield pathlib.Path(manifest).parent / entry["path"]


def said(report):
    return report.verdict, report.findings[0].rule if report.findings else "", report.format


class EveryDoor(Guarded):
    def alike(self, call, scanned, what):
        """`call` succeeds, or raises what the check reported; for an accepted file, why it cannot be used."""
        try:
            return call()
        except tensorgate.RejectedError as error:
            found = said(error.report)
        if scanned[0] == "accepted":
            self.assertTrue(found[1].startswith("use/"), (what, found))
            self.assertEqual(found[2], scanned[2], what)
        else:
            self.assertEqual(found, scanned, what)
        return None

    def extracted(self, path, scanned):
        """The same, but tensors of a rejected file may be taken, and then the report is the same."""
        if scanned[0] != "rejected":
            self.alike(lambda: _native.extract_path(path), scanned, path)
            return
        try:
            checkpoint, report, _, entries = _native.extract_path(path)
        except tensorgate.OperationError as error:
            self.assertIn(error.rule, ("convert/names-changed", "convert/nothing-extracted"), path)
        except tensorgate.RejectedError as error:
            self.assertEqual(error.report.verdict, "rejected", path)
        else:
            self.assertEqual(said(report), scanned, path)
            named = {entry[0] for entry in entries if entry[1] != "left-out"}
            self.assertEqual(set(checkpoint.names()), named, path)
            self.assertTrue(named, path)

    def walk(self, path):
        data = path.read_bytes()
        scanned, nameless = said(tensorgate.check(path)), said(tensorgate.check(data))
        self.assertEqual(said(tensorgate.check(data, name=path)), scanned, path)
        self.assertEqual(said(tensorgate.check(io.BytesIO(data), name=path)), scanned, path)
        self.alike(lambda: tensorgate.safe_open(path, "np"), scanned, path)
        self.extracted(path, scanned)
        self.alike(lambda: _native.open_bytes(data), nameless, path)
        if torch:
            self.alike(lambda: _native.open_torch_path(str(path)), scanned, path)
            self.alike(lambda: _native.open_torch_bytes(data), nameless, path)
        policy = _policy.Policy([], None)

        def guarded():
            with policy.judged(data, str(path), "x.load", frozenset({scanned[2]}), False) as judgement:
                self.assertEqual(scanned[0], "accepted")
                self.assertIsNone(judgement.refusal)

        self.alike(guarded, scanned, path)

    def test_the_corpus(self):
        paths = list(corpus())
        if not paths:
            self.skipTest("no corpus was built")
        self.assertGreater(len(paths), 1000)
        for path in paths:
            if path.stat().st_size < 1 << 22:
                with self.subTest(path=path):
                    self.walk(path)

    def test_formats_and_suffixes(self):
        contents = {"good": GOOD, "overlap": OVERLAP, "pickle": plain([1]), "gguf": b"GGUF" + bytes(90),
                    "npy": b"\x93NUMPY\1\0" + bytes(90), "empty": b"", "text": b"hello\n", "json": b"{}",
                    "zip": b"PK\5\6" + bytes(18), "unknown": bytes(range(200, 256))}
        for name, content in contents.items():
            for suffix in ("", ".bin", ".safetensors", ".pt", ".pkl", ".npy", ".gguf", ".json"):
                with self.subTest(name=name, suffix=suffix):
                    self.walk(self.put(content, "x" + suffix))

    def test_of_no_use(self):
        path = self.put(plain([1]), "x.pkl")
        for call in (lambda: tensorgate.safe_open(path, "np"), lambda: tensorgate.numpy.load_file(path)):
            with self.assertRaises(tensorgate.RejectedError) as caught:
                call()
            self.assertEqual(caught.exception.rule, "use/no-tensors")
            self.assertIn("x.pkl cannot be used here: use/no-tensors: accepted, but", str(caught.exception))


class Formats(unittest.TestCase):
    """The format names that the guard uses are those in reports."""

    def test_each_name_exists(self):
        formats = tensorgate._native.formats()
        self.assertTrue(formats["safetensors"] and formats["pickle"])
        self.assertFalse(formats["gguf"] or formats["npz"] or formats["unknown"])
        sets = {name: value for name, value in vars(_policy).items() if isinstance(value, frozenset)}
        self.assertGreater(len(sets), 5)
        for name, value in sets.items():
            self.assertLessEqual(value, formats.keys(), name)
        readers = {each for each in vars(_loaders).values() if isinstance(each, _loaders.Reader)}
        self.assertTrue(readers)
        for reader in readers:
            self.assertLessEqual(reader.formats, formats.keys(), reader)
        self.assertEqual(_policy.ALLOWABLE, {"joblib", "npz", "pytorch-tar", "torchscript"})

    def test_names_in_words(self):
        formats = tensorgate._native.formats()
        for file in (_advice.__file__, tensorgate.guard.__file__):
            source = pathlib.Path(file).read_text()
            names = re.findall(r'\.format == "([^"]*)"|`"([a-z-]+)"`', source)
            self.assertGreater(len(names), 2, file)
            for name in names:
                self.assertIn("".join(name), formats)


if __name__ == "__main__":
    unittest.main()
