#!/usr/bin/env python3
"""Accepted files have no second reading: accepted files, and mutated ones, against the loaders' own tests.

  compare_with_loaders.py --judge BUILD/tests/second_readings/judge_files --corpus BUILT_CORPUS --count 10000

Three comparisons, each over COUNT generated inputs:
- files: only the readers of an accepted file's own family accept it (loaders.py);
- pickles: the dry run finds a call where either of CPython's unpicklers does, and elsewhere only what it cannot know;
- deflate data: Inflate produces what zlib does, and ends as it does.
Exit status 1 if anything disagrees.
"""
import argparse
import collections
import io
import pathlib
import pickle
import random
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

import loaders

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "corpus"))

from tool.pickles import split_opcodes  # noqa: E402

BATCH = 2000
CALL = b"cos\nsystem\n(S'x'\ntR."
MAGIC = b"L119547037146038801333356L\n."


class Judge:
    def __init__(self, command, mode):
        self.command = [command, mode]

    def ask(self, inputs):
        data = b"".join(struct.pack("<I", len(each)) + each for each in inputs)
        done = subprocess.run(self.command, input=data, stdout=subprocess.PIPE, check=True)
        lines = done.stdout.decode().splitlines()
        if len(lines) != len(inputs):
            sys.exit(f"{self.command}: {len(lines)} answers to {len(inputs)} inputs")
        return [line.split(" ") for line in lines]


class Counter(collections.Counter):
    """Counts the results; a disagreement is printed (only the first few), and saved if there is a folder for it."""

    shown = 0
    folder = None

    def wrong(self, what, data):
        self["disagree"] += 1
        if Counter.shown < 20:
            Counter.shown += 1
            print(f"{what}\n  {len(data)} bytes: {data[:100].hex()}", file=sys.stderr)
            if Counter.folder:
                (Counter.folder / f"{Counter.shown:02}").write_bytes(data)


# ---- Files.

def archive(name="archive/data.pkl", content=CALL, version=True):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr(name, content)
        if version:
            made.writestr("archive/version", "3\n")
    return buffer.getvalue()


def tar_archive(content=CALL):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        info = tarfile.TarInfo("pickle")
        info.size = len(content)
        made.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def safetensors(header, data, length=None):
    header = header.ljust(length or 0)
    return struct.pack("<Q", len(header)) + header + data


class Files:
    """Accepted files with pieces of other formats in them, in positions that their readers look at."""

    def __init__(self, accepted, seed):
        self.random = random.Random(seed)
        self.accepted = accepted
        self.pieces = [archive(), archive("code/a.py"), archive(version=False), tar_archive(), tar_archive()[:1024], CALL,
                       b"\x89HDF\r\n\x1a\n", b"PK\5\6" + bytes(18), zlib.compress(CALL), b"\x1f\x8b\x08" + bytes(7)]  # fmt: skip

    def make(self):
        return self.random.choice((self.spliced, self.with_data, self.as_length, self.as_header))()

    def spliced(self):
        """A piece that replaces bytes of an accepted file, or is added to it."""
        data = bytearray(self.random.choice(self.accepted))
        piece = self.changed(self.random.choice(self.pieces))
        end = len(data) - len(piece) - self.random.choice((0, 0, 1, 22, 300))
        place = self.random.choice((end, end, 512, 1024, 4096, self.random.randrange(len(data) + 1)))
        if 0 <= place <= len(data) - len(piece):
            data[place : place + len(piece)] = piece
        return bytes(data)

    def with_data(self):
        """A safetensors file whose last tensor contains a piece."""
        piece = self.changed(self.random.choice(self.pieces))
        pad = self.random.choice((0, 0, 100, 440, 1000, 70000))
        after = self.random.choice((0, 0, 0, 1, 5000, 65536, 80000))
        data = bytes(pad) + piece + bytes(after)
        return self.file(data, self.random.choice((0, 512 - 8, self.random.randrange(60, 2000))))

    def as_length(self):
        """Length bytes that start a pickle, and texts in the header that lead from there to the data."""
        if self.random.randrange(2):
            code, count = self.random.choice(b"UC\x8c\x8a"), self.random.randrange(0x28, 0x7F)
            place = 2 + count
        else:
            code, count = self.random.choice(b"XTB\x8b"), self.random.randrange(0x28, 0xFF)
            place = 5 + count
        length = code | count << 8
        header = b'{"__metadata__":{"k":"'.ljust(place - 8, b"x")
        tail = b'"},"a":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (len(CALL), len(CALL))
        while length - len(header) > 400:
            header += b"U~" + b"y" * 0x7E
        left = length - len(header) - 110
        for part in (left // 3, left // 3, left - 2 * (left // 3)):
            header += b"U" + bytes([part - 2]) + b"y" * (part - 2)
        header += b"Ul" + tail.ljust(108) if self.random.randrange(4) else b"Um" + tail.ljust(108)
        call = self.random.choice((CALL, MAGIC, b"Np-0\n0" + CALL, b"I0\0.\n0" + CALL))
        tail = tail.replace(b"%d" % len(CALL), b"%d" % len(call))
        header = header[: len(header) - 108] + tail.ljust(108)
        return safetensors(header, self.changed(call).ljust(len(call), b"."), length)

    def as_header(self):
        """A header whose text is a tar header, or nearly one."""
        fields = [b"0000644 ", b"0000000 ", b"0000000 ", b"00000000025 ", b"00000000000 ", b"        ", b"0"]
        text = b'{"__metadata__":{"k":"'.ljust(92, b".") + b"".join(fields)
        text = text.ljust(329 - 8) + b"0000000 0000000 "
        text = text.ljust(520) + b'"},"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}'
        block = bytearray(safetensors(text, bytes(8)))
        block[148:156] = b"%06o  " % (sum(block[:148]) + 256 + sum(block[156:512]))
        if self.random.randrange(2):
            place = self.random.randrange(100, 345)
            block[place] = self.random.choice(b"0123456789 x_+-o")
        return bytes(block)

    def file(self, data, length):
        return safetensors(b'{"a":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (len(data), len(data)), data, length)

    def changed(self, piece):
        data = bytearray(piece)
        if data and self.random.randrange(3) == 0:
            data[self.random.randrange(len(data))] = self.random.randrange(256)
        if self.random.randrange(6) == 0:
            del data[self.random.randrange(len(data) + 1) :]
        return bytes(data)


def compare_files(judge, corpus, count, seed):
    # Files that are accepted with a user's limits are accepted here, too, or skipped.
    candidates = [path.read_bytes() for path in sorted(corpus.glob("*/*/*")) if path.is_file() and path.stat().st_size < 1 << 20]
    seen = Counter()
    answers = judge.ask(candidates)
    accepted = [data for data, answer in zip(candidates, answers) if answer[0] == "accepted"]
    if len(accepted) < 200:
        sys.exit(f"{corpus}: only {len(accepted)} accepted files")
    files = Files(accepted, seed)
    for begin in range(0, count + 1, BATCH):
        batch = [files.make() for _ in range(min(BATCH, count - begin))]
        inputs = (accepted if begin == 0 else []) + batch
        for data, (verdict, format_name, reason) in zip(inputs, judge.ask(inputs)):
            seen[f"files {verdict}"] += 1
            if verdict == "accepted":
                others = loaders.others(data, format_name)
                if others:
                    seen.wrong(f"accepted as {format_name}, and {', '.join(others)} says yes", data)
            elif reason.startswith("scan/also-"):
                seen[reason] += 1
                if not loaders.others(data, format_name):
                    seen[f"{reason} only by us"] += 1
    for reading in ("tar", "zip", "hdf5", "pickle"):
        if not seen[f"scan/also-{reading}"]:
            seen.wrong(f"no made file is also {reading}: nothing was compared", b"")
    return seen


# ---- Pickles.

class Pickles:
    WORDS = (
        b"N", b"]", b"}", b")", b"(", b"t", b"\x85", b"\x86", b"\x87", b"a", b"e", b"s", b"u", b"R", b"b", b"\x81", b"\x92",
        b"o", b"0", b"1", b"2", b"d", b"l", b"\x8f", b"\x90", b"\x91", b"\x93", b"\x94", b"\x98", b".", b"\x80\x02", b"\x80\x06",
        b"K\x01", b"J\xff\xff\xff\xff", b"I1\n", b"I01\n", b"I0x1f\n", b"I 1_0\n", b"Ix\n", b"L1L\n", b"F1.5\n", b"Fnan\n", b"Fx\n",
        b"S'a'\n", b"S\"b\n", b"Va\\u0041\n", b"U\x01a", b"T\x01\0\0\0a", b"X\x01\0\0\0a", b"\x8c\x01a", b"B\x01\0\0\0a",
        b"C\x01a", b"G\x3f\xf0\0\0\0\0\0\0", b"\x8a\x01\x05", b"\x8b\x01\0\0\0\x05", b"ca\nb\n", b"cos\nsystem\n", b"c\nb\n", b"ca\n\n",
        b"(ia\nb\n", b"ia\nb\n", b"p0\n", b"p1\n", b"g0\n", b"g1\n", b"g9\n", b"p-0\n", b"g-0\n", b"p1\0x\n", b"g1\0\n", b"I1\0\n", b"L2\0L\n", b"I\0\n", b"F1\0x\n", b"q\0", b"q\1", b"h\0", b"h\1", b"r\0\0\1\0", b"j\0\0\1\0",
        b"\x82\x01", b"\x82\0", b"P1\n", b"Q", b"\x97", b"\x95\x05\0\0\0\0\0\0\0", b"\x96\x01\0\0\0\0\0\0\0a", b"\x88", b"\x89", b"\xff",
    )  # fmt: skip

    def __init__(self, pickles, seed):
        self.random = random.Random(seed)
        self.pickles = [ops for ops in map(split_opcodes, pickles) if ops]

    def make(self):
        if self.random.randrange(3) == 0:
            ops = [self.random.choice(self.WORDS) for _ in range(self.random.randrange(1, 14))]
        else:
            ops = list(self.random.choice(self.pickles))
            for _ in range(self.random.randrange(4)):
                place = self.random.randrange(len(ops) + 1)
                ops[place : place + self.random.randrange(2)] = [self.random.choice(self.WORDS)]
        if self.random.randrange(2):
            ops = ops[:-1] + [b"(S'x'\n", b"t", b"R", b"."]
        return b"".join(ops)


def compare_pickles(judge, corpus, count, seed):
    pickles = [path.read_bytes() for path in sorted(corpus.glob("pickle/*/*")) if path.stat().st_size < 5000]
    pickles += [pickle.dumps(value, protocol) for protocol in range(6) for value in (
        [1, "a", 2.5, None, True, b"x", (1, 2, 3)], {"a": {1, 2}, "b": frozenset((3,))}, collections.OrderedDict(a=1),
        bytearray(b"xy"), 2**70, complex(1, 2), range(3))]  # fmt: skip
    made = Pickles(pickles, seed)
    seen = Counter()
    for begin in range(0, count, BATCH):
        batch = [made.make() for _ in range(min(BATCH, count - begin))]
        for data, (outcome, names, _) in zip(batch, judge.ask(batch)):
            walks = [loaders.walk(data, base) for base in loaders.UNPICKLERS.values()]
            calls = any(walk[0] == "calls" for walk in walks)
            named = any(walk[1] for walk in walks)
            seen[f"pickles {outcome}"] += 1
            if outcome == "unclear":
                continue  # counts as a call
            if calls and outcome != "calls":
                seen.wrong(f"an unpickler calls, the dry run {outcome}", data)
            if named and names != "names" and not calls:
                seen.wrong("an unpickler names, the dry run does not", data)
            if any(walk[0] == "complete" for walk in walks) and outcome not in ("complete", "calls", "stream"):
                seen.wrong(f"an unpickler ends well, the dry run {outcome}", data)
            if outcome == "calls" and not calls:
                seen["pickles that call only for us"] += 1
    return seen


# ---- Deflate data.

def compare_deflate(judge, count, seed):
    chance = random.Random(seed)
    seen = Counter()

    def make():
        kind = chance.randrange(4)
        size = chance.choice((0, 1, 10, 300, 5000))
        content = bytes(chance.choices(b"ab\0" if kind else range(256), k=size)) * chance.choice((1, 1, 40))
        pack = zlib.compressobj(chance.randrange(10), zlib.DEFLATED, -15, 9, chance.choice((0, 2, 3, 4)))
        data = bytearray(pack.compress(content) + pack.flush())
        for _ in range(chance.choice((0, 0, 1, 2))):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        if chance.randrange(5) == 0:
            del data[chance.randrange(len(data) + 1) :]
        return bytes(data)

    def expected(data):
        whole = b""
        unpack = zlib.decompressobj(-15)
        try:
            whole = unpack.decompress(data, 1 << 20)
        except zlib.error:
            # The bytes before the damage are the same.
            unpack = zlib.decompressobj(-15)
            for byte in data:
                try:
                    whole += unpack.decompress(bytes([byte]))
                except zlib.error:
                    return "damaged", whole
        if unpack.eof:
            return "done", whole
        return ("full" if len(whole) == 1 << 20 else "cut"), whole

    for begin in range(0, count, BATCH):
        batch = [make() for _ in range(min(BATCH, count - begin))]
        for data, (end, produced, crc) in zip(batch, judge.ask(batch)):
            wanted, content = expected(data)
            seen[f"deflate {end}"] += 1
            # Before damage, and at a cut, zlib may hold back what it has decoded.
            exact = wanted in ("done", "full")
            same = (int(produced), int(crc)) == (len(content), zlib.crc32(content)) if exact else int(produced) >= len(content)
            # For damaged tables zlib may need more bytes before it reports them.
            late = end == "damaged" and wanted == "cut" and expected(data + bytes(500)) == ("damaged", content)
            if not late and (end != wanted or not same):
                seen.wrong(f"zlib: {wanted}, {len(content)} bytes; Inflate: {end}, {produced}", data)
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--judge", required=True)
    parser.add_argument("--corpus", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", type=pathlib.Path, help="a folder for inputs that disagree")
    args = parser.parse_args()
    Counter.folder = args.save
    seen = Counter()
    seen.update(compare_files(Judge(args.judge, "scan"), args.corpus, args.count, args.seed))
    seen.update(compare_pickles(Judge(args.judge, "dry-run"), args.corpus, args.count, args.seed))
    seen.update(compare_deflate(Judge(args.judge, "unpack"), args.count, args.seed))
    print(", ".join(f"{name}: {count}" for name, count in sorted(seen.items())))
    if loaders.MISSING:
        print(f"not installed, and skipped: {', '.join(loaders.MISSING)}")
    return 1 if seen["disagree"] else 0


if __name__ == "__main__":
    sys.exit(main())
