"""What differs from format to format: the folder's name in the corpus gives it."""
from __future__ import annotations

from typing import NamedTuple


class Format(NamedTuple):
    suffix: str  # of the files, unless the recipe says another
    errors: tuple  # kinds of error that the format's reference tells apart; empty: it does not


_FORMATS = {
    "safetensors": Format(
        ".safetensors",
        ("HeaderTooSmall", "HeaderTooLarge", "InvalidHeaderLength", "InvalidHeader", "InvalidHeaderStart",
         "InvalidHeaderDeserialization", "InvalidOffset", "ValidationOverflow", "MisalignedSlice",
         "TensorInvalidInfo", "MetadataIncompleteBuffer"),
    ),
    "zip": Format(".pt", ()),
    "numpy": Format(".npy", ()),
    "torch": Format(".pt", ()),
    "pickle": Format(".pkl", ()),
    "scan": Format("", ()),  # what else bytes are: judged by content, under any suffix
    "checkpoint": Format("", ()),
    "torch-checkpoint": Format("", ()),
}  # fmt: skip


def format_of(name: str) -> Format:
    return _FORMATS.get(name, Format("." + name, ()))
