#!/usr/bin/env python3
"""Collects the seeds of each fuzz target from the built corpus: the files that its line in CMakeLists.txt names, if small.

  fuzz/seeds.py TARGETS CORPUS FOLDER    TARGETS: fuzz/targets.json of the build
                                         writes FOLDER/TARGET/seeds/* and, for some targets, FOLDER/TARGET/dictionary
"""
import hashlib
import json
import pathlib
import shutil
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
LARGEST = 16384  # big inputs only slow an engine down


def content_of(path, member):
    content = path.read_bytes()
    return zipfile.ZipFile(path).read(member) if member and content.startswith(b"PK") else content


def write_seeds(corpus, folder, name, target):
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "seeds").mkdir(parents=True)
    for pattern in target["seeds"]:
        found = [path for path in corpus.glob(pattern) if path.is_file() and path.stat().st_size <= LARGEST]
        if not found:
            sys.exit(f"fuzz/seeds.py: no seeds for {name}: {pattern} in {corpus}")
        for path in found:
            content = content_of(path, target["member"])
            (folder / "seeds" / hashlib.sha1(content).hexdigest()).write_bytes(content)
    if target["dictionary"]:
        shutil.copy(HERE / target["dictionary"], folder / "dictionary")


def main():
    targets, corpus, folder = map(pathlib.Path, sys.argv[1:])
    for name, target in json.loads(targets.read_text(encoding="utf-8")).items():
        write_seeds(corpus, folder / name, name, target)


if __name__ == "__main__":
    main()
