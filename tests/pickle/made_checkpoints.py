"""Random checkpoints for compare_files_with_torch.py: archives and legacy streams, most of them as torch.save could have written them.

  maker = Made(random.Random(1))
  data = maker.file()     # bytes
"""
import io
import random
import struct
import zlib

STORAGES = {"FloatStorage": 4, "DoubleStorage": 8, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8, "IntStorage": 4,
            "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1, "BoolStorage": 1, "ComplexFloatStorage": 8,
            "ComplexDoubleStorage": 16, "QInt8Storage": 1}  # fmt: skip
NEW_DTYPES = ("uint16", "uint32", "uint64", "float8_e5m2", "float8_e4m3fn", "float8_e5m2fnuz", "float8_e4m3fnuz", "complex32",
              "bits8", "bits16", "bits1x8", "bits2x4", "bits4x2", "float8_e8m0fnu", "float4_e2m1fn_x2", "float32", "uint4",
              "quint8")  # fmt: skip
LOCATIONS = ("cpu",) * 20 + ("cuda:0", "cuda", "mps", "xpu:1", "cuda:127", "cuda:128", "cuda:00", "cpu:0", "xla:0", "disk", "meta", "hpu")
DEVICES = ("cpu", "cuda", "mps", "meta", "xla", "hpu", "mtia", "ve", "fpga", "vulkan", "privateuseone", "disk", "CPU", "cpu:0")
LAYOUTS = ("torch.strided", "torch.sparse_coo", "torch.sparse_csr", "torch.sparse_bsc", "torch._mkldnn", "torch.jagged", "torch.dense")
ORDERED = b"ccollections\nOrderedDict\n)R"
LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def numbers(values):
    return b"(" + b"".join(map(number, values)) + b"t"


def floating(value):
    return b"G" + struct.pack(">d", value)


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


class Archive:
    """The layout of torch.save: each record at a multiple of 64."""

    def __init__(self, root="archive", alignment=64):
        self.root, self.alignment, self.file, self.list, self.count = root, alignment, b"", b"", 0

    def add(self, record, data):
        path, crc = f"{self.root}/{record}".encode(), zlib.crc32(data)
        fields = struct.pack("<HHHHHIII", 0, 0x800, 0, 0, 0, crc, len(data), len(data))
        start = len(self.file) + 34 + len(path)
        pad = -start % self.alignment
        self.list += struct.pack("<IH", 0x02014B50, 0) + fields + struct.pack("<HHHHHII", len(path), 0, 0, 0, 0, 0, len(self.file)) + path
        self.file += struct.pack("<I", 0x04034B50) + fields + struct.pack("<HH", len(path), 4 + pad) + path
        self.file += b"FB" + struct.pack("<H", pad) + b"Z" * pad + data
        self.count += 1

    def end(self):
        return self.file + self.list + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, self.count, self.count, len(self.list), len(self.file), 0)


class Made:
    def __init__(self, source, numpy=False):
        self.random, self.numpy = source, numpy

    def chance(self, share):
        return self.random.random() < share

    def file(self):
        self.legacy = self.chance(0.3)
        self.storages, self.memo = [], 0
        body = self.value(self.random.choice((1, 2, 3)))
        return self.stream(body) if self.legacy else self.archive(body)

    # ---- values
    def value(self, depth):
        pick = self.random.random()
        if depth == 0 or pick < 0.25:
            return self.tensor() if self.chance(0.5) else self.plain()
        if pick < 0.5:
            return b"}" + self.pairs(depth)
        if pick < 0.65:
            return b"](" + self.values(depth) + b"e"
        if pick < 0.75:
            return b"(" + self.values(depth) + b"t"
        if pick < 0.9:
            attributes = b"}" + text(self.random.choice(("_metadata", "x"))) + self.value(depth - 1) + b"sb"
            return ORDERED + self.pairs(depth) + (attributes if self.chance(0.4) else b"")
        listed = b"".join(b"](" + self.key() + self.value(depth - 1) + b"e" for _ in range(self.random.randrange(3)))
        return name("collections", "OrderedDict") + b"](" + listed + b"e\x85R"

    def values(self, depth):
        return b"".join(self.value(depth - 1) for _ in range(self.random.randrange(4)))

    def pairs(self, depth):
        return b"(" + b"".join(self.key() + self.value(depth - 1) for _ in range(self.random.randrange(4))) + b"u"

    def key(self):
        return self.random.choice((
            lambda: text(self.random.choice(("a", "b", "weight", "\u20ac", ""))), lambda: text(f"k{self.random.randrange(100)}"),
            lambda: number(self.random.choice((0, 1, 5, -1, 2**40, 2**63))), lambda: b"\x88", lambda: b"N",
            lambda: floating(self.random.choice((1.0, 0.5, -0.0, 1e300, float("nan"), float("inf")))),
            lambda: numbers((1, self.random.randrange(3))), self.encoded, lambda: name("torch", "float32"),
        ))()  # fmt: skip

    def encoded(self):
        return name("_codecs", "encode") + text(self.random.choice(("", "a", "\xe9\0"))) + text("latin1") + b"\x86R"

    def plain(self):
        if self.numpy and self.chance(0.7):
            return self.numpy_value()
        return self.random.choice((
            lambda: number(self.random.choice((0, 255, -1, 2**31, 2**63, -(2**63), 2**200))),
            lambda: floating(self.random.choice((0.5, float("nan"), float("inf")))),
            lambda: text(self.random.choice(("", "a", "\u20ac" * 3, "\U0001f600"))), lambda: b"U\x03abc", lambda: b"N",
            lambda: self.random.choice((b"\x88", b"\x89")), self.encoded,
            lambda: name("__builtin__", "bytearray") + self.encoded() + b"\x85R",
            lambda: name("__builtin__", "bytearray") + text("a\xe9") + text("latin-1") + b"\x86R",
            lambda: name("__builtin__", "set") + b"](" + b"".join(self.key() for _ in range(3)) + b"e\x85R",
            lambda: name("__builtin__", "complex") + floating(1.0) + floating(-2.5) + b"\x86R",
            lambda: name("collections", "Counter") + b"}" + self.key() + number(self.random.choice((2, -1))) + b"s\x85R",
            lambda: name("torch", "Size") + numbers(self.random.choice(((), (1, 2), (-1,), (2**40,)))) + b"\x85R",
            lambda: name("torch", "device") + text(self.random.choice(DEVICES)) + self.random.choice(
                (b"\x85R", b"K\x00\x86R", b"K\x7f\x86R", b"K\x80\x86R")),
            lambda: name("torch.serialization", "_get_layout") + text(self.random.choice(LAYOUTS)) + b"\x85R",
            lambda: name("torch", self.random.choice((*NEW_DTYPES, "float64", "bool", "qint8"))),
            lambda: name("torch", self.random.choice(("per_tensor_affine", "per_channel_symmetric"))), lambda: b"\x8f",
        ))()  # fmt: skip

    # ---- NumPy: mostly valid
    def odd(self, usual, *others):
        return usual if self.chance(0.95) else self.random.choice(others)

    def raw(self, size):
        size = self.odd(size, 0, size + 1, max(size - 1, 0), 8)
        if size == 0 and self.chance(0.7):
            return name("__builtin__", "bytes") + b")R"
        data = bytes(self.random.choice((0, 1, 1, self.random.randrange(256))) for _ in range(size))
        return name("_codecs", "encode") + text(data.decode("latin-1")) + text("latin1") + b"\x86R"

    def dtype(self):
        code = self.random.choice(("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"))
        code = self.odd(code, "O8", "f16", "V8", "U1", "S4", "M8", "<f4", "f", "O", "f4,f4", "c32", "(2,)f4", "i3")
        size = int("".join(each for each in code if each.isdigit()) or 8)
        order = self.odd("|" if size == 1 else self.random.choice("<<<>"), "<", ">", "|", "=", "", "<<")
        state = [number(self.odd(3, 4, 1)), text(order), *[self.odd(b"N", b")", text("a") + b"\x85", b"}") for _ in range(3)],
                 number(self.odd(-1, 8, 0)), number(self.odd(-1, 8, 1)), number(self.odd(0, 63, 1, 27))]  # fmt: skip
        if self.chance(0.03):
            state.append(b"N")
        made = name("numpy", "dtype") + text(code) + self.odd(b"\x89", b"\x88", b"K\x00") + self.odd(b"\x88", b"\x89", b"K\x01") + b"\x87R"
        return code, size, made + self.odd(b"(" + b"".join(state) + b"tb", b"", b"Nb")

    def numpy_value(self):
        core = self.random.choice(("numpy.core.multiarray", "numpy._core.multiarray"))
        _, size, dtype = self.dtype()
        pick = self.random.randrange(5)
        if pick == 0:
            return dtype
        if pick < 3:
            return name(core, "scalar") + dtype + self.raw(size) + b"\x86R"
        shape = [self.random.choice((0, 1, 2, 3)) for _ in range(self.random.choice((0, 1, 2, 3)))]
        shape = self.odd(shape, [-1], [2**40, 2**40], [0, 2**62, 4], [1] * 33, [0] + [1] * 31)
        count = 1
        for each in shape:
            count *= abs(each)
        begin = name("numpy", "ndarray") + self.odd(b"K\x00\x85", b"K\x05\x85", b")")
        begin += self.odd(name("_codecs", "encode") + text("b") + text("latin1") + b"\x86R", text("b"), self.raw(1))
        state = number(self.odd(1, 0, 2)) + numbers(shape) + dtype + self.odd(self.random.choice((b"\x88", b"\x89")), b"K\x01")
        state = b"(" + state + self.raw(min(count * size, 1000)) + b"tb"
        return name(core, "_reconstruct") + begin + b"\x87R" + self.odd(state, b"", state + state)

    # ---- tensors
    def storage(self):
        if self.storages and self.chance(0.3):
            kind, key, location, count, size = self.random.choice(self.storages)
        else:
            kind = self.random.choice((*["FloatStorage"] * 5, *STORAGES, *["UntypedStorage"] * 5))
            count, size = self.random.choice((0, 1, 4, 12, 16, 64)), STORAGES.get(kind, 1)
            odd = self.random.choice(("a", "A", "x.y", "94340341200128"))
            key = str(len(self.storages)) if self.chance(0.9) else odd
            location = self.random.choice(LOCATIONS)
            self.storages.append((kind, key, location, count, size))
        module = "torch.storage" if kind == "UntypedStorage" else self.random.choice(("torch", "torch", "torch", "torch.cuda"))
        end = b"NtQ" if self.legacy else b"tQ"
        return kind, count, b"(" + text("storage") + name(module, kind) + text(key) + text(location) + number(count) + end

    def tensor(self):
        kind, count, storage = self.storage()
        version = self.random.choice((2, 2, 2, 1)) if kind != "UntypedStorage" else self.random.choice((3, 3, 3, 2))
        shape, stride, offset = self.view(max(count // (4 if version == 3 else 1), 1) if count else 0)
        code = name("torch._utils", ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3")[version - 1])
        code += b"(" + storage + number(offset) + numbers(shape) + numbers(stride)
        if version > 1:
            code += self.random.choice((b"\x89", b"\x89", b"\x89", b"\x88")) + self.hooks()
        if version == 3:
            code += name("torch", self.random.choice(NEW_DTYPES))
        if version > 1 and self.chance(0.15):
            code += self.random.choice((b"N", b"}", ORDERED, b"}" + text("neg") + b"\x89s", b"}" + text("conj") + b"\x88s",
                                        ORDERED + b"}" + text("x") + b"Nsb"))  # fmt: skip
        code += b"tR"
        if self.chance(0.2):
            flag = self.random.choice((b"\x88", b"\x89"))
            if self.chance(0.3):
                state = self.random.choice((b"N", b"}", ORDERED, b"}" + text("a") + b"Ns"))
                return name("torch._utils", "_rebuild_parameter_with_state") + b"(" + code + flag + self.hooks() + state + b"tR"
            return name("torch._utils", "_rebuild_parameter") + code + flag + self.hooks() + b"\x87R"
        return code

    def hooks(self):
        return self.random.choice((ORDERED, ORDERED, ORDERED, b"N", b"}", ORDERED + b"}b"))

    def view(self, count):
        rank = self.random.choice((0, 1, 1, 2, 2, 3, 64, 65))
        if rank > 3:
            return (1,) * rank, (1,) * rank, 0
        if count == 0 or self.chance(0.05):
            return (0,) * max(rank, 1), (1,) * max(rank, 1), 0
        shape, left = [], count
        for _ in range(rank):
            shape.append(self.random.choice([size for size in (1, 2, 3, 4, 12, 16) if size <= left]))
            left //= shape[-1]
        stride = [1] * rank
        for axis in range(rank - 2, -1, -1):
            stride[axis] = stride[axis + 1] * shape[axis + 1]
        if self.chance(0.3):
            order = self.random.sample(range(rank), rank)
            shape, stride = [shape[i] for i in order], [stride[i] for i in order]
        if rank and self.chance(0.1):
            stride[0] = 0
        return shape, stride, self.random.choice((0, 0, 0, 1))

    # ---- containers
    def contents(self, count, size):
        return bytes(self.random.choice((0, 1)) for _ in range(count * size))

    def unique(self):
        found = {}
        for _, key, _, count, size in self.storages:
            found.setdefault(key, self.contents(count, size))
        return found

    def archive(self, body):
        archive = Archive(self.random.choice(("archive", "m", "model.v1")), self.random.choice((64, 64, 64, 128, 1)))
        archive.add("data.pkl", b"\x80\x02" + body + b".")
        if self.chance(0.4):
            archive.add(".format_version", b"1")
            archive.add(".storage_alignment", self.random.choice((b"64", str(max(archive.alignment, 64)).encode())))
        if self.chance(0.8):
            archive.add("byteorder", b"little")
        records = list(self.unique().items())
        if self.chance(0.1):
            self.random.shuffle(records)
        for key, data in records:
            archive.add("data/" + (key if self.chance(0.98) else key.swapcase()), data)
        archive.add("version", self.random.choice((b"3\n", b"3\n", b"3", b"10\n")))
        if self.chance(0.5):
            archive.add(".data/serialization_id", b"1" * 40)
        return archive.end()

    def stream(self, body):
        sizes = b"}(" + text("short") + b"K\x02" + text("int") + b"K\x04" + text("long") + b"K\x04u"
        system = b"}(" + text("protocol_version") + b"M\xe9\x03" + text("little_endian") + b"\x88" + text("type_sizes") + sizes + b"u"
        records = self.unique()
        keys = sorted(records) if self.chance(0.9) else list(records)[: self.random.randrange(1 + len(records))]
        out = io.BytesIO()
        out.write(LEGACY_MAGIC + b"\x80\x02M\xe9\x03.\x80\x02" + system + b".\x80\x02" + body + b".")
        out.write(b"\x80\x02](" + b"".join(map(text, keys)) + b"e.")
        counts = {key: count for _, key, _, count, _ in reversed(self.storages)}
        for key in keys:
            out.write(struct.pack("<q", counts[key]) + records[key])
        return out.getvalue()


def damaged(data, source):
    """Changes, swaps, removes or repeats a few bytes of a file."""
    data = bytearray(data)
    for _ in range(source.choice((1, 1, 2, 4))):
        place = source.randrange(len(data))
        kind = source.randrange(4)
        if kind == 0:
            data[place] = source.randrange(256)
        elif kind == 1:
            data[place] ^= 1 << source.randrange(8)
        elif kind == 2:
            data[place] = data[source.randrange(len(data))]
        else:
            size = source.randrange(1, 9)
            data[place : place + size] = data[source.randrange(len(data)) :][:size]
    return bytes(data)


__all__ = ["Archive", "Made", "damaged", "random"]
