"""Verdicts, exit codes, formats by content, standard input."""

import contextlib
import hashlib
import io
import os
import pickle
import struct
import subprocess
import tarfile
import unittest
import zipfile

from support import (ACCEPTED, COMMAND, GOOD, LFS, OVERLAP, PICKLE, REJECTED, UNDECIDED,
                     UNSUPPORTED, USAGE, Case, safetensors, tensor)


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in members:
            archive.writestr(name, b"x")
    return out.getvalue()


class ExitCodes(Case):
    def test_each(self):
        good, bad = self.put("a.safetensors"), self.put("b.safetensors", OVERLAP)
        model, other = self.put("c.gguf", b"GGUF" + bytes(20)), self.put("d.txt", b"hello\n")
        missing = self.dir / "missing"
        for paths, code in (([good], ACCEPTED), ([good, bad], REJECTED),
                            ([bad, missing], UNDECIDED), ([missing, bad, model], UNDECIDED),
                            ([bad, model], REJECTED), ([good, model], UNSUPPORTED),
                            ([good, other], UNSUPPORTED), ([other], UNSUPPORTED), ([bad, other], REJECTED),
                            ([other, missing], UNDECIDED), ([], USAGE)):
            with self.subTest(paths=[p.name for p in paths]):
                self.run_command("scan", *paths, code=code)
                self.run_command("scan", *reversed(paths), code=code)

    def test_nothing_was_accepted(self):
        page, error = b"<!DOCTYPE html><title>404</title>", b'{"error":"Repository not found"}'
        for content in (b"", b"\n", page, error, b"Entry not found", LFS):
            for name in ("README.md", "page", "config.json"):
                with self.subTest(content=content[:9], name=name):
                    path = self.put(name, content)
                    self.run_command("scan", path, code=UNSUPPORTED)
                    self.run_command("scan", "-q", path, "--format", "json", code=UNSUPPORTED)
                    self.run_command("scan", "-", input=content, code=UNSUPPORTED)
                    self.run_command("scan", self.put("a.safetensors"), "-", input=content, code=UNSUPPORTED)
                    # In a folder it is a companion file, unless it is a pointer to a file elsewhere.
                    alone, beside = self.put("alone/" + name, content), self.put("beside/" + name, content)
                    self.put("beside/a.safetensors")
                    self.run_command("scan", alone.parent, code=UNSUPPORTED)
                    self.run_command("scan", beside.parent, code=UNSUPPORTED if content == LFS else ACCEPTED)
                    self.run_command("scan", beside.parent, beside, code=UNSUPPORTED)
                    beside.unlink()

    def test_why_nothing_was_accepted_is_said(self):
        path = self.put("page.html", b"<html>404</html>")
        for arguments in ((path,), ("-q", path)):
            result = self.run_command("scan", *arguments, code=UNSUPPORTED)
            self.assertIn(b"this is an HTML page", result.stdout)
            self.assertIn(b"no model file found", result.stderr)
        result = self.run_command("scan", "-q", self.dir, code=UNSUPPORTED)
        self.assertEqual(result.stdout, b"")
        self.assertIn(b"no model file found", result.stderr)
        link = self.dir / "link"
        os.symlink(path, link)
        self.run_command("scan", self.put("a.safetensors"), link, code=UNSUPPORTED)

    def test_empty_folder(self):
        result = self.run_command("scan", self.dir, code=UNSUPPORTED)
        self.assertEqual(result.stdout, b"")
        self.assertIn(b"nothing to scan", result.stderr)

    def test_usage(self):
        path = self.put("a.safetensors")
        for arguments in ((), ("scan",), ("frobnicate",), ("scan", "--format", "xml", path),
                          ("scan", "--limit-tensors", "many", path), ("rules", "no/such-rule"),
                          ("scan", "--max-findings", "0", path), ("inspect",),
                          ("scan", "--profile", "lax", path), ("inspect", path, path),
                          ("scan", "--limit-file-bytes", "18446744073709551616", path)):
            with self.subTest(arguments=arguments):
                result = self.run_command(*arguments, code=USAGE)
                self.assertEqual(result.stdout, b"")
                self.assertTrue(result.stderr)

    def test_help_and_version(self):
        self.assertIn(b"0 accepted, or done", self.run_command("--help", code=0).stdout)
        for command in ("scan", "inspect", "convert", "hash", "diff", "metadata", "sanitize", "split", "merge", "index"):
            self.assertRegex(self.run_command(command, "--help", code=0).stdout, b"(?s)Exit codes:\\s+0 .*1 .*2 .*3 .*4\\s+wrong\\s+usage")
        self.assertRegex(self.run_command("--version", code=0).stdout, rb"^tensorgate \d+\.\d+\.\d+")


class Verdicts(Case):
    def test_accepted(self):
        line = self.scan_one(self.put("a.safetensors"), code=ACCEPTED)
        self.assertEqual((line["verdict"], line["tensors"], line["parameters"], line["data_bytes"]),
                         ("accepted", 2, 6, 12))
        self.assertEqual(line["size"], len(GOOD))
        self.assertIsNone(line["header_sha256"])

    def test_rejected(self):
        line = self.scan_one(self.put("a.safetensors", OVERLAP), code=REJECTED)
        finding = line["findings"][0]
        self.assertEqual(finding["rule"], "safetensors/offsets-overlap")
        self.assertEqual((finding["subject"], finding["found"], finding["allowed"]), ("b", 4, 8))
        text = self.run_command("scan", self.dir / "a.safetensors").stdout.decode()
        for part in ("rejected", "safetensors/offsets-overlap at byte", '"b"', "4", "8", "why: ", "fix: "):
            self.assertIn(part, text)

    def test_calm_when_all_is_well(self):
        self.put("a.safetensors")
        self.put("b.safetensors")
        lines = self.run_command("scan", self.dir, code=ACCEPTED).stdout.decode().splitlines()
        self.assertEqual(len(lines), 3)
        self.assertTrue(lines[0].endswith("a.safetensors  (2 tensors, 6 parameters)"))
        self.assertEqual(lines[2], "2 files: 2 accepted")

    def test_quiet(self):
        self.put("a.safetensors")
        bad = self.put("b.safetensors", OVERLAP)
        text = self.run_command("scan", "-q", self.dir, code=REJECTED).stdout.decode()
        self.assertEqual(text.splitlines()[0].split()[1], str(bad))
        self.assertNotIn("a.safetensors", text)

    def test_attention_first(self):
        """What was refused comes first, then what was accepted while it is few, then counts by verdict and rule."""
        for i in range(20):
            self.put(f"a{i:02}.safetensors")
        self.put("notes.txt", b"hello\n")
        for name in ("b.safetensors", "c.safetensors"):
            self.put(name, OVERLAP)
        text = self.run_command("scan", self.dir, code=REJECTED).stdout.decode()
        lines = text.splitlines()
        self.assertTrue(lines[0].startswith("rejected     ") and lines[0].endswith("b.safetensors  (malformed)"))
        self.assertEqual(sum(line.startswith("accepted ") for line in lines), 20)
        self.assertNotIn("notes.txt", text)
        self.assertEqual(text.count(" why: "), 1)  # of both files
        self.assertEqual(lines[-2:], ["23 files: 20 accepted, 2 rejected (2 malformed), 1 other",
                                      "    rejected            2  safetensors/offsets-overlap  (malformed)"])
        self.put("a20.safetensors")
        text = self.run_command("scan", self.dir, code=REJECTED).stdout.decode()
        self.assertEqual([line for line in text.splitlines() if line.startswith("accepted")],
                         ["accepted     21 files in folders (-v lists them)"])
        named = sorted(self.dir.glob("a*"))
        text = self.run_command("scan", *named, code=ACCEPTED).stdout.decode()
        self.assertEqual([line.split()[1] for line in text.splitlines()[:-1]], list(map(str, named)))
        text = self.run_command("scan", "-v", self.dir, code=REJECTED).stdout.decode()
        self.assertEqual(sum(line.startswith("accepted ") for line in text.splitlines()), 21)
        self.assertIn("notes.txt", text)

    def test_colors(self):
        path = self.put("a.safetensors", OVERLAP)
        plain = self.run_command("scan", path).stdout
        self.assertNotIn(b"\x1b", plain)
        colored = self.run_command("scan", "--color", "always", path).stdout
        self.assertTrue(colored.startswith(b"\x1b[1;31mrejected\x1b[0m"))
        self.assertEqual(self.run_command("scan", "--color=never", path).stdout, plain)
        for environment, expected in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False),
                                      ({"TERM": "dumb"}, False), ({}, False)):
            with self.subTest(environment=environment):
                master, slave = os.openpty()
                subprocess.run([COMMAND, "scan", path], stdout=slave, env=environment, check=False, timeout=60)
                os.close(slave)
                written = b""
                with contextlib.suppress(OSError):  # how a terminal ends
                    while part := os.read(master, 4096):
                        written += part
                os.close(master)
                self.assertEqual(b"\x1b[" in written, expected)

    def test_digest(self):
        path = self.put("a.safetensors")
        end = 8 + int.from_bytes(GOOD[:8], "little")
        digest = hashlib.sha256(GOOD[:end]).hexdigest()
        for name in (path, self.put("a.dat")):
            self.assertEqual(self.scan_one("--digest", name)["header_sha256"], digest)
        self.assertEqual(self.scan_one("--digest", "-", input=GOOD)["header_sha256"], digest)
        bad = self.put("bad.safetensors", OVERLAP)
        end = 8 + int.from_bytes(OVERLAP[:8], "little")
        self.assertEqual(self.scan_one("--digest", bad)["header_sha256"],
                         hashlib.sha256(OVERLAP[:end]).hexdigest())
        short = self.put("short.safetensors", GOOD[:20])
        self.assertIsNone(self.scan_one("--digest", short)["header_sha256"])

    def test_limits(self):
        path = self.put("a.safetensors")
        size, header = len(GOOD), int.from_bytes(GOOD[:8], "little")
        for option, limit in (("file-bytes", size), ("header-bytes", header), ("tensors", 2),
                              ("metadata-entries", 1), ("rank", 1), ("name-bytes", 6)):
            with self.subTest(option=option):
                at = self.scan_one(path, f"--limit-{option}", str(limit), code=ACCEPTED)
                self.assertEqual(at["limits"][option.replace("-", "_")], limit)
                past = self.scan_one(path, f"--limit-{option}", str(limit - 1), code=UNDECIDED)
                self.assertIn("limit/" + option, self.rules(past))

    def test_limit_units(self):
        path = self.put("a.safetensors")
        for text, value in (("2k", 2000), ("2K", 2000), ("1Ki", 1024), ("3M", 3000000), ("1Gi", 2**30)):
            line = self.scan_one(path, "--limit-file-bytes", text)
            self.assertEqual(line["limits"]["file_bytes"], value)

    def test_max_findings(self):
        header = {f"t{i}": tensor(0, 4) for i in range(30)}
        path = self.put("a.safetensors", safetensors(header, bytes(4)))
        line = self.scan_one("--max-findings", "3", path, code=REJECTED)
        self.assertEqual(len(line["findings"]), 3)
        self.assertGreater(line["dropped_findings"], 0)

    def test_reference_profile(self):
        path = self.put("a.safetensors", safetensors(b' {"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'))
        self.assertEqual(self.scan_one(path)["verdict"], "rejected")
        line = self.scan_one("--profile", "reference", path, code=ACCEPTED)
        self.assertEqual(line["profile"], "reference")
        bad = self.put("b.safetensors", OVERLAP)
        line = self.scan_one("--profile", "reference", bad, code=REJECTED)
        self.assertEqual(line["reference_error"], "InvalidOffset")


class Content(Case):
    def kind(self, name, content):
        line = self.scan_one(self.put(name, content))
        return line["verdict"], line["format"], line["class"]

    def test_other_formats(self):
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("sys_info"))
        onnx = b"\x08\x08\x12\x07pytorch\x1a\x031.0\x3a\x7f"
        saved = b"\x08\x01\x12\x80\x80\x10\x0a\x20" + bytes(60)
        cases = (("joblib", b"\x80\x03cjoblib.numpy_pickle\nNumpyArrayWrapper\n."),
                 ("torchscript", zipped(["m/data/0", "m/data.pkl", "m/constants.pkl"])),
                 ("npz", zipped(["a.npy", "b.npy"])), ("zip", zipped(["x.txt"])),
                 ("torch-mar", zipped(["MAR-INF/MANIFEST.json"])),
                 ("keras-zip", zipped(["metadata.json", "config.json", "model.weights.h5"])),
                 ("pytorch-export", zipped(["m/archive_format", "m/data.pkl"])),
                 ("zip", b"some text in front" + zipped(["x.txt"])), ("zip", b"PK\5\6" + bytes(18)),
                 ("pytorch-tar", tar.getvalue()), ("gguf", b"GGUF\3\0\0\0" + bytes(16)),
                 ("hdf5", b"\x89HDF\r\n\x1a\n" + bytes(90)),
                 ("keras-hdf5", bytes(512) + b"\x89HDF\r\n\x1a\n" + bytes(90) + b"layer_names"),
                 ("tflite", b"\x1c\0\0\0TFL3" + bytes(90)),
                 ("onnx", onnx), ("tensorflow-savedmodel", saved), ("7z", b"7z\xbc\xaf\x27\x1c\0\4"),
                 ("gzip", b"\x1f\x8b\x08\0" + bytes(20)), ("zlib", b"x\x9c\xed\xc1\x01"),
                 ("unknown", bytes(range(200, 256)) * 3), ("executable", b"\x7fELF\2\1\1" + bytes(50)))
        for index, (name, content) in enumerate(cases):
            with self.subTest(format=name, index=index):
                self.assertEqual(self.kind(f"file{index}", content), ("unsupported", name, "model"))
                self.run_command("scan", self.dir / f"file{index}", code=UNSUPPORTED)

    def test_pickles_are_judged(self):
        magic = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
        cases = (("pickle", PICKLE, "rejected"), ("pickle", pickle.dumps({"a": [1]}, protocol=2), "accepted"),
                 ("pickle", b"cposix\nsystem\n(S'x'\ntR.", "rejected"), ("pytorch-legacy", magic, "rejected"),
                 ("pytorch-zip", zipped(["archive/data.pkl", "archive/data/0"]), "rejected"))
        for index, (name, content, verdict) in enumerate(cases):
            for suffix in ("pt", "bin", "pkl", "zip"):
                with self.subTest(format=name, index=index, suffix=suffix):
                    self.assertEqual(self.kind(f"file{index}.{suffix}", content), (verdict, name, None))
                    line = self.scan_one("-", input=content)
                    self.assertEqual((line["verdict"], line["format"]), (verdict, name))

    def test_a_wrong_suffix_is_reported(self):
        content = pickle.dumps({"a": [1]}, protocol=2)
        for suffix, told in (("pkl", []), ("bin", []), ("gguf", ["scan/suffix"]), ("TXT", ["scan/suffix"])):
            line = self.scan_one(self.put("file." + suffix, content), code=ACCEPTED)
            self.assertEqual(self.rules(line), told)

    def test_class_other(self):
        cases = (("text", b"Once upon a time. The end.\n"), ("json", b'{"weight_map":{}}'),
                 ("html", b"<!DOCTYPE HTML>\n<html>"), ("xml", b"<?xml version='1.0'?>"),
                 ("picture", b"\x89PNG\r\n\x1a\n" + bytes(40)), ("pdf", b"%PDF-1.4\n\xff\xfe"),
                 ("empty", b""))
        for index, (name, content) in enumerate(cases):
            with self.subTest(format=name):
                self.assertEqual(self.kind(f"file{index}.md", content), ("unsupported", name, "other"))
                # With a model's suffix it must not be ignored.
                document = name in ("picture", "pdf")
                self.assertEqual(self.kind(f"file{index}.bin", content),
                                 ("unsupported", name, "model") if document else ("rejected", name, None))

    def test_not_fetched(self):
        for name in ("x.md", "x.bin", "x", "x.safetensors"):
            self.assertEqual(self.kind(name, LFS), ("unsupported", "git-lfs-pointer", "not-fetched"))
        # An archive at its end counts nevertheless.
        self.assertEqual(self.kind("y", LFS + zipped(["m/data.pkl"]))[:2], ("rejected", "pytorch-zip"))

    def test_text_then_archive_is_not_text(self):
        picture = b"\x89PNG\r\n\x1a\n" + bytes(40)
        for name, content in (("a.txt", b"plain words\n"), ("b.png", picture)):
            self.assertEqual(self.kind(name, content + zipped(["m/data.pkl"]))[:2], ("rejected", "pytorch-zip"))

    def test_safetensors_under_any_name(self):
        for name in ("model", "model.bin", "model.txt", "model.pkl", "MODEL.SAFETENSORS"):
            self.assertEqual(self.scan_one(self.put(name))["verdict"], "accepted")
        self.assertEqual(self.scan_one(self.put("bad.bin", OVERLAP), code=REJECTED)["format"],
                         "safetensors")
        self.assertEqual(self.scan_one(self.put("cut.bin", GOOD[:40]), code=REJECTED)["format"],
                         "safetensors")

    def test_length_bytes_of_another_format(self):
        # A header length whose bytes start a pickle, and one that starts zlib data.
        for length in (0x0280, 0x9C78):
            header = b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
            content = safetensors(header.ljust(length))
            self.assertEqual(self.scan_one(self.put("m.dat", content), code=ACCEPTED)["verdict"], "accepted")

    def test_named_safetensors(self):
        for content, rule in ((b"\x01\2\xff", "file-too-small"), (PICKLE, "foreign-format"),
                              (zipped(["m/data.pkl"]), "foreign-format")):
            with self.subTest(content=content[:20]):
                line = self.scan_one(self.put("a.safetensors", content), code=REJECTED)
                self.assertEqual(line["format"], "safetensors")
                self.assertEqual(self.rules(line)[0], "safetensors/" + rule)


class Mistaken(Case):
    """A wrong file in a model's place: the library's test has every suffix and entry point."""

    CASES = ((b"", "rejected", "scan/empty-file"), (b"<!DOCTYPE html>\n<html>", "rejected", "scan/web-page"),
             (b'{"error":"gone"}', "rejected", "scan/error-text"), (b"Entry not found", "rejected", "scan/error-text"),
             (bytes(9000), "rejected", "scan/zeros"), (LFS, "unsupported", "scan/pointer"))

    def said(self, line):
        return (line["verdict"], line["class"], line["impact"], line["findings"][0]["rule"], line["findings"][0]["message"])

    def test_each_suffix(self):
        for content, verdict, rule in self.CASES:
            said = set()
            for suffix in ("safetensors", "pt", "pkl", "gguf", "onnx", "npy", "h5", "keras"):
                name = "x." + suffix
                path = self.put("d/" + name, content)
                code = REJECTED if verdict == "rejected" else UNSUPPORTED
                said.add(self.said(self.scan_one(path, code=code)))
                said.add(self.said(self.scan_one(path.parent, code=code)))
                said.add(self.said(self.scan_one("--name", name, "-", input=content, code=code)))
                text = self.run_command("scan", path, code=code).stdout.decode()
                self.assertIn(rule, text)
                self.assertIn(" fix: ", text)
                self.run_command("convert", path, self.dir / "out.safetensors", code=code)
                path.unlink()
            self.assertEqual(len(said), 1, said)
            found = said.pop()
            self.assertEqual(found[:4], (verdict, *((None, "not-the-model") if verdict == "rejected" else ("not-fetched", None)), rule))

    def test_dangling_links_and_unfinished_downloads(self):
        link = self.dir / "m.safetensors"
        link.symlink_to("nowhere")
        for what in (link, self.dir):
            line = self.scan_one(what, code=UNSUPPORTED)
            self.assertEqual(self.said(line)[:4], ("unsupported", "not-fetched", None, "io/link-dangling"))
        self.assertIn(b"leads to a file that does not exist", self.run_command("scan", self.dir, code=UNSUPPORTED).stdout)
        self.run_command("convert", link, self.dir / "out.safetensors", code=UNSUPPORTED)
        link.unlink()
        for name in ("m.safetensors.incomplete", "m.pt.part", "m.gguf.crdownload", "0a.incomplete"):
            line = self.scan_one(self.put(name, GOOD[:-1]), code=UNSUPPORTED)
            self.assertEqual(self.said(line)[1:4], ("not-fetched", None, "scan/unfinished-download"))
            self.scan_one(self.put(name, GOOD), code=ACCEPTED)

    def test_impact(self):
        for content, impact in ((PICKLE, "runs-code"), (OVERLAP, "malformed"), (GOOD[:-1], "damaged")):
            self.assertEqual(self.scan_one(self.put("x.pt", content), code=REJECTED)["impact"], impact)
        self.assertIsNone(self.scan_one(self.put("x.pt", GOOD), code=ACCEPTED)["impact"])


class StandardInput(Case):
    def test_whole(self):
        line = self.scan_one("-", input=GOOD, code=ACCEPTED)
        self.assertEqual((line["path"], line["size"], line["tensors"]), ("-", len(GOOD), 2))
        self.assertEqual(self.scan_one("-", input=OVERLAP, code=REJECTED)["findings"][0]["rule"],
                         "safetensors/offsets-overlap")
        self.scan_one("-", input=GOOD[:-1], code=REJECTED)
        self.scan_one("-", input=GOOD + b"x", code=REJECTED)
        self.assertEqual(self.scan_one("-", input=PICKLE, code=REJECTED)["format"], "pickle")
        self.assertEqual(self.scan_one("-", input=b"hello\n", code=UNSUPPORTED)["class"], "other")
        self.assertEqual(self.scan_one("-", input=b"", code=UNSUPPORTED)["format"], "empty")

    def test_named(self):
        for name in ("m.safetensors", "M.SafeTensors", "d/m.safetensors"):
            for content, rule in ((b"\xff" * 7, "file-too-small"), (PICKLE, "foreign-format"),
                                  (zipped(["m/data.pkl"]), "foreign-format"),
                                  (b"\n" + bytes(9000), None), (OVERLAP, "offsets-overlap")):
                with self.subTest(name=name, content=content[:20]):
                    line = self.scan_one("--name", name, "-", input=content, code=REJECTED)
                    self.assertEqual((line["path"], line["format"]), (name, "safetensors"))
                    if rule:
                        self.assertEqual(self.rules(line)[0], "safetensors/" + rule)
                    file = self.scan_one(self.put(name, content), code=REJECTED)
                    self.assertEqual(self.rules(file), self.rules(line))
        line = self.scan_one("--name", "m.safetensors", "-", input=GOOD, code=ACCEPTED)
        self.assertEqual((line["path"], line["tensors"], self.rules(line)), ("m.safetensors", 2, []))
        self.assertIn(b"accepted     m.safetensors", self.run_command("scan", "--name", "m.safetensors", "-", input=GOOD).stdout)

    def test_named_as_something_else(self):
        # The same as for a file with that name: class, format, and the warning about a wrong suffix.
        for name in ("x.pt", "x.gguf", "x.txt", "x.md", "x", "x.bin"):
            for content in (b"", b"hello\n", LFS, PICKLE, pickle.dumps({"a": [1]}, 2), GOOD, OVERLAP, GOOD[:40],
                            zipped(["m/data.pkl"]), b"GGUF" + bytes(8000), bytes(range(200, 256)) * 200):
                with self.subTest(name=name, content=content[:20]):
                    line = self.scan_one("--name", name, "-", input=content)
                    file = self.scan_one(self.put(name, content))
                    for key in ("verdict", "format", "class"):
                        self.assertEqual(line[key], file[key])
                    self.assertEqual(self.rules(line), self.rules(file))

    def test_a_name_is_for_standard_input(self):
        path = self.put("a.safetensors")
        for arguments in (("--name", "x.pt", path), ("--name", "", "-"), ("--name", "x.pt")):
            self.run_command("scan", *arguments, input=GOOD, code=USAGE)
        lines = self.scan(path, "--name", "b\n.pt", "-", input=GOOD, code=ACCEPTED)
        self.assertEqual([line["path"] for line in lines], [str(path), "b\n.pt"])

    def test_agrees_with_files(self):
        path = self.put("x.dat")
        line, stream = self.scan_one(path), self.scan_one("-", input=GOOD)
        for key in ("verdict", "findings", "size", "tensors", "header_bytes"):
            self.assertEqual(line[key], stream[key])

    def test_early_refusal(self):
        # The writer never ends the stream: only an early verdict is possible.
        for content in (OVERLAP[:-12], safetensors(b'{"a":1}'), b"GGUF" + bytes(8000)):
            with self.subTest(content=content[:12]):
                read, write = os.pipe()
                process = subprocess.Popen([COMMAND, "scan", "-"], stdin=read, stdout=subprocess.PIPE)
                os.close(read)
                os.write(write, content)
                try:
                    out, _ = process.communicate(timeout=30)
                finally:
                    os.close(write)
                self.assertNotEqual(process.returncode, ACCEPTED)
                self.assertTrue(out)

    def test_not_accepted_before_the_end(self):
        read, write = os.pipe()
        process = subprocess.Popen([COMMAND, "scan", "-"], stdin=read, stdout=subprocess.PIPE)
        os.close(read)
        os.write(write, GOOD)
        with self.assertRaises(subprocess.TimeoutExpired):
            process.communicate(timeout=0.5)
        os.close(write)
        out, _ = process.communicate(timeout=30)
        self.assertEqual(process.returncode, ACCEPTED)

    def test_closed(self):
        line = self.scan_one("-", preexec_fn=lambda: os.close(0), code=UNDECIDED)
        self.assertEqual(self.rules(line), ["io/read-failed"])


class Full(Case):
    def archive(self):
        """A checkpoint of one tensor, with one byte changed after it was written."""
        data = (b"\x80\x02}X\1\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\n"
                b"X\1\0\0\0" b"0X\3\0\0\0cpuK\4tQK\0K\4\x85K\1\x85\x89ccollections\nOrderedDict\n)RtRs.")
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, content in (("data.pkl", data), ("data/0", b"weights of float"), ("version", b"3\n")):
                archive.writestr(zipfile.ZipInfo("archive/" + name), content)
        return out.getvalue().replace(b"weights", b"Weights")

    def test_data_are_read_if_asked(self):
        path = self.put("model.pt", self.archive())
        line = self.scan_one(path, code=ACCEPTED)
        self.assertEqual(line["scope"], "structure")
        line = self.scan_one("--full", path, code=REJECTED)
        self.assertEqual((line["scope"], self.rules(line)), ("full", ["zip/crc-mismatch"]))

    def test_from_standard_input(self):
        line = self.scan_one("--full", "-", input=self.archive(), code=REJECTED)
        self.assertEqual((line["scope"], self.rules(line)), ("full", ["zip/crc-mismatch"]))


class Trust(Case):
    def test_a_list_lets_its_calls_pass(self):
        path = self.put("x.pkl", b"\x80\2cargparse\nNamespace\n)\x81}b.")
        trusted = self.put("trusted", b"# ours\nargparse.Namespace newobj() build(dict)\n")
        self.assertEqual(self.rules(self.scan_one(path, code=REJECTED)), ["pickle/global-outside"])
        line = self.scan_one("--trust", trusted, path, code=ACCEPTED)
        self.assertEqual(self.rules(line), ["use/trusted-call"])

    def test_a_list_that_is_none(self):
        path = self.put("x.pkl", b"\x80\2N.")
        for content in (b"argparse.Namespace", b"\0" * 1_000_001):
            self.run_command("scan", "--trust", self.put("trusted", content), path, code=USAGE)
        self.run_command("scan", "--trust", self.dir / "none", path, code=USAGE)


class Sparse(Case):
    def test_hundred_gigabytes(self):
        header = {"a": tensor(0, 100 * 10**9)}
        path = self.put("big.safetensors", safetensors(header))
        try:
            os.truncate(path, path.stat().st_size + 100 * 10**9)
        except OSError as error:
            self.skipTest(f"the file system takes no such file: {error}")
        other = self.dir / "big.dat"
        os.link(path, other)
        for name in (path, other):
            line = self.scan_one(name, code=ACCEPTED, timeout=5)
            self.assertEqual(line["data_bytes"], 100 * 10**9)
            self.assertLess(line["bytes_read"], 81920)
            # Length, header, and what other readers look at: the first bytes of file and data, the last, each power of
            # two.
            self.assertLessEqual(self.read_calls(name), 5 + 26)

    def read_calls(self, path):
        log = self.dir / "calls"
        try:
            done = subprocess.run(["strace", "-f", "-o", log, "-e", "trace=pread64", COMMAND, "scan", path],
                                  capture_output=True, timeout=30)
        except FileNotFoundError:
            self.skipTest("strace is not installed")
        if done.returncode != 0:
            self.skipTest("strace may not trace here")
        # The dynamic loader reads libc first; reads of the file have an offset.
        calls = log.read_text().splitlines()
        opened = [call for call in calls if "ELF" not in call and "\\6\\0\\0\\0" not in call]
        return sum("pread64" in call for call in opened)


if __name__ == "__main__":
    unittest.main()
