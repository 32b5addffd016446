"""Hostile text in every output, files that appear whole, full disks, the rules' documentation."""

import base64
import json
import os
import pathlib
import re
import signal
import subprocess
import unittest

from support import (ACCEPTED, COMMAND, GOOD, OVERLAP, REJECTED, ROOT, SANITIZED, UNDECIDED, USAGE,
                     Case, check_line, safetensors, tensor)

HOSTILE = "\n\r\x1b]0;x\x07\u202e\u2066\u200b\x7f\x85\u2028\ufeff\\\"\U000e0041"
DECEPTIVE = [c for c in HOSTILE if not c.isascii() or c in "\r\x1b\x07\x7f"]


def forms():
    """The report formats of a scan, as listed by its help."""
    text = subprocess.run([COMMAND, "scan", "--help"], capture_output=True, text=True, check=True).stdout
    listed = re.search(r"Output format: (.*?)\n *--", text, re.DOTALL)
    found = [form.split(",")[0].strip() for form in listed[1].split(";")]
    assert {"text", "json", "jsonl"} <= set(found), found
    return found


class Hostile(Case):
    def assert_plain(self, text):
        for character in DECEPTIVE:
            self.assertNotIn(character, text)

    def test_names_in_text(self):
        good = safetensors({HOSTILE: tensor(0, 4), "__metadata__": {HOSTILE: HOSTILE}}, bytes(4))
        bad = safetensors({HOSTILE: tensor(0, 4), "b" + HOSTILE: tensor(2, 4)}, bytes(4))
        for name, content in (("good.safetensors", good), ("bad.safetensors", bad)):
            path = self.put(name, content)
            for command in (("scan", "-v"), ("inspect", "-v")):
                text = self.run_command(*command, path).stdout.decode()
                self.assert_plain(text)
                self.assertIn("\\u{202e}", text)
                self.assertIn("\\x1b", text)

    def test_names_in_json(self):
        good = safetensors({HOSTILE: tensor(0, 4), "__metadata__": {HOSTILE: HOSTILE}}, bytes(4))
        path = self.put("a.safetensors", good)
        line = self.scan_one(path, code=ACCEPTED)
        named = [finding for finding in line["findings"] if finding["rule"] == "safetensors/name-control"]
        self.assertEqual(named[0]["subject"], HOSTILE)
        out = self.run_command("inspect", "--format", "json", path, code=ACCEPTED).stdout.decode()
        self.assert_plain(out)
        contents = json.loads(out)["contents"]
        self.assertEqual(contents["tensors"][0]["name"], HOSTILE)
        self.assertEqual(contents["metadata"], {HOSTILE: HOSTILE})

    def test_long_names(self):
        name = "n" * 100000
        path = self.put("a.safetensors", safetensors({name: tensor(0, 4), "b": tensor(2, 6)}, bytes(6)))
        self.assertLess(len(self.run_command("scan", path).stdout), 3000)
        # A character is not cut in two.
        wide = "\u20ac" * 200
        path = self.put("b.safetensors", safetensors({"a": tensor(0, 4), wide: tensor(2, 6)}, bytes(6)))
        subject = self.scan_one(path, code=REJECTED)["findings"][0]["subject"]
        self.assertEqual(subject, "\u20ac" * 85)

    def test_paths(self):
        path = self.put(HOSTILE.replace("/", "") + ".safetensors", OVERLAP)
        for target in (path, self.dir):
            text = self.run_command("scan", target, code=REJECTED).stdout.decode()
            self.assert_plain(text)
            line = self.scan_one(target, code=REJECTED)
            self.assertEqual(line["path"], str(path))
        missing = self.run_command("scan", str(path) + HOSTILE, code=UNDECIDED)
        self.assert_plain((missing.stdout + missing.stderr).decode())
        usage = self.run_command("scan", "--x" + HOSTILE, path, code=USAGE)
        self.assert_plain(usage.stderr.decode())

    def test_each_form(self):
        bad = safetensors({HOSTILE: tensor(0, 4), "b" + HOSTILE: tensor(2, 4)}, bytes(4))
        self.put("in/" + HOSTILE.replace("/", "") + ".safetensors", bad)
        self.put("in/b.safetensors")
        for form in forms():
            with self.subTest(form):
                scan = ("scan", "--format", form, self.dir / "in")
                out = self.run_command(*scan, code=REJECTED).stdout
                self.assert_plain(out.decode())
                self.assertTrue(out.endswith(b"\n"))
                self.run_command(*scan, "--output", self.dir / "out", code=REJECTED)
                self.assertEqual((self.dir / "out").read_bytes(), out)

    def test_path_that_is_not_utf8(self):
        raw = os.fsencode(self.dir) + b"/\xff\xc0\x80bad\xed\xa0\x80"
        try:
            with open(raw, "wb") as file:
                file.write(GOOD)
        except OSError as error:
            self.skipTest(f"the file system takes no such name: {error}")
        for target in (raw, os.fsencode(self.dir)):
            line = self.scan_one(target, code=ACCEPTED)
            self.assertIsNone(line["path"])
            self.assertEqual(base64.b64decode(line["path_base64"]), raw)
            text = self.run_command("scan", target).stdout.decode()
            self.assertIn("\\xff\\xc0\\x80bad\\xed\\xa0\\x80", text)


class JsonDocument(Case):
    def test_one_document(self):
        self.put("a.safetensors")
        self.put("b.safetensors", OVERLAP)
        out = self.run_command("scan", "--format", "json", self.dir, code=REJECTED).stdout
        document = json.loads(out)
        self.assertEqual(list(document), ["schema_version", "tool_version", "rules_version", "files"])
        self.assertEqual([line["verdict"] for line in document["files"]], ["accepted", "rejected"])
        for line in document["files"]:
            check_line(self, line)
        try:
            import jsonschema
        except ImportError:
            return
        schema = json.loads((ROOT / "docs" / "report.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        document_schema = {"$ref": "#/$defs/document", "$defs": schema["$defs"]}
        jsonschema.Draft202012Validator(document_schema).validate(document)

    def test_empty(self):
        out = self.run_command("scan", "--format", "json", self.dir, code=3).stdout
        self.assertEqual(json.loads(out)["files"], [])


class Choices(Case):
    def test_numbers_are_not_names(self):
        path = self.put("a.safetensors")
        for wrong in ("xml", "0", "1", "7", "-1", "", "JSON", "json ", "text,json", HOSTILE):
            for command in (("scan", "--format"), ("scan", "--profile"), ("inspect", "--format"), ("hash", "--format"),
                            ("rules", "--format"), ("convert", path, path, "--tied")):
                with self.subTest(wrong=wrong, command=command):
                    result = self.run_command(*command, wrong, *(() if command[0] in ("rules", "convert") else (path,)), code=USAGE)
                    self.assertEqual(result.stdout, b"")
                    self.assertIn(b"is not one of", result.stderr)
                    for character in DECEPTIVE:
                        self.assertNotIn(character, result.stderr.decode())


class WriteTo(Case):
    def test_file(self):
        path = self.put("in/a.safetensors")
        out = self.dir / "report.jsonl"
        out.write_text("old")
        result = self.run_command("scan", "--format", "jsonl", "--output", out, path, code=ACCEPTED)
        self.assertEqual(result.stdout, b"")
        self.assertEqual(json.loads(out.read_text())["path"], str(path))
        self.assertEqual(sorted(os.listdir(self.dir)), ["in", "report.jsonl"])

    def test_link_is_kept(self):
        path = self.put("a.safetensors")
        real = self.put("real", b"old")
        os.symlink("real", self.dir / "link")
        self.run_command("scan", "--output", self.dir / "link", path, code=ACCEPTED)
        self.assertTrue((self.dir / "link").is_symlink())
        self.assertIn(b"accepted", real.read_bytes())

    def test_old_file_stays_until_the_end(self):
        out = self.put("report", b"old")
        read, write = os.pipe()
        process = subprocess.Popen([COMMAND, "scan", "--output", out, self.put("a.safetensors"), "-"],
                                   stdin=read)
        os.close(read)
        with self.assertRaises(subprocess.TimeoutExpired):
            process.wait(0.5)
        self.assertEqual(out.read_bytes(), b"old")
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        os.close(write)
        self.assertEqual(out.read_bytes(), b"old")
        try:
            os.close(os.open(self.dir, os.O_TMPFILE | os.O_WRONLY))
        except OSError as error:
            self.skipTest(f"the file system has no nameless files: {error}")
        self.assertEqual(sorted(os.listdir(self.dir)), ["a.safetensors", "report"])

    def test_no_such_folder(self):
        result = self.run_command("scan", "--output", self.dir / "no" / "x", self.put("a.safetensors"),
                                  code=UNDECIDED)
        self.assertIn(b"cannot write", result.stderr)

    def test_device(self):
        self.run_command("scan", "--output", "/dev/null", self.put("a.safetensors"), code=ACCEPTED)
        self.assertTrue(pathlib.Path("/dev/null").is_char_device())

    def test_full(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        path = self.put("a.safetensors")
        for command in (*(("scan", "--format", form) for form in forms()), ("inspect",)):
            with open("/dev/full", "wb") as full:
                result = subprocess.run([COMMAND, *command, path], stdout=full, stderr=subprocess.PIPE)
            self.assertEqual(result.returncode, UNDECIDED)
            self.assertIn(b"cannot write standard output: No space left", result.stderr)

    def test_reader_has_gone(self):
        read, write = os.pipe()
        os.close(read)
        result = subprocess.run([COMMAND, "scan", self.put("a.safetensors")], stdout=write,
                                stderr=subprocess.PIPE)
        os.close(write)
        self.assertEqual(result.returncode, UNDECIDED)
        self.assertIn(b"Broken pipe", result.stderr)

    def test_lines_come_as_they_are_done(self):
        process = subprocess.Popen([COMMAND, "scan", "--format", "jsonl", self.put("a.safetensors"), "-"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        # The second path waits for its input; the first one's line is there.
        self.assertEqual(json.loads(process.stdout.readline())["verdict"], "accepted")
        out, _ = process.communicate(GOOD, timeout=30)
        self.assertEqual(len(out.splitlines()), 1)


class Formats(Case):
    def test_documentation_is_current(self):
        made = self.run_command("formats", "--format", "markdown", code=0).stdout.decode()
        kept = (ROOT / "README.md").read_text()
        self.assertIn(f"<!-- made by: tensorgate formats --format markdown -->\n\n{made}\n", kept,
                      "put the output of `tensorgate formats --format markdown` into README.md")

    def test_each(self):
        table = json.loads(self.run_command("formats", "--format", "json", code=0).stdout)["formats"]
        listed = self.run_command("formats", code=0).stdout.decode().splitlines()[1:]
        self.assertEqual([line.split()[:2] for line in listed],
                         [[each["name"], "proven" if each["proven"] else "unsupported"] for each in table])
        self.assertEqual(len({each["name"] for each in table}), len(table))
        for each in table:
            with self.subTest(each["name"]):
                self.assertEqual(each["proof"] is not None, each["proven"])
                self.assertEqual(each["shards"] is None, each["shards_index"] is None)
                self.assertEqual([suffix for suffix in each["suffixes"] if suffix != suffix.lower() or suffix[0] != "."], [])


class Rules(Case):
    def test_documentation_is_current(self):
        made = self.run_command("rules", "--format", "markdown", code=0).stdout.decode()
        kept = (ROOT / "docs" / "rules.md").read_text()
        stale = [line for line in kept.splitlines() if line not in made.splitlines()]
        self.assertTrue(made == kept, f"run: tensorgate rules --format markdown --output docs/rules.md {stale}")

    def test_each(self):
        table = json.loads(self.run_command("rules", "--format", "json", code=0).stdout)
        self.assertGreater(len(table["rules"]), 50)
        listed = self.run_command("rules", code=0).stdout.decode()
        for rule in table["rules"]:
            self.assertIn(rule["id"], listed)
        rule = table["rules"][-1]
        self.assertEqual(json.loads(self.run_command("rules", rule["id"], "--format", "json").stdout), rule)
        text = self.run_command("rules", "safetensors/offsets-overlap", code=0).stdout.decode()
        for part in ("why", "specification", "CWE-", "strict", "reference"):
            self.assertIn(part, text)

    def test_rules_version(self):
        table = json.loads(self.run_command("rules", "--format", "json").stdout)
        line = self.scan_one(self.put("a.safetensors"))
        self.assertEqual(table["rules_version"], line["rules_version"])
        known = {rule["id"] for rule in table["rules"]}
        bad = self.scan_one(self.put("b.safetensors", OVERLAP))
        self.assertLessEqual(set(self.rules(bad)), known)


if __name__ == "__main__":
    unittest.main()
