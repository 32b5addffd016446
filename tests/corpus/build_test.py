"""The command: building, the manifest, staleness, completeness."""
import hashlib
import json
import os
import re
import unittest

from support import CORPUS, HEAD, REPOSITORY, CorpusCase, run

RULES_DEF = os.path.join(REPOSITORY, "lib", "include", "tensorgate", "rules.def")
RULES = """
#include "tensorgate/rules/io.def"
TENSORGATE_RULE(kA, .id = "safetensors/a",
    .strict = Level::kError, .reference = Level::kError,
    .subject = "file", .reference_error = "InvalidOffset",
    .why =
        "A row (with \\"quotes\\") continues "
        "until its end.")
TENSORGATE_RULE(kB, .id = "safetensors/b", .strict = Level::kWarning, .reference = Level::kWarning)
"""
AREA = """
TENSORGATE_RULE(kIo, .id = "io/open-failed",
    .effect = Effect::kUndecided, .strict = Level::kError, .reference = Level::kError)
"""
BAD = "about: x\nverdict: rejected\nrule: safetensors/a\noffset: at(here)\nreference-error: InvalidOffset\n---\n"


def tree(folder):
    found = {}
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


class Build(CorpusCase):
    def setUp(self):
        super().setUp()
        self.out = os.path.join(self.root, "out")
        self.write("safetensors/accept/one.recipe", "about: x\nverdict: accepted\nwarns: safetensors/b\n---\n`one`")
        self.write("safetensors/accept/near.recipe", "about: x\nverdict: accepted\nnear: safetensors/a\n---\n`near`")
        self.write("safetensors/accept/nearb.recipe", "about: x\nverdict: accepted\nnear: safetensors/b\nbig: yes\n---\n`b`")
        self.write("safetensors/reject/bad.recipe", BAD + "`b` label here `ad`")
        self.rules = self.write("rules.def", RULES)
        self.write("rules/io.def", AREA)

    def build(self, *more):
        result = run("build", self.out, "--root", self.root, *more)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def manifest(self):
        with open(os.path.join(self.out, "manifest.json"), encoding="ascii") as file:
            return {entry["path"]: entry for entry in json.load(file)["entries"]}

    def check(self):
        return run("check", "--root", self.root, "--rules", self.rules)

    def test_manifest(self):
        self.build()
        entry = self.manifest()["safetensors/reject/bad.safetensors"]
        self.assertEqual(entry["sha256"], hashlib.sha256(b"bad").hexdigest())
        self.assertEqual(entry["size"], 3)
        self.assertEqual(entry["recipe"], "safetensors/reject/bad.recipe")
        self.assertEqual(entry["strict"], {"verdict": "rejected", "rule": "safetensors/a", "offset": 1})
        self.assertEqual(entry["reference"], {"verdict": "rejected", "rule": "safetensors/a", "error": "InvalidOffset"})

    def test_what_extraction_gives(self):
        for value, wanted in (("none", {"rule": None, "tensors": []}), ("safetensors/a", {"rule": "safetensors/a", "tensors": []}),
                              ("a.b=taken, x=y=left-out", {"rule": None, "tensors": [["a.b", "taken"], ["x=y", "left-out"]]})):
            with self.subTest(value):
                self.write("safetensors/extract/some.recipe", BAD.replace("---", f"extract: {value}\n---") + "label here `a`")
                self.build()
                self.assertEqual(self.manifest()["safetensors/extract/some.safetensors"]["extract"], wanted)
        self.write("safetensors/extract/some.recipe", BAD + "label here `a`")
        self.assertIn("safetensors/extract/some.recipe: expected a line 'extract: ...'", self.check().stderr)

    def test_another_format_needs_no_more_than_its_folder(self):
        self.write("other/format.json", '{"suffix": ".x"}')
        self.write("other/accept/one.recipe", HEAD + "`x`")
        self.build()
        self.assertEqual(tree(self.out)["other/accept/one.x"], b"x")
        with open(os.path.join(self.out, "manifest.json"), encoding="ascii") as file:
            formats = json.load(file)["formats"]
        self.assertEqual(formats["other"], {"suffix": ".x", "checker": "scan", "errors": [], "rows": {}})
        self.assertEqual(set(formats), {"other", "safetensors"})

    def test_twice_gives_the_same_and_does_nothing(self):
        self.assertIn("4 built, 0 up to date", self.build())
        first = tree(self.out)
        self.assertIn("0 built, 4 up to date", self.build())
        self.assertEqual(tree(self.out), first)

    def test_what_changed_is_built_again(self):
        self.build()
        self.write("safetensors/accept/one.recipe", HEAD + "`two`")
        self.assertIn("1 built, 3 up to date", self.build())
        self.assertEqual(tree(self.out)["safetensors/accept/one.safetensors"], b"two")

    def test_a_damaged_output_is_built_again(self):
        self.build()
        with open(os.path.join(self.out, "safetensors/accept/one.safetensors"), "wb") as file:
            file.write(b"xx")
        self.assertIn("1 built", self.build())
        self.assertEqual(tree(self.out)["safetensors/accept/one.safetensors"], b"one")

    def test_a_changed_include_builds_what_uses_it(self):
        self.write("safetensors/part.inc", "`1`")
        self.write("safetensors/accept/one.recipe", HEAD + 'include "../part.inc"')
        self.build()
        self.write("safetensors/part.inc", "`2`")
        self.assertIn("1 built", self.build())
        self.assertEqual(tree(self.out)["safetensors/accept/one.safetensors"], b"2")

    def test_outputs_of_removed_recipes_go(self):
        self.build()
        os.remove(os.path.join(self.root, "safetensors/accept/one.recipe"))
        self.build()
        self.assertNotIn("safetensors/accept/one.safetensors", tree(self.out))

    def test_nothing_else_is_in_the_output(self):
        self.build()
        names = set(tree(self.out))
        self.assertEqual(names, {*self.manifest(), "manifest.json"})

    def test_no_big(self):
        self.build("--no-big")
        self.assertNotIn("safetensors/accept/nearb.safetensors", tree(self.out))

    def test_a_failed_build_leaves_the_old_files(self):
        self.build()
        before = tree(self.out)
        self.write("safetensors/accept/one.recipe", HEAD + "u8 999")
        self.assertEqual(run("build", self.out, "--root", self.root).returncode, 2)
        self.assertEqual(tree(self.out), before)

    def test_several_files(self):
        self.write("safetensors/accept/one.recipe", "about: x\nverdict: accepted\n---\nfile \"a.bin\" { `1` } file \"b.bin\" { `2` }")
        self.build()
        self.assertEqual(tree(self.out)["safetensors/accept/one/b.bin"], b"2")
        entry = self.manifest()["safetensors/accept/one"]
        self.assertEqual([f["path"] for f in entry["files"]], ["safetensors/accept/one/a.bin", "safetensors/accept/one/b.bin"])

    def test_check(self):
        self.assertIn("stale", self.check().stderr)
        self.assertEqual(run("build", "--manifest", "--root", self.root).returncode, 0)
        result = self.check()
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_check_reports_a_rule_that_never_fires(self):
        os.remove(os.path.join(self.root, "safetensors/reject/bad.recipe"))
        result = self.check()
        self.assertEqual(result.returncode, 1)
        self.assertIn("safetensors/a: expected a recipe that triggers it", result.stderr)

    def test_check_reports_a_rule_without_a_near_miss(self):
        os.remove(os.path.join(self.root, "safetensors/accept/near.recipe"))
        self.assertIn("safetensors/a: expected an accepted near miss", self.check().stderr)

    def test_check_reports_unknown_rules_and_wrong_errors(self):
        self.write("safetensors/reject/bad.recipe", BAD.replace("safetensors/a", "safetensors/c") + "label here")
        self.assertIn("rule safetensors/c: expected one from the table of rules", self.check().stderr)
        self.write("safetensors/reject/bad.recipe", BAD.replace("InvalidOffset", "InvalidHeader") + "label here")
        self.assertIn("reference-error InvalidHeader: expected InvalidOffset", self.check().stderr)


    def test_check_reports_a_table_that_it_cannot_read(self):
        for row in ('TENSORGATE_RULE(kC, .id = "safetensors/b")', "TENSORGATE_RULE(kC, .strict = Level::kError", "TENSORGATE_RULE(kC, 1)\n" * 2):
            with self.subTest(row):
                self.write("rules/io.def", row)
                result = self.check()
                self.assertEqual(result.returncode, 2)
                self.assertIn("expected TENSORGATE_RULE(...) rows", result.stderr)
        os.remove(os.path.join(self.root, "rules/io.def"))
        self.assertIn("io.def:1: the table of rules: expected a readable text file", self.check().stderr)


class TheTable(unittest.TestCase):
    def test_each_area_is_included_once_and_holds_its_own_rules(self):
        with open(RULES_DEF, encoding="utf-8") as file:
            included = re.findall(r'^#include "tensorgate/rules/(.+)"$', file.read(), re.M)
        folder = os.path.join(os.path.dirname(RULES_DEF), "rules")
        self.assertEqual(sorted(included), sorted(os.listdir(folder)))
        for area in included:
            with open(os.path.join(folder, area), encoding="utf-8") as file:
                ids = re.findall(r'\.id = "([a-z0-9]+)/', file.read())
            self.assertEqual(set(ids), {area.split(".")[0].split("_")[0]}, area)


class TheCorpus(unittest.TestCase):
    def test_complete_and_manifest_current(self):
        result = run("check")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_every_folder_has_recipes(self):
        for folder in ("accept", "reject", "undecided"):
            self.assertTrue(os.listdir(os.path.join(CORPUS, "safetensors", folder)))

    def test_small_without_the_big_ones(self):
        with open(os.path.join(CORPUS, "manifest.json"), encoding="ascii") as file:
            entries = json.load(file)["entries"]
        files = [file for entry in entries if not entry["big"] for file in entry.get("files", [entry])]
        self.assertLess(sum(file["size"] for file in files), 5 << 20)


if __name__ == "__main__":
    unittest.main()
