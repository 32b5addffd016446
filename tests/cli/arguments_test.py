"""What people type before they have read the help: no command, only a file, misspelled words."""

import unittest

from support import ACCEPTED, OVERLAP, REJECTED, UNDECIDED, USAGE, Case


class Arguments(Case):
    def refused(self, *arguments):
        result = self.run_command(*arguments, code=USAGE)
        self.assertEqual(result.stdout, b"")
        return result.stderr.decode()

    def test_nothing_shows_the_help(self):
        self.assertEqual(self.refused(), self.run_command("--help", code=0).stdout.decode())

    def test_a_path_is_scanned(self):
        good, bad = self.put("a.safetensors"), self.put("b.safetensors", OVERLAP)
        for arguments, code in (((good,), ACCEPTED), ((good, bad), REJECTED), ((self.dir,), REJECTED),
                                ((good, "--format", "jsonl"), ACCEPTED), (("-q", good), ACCEPTED),
                                (("--format=jsonl", good), ACCEPTED)):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.run_command(*arguments, code=code).stdout,
                                 self.run_command("scan", *arguments, code=code).stdout)
        self.assertEqual(self.run_command("-", input=good.read_bytes(), code=ACCEPTED).stdout.split()[0], b"accepted")
        # A file without a suffix or slash, as long as it is there; a command's name stays one.
        self.put("weights")
        self.run_command("weights", cwd=self.dir, code=ACCEPTED)
        self.put("scan")
        self.run_command("scan", cwd=self.dir, code=USAGE)
        self.run_command("./scan", cwd=self.dir, code=ACCEPTED)
        self.run_command("gone.safetensors", cwd=self.dir, code=UNDECIDED)

    def test_help_and_version(self):
        self.assertEqual(self.run_command("help", code=0).stdout, self.run_command("--help", code=0).stdout)
        self.assertEqual(self.run_command("help", "diff", code=0).stdout,
                         self.run_command("diff", "--help", code=0).stdout)
        self.assertEqual(self.run_command("-V", code=0).stdout, self.run_command("--version", code=0).stdout)

    def test_misspelled(self):
        for arguments, wanted in (
                (("scna", "x"), "did you mean `scan`?"), (("conver", "a", "b"), "did you mean `convert`?"),
                (("frobnicate",), 'there is no command or file "frobnicate"\n'),
                (("scan", "--formt", "json", "x"), "there is no option --formt; did you mean --format?"),
                (("scan", "--formt=json", "x"), "there is no option --formt; did you mean --format?"),
                (("scan", "--xyzzyxyzzy", "x"), "there is no option --xyzzyxyzzy\n"),
                (("scan", "--format", "yaml", "x"), "'yaml' is not one of json|jsonl|text"),
                (("scan", "--limit-tensors", "many", "x"), "is not a size such as 4096, 64k or 1Gi"),
                (("inspect", "--trust", "t", "x"), "there is no option --trust"),
                (("hash", "-q", "x"), "there is no option -q"),
                (("scan",), "usage: tensorgate scan [OPTIONS] PATH..."),
                (("merge", "x"), "usage: tensorgate merge [OPTIONS] IN... OUT"),
                (("convert", "x"), "usage: tensorgate convert [OPTIONS] IN OUT"),
                (("rules", "ofsets-overlap"), "did you mean offsets-overlap?"),
                (("rules", "safetensors/offset-overlap"), "did you mean safetensors/offsets-overlap?")):
            with self.subTest(arguments=arguments):
                self.assertIn(wanted, self.refused(*arguments))

    def test_hostile_words_are_escaped(self):
        for arguments in (("a\x1b[31mb",), ("scan", "--a\x1b[31mb"), ("rules", "a\x1b[31mb"),
                          ("scan", "--format", "\x1b[31m", "x")):
            with self.subTest(arguments=arguments):
                self.assertNotIn("\x1b", self.refused(*arguments))

    def test_the_end_of_a_rules_id(self):
        self.assertEqual(self.run_command("rules", "offsets-overlap", code=0).stdout,
                         self.run_command("rules", "safetensors/offsets-overlap", code=0).stdout)
        # Two rules end so: both are offered.
        said = self.refused("rules", "data-past-end")
        self.assertIn("safetensors/data-past-end", said)
        self.assertIn("zip/data-past-end", said)


if __name__ == "__main__":
    unittest.main()
