"""sanitize --profile reference on a folder of shards: repairs what only strict refuses, and reports what it changed."""

import json
import unittest

from checkpoint_test import INDEX, Checkpoint, index, shard
from support import ACCEPTED, OVERLAP, REJECTED, UNDECIDED, check_line, safetensors, tensor

# Accepted by the reference: a space before the header, and of two tensors with the same name the last.
ODD = safetensors(b' {"b":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]},'
                  b'"__metadata__":{"format":"np","format":"pt"}}', b"bbbb")


class Repair(Checkpoint):
    def setUp(self):
        super().setUp()
        self.put("m/" + self.two, ODD)
        self.out = self.dir / "out"

    def sanitize(self, *options, code=ACCEPTED, source=None):
        result = self.run_command("sanitize", source or self.folder, self.out, "--profile", "reference", "--format", "json",
                                  *options, code=code)
        told = json.loads(result.stdout)
        for report in told["reports"]:
            check_line(self, report)
        self.assertEqual(told["written"], self.out.exists())
        return told

    def test_repairs(self):
        self.run_command("sanitize", self.folder, self.out, code=REJECTED)
        self.assertFalse(self.out.exists())
        for source in (self.folder, self.index):
            told = self.sanitize("--verify", source=source)
            self.assertEqual((told["tensors"], told["metadata_entries"], told["error"]), (2, 2, None))
            self.assertRegex(told["content_sha256"], "^[0-9a-f]{64}$")
            self.assertEqual(self.lines(self.out, code=ACCEPTED)[INDEX]["findings"], [])
            self.assertEqual((self.out / self.one).read_bytes(), (self.folder / self.one).read_bytes())
            # The same as for the single shard.
            self.run_command("sanitize", "--profile", "reference", self.folder / self.two, self.dir / "alone", code=ACCEPTED)
            self.assertEqual((self.out / self.two).read_bytes(), (self.dir / "alone").read_bytes())
            self.assertIn(b'"__metadata__":{"format":"pt"},"b":{"dtype":"U8","shape":[2,2]', (self.out / self.two).read_bytes())

    def test_says_what_it_changed(self):
        told = self.sanitize()
        whole, repaired = told["reports"]
        self.assertEqual(self.rules(whole)[0], "checkpoint/shard-rejected")
        self.assertEqual(repaired["path"], str(self.folder / self.two))
        changed = [finding["rule"] for finding in repaired["findings"] if finding["severity"] == "error"]
        self.assertLessEqual({"safetensors/header-start", "safetensors/name-duplicate",
                              "safetensors/metadata-key-duplicate"}, set(changed))
        text = self.run_command("sanitize", "--profile", "reference", self.folder, self.out, code=ACCEPTED).stdout.decode()
        for rule in changed:
            self.assertIn(f"{self.folder / self.two}: repaired: {rule}: ", text)
        self.assertNotIn(f"{self.one}: repaired", text)

    def test_what_is_accepted_is_written_as_ever(self):
        self.put("m/" + self.two, shard("b"))
        told = self.sanitize()
        self.assertEqual([report["verdict"] for report in told["reports"]], ["accepted"])

    def refused(self, rule, code=REJECTED):
        told = self.sanitize(code=code)
        self.assertEqual((told["written"], self.rules(told["reports"][0])[0]), (False, rule))
        self.assertEqual(self.rules(self.whole(code, "--profile", "reference"))[0], rule)

    def test_what_the_reference_refuses_is_not_repaired(self):
        self.put("m/" + self.one, OVERLAP)
        self.refused("checkpoint/shard-rejected")

    def test_index_and_shards_must_agree(self):
        # The index must not have a second reading either, even if it refers to a shard that only the reference accepts.
        self.index.write_bytes(index({"a": self.one, "c": self.two}))
        self.refused("checkpoint/tensor-absent")
        self.index.write_bytes(index({"a": self.one, "b": self.two}))
        self.put("m/" + self.two, ODD.replace(b'"b"', b'"a"'))
        self.refused("checkpoint/tensor-absent")
        both = b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'
        self.put("m/" + self.two, safetensors(b" " + both, b"bbbb"))
        self.refused("checkpoint/tensor-in-two-shards")
        self.index.write_bytes(b"[]")
        self.refused("checkpoint/index-root-not-object")

    def test_a_name_twice_in_one_shard_is_not_in_two(self):
        # Neither is in the index: the last counts, as in a single shard.
        self.index.write_bytes(index({"a": self.one, "c": self.two}))
        both = ODD.replace(b'{"b"', b'{"c":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"b"')
        length = int.from_bytes(both[:8], "little") + len(both) - len(ODD)
        self.put("m/" + self.two, length.to_bytes(8, "little") + both[8:])
        self.assertEqual(self.sanitize("--verify")["tensors"], 3)

    def test_limits_hold(self):
        self.sanitize("--limit-shards", "1", code=UNDECIDED)
        self.sanitize("--limit-header-bytes", "20", code=UNDECIDED)


if __name__ == "__main__":
    unittest.main()
