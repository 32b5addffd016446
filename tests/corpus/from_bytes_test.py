"""from-bytes: its output compiles to the original bytes, for the whole corpus and for random files."""
import os
import pickle
import random
import unittest

from support import CORPUS, CorpusCase, run

from tool.corpus import recipes
from tool.from_bytes import recipe_of
from tool.recipe_file import compile_recipe


class FromBytes(CorpusCase):
    def there_and_back(self, data, label=""):
        text = recipe_of(data, None, None, "a test")
        path = self.write("safetensors/regress/x.recipe", text)
        self.assertTrue(compile_recipe(self.root, path).output.to_bytes() == data, label)
        return text

    def test_every_file_of_the_corpus(self):
        count = 0
        for format_name, folder, _, path in recipes(CORPUS):
            compiled = compile_recipe(CORPUS, path, folder)
            if compiled.head.big or compiled.files or format_name != "safetensors":
                continue
            self.there_and_back(compiled.output.to_bytes(), path)
            count += 1
        self.assertGreater(count, 250)

    def test_every_pickle_of_the_corpus(self):
        count = 0
        for format_name, folder, _, path in recipes(CORPUS):
            if format_name == "pickle":
                data = compile_recipe(CORPUS, path, folder).output.to_bytes()
                text = self.there_and_back(data, path)
                if data[:2] == b"\x80\x02":
                    self.assertIn("pickle {\n  PROTO", text)
                count += 1
        self.assertGreater(count, 250)

    def test_pickles_of_every_protocol(self):
        value = {"a": [1, 2.5, -3, 2**70, None, True, b"x\xff", "\u20ac", (1, 2), {3}], "b": Exception("c")}
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            data = pickle.dumps(value, protocol)
            text = self.there_and_back(data)
            self.assertNotIn("hex", text)
            for length in range(0, len(data), 7):
                self.there_and_back(data[:length] + b"\xff")

    def test_random_bytes(self):
        source = random.Random(1)
        for length in [*range(40), 1000]:
            self.there_and_back(source.randbytes(length))
            self.there_and_back(bytes(source.choice(b'\0\0\0{}"`\\\n\x7f\xff ') for _ in range(length)))

    def test_cut_files(self):
        compiled = compile_recipe(CORPUS, os.path.join(CORPUS, "safetensors", "accept", "writer-reference.recipe"))
        data = compiled.output.to_bytes()
        for length in range(len(data)):
            self.there_and_back(data[:length])

    def test_the_header_is_readable(self):
        data = (34).to_bytes(8, "little") + b'{"__metadata__":{"a":"b"},"c":[1]}' + bytes(64)
        text = self.there_and_back(data)
        self.assertIn("header {\n  `{\"__metadata__\":{\"a\":\"b\"},`\n  `\"c\":[1]}`\n}\n", text)
        self.assertIn("zero 64\n", text)

    def test_repetitions_stay_short(self):
        self.assertLess(len(self.there_and_back(b"ab" * 100000)), 200)

    def test_the_command(self):
        path = os.path.join(self.root, "some.bin")
        with open(path, "wb") as file:
            file.write(b"\x01\x02hello, world")
        result = run("from-bytes", path, "--verdict", "rejected", "--rule", "safetensors/json-syntax", "--about", "found")
        self.assertEqual(result.returncode, 0, result.stderr)
        recipe = self.write("safetensors/regress/found.recipe", result.stdout)
        compiled = compile_recipe(self.root, recipe)
        self.assertEqual(compiled.output.to_bytes(), b"\x01\x02hello, world")
        self.assertEqual((compiled.head.rule, compiled.head.about), ("safetensors/json-syntax", "found"))

    def test_a_file_that_is_not_there(self):
        result = run("from-bytes", os.path.join(self.root, "gone"))
        self.assertEqual(result.returncode, 2)
        self.assertIn("cannot be read", result.stderr)
        self.assertNotIn("Traceback", result.stderr)


if __name__ == "__main__":
    unittest.main()
