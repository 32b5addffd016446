"""docs/bypasses.md names files that are there, and rules that refuse them."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROW = re.compile(r"\| ([ZPW]\d+) \|[^|]+\|[^|]*\| (?:`([a-z0-9/-]+)`|none: [^|]+) \| ([^|]+) \|\Z")


def rows():
    for line in (ROOT / "docs" / "bypasses.md").read_text().splitlines():
        if re.match(r"\| [ZPW]\d", line):
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
        self.assertRegex(recipe.read_text(), rf"(?m)^(?:rule|reference-rule|full): {rule}$", place)

    def test_none_is_left_out(self):
        found = {row.group(1) for _, row in rows() if row}
        expected = [("Z", 19), ("P", 25), ("W", 10)]
        self.assertEqual(found, {f"{area}{i}" for area, last in expected for i in range(1, last + 1)})


if __name__ == "__main__":
    unittest.main()
