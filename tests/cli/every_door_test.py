"""One entry point: each command that is given a file of the corpus reports the verdict, first rule and format of a scan."""

import json
import os
import pathlib
import shutil
import unittest

from support import ACCEPTED, REJECTED, SANITIZED, UNDECIDED, UNSUPPORTED, Case, sampled

CORPUS = pathlib.Path(os.environ.get("TENSORGATE_CORPUS_DIR", ""))
CODES = {"accepted": ACCEPTED, "rejected": REJECTED, "undecided": UNDECIDED, "unsupported": UNSUPPORTED}
# Why a command cannot use an accepted file.
REASONS = ("use/", "convert/")


def said(report):
    findings = report["findings"]
    return report["verdict"], findings[0]["rule"] if findings else None, report["format"]


@unittest.skipUnless((CORPUS / "manifest.json").exists(), "TENSORGATE_CORPUS_DIR names no built corpus")
class EveryDoor(Case):
    def setUp(self):
        super().setUp()
        self.target = self.dir / "out"
        self.no_use = {}

    def files(self):
        manifest = json.loads((CORPUS / "manifest.json").read_text())
        for entry in sampled(manifest["entries"]):
            # Those with their own limits are covered by the library's test.
            if entry["limits"]:
                continue
            if "files" not in entry:
                yield CORPUS / entry["path"]
            else:
                yield from (CORPUS / file["path"] for file in entry["files"] if file["path"].endswith(".index.json"))

    def check(self, command, scanned, report, code, error):
        verdict, rule, format_name = scanned
        self.assertEqual(said(report), scanned, command)
        if verdict != "accepted":
            self.assertEqual(code, CODES[verdict], command)
            self.assertIsNone(error, command)
        elif error is not None:
            self.assertTrue(error["rule"].startswith(REASONS), error)
            self.assertEqual(code, UNSUPPORTED, (command, error))
            self.no_use.setdefault((command[0], error["rule"]), set()).add(format_name)
        else:
            self.assertEqual(code, ACCEPTED, command)

    def check_convert(self, path, scanned):
        result = self.run_command("convert", "--dry-run", path, self.target)
        verdict, rule, _ = scanned
        text = result.stderr.decode()
        if verdict != "accepted":
            self.assertEqual(result.returncode, CODES[verdict], text)
            self.assertIn(verdict, text.split(None, 1)[0])
            self.assertTrue(verdict == "unsupported" or rule in text, (rule, text))
        elif result.returncode != ACCEPTED:
            self.assertEqual(result.returncode, UNSUPPORTED, text)
            self.assertRegex(text, r": (use|convert)/")

    def test_each_file_and_command(self):
        paths = list(self.files())
        lines = {line["path"]: said(line) for line in self.scan(*paths, timeout=300)}
        self.assertGreater(len(lines), 50 if SANITIZED else 1000)
        for path in paths:
            scanned = lines[str(path)]
            for command in (("inspect", path), ("hash", path), ("diff", path, path), ("sanitize", path, self.target)):
                with self.subTest(command=command):
                    result = self.run_command(*command, "--format", "json")
                    told = json.loads(result.stdout)
                    reports = told["reports"] if "reports" in told else [told["report"]]
                    self.check(command, scanned, reports[0], result.returncode, told["error"])
                    if self.target.is_dir():
                        shutil.rmtree(self.target)
                    self.target.unlink(missing_ok=True)
            with self.subTest(command="convert", path=path):
                self.check_convert(path, scanned)
        # What each command does not do, and why.
        for command in ("inspect", "hash", "diff", "sanitize"):
            self.assertEqual(self.no_use[command, "use/no-tensors"], {"pickle"})
        self.assertLessEqual({key for key in self.no_use if key[0] == "inspect"}, {("inspect", "use/no-tensors")})

    def test_standard_input_by_name(self):
        for path in self.files():
            if path.suffix == ".json" or path.stat().st_size > 1 << 20:
                continue
            with self.subTest(path=path), open(path, "rb") as file:
                line = self.scan_one("--name", path, "-", stdin=file)
                self.assertEqual(said(line), said(self.scan_one(path)))


if __name__ == "__main__":
    unittest.main()
