"""The console session of README.md is what the command prints; readme_test.py --fix writes it again."""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import unittest

from support import COMMAND, ROOT

README = ROOT / "README.md"
CORPUS = pathlib.Path(os.environ["TENSORGATE_CORPUS_DIR"])
SESSION = re.compile(r"(?ms)^```console\n(.*?)^```")


def replayed(session):
    """The same commands, with what they print in the folder of the corpus."""
    text = ""
    for line in re.findall(r"(?m)^\$ (.*)$", session):
        name, *arguments = shlex.split(line)
        assert name == "tensorgate", line
        text += f"$ {line}\n" + subprocess.run([COMMAND, *arguments], cwd=CORPUS, stdout=subprocess.PIPE,
                                               stderr=subprocess.STDOUT, text=True, encoding="utf-8", check=False).stdout
    return text


class Session(unittest.TestCase):
    maxDiff = None

    def test_it_is_what_the_command_prints(self):
        sessions = SESSION.findall(README.read_text(encoding="utf-8"))
        self.assertEqual(len(sessions), 1)
        self.assertEqual(sessions[0], replayed(sessions[0]), "cd tests/cli && TENSORGATE_COMMAND=... TENSORGATE_CORPUS_DIR=... "
                         "python3 readme_test.py --fix writes README.md")
        self.assertIn("\nrejected ", sessions[0])


if __name__ == "__main__":
    if sys.argv[1:] == ["--fix"]:
        text = README.read_text(encoding="utf-8")
        README.write_text(SESSION.sub(lambda found: f"```console\n{replayed(found.group(1))}```", text), encoding="utf-8")
    else:
        unittest.main()
