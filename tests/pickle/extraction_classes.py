"""Classes and functions for compare_extraction.py: what a trusting loader imports for the pickles that it makes.

The classes are ordinary as long as an object is made without arguments and its state is a dict of texts. Everything else
that they receive they overwrite, and everything that can be reached from it.
"""
import torch

WRONG = -77.0


def overwrite(value, seen=None, depth=0):
    """Changes what can be reached from a value: bytes of tensors, items, attributes, globals of functions."""
    seen = set() if seen is None else seen
    if id(value) in seen or depth > 20:
        return value
    seen.add(id(value))
    if isinstance(value, torch.Tensor):
        with torch.no_grad():
            value.fill_(WRONG) if value.dtype != torch.bool else value.logical_not_()
        return value
    if isinstance(value, dict):
        for key, item in list(value.items()):
            overwrite(key, seen, depth + 1)
            overwrite(item, seen, depth + 1)
            if isinstance(item, torch.Tensor):
                dict.__setitem__(value, key, torch.full((2,), WRONG))
    elif isinstance(value, (list, tuple, set, frozenset)) or type(value).__name__ == "deque":
        for item in list(value):
            overwrite(item, seen, depth + 1)
        if isinstance(value, list):
            value[:] = [torch.full((2,), WRONG) if isinstance(each, torch.Tensor) else each for each in value]
    elif type(value).__name__ == "partial":
        overwrite(value.args, seen, depth + 1)
        overwrite(value.keywords, seen, depth + 1)
    if hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value):
        overwrite(value.__dict__, seen, depth + 1)
    return value


def call(*arguments, **keywords):
    """A function that changes its arguments."""
    overwrite(list(arguments))
    for item in keywords.values():
        overwrite(item)
    return None


def keep(*arguments):
    """A function that does nothing."""
    return "kept"


def rebuild_wrong(*arguments):
    return torch.full((3,), WRONG)


def change(target, name, value):
    """What setattr of a module or function does."""
    setattr(target, name, value)


class Plain:
    def __init__(self, *arguments):
        overwrite(list(arguments))

    def __new__(cls, *arguments, **keywords):
        overwrite(list(arguments))
        overwrite(list(keywords.values()))
        return object.__new__(cls)

    def __call__(self, *arguments):
        overwrite(self.__dict__)
        overwrite(list(arguments))

    def method(self, *arguments):
        self(*arguments)


class Careful(Plain):
    """Its state is stored by a method; a state of another form than Python's own is overwritten, as is a second one."""

    def __setstate__(self, state):
        halves = state if isinstance(state, tuple) and len(state) == 2 else (state,)
        plain = all(half is None or isinstance(half, dict) and all(type(key) is str for key in half) for half in halves)
        if not plain or self.__dict__:
            overwrite(self.__dict__)
            overwrite(state)
        if plain:
            for half in halves:
                self.__dict__.update(half or {})


class Items(dict):
    def __setitem__(self, key, value):
        dict.__setitem__(self, key, value)


class Row(list):
    pass


class Key:
    """Equal to its text."""

    def __hash__(self):
        return hash(self.__dict__.get("text"))

    def __eq__(self, other):
        return self.__dict__.get("text") == other


class Changer:
    """Changes a module that is among its attributes, as soon as a method of it runs."""

    def change(self):
        for value in self.__dict__.values():
            if type(value).__name__ == "module" and hasattr(value, "_rebuild_tensor_v2"):
                value._rebuild_tensor_v2 = rebuild_wrong

    def __iter__(self):
        self.change()
        return iter(())

    def __hash__(self):
        self.change()
        return 1


class Replacement:
    def __call__(self, *arguments, **keywords):
        return rebuild_wrong()


class Net(torch.nn.Module):
    pass


SAME_AS_TEXT = "w"  # a name whose value is a text
