#!/usr/bin/env python3
"""Compares loading, saving and opening with other packages: prints Markdown, and writes the data for bench/README.md's charts.

    pip install . numpy safetensors        # and torch, runai-model-streamer, fastsafetensors: whatever is installed is measured
    python bench/python/run.py [--rounds N] [--megabytes N] [--only load,save,open,sharded,import,checkpoint] [--json FILE] DIR

DIR holds the generated files (about four times --megabytes). Every contender runs in its own process, in turn: A B C … A B C
…; a ratio is the median of the ratios of all rounds. A process loads four times and frees the tensors each time. The first
load is reported separately (it gets memory that the machine has available, see contenders.py); of the others, the fastest
counts. The page cache is warm. Quote ratios; the seconds are those of this machine.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
BASE = "preadv_touched"
LOADS = [
    (BASE, "one preadv into memory that is there"),
    ("preadv_fresh", "one preadv into fresh huge pages"),
    ("ours_numpy", "**tensorgate.numpy**"),
    ("safetensors_numpy", "safetensors.numpy (mmap, its default)"),
    ("safetensors_numpy_pread", "safetensors.numpy (pread)"),
    ("pickle_load", "pickle.load"),
    ("ours_torch_pread", "**tensorgate.torch (pread)**"),
    ("safetensors_torch_pread", "safetensors.torch (pread)"),
    ("torch_load", "torch.load"),
    ("runai", "runai-model-streamer"),
    ("fastsafetensors", "fastsafetensors"),
    ("ours_numpy_mmap", "**tensorgate.numpy (mmap)**"),
    ("ours_torch", "**tensorgate.torch (mmap, the default)**"),
    ("safetensors_torch", "safetensors.torch (mmap, its default)"),
    ("ours_numpy_mmap_touched", "**tensorgate.numpy (mmap), every page touched**"),
    ("ours_torch_touched", "**tensorgate.torch (mmap), every page touched**"),
    ("safetensors_torch_touched", "safetensors.torch (mmap), every page touched"),
]

CHECKPOINT_BASE = "torch_load_weights_only"
CHECKPOINTS = [
    (CHECKPOINT_BASE, "torch.load(weights_only=True)"),
    (BASE, "one preadv into memory that is there"),
    ("preadv_fresh", "one preadv into fresh huge pages"),
    ("ours_torch_load", "**tensorgate.torch.load**"),
    ("torch_load_mmap", "torch.load(weights_only=True, mmap=True)"),
    ("ours_torch_load_mmap", "**tensorgate.torch.load(mmap=True)**"),
    ("torch_load_mmap_touched", "torch.load(weights_only=True, mmap=True), every page touched"),
    ("ours_torch_load_mmap_touched", "**tensorgate.torch.load(mmap=True)**, every page touched"),
]


def python(*arguments):
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, check=False)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 and done.stdout.strip() else None


def make(folder, megabytes):
    """Creates the file, the same tensors for the other contenders, and a small file for warming up."""
    path = folder / "model.safetensors"
    if not path.exists():
        script = """
import pickle, sys, numpy
from tensorgate.numpy import save_file
path, count = sys.argv[1], int(sys.argv[2])
for target, rows in ((path + ".small", 4), (path, count)):
    random = numpy.random.default_rng(1)
    arrays = {f"model.layers.{i}.weight": random.random((rows, 1024), numpy.float32) for i in range(300)}
    save_file(arrays, target)
    with open(target + ".pkl", "wb") as file:
        pickle.dump(arrays, file, protocol=5)
    try:
        import torch
        torch.save({name: torch.from_numpy(value) for name, value in arrays.items()}, target + ".pt")
    except ImportError:
        pass
"""
        subprocess.run([sys.executable, "-c", script, path, str(max(megabytes * 1000 * 1000 // (300 * 4096), 1))], check=True)
    return path


def rounds_of(names, count, run):
    """{name: one result per round}, without contenders that do not run here. The first round is not counted."""
    results = {name: [] for name in names}
    for number in range(count + 1):
        for name in list(results):
            result = run(name)
            if result is None:
                del results[name]
                print(f"{name}: does not run here", file=sys.stderr)
            elif number:
                results[name].append(result)
        print(f"round {number} of {count}", file=sys.stderr)
    return results


def ratios(results, base, key="seconds"):
    return {name: statistics.median(each[key] / other[key] for each, other in zip(rows, results[base]))
            for name, rows in results.items()}


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def compare(contenders, base, what, folder, args):
    """Compares contenders that load; prints a table."""
    path = make(folder, args.megabytes)
    results = rounds_of([name for name, _ in contenders], args.rounds,
                        lambda name: python(HERE / "contenders.py", name, path))
    by_time, by_first, by_cpu = (ratios(results, base, key) for key in ("seconds", "first", "first_cpu"))
    size = path.stat().st_size
    print(f"\n{what} {size / 1e9:.2f} GB, 300 tensors, {args.rounds} rounds:\n")
    print("| what | first load, as a multiple of the first row | its CPU | seconds | CPU s | "
          "loads after it, as a multiple | seconds | CPU s | "
          "peak MB above the start | of that, own memory | mapped file | kept after everything is freed |")
    print("| --- |" + 11 * " ---: |")
    table = []
    for name, title in contenders:
        if name in results:
            rows = results[name]
            table.append({"name": name, "title": title, "ratio": by_time[name], "peak": median(rows, "peak")})
            print(f"| {title} | {by_first[name]:.3f} | {by_cpu[name]:.3f} | {median(rows, 'first'):.3f} | "
                  f"{median(rows, 'first_cpu'):.3f} | {by_time[name]:.3f} | {median(rows, 'seconds'):.3f} | "
                  f"{median(rows, 'cpu'):.3f} | {median(rows, 'peak') / 1e6:,.0f} | "
                  f"{median(rows, 'anonymous') / 1e6:,.0f} | {median(rows, 'mapped') / 1e6:,.0f} | "
                  f"{median(rows, 'kept') / 1e6:,.0f} |")
    return {"bytes": size, "rows": table}


def load(folder, args):
    return compare(LOADS, BASE, "Loading", folder, args)


def checkpoint(folder, args):
    return compare(CHECKPOINTS, CHECKPOINT_BASE, "Loading a checkpoint of PyTorch's of", folder, args)


def save(folder, args):
    make(folder, args.megabytes)
    names = ["write", "ours", "safetensors", "pickle_dump", "torch_save", "write_sync", "ours_sync", "safetensors_sync"]
    results = rounds_of(names, args.rounds, lambda name: python(HERE / "savers.py", name, folder, args.megabytes))
    by_base = {base: [ratios(results, base, key) for key in ("seconds", "cpu")] for base in ("write", "write_sync")}
    print("\n| what | speed of `write`'s | in processor time | seconds | CPU s |\n| --- |" + 4 * " ---: |")
    table = []
    for name in names:
        if name in results:
            ratio, cpu = (each[name] for each in by_base["write_sync" if name.endswith("_sync") else "write"])
            table.append({"name": name, "ratio": ratio, "cpu": cpu})
            print(f"| {name} | {1 / ratio:.2f} | {1 / cpu:.2f} | {median(results[name], 'seconds'):.3f} | "
                  f"{median(results[name], 'cpu'):.3f} |")
    return table


def opening(folder, args):
    print("\n| tensors | safetensors, us | tensorgate, us | times as fast | CPU us | CPU us | times as cheap |\n|" + 7 * " ---: |")
    table = []
    for tensors in (10, 300, 3000):
        results = rounds_of(["safetensors", "tensorgate"], args.rounds,
                            lambda name: python(HERE / "opening.py", name, folder, tensors))  # noqa: B023
        row, cells = {"tensors": tensors}, [f"{tensors:,}"]
        for key, ratio in (("seconds", "ratio"), ("cpu", "cpu")):
            row[ratio] = 1 / ratios(results, "safetensors", key)["tensorgate"]
            cells += [f"{median(results[name], key) * 1e6:,.0f}" for name in ("safetensors", "tensorgate")]
            cells.append(f"{row[ratio]:.1f}")
        table.append(row)
        print("| " + " | ".join(cells) + " |")
    return table


def sharded(folder, args):
    print("\n| shards | what | safetensors, ms | tensorgate, ms | times as fast | CPU ms | CPU ms | times as cheap |\n"
          "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    table = []
    for shards in (10, 1000):
        for what in ("list", "load"):
            results = rounds_of(["safetensors", "tensorgate"], args.rounds,
                                lambda name: python(HERE / "sharded.py", name, what, folder, shards))  # noqa: B023
            row = {"shards": shards, "what": what}
            cells = [f"{shards:,}", what]
            for key in ("seconds", "cpu"):
                row[key] = 1 / ratios(results, "safetensors", key)["tensorgate"]
                cells += [f"{median(results[name], key) * 1e3:,.1f}" for name in ("safetensors", "tensorgate")]
                cells.append(f"{row[key]:.1f}")
            table.append(row)
            print("| " + " | ".join(cells) + " |")
    return table


def importing(folder, args):
    names = ["pass", "import tensorgate", "import safetensors", "import numpy"]
    results = rounds_of(names, args.rounds, lambda name: python(HERE / "importing.py", name))
    base = median(results["pass"], "seconds")
    print("\n| whole process | ms | above an empty one |\n| --- | ---: | ---: |")
    for name in names:
        if name in results:
            print(f"| `{name}` | {median(results[name], 'seconds') * 1e3:.1f} | "
                  f"{(median(results[name], 'seconds') - base) * 1e3:.1f} |")
    return {name: median(rows, "seconds") for name, rows in results.items()}


STEPS = {"load": load, "save": save, "open": opening, "sharded": sharded, "import": importing, "checkpoint": checkpoint}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dir", metavar="DIR", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--megabytes", type=int, default=1073)
    parser.add_argument("--only", default=",".join(STEPS))
    parser.add_argument("--json", type=pathlib.Path, help="results for plot.py")
    args = parser.parse_args()
    args.dir.mkdir(parents=True, exist_ok=True)
    results = {name: STEPS[name](args.dir, args) for name in args.only.split(",")}
    if args.json:
        args.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
