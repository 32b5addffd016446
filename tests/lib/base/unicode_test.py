"""The library's Unicode tables against Python's: every code point, and texts of marks and characters they may join."""
import os
import pathlib
import random
import subprocess
import unicodedata
import unittest

FACTS = os.environ["TENSORGATE_UNICODE_FACTS"]
ROOT = pathlib.Path(__file__).resolve().parents[3]


def run(what, text=""):
    done = subprocess.run([FACTS, what], input=text.encode(), stdout=subprocess.PIPE, check=True, timeout=120)
    return done.stdout.decode().splitlines()


def form(name, text):
    return unicodedata.normalize(name, text)


def fold(text):
    before = None
    while before != text:
        before, text = text, form("NFKD", form("NFKD", text).casefold())
    return text


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        version, *cls.points = run("points")
        if version != unicodedata.unidata_version:
            raise unittest.SkipTest(f"the tables are of Unicode {version}, Python's of {unicodedata.unidata_version}")


class Tables(Base):
    def test_the_file_is_what_the_script_makes(self):
        subprocess.run([ROOT / "scripts/make_unicode_tables", "--check"], check=True, timeout=120)

    def test_folds(self):
        """If the library folds a character, it does so like Python; others are decomposed, or a form that is left out."""
        folded = left = 0
        for line in self.points:
            number, unseen, *target = line.split()
            character, target = chr(int(number, 16)), "".join(chr(int(x, 16)) for x in target)
            if unseen == "1" or 0xD800 <= ord(character) < 0xE000:
                continue
            if target == fold(character):
                folded += target != character
                continue
            left += 1
            normal = form("NFC", character) == character
            self.assertIn(target, (form("NFD", character), character), number)
            if normal:
                self.assertEqual(target, form("NFD", character), number)
                self.assertNotEqual(form("NFKC", character), character, number)
                letters = [x for x in fold(character) if unicodedata.category(x)[0] == "L" and ord(x) >= 0x530]
                self.assertTrue(letters, number)
        self.assertGreater(folded, 15_000)
        self.assertLess(left, 3_000)

    def test_what_is_not_seen(self):
        unseen = {int(line.split()[0], 16) for line in self.points if line.split()[1] == "1"}
        for point in range(0x80, 0x110000):
            category = unicodedata.category(chr(point))
            if category in ("Zs", "Zl", "Zp"):
                self.assertIn(point, unseen)
            elif category in ("Ll", "Lu", "Lt", "Nd", "Sm", "Sc", "Pd"):
                self.assertNotIn(point, unseen, hex(point))
        for point in (0xAD, 0x200B, 0x200D, 0x2060, 0x3164, 0xFE0F, 0xFEFF, 0xE0041, 0xE0100):
            self.assertIn(point, unseen)
        self.assertFalse([point for point in unseen if point < 0x80])


class NormalForm(Base):
    def compare(self, texts):
        texts = [text for text in texts if "\n" not in text]
        answers = run("normal", "\n".join(texts))
        self.assertEqual(len(answers), len(texts))
        for text, answer in zip(texts, answers):
            self.assertEqual(answer == "1", form("NFC", text) == text, text.encode("unicode_escape"))

    def test_every_character(self):
        self.compare([chr(point) for point in range(0x20, 0x110000) if not 0xD800 <= point < 0xE000])

    def test_texts(self):
        chance = random.Random(5)
        pairs = [unicodedata.decomposition(chr(c)).split() for c in range(0x110000)]
        pairs = [pair for pair in pairs if len(pair) == 2 and not pair[0].startswith("<")]
        pools = [[c for c in range(0x110000) if unicodedata.combining(chr(c))],
                 [int(pair[0], 16) for pair in pairs], [int(pair[1], 16) for pair in pairs],
                 range(0x61, 0x7B), range(0x1100, 0x1200), range(0xAC00, 0xD7A4)]
        texts = ["".join(chr(chance.choice(chance.choice(pools))) for _ in range(chance.randrange(1, 6)))
                 for _ in range(30_000)]
        self.compare(texts)
        self.compare([form("NFC", text) for text in texts])
        self.compare([form("NFD", text) for text in texts])


if __name__ == "__main__":
    unittest.main()
