"""The Python examples of README.md run unchanged."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
import types
import unittest

import numpy

import tensorgate

from support import ROOT

try:
    import torch
except ImportError:
    torch = None


class Readme(unittest.TestCase):
    @unittest.skipUnless(torch, "without torch")
    def test_examples(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        examples = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        self.assertEqual(len(examples), 4)
        split = re.search(r"^tensorgate split model.safetensors .*$", text, re.MULTILINE).group()
        # The last one loads a model, which guard_test.py does.
        auto = types.SimpleNamespace(from_pretrained=lambda folder: "model")
        names = {"tensorgate": tensorgate, "folder": ".", "transformers": types.SimpleNamespace(AutoModel=auto)}
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), \
                contextlib.redirect_stdout(io.StringIO()) as said:
            for example in examples:
                if "model/model.safetensors.index.json" in example:
                    subprocess.run(split.replace("tensorgate ", f"{shlex.quote(sys.executable)} -m tensorgate "), shell=True,
                                   check=True, stdout=subprocess.DEVNULL)
                exec(compile(example, "README.md", "exec"), names)
            self.assertEqual(sorted(os.listdir(".")), ["model", "model.safetensors"])
            self.assertEqual(len(os.listdir("model")), 3)
        self.assertEqual((names["model"], said.getvalue()), ("model", ""))
        self.assertEqual(names["rows"].shape, (1024, 10))
        self.assertEqual((names["part"].shape, sorted(names["tensors"])), ((1024, 512), ["weight1", "weight2"]))
        self.assertIsInstance(names["arrays"]["weight2"], numpy.ndarray)


if __name__ == "__main__":
    unittest.main()
