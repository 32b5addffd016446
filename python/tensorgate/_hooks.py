"""Puts checked functions in place of the loaders of other packages, and takes them away again."""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tensorgate._policy import Formats, Policy

_Function = Callable[..., Any]

_SAFETENSORS: Formats = frozenset({"safetensors"})
_PICKLE: Formats = frozenset({"pickle"})
_TORCH: Formats = _PICKLE | {"pytorch-zip", "pytorch-legacy", "pytorch-tar", "torchscript"}
_NUMPY: Formats = _PICKLE | {"numpy", "numpy-zip"}
_JOBLIB: Formats = _PICKLE | {"joblib"}

_lock = threading.RLock()
_policies: list[Policy] = []
_thread = threading.local()


def _current() -> Policy | None:
    """The policy of the guard that was entered last, but not within a loader that is at work on a checked file."""
    if getattr(_thread, "inside", False):
        return None
    # Read once: another thread may leave its guard meanwhile.
    policies = _policies[-1:]
    return policies[0] if policies else None


@contextmanager
def _inside() -> Iterator[None]:
    _thread.inside = True
    try:
        yield
    finally:
        _thread.inside = False


def _checked(original: _Function, formats: Formats, parameter: str) -> _Function:
    """`original`, whose first parameter is a path, bytes or a file object."""

    @functools.wraps(original, updated=())
    def load(*arguments: Any, **named: Any) -> Any:
        policy = _current()
        if policy is None or not (arguments or parameter in named):
            return original(*arguments, **named)
        given = arguments[0] if arguments else named.pop(parameter)
        with policy.hand_over(given, formats) as (checked, _), _inside():
            return original(checked, *arguments[1:], **named)

    return load


def _checked_numpy(original: _Function, formats: Formats, parameter: str) -> _Function:
    """numpy.load. What has no parser is loaded without pickles, which runs nothing."""

    @functools.wraps(original)
    def load(*arguments: Any, **named: Any) -> Any:
        policy = _current()
        pickles = arguments[2] if len(arguments) > 2 else named.get("allow_pickle", False)
        if policy is None or not pickles or not (arguments or parameter in named):
            return original(*arguments, **named)
        given = arguments[0] if arguments else named.pop(parameter)
        with policy.hand_over(given, formats, lenient=True) as (checked, refusal), _inside():
            if refusal is None:
                return original(checked, *arguments[1:], **named)
            named["allow_pickle"] = False
            try:
                return original(checked, *arguments[1:2], **dict(zip(("fix_imports", "encoding"), arguments[3:])),
                                **named)
            except ValueError as error:
                if "pickle" in str(error):
                    raise refusal from error
                raise

    return load


class _Named:
    """What `safetensors._safe_open_handle` looks at in a file object: its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fileno(self) -> int:
        return int(self.name.rpartition("/")[2])


def _checked_handle(original: _Function, formats: Formats, parameter: str) -> _Function:
    @functools.wraps(original, updated=())
    def load(*arguments: Any, **named: Any) -> Any:
        policy = _current()
        path = getattr(arguments[0] if arguments else named.get(parameter), "name", None)
        if policy is None or not isinstance(path, str):
            return original(*arguments, **named)
        named.pop(parameter, None)
        with policy.hand_over(path, formats) as (checked, _), _inside():
            return original(_Named(checked), *arguments[1:], **named)

    return load


# Package, name in it, what it reads, how its first parameter is called, and what makes its replacement.
_LOADERS: list[tuple[str, str, Formats, str, Callable[[_Function, Formats, str], _Function]]] = [
    ("pickle", "load", _PICKLE, "file", _checked),
    ("pickle", "_load", _PICKLE, "file", _checked),
    ("safetensors", "safe_open", _SAFETENSORS, "filename", _checked),
    ("safetensors", "_safe_open_handle", _SAFETENSORS, "f", _checked_handle),
    ("safetensors", "deserialize", _SAFETENSORS, "bytes", _checked),
    ("torch", "load", _TORCH, "f", _checked),
    ("torch", "jit.load", _TORCH, "f", _checked),
    ("numpy", "load", _NUMPY, "file", _checked_numpy),
    ("joblib", "load", _JOBLIB, "filename", _checked),
]
_PACKAGES = {package for package, *_ in _LOADERS}

# Original and replacement by the original's identity, and every place that holds a replacement.
_replacements: dict[int, tuple[_Function, _Function]] = {}
_places: list[tuple[dict[str, Any], str, _Function]] = []


def _find(module: types.ModuleType, path: str) -> _Function | None:
    found: Any = module
    for name in path.split("."):
        found = getattr(found, name, None)
    return found  # type: ignore[no-any-return]


def _namespaces() -> Iterator[dict[str, Any]]:
    """The names of all modules but this one."""
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None)
        if isinstance(names, dict) and names is not globals():
            yield names


def _patch(packages: set[str]) -> None:
    """Replaces the loaders of `packages` wherever a module has them by some name (`from torch import load`)."""
    fresh: dict[int, tuple[_Function, _Function]] = {}
    for package, path, formats, parameter, make in _LOADERS:
        module = sys.modules.get(package) if package in packages else None
        original = _find(module, path) if module is not None else None
        if original is not None and id(original) not in _replacements:
            fresh[id(original)] = (original, make(original, formats, parameter))
    _replacements.update(fresh)
    for names in _namespaces():
        for name, value in list(names.items()):
            pair = fresh.get(id(value))
            if pair is not None and pair[0] is value:
                names[name] = pair[1]
                _places.append((names, name, value))


def _restore() -> None:
    ours = {id(replacement) for _, replacement in _replacements.values()}
    for names, name, original in _places:
        if id(names.get(name)) in ours:
            names[name] = original
    # Modules that came meanwhile took the replacement by name.
    back = {id(replacement): original for original, replacement in _replacements.values()}
    for names in _namespaces():
        for name, value in list(names.items()):
            if id(value) in back:
                names[name] = back[id(value)]
    _places.clear()
    _replacements.clear()


class _Loader(importlib.abc.Loader):
    """A package's own loader, and the replacements at the end."""

    def __init__(self, name: str, loader: Any) -> None:
        self._name = name
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        return self._loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: types.ModuleType) -> None:
        # The module's own loader again: resources of the package are found by it.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        with _lock:
            if _policies:
                _patch({self._name})


class _Finder(importlib.abc.MetaPathFinder):
    """Sees the packages of the table when they are imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in _PACKAGES:
            return None
        for finder in sys.meta_path:
            if not isinstance(finder, _Finder) and hasattr(finder, "find_spec"):
                spec = finder.find_spec(fullname, path, target)
                if spec is not None:
                    if spec.loader is not None:
                        spec.loader = _Loader(fullname, spec.loader)
                    return spec
        return None


_finder = _Finder()


def enter(policy: Policy) -> None:
    """Guards the process by `policy`; the one entered last counts."""
    import pickle  # noqa: F401  (nearly every program has it; its load is replaced from the start)

    with _lock:
        _policies.append(policy)
        if len(_policies) == 1:
            sys.meta_path.insert(0, _finder)
            _patch(_PACKAGES)


def leave(policy: Policy) -> None:
    """Takes `policy` away again, and with the last one the replacements."""
    with _lock:
        _policies.remove(policy)
        if not _policies:
            sys.meta_path.remove(_finder)
            _restore()
