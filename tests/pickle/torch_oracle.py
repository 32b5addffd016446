"""PyTorch's restricted unpickler as an oracle: reads pickles like judge_pickles, and prints one line for each.

Needs a PyTorch that Python can import (1.13 is enough, for the classes) and, as arguments, `_weights_only_unpickler.py` and
`_utils.py` of the PyTorch whose rules count; scripts/pytorch_unpickler extracts both from a wheel. Answers: `accepted` and the
value, as dump.cc writes it; `rejected` and the exception; `missing` if this PyTorch lacks what the newer one uses.
"""
import ast
import importlib.util
import io
import resource
import signal
import struct
import sys
import warnings
from collections import Counter, OrderedDict

import torch

MOST_BYTES = 1 << 26  # of one storage; a larger one is not created
SECONDS = 20  # for one pickle
NEWER = (
    "_rebuild_tensor_v3", "_rebuild_meta_tensor_no_storage", "_rebuild_nested_tensor", "_rebuild_wrapper_subclass",
    "_rebuild_device_tensor_from_numpy", "_rebuild_device_tensor_from_cpu_tensor", "_rebuild_parameter_with_state",
)  # fmt: skip
NEWER_DTYPES = (
    "float8_e5m2", "float8_e4m3fn", "float8_e5m2fnuz", "float8_e4m3fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2", "bits8",
    "bits16", "bits1x8", "bits2x4", "bits4x2", "complex32", "uint16", "uint32", "uint64",
)  # fmt: skip
LACKS = [f"torch.{name} " for name in NEWER_DTYPES if not hasattr(torch, name)]


class Missing(Exception):
    """Something that this PyTorch does not have."""


def constants_of(path, names):
    """Dict literals at the top level of a module, without running it."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    return {node.targets[0].id: ast.literal_eval(node.value) for node in tree.body
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) in names}  # fmt: skip


class NewDtype:
    """Replaces a dtype that this PyTorch lacks."""

    def __init__(self, name):
        self.name = name

    def __str__(self):
        return self.name


def newer(name):
    def call(*_arguments):
        raise Missing(name)

    call.__name__ = name
    return call


def with_metadata(function):
    """_rebuild_tensor_v2 as since 2.0: with one more argument."""

    def _rebuild_tensor_v2(*arguments):
        if len(arguments) == 7 and arguments[6]:
            raise Missing("metadata of tensors")
        return function(*arguments[:6])

    return _rebuild_tensor_v2


def load_unpickler(path, utils):
    """The module at `path`, running on this PyTorch: functions of the newer one that it calls are provided."""
    for name, value in constants_of(utils, ("IMPORT_MAPPING", "NAME_MAPPING")).items():
        setattr(torch._utils, name, value)
    torch._utils._sparse_tensors_to_validate = []
    for name in NEWER:
        if not hasattr(torch._utils, name):
            setattr(torch._utils, name, newer(name))
    if "metadata" not in torch._utils._rebuild_tensor_v2.__code__.co_varnames:
        torch._utils._rebuild_tensor_v2 = with_metadata(torch._utils._rebuild_tensor_v2)
    storage, serialization = torch.storage, torch.serialization
    if not hasattr(storage, "_new_dtypes"):
        storage._new_dtypes = lambda: {getattr(torch, name) for name in NEWER_DTYPES if hasattr(torch, name)}
    for bits in range(1, 8):
        for kind in ("int", "uint"):
            if not hasattr(torch, f"{kind}{bits}"):
                setattr(torch, f"{kind}{bits}", NewDtype(f"torch.{kind}{bits}"))
    if not hasattr(serialization, "_get_layout"):
        serialization._get_layout = get_layout
    if not hasattr(serialization, "StorageType"):
        serialization.StorageType = StorageType
    specification = importlib.util.spec_from_file_location("restricted_unpickler", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


LAYOUTS = {str(each): each for each in vars(torch).values() if isinstance(each, torch.layout)}


def get_layout(name):
    return LAYOUTS[name]


class StorageType:
    def __init__(self, name):
        self.name = name
        types = {name: dtype for dtype, name in torch.storage._dtype_to_storage_type_map().items()}
        self.dtype = types[name]


class Loader:
    """A single pickle, with storages of the sizes that it names."""

    def __init__(self, module):
        self.module = module

    def load(self, data):
        self.storages, self.typed = {}, {}
        unpickler = self.module.Unpickler(io.BytesIO(data), encoding="utf-8")
        unpickler.persistent_load = self.persistent_load
        return unpickler.load()

    def persistent_load(self, saved_id):
        if not isinstance(saved_id, tuple):
            raise AssertionError("not a tuple")
        kind, *data = saved_id
        if isinstance(kind, bytes):
            kind = kind.decode("ascii")
        if kind != "storage":
            raise AssertionError("not a storage")
        storage_type, key, location, numel = data
        dtype = torch.uint8 if storage_type is torch.storage.UntypedStorage else storage_type.dtype
        if key in self.typed:
            return self.typed[key]
        if location == "meta":
            raise Missing("meta")
        count = numel * torch._utils._element_size(dtype)
        if isinstance(count, int) and count > MOST_BYTES:
            raise Missing("a large storage")
        # The registered functions look at the tag; with map_location="cpu" only its type matters.
        untyped = torch.storage.UntypedStorage(count)
        try:
            typed = torch.storage.TypedStorage(wrap_storage=untyped, dtype=dtype, _internal=True)
        except TypeError:  # before 2.0
            typed = torch.storage.TypedStorage(wrap_storage=untyped, dtype=dtype)
        self.typed[key] = typed
        self.storages[untyped._cdata] = (key, count)
        return typed

    # ---- as dump.cc writes it
    def dump(self, value):
        kind = type(value)
        if value is None or kind is bool:
            return str(value)
        if kind is int:
            if -(2**63) <= value < 2**63:
                return f"i{value}"
            from pickle import encode_long

            return "I" + encode_long(value).hex()
        if kind is float:
            return "f" + struct.pack(">d", value).hex()
        if kind is str:
            return "s" + value.encode("utf-8", "surrogatepass").hex()
        if kind is bytes:
            return "b" + value.hex()
        if kind in (torch.dtype, NewDtype):
            return "t" + str(value).split(".")[1]
        if kind is torch.layout:
            return "l" + str(value)
        if kind is torch.qscheme:
            return "q" + str(value)
        if kind is complex:
            return f"complex({self.items((value.real, value.imag))})"
        if kind is torch.device:
            return f"device({self.items((value.type,) if value.index is None else (value.type, value.index))})"
        if kind is bytearray:
            return f"bytearray({self.items((bytes(value),) if value else ())})"
        for form, begin, end in ((tuple, "(", ")"), (torch.Size, "Size(", ")"), (list, "[", "]")):
            if kind is form:
                return begin + self.items(value) + end
        for form, begin in ((dict, "{"), (Counter, "Counter{")):
            if kind is form:
                return begin + self.pairs(value) + "}"
        if kind is OrderedDict:
            attributes = value.__dict__
            return "Ordered{" + self.pairs(value) + "}" + ("+" + self.dump(dict(attributes)) if attributes else "")
        if kind is set:
            return "Set{" + "".join(sorted(self.dump(each) + "," for each in value)) + "}"
        if kind in (torch.Tensor, torch.nn.Parameter):
            return self.tensor(value)
        return f"?{kind.__name__}"

    def items(self, values):
        return "".join(self.dump(each) + "," for each in values)

    def pairs(self, value):
        return "".join(f"{self.dump(k)}:{self.dump(v)}," for k, v in value.items())

    def tensor(self, value):
        storage = value.storage()
        untyped = storage._untyped_storage if hasattr(storage, "_untyped_storage") else storage.untyped()
        key, count = self.storages.get(untyped._cdata, ("?", -1))
        name = "Parameter" if type(value) is torch.nn.Parameter else "Tensor"
        return (f"{name}<{str(value.dtype).split('.')[1]} {value.storage_offset()} ({self.items(tuple(value.shape))}) "
                f"({self.items(value.stride())}) {value.requires_grad} {key.encode('utf-8', 'surrogatepass').hex()} {count}>")


def late(_signal, _frame):
    raise Missing("time")


def main():
    module = load_unpickler(sys.argv[1], sys.argv[2])
    if sys.argv[3:] == ["names"]:  # names that are allowed by default
        print("\n".join(sorted(module._get_allowed_globals())))
        return
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, late)
    read, answer = sys.stdin.buffer.read, sys.stdout
    while len(head := read(4)) == 4:
        data = read(struct.unpack("<I", head)[0])
        loader = Loader(module)
        signal.alarm(SECONDS)
        try:
            value = loader.load(data)
            try:
                line = "accepted " + loader.dump(value)
            except RecursionError:
                line = "accepted ?deep"
        except (Missing, MemoryError) as error:
            line = f"missing {error}"
        except Exception as error:  # whatever it raises, it does not load
            lacks = "Unsupported global" in str(error) and any(name in str(error) for name in LACKS)
            line = f"{'missing' if lacks else 'rejected'} {type(error).__name__}: {str(error)[:200]!r}"
        finally:
            signal.alarm(0)
        answer.write(line.replace("\n", " ") + "\n")
        answer.flush()


if __name__ == "__main__":
    main()
