"""The wheel itself: small, self-contained, typed, and with the command inside."""

import email
import os
import re
import subprocess
import sys
import unittest
import zipfile

WHEEL = os.environ["TENSORGATE_WHEEL"]


class Wheel(unittest.TestCase):
    def setUp(self):
        archive = zipfile.ZipFile(WHEEL)
        self.addCleanup(archive.close)
        self.archive = archive
        self.names = archive.namelist()

    def test_small(self):
        self.assertLess(os.path.getsize(WHEEL), 4_000_000)

    def test_needs_nothing(self):
        name = next(name for name in self.names if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(self.archive.read(name))
        needs = metadata.get_all("Requires-Dist") or []
        self.assertEqual([each for each in needs if "extra ==" not in each], [])
        self.assertEqual({re.split(r"[ ><=;]", each)[0] for each in needs}, {"numpy", "ml_dtypes"})

    def test_what_is_inside(self):
        for name in ("tensorgate/py.typed", "tensorgate/_native.pyi", "tensorgate/bin/tensorgate"):
            self.assertIn(name, self.names)
        outside = [name for name in self.names if not re.match(r"tensorgate(-[^/]*\.dist-info)?/", name)]
        self.assertEqual(outside, ["tensorgate_guard.pth"])

    def test_one_wheel_from_312_on(self):
        tag = os.path.basename(WHEEL).split("-", 2)[2]
        self.assertTrue(tag.startswith("cp312-abi3-" if sys.version_info >= (3, 12) else "cp311-cp311-"), tag)

    @unittest.skipIf(sys.version_info < (3, 12), "abi3 from 3.12 on")
    def test_stable_abi(self):
        done = subprocess.run([sys.executable, "-m", "abi3audit", "--strict", WHEEL], text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_libraries(self):
        # auditwheel names the oldest platform that has every library and symbol that the wheel uses.
        done = subprocess.run([sys.executable, "-m", "auditwheel", "show", WHEEL], text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(re.sub(r"\s+", " ", done.stdout), r'platform tag: "manylinux_2_\d+_x86_64"')


if __name__ == "__main__":
    unittest.main()
