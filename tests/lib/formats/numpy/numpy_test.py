"""The library's result for .npy files, against NumPy itself: files that NumPy writes, and randomly changed headers.

TENSORGATE_NUMPY_COUNT: number of changed headers, 2,000 per second; TENSORGATE_NUMPY_SEED: other headers.
"""
import ast
import io
import os
import pathlib
import random
import re
import resource
import struct
import subprocess
import tempfile
import unittest
import warnings

try:
    import numpy
except ImportError:
    numpy = None

FACTS = os.environ["TENSORGATE_NUMPY_FACTS"]
COUNT = int(os.environ.get("TENSORGATE_NUMPY_COUNT", "10000"))
BATCH = 2000
DTYPES = {
    "BOOL": "|b1", "U8": "|u1", "I8": "|i1", "U16": "<u2", "I16": "<i2", "F16": "<f2", "U32": "<u4", "I32": "<i4",
    "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8", "C64": "<c8",
}  # fmt: skip
STRINGS = ("|b1 |i1 |u1 <i2 <i4 <i8 <u2 <u4 <u8 <f2 <f4 <f8 <c8 <c16 >f4 >i2 >c16 >u8 |S3 <U2 >U2 |V5 <V2 <M8[ns] "
           "<m8[25s] <M8[D] >M8[us]").split()  # fmt: skip
ODD = ("f4 =f4 |f4 float32 <f1 <f16 <c32 <f3 |O |O8 O object S U V S0 |S0 |V0 <U0 a4 <M8 M8[s] m8[0s] M8[generic] <b1 "
       "<u1 >i1 >S2 e ? L g T <i4, |S05 |S+4 <f04 datetime64[s] <float32 <i16 M [ns] bool").split()  # fmt: skip
FIELDS = (
    "[('a', '<f4'), ('b', '<i8')]", "[('a', '<f4', (2, 3))]", "[(('title', 'a'), '<f4'), ('b', '|b1')]",
    "[('a', '<f4'), ('', '|V4'), ('b', '<i8')]", "[('a', [('x', '<f4')], (2,)), ('b', '>u2')]",
    "[('a', '<f4'), ('a', '<f4')]", "[('a', '|O')]", "[]", "[('', '<f4')]", "('<f4', (1,))", "[('a', '<f4', 2)]",
    "[('a', '|V0', (5, 2)), ('b', '<f4')]", "[('a', '<f4', [])]",
)  # fmt: skip
NUMBERS = ("0", "1", "2", "3", "7", "2L", "-1", "0x2", "True", "02", "1_0", "+2", "2.0", "-.", "9223372036854775807",
           "18446744073709551616", "4294967296")  # fmt: skip
PIECES = ("'", '"', "(", ")", "[", "]", "{", "}", ",", ":", " ", "\t", "\n", "\\\n", "#", "\\", "L", "u", "r", "b", "-", "+",
          "\\x34", "\\1", "'''", ";", "\0", "\x0c", "\r", "\xe9", ".", "_", "j", "e5", "0", "9", "True", "None")  # fmt: skip


def file_of(header, data=b"", version=(1, 0)):
    if isinstance(header, str):
        header = header.encode("utf-8" if version == (3, 0) else "latin-1")
    length = struct.pack("<H" if version[0] == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes(version) + length + header + data


def saved(array, version=None):
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        numpy.lib.format.write_array(out, array, version)
    return out.getvalue()


def judged(files):
    data = b"".join(struct.pack("<I", len(file)) + file for file in files)
    done = subprocess.run([FACTS], input=data, stdout=subprocess.PIPE, check=True, timeout=250)
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    assert len(lines) == len(files)
    return lines


def strings_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from strings_of(item)


def has_list(file):
    """Not modeled: several types in one string, as "f4,f4" or "2f4", and "af" for a field "a"."""
    begin, form = (10, "<H") if file[6] == 1 else (12, "<I")
    length = struct.unpack_from(form, file, 8)[0]
    header = re.sub(r"(?<=[0-9])[ \t]*L", "", file[begin:begin + length].decode("latin-1").strip())
    try:
        descr = ast.literal_eval(header)["descr"]
    except SyntaxError:  # Python 2 numbers that are not plain
        return True
    return any(re.match(r"[<>|=]? *[(0-9]|.*,|..\Z", each, re.S) for each in strings_of(descr))


@unittest.skipUnless(numpy, "without numpy")
class NumpyTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.random = random.Random(os.environ.get("TENSORGATE_NUMPY_SEED", "15"))
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name, "x.npy")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def loaded(self, file):
        """The array, or None if NumPy refuses it."""
        self.path.write_bytes(file)
        # A header may state more elements than there is memory for.
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (1 << 32, before[1]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return numpy.load(self.path, allow_pickle=False)
            except Exception:  # Python's parser and NumPy raise a dozen kinds
                return None
            finally:
                resource.setrlimit(resource.RLIMIT_AS, before)

    def compare(self, file, line):
        """Strict: the same array. Reference profile: the same verdict."""
        strict, _, reference, _, *facts = line
        array = self.loaded(file)
        if strict == "accepted":
            self.assertIsNotNone(array, file)
            begin, size, order, dtype, *shape = facts
            self.assertEqual(array.shape, tuple(map(int, shape)), file)
            self.assertEqual(int(begin) + int(size), len(file), file)
            self.assertEqual(array.tobytes(order), file[int(begin):], file)
            if dtype != "-":
                self.assertEqual(array.dtype.str, DTYPES[dtype], file)
            else:
                self.assertNotIn(array.dtype.str, DTYPES.values(), file)
        return (reference == "accepted") == (array is not None), array is not None

    def arrays(self):
        for dtype in STRINGS:
            for shape in ((), (1,), (3,), (0,), (2, 3), (2, 0, 3), (1,) * 32, (2, 1, 3)):
                array = numpy.zeros(shape, dtype)
                if array.nbytes and dtype != "|b1":
                    array = numpy.frombuffer(self.random.randbytes(array.nbytes), dtype).reshape(shape)
                yield from (array, numpy.asfortranarray(array))
        yield numpy.zeros(3, [("a", "<f4"), ("b", "<i8", (2,))])
        yield numpy.zeros(3, numpy.dtype([("a", "|i1"), ("b", "<i8")], align=True))
        yield numpy.zeros((2, 2), [("a", [("x", "<f4"), ("y", ">u2")], (2,)), ("\u00e9", "|S2")])
        yield numpy.zeros(3, [(("title", "name"), "<f4")])
        yield numpy.zeros(3, [("\u4e2d", "<f4")])

    def test_what_numpy_writes_is_accepted(self):
        files = []
        for array in self.arrays():
            wide = array.dtype.names and "\u4e2d" in array.dtype.names
            for version in ((3, 0),) if wide else (None, (1, 0), (2, 0), (3, 0)):
                files.append(saved(array, version))
        for file, line in zip(files, judged(files)):
            self.assertEqual(line[0:4:2], ["accepted", "accepted"], (file, line))
            self.assertEqual(self.compare(file, line), (True, True))
        self.assertGreater(len(files), 1500)

    def test_objects_are_refused(self):
        for array in (numpy.array([{}, None], object), numpy.zeros(2, [("a", "<f4"), ("b", object)])):
            self.assertEqual(judged([saved(array)])[0][:4], ["rejected", "numpy/descr-object"] * 2)

    def test_every_byte_of_a_small_file(self):
        """Every truncation and every changed byte: the reference profile predicts NumPy, and strict is right."""
        known = numpy.lib.NumpyVersion(numpy.__version__) >= "2.0.0"
        whole = file_of("{'descr': '<i2', 'fortran_order': True, 'shape': (1,2)}\n", b"abcd")
        files = [whole[:size] for size in range(6, len(whole))] + [whole + b"x"]
        for at in range(6, len(whole)):
            files += [whole[:at] + bytes([value]) + whole[at + 1:] for value in range(0, 256, 1 if at % 8 == 0 else 3)]
        for file, line in zip(files, judged(files)):
            agrees, loads = self.compare(file, line)
            listed = loads and line[3] == "numpy/descr-unknown" and has_list(file)
            self.assertTrue(agrees or listed or not known, (file, line))

    def header(self):
        choose, chance = self.random.choice, self.random.random
        descr = choose(FIELDS) if chance() < 0.2 else repr(choose(ODD if chance() < 0.3 else STRINGS))
        numbers = [choose(NUMBERS[:5]) if chance() < 0.9 else choose(NUMBERS) for _ in range(choose((0, 1, 1, 1, 2, 3)))]
        shape = "(" + ", ".join(numbers) + ("," if len(numbers) == 1 or chance() < 0.1 else "") + ")"
        entries = [f"'descr': {descr}", f"'fortran_order': {choose(('False', 'True'))}", f"'shape': {shape}"]
        if chance() < 0.1:
            self.random.shuffle(entries)
        if chance() < 0.05:
            entries.append(choose(("'shape': (1,)", "'descr': '<f4'", "'x': 1", "'fortran_order': False")))
        text = "{" + ", ".join(entries) + choose((", }", "}")) + " " * choose((0, 0, 7)) + choose(("\n", "\n", ""))
        for _ in range(choose((0, 0, 1, 1, 1, 2, 3))):
            at = self.random.randrange(len(text) + 1)
            if chance() < 0.7:
                piece = choose(PIECES)
                text = text[:at] + piece + text[at + (1 if chance() < 0.5 else 0):]
            else:
                text = text[:at] + text[at + choose((1, 1, 2, 5)):]
        return text

    def made(self):
        """A file whose data are about as long as the header says, as far as that can be known."""
        text = self.header()
        version = self.random.choice(((1, 0),) * 6 + ((2, 0), (3, 0), (3, 0), (1, 1), (4, 0)))
        size = self.random.choice((0, 1, 4, 8, 16))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                values = ast.literal_eval(text.replace("L", ""))
                size = numpy.dtype(numpy.lib.format.descr_to_dtype(values["descr"])).itemsize
                for dimension in values["shape"]:
                    size *= dimension
        except Exception:  # as above
            pass
        size += self.random.choice((0,) * 20 + (1, -1))
        data = self.random.randbytes(size) if isinstance(size, int) and 0 <= size < 100_000 else b""
        return file_of(text, data if self.random.random() < 0.5 else bytes(len(data)), version)

    def test_changed_headers(self):
        known = numpy.lib.NumpyVersion(numpy.__version__) >= "2.0.0"
        accepted = read = wrong = refused = 0
        for _ in range(0, COUNT, BATCH):
            files = [self.made() for _ in range(min(BATCH, COUNT))]
            for file, line in zip(files, judged(files)):
                agrees, loads = self.compare(file, line)
                accepted += line[0] == "accepted"
                read += loads
                # Files that the reference profile refuses because it does not model them are refused by strict, too.
                listed = loads and line[3] == "numpy/descr-unknown" and has_list(file)
                if known and not agrees and not listed:
                    wrong += not loads
                    refused += loads
                    print("reference:", line[:4], "NumPy loads it:", loads, file[:150])
        print(f"\n{COUNT} headers: NumPy reads {read}, strict accepts {accepted}, "
              f"predicted wrongly {wrong + refused}")
        self.assertGreater(accepted, COUNT // 20)
        self.assertGreater(read, accepted)
        self.assertEqual(wrong, 0)
        # As strings of bytes under a key that is there again.
        self.assertLessEqual(refused, COUNT // 10_000)


if __name__ == "__main__":
    unittest.main()
