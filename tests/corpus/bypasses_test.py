"""docs/bypasses.md and docs/second-readings.md name existing files, and rules that refuse them."""
import pathlib
import re
import unittest

from support import REPOSITORY
from tool.corpus import read_rules

ROOT = pathlib.Path(REPOSITORY)
ROW = re.compile(r"\| ([ZPWSGE]\d+) \|[^|]+\|[^|]*\| (?:`([a-z0-9/-]+)`|none: [^|]+) \| ([^|]+) \|\Z")


def rows():
    for line in (ROOT / "docs" / "bypasses.md").read_text().splitlines():
        if re.match(r"\| [ZPWSGE]\d", line):
            yield line, ROW.match(line)


class Bypasses(unittest.TestCase):
    def test_each_row_is_shown(self):
        for line, row in rows():
            with self.subTest(line):
                self.assertIsNotNone(row)
                _, rule, places = row.groups()
                for place in re.findall(r"`([a-z0-9_./A-Z-]+)`", places):
                    self.shown(rule, place)

    def shown(self, rule, place):
        recipe = ROOT / "corpus" / (place + ".recipe")
        if not recipe.exists():
            self.assertTrue((ROOT / place).is_file(), place)
            return
        self.assertRegex(recipe.read_text(), rf"(?m)^(?:rule|reference-rule|full|warns): {rule}$", place)

    def test_none_is_left_out(self):
        found = {row.group(1) for _, row in rows() if row}
        expected = [("Z", 19), ("P", 25), ("W", 10), ("S", 9), ("G", 9), ("E", 8)]
        self.assertEqual(found, {f"{area}{i}" for area, last in expected for i in range(1, last + 1)})


class SecondReadings(unittest.TestCase):
    def test_each_pair_is_impossible_or_shown(self):
        rules = read_rules(str(ROOT / "lib/include/tensorgate/rules.def"))
        pairs = 0
        section = (ROOT / "docs" / "second-readings.md").read_text().split("## Each pair of formats")[1].split("##")[0]
        for line in section.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if len(cells) != 5 or cells[0] == "format" or set(cells[0]) == {"-"}:
                continue
            pairs += 1
            with self.subTest(line):
                _, _, impossible, refused, shown = cells
                self.assertTrue(impossible or (refused and shown))
                for rule in re.findall(r"`([a-z0-9-]+/[a-z0-9-]+)`", refused):
                    self.assertIn(rule, rules)
                for place in re.findall(r"`([a-z0-9_./A-Z-]+)`", shown):
                    recipe = ROOT / "corpus" / (place + ".recipe")
                    self.assertTrue(recipe.is_file() or (ROOT / place).is_file(), place)
                    if recipe.is_file() and refused.startswith("`scan/"):
                        key = "warns" if "/accept/" in place else "rule"
                        self.assertRegex(recipe.read_text(), rf"(?m)^{key}: {refused.strip('`')}$", place)
        self.assertGreater(pairs, 20)


if __name__ == "__main__":
    unittest.main()
