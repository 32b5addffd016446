"""scripts/readme_figures.py: it finds a wrong figure, a missing sentence, and writes the right one."""
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import readme_figures  # noqa: E402

README = (ROOT / "README.md").read_text(encoding="utf-8")


class Figures(unittest.TestCase):
    def test_readme_is_right(self):
        self.assertEqual(readme_figures.corrected(README), (README, []))

    def test_each_figure_is_found_and_corrected(self):
        for sentence, figures in readme_figures.sentences():
            found = readme_figures.pattern(sentence).search(README)
            for number in range(1, len(figures) + 1):
                with self.subTest(sentence, number=number):
                    wrong = README[:found.start(number)] + "123,456" + README[found.end(number):]
                    text, said = readme_figures.corrected(wrong)
                    self.assertEqual(text, README)
                    self.assertEqual(len(said), 1)
                    self.assertIn("123,456", said[0])

    def test_a_missing_sentence(self):
        for sentence, _ in readme_figures.sentences():
            with self.subTest(sentence):
                found = readme_figures.pattern(sentence).search(README)
                _, said = readme_figures.corrected(README[:found.start()] + README[found.end():])
                self.assertTrue(any(each.startswith("no sentence") for each in said))


if __name__ == "__main__":
    unittest.main()
