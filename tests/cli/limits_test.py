"""The cost of a check by the command: its limits, its timeout, and senders that are slow, silent or endless."""

import itertools
import json
import os
import pathlib
import re
import struct
import subprocess
import threading
import time
import unittest
import zipfile

from support import ACCEPTED, COMMAND, GOOD, REJECTED, ROOT, SCHEMA, UNDECIDED, UNSUPPORTED, USAGE, Case

FIRST = struct.pack("<IHHHIIIIHH", 0x04034B50, 20, 0, 0, 0x210000, 0, 0, 0, 10, 0) + b"m/data.pkl"
DEFLATED = FIRST.replace(b"\x14\0\0\0\0\0", b"\x14\0\0\0\x08\0", 1)


class Sender:
    """`scan -` with its other end kept open; the command may refuse the data while they are sent."""

    def __init__(self, case, *arguments):
        read, self.write = os.pipe()
        self.process = subprocess.Popen([COMMAND, "scan", "--format", "jsonl", *arguments, "-"], stdin=read,
                                        stdout=subprocess.PIPE)
        os.close(read)
        case.addCleanup(self.process.stdout.close)
        case.addCleanup(self.close)

    def close(self):
        if self.write >= 0:
            os.close(self.write)
            self.write = -1

    def send(self, parts, pause=0.0):
        """The number of bytes sent before the command had read enough."""
        sent = 0
        try:
            for part in parts:
                sent += os.write(self.write, part)
                time.sleep(pause)
        except BrokenPipeError:
            pass
        return sent

    def line(self, case, code):
        out, _ = self.process.communicate(timeout=60)
        case.assertEqual(self.process.returncode, code, out)
        return json.loads(out)


class Timeout(Case):
    def rule(self, line):
        return line["findings"][0]["rule"]

    def test_a_silent_sender(self):
        for content in (b"", b"abc", GOOD[:50], GOOD, FIRST, b"\x80\x02N"):
            with self.subTest(content=content):
                sender = Sender(self, "--timeout", "0.3")
                begun = time.monotonic()
                sender.send([content] if content else [])
                line = sender.line(self, UNDECIDED)
                self.assertEqual((line["verdict"], self.rule(line)), ("undecided", "limit/time"))
                self.assertGreater(time.monotonic() - begun, 0.25)

    def test_a_byte_every_now_and_then(self):
        sender = Sender(self, "--timeout", "0.5")
        thread = threading.Thread(target=sender.send, args=([GOOD[i:i + 1] for i in range(len(GOOD))], 0.05))
        thread.start()
        self.assertEqual(self.rule(sender.line(self, UNDECIDED)), "limit/time")
        thread.join()

    def test_in_time(self):
        self.scan_one("--timeout", "60", "-", input=GOOD, code=ACCEPTED)
        path = self.put("a.safetensors")
        self.scan_one("--timeout", "1e9", path, code=ACCEPTED)
        self.assertEqual(self.rules(self.scan_one("--timeout", "1e-9", path, code=UNDECIDED)), ["limit/time"])

    def test_each_file_has_its_own(self):
        for i in range(3):
            self.put(f"{i}.safetensors")
        slow = self.put("slow.safetensors")
        os.truncate(slow, 0)
        self.assertEqual([line["verdict"] for line in self.scan("--timeout", "20", self.dir)],
                         ["accepted"] * 3 + ["rejected"])
        for line in self.scan("--timeout", "1e-9", self.dir, code=UNDECIDED)[:3]:
            self.assertEqual(self.rules(line), ["limit/time"])

    def test_long_listings(self):
        for data in (b"(" * 20_000_000, b"\x80\x02" + b"c" * 20_000_000, b"cos\nx\n" * 3_000_000):
            path = self.put("long", data)
            for what in ("--globals", "--opcodes"):
                begun = time.monotonic()
                result = self.run_command("inspect", what, "--timeout", "0.2", path)
                self.assertLess(time.monotonic() - begun, 1.5)
                self.assertEqual(result.returncode, UNDECIDED)
                self.assertIn(b"limit/time", result.stdout + result.stderr)

    def test_other_commands(self):
        path = self.put("a.safetensors")
        for command in (("inspect", path), ("inspect", path, "--globals"), ("inspect", path, "--opcodes"), ("hash", path), ("diff", path, path), ("sanitize", path, self.dir / "b"),
                        ("convert", path, self.dir / "b"), ("merge", path, path, self.dir / "b")):
            result = self.run_command(command[0], "--timeout", "1e-9", *command[1:])
            self.assertEqual(result.returncode, UNDECIDED, command)
            self.assertIn(b"limit/time", result.stdout + result.stderr)

    def test_usage(self):
        path = self.put("a.safetensors")
        for wrong in ("0", "-1", "nan", "soon", ""):
            self.run_command("scan", "--timeout", wrong, path, code=USAGE)


class Streams(Case):
    """The sender continues as long as the command reads."""

    def endless(self, start, *arguments, code):
        sender = Sender(self, *arguments)
        block = bytes(65536)
        sent = sender.send(itertools.chain([start], itertools.repeat(block, 1 << 14)))
        sender.close()
        return sender.line(self, code), sent

    def test_a_byte_after_the_data(self):
        line, sent = self.endless(GOOD, code=REJECTED)
        self.assertEqual([(f["rule"], f["offset"], f["found"]) for f in line["findings"]],
                         [("safetensors/data-trailing", len(GOOD), None)])
        self.assertLess(sent, 1 << 20)

    def test_an_archive_that_no_checkpoint_begins_like(self):
        line, sent = self.endless(DEFLATED, code=UNSUPPORTED)
        self.assertEqual((line["verdict"], line["class"], line["format"]), ("unsupported", "model", "zip"))
        self.assertLess(sent, 4 << 20)

    def test_a_pickle_that_is_refused(self):
        for start, rule in ((b"\x80\x02cos\nsystem\n", "pickle/global-outside"),
                            (b"\x80\x02N.", "pickle/trailing-bytes")):
            line, sent = self.endless(start, code=REJECTED)
            self.assertEqual(line["findings"][0]["rule"], rule)
            self.assertLess(sent, 1 << 20)

    def test_what_is_kept_has_a_limit(self):
        line, sent = self.endless(FIRST, "--limit-spool-bytes", "2Mi", code=UNDECIDED)
        self.assertEqual(self.rules(line), ["limit/spool-bytes"])
        self.assertEqual((line["findings"][0]["allowed"], line["limits"]["spool_bytes"]), (2 << 20, 2 << 20))
        self.assertLess(sent, 4 << 20)
        text = self.run_command("scan", "--limit-spool-bytes", "1", "-", input=FIRST, code=UNDECIDED).stdout
        self.assertIn(b"--limit-spool-bytes", text)

    def test_the_same_as_of_the_file(self):
        path = self.put("x.bin", DEFLATED)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("m/data.pkl", b"\x80\x02N.")
            archive.writestr("m/data/0", bytes(100_000))
        stream = self.scan_one("-", input=path.read_bytes(), code=REJECTED)
        self.assertEqual(self.rules(stream), self.rules(self.scan_one(path, code=REJECTED)))


class Everywhere(unittest.TestCase):
    """Each limit has its place in everything that names them."""

    def setUp(self):
        table = (ROOT / "lib/include/tensorgate/limits.def").read_text()
        self.limits = re.findall(r"^TENSORGATE_LIMIT\((\w+),", table, re.M)
        self.assertGreater(len(self.limits), 10)

    def test_schema(self):
        schema = SCHEMA["$defs"]["file"]["properties"]["limits"]
        self.assertEqual(schema["required"], self.limits)
        self.assertEqual(list(schema["properties"]), self.limits)

    def test_c(self):
        text = (ROOT / "lib/include/tensorgate.h").read_text()
        self.assertEqual(re.findall(r"uint64_t max_(\w+);", text.split("} tensorgate_options;")[0]), self.limits)

    def test_command(self):
        for command in ("scan", "inspect", "convert", "hash", "diff", "metadata", "sanitize", "split", "merge", "index"):
            text = subprocess.run([COMMAND, command, "--help-limits"], capture_output=True, text=True, check=True).stdout
            said = re.findall(r"--limit-([\w-]+)", text)
            self.assertEqual(said, [name.replace("_", "-") for name in self.limits], command)
            short = subprocess.run([COMMAND, command, "--help"], capture_output=True, text=True, check=True).stdout
            self.assertNotIn("--limit-", short)
            self.assertIn("--help-limits", short)
            self.assertIn("--timeout", text)


if __name__ == "__main__":
    unittest.main()
