"""The types stated by the package are correct."""

import os
import subprocess
import sys
import tempfile
import unittest

from support import ROOT


def run(*command):
    # No caches in the tree.
    with tempfile.TemporaryDirectory() as cache:
        return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, text=True, capture_output=True,
                              env={**os.environ, "MYPY_CACHE_DIR": cache})


class Typing(unittest.TestCase):
    def test_uses_and_the_package_itself(self):
        done = run("mypy")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_wrong_use_is_seen(self):
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write("import tensorgate\ntensorgate.check(3)\n")
            file.flush()
            done = run("mypy", "--strict", file.name)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("arg-type", done.stdout)

    def test_stubs_are_what_the_module_has(self):
        done = run("mypy.stubtest", "tensorgate._native", "--ignore-disjoint-bases", "--allowlist",
                   "tests/python/stubtest_allowed.txt")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
