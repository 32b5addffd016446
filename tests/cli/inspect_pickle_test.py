"""The output of inspect for pickles: each opcode and each name, whatever the file is."""

import collections
import io
import pickle
import pickletools
import random
import re
import unittest
import zipfile

from support import ACCEPTED, REJECTED, UNDECIDED, UNSUPPORTED, USAGE, Case


def opcodes(data):
    return [(place, opcode.name) for opcode, _, place in pickletools.genops(data)]


class InspectPickle(Case):
    def shown(self, option, data, code=None, name="a.pkl"):
        return self.run_command("inspect", option, self.put(name, data), code=code).stdout.decode()

    def listed(self, data):
        lines = [line.split() for line in self.shown("--opcodes", data).splitlines()]
        return [(int(words[0]), words[1]) for words in lines if words[0].isdigit()]

    def test_opcodes_are_those_of_pickletools(self):
        value = {"a": [1, -2, 2.5, 2**70, None, True, b"x\xff", "\u20ac", (1, 2), (1, 2, 3, 4), {3}, frozenset({1})],
                 "b": Exception("c"), "c": bytearray(b"ab"), "d": collections.OrderedDict(x=1), 1: 70000, 2: -(2**40)}
        value["again"] = value["a"]
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with self.subTest(protocol=protocol):
                data = pickle.dumps(value, protocol)
                self.assertEqual(self.listed(data), opcodes(data))

    def test_the_stack_is_followed(self):
        text = self.shown("--opcodes", b"\x80\x02(K\x01K\x02e]q\x00h\x00\x86.", code=REJECTED)
        depths = [line.rpartition("[")[2].rstrip("]") for line in text.splitlines() if "[" in line]
        self.assertEqual(depths, ["0", "0", "1", "2", "1", "2", "2", "3", "2", "1"])

    def test_names_however_they_are_spelled(self):
        data = (b"cevil_mod\na\n0(ievil_mod\nb\n0\x8c\x08evil_mod\x94\x8c\x01c\x93"
                b"h\x00X\x01\0\0\0d\x93S'evil_mod'\np5\n0g5\nVe\n\x93h\x00K\x01\x93.")
        text = self.shown("--globals", data, code=REJECTED)
        for name in "abcde":
            self.assertIn(f"outside  evil_mod.{name}\n", text)
        self.assertIn("outside  a computed name", text)
        self.assertEqual(len(re.findall("^ +[0-9]+  outside  ", text, re.MULTILINE)), 6)

    def test_names_through_a_memo_that_no_writer_makes(self):
        posix, system, call = b"\x8c\x05posix", b"\x8c\x06system", b"\x93\x8c\x02id\x85R."
        for data in (
            posix + system + b"p77\n0g77\n" + call,
            posix + system + b"p" + b"0" * 300 + b"7\n0U\x01xp0\n0g7\n" + call,
            # MEMOIZE writes entry 1 and then 2, the number of entries so far.
            b"\x8c\x0bcollectionsq\x010" + posix + b"\x940\x8c\x0bOrderedDictq\x020" + system + b"\x940h\x01h\x02" + call,
        ):
            with self.subTest(data):
                text = self.shown("--globals", b"\x80\x04" + data, code=REJECTED)
                self.assertIn("outside  posix.system\n", text)
                self.assertNotIn("collections", text)

    def test_allowed_names(self):
        text = self.shown("--globals", b"\x80\x02ccollections\nOrderedDict\n)R.", code=ACCEPTED)
        self.assertEqual(text, "       2  allowed  collections.OrderedDict\n")

    def test_an_archive(self):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("x/data.pkl", b"\x80\x02cevil_mod\nevil_fn\n)R.")
            file.writestr("x/other", b"")
            file.writestr("x/constants.pkl", b"\x80\x02).")
        text = self.shown("--globals", archive.getvalue(), name="a.pt", code=REJECTED)
        self.assertRegex(text, r"x/data.pkl:\n +\d+  outside  evil_mod.evil_fn\nx/constants.pkl:\n")

    def test_several_pickles_and_what_follows(self):
        # Nothing in it is outside the format; that it is rejected for what follows is reported, too.
        text = self.shown("--opcodes", b"\x80\x02N.\x80\x02K\x05.\x01\x02\x03", code=REJECTED)
        self.assertIn("       6  BININT1 5", text)
        self.assertIn("       9  3 bytes follow", text)
        self.assertIn("rejected", text)
        self.assertIn("pickle/trailing-bytes", text)

    def test_broken_ones(self):
        self.assertIn("4  pickle/truncated", self.shown("--opcodes", b"\x80\x02NNX\x05\0\0\0abc", code=REJECTED))
        self.assertIn("3  pickle/opcode-unknown", self.shown("--globals", b"\x80\x02N\xff.", code=REJECTED))

    def test_a_frame_that_is_crossed(self):
        text = self.shown("--opcodes", b"\x80\x04\x95\x01" + bytes(7) + b"X\x03\0\0\0abc.", code=REJECTED)
        self.assertIn("crosses its frame's end", text)

    def test_hostile_text_is_escaped(self):
        text = self.shown("--opcodes", b"\x80\x02X\x0b\0\0\0\x1b[31m\xe2\x80\xae\n\x07a.")
        for character in "\x1b\u202e\x07":
            self.assertNotIn(character, text)

    def test_anything_ends(self):
        source = random.Random(5)
        for _ in range(60):
            data = bytes(source.choice(b"\x80\x02cX(0q\x00h.t\x93\x94\n\x01RUab") for _ in range(source.randrange(200)))
            code = self.run_command("inspect", "--opcodes", self.put("r.pkl", data)).returncode
            self.assertIn(code, (ACCEPTED, REJECTED, UNDECIDED, UNSUPPORTED))

    def test_no_such_file(self):
        self.run_command("inspect", "--opcodes", self.dir / "gone", code=UNDECIDED)
        self.run_command("inspect", "--opcodes", "--format", "json", self.put("a.pkl", b"N."), code=USAGE)


if __name__ == "__main__":
    unittest.main()
