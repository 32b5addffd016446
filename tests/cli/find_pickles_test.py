"""Where inspect --globals and --opcodes find pickles: by content, in any file, and their output if there is none."""

import bz2
import collections
import gzip
import io
import json
import lzma
import os
import pathlib
import pickle
import pickletools
import random
import re
import struct
import sys
import tarfile
import types
import unittest
import zipfile
import zlib

from convert_test import Storage, View, checkpoint
from support import ACCEPTED, GOOD, LFS, OVERLAP, REJECTED, UNDECIDED, UNSUPPORTED, SANITIZED, Case, safetensors, sampled, tensor

CORPUS = pathlib.Path(os.environ["TENSORGATE_CORPUS_DIR"])
STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


class System:
    def __reduce__(self):
        return os.system, ("id",)


EVIL = {protocol: pickle.dumps(System(), protocol) for protocol in range(6)}
PLAIN = {protocol: pickle.dumps({"a": [1, 2.5, None]}, protocol) for protocol in range(6)}
ORDERED = pickle.dumps(collections.OrderedDict(), 2)


def zipped(members, method=STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(members, format=tarfile.GNU_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def npy(content, descr="'|O'", version=1):
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(header) + 1)
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + b"\n" + content


def patched(content, where, at, value):
    place = content.index(where) + at
    return content[:place] + value + content[place + len(value):]


class Inspect(Case):
    def globals(self, content, code, name="file"):
        """The names that are shown, and all text."""
        result = self.run_command("inspect", "--globals", self.put(name, content), code=code)
        text = result.stdout.decode()
        self.assertNotIn("accepted", text)
        return re.findall(r"^ *\d+  (?:allowed|outside)  (\S+)", text, re.MULTILINE), text

    def finds(self, content, code=REJECTED, name="file"):
        names, text = self.globals(content, code, name)
        self.assertIn("posix.system", names, text)
        self.count = getattr(self, "count", 0) + 1
        if self.count % 10 == 1:
            result = self.run_command("inspect", "--opcodes", self.dir / name, code=code)
            self.assertNotIn(b"accepted", result.stdout)
            self.assertRegex(result.stdout, b'"posix" "system"|STACK_GLOBAL')
        return text

    def finds_none(self, content, name="file"):
        for option in ("--globals", "--opcodes"):
            result = self.run_command("inspect", option, self.put(name, content), code=UNSUPPORTED)
            self.assertIn(b"contains no pickle", result.stdout)
            self.assertNotIn(b"accepted", result.stdout)


class Members(Inspect):
    NAMES = ("model/pytorch_model.bin", "M.PKL", "payload", "m.joblib", "data.pkl", "x/data.pkl", "a.txt", "noext/", "\u00e9")

    def test_any_name_and_protocol(self):
        for name in self.NAMES[:-2] + self.NAMES[-1:]:
            for protocol, evil in EVIL.items():
                with self.subTest(name=name, protocol=protocol):
                    text = self.finds(zipped({"first": b"hello", name: evil, "last": bytes(100)}))
                    self.assertIn(f"{name}:\n", text)

    def test_archives_in_archives(self):
        content = EVIL[2]
        for depth in range(1, 12):
            content = (zipped if depth % 2 else tarred)({"first": b"hello", f"level{depth}": content, "last": b"hello"})
            with self.subTest(depth=depth):
                text = self.finds(content)
                self.assertIn(f"level{depth}", text)
        self.assertIn("a > b > c:\n", self.finds(zipped({"a": tarred({"b": zipped({"c": EVIL[4]})})})))

    def test_tar(self):
        storages = (pickle.dumps(1, 2) + pickle.dumps(("0", "cpu", "FloatStorage"), 2) + struct.pack("<q", 4) + b"x" * 16)
        for format in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT):
            members = {"sys_info": PLAIN[2], "pickle": EVIL[2], "storages": storages, "d/" + "n" * 90: EVIL[0]}
            text = self.finds(tarred(members, format))
            self.assertIn("pickle:\n", text)
            self.assertIn("storages:\n", text)
            self.assertEqual(text.count("posix.system"), 2)
        # Of the oldest kind, without a signature.
        old = patched(tarred({"pickle": EVIL[2]}), b"ustar", 0, bytes(8))
        old = old[:148] + b"%06o\0 " % (sum(old[:148]) + 8 * 32 + sum(old[156:512])) + old[156:]
        self.finds(old)

    def test_compressed(self):
        for members in ({"x.pkl": EVIL[2]}, {"weights": EVIL[2]}, {"a.txt": b"hello" * 50}, {"a\n\x01.pkl": EVIL[2]}):
            text = self.globals(zipped(members, DEFLATED), UNDECIDED)[1]
            self.assertIn("use/not-searched: not searched for pickles: it is compressed (deflate)", text)
        self.globals(zipped({"inner": zipped({"x": EVIL[2]}, DEFLATED)}), UNDECIDED)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("plain", EVIL[2], STORED)
            archive.writestr("packed", EVIL[2], DEFLATED)
        names, text = self.globals(out.getvalue(), UNDECIDED)
        self.assertEqual(names, ["posix.system"])
        self.assertIn("packed:\n", text)
        for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            self.globals(zipped({"x": EVIL[2]}, method), UNDECIDED)
        encrypted = patched(patched(zipped({"x": EVIL[2]}), b"PK\1\2", 8, b"\1"), b"PK\3\4", 6, b"\1")
        self.assertIn("it is encrypted", self.globals(encrypted, UNDECIDED)[1])

    def test_compressed_files(self):
        for pack in (gzip.compress, bz2.compress, lzma.compress, zlib.compress,
                     lambda data: zlib.compress(data, 1), lambda data: zlib.compress(data, 0),
                     lambda data: lzma.compress(data, lzma.FORMAT_ALONE)):
            for content in (EVIL[2], EVIL[4] * 100, pickle.dumps([random.random() for _ in range(4000)])):
                packed = pack(content)
                self.assertIn("it is compressed", self.globals(packed, UNDECIDED)[1])
                self.assertIn("it is compressed", self.globals(zipped({"x": packed}), UNDECIDED)[1])

    def test_what_the_list_says_is_not_believed(self):
        plain, packed = zipped({"m/data.pkl": EVIL[2]}), zipped({"m/data.pkl": EVIL[2]}, DEFLATED)
        for content in (
                patched(plain, b"PK\1\2", 20, struct.pack("<II", 5, 5)),  # sizes in the list
                patched(plain, b"PK\3\4", 18, struct.pack("<II", 5, 5)),  # and in the member's header
                patched(plain, b"PK\3\4", 18, struct.pack("<II", 1 << 31, 1 << 31)),
                patched(plain, b"PK\3\4", 18, struct.pack("<II", 0, 0)),
                patched(plain, b"PK\1\2", 42, struct.pack("<I", 999)),  # the member's place
                patched(plain, b"PK\1\2", 10, b"\0\1"),  # a method that does not exist
                plain[:plain.index(b"PK\1\2")], plain[:-1], plain[:-22], b"GARBAGE" * 9 + plain, plain + b"x" * 70000,
                plain + plain.replace(b"m/data", b"n/data"), plain.replace(b"PK\1\2", b"PK\1\1")):
            with self.subTest(content=content[:30]):
                code = UNDECIDED if b"PK\1\2" in content and content[content.index(b"PK\1\2") + 10:][:2] == b"\0\1" else REJECTED
                names, text = self.globals(content, code)
                self.assertIn("posix.system", names, text)
        for where in (b"PK\1\2", b"PK\3\4"):
            lie = patched(packed, where, 10 if where == b"PK\1\2" else 8, b"\0\0")
            self.assertIn("it is compressed (deflate)", self.globals(lie, UNDECIDED)[1])

    def test_many_members_are_named_once(self):
        text = self.globals(zipped({f"{i}": b"x" * 20 for i in range(1200)}, DEFLATED), UNDECIDED)[1]
        self.assertEqual(text.count("it is compressed (deflate)"), 1000)
        self.assertIn("more members than 1000", text)

    def test_hostile_names(self):
        text = self.finds(zipped({"\x1b[31m\u202e\r": EVIL[2], "n" * 60000: EVIL[2]}))
        for character in "\x1b\u202e\r":
            self.assertNotIn(character, text)
        self.assertLess(len(text), 2000)


class Numpy(Inspect):
    def test_arrays_of_objects(self):
        for version in (1, 2, 3):
            for protocol, evil in EVIL.items():
                array = npy(evil, version=version)
                self.finds(array, name="a.npy")
                self.finds(zipped({"a.npy": array}), name="a.npz")
        self.finds(npy(EVIL[2], "[('a', '<f4'), ('b', '|O')]"))
        # Several in one file, numbers first.
        self.finds(npy(bytes(8), "'<f8'") + npy(EVIL[2]))
        # What cannot be read as a pickle there is a damaged one.
        self.globals(npy(b"\xff\xff\xff"), REJECTED)

    def test_numbers(self):
        self.finds_none(npy(bytes(800), "'<f8'"), name="a.npy")
        self.finds_none(zipped({"a.npy": npy(bytes(800), "'<f8'"), "b.npy": npy(b"abc", "'|S3'")}), name="a.npz")
        self.globals(zipped({"a.npy": npy(bytes(800), "'<f8'")}, DEFLATED), UNDECIDED, name="a.npz")


class Joblib(Inspect):
    """As written by joblib: the elements of an array are in the middle of the pickle."""

    class Wrapper:
        def __init__(self, shape, dtype):
            self.subclass, self.shape, self.order, self.dtype, self.allow_mmap = System, shape, "C", dtype, True
            self.numpy_array_alignment_bytes = 16

    class Dtype:
        def __init__(self, name, flags=0):
            self.name, self.flags = name, flags

        def __reduce__(self):
            return type(self), (self.name, False, True), (3, "<", None, None, None, -1, -1, self.flags)

    def setUp(self):
        super().setUp()
        for name, attribute, kind in (("joblib", "x", None), ("joblib.numpy_pickle", "NumpyArrayWrapper", self.Wrapper), ("numpy", "dtype", self.Dtype)):
            module = types.ModuleType(name)
            setattr(module, attribute, kind)
            before = sys.modules.get(name)
            sys.modules[name] = module
            self.addCleanup(lambda name=name, before=before: sys.modules.__setitem__(name, before) if before
                            else sys.modules.pop(name))
            if kind:
                kind.__module__, kind.__qualname__, kind.__name__ = name, attribute, attribute

    def dump(self, value, protocol, raw=b"", padded=True):
        wrapper, dtype = self.Wrapper, self.Dtype

        class Pickler(pickle._Pickler):
            def save(self, obj, **options):
                super().save(obj, **options)
                if not isinstance(obj, wrapper):
                    return
                if self.proto >= 4:
                    self.framer.commit_frame(force=True)
                if obj.dtype.name.startswith("O") or obj.dtype.flags & 1:
                    self.framer.file_write(EVIL[5])
                    return
                if padded:
                    self.framer.file_write(b"\x05" + b"\xff" * 5)
                self.framer.file_write(raw)

        out = io.BytesIO()
        Pickler(out, protocol).dump(value)
        return out.getvalue()

    def test_on_both_sides_of_arrays(self):
        rows = (("f8", 0, (3, 4), 96), ("i2", 0, (), 2), ("U3", 0, (2,), 24), ("V12", 0, (2, 0), 0), ("S7", 0, (70000,), 490000))
        for protocol in range(5):
            for name, flags, shape, size in rows:
                with self.subTest(protocol=protocol, dtype=name):
                    # Elements that are opcodes of their own, a STOP among them.
                    raw = (b"N.\x80\x02K\x01.cx\ny\n." * (size // 13 + 1))[:size]
                    array = self.Wrapper(shape, self.Dtype(name, flags))
                    content = self.dump({"first": array, "same": self.Wrapper(shape, array.dtype), "last": System()}, protocol, raw)
                    text = self.finds(content)
                    self.assertNotIn("bytes follow", text)
                    opcodes = self.run_command("inspect", "--opcodes", self.put("file", content), code=REJECTED).stdout.decode()
                    self.assertEqual(opcodes.count("bytes of an array"), 2)
                    self.assertEqual(opcodes.count("  STOP "), 1)
                    self.assertRegex(opcodes, r" \[0\][^\n]*\n\Z")

    def test_objects_are_a_pickle_of_their_own(self):
        for protocol in range(5):
            for name, flags in (("O8", 0), ("V16", 1), ("V16", 63)):
                array = self.Wrapper((3,), self.Dtype(name, flags))
                text = self.finds(self.dump([array, collections.OrderedDict()], protocol))
                self.assertLess(text.index("posix.system"), text.index("OrderedDict"))

    def test_impossible_sizes(self):
        for name, shape in (("f8", (1 << 62, 8)), ("f", (2,)), ("f8", ("x",)), ("f99999999999", (1,)), ("f8", (1 << 20,))):
            content = self.dump([System(), self.Wrapper(shape, self.Dtype(name))], 2, bytes(16))
            self.finds(content)


class Streams(Inspect):
    def legacy(self, main, numbers=5):
        magic = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}]
        return b"".join(pickle.dumps(each, 2) for each in magic[:numbers]) + main + pickle.dumps([], 2)

    def test_legacy(self):
        for name in ("legacy-plain.pt", "legacy-views.pt", "legacy-long.pt"):
            path = CORPUS / "torch" / "accept" / name
            text = self.run_command("inspect", "--opcodes", path, code=ACCEPTED).stdout.decode()
            self.assertEqual(text.count("  STOP "), 5)
        text = self.finds(self.legacy(EVIL[2]))
        self.assertNotIn("bytes follow", text)
        # More than five, and storages between.
        self.finds(self.legacy(PLAIN[2]) + PLAIN[2] * 3 + EVIL[2])
        storage = struct.pack("<q", 40) + random.Random(1).randbytes(160)
        self.finds(self.legacy(ORDERED) + storage + EVIL[2])
        self.finds(self.legacy(ORDERED) + storage + self.legacy(EVIL[4]))
        self.finds(self.legacy(ORDERED) + random.Random(2).randbytes(6 << 20) + self.legacy(EVIL[4]) + bytes(9999))

    def test_one_after_the_other(self):
        for first in range(6):
            for second in range(6):
                for between in (b"", PLAIN[0], PLAIN[4] * 5):
                    self.finds(PLAIN[first] + between + EVIL[second])

    def test_after_a_prefix(self):
        source = random.Random(3)
        for protocol, evil in EVIL.items():
            for prefix in (b"MODEL\x01\x02\x03", b"hello world\nand more\n", bytes(100), source.randbytes(5000), b"{}\n",
                           source.randbytes((4 << 20) - 7), source.randbytes((4 << 20) - 300000), b"\x80\x02", b"(((((", b"\xff" * 77):
                with self.subTest(protocol=protocol, prefix=prefix[:20]):
                    self.finds(prefix + evil)
                    self.finds(prefix + evil + b"and more\n")

    def test_however_the_name_is_spelled(self):
        source = random.Random(5)
        rest = b"(X\x02\0\0\0idtR."
        spelled = [b"cposix\nsystem\n" + rest, b"(X\x02\0\0\0idiposix\nsystem\n."]
        texts = [b"\x8c%c%s", b"U%c%s", b"X%c\0\0\0%s", b"T%c\0\0\0%s", b"\x8d%c\0\0\0\0\0\0\0%s"]
        lines = [b"V%s\n", b"S'%s'\n", b'S"%s"\n']
        forms = [lambda name, form=form: form % (len(name), name) for form in texts]
        forms += [lambda name, form=form: form % name for form in lines]
        for module in forms:
            for name in forms:
                for put in (b"", b"\x94", b"q\x05", b"r\x05\0\0\0"):
                    spelled.append(module(b"posix") + put + name(b"system") + put + b"\x93" + rest)
        for content in spelled:
            with self.subTest(content=content):
                self.finds(source.choice((b"", b"\xfe\xff prefix ")) + content)

    def test_cut_short(self):
        for protocol, evil in EVIL.items():
            named = evil.index(b"system") + 9
            for end in (*range(named, len(evil), 3), len(evil) - 1):
                names, text = self.globals(evil[:end], REJECTED)
                self.assertIn("posix.system", names)
                self.assertIn("pickle/truncated", text)
                self.finds(zipped({"x": evil[:end], "y": b"hello"}))
        for end in range(1, len(PLAIN[2])):
            code = self.run_command("inspect", "--globals", self.put("x", PLAIN[2][:end])).returncode
            self.assertIn(code, (REJECTED, UNSUPPORTED))

    def test_a_frame_that_is_too_long(self):
        content = EVIL[4][:3] + struct.pack("<Q", 1 << 40) + EVIL[4][11:]
        self.assertIn("pickle/frame-past-end", self.finds(content))

    def test_larger_than_what_is_in_memory(self):
        source = random.Random(4)
        large = source.randbytes(9 << 20)
        for protocol in range(6):
            for value in ([large, System()], [large.hex(), System()], [list(range(500000)), System(), large]):
                content = pickle.dumps(value, protocol)
                self.finds(content)
                self.assertLess(self.peak_of(content), 200 << 20)
        # A line without an end.
        self.globals(b"\x80\x02I" + b"1" * (5 << 20), REJECTED)
        self.assertIn("--limit-header-bytes", self.run_command(
            "inspect", "--globals", "--limit-header-bytes", "3M", self.put("x", b"\x80\x02I" + b"1" * (9 << 20)),
            code=UNDECIDED).stdout.decode())

    def peak_of(self, content):
        script = ("import os, resource, sys; pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)\n"
                  "os.waitpid(pid, 0); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
        import subprocess
        from support import COMMAND
        result = subprocess.run([sys.executable, "-I", "-S", "-c", script, COMMAND, "inspect", "--globals",
                                 self.put("file", content)], capture_output=True, timeout=120)
        return int(result.stdout.split()[-1]) * 1024

    def test_too_many_opcodes(self):
        path = self.put("x", b"\x80\x02" + b"N0" * 1000 + b"cposix\nsystem\n)R.")
        text = self.run_command("inspect", "--globals", "--limit-pickle-operations", "100", path, code=UNDECIDED).stdout
        self.assertIn(b"--limit-pickle-operations", text)


class None_(Inspect):
    def test_other_formats(self):
        for content in (b"", b"\n", b"hello\n", b"Copyright 2012 Somebody. All rights reserved.\n", b"certifi is fine\nreally\n",
                        b"basic\nconfig\n.github\n", b"docs\ntests\n.\n", b"so (if\nneeded\n(or not\n", b"import os\nimport sys\n",
                        b"case A\ncase B\n" * 50, b"{}", b'{"error":"gone"}', b"<html>404</html>", LFS, GOOD, OVERLAP,
                        b"GGUF" + bytes(200), b"\x89HDF\r\n\x1a\n" + bytes(900), b"\x89PNG\r\n\x1a\n" + bytes(90), b"%PDF-1.4\n",
                        b"\x7fELF" + bytes(range(256)) * 20, b"PK\5\6" + bytes(18), b"PK\3\4", b"PK\1\2" * 99, b"\x80",
                        zipped({"a.txt": b"hello", "d/b.json": b"{}"}), tarred({"a.txt": b"hello", "b": bytes(9000)}),
                        bytes(5000), bytes(range(256)) * 50, b"\xff" * 99):
            with self.subTest(content=content[:30]):
                self.finds_none(content)
                self.finds_none(zipped({"x": content, "y": b""}) if content[:2] != b"PK" and content else content)

    def test_length_bytes_of_safetensors(self):
        header = b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
        for length in (0x0280, 0x0480, 0x9C78, 0x5D, 0x88B1F, 93, 0x2E4E):
            self.finds_none(safetensors(header.ljust(length)), name="m.dat")
            self.finds_none(safetensors(header.ljust(length)), name="m.safetensors")

    def test_accepted_files_of_the_corpus(self):
        manifest = json.loads((CORPUS / "manifest.json").read_text())
        seen = collections.Counter()
        for entry in sampled(manifest["entries"]):
            if entry["big"] or "files" in entry or entry["limits"] or entry["strict"]["verdict"] != "accepted":
                continue
            path = CORPUS / entry["path"]
            report = self.scan_one(path)
            if report["verdict"] != "accepted":
                continue  # it cannot be distinguished from other bytes
            with self.subTest(path=entry["path"]):
                code = UNSUPPORTED if report["format"] in ("safetensors", "numpy") else ACCEPTED
                result = self.run_command("inspect", "--globals", path, code=code)
                self.assertNotIn(b"outside", result.stdout)
                self.assertNotIn(b"accepted", result.stdout)
                seen[entry["format"]] += 1
        self.assertGreater(min(seen[each] for each in ("safetensors", "torch", "zip", "pickle")), 2 if SANITIZED else 20)

    def test_a_rejected_file_never_ends_with_0(self):
        manifest = json.loads((CORPUS / "manifest.json").read_text())
        for entry in sampled(manifest["entries"]):
            if entry["big"] or "files" in entry or entry["limits"] or entry["strict"]["verdict"] != "rejected":
                continue
            result = self.run_command("inspect", "--globals", CORPUS / entry["path"])
            with self.subTest(path=entry["path"]):
                self.assertIn(result.returncode, (REJECTED, UNDECIDED, UNSUPPORTED))
                if result.returncode == UNSUPPORTED:
                    self.assertIn(b"contains no pickle", result.stdout)

    def test_storages_are_data(self):
        # Every byte of an accepted file is known: a record is not a pickle, whatever it starts with.
        record = EVIL[2].ljust(64, b".")
        view = View(Storage(0, "ByteStorage", 64), 0, (64,), (1,))
        content = checkpoint({"w": view}, {0: record})
        self.assertEqual(self.scan_one(self.put("x.pt", content))["verdict"], "accepted")
        names, _ = self.globals(content, ACCEPTED)
        self.assertNotIn("posix.system", names)


class Within(Inspect):
    """What a pickle holds as text, bytes or an array is searched as well."""

    def test_pickles_in_pickles(self):
        content = EVIL[2]
        for depth in range(7):
            for protocol in (3, 4, 5):
                self.finds(pickle.dumps([1, content.ljust(20), 2], protocol))
            content = pickle.dumps({"inner": content, "n": depth}, 4)
        for _ in range(12):
            content = pickle.dumps([collections.OrderedDict(), content.ljust(20)], 4)
        names, text = self.globals(content, UNDECIDED)
        self.assertIn("nested too deeply", text)
        self.finds(pickle.dumps(bytes(5 << 20) + EVIL[4] + bytes(5 << 20), 4))
        self.finds(pickle.dumps("text " * 9 + EVIL[0].decode("latin-1") + " text", 4))

    def test_an_archive_that_a_pickle_swallows(self):
        # The first member claims all bytes up to the last one, and to a pickle it is a text of that length.
        for hidden, code in ((EVIL[2], REJECTED), (None, UNDECIDED)):
            second = zipped({"evil.pkl": hidden}) if hidden else zipped({"evil.pkl": EVIL[2]}, DEFLATED)
            for text in (b"X", b"\x8d", b"\x8e"):
                body = b"\x80\x02NNN0" + b"N0" * 4
                wide = 4 if text == b"X" else 8
                length = len(second) - 1
                first = body + text + length.to_bytes(wide, "little")
                header = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 0, 0, len(first) + length + 1, len(first) + length + 1, 1, 0)
                names, shown = self.globals(header + b"a" + first + second[:-1] + b".", code)
                self.assertIn("posix.system" if hidden else "it is compressed (deflate)", names if hidden else shown)

    def test_text_that_is_not_a_pickle(self):
        text = "basic\nconfig\n(if\nneeded\n.github\ndocs\ntests\n" * 20
        for protocol in (0, 2, 4):
            content = pickle.dumps([text, text.encode()], protocol)
            names, _ = self.globals(content, ACCEPTED if protocol == 2 else REJECTED)
            self.assertLessEqual(set(names), {"_codecs.encode"})


class Verdicts(Inspect):
    def test_what_a_scan_finds_besides(self):
        for content, rule in ((PLAIN[2] + b"junk", "pickle/trailing-bytes"), (zipped({"data.pkl": PLAIN[2]}), "torch/root-missing")):
            self.assertIn(rule, self.globals(content, REJECTED)[1])

    def test_names_that_pytorch_calls_and_a_scan_refuses(self):
        for name in ("torch._utils\n_rebuild_sparse_tensor", "torch._tensor\n_rebuild_from_type_v2"):
            path = self.put("x.pkl", b"\x80\x02c" + name.encode() + b"\n.")
            text = self.run_command("inspect", "--globals", path).stdout.decode()
            if self.scan_one(path)["verdict"] == "rejected":
                self.assertIn("outside", text)

    def test_opcodes_that_are_refused_are_said(self):
        text = self.globals(PLAIN[4], REJECTED)[1]
        self.assertIn("refused  the opcode FRAME  pickle/opcode-outside", text)
        self.assertIn("pickle/opcode-extension", self.globals(b"\x80\x02\x82\x05)R.", REJECTED)[1])

    def test_no_verdict_on_what_cannot_be_read(self):
        self.assertIn(b"undecided", self.run_command("inspect", "--globals", self.dir / "none", code=UNDECIDED).stdout)
        self.run_command("inspect", "--globals", self.dir, code=UNDECIDED)


class Oracle(Inspect):
    def names_of(self, data):
        """By pickletools, of a pickle that CPython wrote."""
        names, texts, memo, count = [], [], {}, 0
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name in ("GLOBAL", "INST"):
                names.append(argument.replace(" ", "."))
                texts.append(None)
            elif opcode.name == "STACK_GLOBAL":
                names.append(".".join(texts[-2:]))
                texts.append(None)
            elif "UNICODE" in opcode.name:
                texts.append(argument)
            elif opcode.name == "MEMOIZE":
                memo[len(memo)] = texts[-1] if texts else None
            elif opcode.name in ("BINGET", "LONG_BINGET"):
                texts.append(memo.get(argument))
            elif opcode.name not in ("PROTO", "FRAME"):
                texts.append(None)
        return names

    def test_any_nesting(self):
        source = random.Random(11)
        values = [System(), collections.OrderedDict(a=1), {"k": [System(), 3]}, Exception("x"), 2.5, "text", [collections.deque([1])]]
        for _ in range(150):
            pieces, expected = [], []
            for _ in range(source.randrange(1, 4)):
                data = pickle.dumps(source.sample(values, source.randrange(1, 4)), source.randrange(6))
                pieces.append(data)
                expected += self.names_of(data)
            for depth in range(source.randrange(4)):
                wrap = source.randrange(3 if depth else 4)
                if wrap == 0:
                    pieces = [zipped({f"m{i}": piece for i, piece in enumerate(pieces)})]
                elif wrap == 1:
                    pieces = [tarred({f"t{i}": piece for i, piece in enumerate(pieces)})]
                elif wrap == 2:
                    pieces = [zipped({"x": source.randbytes(source.randrange(300)), **{f"n{i}": p for i, p in enumerate(pieces)}})]
                else:
                    pieces = [npy(piece) for piece in pieces]
            content = b"".join(pieces)
            result = self.run_command("inspect", "--globals", self.put("file", content))
            found = re.findall(r"^ *\d+  (?:allowed|outside)  (\S+)", result.stdout.decode(), re.MULTILINE)
            # Of plain pickles without a name that follow others nothing is expected.
            self.assertEqual(found, expected, content)

    def test_broken_ones_end(self):
        source = random.Random(12)
        seeds = [zipped({"a": EVIL[2], "b.npy": npy(EVIL[4])}), tarred({"a": EVIL[0]}), EVIL[4] * 3, npy(EVIL[2]),
                 (CORPUS / "torch/accept/views.pt").read_bytes(), (CORPUS / "torch/accept/legacy-views.pt").read_bytes()]
        for _ in range(400):
            content = bytearray(source.choice(seeds))
            for _ in range(source.randrange(1, 8)):
                content[source.randrange(len(content))] = source.choice((0, 1, 10, 127, 128, 255, source.randrange(256)))
            del content[source.randrange(len(content)) + 1 if source.random() < 0.3 else len(content):]
            for option in ("--globals", "--opcodes"):
                result = self.run_command("inspect", option, self.put("file", bytes(content)))
                self.assertIn(result.returncode, (ACCEPTED, REJECTED, UNDECIDED, UNSUPPORTED))


if __name__ == "__main__":
    unittest.main()
