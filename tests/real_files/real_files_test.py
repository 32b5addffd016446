#!/usr/bin/env python3
"""Scans published model files: safetensors files and PyTorch checkpoints are judged as their formats' own
loaders would, and every other model is named unsupported.

    real_files_test.py TENSORGATE FOLDER

FOLDER keeps downloaded files. Only the package registries are used.
"""
import json
from pathlib import Path, PurePosixPath
import re
import subprocess
import sys
import tempfile
import unittest

# Format names in the table, and those of the command.
FORMATS = {"safetensors": "safetensors", "torch-zip": "pytorch-zip", "torch-legacy": "pytorch-legacy"}
SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
COMMAND, FOLDER = sys.argv[1], Path(sys.argv[2])


def has_crates():
    """Whether cargo exists and has `info` (1.82); on older systems the two files from crates are skipped."""
    try:
        said = subprocess.run(["cargo", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    found = re.match(r"cargo 1\.(\d+)", said)
    return bool(found) and int(found.group(1)) >= 82


def members():
    table = json.loads((SCRIPTS / "real_files.json").read_text(encoding="utf-8"))
    for package in table["packages"]:
        if package["registry"] == "pypi" or has_crates():
            for member in package["members"]:
                yield member, FOLDER / member["id"] / PurePosixPath(member["member"]).name


def run(*arguments):
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, check=False)


class RealFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        registries = ["pypi"] + (["crates"] if has_crates() else [])
        command = [sys.executable, SCRIPTS / "fetch_real_files.py", FOLDER]
        for name in registries:
            command += ["--registry", name]
        subprocess.run(command, check=True)
        cls.members = list(members())

    def test_each_file_gets_its_verdict(self):
        accepted = 0
        for member, path in self.members:
            with self.subTest(member["id"]):
                done = run("scan", "--format", "jsonl", path)
                line = json.loads(done.stdout)
                self.assertEqual(line["verdict"], member["verdict"], done.stdout)
                self.assertEqual(line["size"], member["bytes"])
                codes = {"accepted": 0, "rejected": 1, "unsupported": 3}
                self.assertEqual(done.returncode, codes[member["verdict"]])
                self.assertEqual(line["class"], "model" if member["verdict"] == "unsupported" else None)
                if member["verdict"] == "accepted":
                    accepted += 1
                    self.assertEqual(line["format"], FORMATS[member["format"]])
                    self.assertGreater(line["tensors"], 0)
                if "global" in member:
                    self.assertIn(member["global"], [each["found"] for each in line["findings"]])
        self.assertGreaterEqual(accepted, 15)

    def test_the_reference_profile_agrees(self):
        for member, path in self.members:
            if member["verdict"] == "accepted":
                with self.subTest(member["id"]):
                    self.assertEqual(run("scan", "--profile", "reference", path).returncode, 0)

    def test_every_command_says_what_scan_says(self):
        def said(report):
            return report["verdict"], report["format"], report["findings"][0]["rule"] if report["findings"] else None

        with tempfile.TemporaryDirectory() as folder:
            for member, path in self.members:
                scanned = said(json.loads(run("scan", "--format", "jsonl", path).stdout))
                for command in (("inspect", path), ("diff", path, path), ("sanitize", path, Path(folder) / "out")):
                    with self.subTest(member["id"], command=command[0]):
                        done = run(*command, "--format", "json")
                        told = json.loads(done.stdout)
                        self.assertEqual(said(told["reports"][0] if "reports" in told else told["report"]), scanned)
                        why = told["error"]["rule"] if told["error"] else None
                        accepted = scanned[0] == "accepted"
                        self.assertTrue(accepted or why is None, why)
                        codes = {"rejected": 1, "undecided": 2, "unsupported": 3, "accepted": 3 if why else 0}
                        self.assertEqual(done.returncode, codes[scanned[0]], why)
                        self.assertTrue(why is None or why.startswith("use/"), why)

    def test_inspect_shows_each_accepted_file(self):
        for member, path in self.members:
            if member["verdict"] == "accepted":
                with self.subTest(member["id"]):
                    done = run("inspect", "--format", "json", path)
                    self.assertEqual(done.returncode, 0)
                    self.assertGreater(len(json.loads(done.stdout)["contents"]["tensors"]), 0)

    def test_each_checkpoint_converts(self):
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "model.safetensors"
            for member, path in self.members:
                if member["format"].startswith("torch-") and member["verdict"] == "accepted":
                    with self.subTest(member["id"]):
                        self.assertEqual(run("convert", "--verify", path, target).returncode, 0)
                        self.assertEqual(run("scan", target).returncode, 0)

    def test_the_folder_as_a_whole(self):
        done = run("scan", "--format", "jsonl", FOLDER)
        self.assertEqual(done.returncode, 1)
        verdicts = {json.loads(line)["verdict"] for line in done.stdout.splitlines()}
        self.assertEqual(verdicts, {"accepted", "rejected", "unsupported"})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
