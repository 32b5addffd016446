"""Runs the command and creates small files for it."""

import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

COMMAND = os.environ["TENSORGATE_COMMAND"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text())
try:
    import jsonschema
    VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
except ImportError:
    VALIDATOR = None  # the system's package python3-jsonschema; check_line works without it

SANITIZED = os.environ.get("TENSORGATE_SANITIZE") == "1"


def sampled(files):
    """All of many items for which the command is run; only some of them if sanitizers make each start slow."""
    return files[::10] if SANITIZED else files


ACCEPTED, REJECTED, UNDECIDED, UNSUPPORTED, USAGE = 0, 1, 2, 3, 4


def safetensors(header, data=b"", length=None):
    """A file's bytes; header is JSON text or something to be written as JSON."""
    if not isinstance(header, bytes):
        header = json.dumps(header, separators=(",", ":")).encode()
        header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor(begin, end, dtype="U8", shape=None):
    return {"dtype": dtype, "shape": [end - begin] if shape is None else shape,
            "data_offsets": [begin, end]}


GOOD = safetensors({"__metadata__": {"format": "pt"}, "a": tensor(0, 8, "F32", [2]),
                    "b": tensor(8, 12)}, bytes(12))
OVERLAP = safetensors({"a": tensor(0, 8), "b": tensor(4, 12)}, bytes(12))
PICKLE = b"\x80\x04\x95\x18\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x01x\x85\x94R."
LFS = (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 123\n")


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name).resolve()

    def put(self, name, content=GOOD):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def run_command(self, *arguments, code=None, **options):
        options.setdefault("timeout", 60)
        result = subprocess.run([COMMAND, *map(os.fspath, arguments)], capture_output=True,
                                **options)
        if code is not None:
            self.assertEqual(result.returncode, code, (result.stdout, result.stderr))
        return result

    def peak_memory(self, *arguments):
        """Peak memory of the command in bytes if it succeeds; at least that of a bare interpreter, which starts it."""
        # A process counts what its parent held when it was started, so a parent that holds little starts it.
        script = ("import os, resource, sys; pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)\n"
                  "code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"
                  "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)")
        result = subprocess.run([sys.executable, "-I", "-S", "-c", script, COMMAND, *map(os.fspath, arguments)],
                                capture_output=True, timeout=120)
        self.assertEqual(result.returncode, ACCEPTED, (result.stdout, result.stderr))
        return int(result.stderr.split()[-1]) * 1024

    def scan(self, *arguments, code=None, **options):
        """The lines of --format jsonl, checked against the contract."""
        result = self.run_command("scan", "--format", "jsonl", *arguments, code=code, **options)
        self.assertTrue(result.stdout == b"" or result.stdout.endswith(b"\n"))
        lines = [json.loads(line) for line in result.stdout.decode().split("\n")[:-1]]
        for line in lines:
            check_line(self, line)
        return lines

    def scan_one(self, *arguments, code=None, **options):
        lines = self.scan(*arguments, code=code, **options)
        self.assertEqual(len(lines), 1)
        return lines[0]

    def rules(self, line):
        return [finding["rule"] for finding in line["findings"]]


def check_line(case, line):
    """What other programs rely on, whatever the file."""
    case.assertEqual(list(line), SCHEMA["$defs"]["file"]["required"])
    if VALIDATOR:
        VALIDATOR.validate(line)
    errors = [finding for finding in line["findings"] if finding["severity"] == "error"]
    if line["verdict"] in ("rejected", "undecided"):
        case.assertTrue(errors)
    else:
        case.assertFalse(errors)
    for finding in line["findings"]:
        case.assertIs(type(finding["offset"]), int)
        case.assertGreaterEqual(finding["offset"], 0)
        if line["size"] is not None:
            case.assertLessEqual(finding["offset"], line["size"])
    case.assertEqual(line["class"] is not None, line["verdict"] == "unsupported")
    case.assertEqual(line["path"] is None, line["path_base64"] is not None)
