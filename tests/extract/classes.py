"""Classes that the checkpoints of make_checkpoints.py name, as a project of one's own has them."""
import dataclasses
import enum
import typing

import torch
from torch import nn


class Phase(enum.Enum):
    TRAIN = 1
    TEST = "test"


@dataclasses.dataclass
class Settings:
    width: int = 4
    phase: Phase = Phase.TRAIN
    weights: typing.Any = None


@dataclasses.dataclass(frozen=True)
class Frozen:
    scale: typing.Any = None


class Pair(typing.NamedTuple):
    left: typing.Any
    right: typing.Any


class Bag(dict):
    """A dict with attributes."""


class Stack(list):
    """A list with attributes."""


class Slots:
    __slots__ = ("bias", "weight")


class SlotsAndMore(Slots):
    """Slots and a __dict__."""


class Average:
    """An exponential moving average of weights, as training scripts have it."""

    def __init__(self, model, decay=0.99):
        self.decay = decay
        self.shadow = {name: each.detach().clone() for name, each in model.named_parameters()}
        self.backup = {}


class Vocabulary:
    def __init__(self, words):
        self.itos = list(words)
        self.stoi = {word: place for place, word in enumerate(self.itos)}


class Net(nn.Module):
    """A layer of most kinds: a convolution, normalization with buffers, a list, a dict."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 2, bias=False)])
        self.heads = nn.ModuleDict({"a": nn.Linear(2, 1), "b": nn.Identity()})
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.register_buffer("mean", torch.arange(3.0))
        self.register_buffer("cache", torch.arange(5.0), persistent=False)
        self.register_buffer("nothing", None)
        self.register_parameter("none", None)
        self.note = "a text"

    def forward(self, value):
        value = self.stem(value).mean((2, 3))
        for block in self.blocks:
            value = block(value)
        return self.heads["a"](value) * self.scale


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, value):
        return self.layer(value)


class Tied(nn.Module):
    """The same parameter twice, and the same module twice."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(6, 4)
        self.output = nn.Linear(4, 6)
        self.output.weight = self.embedding.weight
        self.first = nn.Linear(4, 4)
        self.again = self.first
        self.layers = nn.ModuleList([self.first, self.embedding])


class Restores(nn.Module):
    """A module whose __setstate__ changes what it stores."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def __setstate__(self, state):
        super().__setstate__(state)
        with torch.no_grad():
            self.layer.weight += 1


class Marked(torch.Tensor):
    """A subclass of Tensor."""


def hook(module, inputs):
    return None
