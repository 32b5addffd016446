"""Random checkpoints for compare_extraction.py: pickles full of foreign code, in archives and legacy streams.

  data = Maker(random.Random(1)).file()     # bytes
"""
import struct

from made_checkpoints import LEGACY_MAGIC, Archive, name, number, text

OURS = "extraction_classes"
HERE = "extraction_indirect_classes"


SYSTEM = b"\x80\x02}q\0(" + text("protocol_version") + number(1001) + text("little_endian") + b"\x88" + text("type_sizes") + \
    b"}(" + text("short") + number(2) + text("int") + number(4) + text("long") + number(4) + b"uu."


def stream(pickle, storages):
    """The layout before 1.6; `storages`: key -> (number of elements, bytes)."""
    keys = b"\x80\x02](" + b"".join(text(key) for key in storages) + b"e."
    data = b"".join(struct.pack("<q", count) + data for count, data in storages.values())
    return LEGACY_MAGIC + b"\x80\x02M\xe9\x03." + SYSTEM + pickle + keys + data


def archive(pickle, storages):
    made = Archive()
    made.add("data.pkl", pickle)
    for key, data in storages.items():
        made.add(f"data/{key}", data)
    made.add("version", b"3\n")
    return made.end()


class Maker:
    """One random file."""

    with_states = False  # PyTorch has _rebuild_parameter_with_state: 2.0 and later

    def __init__(self, source):
        self.random = source
        self.memo = []  # (index, kind of value)
        self.next = 0
        self.storages = {}
        self.protocol = source.choice((0, 1, 2, 2, 2, 3, 4, 5))
        self.old_opcodes = self.chance(0.3)  # lines of text, as in protocol 0
        self.tensors = []  # (index in the memo, key of the storage)
        self.legacy = self.chance(0.25)
        self.used = set()

    def chance(self, share):
        return self.random.random() < share

    def file(self, change=None, rename=None):
        """`change`: makes opcodes for the end of the result's items and of the pickle; `rename`: two texts of one length."""
        head = b"\x80" + bytes([self.protocol]) if self.protocol > 1 else b""
        before = b"".join(self.statement() + b"0" for _ in range(self.random.choice((0, 0, 1))))
        entries = b"".join(self.text(key) + self.value(3) for key in self.keys(self.random.randrange(2, 6)))
        after = b"".join(self.statement() + b"0" for _ in range(self.random.choice((0, 0, 1, 1, 1, 2))))
        # A statement leaves one value, which is popped.
        root = self.random.choice((b"}", self.name("collections", "OrderedDict") + b")R"))
        if change is not None:
            item, code = change(self)
            entries, after = entries + item, after + code
        pickle = head + before + root + b"(" + entries + b"u" + after + b"."
        if rename is not None:
            pickle = pickle.replace(*rename)
        storages = {key: self.storages[key] for key in sorted(self.used)}
        if not self.legacy:
            return archive(pickle, storages)
        return stream(pickle, {key: (len(data) // self.size_of(key), data) for key, data in storages.items()})

    # ---- opcodes of any protocol
    def text(self, value):
        data = value.encode()
        plain = value.isascii() and value.isprintable() and "'" not in value and "\\" not in value
        if self.old_opcodes and plain and self.chance(0.3):
            return self.random.choice((b"V" + data + b"\n", b"S'" + data + b"'\n", b"T" + struct.pack("<I", len(data)) + data,
                                       b"U" + bytes([len(data)]) + data))  # fmt: skip
        if self.protocol >= 4 and self.chance(0.7):
            return b"\x8c" + bytes([len(data)]) + data
        return text(value)

    def number(self, value):
        if self.old_opcodes and self.chance(0.3):
            return self.random.choice((b"I%d\n", b"L%dL\n")) % value
        return number(value)

    def name(self, module, attribute):
        if self.protocol >= 4 and self.chance(0.7):
            return self.text(module) + self.text(attribute) + b"\x93"
        return name(module, attribute)

    def builtin(self, word):
        return self.name("__builtin__" if self.protocol < 3 and self.chance(0.7) else "builtins", word)

    def called_with(self, function, *arguments):
        """A call: by REDUCE, or by OBJ, which is the same if there are arguments."""
        if arguments and self.chance(0.1):
            return b"(" + function + b"".join(arguments) + b"o"
        return function + b"(" + b"".join(arguments) + b"tR"

    def size_of(self, key):
        return 4 if key in ("0", "f") else (4, 8, 1)[int(key) % 3]

    def storage(self, kind, key, count):
        self.used.add(key)
        return b"(" + self.text("storage") + self.name("torch", kind) + self.text(key) + self.text("cpu") + self.number(count) + (b"NtQ" if self.legacy else b"tQ")

    def keys(self, count):
        words = ["w", "a", "b", "weight", "bias", "a.b", "x", "module", "0", "state"]
        self.random.shuffle(words)
        return words[:count]

    # ---- values
    def put(self, code, kind):
        """Keeps a value for later."""
        if not self.chance(0.6):
            return code
        self.memo.append((self.next, kind))
        self.next += 1
        if self.protocol >= 4:
            return code + b"\x94"
        index = self.next - 1
        return code + (b"q" + bytes([index]) if index < 256 else b"r" + struct.pack("<I", index))

    def get(self, kinds=None):
        fits = [index for index, kind in self.memo if kinds is None or kind in kinds]
        if not fits:
            return None
        return self.get_at(self.random.choice(fits))

    @staticmethod
    def get_at(index):
        return b"h" + bytes([index]) if index < 256 else b"j" + struct.pack("<I", index)

    def value(self, depth):
        old = self.get() if self.chance(0.25) else None
        if old is not None:
            return old
        pick = self.random.random()
        if depth == 0 or pick < 0.4:
            return self.tensor() if self.chance(0.8) else self.plain()
        make = self.random.choice((self.dict, self.dict, self.list, self.tuple, self.ordered, self.object, self.object, self.items,
                                   self.row, self.module, self.default, self.deque, self.attribute, self.called, self.frozen, self.kept,
                                   self.with_state))
        return make(depth)

    def plain(self):
        return self.random.choice((b"N", b"\x88", self.number(self.random.randrange(9)), self.text("t"), b"\x8f" if self.protocol >= 4 else b"]"))

    def tensor(self):
        key = str(self.random.randrange(12))
        kind, size = self.kind(key)
        room = len(self.storages[key]) // size
        length = self.random.randrange(1, room + 1)
        offset = self.random.randrange(0, room - length + 1)
        storage = self.storage(kind, key, room)
        code = self.name("torch._utils", "_rebuild_tensor_v2") + b"(" + storage + self.number(offset) + self.number(length) + b"\x85"
        code += self.number(1) + b"\x85\x89" + self.name("collections", "OrderedDict") + b")RtR"
        if kind == "FloatStorage" and self.chance(0.2):
            hooks = self.name("collections", "OrderedDict") + b")R"
            code = self.name("torch._utils", "_rebuild_parameter") + code + b"\x88" + hooks + b"\x87R"
        elif kind == "FloatStorage" and self.chance(0.15):
            return self.put(self.from_type(storage, offset, length), "tensor")
        made = self.put(code, "tensor")
        if made is not code:
            self.tensors.append((self.next - 1, key))
        return made

    def from_type(self, storage, offset, length):
        inner = b"(" + storage + self.number(offset) + self.number(length) + b"\x85" + self.number(1) + b"\x85\x89"
        inner += self.name("collections", "OrderedDict") + b")Rt"
        state = self.random.choice((b"}", b"N", b"}" + self.text("tag") + self.number(1) + b"s", None))
        if state is None:
            state = b"}" + self.text("data") + self.float_tensor() + b"s"
        return self.name("torch._tensor", "_rebuild_from_type_v2") + b"(" + self.name("torch._utils", "_rebuild_tensor_v2") + \
            self.name("torch", "Tensor") + inner + state + b"tR"

    def float_tensor(self):
        key = "f"
        self.storages.setdefault(key, struct.pack("<2f", 5, 6))
        storage = self.storage("FloatStorage", key, 2)
        return self.name("torch._utils", "_rebuild_tensor_v2") + b"(" + storage + self.number(0) + self.number(2) + b"\x85" + self.number(1) + \
            b"\x85\x89" + self.name("collections", "OrderedDict") + b")RtR"

    def kind(self, key):
        kind, size = (("FloatStorage", 4), ("LongStorage", 8), ("BoolStorage", 1))[int(key) % 3] if key != "0" else ("FloatStorage", 4)
        if key not in self.storages:
            count = self.random.choice((1, 3, 6))
            data = [self.random.randrange(1, 100) for _ in range(count)]
            self.storages[key] = b"".join(struct.pack("<f", each) if size == 4 else struct.pack("<q", each) if size == 8
                                          else bytes([each % 2]) for each in data)  # fmt: skip
        return kind, size

    def dict(self, depth):
        code = self.put(b"}", "dict")
        return code + b"(" + b"".join(self.key() + self.value(depth - 1) for _ in range(self.random.randrange(4))) + b"u"

    def key(self):
        pick = self.random.random()
        if pick < 0.85:
            return self.text(f"k{self.random.randrange(1000)}")
        if pick < 0.9:
            return self.number(self.random.randrange(1000))
        if pick < 0.93:
            return self.name(OURS, "Plain") + b")\x81"
        if pick < 0.95:
            return self.name(OURS, "SAME_AS_TEXT")
        if pick < 0.97:
            return self.name(OURS, "Key") + b")\x81}" + self.text("text") + self.text(self.random.choice(("w", "k1"))) + b"sb"
        return b"(" + self.number(1) + self.text("t") + b"t"

    def list(self, depth):
        return self.put(b"]", "list") + b"(" + self.several(depth) + b"e"

    def several(self, depth):
        return b"".join(self.value(depth - 1) for _ in range(self.random.randrange(4)))

    def tuple(self, depth):
        return self.put(b"(" + self.several(depth) + b"t", "tuple")

    def ordered(self, depth):
        code = self.put(self.name("collections", "OrderedDict") + b")R", "dict")
        code += b"(" + b"".join(self.key() + self.value(depth - 1) for _ in range(self.random.randrange(3))) + b"u"
        return code + (self.state(depth) + b"b" if self.chance(0.3) else b"")

    def state(self, depth):
        old = self.get(("dict",)) if self.chance(0.1) else None
        if old is not None:
            return old
        code = b"".join(self.text(f"s{self.random.randrange(1000)}") + self.value(depth - 1) for _ in range(self.random.randrange(3)))
        return self.put(b"}", "dict") + b"(" + code + b"u"

    def any_state(self, depth):
        pick = self.random.random()
        if pick < 0.7:
            return self.state(depth)
        if pick < 0.8:
            return b"N" + self.state(depth) + b"\x86"
        if pick < 0.9:
            return self.state(depth) + self.state(depth) + b"\x86"
        return self.random.choice((self.tuple, self.value, self.list))(max(depth - 1, 0))

    def new(self, kind):
        pick = self.random.random()
        if pick < 0.05:
            module = OURS.encode() + b"\n" + kind.encode() + b"\n"
            return self.put(self.random.choice((b"(i" + module, b"(" + name(OURS, kind) + b"o")), kind)
        if pick < 0.1:
            return self.put(self.name(OURS, kind) + b")}\x92", kind)
        if pick < 0.15 and kind != "Row" and kind != "Items":
            module = "copy_reg" if self.protocol < 3 else "copyreg"
            return self.put(self.called_with(self.name(module, "_reconstructor"), self.name(OURS, kind), self.builtin("object"), b"N"), kind)
        if pick < 0.17 and kind == "Plain":
            return self.put(b"\x82\x10)\x81", kind)  # an extension code
        return self.put(self.name(OURS, kind) + b")\x81", kind)

    def object(self, depth):
        code = self.new(self.random.choice(("Plain", "Careful", "Plain")))
        return code + (self.any_state(depth) + b"b" if self.chance(0.9) else b"")

    def items(self, depth):
        code = self.new("Items") + b"(" + b"".join(self.key() + self.value(depth - 1) for _ in range(self.random.randrange(3))) + b"u"
        return code + (self.state(depth) + b"b" if self.chance(0.3) else b"")

    def row(self, depth):
        return self.new("Row") + b"(" + self.several(depth) + b"e"

    def module(self, depth):
        def part(make):
            return b"}(" + b"".join(self.text(f"p{i}") + make() for i in range(self.random.randrange(3))) + b"u"

        tensor = lambda: self.tensor() if self.chance(0.9) else b"N"  # noqa: E731
        below = lambda: self.module(depth - 1) if depth > 0 else self.new("Net") + self.module_state(part, tensor, lambda: b"N")  # noqa: E731
        return self.new("Net") + self.module_state(part, tensor, below)

    def module_state(self, part, tensor, below):
        transient = self.builtin("set") + b"](" + self.text("p0") + b"e\x85R"
        if self.chance(0.7):
            transient = self.builtin("set") + b"]\x85R"
        code = self.text("training") + b"\x88" + self.text("_parameters") + part(tensor) + self.text("_buffers") + part(tensor)
        code += self.text("_non_persistent_buffers_set") + transient + self.text("_modules") + part(below)
        for hooks in ("_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "_state_dict_hooks", "_load_state_dict_pre_hooks"):
            code += self.text(hooks) + b"}"
        if self.chance(0.3):
            code += self.text("extra") + self.tensor()
        return b"}(" + code + b"ub"

    def default(self, depth):
        code = self.name("collections", "defaultdict") + self.builtin("list") + b"\x85R"
        return self.put(code, "dict") + b"(" + b"".join(self.key() + self.value(depth - 1) for _ in range(2)) + b"u"

    def deque(self, depth):
        maximum = self.random.choice((b"]\x85", b"]K\x01\x86"))
        return self.put(self.name("collections", "deque") + maximum + b"R", "deque") + b"(" + self.several(depth) + b"e"

    def attribute(self, depth):
        return self.builtin("getattr") + self.value(depth - 1) + \
            self.text(self.random.choice(("__class__", "__doc__", "__reduce__"))) + b"\x86R"

    def called(self, depth):
        function = self.random.choice((self.name(OURS, "keep"), self.name(OURS, "call"), self.name(OURS, "Plain"), self.name("functools", "partial")))
        if function.endswith(b"partial\n"):
            return function + self.name(OURS, "call") + self.value(depth - 1) + b"\x86R"
        return function + b"(" + self.several(depth) + b"tR"

    def frozen(self, depth):
        items = b"".join(self.key() for _ in range(self.random.randrange(3)))
        return self.called_with(self.builtin(self.random.choice(("frozenset", "set"))), b"](" + items + b"e")

    def kept(self, depth):
        return self.put(self.called_with(self.name("functools", "partial"), self.name(OURS, "call"), self.value(depth - 1)), "partial")

    def with_state(self, depth):
        """A parameter with attributes."""
        if not self.with_states:
            return self.tensor()
        hooks = self.name("collections", "OrderedDict") + b")R"
        word = self.random.choice(("tag", "no_decay", "data"))
        state = b"}" + self.text(word) + (self.number(1) if self.chance(0.8) else self.float_tensor()) + b"s"
        rebuild = self.name("torch._utils", "_rebuild_parameter_with_state")
        return self.called_with(rebuild, self.float_tensor(), b"\x88", hooks, state)

    # ---- functions and modules that are reached without their names
    def replacement(self):
        return self.name(HERE, "Wrong") + b")\x81"

    def attribute_of(self, base, *words):
        for word in words:
            base = self.builtin("getattr") + b"(" + base + self.text(word) + b"tR"
        return base

    def imported(self):
        return self.called_with(self.name("importlib", "import_module"), self.text("torch._utils"))

    def shared(self):
        """A module or dictionary that many share."""
        return self.random.choice((
            self.imported,
            lambda: self.attribute_of(self.imported(), "__dict__"),
            lambda: self.called_with(self.name("torch.storage", "_storage_type_to_dtype_map")),
            lambda: b"(itorch.storage\n_storage_type_to_dtype_map\n",
            lambda: self.attribute_of(self.some(), "__class__"),
            lambda: self.attribute_of(self.name("torch", "_utils"), "__dict__"),
            lambda: self.called_with(self.name("operator", "getitem"), self.name("sys", "modules"), self.text("torch._utils")),
        ))()  # fmt: skip

    def indirect(self):
        bound = self.chance(0.1)
        target = b"" if bound else self.shared()
        word = self.text(self.random.choice(("_rebuild_tensor_v2", "_rebuild_tensor_v2", "set_", "FloatStorage", "__setstate__")))
        value = self.replacement() if self.chance(0.7) else self.name("torch", "int32")
        if bound:
            return self.called_with(self.name("torch._utils", "__setattr__"), word, value)
        return self.random.choice((
            lambda: target + b"}" + word + value + b"sb",
            lambda: target + b"N}" + word + value + b"s\x86b",
            lambda: target + word + value + b"s",
            lambda: self.called_with(self.builtin("setattr"), target, word, value),
            lambda: self.called_with(self.name("operator", "setitem"), target, word, value),
            lambda: self.called_with(self.attribute_of(target, "__setattr__"), word, value),
            lambda: self.called_with(self.attribute_of(target, "__setitem__"), word, value),
            lambda: self.called_with(self.attribute_of(target, "update"), b"}" + word + value + b"s"),
        ))()  # fmt: skip

    def looked_up(self):
        """Attributes that are found where CPython looks for methods."""
        target = self.get(("Plain", "Careful", "partial")) or self.new("Plain")
        method = self.attribute_of(self.some(), self.random.choice(("copy_", "append", "extend", "update", "__setitem__")))
        word = self.random.choice(("append", "extend", "add", "__setstate__"))
        return target + b"}" + self.text(word) + method + b"sb" + self.some() + self.random.choice((b"a", b"a", b"b"))

    def factory(self):
        defaultdict = self.name("collections", "defaultdict")
        if self.chance(0.5):
            made = self.called_with(self.name("functools", "partial"), self.name(OURS, "call"), self.some())
        else:
            made = self.attribute_of(self.some(), self.random.choice(("zero_", "clear", "pop")))
        return self.called_with(self.name("operator", "getitem"), self.called_with(defaultdict, made), self.text("no"))

    def hashed(self):
        if self.chance(0.3):
            return self.random.choice((
                lambda: self.called_with(self.name("numpy.random._pickle", "__generator_ctor"), self.some(), self.name(HERE, "generator")),
                lambda: self.called_with(self.name("operator", "getitem"), self.name(HERE, "Parameterized"), self.some()),
            ))()  # fmt: skip
        item = self.name(HERE, "Hashed") + b")\x81}" + self.text("t") + self.some() + b"sb"
        return self.random.choice((
            lambda: self.called_with(self.builtin("frozenset"), b"]" + item + b"a"),
            lambda: b"}" + item + b"Ns",
            lambda: b"}" + item + b"\x85Ns",
            lambda: self.called_with(self.builtin("set"), b"(" + item + b"t"),
            lambda: self.called_with(self.name("collections", "Counter"), b"]" + item + b"a"),
        ))()  # fmt: skip

    def at_index(self):
        """An item of a list or mapping, under a key that equals another."""
        target = self.get(("Row", "Items"))
        if target is None:
            return self.call()
        key = self.random.choice((self.number(0), self.number(-1), b"\x89", b"G" + bytes(8), self.text("0")))
        return target + key + self.some() + b"s"

    # ---- what is done, and dropped
    def statement(self):
        if self.chance(0.15):
            return self.random.choice((self.indirect, self.looked_up, self.factory, self.hashed, self.at_index))()
        return self.random.choice((self.call, self.call, self.again, self.change, self.method, self.create, self.names))()

    def some(self):
        return self.get() or self.value(1)

    def call(self):
        if self.chance(0.5):
            return self.name(OURS, "call") + self.some() + b"\x85R"
        return self.name(OURS, "keep") + self.some() + b"\x85R"

    def create(self):
        kind = self.random.choice(("Plain", "Careful"))
        if self.protocol >= 4 and self.chance(0.5):
            return self.name(OURS, kind) + b")}" + self.text("k") + self.some() + b"s\x92"
        return self.name(OURS, kind) + self.some() + b"\x85\x81"

    def again(self):
        """A second state, or a state for something that has one."""
        return self.some() + self.any_state(1) + b"b"

    def change(self):
        target = self.get(("dict", "Items", "Row", "list", "deque"))
        if target is None:
            return self.call()
        kinds = {index: kind for index, kind in self.memo}
        index = target[1] if target[:1] == b"h" else struct.unpack("<I", target[1:])[0]
        if kinds[index] in ("dict", "Items"):
            return target + self.text(f"late{self.random.randrange(1000)}") + self.some() + b"s"
        return target + self.some() + b"a"

    def method(self):
        target = self.get(("tensor",)) if self.chance(0.5) else self.get(("Plain", "Careful"))
        if target is None:
            return self.call()
        getattr_name = self.builtin("getattr")
        word = self.random.choice(("zero_", "neg_")) if self.chance(0.5) else "method"
        found = getattr_name + target + self.text(word) + b"\x86R"
        return found + b")R" if self.chance(0.7) else target + b")R"

    def names(self):
        """Changes functions by their names."""
        if self.chance(0.7):
            return self.call()
        target = self.name("torch._utils", "_rebuild_tensor_v2") if self.chance(0.5) else self.name("torch", "_utils")
        return self.random.choice((
            lambda: self.name(OURS, "change") + target + self.text("_rebuild_tensor_v2") + self.name(OURS, "rebuild_wrong") + b"\x87R",
            lambda: self.builtin("setattr") + target + self.text("_rebuild_tensor_v2") +
            self.name(OURS, "rebuild_wrong") + b"\x87R",
            lambda: self.name("torch", "_utils") + b"}" + self.text("_rebuild_tensor_v2") + self.name(OURS, "rebuild_wrong") + b"sb",
        ))()  # fmt: skip
