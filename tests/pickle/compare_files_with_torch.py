#!/usr/bin/env python3
"""Compares the command with this Python's torch.load(weights_only=True), on whole checkpoints.

  compare_files_with_torch.py --command BUILD/cli/tensorgate --corpus BUILT_CORPUS --count 20000

PyTorch must load what strict accepts: accepted files of the corpus, random checkpoints, and damaged ones. Each tensor that
`convert` writes must equal the tensor that was loaded. A device that this machine lacks, or a type that this PyTorch does not
support yet, is counted separately. Exit status 1 if anything disagrees.
"""
import argparse
import collections
import io
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import warnings

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from made_checkpoints import Made, damaged  # noqa: E402

BATCH = 1000
# Errors which say that the file is valid, but that this machine or this PyTorch cannot load it.
LACKS = (
    "Attempting to deserialize object on", "device module is not registered", "Storage device not recognized: mps",
    "(tagged with npu", "(tagged with mtia", "(tagged with mps", "(tagged with xpu", "(tagged with hpu",
    "(tagged with privateuseone", "GLOBAL torch.float8_", "GLOBAL torch.float4_", "GLOBAL torch.uint", "GLOBAL torch.bits",
    "GLOBAL torch.complex32", "GLOBAL torch.int", "_rebuild_tensor_v2() takes 6 positional arguments but 7 were given",
)  # fmt: skip
if torch.__version__.startswith("1."):  # its unpickler allows far less, its ZIP reader no offset in a ZIP64 field
    LACKS += ("Unsupported class", "Unsupported operand", "invalid header or archive is corrupted", "torch.jagged")
NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
         "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool", "C64": "complex64", "U16": "uint16", "U32": "uint32",
         "U64": "uint64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E4M3FNUZ": "float8_e4m3fnuz",
         "F8_E5M2FNUZ": "float8_e5m2fnuz", "F8_E8M0": "float8_e8m0fnu"}  # fmt: skip


def loaded(data, permitted):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not permitted:
            return torch.load(io.BytesIO(data), weights_only=True)
        with torch.serialization.safe_globals(permitted):
            return torch.load(io.BytesIO(data), weights_only=True)


def numpy_names():
    """What PyTorch is configured to allow if a trust list has the line `numpy`."""
    import numpy

    core = numpy.__dict__.get("_core") or numpy.core
    dtypes = [type(numpy.dtype(code)) for code in "b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16".split()]
    own = [(getattr(core.multiarray, name), f"numpy.{folder}.multiarray.{name}")
           for name in ("scalar", "_reconstruct") for folder in ("core", "_core")]  # fmt: skip
    return [*own, *dtypes, numpy.dtype, numpy.ndarray, bytes]


def tensors(value, path, found):
    """Tensors by the library's paths; if two have the same path they cannot be distinguished, but those are refused."""
    if isinstance(value, torch.Tensor):
        found["tensor" if path is None else path] = value
        return
    begin = f"{path}." if path else ""
    if isinstance(value, dict):
        for place, (key, each) in enumerate(value.items()):
            kind = {float: "float", bytes: "bytes", tuple: "tuple", torch.dtype: "dtype"}.get(type(key))
            tensors(each, begin + (f"<{kind} {place}>" if kind else str(key)), found)
        if type(value) is collections.OrderedDict and value.__dict__:
            tensors(dict(value.__dict__), begin + "__dict__", found)
    elif isinstance(value, (list, tuple)):
        for place, each in enumerate(value):
            tensors(each, begin + str(place), found)


def content(tensor):
    plain = tensor.detach().resolve_conj().resolve_neg().contiguous().clone()
    return bytes(plain.untyped_storage() if hasattr(plain, "untyped_storage") else plain.storage().untyped())


def truths(data):
    """Each byte above 0 is true; PyTorch writes 1 for it when it copies."""
    return data.translate(bytes([0]) + bytes([1]) * 255)


def converted(command, path, out):
    """name: (dtype, shape, bytes); None if safetensors has no equivalent, or a tensor has no name."""
    done = subprocess.run([*command, "convert", "--no-sync", "-q", path, out], capture_output=True, check=False)
    if done.returncode != 0:
        return {}
    data = pathlib.Path(out).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    return {name: (each["dtype"], each["shape"], data[8 + length :][each["data_offsets"][0] : each["data_offsets"][1]])
            for name, each in header.items()}  # fmt: skip


def different(command, path, out, value):
    """The first tensor that differs after loading; None if all are equal."""
    written, found = converted(command, path, out), {}
    tensors(value, None, found)
    for name, (dtype, shape, data) in written.items():
        tensor = found.get(name)
        if tensor is None:
            # `convert` starts at state_dict, if there is one.
            tensor = found.get(f"state_dict.{name}")
        if tensor is None:
            return f"{name} is not there"
        same = truths if dtype == "BOOL" else bytes
        as_stated = (NAMES.get(dtype), shape) == (str(tensor.dtype).split(".")[1], list(tensor.shape))
        if not as_stated or same(data) != same(content(tensor)):
            return f"{name} is another tensor"
    return None


def verdicts(command, folder, trust):
    lines = subprocess.run([*command, "scan", "--format", "jsonl", *trust, folder], capture_output=True, check=False).stdout
    return {json.loads(line)["path"]: json.loads(line) for line in lines.splitlines() if b'"path"' in line}


class Comparison:
    def __init__(self, command, trust, shown):
        self.trust, self.permitted = trust, numpy_names() if trust else []
        self.command, self.shown, self.counts, self.refusals = command, shown, collections.Counter(), collections.Counter()

    def judge(self, data, path, line, out):
        self.counts["files"] += 1
        if line.get("verdict") != "accepted":
            errors = [each["rule"] for each in line.get("findings", []) if each["severity"] == "error"]
            self.refusals[errors[0] if errors else line.get("verdict")] += 1
            return
        self.counts["accepted"] += 1
        try:
            value = loaded(data, self.permitted)
        except Exception as error:
            if any(word in str(error) for word in LACKS):
                self.counts["undecidable"] += 1
                return
            reason = str(error).split("WeightsUnpickler error: ")[-1]
            self.tell(data, path, f"PyTorch does not load it: {type(error).__name__}: {reason}")
            return
        wrong = different(self.command, path, out, value)
        if wrong:
            self.tell(data, path, wrong)

    def tell(self, data, path, what):
        self.counts["disagree"] += 1
        if self.counts["disagree"] <= self.shown:
            kept = pathlib.Path(tempfile.gettempdir()) / f"disagrees-{self.counts['disagree']}{pathlib.Path(path).suffix}"
            kept.write_bytes(data)
            print(f"{kept}: {what[:400]}", file=sys.stderr)

    def batch(self, files):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number, data in enumerate(files):
                path = f"{folder}/{number}.pt"
                pathlib.Path(path).write_bytes(data)
                paths.append(path)
            lines = verdicts(self.command, folder, self.trust)
            for path, data in zip(paths, files):
                self.judge(data, path, lines.get(path, {}), f"{folder}/out.safetensors")


def seeds(corpus):
    kinds = ("torch/accept/*.pt", "pickle/accept/*.pt", "zip/accept/*.pt")
    paths = [path for kind in kinds for path in sorted(corpus.glob(kind)) if path.stat().st_size < 1 << 20]
    if not paths:
        sys.exit(f"{corpus}: no checkpoints")
    return [path.read_bytes() for path in paths]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--command", required=True)
    parser.add_argument("--corpus", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trust", help="a trust list with the line numpy: checkpoints with NumPy's scalars and arrays")
    parser.add_argument("--shown", type=int, default=20)
    args = parser.parse_args()
    torch.set_num_threads(1)
    source = random.Random(args.seed)
    trust = ["--trust", args.trust] if args.trust else []
    made, real = Made(source, numpy=bool(trust)), seeds(args.corpus)
    comparison = Comparison([args.command], trust, args.shown)
    comparison.batch(real)
    for begin in range(0, args.count, BATCH):
        files = []
        for _ in range(min(BATCH, args.count - begin)):
            data = made.file() if source.random() < 0.8 else source.choice(real)
            files.append(damaged(data, source) if source.random() < 0.3 else data)
        comparison.batch(files)
    print(f"torch {torch.__version__}: " + ", ".join(f"{name}: {count}" for name, count in comparison.counts.items()))
    print("refused: " + ", ".join(f"{rule} {count}" for rule, count in comparison.refusals.most_common(12)))
    return 1 if comparison.counts["disagree"] or not comparison.counts["accepted"] else 0


if __name__ == "__main__":
    sys.exit(main())
