#!/usr/bin/env python3
"""Gives each fuzz target its seeds out of the built corpus: the formats that it reads, small files only.

  fuzz/seeds.py CORPUS FOLDER    writes FOLDER/TARGET/seeds/* and, for some, FOLDER/TARGET/dictionary
"""
import hashlib
import pathlib
import shutil
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
LARGEST = 16384  # big inputs only slow an engine down

# The first line whose word is in the target's name: patterns below the corpus, and a dictionary.
TABLE = (
    ("pickle", ("pickle/**/*.pkl", "pickle/**/*.pt"), None),
    ("zip", ("zip/**/*.pt", "torch/**/*.pt"), None),
    ("convert", ("torch/accept/*.pt", "zip/accept/*.pt"), None),
    ("torch", ("torch/**/*.pt", "pickle/**/*.pt", "zip/**/*.pt", "torch-checkpoint/**/*.bin"), None),
    ("index", ("**/*.index*.json",), "safetensors.dict"),
    ("", ("**/*.safetensors", "**/*.index*.json"), "safetensors.dict"),
)


def content_of(path, target):
    """A target of pickles gets the one that an archive holds."""
    if "pickle" not in target or path.suffix != ".pt":
        return path.read_bytes()
    return zipfile.ZipFile(path).read("archive/data.pkl")


def write_seeds(corpus, folder, target):
    _, patterns, dictionary = next(row for row in TABLE if row[0] in target)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "seeds").mkdir(parents=True)
    found = [path for pattern in patterns for path in corpus.glob(pattern) if path.stat().st_size <= LARGEST]
    if not found:
        sys.exit(f"fuzz/seeds.py: no seeds for {target} in {corpus}")
    for path in found:
        content = content_of(path, target)
        (folder / "seeds" / hashlib.sha1(content).hexdigest()).write_bytes(content)
    if dictionary:
        shutil.copy(HERE / dictionary, folder / "dictionary")


def main():
    corpus, folder = map(pathlib.Path, sys.argv[1:])
    for target in sorted(HERE.glob("fuzz_*.cc")):
        write_seeds(corpus, folder / target.stem, target.stem)


if __name__ == "__main__":
    main()
