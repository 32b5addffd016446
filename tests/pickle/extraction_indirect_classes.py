"""Classes and functions for extraction_indirect_tricks.py. Each changes only what it receives, itself among it."""
import copyreg

import numpy
import torch

import extraction_classes
from extraction_classes import overwrite, rebuild_wrong

copyreg.add_extension("extraction_classes", "Plain", 16)


class Wrong:
    """Can be called instead of a function, although it has no name of its own."""

    def __call__(self, *arguments, **keywords):
        return rebuild_wrong()


class Hashed:
    """Changes its attributes when it is hashed."""

    def __hash__(self):
        overwrite(self.__dict__)
        return 1


class Typed:
    """NumPy takes its attribute `dtype`."""


class Masked(numpy.ma.MaskedArray):
    def __new__(cls, data, mask=None, dtype=None):
        overwrite(dtype)
        return numpy.ma.MaskedArray.__new__(numpy.ma.MaskedArray, data, mask=mask)


class Parameterized:
    def __class_getitem__(cls, item):
        return overwrite(item)


def generator(value):
    overwrite(value)
    return numpy.random.PCG64()


class Pairs(dict):
    pass


class NoKeys:
    """A function without keys, for an attribute that is looked up like a method."""

    def __call__(self):
        return []


class Kind:
    """Equal to a number, and changes its attributes when it is compared."""

    def __hash__(self):
        return hash(1)

    def __eq__(self, other):
        overwrite(self.__dict__)
        return True


def first_set(values, key, value):
    values[0][key] = value


def overwrite_all(values):
    for value in values:
        if type(value) is torch.Tensor:
            overwrite(value)


def add_name(names):
    names.add("b")


class Types:
    """Instead of torch.serialization.StorageType."""

    def __call__(self, kind):
        made = Typed()
        made.dtype = torch.int32
        return made


def make_hostile():
    """From now on, the classes of both modules overwrite each state and item that they receive."""

    def receive(self, *values):
        overwrite(list(values))

    for kind in (extraction_classes.Plain, extraction_classes.Careful, extraction_classes.Items, extraction_classes.Net, Pairs, Typed):
        kind.__setstate__ = receive
    extraction_classes.Items.__setitem__ = Pairs.__setitem__ = receive
    extraction_classes.Row.append = extraction_classes.Row.extend = extraction_classes.Row.__setitem__ = receive
