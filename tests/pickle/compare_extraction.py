#!/usr/bin/env python3
"""Compares `tensorgate convert --extract` with a trusting loader, on random pickles full of foreign code.

  compare_extraction.py --command tensorgate --count 300 --seed 1

Each file is a well-formed archive whose pickle was made of opcodes: calls, states, items, shared containers, getattr,
keys that equal others, memo and POP, in protocols 0 to 5. torch.load(weights_only=False) loads it in a child process,
with the classes of extraction_classes.py, which overwrite whatever they receive. Each tensor that was extracted must be
the loader's under that name. To leave one out is right; a file that the loader cannot load does not count. Tensors that
no object of a foreign class holds must also be the loader's if each class overwrites the states and items it receives.
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
import extraction_indirect_classes  # noqa: E402
from extraction_indirect_tricks import TRICKS as INDIRECT_TRICKS  # noqa: E402
from extraction_maker import Maker  # noqa: E402
from extraction_tricks import TRICKS  # noqa: E402

OURS = "extraction_classes"
DTYPES = {"F32": torch.float32, "I64": torch.int64, "BOOL": torch.bool}


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
    held = int(header.pop("__metadata__").get("tensorgate.as_stored", 0))
    return held, {key: (each["dtype"], tuple(each["shape"]), data[8 + size:][slice(*each["data_offsets"])]) for key, each in header.items()}


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


def judge(path, taken, hostile=False):
    """In a child process, which the file may damage: 0 equal, 1 different, 2 the loader fails."""
    child = os.fork()
    if child == 0:
        code = 2
        try:
            sys.setrecursionlimit(10000)
            if hostile:
                extraction_indirect_classes.make_hostile()
            wrong = differences(path, taken)
            code = 1 if wrong else 0
            for each in wrong[:3]:
                print(f"{path}: {each}", file=sys.stderr)
        except BaseException:  # noqa: BLE001
            code = 2
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def add_object(maker):
    """An object of an unknown class, which receives nothing."""
    return maker.text("added") + maker.name(OURS, "Plain") + b")\x81}b", b""


class Call:
    """Passes a tensor to an unknown function."""

    def __init__(self):
        self.storage = None

    def __call__(self, maker):
        if not maker.tensors:
            return b"", b""
        index, key = maker.tensors[-1]
        self.storage = maker.storages[key]
        return b"", maker.name(OURS, "call") + maker.get_at(index) + b"\x85R0"


class Comparison:
    def __init__(self, command, folder, keep):
        self.command, self.folder, self.keep = command, folder, keep
        self.counts = collections.Counter()
        self.held = 0  # by objects of foreign classes, of what was extracted last

    def extract(self, data, label):
        """Name -> (dtype, shape, bytes) of what is extracted."""
        path, out = self.folder / "in.pt", self.folder / "out.safetensors"
        path.write_bytes(data)
        out.unlink(missing_ok=True)
        done = subprocess.run([self.command, "convert", "--extract", "--no-sync", "--select", "", path, out], capture_output=True, text=True)
        self.counts[f"exit {done.returncode}"] += 1
        if done.returncode not in (0, 1, 3):
            raise SystemExit(f"{label}: exit code {done.returncode}\n{done.stderr}")
        self.held, taken = read(out) if done.returncode == 0 else (0, {})
        return taken

    def keep_file(self, data, label):
        kept = pathlib.Path(self.keep) / f"{label}.pt"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(data)
        print(f"different: {kept}", file=sys.stderr)

    def run(self, data, label):
        """What is extracted; True if the loader has all of it, or cannot load the file."""
        taken = self.extract(data, label)
        if not taken:
            self.counts["nothing extracted"] += 1
            return taken, True
        code = judge(self.folder / "in.pt", taken)
        self.counts[("equal", "different", "not loaded")[code] if code in (0, 1, 2) else "crashed"] += 1
        if code == 0:
            self.counts["tensors"] += len(taken)
            certain = self.certain(taken)
            again = judge(self.folder / "in.pt", certain, True) if certain else 2
            if again == 0:
                self.counts["tensors whatever the classes do"] += len(certain)
            elif again == 1:
                self.counts["different with hostile classes"] += 1
                code = 1
        if code == 1:
            self.keep_file(data, label)
        return taken, code != 1

    def certain(self, taken):
        """The tensors that no class holds: how it uses what it receives must not matter."""
        if self.held in (0, len(taken)):
            return {} if self.held else taken
        command = [self.command, "inspect", "--extract", "--format", "json", self.folder / "in.pt"]
        shown = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)["extraction"]["tensors"]
        names = {each["name"] for each in shown if each["outcome"] == "taken"}
        return {key: each for key, each in taken.items() if key in names}

    def change(self, make, label, taken):
        """Changes of a file whose effect is known: `make` makes the file that `taken` is from, with a change."""
        called = Call()
        for what, options in (("an object added", {"change": add_object}), ("a class renamed", {"rename": (b"Plain", b"Other")}),
                              ("a tensor passed", {"change": called})):  # fmt: skip
            data = make().file(**options)
            after = self.extract(data, label)
            lost = {key: each for key, each in taken.items() if after.get(key) != each}
            if what == "a tensor passed" and called.storage is not None:
                lost = {key: each for key, each in lost.items() if key in after or each[2] not in called.storage}
            # A tensor can lead to functions through its hooks: then nothing is extracted.
            if what == "a tensor passed" and not after:
                lost = {}
            self.counts["changed"] += 1
            if lost or after.keys() - taken.keys():
                self.counts["changed wrongly"] += 1
                print(f"{label}, {what}: {sorted(lost)} {sorted(after.keys() - taken.keys())}", file=sys.stderr)
                self.keep_file(data, f"{label}-{what.replace(' ', '-')}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", required=True)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", default="build/extraction-differences", help="a folder for files that differ")
    arguments = parser.parse_args()
    failed = 0
    Maker.with_states = hasattr(torch._utils, "_rebuild_parameter_with_state")
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(arguments.command, pathlib.Path(folder), arguments.keep)
        for label, (data, may, must_not) in {**TRICKS, **INDIRECT_TRICKS}.items():
            taken, right = comparison.run(data, label)
            bad = [each for each in must_not if each in taken] + [each for each in may if each not in taken]
            if bad or not right:
                print(f"trick {label}: written: {sorted(taken)}; wrong or missing: {bad}", file=sys.stderr)
                failed += 1
        for number_ in range(arguments.count):
            label = f"{arguments.seed}-{number_}"
            make = lambda: Maker(random.Random(label))  # noqa: B023, E731
            taken, _ = comparison.run(make().file(), label)
            if taken and number_ % 4 == 0:
                comparison.change(make, label, taken)
    counts = comparison.counts
    print(f"extraction: {dict(sorted(counts.items()))}, tricks {len(TRICKS) + len(INDIRECT_TRICKS)}")
    if counts["equal"] < arguments.count / 3:
        sys.exit("too few files were loaded and extracted from: the comparison proves nothing")
    bad = counts["different"] + counts["different with hostile classes"] + counts["changed wrongly"] + failed
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
