"""What commonly used loaders take bytes for, by their own tests: each function judges one file's bytes.

A loader whose package is not installed is skipped; `MISSING` names it.
"""
from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import re
import resource
import tarfile
import zipfile
import zlib

MISSING = []

try:
    import h5py
except ImportError:
    h5py = None
    MISSING.append("h5py")
try:
    import torch
except ImportError:
    torch = None
    MISSING.append("torch")

# A length or an index from a file must not exhaust the machine's memory.
resource.setrlimit(resource.RLIMIT_AS, (16 << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))


class Called(BaseException):
    """An unpickler called something that the bytes name."""


class _Meta(type):
    def __call__(cls, *_, **__):
        raise Called

    def __setitem__(cls, *_):
        raise Called

    def append(cls, *_):
        raise Called

    extend = add = update = append

    @property
    def __setstate__(cls):
        raise Called


class _Named(metaclass=_Meta):
    """The object for any name: whatever an unpickler does with it is a call."""

    def __new__(cls, *_, **__):
        raise Called


def _unpickler(base):
    class Unpickler(base):
        named = False

        def find_class(self, module, name):
            # Fails like the real one: no module has such a name, and nothing has an empty name.
            if not module or set(module) & set("\0,;:=\"'()[]{}<>|"):
                raise ImportError
            self.named |= re.fullmatch(r"[\w.]*", module + "." + name) is not None
            if not name:
                raise AttributeError
            return _Named

    return Unpickler


UNPICKLERS = {"C": _unpickler(pickle.Unpickler), "Python": _unpickler(pickle._Unpickler)}


def walk(data: bytes, base=UNPICKLERS["C"]) -> tuple[str, bool, int]:
    """"calls", "complete" or "fails"; whether something was named; where the walk ended."""
    file = io.BytesIO(data)
    unpickler = base(file)
    try:
        unpickler.load()
        return "complete", unpickler.named, file.tell()
    except Called:
        return "calls", unpickler.named, file.tell()
    except RecursionError:
        raise
    except Exception:
        return "fails", unpickler.named, file.tell()


def is_tar(data: bytes) -> bool:
    """torch.load and NeMo: an archive with a first member."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:", format=tarfile.PAX_FORMAT) as archive:
            return archive.next() is not None
    except tarfile.TarError:
        return False
    except Exception:
        # The first block was a header; tarfile failed on what follows it.
        return True


def is_zip(data: bytes) -> bool:
    """zipfile, Keras, skops, `python FILE`: an archive with a member."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return len(archive.namelist()) > 0
    except Exception:
        return False


def is_miniz(data: bytes) -> bool:
    """torch.jit.load, and torch.load for a file that starts like an archive."""
    try:
        torch._C.PyTorchFileReader(io.BytesIO(data))
    except ValueError:
        return False  # it seeks to before the start of a small file
    except RuntimeError as error:
        # It reports a missing record only for an archive that it has opened.
        return not any(words in str(error) for words in ("reading zip archive", "does not contain any files"))
    return True


def is_hdf5(data: bytes) -> bool:
    """h5py and Keras."""
    if h5py is None or len(data) < 8:
        return False
    try:
        # The same test as h5py.is_hdf5, for a file in memory.
        with h5py.File(io.BytesIO(data), "r"):
            return True
    except OSError as error:
        return "signature not found" not in str(error)
    except Exception:
        return True


def unpacked(data: bytes) -> bytes:
    """What joblib.load would unpickle, chosen by the first bytes like joblib.numpy_pickle_utils."""
    openers = ((b"x", _zlib), (b"ZF", _old_joblib), (b"\x1f\x8b", gzip.GzipFile), (b"BZ", bz2.BZ2File), (b"\xfd7zXZ", lzma.LZMAFile),
               (b"\x5d\x00", lzma.LZMAFile))  # fmt: skip
    for prefix, opener in openers:
        if data.startswith(prefix):
            try:
                with opener(io.BytesIO(data)) as file:
                    return file.read(1 << 20)
            except Exception:
                return b""
    return b""


def _old_joblib(file):
    """Files written by joblib until 0.9: "ZF", the size in hexadecimal, and zlib data."""
    header, data = file.read(21), file.read()
    content = zlib.decompress(data.removeprefix(b" "), 15)
    return io.BytesIO(content if len(content) == int(header[2:], 16) else b"")


def _zlib(file):
    return io.BytesIO(zlib.decompressobj().decompress(file.read(), 1 << 20))


def is_packed(data: bytes) -> bool:
    """joblib.load: data that decompress to a pickle which calls something, or to a tar archive."""
    content = unpacked(data)
    return bool(content) and (walk(content)[0] == "calls" or is_tar(content))


def is_pickle(data: bytes) -> bool:
    """pickle.load, joblib, pandas, numpy: a pickle that calls something."""
    return any(walk(data, base)[0] == "calls" for base in UNPICKLERS.values())


def is_stream(data: bytes) -> bool:
    """torch.load of a legacy stream: what follows a pickle of its magic number is unpickled, too."""
    file = io.BytesIO(data)
    try:
        return UNPICKLERS["C"](file).load() == 0x1950A86A20F9469CFC6C and file.tell() < len(data)
    except Called:
        return False
    except RecursionError:
        raise
    except Exception:
        return False


def is_flatbuffer(data: bytes) -> bool:
    """torch.jit.load of a mobile module."""
    return data[4:8] == b"PTMF" and int.from_bytes(data[:4], "little") < len(data)


def is_numpy(data: bytes) -> bool:
    """numpy.load: an array, or an archive with one."""
    if not data.startswith(b"PK\3\4"):
        return data.startswith(b"\x93NUMPY")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return any(archive.read(name).startswith(b"\x93NUMPY") for name in archive.namelist())
    except Exception:
        return False


READERS = {"tar": is_tar, "zip": is_zip, "hdf5": is_hdf5, "compressed": is_packed, "pickle": is_pickle, "stream": is_stream,
           "flatbuffer": is_flatbuffer, "numpy": is_numpy}  # fmt: skip
if torch is not None:
    READERS["miniz"] = is_miniz

# The formats that each format is anyway; a format that is not listed has no others.
FAMILY = {
    "pytorch-zip": {"zip", "miniz"},
    "pytorch-legacy": {"pickle", "stream"},
    "pickle": {"pickle"},
    "numpy": {"numpy"},
}


def others(data: bytes, format_name: str) -> list[str]:
    """The readers outside the format's own family that accept the file."""
    family = FAMILY.get(format_name, set())
    return [name for name, reader in READERS.items() if name not in family and reader(data)]
