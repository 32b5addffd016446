"""A wrong file in a model's place: each way in raises or reports the same, with what to do. Reports as values."""

import copy
import io
import json
import os
import pickle
import unittest

import tensorgate
import tensorgate.numpy
from tensorgate import _native, _policy

from support import GOOD, OVERLAP, Guarded

try:
    import torch
    import tensorgate.torch
except ImportError:
    torch = None

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 123\n"
EVIL = b"\x80\x02cposix\nsystem\nX\x02\0\0\0id\x85R."
CASES = (
    (b"", "rejected", None, "not-the-model", "scan/empty-file", "the file is empty"),
    (b"<!DOCTYPE html>\n<html></html>", "rejected", None, "not-the-model", "scan/web-page", "this is a web page (HTML), not a model"),
    (b'{"error":"gone"}', "rejected", None, "not-the-model", "scan/error-text", 'this is text, not a model: {"error":"gone"}'),
    (b"Entry not found", "rejected", None, "not-the-model", "scan/error-text", "this is text, not a model: Entry not found"),
    (bytes(5000), "rejected", None, "not-the-model", "scan/zeros", "the first 4096 bytes are all zero, so this is not a model"),
    (LFS, "unsupported", "not-fetched", None, "scan/pointer", "this is a Git LFS pointer in place of the file"),
)
SUFFIXES = ("safetensors", "pt", "pth", "ckpt", "pkl", "joblib", "npy", "npz", "gguf", "onnx", "h5", "keras")


class Mistaken(Guarded):
    def expect(self, call, expected):
        with self.assertRaises(tensorgate.RejectedError) as caught:
            call()
        error = caught.exception
        report = error.report
        self.assertEqual((report.verdict, report.file_class, report.impact, report.reason.rule, report.reason.message), expected)
        self.assertEqual(error.rule, report.reason.rule)
        self.assertIn(f"{error.rule}: {report.reason.message}", str(error))
        self.assertTrue(str(error).endswith(report.reason.fix), str(error))
        self.assertNotIn("at byte", str(error))

    def test_each_suffix_and_way_in(self):
        policy = _policy.Policy([], None)
        for content, *expected in CASES:
            expected = tuple(expected)
            for suffix in SUFFIXES:
                path = self.path("x." + suffix, content)
                for report in (tensorgate.check(path), tensorgate.check(content, name=path), tensorgate.check(io.BytesIO(content), name=path)):
                    found = (report.verdict, report.file_class, report.impact, report.reason.rule, report.reason.message)
                    self.assertEqual(found, expected, path)
                self.expect(tensorgate.check(path).raise_unless_accepted, expected)
                self.expect(lambda: tensorgate.safe_open(path, "np"), expected)
                self.expect(lambda: tensorgate.numpy.load_file(path), expected)
                if torch:
                    self.expect(lambda: tensorgate.torch.load_file(path), expected)
                    self.expect(lambda: tensorgate.torch.load(path), expected)

                def guarded():
                    with policy.judged(content, str(path), "x.load", frozenset({"safetensors"}), False):
                        self.fail("it passed")

                self.expect(guarded, expected)

    def path(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def test_unfinished(self):
        path = self.path("x.safetensors.incomplete", GOOD[:-1])
        report = tensorgate.check(path)
        self.assertEqual((report.verdict, report.file_class), ("unsupported", "not-fetched"))
        with self.assertRaisesRegex(tensorgate.RejectedError, "marks an unfinished download. Let the download finish"):
            tensorgate.safe_open(path, "np")
        self.assertTrue(tensorgate.check(self.path("x.safetensors.part", GOOD)))

    def test_dangling_link(self):
        path = os.path.join(self.folder, "x.safetensors")
        os.symlink("nowhere", path)
        report = tensorgate.check(path)
        self.assertEqual((report.verdict, report.file_class, report.reason.rule), ("unsupported", "not-fetched", "io/link-dangling"))
        for call in (lambda: tensorgate.safe_open(path, "np"), lambda: tensorgate.numpy.load_file(path),
                     report.raise_unless_accepted):
            # As from open(): programs expect this of a file that is not there.
            with self.assertRaisesRegex(FileNotFoundError, "leads to a file that does not exist. Delete the link"):
                call()

    def test_impact(self):
        for content, impact in ((EVIL, "runs-code"), (OVERLAP, "malformed"), (GOOD[:-1], "damaged"), (b"", None), (GOOD, None)):
            self.assertEqual(tensorgate.check(content).impact, impact)
        self.assertEqual(tensorgate.check(EVIL, name="x.safetensors").reason.rule, "safetensors/foreign-format")


class Values(Guarded):
    def reports(self):
        for content in (GOOD, OVERLAP, EVIL, b"", LFS, b"GGUF", GOOD[:-1], b"\x80\x04N."):
            for name in ("x.safetensors", "x.pt", None, os.fsdecode(b"\xff.pt")):
                for profile in ("strict", "reference"):
                    yield tensorgate.check(content, name=name, profile=profile, limits={"rank": 7})
        yield tensorgate.check(OVERLAP, max_findings=1)
        yield tensorgate.check(GOOD, limits={"file_bytes": 3})
        yield tensorgate.check(os.path.join(self.folder, "missing"))
        path = os.path.join(self.folder, "model.safetensors.index.json")
        with open(path, "w") as file:
            json.dump({"metadata": {}, "weight_map": {"a": "a.safetensors", "b": "../b.safetensors"}}, file)
        yield tensorgate.check(path)

    def test_dicts(self):
        for report in self.reports():
            self.assertEqual(report.to_dict(), json.loads(report.json()))
            for finding, stated in zip(report.findings, report.to_dict()["findings"], strict=True):
                self.assertEqual((finding.rule, finding.severity, finding.offset, finding.message),
                                 (stated["rule"], stated["severity"], stated["offset"], stated["message"]))
                for key in ("subject", "found", "allowed"):
                    self.assertEqual(getattr(finding, key), stated[key], (finding, key))

    def test_copies_are_equal(self):
        seen = []
        for report in self.reports():
            for made in (pickle.loads(pickle.dumps(report)), copy.copy(report), copy.deepcopy(report)):
                self.assertEqual(made, report)
                self.assertEqual(hash(made), hash(report))
                self.assertEqual((made.json(), made.text(True), made.name), (report.json(), report.text(True), report.name))
                self.assertEqual((made.facts, made.shards, made.impact, made.reason), (report.facts, report.shards, report.impact, report.reason))
            for finding in report.findings:
                self.assertEqual(pickle.loads(pickle.dumps(finding)), finding)
                self.assertEqual(hash(copy.copy(finding)), hash(finding))
            self.assertNotEqual(report, report.json())
            seen.append(report)
        self.assertGreater(len(set(seen)), len(seen) * 3 // 4)
        self.assertNotEqual(tensorgate.check(GOOD), tensorgate.check(OVERLAP))

    def test_errors_keep_their_report(self):
        with self.assertRaises(tensorgate.RejectedError) as caught:
            tensorgate.check(OVERLAP, name="x.safetensors").raise_unless_accepted()
        made = pickle.loads(pickle.dumps(caught.exception))
        self.assertIs(type(made), tensorgate.RejectedError)
        self.assertEqual((made.report, str(made), made.rule), (caught.exception.report, str(caught.exception), caught.exception.rule))

    def test_other_states_are_refused(self):
        make, (state,) = tensorgate.check(OVERLAP).__reduce__()
        self.assertEqual(make.__module__, "tensorgate._reports")
        self.assertEqual(make(state), tensorgate.check(OVERLAP))
        for index, value in ((1, b"none"), (2, b"none"), (3, b"none"), (5, b"accepted"), (6, b"none"), (7, b"none"), (12, b"none")):
            with self.assertRaisesRegex(ValueError, "from another version"):
                make((*state[:index], value, *state[index + 1:]))
        with self.assertRaises(ValueError):
            make(state[:-1])
        for index in range(len(state)):
            with self.assertRaises((TypeError, ValueError)):
                make((*state[:index], object(), *state[index + 1:]))
        with self.assertRaises(ValueError):
            _native._finding(state, 99)


if __name__ == "__main__":
    unittest.main()
