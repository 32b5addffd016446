"""The Python tests of the safetensors package, run on that package and, with the import renamed, on this one.

They come from its source distribution, which pip downloads by version and digest. Tests that pass there must pass here.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import xml.etree.ElementTree

VERSION = "0.8.0"
SHA256 = "fabaf3e0f18a6618d9b36560682562157f77c2b71fcffc7b432be2baed9d753d"
CACHE = pathlib.Path(os.environ.get("TENSORGATE_WHEEL", tempfile.gettempdir())).parent.parent / "sdist"


def fetch():
    """The source distribution; pip compares the digest."""
    CACHE.mkdir(parents=True, exist_ok=True)
    wish = CACHE / "wish.txt"
    wish.write_text(f"safetensors=={VERSION} --hash=sha256:{SHA256}\n")
    archive = CACHE / f"safetensors-{VERSION}.tar.gz"
    if not archive.exists():
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--require-hashes", "--no-deps", "--no-binary",
                        "safetensors", "-d", CACHE, "-r", wish], check=True)
    return archive


def place(archive, folder):
    """Only the tests, and nothing else from it."""
    prefix = f"safetensors-{VERSION}/bindings/python/tests/"
    with tarfile.open(archive) as file:
        for member in file:
            if member.isfile() and member.name.startswith(prefix) and member.name.endswith(".py"):
                path = folder / "tests" / member.name.removeprefix(prefix)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.extractfile(member).read())


def rename(folder):
    for path in folder.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"^(\s*(?:from|import)) safetensors\b", r"\1 tensorgate", text, flags=re.MULTILINE),
                        encoding="utf-8")


def results(folder):
    """Which tests passed, and which did not, by name."""
    subprocess.run([sys.executable, "-m", "pytest", "-q", "--continue-on-collection-errors", "--junitxml=result.xml",
                    "-p", "no:cacheprovider", "tests"], cwd=folder, capture_output=True, check=False)
    passed, others = set(), {}
    for case in xml.etree.ElementTree.parse(folder / "result.xml").iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        if len(case):
            others[name] = case[0].tag + ": " + (case[0].text or case[0].get("message") or "")[-2000:]
        else:
            passed.add(name)
    return passed, others


class ReferenceSuite(unittest.TestCase):
    def test_what_passes_there_passes_here(self):
        try:
            import safetensors
            import torch  # noqa: F401
        except ImportError as error:
            self.skipTest(str(error))
        self.assertEqual(safetensors.__version__, VERSION)
        with tempfile.TemporaryDirectory() as folder:
            theirs, ours = pathlib.Path(folder, "theirs"), pathlib.Path(folder, "ours")
            place(fetch(), theirs)
            shutil.copytree(theirs, ours)
            rename(ours)
            passed_there, _ = results(theirs)
            passed_here, failed_here = results(ours)
        print(f"{len(passed_there)} of its tests pass on safetensors, {len(passed_here & passed_there)} of those on tensorgate")
        self.assertGreaterEqual(len(passed_there), 56)
        self.assertEqual(sorted(passed_there - passed_here), [],
                         "\n".join(failed_here.get(name, "") for name in passed_there - passed_here))


if __name__ == "__main__":
    unittest.main()
