"""The language: what each directive writes."""
import os
import pickle
import struct
import unittest
import zlib

from support import HEAD, CorpusCase


class Integers(CorpusCase):
    def test_widths_orders_and_signs(self):
        self.assertEqual(self.bytes_of("u8 1, 0xff i8 -1"), b"\x01\xff\xff")
        self.assertEqual(self.bytes_of("u16le 0x102 u16be 0x102"), b"\2\1\1\2")
        self.assertEqual(self.bytes_of("u32le 7 u32be 7"), struct.pack("<I", 7) + struct.pack(">I", 7))
        self.assertEqual(self.bytes_of("u64le 2**64 - 1"), b"\xff" * 8)
        self.assertEqual(self.bytes_of("i64be -2"), struct.pack(">q", -2))
        self.assertEqual(self.bytes_of("i16le -300"), struct.pack("<h", -300))

    def test_arithmetic(self):
        self.assertEqual(self.bytes_of("text 2 + 3 * 4"), b"14")
        self.assertEqual(self.bytes_of("text (2 + 3) * 4 / 3"), b"6")
        self.assertEqual(self.bytes_of("text 2**3**2"), b"512")
        self.assertEqual(self.bytes_of("text -5 + 1_000"), b"995")


class Strings(CorpusCase):
    def test_escapes(self):
        body = '"a\\n\\r\\t\\0\\\\\\"\\xff\\u{e9}\\u{d800}"'
        self.assertEqual(self.bytes_of(body), b'a\n\r\t\0\\"\xff\xc3\xa9\xed\xa0\x80')

    def test_raw_strings_have_no_escapes(self):
        self.assertEqual(self.bytes_of('`{"a":"\\u0061"} # no comment`'), b'{"a":"\\u0061"} # no comment')

    def test_hex_and_comments(self):
        self.assertEqual(self.bytes_of('hex "00 fF\ta0" # "x"\n'), b"\x00\xff\xa0")


class Pickles(CorpusCase):
    def test_a_pickle(self):
        body = 'pickle { PROTO 2 GLOBAL "evil_mod" "evil_fn" EMPTY_TUPLE REDUCE STOP }'
        self.assertEqual(self.bytes_of(body), b"\x80\x02cevil_mod\nevil_fn\n)R.")

    def test_arguments(self):
        self.assertEqual(self.bytes_of("pickle { BININT -2 BININT1 255 BININT2 0x102 }"), b"J\xfe\xff\xff\xffK\xffM\2\1")
        self.assertEqual(self.bytes_of('pickle { BINUNICODE "ab" SHORT_BINSTRING "c" }'), b"X\2\0\0\0abU\1c")
        self.assertEqual(self.bytes_of('pickle { BINFLOAT "1.5" INT "5" }'), b"G" + struct.pack(">d", 1.5) + b"I5\n")
        self.assertEqual(self.bytes_of('pickle { LONG1 -2**63 LONG1 "\\0" }'), b"\x8a\x08" + b"\0" * 7 + b"\x80\x8a\1\0")
        for value in (0, 1, -1, 127, 128, -128, -129, 255, 256, 2**70, -(2**70)):
            text = str(value) if value >= 0 else f"-{-value}"
            self.assertEqual(self.bytes_of(f"pickle {{ LONG1 {text} }}")[2:], pickle.encode_long(value))

    def test_lies_and_labels(self):
        self.assertEqual(self.bytes_of('pickle { BINUNICODE(length=9) "a" BINSTRING(length=-1) "" }'),
                         b"X\x09\0\0\0aT\xff\xff\xff\xff")
        self.assertEqual(self.bytes_of("pickle { FRAME len(a..b) label a NONE STOP label b }"), b"\x95\2" + bytes(7) + b"N.")

    def test_other_directives_inside(self):
        self.assertEqual(self.bytes_of("pickle { u8 0xff repeat 2 { NONE } }"), b"\xffNN")
        self.assertEqual(self.bytes_of('template t(k) { pickle { BINUNICODE $k } } pickle { t("a") STOP }'), b"X\1\0\0\0a.")

    def test_opcodes_are_only_in_pickles(self):
        self.assertIn("directive STOP", str(self.message_of("STOP")))
        self.assertIn("expected a text", str(self.message_of("pickle { BINUNICODE 5 }")))
        self.assertIn("unsigned integer", str(self.message_of("pickle { BININT1 256 }")))
        self.assertIn("length", str(self.message_of('pickle { BINUNICODE(size=1) "a" }')))


class Layout(CorpusCase):
    def test_labels_reach_forward_and_back(self):
        body = "label a u8 at(end), at(a) u16le len(a..end) label end"
        self.assertEqual(self.bytes_of(body), b"\4\0\4\0")

    def test_align(self):
        self.assertEqual(self.bytes_of("`abc` align 8 with 0x20 `d` align 4"), b"abc     d\0\0\0")
        self.assertEqual(self.bytes_of("align 8"), b"")

    def test_repeat(self):
        self.assertEqual(self.bytes_of("repeat 3 { `ab` }"), b"ababab")
        self.assertEqual(self.bytes_of("repeat i 3 { text $i * 2 `,` }"), b"0,2,4,")
        self.assertEqual(self.bytes_of("repeat 1000000 { `xy` }"), b"xy" * 1000000)
        self.assertEqual(self.bytes_of("repeat 0 { `ab` }"), b"")

    def test_labels_in_a_repeat_are_its_own(self):
        self.assertEqual(self.bytes_of("repeat 2 { label x u8 at(x) }"), b"\0\1")

    def test_crc32(self):
        body = "u32le crc32(a..b) label a `hello` label b"
        self.assertEqual(self.bytes_of(body), struct.pack("<I", zlib.crc32(b"hello")) + b"hello")

    def test_crc32_covers_patched_fields_and_holes(self):
        body = "label a u8 at(b) hole 3 label b u32le crc32(a..b)"
        self.assertEqual(self.bytes_of(body), b"\4\0\0\0" + struct.pack("<I", zlib.crc32(b"\4\0\0\0")))

    def test_deflate(self):
        data = self.bytes_of("`<` deflate { repeat 100 { `ab` } label x u8 at(x) } `>`")
        self.assertEqual(zlib.decompress(data[1:-1], -15), b"ab" * 100 + b"\xc8")

    def test_holes_are_sparse(self):
        compiled = self.compiled("`a` hole 50000000 `b`")
        path = os.path.join(self.root, "out")
        with open(path, "wb") as file:
            compiled.output.write(file)
        status = os.stat(path)
        self.assertEqual(status.st_size, 50000002)
        self.assertLess(status.st_blocks * 512, 1 << 20)
        with open(path, "rb") as file:
            data = file.read()
        self.assertEqual((data[:2], data[-2:]), (b"a\0", b"\0b"))
        self.assertEqual(data.count(0), 50000000)

    def test_hole_at_the_end(self):
        self.assertEqual(self.bytes_of("`a` hole 3"), b"a\0\0\0")


class Templates(CorpusCase):
    def test_header_computes_its_length(self):
        self.assertEqual(self.bytes_of("header { `{}` }"), b"\2" + bytes(7) + b"{}")
        self.assertEqual(self.bytes_of("header(pad=8) { `{}` }"), b"\x08" + bytes(7) + b"{}      ")

    def test_fields_can_be_overridden(self):
        self.assertEqual(self.bytes_of("header(length=2**64 - 1) { `{}` }"), b"\xff" * 8 + b"{}")
        plain = b'"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}'
        self.assertEqual(self.bytes_of("tensor()"), plain)
        self.assertEqual(self.bytes_of("tensor(shape=`-2,-2`)"), plain.replace(b"[4]", b"[-2,-2]"))
        self.assertEqual(self.bytes_of('tensor("b", "U8", 1, end=1)'), plain.replace(b'"a"', b'"b"')
                         .replace(b"F32", b"U8").replace(b"[4]", b"[1]").replace(b"16", b"1"))

    def test_own_template_with_a_block(self):
        body = "template twice(n=2) { u8 $n block block } twice(n=7) { `x` } twice { `y` }"
        self.assertEqual(self.bytes_of(body), b"\7xx\2yy")

    def test_templates_in_templates(self):
        body = "template in(x) { text $x } template out(y) { in($y + 1) } out(4)"
        self.assertEqual(self.bytes_of(body), b"5")


class Files(CorpusCase):
    def test_several_files(self):
        compiled = self.compiled('file "a.bin" { `1` label x u8 at(x) } file "b/c.bin" { `2` }')
        self.assertEqual({k: v.to_bytes() for k, v in compiled.files.items()}, {"a.bin": b"1\1", "b/c.bin": b"2"})

    def test_include_of_a_recipe_takes_its_body(self):
        self.write("safetensors/reject/y.recipe", "about: y\nverdict: accepted\n---\n`inner`\n")
        self.assertEqual(self.bytes_of('`<` include "../reject/y.recipe" `>`'), b"<inner>")

    def test_offset_of_the_head(self):
        head = "about: x\nverdict: rejected\nrule: a/b\noffset: {}\nreference: accepted\n---\n"
        for text, value in (("3", 3), ("at(x)", 2), ("find(`c`)", 2), ("find(`c`, 2)", 4), ("len(x..y) + 1", 2)):
            compiled = self.compiled("`ab` label x `c` label y `dc`", head=head.format(text))
            self.assertEqual(compiled.offset, value, text)

    def test_same_text_same_bytes(self):
        body = "header(pad=8) { `{` tensor() `}` } deflate { zero 999 } u32le crc32(a..b) label a `x` label b"
        self.assertEqual(self.bytes_of(body), self.bytes_of(body))
        self.assertEqual(self.compiled(body).output.sha256(), self.compiled(body).output.sha256())


class Heads(CorpusCase):
    def test_everything(self):
        head = (
            "about: x\nverdict: undecided\nrule: limit/rank\noffset: 1\nreference: rejected\n"
            "reference-rule: a/b\nreference-error: InvalidOffset\nwarns: a/b c/d\nreaders: CPP=A SD=X\n"
            "limits: rank=3 tensors=1\nbig: yes\nsuffix: .bin\n---\n"
        )
        compiled = self.compiled("`ab`", head=head)
        self.assertEqual(compiled.head.limits, {"rank": 3, "tensors": 1})
        self.assertEqual(compiled.head.readers, {"safetensors-cpp": "accepts", "stable-diffusion.cpp": "crashes"})
        self.assertEqual((compiled.head.suffix, compiled.head.big, compiled.offset), (".bin", True, 1))
        self.assertEqual(compiled.head.warns, ("a/b", "c/d"))

    def test_comments_and_blank_lines(self):
        self.assertEqual(self.bytes_of("`a`", head="# why\n\n" + HEAD), b"a")


if __name__ == "__main__":
    unittest.main()
