"""Malformed recipes: each is refused with the file, the line and what was expected; never a traceback."""
import os
import unittest

from support import HEAD, CorpusCase, run

BODIES = [
    # (body, line within the body, part of the message)
    ("`a`\nu8 256", 2, "256: expected an unsigned integer of 1 bytes"),
    ("u8 -1", 1, "-1: expected an unsigned integer of 1 bytes"),
    ("i8 128", 1, "expected an signed integer of 1 bytes"),
    ("u64le 2**64", 1, "expected an unsigned integer of 8 bytes"),
    ("\n\nhex \"0\"", 3, "hex: expected pairs of hex digits"),
    ("hex \"zz\"", 1, "hex: expected pairs of hex digits"),
    ("hex 00", 1, "0: expected hex digits in quotes"),
    ("frobnicate 3", 1, "directive frobnicate: expected a template call or one of align"),
    ("nothere { }", 1, "template nothere: expected one of: header os_system small_archive tar_fields tar_rest tensor"),
    ("`abc", 1, "unterminated string"),
    ('"abc', 1, "unterminated string"),
    ('"\\q"', 1, "escape \\q: expected \\n"),
    ('"\\u{110000}"', 1, "expected at most 10ffff"),
    ("repeat 3 { `a`", 1, "the end of the recipe: expected a directive or a string or '}'"),
    ("`a` }", 1, "'}': expected a directive or a string"),
    ("repeat { `a` }", 1, "'{': expected a number, string"),
    ("repeat -1 { `a` }", 1, "repeat: expected a number from 0"),
    ("repeat `x` { }", 1, "repeat: expected a number from 0"),
    ("u8 at(nowhere)", 1, "label nowhere: expected it to be placed"),
    ("zero at(later) label later", 1, "label later: expected it to be placed before this"),
    ("label a\nlabel a", 2, "label a: expected only once"),
    ("label 5", 1, "5: expected the label's name"),
    ("label b label a u8 len(a..b) label c u8 len(c..a)", 1, "expected c before a"),
    ("label a u32le crc32(a..b) label b", 1, "crc32(): expected a range that contains neither itself"),
    ("text crc32(a..b)", 1, "label a: expected it to be placed before this"),
    ("u8 sum(3)", 1, "function sum(): expected at(), len(), crc32() or find()"),
    ("u8 find(`a`)", 1, "find(): expected only in the head"),
    ("u8 3 +", 1, "the end of the recipe: expected a number"),
    ("u8 1 / 0", 1, "division by 0"),
    ("u8 2**99999", 1, "power: expected a result below"),
    ("u8 (1", 1, "the end of the recipe: expected"),
    ("u8 1 + `a`", 1, "arithmetic on a string"),
    ("u8 `a`", 1, "string: expected a number"),
    ("u8 $x", 1, "$x: expected a field of the template"),
    ("align 0", 1, "align: expected a step above 0"),
    ("align 4 with 256", 1, "align: expected a step above 0 and a byte"),
    ("zero 200000000", 1, "output: expected at most 134217728 bytes"),
    ("repeat 200000000 { `ab` }", 1, "output: expected at most 134217728 bytes"),
    ("repeat 99999999 { u8 1 }", 1, "steps: expected at most"),
    ("hole 2**50", 1, "hole: expected a file of at most"),
    ("block", 1, "block: expected inside a template"),
    ("template a() { a() } a()", 1, "expected a nesting of at most 32"),
    ("template a() { } template a() { }", 1, "template a: expected only once"),
    ("template u8() { }", 1, "template u8: expected a name that is not a directive"),
    ("template t(x, x) { }", 1, "field x: expected only once"),
    ("template t(x) { } t()", 1, "template t: expected a value for x"),
    ("template t(x) { } t(1, 2)", 1, "template t: expected at most 1 values"),
    ("template t(x=$x) { text $x } t()", 1, "$x: its value refers to itself"),
    ("tensor(nam=3)", 1, "field nam of tensor: expected each field only once, from: name dtype"),
    ("tensor(name=3, name=4)", 1, "field name: expected only once"),
    ("tensor(name=3, 4)", 1, "4: expected NAME=VALUE after the first named field"),
    ("tensor(1 2)", 1, "2: expected ',' or ')'"),
    ("include \"../../../../etc/passwd\"", 1, "expected a relative path that stays in the corpus"),
    ("include \"/etc/passwd\"", 1, "expected a relative path that stays in the corpus"),
    ("include \"../templates.inc\"", 1, "template os_system: expected only once"),
    ("include \"gone.recipe\"", 1, "expected an existing file"),
    ("include \"../accept\"", 1, "expected a .recipe or .inc file"),
    ("include \"x.recipe\"", 1, "expected a nesting of at most 32"),
    ("include 5", 1, "5: expected the path in quotes"),
    ("file \"../x\" { }", 1, "file '../x': expected letters"),
    ("file \"a\" { } file \"a\" { }", 1, "file a: expected unique names"),
    ("file \"a\" { } `b`", None, "bytes outside of file blocks"),
    ("repeat 1 { file \"a\" { } }", 1, "expected at the top level of the body"),
    ("%", 1, "character '%'"),
    ("`\u202e`", 1, "character U+"),
    ("`a\0b`", 1, "character U+0000: expected printable ASCII"),
    ("repeat 1 { " * 80 + "}" * 80, 1, "blocks: expected a nesting of at most 64"),
    ("u8 " + "(" * 20000 + "1" + ")" * 20000, None, "nesting: expected far fewer"),
    ("u8 " + "9" * 5000, None, "expected"),
]  # fmt: skip

HEADS = [
    ("about: x\nverdict: accepted\n", 3, "expected the line --- that ends the head"),
    ("verdict: accepted\n---\n", 1, "expected a line 'about: ...'"),
    ("about: x\n---\n", 1, "expected a line 'verdict: ...'"),
    ("about: x\nverdict: maybe\n---\n", 2, "verdict: 'maybe': expected one of accepted rejected undecided"),
    ("about: x\nverdict: accepted\ncolor: red\n---\n", 3, "key 'color': expected one of about"),
    ("about: x\nabout: y\nverdict: accepted\n---\n", 2, "key about: expected only once"),
    ("about:\nverdict: accepted\n---\n", 1, "key about: expected a value"),
    ("about: x\nnonsense\n---\n", 2, "'nonsense': expected 'key: value'"),
    ("about: x\nverdict: rejected\n---\n", 2, "expected a line 'rule: ...'"),
    ("about: x\nverdict: accepted\nrule: a/b\n---\n", 3, "expected none for an accepted file"),
    ("about: x\nverdict: rejected\nrule: Overlap\nreference: accepted\n---\n", 3, "expected the id of a rule"),
    ("about: x\nverdict: rejected\nrule: a/b\n---\n", 1, "reference-error: expected if and only if"),
    ("about: x\nverdict: rejected\nrule: a/b\nreference-error: Bad\n---\n", 4, "expected one of HeaderTooSmall"),
    ("about: x\nverdict: rejected\nrule: a/b\nreference: accepted\nreference-error: InvalidOffset\n---\n", 5, "expected if and only if"),
    ("about: x\nverdict: accepted\nreference: rejected\nreference-error: InvalidOffset\n---\n", 3, "expected the strict profile to refuse"),
    ("about: x\nverdict: rejected\nrule: a/b\nreference: accepted\nnear: a/b\n---\n", 5, "expected only for an accepted file"),
    ("about: x\nverdict: rejected\nrule: a/b\nreference: accepted\nfull: a/b\n---\n", 5, "expected only for an accepted file"),
    ("about: x\nverdict: undecided\nrule: limit/rank\n---\n", 2, "expected a line 'reference: ...'"),
    ("about: x\nverdict: accepted\noffset: 3\n---\n", 3, "expected only together with 'rule'"),
    ("about: x\nverdict: accepted\nreaders: XX=A\n---\n", 3, "'XX=A': expected NAME=A, R or X"),
    ("about: x\nverdict: accepted\nreaders: CPP=Y\n---\n", 3, "'CPP=Y': expected NAME=A, R or X"),
    ("about: x\nverdict: accepted\nlimits: depth=3\n---\n", 3, "'depth=3': expected NAME=NUMBER"),
    ("about: x\nverdict: accepted\nlimits: rank=-3\n---\n", 3, "expected NAME=NUMBER"),
    ("about: x\nverdict: accepted\nbig: perhaps\n---\n", 3, "expected one of yes no"),
    ("about: x\nverdict: accepted\nsuffix: ../x\n---\n", 3, "expected a suffix such as .bin, or none"),
    ("about: x\nverdict: accepted\nextract: none\n---\n", 3, "extract: expected only for a rejected file"),
    ("about: x\nverdict: rejected\nrule: a/b\nreference: accepted\nextract: w=lost\n---\n", 5, "'w=lost': expected none, a rule, or NAME=OUTCOME"),
    ("about: x\nverdict: rejected\nrule: a/b\nreference: accepted\nextract: =taken\n---\n", 5, "'=taken': expected none, a rule"),
    ("about: x\nverdict: accepted\nwarns: Oops\n---\n", 3, "expected ids of rules"),
    ("about: x\nverdict: rejected\nrule: a/b\noffset: 9\nreference: accepted\n---\n", 4, "offset 9: expected one inside the file"),
    ("about: x\nverdict: rejected\nrule: a/b\noffset: at(q)\nreference: accepted\n---\n", 4, "label q: expected it to be placed"),
    ("about: x\nverdict: rejected\nrule: a/b\noffset: find(`q`)\nreference: accepted\n---\n", 4, "find(): expected"),
    ("about: x\nverdict: rejected\nrule: a/b\noffset: 1 2\nreference: accepted\n---\n", 4, "2: expected the end of the expression"),
]  # fmt: skip


class Malformed(CorpusCase):
    def test_bodies(self):
        for body, line, text in BODIES:
            with self.subTest(body=body[:60]):
                error = self.message_of(body)
                self.assertIn(text, str(error))
                if line is not None:
                    self.assertEqual(error.line, HEAD.count("\n") + line)
                self.assertTrue(str(error).startswith(error.path + ":"))

    def test_heads(self):
        for head, line, text in HEADS:
            with self.subTest(head=head):
                error = self.message_of("", head=head)
                self.assertIn(text, str(error))
                self.assertEqual(error.line, line)

    def test_a_link_does_not_lead_out_of_the_corpus(self):
        outside = os.path.join(os.path.dirname(self.root), "outside.inc")
        os.symlink(outside, os.path.join(self.root, "link.inc"))
        self.assertIn("stays in the corpus", str(self.message_of('include "../../link.inc"')))

    def test_errors_in_an_included_file_name_it(self):
        self.write("safetensors/more.inc", "\nu8 999\n")
        error = self.message_of('include "../more.inc"')
        self.assertTrue(error.path.endswith("more.inc"), error.path)
        self.assertEqual(error.line, 2)

    def test_the_folder_is_the_verdict(self):
        self.write("safetensors/reject/x.recipe", HEAD + "`a`")
        result = run("build", os.path.join(self.root, "out"), "--root", self.root)
        self.assertEqual(result.returncode, 2)
        self.assertIn("verdict accepted: expected rejected in the folder reject", result.stderr)

    def test_the_command_says_it_in_one_line(self):
        self.write("safetensors/accept/x.recipe", HEAD + "u8 999")
        result = run("build", os.path.join(self.root, "out"), "--root", self.root)
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stderr.count("\n"), 1)
        self.assertIn("x.recipe:4: 999: expected an unsigned integer of 1 bytes", result.stderr)

    def test_what_a_format_says(self):
        for text, line in (("{", 1), ('{"suffix": ".x",\n"errors"}', 2), ("[]", 1), ("{}", 1), ('{"suffix": ".x", "endian": 1}', 1)):
            with self.subTest(text=text):
                path = self.write("safetensors/format.json", text)
                error = self.message_of("")
                self.assertEqual((error.path, error.line), (path, line))
                self.assertIn('expected an object with "suffix"', str(error))

    def test_a_folder_that_does_not_say_its_format(self):
        error = self.message_of("", name="other/accept/x.recipe")
        self.assertIn("other/format.json:1: cannot be read", str(error))

    def test_names_of_recipes(self):
        self.write("safetensors/accept/Bad_Name.recipe", HEAD)
        result = run("build", os.path.join(self.root, "out"), "--root", self.root)
        self.assertIn("expected lower-case words", result.stderr)
        self.assertNotIn("Traceback", result.stderr)

    def test_an_empty_corpus_is_an_error(self):
        result = run("build", os.path.join(self.root, "out"), "--root", self.root)
        self.assertEqual(result.returncode, 2)
        self.assertIn("no recipe", result.stderr)


if __name__ == "__main__":
    unittest.main()
