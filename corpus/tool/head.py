"""The head of a recipe: a description of the file, and the verdict that each profile must give."""
from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from .errors import RecipeError
from .formats import Format

VERDICTS = ("accepted", "rejected", "undecided", "unsupported")
FOLDERS = {"accept": "accepted", "reject": "rejected", "undecided": "undecided", "unsupported": "unsupported",
           "extract": "rejected"}
CLASSES = ("model", "other", "not-fetched")
OUTCOMES = ("taken", "as-stored", "left-out")
_LIMITS_DEF = Path(__file__).resolve().parents[2] / "lib" / "include" / "tensorgate" / "limits.def"
LIMITS = tuple(re.findall(r"^TENSORGATE_LIMIT\((\w+),", _LIMITS_DEF.read_text(encoding="utf-8"), re.M))
READERS = {
    "CPP": "safetensors-cpp", "CC": "csafetensors", "HS": "hsnyder/safetensors.h", "GO": "nlpodyssey/safetensors",
    "MLX": "MLX", "SD": "stable-diffusion.cpp", "TG": "tinygrad", "FST": "fastsafetensors",
    "RAI": "runai-model-streamer", "JS": "huggingface.js", "HUB": "huggingface_hub", "DCP": "PyTorch DCP",
    "GGP": "gguf-py", "OLL": "ollama", "KOH": "kohya-ss/sd-scripts", "NET": "netron", "MA": "modelaudit",
}  # fmt: skip
ANSWERS = {"A": "accepts", "R": "refuses", "X": "crashes"}

_RULE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*/[a-z0-9]+(?:-[a-z0-9]+)*\Z")
_SUFFIX = re.compile(r"(?:\.[A-Za-z0-9_]+)*\Z")


class Head(NamedTuple):
    about: str
    verdict: str
    rule: str | None
    offset: tuple | None  # (text of the expression, line)
    reference: str
    reference_rule: str | None
    reference_error: str | None
    recognized: tuple | None  # for an unsupported file: the name of its format, and its class
    warns: tuple
    full: str | None
    near: str | None
    numpy: str | None  # "accepted", or a rule
    extract: dict | None  # what extraction gives: the rule by which it gives nothing, or (name, outcome) of each tensor
    unsure: str | None
    readers: dict
    limits: dict
    big: bool
    suffix: str


KEYS = (
    "about", "verdict", "rule", "offset", "reference", "reference-rule", "reference-error", "as", "warns", "full", "near", "numpy",
    "extract", "unsure", "readers", "limits", "big", "suffix",
)  # fmt: skip


def split(path: str, text: str) -> tuple[list, str, int]:
    """The head's lines as (key, value, line); the body; the body's first line number."""
    fields, lines = [], text.split("\n")
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if stripped == "---":
            return fields, "\n".join(lines[number:]), number + 1
        if not stripped or stripped.startswith("#"):
            continue
        key, colon, value = stripped.partition(":")
        if not colon:
            raise RecipeError(path, number, f"{stripped[:40]!r}: expected 'key: value' or the line --- that ends the head")
        fields.append((key.strip(), value.strip(), number))
    raise RecipeError(path, len(lines), "the end of the recipe: expected the line --- that ends the head")


def parse_head(path: str, fields: list, kind: Format) -> Head:
    found: dict = {}
    for key, value, line in fields:
        if key not in KEYS:
            raise RecipeError(path, line, f"key {key[:40]!r}: expected one of {' '.join(KEYS)}")
        if key in found:
            raise RecipeError(path, line, f"key {key}: expected only once")
        if not value:
            raise RecipeError(path, line, f"key {key}: expected a value")
        found[key] = (value, line)
    return _Checker(path, found, kind).head()


class _Checker:
    def __init__(self, path: str, found: dict, kind: Format):
        self.path, self.found, self.kind = path, found, kind

    def fail(self, key: str, text: str):
        line = self.found[key][1] if key in self.found else 1
        raise RecipeError(self.path, line, f"{key}: {text}")

    def text(self, key: str):
        return self.found[key][0] if key in self.found else None

    def choice(self, key: str, allowed, default):
        value = self.text(key)
        if value is None:
            return default
        if value not in allowed:
            self.fail(key, f"{value[:40]!r}: expected one of {' '.join(allowed)}")
        return value

    def rule(self, key: str):
        value = self.text(key)
        if value is not None and not _RULE.match(value):
            self.fail(key, f"{value[:40]!r}: expected the id of a rule, such as safetensors/offsets-hole")
        return value

    def head(self) -> Head:
        for key in ("about", "verdict"):
            if key not in self.found:
                raise RecipeError(self.path, 1, f"the head: expected a line '{key}: ...'")
        verdict = self.choice("verdict", VERDICTS, None)
        rule, full, near, unsure = self.rule("rule"), self.rule("full"), self.rule("near"), self.text("unsure")
        if verdict == "accepted" and rule:
            self.fail("rule", "expected none for an accepted file (warnings belong in 'warns')")
        if (verdict == "unsupported") != ("as" in self.found):
            self.fail("as", "expected if and only if the verdict is unsupported")
        if verdict not in ("accepted", "unsupported") and rule is None and unsure is None:
            self.fail("verdict", f"{verdict}: expected a line 'rule: ...' with the reason")
        for key in ("full", "near"):
            if key in self.found and verdict != "accepted":
                self.fail(key, "expected only for an accepted file")
        if verdict == "undecided" and "reference" not in self.found and unsure is None:
            self.fail("verdict", "undecided: expected a line 'reference: ...', since the reference has no limits")
        usual = "accepted" if verdict == "undecided" else verdict
        reference = self.choice("reference", ("accepted", "rejected"), usual)
        if "offset" in self.found and rule is None:
            self.fail("offset", "expected only together with 'rule'")
        if verdict == "accepted" and reference == "rejected":
            self.fail("reference", "rejected: expected the strict profile to refuse it, too")
        if "reference-error" in self.found and not self.kind.errors:
            self.fail("reference-error", "expected none: the reference of this format does not distinguish kinds of errors")
        reference_error = self.choice("reference-error", self.kind.errors, None)
        if self.kind.errors and (reference_error is not None) != (reference == "rejected"):
            self.fail("reference-error", "expected if and only if the reference rejects")
        reference_rule = self.rule("reference-rule")
        if reference_rule and reference == "accepted":
            self.fail("reference-rule", "expected only if the reference rejects")
        if reference == "rejected" and reference_rule is None and verdict == "rejected":
            reference_rule = rule
        return Head(
            about=self.text("about"), verdict=verdict, rule=rule, offset=self.found.get("offset"),
            reference=reference, reference_rule=reference_rule, reference_error=reference_error,
            recognized=self.recognized(), warns=self.warns(), full=full, near=near, numpy=self.numpy(verdict), extract=self.extract(verdict), unsure=unsure, readers=self.readers(), limits=self.limits(),
            big=self.choice("big", ("yes", "no"), "no") == "yes", suffix=self.suffix(),
        )  # fmt: skip

    def recognized(self) -> tuple | None:
        words = (self.text("as") or "").split()
        if words and (len(words) != 2 or words[1] not in CLASSES):
            self.fail("as", f"{' '.join(words)[:40]!r}: expected the name of a format and its class, one of {' '.join(CLASSES)}")
        return tuple(words) or None

    def numpy(self, verdict: str):
        if "numpy" in self.found and verdict != "rejected":
            self.fail("numpy", "expected only for a file that is rejected without a trust list")
        return "accepted" if self.text("numpy") == "accepted" else self.rule("numpy")

    def extract(self, verdict: str) -> dict | None:
        value = self.text("extract")
        if value is None:
            return None
        if verdict != "rejected":
            self.fail("extract", "expected only for a rejected file")
        if value == "none" or _RULE.match(value):
            return {"rule": None if value == "none" else value, "tensors": []}
        tensors = []
        for word in value.split(", "):
            name, _, outcome = word.rpartition("=")
            if not name or outcome not in OUTCOMES:
                self.fail("extract", f"{word[:40]!r}: expected none, a rule, or NAME=OUTCOME, ..., where OUTCOME is one of {' '.join(OUTCOMES)}")
            tensors.append([name, outcome])
        return {"rule": None, "tensors": tensors}

    def warns(self) -> tuple:
        rules = tuple((self.text("warns") or "").split())
        for rule in rules:
            if not _RULE.match(rule):
                self.fail("warns", f"{rule[:40]!r}: expected ids of rules separated by spaces")
        return rules

    def readers(self) -> dict:
        result = {}
        for word in (self.text("readers") or "").split():
            name, _, answer = word.partition("=")
            if name not in READERS or answer not in ANSWERS:
                self.fail("readers", f"{word[:40]!r}: expected NAME=A, R or X, where NAME is one of {' '.join(READERS)}")
            result[READERS[name]] = ANSWERS[answer]
        return result

    def limits(self) -> dict:
        result = {}
        for word in (self.text("limits") or "").split():
            name, _, value = word.partition("=")
            if name not in LIMITS or not value.isdigit() or int(value) >= 1 << 64:
                self.fail("limits", f"{word[:40]!r}: expected NAME=NUMBER, where NAME is one of {' '.join(LIMITS)}")
            result[name] = int(value)
        return result

    def suffix(self) -> str:
        value = self.text("suffix")
        if value is None:
            return self.kind.suffix
        if value == "none":
            return ""
        if not _SUFFIX.match(value):
            self.fail("suffix", f"{value[:40]!r}: expected a suffix such as .bin, or none")
        return value
