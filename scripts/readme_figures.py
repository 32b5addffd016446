#!/usr/bin/env python3
"""Figures of README.md are counted, not remembered.

    readme_figures.py          says which sentence has a figure that is wrong, or is missing
    readme_figures.py --fix    writes the counted figures into README.md

They come from corpus/manifest.json, lib/include/tensorgate/rules, docs/bypasses.md, scripts/real_files.json and the table
"Header check" of bench/README.md.
"""
import collections
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def corpus():
    """(format, verdict, verdict of the reference) of each entry."""
    for entry in json.loads(text_of("corpus/manifest.json"))["entries"]:
        yield entry["format"], entry["strict"]["verdict"], entry["reference"]["verdict"]


def times_the_reference():
    """How many times as fast as the reference the strict check is: the least and the most, rounded down."""
    section = text_of("bench/README.md").split("\n## Header check\n")[1]
    table = re.search(r"(?m)(?:^\|.*\n)+", section).group().splitlines()
    column = [cell.strip() for cell in table[0].split("|")].index("times the reference")
    values = [float(line.split("|")[column]) for line in table[2:]]
    return int(min(values)), int(max(values))


def sentences():
    """(a sentence of README.md with {} for each figure, the figures)."""
    entries = list(corpus())
    verdicts = collections.Counter(strict for _, strict, _ in entries)
    yield "{} files, {} of them refused", [len(entries), verdicts["rejected"]]
    rules = sum(len(re.findall(r"(?m)^TENSORGATE_RULE\(", path.read_text(encoding="utf-8")))
                for path in (ROOT / "lib/include/tensorgate/rules").glob("*.def"))
    yield "{} rules", [rules]
    bypasses = text_of("docs/bypasses.md")
    yield "{} ways past scanners and guards", [len(set(re.findall(r"(?m)^\| ([A-Z]\d+) \|", bypasses)))]
    yield "{} CVEs", [len(set(re.findall(r"CVE-\d+-\d+", bypasses)))]
    yield "{} to {} times as fast", list(times_the_reference())

    both = collections.Counter((strict, reference) for name, strict, reference in entries if name == "safetensors")
    ours = collections.Counter(strict for name, strict, _ in entries if name == "safetensors")
    refused, accepted = ours["rejected"], ours["accepted"]
    yield "Of the {} safetensors files of the corpus", [ours.total()]
    yield "refuses {} and accepts {}.", [refused, accepted]
    yield "accepts {} of the {} and refuses {} of the {};", [both["rejected", "accepted"], refused,
                                                            both["accepted", "rejected"], accepted]
    real = collections.Counter((member["format"].split("-")[0], member["verdict"])
                               for package in json.loads(text_of("scripts/real_files.json"))["packages"]
                               for member in package["members"])
    yield "all {} safetensors files from", [real["safetensors", "accepted"]]
    yield "and {} PyTorch checkpoints are accepted", [real["torch", "accepted"]]
    yield "{} more checkpoints are refused", [real["torch", "rejected"]]
    yield "The {} files of other formats", [sum(count for (_, verdict), count in real.items() if verdict == "unsupported")]


def pattern(sentence):
    return re.compile(r"(?<![\d,])" + re.escape(sentence).replace(r"\ ", r"\s+").replace(r"\{\}", r"([\d,]+)"))


def corrected(text):
    """The text with the counted figures, and what was wrong with it."""
    wrong = []
    for sentence, figures in sentences():
        spelled = [f"{figure:,}" for figure in figures]
        right = sentence.format(*spelled)
        found = pattern(sentence).search(text)
        if not found:
            wrong.append(f"no sentence \"{right}\"")
        elif list(found.groups()) != spelled:
            wrong.append(f"\"{' '.join(found.group().split())}\" must be \"{right}\"")
            for number in range(len(spelled), 0, -1):
                text = text[:found.start(number)] + spelled[number - 1] + text[found.end(number):]
    return text, wrong


def main(arguments):
    text, wrong = corrected(text_of("README.md"))
    if arguments == ["--fix"]:
        (ROOT / "README.md").write_text(text, encoding="utf-8")
        wrong = corrected(text)[1]
    for each in wrong:
        print(f"README.md: {each}", file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
