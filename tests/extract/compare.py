#!/usr/bin/env python3
"""Compares what `tensorgate convert --extract` writes with what a loader that trusts the file returns, byte for byte.

    compare.py --command TENSORGATE --files DIR [--only KIND]     DIR: written by make_checkpoints.py

The loader is walk.py, run by the same Python. A difference, a name that the loader does not have, and a tensor of the
loader that the command neither writes nor lists as left out are failures. Prints one row for each file.
"""
import argparse
import collections
import hashlib
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
USUAL = "state_dict"
WRITTEN, NOTHING = 0, 1


def read_safetensors(path):
    """name -> {dtype, shape, sha256}, and the metadata. A reader of its own, so that nothing else can be wrong."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, each in header.items():
        begin, end = (8 + length + place for place in each["data_offsets"])
        tensors[name] = {"dtype": each["dtype"], "shape": each["shape"], "sha256": hashlib.sha256(data[begin:end]).hexdigest()}
    return tensors, metadata


def run(command, *arguments):
    return subprocess.run([command, *map(str, arguments)], capture_output=True, text=True, timeout=600, check=False)


class File:
    """One checkpoint: what the command does with it."""

    def __init__(self, command, path):
        self.problems, self.written = [], {}
        self.judge(command, path)
        result = run(command, "inspect", "--extract", "--format", "json", path)
        self.code = result.returncode
        try:
            document = json.loads(result.stdout)
        except ValueError:
            document = {}
        self.extraction = document.get("extraction")
        self.outcomes = {}
        if self.extraction is None:
            if self.code != NOTHING:
                self.problems.append(f"inspect --extract: exit code {self.code}: {result.stderr.strip()[:200]}")
            self.why = (document.get("error") or {}).get("rule") or self.rule
            return
        self.why = None
        if self.verdict == "accepted":
            return self.convert_accepted(command, path)
        entries = self.extraction["tensors"]
        for outcome, key in (("taken", "taken"), ("as-stored", "as_stored"), ("left-out", "left_out")):
            count = sum(entry["outcome"] == outcome for entry in entries)
            if count != self.extraction[key]:
                self.problems.append(f"{key} is {self.extraction[key]}, but {count} are listed")
        self.outcomes = {entry["name"]: entry for entry in entries if entry["outcome"] != "left-out"}
        if self.code not in (WRITTEN, NOTHING) or (self.code == WRITTEN) != bool(self.outcomes):
            self.problems.append(f"inspect --extract: exit code {self.code} with {len(self.outcomes)} tensors to write")
        if self.outcomes:
            self.convert(command, path)

    def judge(self, command, path):
        """The verdict of the file, which extraction does not change."""
        report = json.loads(run(command, "scan", "--format", "jsonl", path).stdout)
        self.verdict = report["verdict"]
        self.rule = next((each["rule"] for each in report["findings"] if each["severity"] == "error"), None)

    def convert_accepted(self, command, path):
        """All tensors of an accepted file are written, as without --extract; they are not listed."""
        with tempfile.TemporaryDirectory() as scratch:
            out = pathlib.Path(scratch) / "out.safetensors"
            result = run(command, "convert", "--extract", path, out)
            if result.returncode != WRITTEN:
                self.problems.append(f"convert: exit code {result.returncode}: {result.stderr.strip()[:200]}")
                return
            tensors, _ = read_safetensors(out)
            self.written.update(tensors)

    def convert(self, command, path):
        with tempfile.TemporaryDirectory() as scratch:
            out = pathlib.Path(scratch) / "out.safetensors"
            result = run(command, "convert", "--extract", "--verify", "--select", "", path, out)
            if result.returncode == WRITTEN:
                self.add(out, "")
                self.problems += [f"{name}: listed, but not written" for name in self.outcomes if name not in self.written]
            else:
                self.problems.append(f"convert: exit code {result.returncode}: {result.stderr.strip()[:200]}")
            if any(name.startswith(USUAL + ".") for name in self.outcomes):
                self.convert_usual(command, path, out)
        self.problems += [f"{name}: written, but not listed" for name in self.written if name not in self.outcomes]

    def convert_usual(self, command, path, out):
        """By default only what is below `state_dict` is written, if there is such a key."""
        everything, self.written = self.written, {}
        out.unlink(missing_ok=True)
        result = run(command, "convert", "--extract", path, out)
        if result.returncode == WRITTEN:
            self.add(out, USUAL + ".")
        if self.written != {name: each for name, each in everything.items() if name.startswith(USUAL + ".")}:
            self.problems.append("convert without --select: other tensors than those below state_dict")
        self.written = everything

    def add(self, out, prefix):
        tensors, metadata = read_safetensors(out)
        if metadata.get("tensorgate.extracted") != "1":
            self.problems.append("the metadata do not say that the file was extracted")
        if metadata.get("tensorgate.source_verdict") != "rejected":
            self.problems.append("the metadata do not have the source's verdict")
        for name, each in tensors.items():
            self.written[prefix + name] = each
        for removed, kept in metadata.items():
            if removed != "format" and not removed.startswith("tensorgate."):
                self.written[prefix + removed] = tensors[kept]


def prefixes_of(name):
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


class Row:
    def __init__(self, made, loaded, file):
        self.made, self.file, self.problems = made, file, list(file.problems)
        self.equal = 0
        self.loader = loaded.get("tensors", {})
        self.different = []
        if "error" in loaded:
            self.problems.append("the loader failed: " + loaded["error"])
        elif file.extraction is not None:
            self.compare()
        if file.verdict != ("accepted" if made["accepted"] else "rejected"):
            self.problems.append(f"verdict {file.verdict}: expected another")
        if file.why and file.why != made["nothing"]:
            self.problems.append(f"nothing can be extracted: {file.why}")

    def compare(self):
        for name, each in self.file.written.items():
            differs = self.difference(name, each)
            if differs is None:
                self.equal += 1
            elif name in self.made["differs"] and self.file.outcomes[name]["outcome"] == "as-stored":
                self.different.append(name)
            else:
                self.problems.append(f"{name}: {differs}")
        if self.file.verdict == "accepted":
            return
        left_out = {entry["name"] for entry in self.file.extraction["tensors"] if entry["outcome"] == "left-out"}
        if self.file.extraction["names_dropped"]:
            return
        mentioned = left_out | set(self.file.outcomes)
        # An object that a call made is left out as one value; its tensors have longer names.
        for name in self.loader:
            if not any(prefix in mentioned for prefix in prefixes_of(name)) and name not in self.made["unlisted"]:
                self.problems.append(f"{name}: the loader has it, and the command does not list it")

    def difference(self, name, each):
        theirs = self.loader.get(name)
        if theirs is None:
            return "written, but the loader has no tensor of this name"
        if any(other != theirs[0] for other in theirs):
            return f"written, but the loader has {len(theirs)} tensors of this name"
        for key in ("dtype", "shape", "sha256"):
            if theirs[0][key] != each[key]:
                return f"{key}: written {each[key]}, the loader has {theirs[0][key]}"
        return None

    def cells(self):
        extraction = self.file.extraction or {"taken": 0, "as_stored": 0, "left_out": 0, "tensors": []}
        reasons = collections.Counter(
            re.sub(r" \(byte \d+ of the file\)$", "", entry["reason"]) for entry in extraction["tensors"] if entry["outcome"] == "left-out")
        text = "; ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        if self.file.why:
            text = f"everything: {self.file.why}"
        equal = f"{self.equal}" + (f", {len(self.different)} differ as declared" if self.different else "")
        verdict = self.file.verdict + (f" ({self.file.rule})" if self.file.rule else "")
        return [self.made["file"], verdict, len(self.loader), extraction["taken"], extraction["as_stored"],
                extraction["left_out"], equal if not self.problems else f"{equal}, FAILED", text]  # fmt: skip


def walk(python, files):
    result = subprocess.run([python, "-B", str(HERE / "walk.py"), *map(str, files)], stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in result.stdout.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--command", required=True)
    parser.add_argument("--files", required=True, type=pathlib.Path)
    parser.add_argument("--only", help="only files whose kind has this text")
    arguments = parser.parse_args()
    made = json.loads((arguments.files / "made.json").read_text())
    made = [each for each in made["files"] if not arguments.only or arguments.only in each["kind"]]
    loaded = walk(sys.executable, [arguments.files / each["file"] for each in made])
    if len(loaded) != len(made):
        sys.exit("compare.py: walk.py did not answer for every file")
    heads = ["file", "verdict", "tensors in it", "taken", "as stored", "left out", "equal", "why left out"]
    print("| " + " | ".join(heads) + " |\n|" + " --- |" * len(heads))
    rows = []
    for each, answer in zip(made, loaded):
        row = Row(each, answer, File(arguments.command, arguments.files / each["file"]))
        rows.append(row)
        print("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row.cells()) + " |", flush=True)
    failed = [row for row in rows if row.problems]
    for row in failed:
        for problem in row.problems[:20]:
            print(f"{row.made['file']}: {problem}", file=sys.stderr)
        if len(row.problems) > 20:
            print(f"{row.made['file']}: and {len(row.problems) - 20} more", file=sys.stderr)
    kinds = len({row.made["kind"] for row in rows})
    equal = sum(row.equal for row in rows)
    print(f"{len(rows)} files of {kinds} kinds: {equal} tensors are equal, {len(failed)} files differ", file=sys.stderr)
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
