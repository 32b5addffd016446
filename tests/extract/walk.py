#!/usr/bin/env python3
"""Loads checkpoints as a loader that trusts them does, and lists their tensors: name, dtype, shape, digest of the bytes.

    walk.py FILE...     one line of JSON for each file, in order

Each file is loaded in a process of its own, because loading one runs its code. The names are computed here from the
loaded objects only, and share no code with tensorgate. Needs PyTorch, and what the files import.
"""
import collections
import hashlib
import json
import os
import pathlib
import sys
import types
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

MOST_NAMES = 500_000
PLAIN_MAPPINGS = (dict, collections.OrderedDict, collections.defaultdict, collections.Counter)


def part_of(key):
    return str(key) if key is None or type(key) in (str, int, bool) else None


def slots_of(value):
    for base in type(value).__mro__:
        names = base.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                yield name, getattr(value, name)


def own_attributes(value):
    attributes = getattr(value, "__dict__", None)
    if type(attributes) is dict:
        yield from list(attributes.items())
    yield from slots_of(value)


def is_module(attributes):
    return all(isinstance(attributes.get(name), dict) for name in ("_parameters", "_buffers", "_modules"))


def module_children(value, attributes):
    """The names of state_dict(), computed from its attributes."""
    transient = attributes.get("_non_persistent_buffers_set", ())
    yield from attributes["_parameters"].items()
    for key, each in attributes["_buffers"].items():
        if key not in transient:
            yield key, each
    yield from attributes["_modules"].items()


def children_of(value):
    if isinstance(value, (str, bytes, int, float, complex, type, types.ModuleType, types.FunctionType)):
        return
    attributes = getattr(value, "__dict__", None)
    if type(value) in PLAIN_MAPPINGS:
        for key, each in value.items():
            if part_of(key) is not None:
                yield part_of(key), each
        if attributes:
            yield "__dict__", attributes
        return
    if isinstance(attributes, dict) and is_module(attributes):
        for key, each in module_children(value, attributes):
            if part_of(key) is not None:
                yield part_of(key), each
        return
    if isinstance(value, (list, tuple)):
        for place in range(len(value)):
            yield str(place), (list if isinstance(value, list) else tuple).__getitem__(value, place)
    elif isinstance(value, dict):
        for key in dict.keys(value):
            if part_of(key) is not None:
                yield part_of(key), dict.__getitem__(value, key)
    for key, each in own_attributes(value):
        if type(key) is str:
            yield key, each


def tensors_of(root, torch):
    """Every path to each tensor: name -> tensors. Below itself a value is not entered again."""
    found = collections.defaultdict(list)
    if isinstance(root, torch.Tensor):
        found["tensor"].append(root)
        return found
    on_path = {id(root)}
    stack = [("", children_of(root), root)]
    count = 0
    while stack:
        prefix, children, value = stack[-1]
        try:
            key, child = next(children)
        except StopIteration:
            stack.pop()
            on_path.discard(id(value))
            continue
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(child, torch.nn.parameter.UninitializedTensorMixin):
            continue  # it has no data
        if isinstance(child, torch.Tensor):
            found[name].append(child)
            count += 1
            if count > MOST_NAMES:
                raise SystemExit("walk.py: too many names")
        elif id(child) not in on_path:
            on_path.add(id(child))
            stack.append((name, children_of(child), child))
    return found


DTYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32", "int16": "I16",
    "int8": "I8", "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64", "bool": "BOOL", "complex64": "C64",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2fnuz": "F8_E5M2FNUZ",
}  # fmt: skip


def bytes_of(tensor, torch):
    """The elements in C order, or None for a kind of tensor that has no such bytes."""
    if type(tensor) not in (torch.Tensor, torch.nn.Parameter) or tensor.layout != torch.strided:
        return None
    if tensor.is_quantized or tensor.is_nested or tensor.device.type != "cpu" or tensor.is_conj() or tensor.is_neg():
        return None
    with torch.no_grad():
        flat = tensor.detach().contiguous().reshape(-1)
        return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def describe(tensor, torch):
    data = bytes_of(tensor, torch)
    if data is None:
        return {"dtype": type(tensor).__name__, "shape": None, "sha256": None}
    kind = str(tensor.dtype).removeprefix("torch.")
    return {"dtype": DTYPES.get(kind, kind), "shape": list(tensor.shape), "sha256": hashlib.sha256(data).hexdigest()}


class Missing(types.ModuleType):
    """A module that is not installed here, with an empty class for each name. Only for those named in MISSING."""

    __path__: list = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (), {"__module__": self.__name__, "__init__": lambda self, *arguments: None})
        setattr(self, name, made)
        return made


def replace_missing(names):
    for name in names:
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            sys.modules.setdefault(".".join(parts[:length]), Missing(".".join(parts[:length])))


def load(path, torch):
    side = pathlib.Path(str(path) + ".json")
    if side.exists():
        replace_missing(json.loads(side.read_text()).get("missing", ()))
    return torch.load(path, map_location="cpu", weights_only=False)


def list_tensors(path):
    import torch

    try:
        root = load(path, torch)
        found = tensors_of(root, torch)
        tensors = {name: [describe(each, torch) for each in values] for name, values in found.items()}
    except Exception as error:  # anything, since a file can run anything
        return {"file": path, "error": f"{type(error).__name__}: {error}"[:500]}
    return {"file": path, "tensors": tensors, "objects": len({id(each) for values in found.values() for each in values})}


def main(paths):
    warnings.simplefilter("ignore")
    import torch

    torch.set_num_threads(1)
    for path in paths:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            out = os.dup(1)
            os.dup2(2, 1)  # what a file prints must not be taken for an answer
            line = json.dumps(list_tensors(path)) + "\n"
            with os.fdopen(out, "w") as stream:
                stream.write(line)
            os._exit(0)
        if os.waitpid(pid, 0)[1] != 0:
            print(json.dumps({"file": path, "error": "the loader crashed"}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
