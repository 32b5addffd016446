#!/usr/bin/env python3
"""Compares `tensorgate convert --extract` with a trusting loader, on random pickles full of foreign code.

  compare_extraction.py --command tensorgate --count 300 --seed 1

Each file is a well-formed archive whose pickle was made of opcodes: calls, states, items, shared containers, getattr,
keys that equal others, memo and POP, in protocols 2 to 5. torch.load(weights_only=False) loads it in a child process,
with the classes of extraction_classes.py, which overwrite whatever they receive. Each tensor that was extracted must be
the loader's under that name. To leave one out is right; a file that the loader cannot load does not count.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import torch  # noqa: E402

import extraction_classes  # noqa: E402
from extraction_tricks import TRICKS  # noqa: E402
from made_checkpoints import LEGACY_MAGIC, Archive, name, number, text  # noqa: E402

OURS = "extraction_classes"
DTYPES = {"F32": torch.float32, "I64": torch.int64, "BOOL": torch.bool}


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

    def __init__(self, source):
        self.random = source
        self.memo = []  # (index, kind of value)
        self.next = 0
        self.storages = {}
        self.protocol = source.choice((2, 2, 3, 4, 5))
        self.legacy = self.chance(0.25)
        self.used = set()

    def chance(self, share):
        return self.random.random() < share

    def file(self):
        head = b"\x80" + bytes([self.protocol])
        before = b"".join(self.statement() + b"0" for _ in range(self.random.randrange(2)))
        entries = b"".join(text(key) + self.value(3) for key in self.keys(self.random.randrange(2, 6)))
        after = b"".join(self.statement() + b"0" for _ in range(self.random.choice((0, 0, 1, 1, 2, 3))))
        # A statement leaves one value, which is popped.
        root = self.random.choice((b"}", name("collections", "OrderedDict") + b")R"))
        pickle = head + before + root + b"(" + entries + b"u" + after + b"."
        storages = {key: self.storages[key] for key in sorted(self.used)}
        if not self.legacy:
            return archive(pickle, storages)
        return stream(pickle, {key: (len(data) // self.size_of(key), data) for key, data in storages.items()})

    def size_of(self, key):
        return 4 if key in ("0", "f") else (4, 8, 1)[int(key) % 3]

    def storage(self, kind, key, count):
        self.used.add(key)
        return b"(" + text("storage") + name("torch", kind) + text(key) + text("cpu") + number(count) + (b"NtQ" if self.legacy else b"tQ")

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
        index = self.random.choice(fits)
        return b"h" + bytes([index]) if index < 256 else b"j" + struct.pack("<I", index)

    def value(self, depth):
        old = self.get() if self.chance(0.25) else None
        if old is not None:
            return old
        pick = self.random.random()
        if depth == 0 or pick < 0.4:
            return self.tensor() if self.chance(0.8) else self.plain()
        make = self.random.choice((self.dict, self.dict, self.list, self.tuple, self.ordered, self.object, self.object, self.items,
                                   self.row, self.module, self.default, self.deque, self.attribute, self.called))
        return make(depth)

    def plain(self):
        return self.random.choice((b"N", b"\x88", number(self.random.randrange(9)), text("t"), b"\x8f" if self.protocol >= 4 else b"]"))

    def tensor(self):
        key = str(self.random.randrange(6))
        kind, size = self.kind(key)
        room = len(self.storages[key]) // size
        length = self.random.randrange(1, room + 1)
        offset = self.random.randrange(0, room - length + 1)
        storage = self.storage(kind, key, room)
        code = name("torch._utils", "_rebuild_tensor_v2") + b"(" + storage + number(offset) + number(length) + b"\x85"
        code += number(1) + b"\x85\x89" + name("collections", "OrderedDict") + b")RtR"
        if kind == "FloatStorage" and self.chance(0.2):
            hooks = name("collections", "OrderedDict") + b")R"
            code = name("torch._utils", "_rebuild_parameter") + code + b"\x88" + hooks + b"\x87R"
        elif kind == "FloatStorage" and self.chance(0.15):
            code = self.from_type(storage, offset, length)
        return self.put(code, "tensor")

    def from_type(self, storage, offset, length):
        inner = b"(" + storage + number(offset) + number(length) + b"\x85" + number(1) + b"\x85\x89"
        inner += name("collections", "OrderedDict") + b")Rt"
        state = self.random.choice((b"}", b"N", b"}" + text("tag") + number(1) + b"s", b"}" + text("data") + self.float_tensor() + b"s"))
        return name("torch._tensor", "_rebuild_from_type_v2") + b"(" + name("torch._utils", "_rebuild_tensor_v2") + \
            name("torch", "Tensor") + inner + state + b"tR"

    def float_tensor(self):
        key = "f"
        self.storages.setdefault(key, struct.pack("<2f", 5, 6))
        storage = self.storage("FloatStorage", key, 2)
        return name("torch._utils", "_rebuild_tensor_v2") + b"(" + storage + number(0) + number(2) + b"\x85" + number(1) + \
            b"\x85\x89" + name("collections", "OrderedDict") + b")RtR"

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
            return text(f"k{self.random.randrange(1000)}")
        if pick < 0.9:
            return number(self.random.randrange(1000))
        if pick < 0.93:
            return name(OURS, "Plain") + b")\x81"
        if pick < 0.95:
            return name(OURS, "SAME_AS_TEXT")
        if pick < 0.97:
            return name(OURS, "Key") + b")\x81}" + text("text") + text(self.random.choice(("w", "k1"))) + b"sb"
        return b"(" + number(1) + text("t") + b"t"

    def list(self, depth):
        return self.put(b"]", "list") + b"(" + self.several(depth) + b"e"

    def several(self, depth):
        return b"".join(self.value(depth - 1) for _ in range(self.random.randrange(4)))

    def tuple(self, depth):
        return self.put(b"(" + self.several(depth) + b"t", "tuple")

    def ordered(self, depth):
        code = self.put(name("collections", "OrderedDict") + b")R", "dict")
        code += b"(" + b"".join(self.key() + self.value(depth - 1) for _ in range(self.random.randrange(3))) + b"u"
        return code + (self.state(depth) + b"b" if self.chance(0.3) else b"")

    def state(self, depth):
        old = self.get(("dict",)) if self.chance(0.1) else None
        if old is not None:
            return old
        code = b"".join(text(f"s{self.random.randrange(1000)}") + self.value(depth - 1) for _ in range(self.random.randrange(3)))
        return self.put(b"}", "dict") + b"(" + code + b"u"

    def any_state(self, depth):
        pick = self.random.random()
        if pick < 0.7:
            return self.state(depth)
        if pick < 0.8:
            return b"N" + self.state(depth) + b"\x86"
        if pick < 0.9:
            return self.state(depth) + self.state(depth) + b"\x86"
        return self.random.choice((self.tuple(depth), self.value(depth - 1), self.list(depth)))

    def new(self, kind):
        return self.put(name(OURS, kind) + b")\x81", kind)

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
            return b"}(" + b"".join(text(f"p{i}") + make() for i in range(self.random.randrange(3))) + b"u"

        tensor = lambda: self.tensor() if self.chance(0.9) else b"N"  # noqa: E731
        below = lambda: self.module(depth - 1) if depth > 0 else self.new("Net") + self.module_state(part, tensor, lambda: b"N")  # noqa: E731
        return self.new("Net") + self.module_state(part, tensor, below)

    def module_state(self, part, tensor, below):
        transient = name("builtins" if self.protocol > 2 else "__builtin__", "set") + b"](" + text("p0") + b"e\x85R"
        if self.chance(0.7):
            transient = name("builtins" if self.protocol > 2 else "__builtin__", "set") + b"]\x85R"
        code = text("training") + b"\x88" + text("_parameters") + part(tensor) + text("_buffers") + part(tensor)
        code += text("_non_persistent_buffers_set") + transient + text("_modules") + part(below)
        for hooks in ("_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "_state_dict_hooks", "_load_state_dict_pre_hooks"):
            code += text(hooks) + b"}"
        if self.chance(0.3):
            code += text("extra") + self.tensor()
        return b"}(" + code + b"ub"

    def default(self, depth):
        code = name("collections", "defaultdict") + name("builtins" if self.protocol > 2 else "__builtin__", "list") + b"\x85R"
        return self.put(code, "dict") + b"(" + b"".join(self.key() + self.value(depth - 1) for _ in range(2)) + b"u"

    def deque(self, depth):
        maximum = self.random.choice((b"]\x85", b"]K\x01\x86"))
        return self.put(name("collections", "deque") + maximum + b"R", "deque") + b"(" + self.several(depth) + b"e"

    def attribute(self, depth):
        return name("builtins" if self.protocol > 2 else "__builtin__", "getattr") + self.value(depth - 1) + \
            text(self.random.choice(("__class__", "__doc__", "__reduce__"))) + b"\x86R"

    def called(self, depth):
        function = self.random.choice((name(OURS, "keep"), name(OURS, "call"), name(OURS, "Plain"), name("functools", "partial")))
        if function.endswith(b"partial\n"):
            return function + name(OURS, "call") + self.value(depth - 1) + b"\x86R"
        return function + b"(" + self.several(depth) + b"tR"

    # ---- what is done, and dropped
    def statement(self):
        return self.random.choice((self.call, self.call, self.again, self.change, self.method, self.create, self.names))()

    def some(self):
        return self.get() or self.value(1)

    def call(self):
        if self.chance(0.5):
            return name(OURS, "call") + self.some() + b"\x85R"
        return name(OURS, "keep") + self.some() + b"\x85R"

    def create(self):
        kind = self.random.choice(("Plain", "Careful"))
        if self.protocol >= 4 and self.chance(0.5):
            return name(OURS, kind) + b")}" + text("k") + self.some() + b"s\x92"
        return name(OURS, kind) + self.some() + b"\x85\x81"

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
            return target + text(f"late{self.random.randrange(1000)}") + self.some() + b"s"
        return target + self.some() + b"a"

    def method(self):
        target = self.get(("tensor",)) if self.chance(0.5) else self.get(("Plain", "Careful"))
        if target is None:
            return self.call()
        getattr_name = name("builtins" if self.protocol > 2 else "__builtin__", "getattr")
        word = self.random.choice(("zero_", "neg_")) if self.chance(0.5) else "method"
        found = getattr_name + target + text(word) + b"\x86R"
        return found + b")R" if self.chance(0.7) else target + b")R"

    def names(self):
        """Changes functions by their names."""
        if self.chance(0.7):
            return self.call()
        target = name("torch._utils", "_rebuild_tensor_v2") if self.chance(0.5) else name("torch", "_utils")
        return self.random.choice((
            lambda: name(OURS, "change") + target + text("_rebuild_tensor_v2") + name(OURS, "rebuild_wrong") + b"\x87R",
            lambda: name("builtins" if self.protocol > 2 else "__builtin__", "setattr") + target + text("_rebuild_tensor_v2") +
            name(OURS, "rebuild_wrong") + b"\x87R",
            lambda: name("torch", "_utils") + b"}" + text("_rebuild_tensor_v2") + name(OURS, "rebuild_wrong") + b"sb",
        ))()  # fmt: skip


# ---- What the loader has, by the rules of names.
def walk(value, path, found, open_, budget):
    budget[0] -= 1
    if budget[0] < 0 or id(value) in open_:
        return
    if isinstance(value, torch.Tensor):
        found[path or "tensor"].append(value)
        return
    open_ = open_ | {id(value)}

    def below(key, item):
        if type(key) in (str, int, bool, type(None)):
            walk(item, f"{path}.{key}" if path else str(key), found, open_, budget)

    if isinstance(value, dict):
        for key, item in dict.items(value):
            below(key, item)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            below(index, item)
    attributes = getattr(value, "__dict__", None)
    if not isinstance(attributes, dict) or isinstance(value, type) or callable(value) and not hasattr(value, "forward") and \
            type(value).__module__ != OURS:
        return
    if {"_parameters", "_buffers", "_modules"} <= attributes.keys():
        left_out = attributes.get("_non_persistent_buffers_set", ())
        for key, item in [*attributes["_parameters"].items(), *attributes["_modules"].items()]:
            below(key, item)
        for key, item in attributes["_buffers"].items():
            if key not in left_out:
                below(key, item)
    elif type(value) is collections.OrderedDict:
        below("__dict__", dict(attributes))
    else:
        for key, item in attributes.items():
            below(key, item)


def read(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    return {key: (each["dtype"], tuple(each["shape"]), data[8 + size:][slice(*each["data_offsets"])]) for key, each in header.items()}


def plain_bytes(tensor):
    return bytes(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy()) if tensor.numel() else b""


def differences(path, taken):
    loaded = torch.load(path, weights_only=False) if "weights_only" in torch.load.__code__.co_varnames else torch.load(path)
    found = collections.defaultdict(list)
    walk(loaded, "", found, frozenset(), [20000])
    wrong = []
    for key, (dtype, shape, data) in taken.items():
        if "<" in key:  # an accepted file: a key that is neither text nor a number has its kind as a name
            continue
        if not found[key]:
            wrong.append(f"{key}: the loader has no such tensor")
        for tensor in found[key]:
            if tensor.dtype != DTYPES[dtype] or tuple(tensor.shape) != shape or plain_bytes(tensor) != data:
                wrong.append(f"{key}: the loader has {tensor}")
    return wrong


def judge(path, taken):
    """In a child process, which the file may damage: 0 equal, 1 different, 2 the loader fails."""
    child = os.fork()
    if child == 0:
        code = 2
        try:
            sys.setrecursionlimit(10000)
            wrong = differences(path, taken)
            code = 1 if wrong else 0
            for each in wrong[:3]:
                print(f"{path}: {each}", file=sys.stderr)
        except BaseException:  # noqa: BLE001
            code = 2
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Comparison:
    def __init__(self, command, folder, keep):
        self.command, self.folder, self.keep = command, folder, keep
        self.counts = collections.Counter()

    def run(self, data, label):
        """The names that were extracted; None if nothing was."""
        path, out = self.folder / "in.pt", self.folder / "out.safetensors"
        path.write_bytes(data)
        out.unlink(missing_ok=True)
        done = subprocess.run([self.command, "convert", "--extract", "--no-sync", "--select", "", path, out], capture_output=True, text=True)
        self.counts[f"exit {done.returncode}"] += 1
        if done.returncode not in (0, 1, 3):
            raise SystemExit(f"{label}: exit code {done.returncode}\n{done.stderr}")
        taken = read(out) if done.returncode == 0 else {}
        code = judge(path, taken)
        self.counts[("equal", "different", "not loaded")[code] if code in (0, 1, 2) else "crashed"] += 1
        if code == 0 and taken:
            self.counts["files with tensors"] += 1
            self.counts["tensors"] += len(taken)
        if code == 1:
            kept = pathlib.Path(self.keep) / f"{label}.pt"
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(data)
            print(f"different: {kept}", file=sys.stderr)
        return taken, code


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", required=True)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", default="build/extraction-differences", help="a folder for files that differ")
    arguments = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(arguments.command, pathlib.Path(folder), arguments.keep)
        for label, (data, may, must_not) in TRICKS.items():
            taken, code = comparison.run(data, label)
            bad = [each for each in must_not if each in taken] + [each for each in may if each not in taken]
            if bad or code == 1:
                print(f"trick {label}: written: {sorted(taken)}; wrong or missing: {bad}", file=sys.stderr)
                failed += 1
        for number_ in range(arguments.count):
            comparison.run(Maker(random.Random(f"{arguments.seed} {number_}")).file(), f"{arguments.seed}-{number_}")
    counts = comparison.counts
    print(f"extraction: {dict(sorted(counts.items()))}, tricks {len(TRICKS)}")
    loaded = counts["equal"] + counts["different"]
    if counts["files with tensors"] < loaded / 3 or loaded < arguments.count / 2:
        sys.exit("too few files were loaded and extracted from: the comparison proves nothing")
    sys.exit(1 if counts["different"] or failed else 0)


if __name__ == "__main__":
    main()
