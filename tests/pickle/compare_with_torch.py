#!/usr/bin/env python3
"""Compares the pickle machine with PyTorch's restricted unpickler, on the corpus and on mutated pickles.

  compare_with_torch.py --judge BUILD/tests/pickle/judge_pickles --unpickler FOLDER --corpus BUILT_CORPUS --count 100000

PyTorch must load what strict accepts, with an equal value. The verdict of the reference profile must be PyTorch's, except for
the rules in DIFFERENCES. FOLDER is the output of scripts/pytorch_unpickler. Pickles are mutated opcode by opcode: removed,
repeated, swapped, spliced from another one, arguments changed. Exit status 1 if anything disagrees.
"""
import argparse
import collections
import io
import pathlib
import random
import struct
import subprocess
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "corpus"))

from tool.pickles import split_opcodes  # noqa: E402

BATCH = 5000

# Rules by which the reference profile refuses though PyTorch may load: it does not model what happens to these.
DIFFERENCES = {
    "pickle/call-arguments": "arguments that are not a tuple: whatever can be iterated works in Python",
    "pickle/build-state": "OrderedDict.__dict__.update() takes other things than dicts",
    "pickle/expansion": "PyTorch has no bound; it needs memory and time instead",
    "torch/call-arguments": "Python and PyTorch convert arguments that no writer writes",
    "torch/build-target": "state of tensors and parameters is what PyTorch before 0.4 wrote",
    "torch/rebuild-quantized": "quantized tensors are refused",
    "torch/rebuild-sparse": "sparse tensors are refused",
    "torch/rebuild-nested": "nested tensors are refused",
    "torch/rebuild-meta": "tensors without data are refused",
    "torch/rebuild-wrapper": "tensor subclasses are refused",
    "torch/rebuild-device": "tensors of other devices are refused",
    "torch/rebuild-from-type": "tensors with attributes are refused",
    "torch/tensor-class": "tensor classes are never called",
    "torch/parameter-state": "parameters with attributes are refused",
    "torch/tensor-metadata": "conjugate and negative views are refused",
    "torch/dtype-unsupported": "quantized and narrow types are refused",
    "torch/persistent-id": "an id is what a writer writes",
    "torch/storage-type": "quantized storages are refused",
    "torch/storage-location": "the oracle has no devices",
    "torch/storage-meta": "storages without data are refused",
    "torch/tensor-overflow": "PyTorch looks at the extent in memory, not at the product of the sizes",
    "torch/view-outside": "PyTorch enlarges the storage in memory, with whatever bytes are there",
}  # fmt: skip


def seeds(corpus):
    """The corpus's pickles, and what torch.save writes (if this Python has torch)."""
    found = [pickle_of(path) for path in sorted(corpus.glob("pickle/*/*")) if path.stat().st_size < 5000]
    if not found:
        sys.exit(f"{corpus}: no pickles")
    return found, written_by_torch()


def pickle_of(path):
    """The pickle; one that names storages is inside its archive."""
    return zipfile.ZipFile(path).read("archive/data.pkl") if path.suffix == ".pt" else path.read_bytes()


def written_by_torch():
    import torch

    def pickled(value):
        buffer = io.BytesIO()
        torch.save(value, buffer)
        archive = zipfile.ZipFile(buffer)
        return archive.read(next(name for name in archive.namelist() if name.endswith("/data.pkl")))

    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(4, 2)).sum().backward()
    optimizer.step()
    grid = torch.arange(12.0).reshape(3, 4)
    plain = {
        "numbers": [1, -1, 2**40, 2**70, -(2**70), 0.5, True, None], "text": "\u20ac", "bytes": b"\0\xff",
        "bytearray": bytearray(b"a\xff"), "set": {1, 2}, "complex": 1 + 2j, "counter": collections.Counter("aab"),
        "size": torch.Size([2, 3]), "dtype": torch.float16, "device": torch.device("cuda", 1), "layout": torch.strided,
        (1, "a"): (), "ordered": collections.OrderedDict(a=1, b=[]), "qscheme": torch.per_tensor_affine,
    }  # fmt: skip
    dtypes = [torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.uint8, torch.int16, torch.int32,
              torch.int64, torch.bool, torch.complex64, torch.complex128]  # fmt: skip
    shared = torch.nn.Parameter(grid)
    return [pickled(value) for value in (
        model.state_dict(), optimizer.state_dict(), plain, {"t": grid.t(), "row": grid[1:], "expanded": grid[0].expand(2, 4)},
        [torch.ones(2, dtype=dtype) for dtype in dtypes], {"a": shared, "b": shared, "epoch": 3},
        [torch.empty(0, 3), torch.tensor(5)], grid,
    )]  # fmt: skip


def named(names):
    """For each name that PyTorch allows by default, a pickle with only this name; and one with a letter changed."""
    pickles = []
    for line in names.split():
        module, _, name = line.rpartition(".")
        for each in (name, name + "_", name[:-1], name.upper()):
            pickles.append(f"\x80\x02c{module}\n{each}\n.".encode("latin-1"))
    return pickles


class Mutator:
    WORDS = (
        b"N", b"]", b"}", b")", b"(", b"t", b"\x85", b"\x86", b"\x87", b"a", b"e", b"s", b"u", b"R", b"b", b"\x81", b"Q",
        b"\x88", b"\x89", b"\x8f", b"0", b"2", b"1", b".", b"\x80\x02", b"K\x01", b"J\xff\xff\xff\xff", b"X\x01\0\0\0a",
        b"X\0\0\0\0", b"U\x03cpu", b"\x8a\0", b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"G\x7f\xf8\0\0\0\0\0\0",
        b"G\x3f\xf0\0\0\0\0\0\0", b"ccollections\nOrderedDict\n", b"ccollections\nCounter\n", b"c__builtin__\nset\n",
        b"c_codecs\nencode\n", b"ctorch\nSize\n", b"ctorch\ndevice\n", b"ctorch\nfloat32\n", b"ctorch\nLongStorage\n",
        b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_tensor\n", b"ctorch._utils\n_rebuild_parameter\n",
        b"ctorch.storage\nUntypedStorage\n", b"cevil_mod\nevil_fn\n", b"c__builtin__\ncomplex\n", b"c__builtin__\nbytearray\n",
    )  # fmt: skip

    def __init__(self, pickles, seed):
        self.random = random.Random(seed)
        self.pickles = [ops for ops in map(split_opcodes, pickles) if ops]

    def make(self):
        ops = list(self.random.choice(self.pickles))
        for _ in range(self.random.choice((1, 1, 1, 2, 2, 3, 5))):
            self.mutate(ops)
        return b"".join(ops)

    def mutate(self, ops):
        place = self.random.randrange(len(ops)) if ops else 0
        kind = self.random.randrange(9)
        if kind == 0 and ops:
            del ops[place]
        elif kind == 1:
            ops.insert(place, self.random.choice(self.WORDS))
        elif kind == 2 and ops:
            ops[place] = self.random.choice(self.WORDS)
        elif kind == 3 and ops:
            ops.insert(place, ops[self.random.randrange(len(ops))])
        elif kind == 4 and len(ops) > 1:
            other = self.random.randrange(len(ops))
            ops[place], ops[other] = ops[other], ops[place]
        elif kind == 5:
            source = self.random.choice(self.pickles)
            begin = self.random.randrange(len(source))
            ops[place:place] = source[begin : begin + self.random.randrange(1, 12)]
        elif kind == 6 and ops:
            ops[place] = self.argument(ops[place])
        elif kind == 7:
            index = self.random.randrange(8)
            ops.insert(place, (b"h" if self.random.randrange(2) else b"q") + bytes([index]))
        elif kind == 8 and ops:
            data = bytearray(ops[place])
            data[self.random.randrange(len(data))] = self.random.randrange(256)
            ops[place] = bytes(data)

    def argument(self, op):
        code, rest = op[:1], op[1:]
        if code in b"KqhMJjr" and rest:
            value = self.random.choice((0, 1, 2, 3, 4, 5, 127, 128, 255))
            return code + value.to_bytes(len(rest), "little")
        if code == b"X":
            text = self.random.choice((b"", b"a", b"0", b"1", b"storage", b"cpu", b"cuda:0", b"latin1", b"\xc3\xbf", b"\xed\xa0\x80"))
            return code + struct.pack("<I", len(text)) + text
        return op


class Child:
    """One of the two judges: gives one line per pickle; a crash costs one answer."""

    def __init__(self, command):
        self.command = command

    def ask(self, pickles):
        answers = []
        while len(answers) < len(pickles):
            left = pickles[len(answers) :]
            data = b"".join(struct.pack("<I", len(each)) + each for each in left)
            done = subprocess.run(self.command, input=data, stdout=subprocess.PIPE, check=False)
            lines = done.stdout.decode("utf-8", "replace").split("\n")
            answers += lines[:-1]  # the text after the last line feed is incomplete
            if len(lines) - 1 < len(left):
                answers.append(f"crashed {done.returncode}")
        return answers


def disagreement(judged, answered):
    """The disagreement in a pair of answers; None if there is none, "" if it cannot be decided."""
    if judged.startswith("crashed"):
        return "we crashed"
    strict, reference, _, dump = judged.split(" ", 3)
    verdict, _, value = answered.partition(" ")
    if verdict in ("missing", "crashed"):
        return ""
    if strict == "accepted" and verdict != "accepted":
        return "strict accepts, PyTorch does not"
    if strict == "accepted" and dump != value:
        return "strict makes another value"
    if (reference == "accepted") != (verdict == "accepted"):
        if verdict == "accepted" and reference in DIFFERENCES:
            return ""
        return f"reference: {reference}, PyTorch: {verdict}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--judge", required=True)
    parser.add_argument("--unpickler", type=pathlib.Path, required=True)
    parser.add_argument("--corpus", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shown", type=int, default=20)
    args = parser.parse_args()
    files = [str(args.unpickler / name) for name in ("_weights_only_unpickler.py", "_utils.py")]
    judge, oracle = Child([args.judge]), Child([sys.executable, str(HERE / "torch_oracle.py"), *files])
    corpus, real = seeds(args.corpus)
    corpus += named(subprocess.run([*oracle.command, "names"], stdout=subprocess.PIPE, check=True, text=True).stdout)
    mutator = Mutator([*corpus, *real, *real, *real], args.seed)
    counts = collections.Counter()
    pickles = [*real, *corpus, *(mutator.make() for _ in range(args.count))]
    for begin in range(0, len(pickles), BATCH):
        batch = pickles[begin : begin + BATCH]
        for number, (data, judged, answered) in enumerate(zip(batch, judge.ask(batch), oracle.ask(batch)), begin):
            wrong = disagreement(judged, answered)
            if number < len(real) and not judged.startswith("accepted accepted "):
                wrong = "refused, though torch.save wrote it"
            counts["compared"] += 1
            counts["strict accepts"] += judged.startswith("accepted ")
            counts["PyTorch accepts"] += answered.startswith("accepted ")
            counts["undecidable"] += wrong == ""
            counts["disagree"] += bool(wrong)
            if wrong and counts["disagree"] <= args.shown:
                print(f"{wrong}\n  {data.hex()}\n  {judged[:300]}\n  {answered[:300]}", file=sys.stderr)
    print(", ".join(f"{name}: {count}" for name, count in counts.items()))
    return 1 if counts["disagree"] else 0


if __name__ == "__main__":
    sys.exit(main())
