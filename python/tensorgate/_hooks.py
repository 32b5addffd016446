"""Replaces the loaders of other packages by checked functions, and restores them."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tensorgate._loaders import LOADERS, _policies
from tensorgate._policy import Policy

_Function = Callable[..., Any]

_lock = threading.RLock()
_MODULES = {module for loader in LOADERS for module in loader.modules}

# Original and replacement by the identity of the original, and every place that holds a replacement.
_replacements: dict[int, tuple[_Function, _Function]] = {}
_places: list[tuple[dict[str, Any], str, _Function]] = []
# Classes whose `__init__` is replaced, each with the one that it defined itself.
_classes: dict[type, _Function | None] = {}


def _namespaces() -> Iterator[dict[str, Any]]:
    """The names of all modules but this one."""
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None)
        if isinstance(names, dict) and names is not globals():
            yield names


def _patch(modules: set[str]) -> None:
    """Replaces the loaders of `modules` wherever a module refers to them by a name (`from torch import load`)."""
    ours = {id(replacement) for _, replacement in _replacements.values()}
    fresh: dict[int, tuple[_Function, _Function]] = {}
    for loader in LOADERS:
        for name in modules.intersection(loader.modules):
            original = vars(sys.modules[name]).get(loader.name) if name in sys.modules else None
            if original is None or id(original) in (ours | _replacements.keys() | fresh.keys()):
                continue
            if not loader.by_init:
                fresh[id(original)] = (original, loader.replace(original))
            elif original not in _classes:
                _classes[original] = vars(original).get("__init__")
                original.__init__ = loader.replace(original.__init__)
    _replacements.update(fresh)
    for names in _namespaces() if fresh else ():
        _replace(names, fresh)
    # A module that was created again refers to originals that were replaced elsewhere.
    for name in modules & sys.modules.keys():
        _replace(vars(sys.modules[name]), _replacements)


def _replace(names: dict[str, Any], replacements: dict[int, tuple[_Function, _Function]]) -> None:
    for name, value in list(names.items()):
        pair = replacements.get(id(value))
        if pair is not None and pair[0] is value:
            names[name] = pair[1]
            _places.append((names, name, value))


def _restore() -> None:
    ours = {id(replacement) for _, replacement in _replacements.values()}
    for names, name, original in _places:
        if id(names.get(name)) in ours:
            names[name] = original
    # Modules imported in the meantime took the replacement by name.
    back = {id(replacement): original for original, replacement in _replacements.values()}
    for names in _namespaces():
        for name, value in list(names.items()):
            if id(value) in back:
                names[name] = back[id(value)]
    for each, init in _classes.items():
        if init is None:
            del each.__init__  # type: ignore[misc]
        else:
            each.__init__ = init  # type: ignore[misc]
    _classes.clear()
    _places.clear()
    _replacements.clear()


class _Loader(importlib.abc.Loader):
    """A package's own loader, followed by the replacements."""

    def __init__(self, name: str, loader: Any) -> None:
        self._name = name
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        return self._loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: types.ModuleType) -> None:
        # Put the module's own loader back: resources of the package are found through it.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        with _lock:
            if _policies:
                _patch({self._name})


class _Finder(importlib.abc.MetaPathFinder):
    """Sees the modules of the table when they are imported, or reloaded by importlib.reload."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in _MODULES:
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
    """Guards the process with `policy`; the one entered last applies."""
    import pickle  # noqa: F401  (nearly every program has it; its load is replaced from the start)

    with _lock:
        _policies.append(policy)
        if len(_policies) == 1:
            sys.meta_path.insert(0, _finder)
            _patch(_MODULES)


def install() -> None:
    """Guards this process until it ends, as the environment says: TENSORGATE_GUARD_ALLOW and the like."""
    enter(Policy.of_environment())


def leave(policy: Policy) -> None:
    """Removes `policy`, and with the last one the replacements."""
    with _lock:
        _policies.remove(policy)
        if not _policies:
            sys.meta_path.remove(_finder)
            _restore()
