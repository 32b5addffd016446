"""What inspect shows, and what it refuses."""

import fcntl
import json
import os
import pathlib
import pty
import struct
import subprocess
import termios
import unittest

from support import (ACCEPTED, COMMAND, GOOD, OVERLAP, PICKLE, REJECTED, UNDECIDED, UNSUPPORTED, Case,
                     check_line, safetensors, tensor)

CORPUS = pathlib.Path(os.environ.get("TENSORGATE_CORPUS_DIR", ""))


class Inspect(Case):
    def test_text(self):
        text = self.run_command("inspect", self.put("a.safetensors"), code=ACCEPTED).stdout.decode()
        for part in ("F32", "[2]", "U8", "[4]", "totals", "format: pt"):
            self.assertIn(part, text)
        rows = [line.split() for line in text.splitlines()]
        begin = 8 + int.from_bytes(GOOD[:8], "little")
        self.assertIn(["a", "F32", "[2]", "8", f"{begin}-{begin + 8}"], rows)

    def test_json(self):
        out = self.run_command("inspect", "--format", "json", "--digest", self.put("a.safetensors"), code=ACCEPTED).stdout
        document = json.loads(out)
        check_line(self, document["report"])
        self.assertIsNotNone(document["report"]["header_sha256"])
        contents = document["contents"]
        begin = 8 + int.from_bytes(GOOD[:8], "little")
        self.assertEqual(contents["data_offset"], begin)
        self.assertEqual(contents["tensors"][0], {"name": "a", "dtype": "F32", "shape": [2], "elements": 2,
                                                  "offset": begin, "bytes": 8})
        self.assertEqual(contents["totals"]["U8"], {"tensors": 1, "elements": 4, "bytes": 4})
        self.assertEqual(contents["metadata"], {"format": "pt"})

    def test_empty(self):
        path = self.put("a.safetensors", safetensors(b"{}"))
        self.assertIn("0 tensors", self.run_command("inspect", path, code=ACCEPTED).stdout.decode())
        out = self.run_command("inspect", "--format", "json", path, code=ACCEPTED).stdout
        self.assertEqual(json.loads(out)["contents"]["tensors"], [])

    def test_refused(self):
        for name, content, code, word in (("a.safetensors", OVERLAP, REJECTED, "offsets-overlap"),
                                          ("a.pkl", PICKLE, REJECTED, "pickle"),
                                          ("a.gguf", b"GGUF" + bytes(20), UNSUPPORTED, "gguf"),
                                          ("b.safetensors", PICKLE, REJECTED, "foreign-format")):
            path = self.put(name, content)
            self.assertIn(word, self.run_command("inspect", path, code=code).stdout.decode())
            out = json.loads(self.run_command("inspect", "--format", "json", path, code=code).stdout)
            self.assertIsNone(out["contents"])
            check_line(self, out["report"])
        self.run_command("inspect", self.dir / "none", code=UNDECIDED)
        out = self.run_command("inspect", self.dir, code=REJECTED).stdout
        self.assertIn(b"checkpoint/index-missing", out)

    def test_torch(self):
        for name, layout in (("zip-plain", "pytorch-zip"), ("legacy-plain", "pytorch-legacy"),
                             ("name-numbers", "pytorch-zip")):
            path = CORPUS / "torch" / "accept" / (name + ".pt")
            out = json.loads(self.run_command("inspect", "--format", "json", path, code=ACCEPTED).stdout)
            check_line(self, out["report"])
            self.assertEqual(out["report"]["format"], layout)
            tensors = out["contents"]["tensors"]
            shown = self.run_command("inspect", path, code=ACCEPTED).stdout.decode()
            for tensor in tensors:
                self.assertIn(f"{tensor['name']}  ", shown)
                self.assertEqual(path.read_bytes()[tensor["offset"]:tensor["offset"] + tensor["bytes"]],
                                 bytes(tensor["bytes"]))
            if name == "name-numbers":
                self.assertEqual([t["name"] for t in tensors], ["7", "l.0", "l.1"])
                self.assertEqual(out["contents"]["values"],
                                 {"7": {"tensor": "7"}, "l": [{"tensor": "l.0"}, {"tensor": "l.1"}]})
            else:
                self.assertEqual(tensors, [{"name": "w", "dtype": "F32", "pytorch_dtype": "float32", "shape": [2, 2], "stride": [2, 1],
                                            "elements": 4, "offset": tensors[0]["offset"], "bytes": 16, "storage": 0,
                                            "location": "cpu", "requires_grad": False, "parameter": False}])
                self.assertEqual(out["contents"]["totals"], {"F32": {"tensors": 1, "elements": 4, "bytes": 16}})
                self.assertEqual(out["contents"]["metadata"], {})

    def test_fits_the_terminal(self):
        names = {"model.layers.0." + "x" * 150: tensor(0, 4), "\u6f22\u5b57" * 40: tensor(4, 8)}
        path = self.put("a.safetensors", safetensors(names, bytes(8)))
        for columns in (60, 80, 120):
            master, slave = pty.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
            process = subprocess.Popen([COMMAND, "inspect", path], stdout=slave)
            os.close(slave)
            out = b""
            while True:
                try:
                    part = os.read(master, 65536)
                except OSError:
                    break
                if not part:
                    break
                out += part
            os.close(master)
            self.assertEqual(process.wait(30), ACCEPTED)
            table = [line.rstrip() for line in out.decode().splitlines() if "  [4]" in line]
            self.assertEqual(len(table), 2)
            for line in table:
                width = sum(2 if ord(c) > 0x2E80 else 1 for c in line)
                self.assertLessEqual(width, columns)
                self.assertIn("...", line)

    def test_without_a_terminal_nothing_is_cut(self):
        name = "x" * 5000
        path = self.put("a.safetensors", safetensors({name: tensor(0, 4)}, bytes(4)))
        self.assertIn(name, self.run_command("inspect", path, code=ACCEPTED).stdout.decode())


if __name__ == "__main__":
    unittest.main()
