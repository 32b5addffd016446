"""The loaders of other packages that a guard replaces, and their replacements."""

from __future__ import annotations

import functools
import os
import sys
import types
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NamedTuple

from tensorgate._handing import Handed, Reader, at_work_on, hand_over, name_of, working_on
from tensorgate._policy import JOBLIB, NUMPY, PICKLE, SAFETENSORS, TORCH, TORCHSCRIPT, Policy

_Function = Callable[..., Any]

_policies: list[Policy] = []


def current() -> Policy | None:
    """The policy of the guard that was entered last."""
    # Read once: another thread may leave its guard in the meantime.
    policies = _policies[-1:]
    return policies[0] if policies else None


# Calls a loader with what it was handed, its other positional arguments and its keyword arguments.
_Call = Callable[[Handed, tuple[Any, ...], dict[str, Any]], Any]


def _load(original: _Function, reader: Reader, parameter: str, arguments: tuple[Any, ...], named: dict[str, Any],
          call: _Call | None = None) -> Any:
    """Calls `original` with its first argument, which may be a keyword argument, checked."""
    policy = current()
    if policy is None or not (arguments or parameter in named):
        return original(*arguments, **named)
    given, rest = (arguments[0], arguments[1:]) if arguments else (named.pop(parameter), ())
    if at_work_on(given, reader.formats):
        return original(given, *rest, **named)
    with hand_over(policy, given, reader) as handed:
        return call(handed, rest, named) if call else original(handed.what, *rest, **named)


class Loader(NamedTuple):
    """A function or class that is replaced, and the modules where it is found; the last one defines it."""

    modules: tuple[str, ...]
    name: str
    replace: Callable[[Any], Any]
    # The class stays and its `__init__` is replaced, so that classes derived from it are guarded as well.
    by_init: bool = False


def _function(name: str, reader: Reader, parameter: str, *modules: str) -> Loader:
    def replace(original: _Function) -> _Function:
        @functools.wraps(original, updated=())
        def load(*arguments: Any, **named: Any) -> Any:
            return _load(original, reader, parameter, arguments, named)

        return _Builtin(load) if isinstance(original, types.BuiltinFunctionType) else load

    return Loader(modules, name, replace)


class _Builtin:
    """Replaces a function written in C: as a class attribute it does not become a method, and it is pickled by its name."""

    def __init__(self, function: _Function) -> None:
        functools.update_wrapper(self, function)
        self.__wrapped__: _Function = function.__wrapped__  # type: ignore[attr-defined]
        self._function = function

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._function(*arguments, **named)

    def __reduce__(self) -> str:
        return self._function.__name__


def _init(name: str, reader: Reader, parameter: str, *modules: str) -> Loader:
    """A class written in Python that opens a file in its `__init__`."""

    def replace(original: _Function) -> _Function:
        @functools.wraps(original)
        def init(self: Any, *arguments: Any, **named: Any) -> None:
            def call(handed: Handed, rest: tuple[Any, ...], named: dict[str, Any]) -> None:
                original(self, handed.what, *rest, **named)
                if handed.path is not None and hasattr(self, "filename"):
                    self.filename = handed.path

            _load(functools.partial(original, self), reader, parameter, arguments, named, call)

        return init

    return Loader(modules, name, replace, by_init=True)


def _class(name: str, reader: Reader, parameter: str, *modules: str) -> Loader:
    """A class whose attributes cannot be set. Its objects stay as they are; the replacement behaves like the class."""

    def replace(original: type) -> type:
        class Guarded(type):
            def __call__(cls, *arguments: Any, **named: Any) -> Any:
                return _load(original, reader, parameter, arguments, named)

            def __instancecheck__(cls, instance: Any) -> bool:
                return isinstance(instance, original)

            def __subclasscheck__(cls, subclass: type) -> bool:
                return subclass is cls or issubclass(subclass, original)

            def __eq__(cls, other: object) -> bool:
                return other is cls or other is original

            def __hash__(cls) -> int:
                return hash(original)

            def __getattr__(cls, name: str) -> Any:
                return getattr(original, name)

            def __dir__(cls) -> list[str]:
                return dir(original)

            @property
            def __signature__(cls) -> Any:
                import inspect

                return inspect.signature(original)

        members = {each: getattr(original, each) for each in ("__module__", "__qualname__", "__doc__")}
        return Guarded(original.__name__, (), {**members, "__slots__": (), "__wrapped__": original})

    return Loader(modules, name, replace)


def _numpy(name: str, reader: Reader, parameter: str, *modules: str) -> Loader:
    """numpy.load. A refused file that is not a pickle is loaded with pickles disabled, which runs nothing."""

    def replace(original: _Function) -> _Function:
        def call(handed: Handed, rest: tuple[Any, ...], named: dict[str, Any]) -> Any:
            if handed.refusal is None:
                return _arrays(original(handed.what, *rest, **named), handed)
            # All positional arguments but allow_pickle, which is the second.
            named.update(zip(("fix_imports", "encoding"), rest[2:]), allow_pickle=False)
            try:
                return _arrays(original(handed.what, *rest[:1], **named), handed)
            except ValueError as error:
                if "pickle" in str(error):
                    raise handed.refusal from error
                raise

        @functools.wraps(original)
        def load(*arguments: Any, **named: Any) -> Any:
            pickles = arguments[2] if len(arguments) > 2 else named.get("allow_pickle", False)
            if not pickles:
                return original(*arguments, **named)
            return _load(original, reader, parameter, arguments, named, call)

        return load

    return Loader(modules, name, replace)


def _arrays(loaded: Any, handed: Handed) -> Any:
    """The result of numpy.load keeps the path that was given, not the one that it was handed."""
    numpy: Any = sys.modules["numpy"]
    if handed.path is not None and isinstance(loaded, numpy.memmap):
        given = handed.given
        # numpy stores no path that is bytes.
        plain = None if isinstance(given, bytes) else os.path.abspath(handed.path)
        loaded.filename = given.resolve() if hasattr(given, "resolve") else plain
    elif isinstance(loaded, numpy.lib.npyio.NpzFile):
        if handed.path is not None:
            loaded.zip.filename = loaded.fid.raw.name = handed.path
        _judge_members(loaded, handed)
    return loaded


def _judge_members(archive: Any, handed: Handed) -> None:
    """The members of an archive are loaded on demand: allowed or refused like the archive itself."""
    kind = type(archive)

    def getitem(self: Any, key: Any) -> Any:
        with working_on(handed) if handed.allowed else nullcontext():
            try:
                return kind.__getitem__(self, key)
            except ValueError as error:
                if handed.refusal is not None and "pickle" in str(error):
                    raise handed.refusal from error
                raise

    archive.__class__ = type(kind.__name__, (kind,), {"__getitem__": getitem, "__module__": kind.__module__})


def _memmap(name: str, *modules: str) -> Loader:
    """How joblib creates memory maps for what it loads: they keep the path that was given."""

    def replace(original: _Function) -> _Function:
        @functools.wraps(original)
        def make(filename: Any, *arguments: Any, **named: Any) -> Any:
            result = original(filename, *arguments, **named)
            path = name_of(filename)
            if path is not None:
                result.filename = os.path.abspath(path)
            return result

        return make

    return Loader(modules, name, replace)


_PICKLE = Reader("pickle.load", PICKLE, ("file",))
_JIT = ("path", "file")
_NOTHING: frozenset[str] = frozenset()

LOADERS = (
    _function("load", _PICKLE, "file", "pickle", "_pickle"),
    _function("_load", _PICKLE, "file", "pickle"),
    _init("Unpickler", Reader("pandas.read_pickle", PICKLE, ("file",)), "file", "pandas.compat.pickle_compat"),
    _class("safe_open", Reader("safetensors.safe_open", SAFETENSORS, ("path",)), "filename", "safetensors"),
    _class("_safe_open_handle", Reader("safetensors._safe_open_handle", SAFETENSORS, ("handle",)), "f", "safetensors"),
    _function("deserialize", Reader("safetensors.deserialize", SAFETENSORS, ("data",)), "bytes", "safetensors"),
    _function("load", Reader("torch.load", TORCH, ("path", "file")), "f", "torch", "torch.serialization"),
    _function("load", Reader("torch.jit.load", TORCHSCRIPT, _JIT), "f", "torch.jit", "torch.jit._serialization"),
    _function("jit_module_from_flatbuffer", Reader("torch.jit.jit_module_from_flatbuffer", _NOTHING, _JIT), "f",
              "torch.jit", "torch.jit._serialization"),
    _function("_load_for_lite_interpreter", Reader("torch.jit.mobile._load_for_lite_interpreter", TORCHSCRIPT, _JIT), "f",
              "torch.jit.mobile"),
    _init("PackageImporter", Reader("torch.package.PackageImporter", _NOTHING, _JIT), "file_or_buffer",
           "torch.package", "torch.package.package_importer"),
    _numpy("load", Reader("numpy.load", NUMPY, ("file", "name"), lenient=True), "file",
           "numpy", "numpy.lib.npyio", "numpy.lib._npyio_impl"),
    _function("load", Reader("joblib.load", JOBLIB, ("path", "file", "name")), "filename", "joblib", "joblib.numpy_pickle"),
    _function("load_compatibility", Reader("joblib.numpy_pickle_compat.load_compatibility", JOBLIB, ("name",)), "filename",
              "joblib.numpy_pickle_compat"),
    _memmap("make_memmap", "joblib.backports"),
)
