"""scripts/check_words.py: which words it finds, where it looks for them, and what it passes."""
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import check_words  # noqa: E402

# For each entry, in its order: what must be found, and what is plain English.
EXAMPLES = [
    (["The header tells a size.", "its size was told", "A member is encrypted, or told to be.", "the end tells the place"],
     ["tell a from b", "how to tell us", "people cannot tell them apart", "told apart by their names", "torch can be told to stop",
      "tells one kind of file from another", "please tell us", "it tells the parser that all is read", "tell() of the object"]),
    (["A key stands twice.", "as it stands", "what stood there", "a key standing there"],
     ["`a` stands for `b`", "a stand-alone program", "it stands alone", "what stands out", "stood for one tensor", "a standard one"]),
    (["the bytes behind the header", "one behind the other", "Behind the root"],
     ["behind a proxy", "leaves nothing behind", "leaves no file behind", "the file behind a link", "behind any symbolic link",
      "one verdict, and the findings behind it", "write-behind"]),
    (["it shall be whole"], ["shallow"]),
    (["it is no number", "that are no files", "which is none", "it was no error", "This is no verdict"],
     ["there is no file", "there are none", "where there is none", "is there no way?", "is no longer than that", "if x is None",
      "it is not a number"]),
    (["memory of the caller's, which lasts", "a source of the caller's throws", "numbers of the file's."],
     ["the caller's memory", "the end of the caller's buffer", "one of the system's."]),
    (["written anew"], ["written again"]),
    (["what bears it", "a name bearing it"], ["bear in mind", "a forbearing reader"]),
    (["bytes that lie between them", "it lies in the file", "how PyTorch laid a file out", "the padding lay after it"],
     ["a length that lies", "it may be a lie", "lies about its size", "laid out in C order", "a lay reader"]),
    (["once it has begun", "the stream broke off", "a run that breaks off goes on", "go on with that"],
     ["broken", "off it goes", "what is going on"]),
    (["what it speaks of", "nothing is known of it", "it knows of two"], ["it speaks UTF-8", "known to it"]),
    (["1 is as good as none", "left out without a word"], ["as good as the other", "without a word-by-word copy"]),
    (["what becomes of it", "known to who makes it", "Not checked; who loads it runs it."],
     ["it becomes a file", "people who load it", "to whom", "anyone who opens it"]),
    (["blocks of so many bytes", "as many as there are", "the how-manieth", "so much of it"],
     ["so many that none is left", "not so much as one", "many"]),
    (["by its index alone", "The header alone is read"], ["leave it alone", "stand alone", "stand-alone", "let alone two", "the name alone does not decide", "two letters alone prove little"]),
    (["nobody reads it", "No one writes"], ["not one of them"]),
    (["read out of a file", "comes out of it", "objects out of a checkpoint"],
     ["out of memory", "out of range", "leads out of the folder", "1 out of 3", "out-of-line", "Cannot copy out of meta tensor", "runs out of disk"]),
    (["a file, of which the name is known", "of whose bytes"], ["one of which", "the first of which", "none of which is empty", "all of whose checks passed"]),
    (["it is a file; else nothing follows", "the first, or else the second", "each, be it large or small",
      "which shows it that way"],
     ["nothing else", "what else there is", "something else.", "puts(a); else std::puts(b)"]),
    (["it is recognised", "uninitialised memory", "undefined behaviour", "its neighbours", "the licence"],
     ["it is recognized", "an organism", "two analyses", "a promise", "the license"]),
]


def found(text, name="a.md"):
    return [(line, words) for line, words, _ in check_words.findings(name, text)]


class Glossary(unittest.TestCase):
    def test_each_entry_has_examples(self):
        self.assertEqual(len(EXAMPLES), len(check_words.GLOSSARY))

    def test_what_is_found(self):
        for entry, (wrong, _) in zip(check_words.GLOSSARY, EXAMPLES):
            for text in wrong:
                with self.subTest(entry.word, text=text):
                    self.assertIn(entry, [each for _, _, each in check_words.findings("a.md", text)])

    def test_what_is_plain_english(self):
        for entry, (_, right) in zip(check_words.GLOSSARY, EXAMPLES):
            for text in right:
                with self.subTest(entry.word, text=text):
                    self.assertEqual(found(text), [])

    def test_contributing_has_the_table(self):
        self.assertIn(check_words.table(), (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))


class Places(unittest.TestCase):
    """Where people read, and on which line it is."""

    def test_cpp(self):
        for text, lines in (("// It stands here.\n", [1]),
                            ("int stands = 0;  // fine\n", []),
                            ('\nerror("it stands here");\n', [2]),
                            ('#include "it stands here"\n', []),
                            ('key("stands");\n', []),
                            ("/* one\n * it stands here\n */", [2]),
                            ("// of so\n// many bytes\n", [1]),
                            ("int a;  ///< of so\n        ///< many bytes\n", [1]),
                            ('"a length of so "\n    "many bytes"', [1]),
                            ('f("it is so", many, "many bytes")', []),
                            ("char quote = '\"';  // it stands here\n", [1]),
                            ("int n = 1'000;  // it stands here\n", [1]),
                            ("// `stands` is the word\n", []),
                            ('R"(it stands here)"', [])):
            with self.subTest(text):
                self.assertEqual([line for line, _ in found(text, "a.cc")], lines)
                self.assertEqual([line for line, _ in found(text, "a.def")], lines)

    def test_python(self):
        for text, lines in (("# It stands here.\n", [1]),
                            ("stands = 1\n", []),
                            ('"""One.\n\nIt stands here.\n"""\n', [3]),
                            ("raise ValueError(f'it stands {here}')\n", [1]),
                            ("key = 'stands'\n", []),
                            ("f('can stand '\n  f'for {it} and stand '\n  'for it')\n", []),
                            ("f(f'of {it} so '\n  f'many bytes')\n", [1]),
                            ("x = None if x is None else 'it is None else'\n", []),
                            ("'''`stands` and ``it stands``'''\n", [])):
            with self.subTest(text):
                self.assertEqual([line for line, _ in found(text, "a.py")], lines)
                self.assertEqual([line for line, _ in found("#!/usr/bin/env python3\n" + text, "scripts/a")],
                                 [line + 1 for line in lines])

    def test_shell(self):
        for text, lines in (("# it stands here\n", [1]),
                            ('echo "it stands here"\n', [1]),
                            ("stands=1\n", []),
                            ("echo $#stands here\n", [])):
            with self.subTest(text):
                self.assertEqual([line for line, _ in found("#!/bin/sh\n" + text, "scripts/a")], [line + 1 for line in lines])

    def test_recipe(self):
        for text, lines in (("about: It stands here.\nverdict: rejected\n---\n", [1]),
                            ("about: It is here.\nunsure: it stands here\n---\n", [2]),
                            ("# It stands here.\nabout: `it stands here`\n---\n", [1]),
                            ("rule: it stands here\n---\n", []),
                            ("about: x\n---\n`it stands here` \"it stands here\"  # of so\n# many bytes\n", [3]),
                            ("about: x\n---\n`# it stands here` \"# it \\\" # it stands here\"\n", [])):
            with self.subTest(text):
                self.assertEqual([line for line, _ in found(text, "a.recipe")], lines)
        self.assertEqual(found("# What stands here.\ntemplate stands() { block }\n", "a.inc"), [(1, "stands")])

    def test_rust(self):
        self.assertEqual(found("/// It stands here.\nfn told<'a>(stands: &'a str) {}\n", "a.rs"), [(1, "stands")])

    def test_markdown(self):
        for text, lines in (("It stands\nhere.\n", [1]),
                            ("## What stands here\n", [1]),
                            ("| a | it stands here |\n", [1]),
                            ("`it stands here`\n", []),
                            ("of so\n> many bytes\n", [1]),
                            ("```cpp\nint stands;  // it stands here\n```\n", [2]),
                            ("```python\nstands = 1\n```\n", []),
                            ("```console\n$ it stands here\n```\n", []),
                            ("```\nscripts/test   # it stands here\n```\n", [2])):
            with self.subTest(text):
                self.assertEqual([line for line, _ in found(text)], lines)

    def test_nothing_moves(self):
        for name in check_words.files():
            text = (ROOT / name).read_text(encoding="utf-8")
            with self.subTest(name):
                read = check_words.prose(name, text)
                self.assertEqual([len(line) for line in read.split("\n")], [len(line) for line in text.split("\n")])

    def test_what_people_read_is_looked_at(self):
        names = list(check_words.files())
        for name in ("README.md", "lib/include/tensorgate/rules/zip.def", "lib/include/tensorgate/limits.def", "lib/include/tensorgate.h",
                     "cli/options.cc", "python/tensorgate/guard.py", "python/src/report.cc", "lib/base/bytes.h", "scripts/test",
                     "corpus/recipe.py", "corpus/tool/head.py", "corpus/zip/templates.inc", "corpus/second_readings.inc",
                     "corpus/safetensors/reject/offsets-overlap.recipe", "tests/lib/scan/scan_test.cc", "tests/lib/corpus_test.cc",
                     "tests/install/consumer.rs", "tests/corpus/build_test.py", "fuzz/support.h", "fuzz/seeds.py",
                     "bench/load_bench.cc", "bench/save.py"):
            self.assertIn(name, names)
        for name in ("docs/rules.md", "scripts/check_words.py", "tests/style/check_words_test.py", "corpus/manifest.json"):
            self.assertNotIn(name, names)


if __name__ == "__main__":
    unittest.main()
