#!/usr/bin/env python3
"""Compares saving with write(), and sanitize and convert with cp, in alternating rounds; prints ratios as Markdown.

    bench/save.py [--mib 1024] [--rounds 9] [--folder DIR] [--checkpoint FILE] [--build DIR]

Each ratio is the median of the ratios of all rounds: the time of the plain way divided by ours, so that 1 is equal and more is
faster. On a busy machine CPU time is more meaningful. If the machine must first find new memory, the process that needs it takes
several times as long: the fastest rounds are those without that. "write-behind" writes the same after as many bytes as a header
has, "save-aligned" pads the header to 64 bytes. Memory is the peak of the process, at least that of this script.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def saving(program, folder, mib, rounds):
    lines = subprocess.run([program, folder, str(mib), str(rounds)], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.split("\n")[:-1]
    seconds = {}
    for line in lines:
        name, *values = line.split()
        seconds.setdefault(name, []).append(tuple(map(float, values)))
    return seconds


def run(arguments):
    """Wall-clock seconds, CPU seconds and peak MiB of one process."""
    begin = time.monotonic()
    child = os.posix_spawn(arguments[0], arguments, os.environ,
                           file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - begin
    if status != 0:
        raise SystemExit(f"failed: {arguments}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def make_file(command, path, mib):
    """A file that is not in canonical order, so that its data are moved, with half of the tensors in each of two dtypes."""
    tensors, at, parts = [], 0, 300
    each = (mib << 20) // parts // 8 * 8
    for number in range(parts):
        dtype, size = ("BF16", 2) if number % 2 else ("F32", 4)
        tensors.append(f'"layers.{number}.weight":{{"dtype":"{dtype}","shape":[{each // size}],'
                       f'"data_offsets":[{at},{at + each}]}}')
        at += each
    header = ("{" + ",".join(tensors) + "}").encode()
    # Write blocks that end at multiples of their size: a file written at unaligned positions gets small pages in the
    # cache, and reading it costs more.
    with open(path, "wb", buffering=0) as file:
        begin = len(header).to_bytes(8, "little") + header
        block = os.urandom(1 << 20)
        file.write(begin + block[len(begin):])
        left = at + len(begin) - len(block)
        while left:
            left -= file.write(block[:min(left, len(block))])
    subprocess.run([command, "scan", "-q", path], check=True)


def sanitizing(command, folder, mib, out):
    moved, kept = (os.path.join(folder, name) for name in ("moved", "kept"))
    make_file(command, moved, mib)
    subprocess.run([command, "sanitize", moved, kept], check=True, stdout=subprocess.DEVNULL)
    return [("cp", ["/bin/cp", kept, out]),
            ("sanitize, data in place", [command, "sanitize", "--no-sync", kept, out]),
            ("sanitize, data moved", [command, "sanitize", "--no-sync", moved, out])]


def copying(ways, out, rounds):
    seconds, peaks = {}, {}
    for number in range(rounds + 1):
        for name, arguments in ways:
            if os.path.exists(out):
                os.unlink(out)
            *taken, peak = run(arguments)
            if number:
                seconds.setdefault(name, []).append(taken)
                peaks[name] = max(peaks.get(name, 0), peak)
        ways.reverse()
    return seconds, peaks


def row(seconds, plain, ours, peak=""):
    cells = [ours, plain]
    for which in (0, 1):
        a, b = ([each[which] for each in seconds[name]] for name in (plain, ours))
        ratios = [x / y for x, y in zip(a, b)]
        cells += [f"{statistics.median(a):.3f}", f"{statistics.median(b):.3f}",
                  f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})", f"{min(a) / min(b):.2f}"]
    print("| " + " | ".join(cells + [peak]) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", help="folder for the files (default: a temporary one)")
    parser.add_argument("--checkpoint", help="a PyTorch checkpoint; if given, convert is measured, too")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "gcc-release")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print("| ours | plain | s plain | s ours | times as fast (least-most) | fastest against fastest | CPU s plain "
              "| CPU s ours | times as cheap (least-most) | cheapest against cheapest | peak MiB, ours / plain |")
        print("| --- | --- |" + " ---: |" * 9)
        seconds = saving(options.build / "bench" / "save_bench", folder, options.mib, options.rounds)
        row(seconds, "write", "save")
        row(seconds, "write-behind", "save")
        row(seconds, "write", "save-aligned")
        row(seconds, "write-fsync", "save-fsync")
        command, out = str(options.build / "cli" / "tensorgate"), os.path.join(folder, "out.safetensors")
        runs = [sanitizing(command, folder, options.mib, out)]
        if options.checkpoint:
            runs.append([("cp", ["/bin/cp", options.checkpoint, out]),
                         ("convert", [command, "convert", "--no-sync", options.checkpoint, out])])
        for ways in runs:
            seconds, peaks = copying(list(ways), out, options.rounds)
            for ours, _ in ways[1:]:
                row(seconds, "cp", ours, f"{peaks[ours]:.1f} / {peaks['cp']:.1f}")


if __name__ == "__main__":
    main()
