"""The files of the corpus through `inspect --extract` and `convert --extract`: what the manifest says is taken, and written."""

import json
import os
import pathlib
import unittest

from support import ACCEPTED, REJECTED, Case, sampled

CORPUS = pathlib.Path(os.environ.get("TENSORGATE_CORPUS_DIR", ""))
PICKLED = ("torch", "pickle", "zip")


@unittest.skipUnless((CORPUS / "manifest.json").exists(), "TENSORGATE_CORPUS_DIR names no built corpus")
class Extract(Case):
    def setUp(self):
        super().setUp()
        entries = json.loads((CORPUS / "manifest.json").read_text())["entries"]
        entries = [entry for entry in entries if "files" not in entry and not entry["big"] and not entry["limits"]]
        self.entries = [entry for entry in entries if "extract" in entry]
        self.assertGreater(len(self.entries), 60)
        self.others = [entry for entry in entries if entry["format"] in PICKLED and "extract" not in entry
                       and entry["strict"]["verdict"] != "accepted"]
        self.assertGreater(len(self.others), 400)

    def inspect(self, path):
        result = self.run_command("inspect", "--extract", "--format", "json", path)
        return result.returncode, json.loads(result.stdout)

    def test_what_is_taken(self):
        for entry in sampled(self.entries):
            with self.subTest(entry["path"]):
                code, document = self.inspect(CORPUS / entry["path"])
                extraction = document.get("extraction") or {"tensors": [], "taken": 0, "as_stored": 0, "left_out": 0}
                found = [[each["name"], each["outcome"]] for each in extraction["tensors"]]
                self.assertEqual(sorted(found), sorted(entry["extract"]["tensors"]))
                self.assertEqual((document.get("error") or {}).get("rule"), entry["extract"]["rule"])
                taken = [each for each in extraction["tensors"] if each["outcome"] != "left-out"]
                self.assertEqual(code, ACCEPTED if taken else REJECTED)
                self.assertEqual(extraction["taken"] + extraction["as_stored"], len(taken))
                self.assertEqual(extraction["left_out"], len(found) - len(taken))
                for each in extraction["tensors"]:
                    self.assertEqual(each["class"] is not None, each["outcome"] == "as-stored")
                    self.assertEqual(each["reason"] is not None, each["outcome"] == "left-out")

    def test_what_is_written(self):
        for entry in sampled(self.entries):
            with self.subTest(entry["path"]):
                wanted = sorted(name for name, outcome in entry["extract"]["tensors"] if outcome != "left-out")
                out = self.dir / "out.safetensors"
                self.run_command("convert", "--extract", "--verify", "--no-sync", "--select", "", CORPUS / entry["path"], out,
                                 code=ACCEPTED if wanted else REJECTED)
                self.assertEqual(out.exists(), bool(wanted))
                if not wanted:
                    continue
                data = out.read_bytes()
                out.unlink()
                header = json.loads(data[8:8 + int.from_bytes(data[:8], "little")])
                metadata = header.pop("__metadata__")
                own = {key: metadata.pop(key) for key in list(metadata) if key == "format" or key.startswith("tensorgate.")}
                # Further names of a tensor are in the metadata.
                self.assertEqual(sorted([*header, *metadata]), wanted)
                self.assertLessEqual({*metadata.values()}, {*header})
                self.assertEqual((own["tensorgate.extracted"], own["tensorgate.source_verdict"]), ("1", "rejected"))
                self.assertEqual(int(own["tensorgate.taken"]) + int(own["tensorgate.as_stored"]), len(wanted))

    def test_the_verdict_stays(self):
        for entry in sampled(self.entries):
            with self.subTest(entry["path"]):
                self.run_command("convert", CORPUS / entry["path"], self.dir / "out.safetensors", code=REJECTED)
                self.assertEqual(os.listdir(self.dir), [])

    def test_every_other_refused_file(self):
        """Most are refused for more than their names and calls: then nothing is written, and the reason is the scan's."""
        for entry in sampled(self.others):
            with self.subTest(entry["path"]):
                path = CORPUS / entry["path"]
                code, document = self.inspect(path)
                self.assertIn(code, range(4))
                extraction = document.get("extraction") or {"tensors": []}
                taken = [each["name"] for each in extraction["tensors"] if each["outcome"] != "left-out"]
                self.assertEqual(code == ACCEPTED, bool(taken))
                out = self.dir / "out.safetensors"
                result = self.run_command("convert", "--extract", "--no-sync", "--select", "", path, out)
                self.assertIn(result.returncode, range(4))
                self.assertEqual(result.returncode == ACCEPTED, bool(taken))
                self.assertEqual(out.exists(), bool(taken))
                out.unlink(missing_ok=True)


if __name__ == "__main__":
    unittest.main()
