"""What processes print: nothing at their end, and one line if a command is used incorrectly."""

import itertools
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import tensorgate

from support import GOOD, ROOT

try:
    import torch
except ImportError:
    torch = None


class Processes(unittest.TestCase):
    def run_it(self, *command, **environment):
        return subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True,
                              env={**os.environ, **environment}, cwd=tempfile.gettempdir())

    def test_nothing_is_said_at_the_end(self):
        with tempfile.TemporaryDirectory() as folder:
            trust = pathlib.Path(folder, "trust")
            trust.write_text("argparse.Namespace newobj()")
            path = pathlib.Path(folder, "x.safetensors")
            path.write_bytes(GOOD)
            file = pathlib.Path(folder, "script.py")
            scripts = ["pass", "print(end='')", "import tensorgate; kept = tensorgate.check(b'')",
                       f"import tensorgate, sys; sys.kept = tensorgate.safe_open({str(path)!r}, 'np'), tensorgate.TrustList('')",
                       f"import tensorgate; a = []; a.append((a, tensorgate.check({str(path)!r})))",
                       f"import sys, tensorgate.numpy; sys.kept = tensorgate.numpy.load_file({str(path)!r})",
                       "import tensorgate, builtins; builtins.kept = tensorgate.check(b'').findings",
                       "import tensorgate, threading; threading.local().kept = tensorgate.TrustList('')"]
            if torch:
                # It keeps modules, and with them the guard's list, past the interpreter's end.
                scripts.append("import torch")
            for script, guard in itertools.product(scripts, ("0", "1")):
                file.write_text(script)
                for command in (["-c", script], [file]):
                    done = self.run_it(*command, TENSORGATE_GUARD=guard, TENSORGATE_GUARD_TRUST=str(trust))
                    self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), script)

    def test_the_guard_on_the_command_line(self):
        for flag in ("--help", "-h"):
            done = self.run_it("-m", "tensorgate.guard", flag)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("usage: python -m tensorgate.guard", done.stdout)
            self.assertIn("TENSORGATE_GUARD_ALLOW", done.stdout)
        for arguments, said in (([], "usage:"), (["-m"], "usage:"), (["none.py"], "there is no file 'none.py'"),
                                (["-m", "tensorgate_none"], "there is no module 'tensorgate_none'"),
                                (["-m", "tensorgate_none.inner"], "there is no module"), (["-m", ".x"], "there is no module"),
                                (["--trust", "none", ROOT / "scripts/extract_example.py"], "none"),
                                (["--trust"], "there is no file '--trust'"), (["--nonsense"], "there is no file")):
            done = self.run_it("-m", "tensorgate.guard", *arguments)
            self.assertEqual((done.returncode, done.stdout), (4, ""), arguments)
            self.assertIn(said, done.stderr)
            self.assertNotIn("Traceback", done.stderr)
            self.assertLessEqual(len(done.stderr.splitlines()), 2)
        # An exception of the script itself is passed on.
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder, "script.py")
            script.write_text("open('none')")
            done = self.run_it("-m", "tensorgate.guard", script)
            self.assertIn("Traceback", done.stderr)
            script.write_text("print('ran')")
            done = self.run_it("-m", "tensorgate.guard", script, TENSORGATE_GUARD="1")
            self.assertEqual((done.stdout, done.stderr), ("ran\n", ""))

    def test_the_command(self):
        done = self.run_it("-m", "tensorgate")
        self.assertEqual(done.returncode, 4)
        self.assertNotIn("Traceback", done.stderr)
        # Without the program: a copy of the package as in a checkout.
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder, "main.py")
            script.write_bytes(pathlib.Path(tensorgate.__path__[0], "__main__.py").read_bytes())
            done = self.run_it(script, "scan", "x")
            self.assertEqual((done.returncode, done.stdout), (4, ""))
            self.assertIn("No such file or directory", done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1)


if __name__ == "__main__":
    unittest.main()
