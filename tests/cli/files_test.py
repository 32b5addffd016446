"""Folders, links, and paths that are not files."""

import errno
import os
import resource
import socket
import unittest

from support import (ACCEPTED, GOOD, OVERLAP, REJECTED, UNDECIDED, UNSUPPORTED, Case)


class Folders(Case):
    def test_stable_order(self):
        for name in ("b", "a/z", "a/y", "a.b", "a-b", "C", "\u00e9", "a/x/1"):
            self.put(name + ".safetensors")
        first = [line["path"] for line in self.scan(self.dir, code=ACCEPTED)]
        names = [os.path.relpath(path, self.dir) for path in first]
        # Bytewise within each folder, with a folder's contents at the place of its name.
        self.assertEqual(names, ["C.safetensors", "a/x/1.safetensors", "a/y.safetensors", "a/z.safetensors",
                                 "a-b.safetensors", "a.b.safetensors", "b.safetensors", "\u00e9.safetensors"])
        self.assertEqual(first, [line["path"] for line in self.scan(self.dir)])

    def test_paths_open_as_printed(self):
        for name in ("plain", "with space", "new\nline", "\x1b[31mred", "\u202egnp", "-dash", "tab\t", "quote\"\\"):
            self.put("d/" + name)
        for root in (self.dir, str(self.dir) + "/", os.path.relpath(self.dir)):
            lines = self.scan(root, code=ACCEPTED)
            self.assertEqual(len(lines), 8)
            for line in lines:
                with open(line["path"], "rb") as file:
                    self.assertEqual(file.read(), GOOD)

    def test_named_folder_as_file(self):
        self.put("x.safetensors/inner.bin")
        self.assertEqual(len(self.scan(self.dir / "x.safetensors", code=ACCEPTED)), 1)

    def test_missing(self):
        line = self.scan_one(self.dir / "none.safetensors", code=UNDECIDED)
        self.assertEqual(self.rules(line), ["io/open-failed"])
        self.assertIn("No such file", line["findings"][0]["message"])

    def test_unreadable(self):
        if os.geteuid() == 0:
            self.skipTest("root reads everything")
        self.put("locked/a.safetensors")
        file = self.put("b.safetensors")
        file.chmod(0)
        (self.dir / "locked").chmod(0)
        self.addCleanup((self.dir / "locked").chmod, 0o700)
        lines = self.scan(self.dir, code=UNDECIDED)
        self.assertEqual([self.rules(line) for line in lines], [["io/open-failed"]] * 2)

    def test_deep(self):
        path = self.dir
        descriptor = os.open(path, os.O_RDONLY)
        for _ in range(300):
            os.mkdir("d", dir_fd=descriptor)
            below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        os.close(descriptor)
        line = self.scan_one(self.dir, code=UNDECIDED)
        self.assertEqual(self.rules(line), ["io/open-failed"])

    def test_no_descriptors_left(self):
        for i in range(5):
            self.put(f"{i}/{i}/a.safetensors")
        limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))
        lines = self.scan(self.dir, code=UNDECIDED, preexec_fn=limit)
        self.assertEqual(len(lines), 5)
        for line in lines:
            self.assertEqual(self.rules(line), ["io/open-failed"])

    def test_many(self):
        for i in range(3000):
            (self.dir / f"{i:05}.safetensors").write_bytes(GOOD)
        lines = self.run_command("scan", "--format", "jsonl", self.dir, code=ACCEPTED).stdout.splitlines()
        self.assertEqual(len(lines), 3000)


class NotRegular(Case):
    def test_fifo(self):
        path = self.dir / "pipe.safetensors"
        os.mkfifo(path)
        for target in (path, self.dir):  # named, and found
            line = self.scan_one(target, code=UNDECIDED, timeout=10)
            self.assertEqual(self.rules(line), ["io/not-regular"])
        self.run_command("inspect", path, code=UNDECIDED, timeout=10)

    def test_socket(self):
        path = self.dir / "s"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            for target in (path, self.dir):
                self.assertEqual(self.rules(self.scan_one(target, code=UNDECIDED)), ["io/not-regular"])

    def test_devices(self):
        for path in ("/dev/zero", "/dev/null", "/dev/tty"):
            if not os.path.exists(path):
                continue
            line = self.scan_one(path, code=UNDECIDED, timeout=10)
            self.assertIn(self.rules(line)[0], ("io/not-regular", "io/open-failed"))

    def test_proc(self):
        # A regular file by its type, but its size is false.
        if os.path.exists("/proc/self/status"):
            self.assertNotEqual(self.scan_one("/proc/self/status")["verdict"], "accepted")


class Links(Case):
    def setUp(self):
        super().setUp()
        self.root = self.dir / "root"
        self.root.mkdir()
        self.target = self.put("outside/m.safetensors")

    def test_named_link_is_followed(self):
        os.symlink(self.target, self.dir / "l.safetensors")
        self.scan_one(self.dir / "l.safetensors", code=ACCEPTED)
        os.symlink(self.dir / "outside", self.dir / "folder")
        self.scan_one(self.dir / "folder", code=ACCEPTED)

    def test_found_links_need_the_option(self):
        os.symlink(self.target, self.root / "l.safetensors")
        os.symlink(self.dir / "outside", self.root / "m")
        os.symlink("nowhere", self.root / "n")
        lines = self.scan(self.root, code=UNDECIDED)
        self.assertEqual([self.rules(line) for line in lines],
                         [["io/link-not-followed"]] * 2 + [["io/link-dangling"]])
        lines = self.scan("--follow-links", self.root, code=UNSUPPORTED)
        self.assertEqual([line["verdict"] for line in lines], ["accepted", "accepted", "unsupported"])
        self.assertEqual(self.rules(lines[2]), ["io/link-dangling"])

    def test_links_within_the_folder_are_followed(self):
        self.put("root/v1/model.safetensors")
        self.put("root/bad.safetensors", OVERLAP)
        os.symlink("v1/model.safetensors", self.root / "latest.safetensors")
        os.symlink(self.root / "v1" / "model.safetensors", self.root / "absolute.safetensors")
        os.symlink("../latest.safetensors", self.root / "v1" / "again.pt")
        os.symlink("bad.safetensors", self.root / "good.safetensors")
        # However the folder is named. Each name has its line.
        os.symlink(self.root, self.dir / "way")
        for root, options in ((self.root, {}), (self.dir / "way", {}), (".", {"cwd": self.root})):
            lines = {line["path"].rpartition("/")[2]: line for line in self.scan(root, code=REJECTED, **options)}
            self.assertEqual({name: line["verdict"] for name, line in lines.items()}, {
                "absolute.safetensors": "accepted", "again.pt": "accepted", "bad.safetensors": "rejected",
                "good.safetensors": "rejected", "latest.safetensors": "accepted", "model.safetensors": "accepted"})
        for name in ("bad.safetensors", "good.safetensors"):
            (self.root / name).unlink()
        self.scan(self.root, code=ACCEPTED)
        # The given folder is the limit, not what is above it.
        lines = self.scan(self.root / "v1", code=UNDECIDED)
        self.assertEqual([self.rules(line) for line in lines], [["io/link-not-followed"], []])
        # A folder is not entered a second time.
        os.symlink("v1", self.root / "v2")
        lines = self.scan(self.root, code=UNDECIDED)
        self.assertEqual([self.rules(line) for line in lines if line["verdict"] != "accepted"], [["io/link-not-followed"]])

    def test_loops(self):
        os.symlink("b", self.root / "a")
        os.symlink("a", self.root / "b")
        os.symlink(".", self.root / "c")
        os.mkdir(self.root / "d")
        os.symlink("..", self.root / "d" / "up")
        self.assertEqual(len(self.scan(self.root, code=UNDECIDED, timeout=10)), 4)
        lines = self.scan("--follow-links", self.root, code=UNDECIDED, timeout=10)
        self.assertEqual([self.rules(line) for line in lines],
                         [["io/open-failed"]] * 2 + [["io/link-not-followed"]] * 2)

    def test_many_ways_to_one_folder(self):
        # 2^24 paths, one file.
        for level in range(24):
            folder = self.root / f"{level:02}"
            folder.mkdir()
            for name in ("x", "y"):
                os.symlink(f"../{level + 1:02}", folder / name)
        self.put("root/24/m.safetensors")
        lines = self.scan("--follow-links", self.root, code=ACCEPTED, timeout=10)
        self.assertEqual(len(lines), 1)


class HubCache(Case):
    def setUp(self):
        super().setUp()
        self.repo = self.dir / "models--a--b"
        self.snapshot = self.repo / "snapshots" / "1234"
        (self.snapshot / "sub").mkdir(parents=True)
        self.put("models--a--b/blobs/0abc")
        self.put("secret/blobs/0abc", OVERLAP)

    def test_works_as_it_is(self):
        os.symlink("../../blobs/0abc", self.snapshot / "model.safetensors")
        os.symlink("../../../blobs/0abc", self.snapshot / "sub" / "model.safetensors")
        self.assertEqual(len(self.scan(self.snapshot, code=ACCEPTED)), 2)
        self.assertEqual(len(self.scan(".", cwd=self.snapshot, code=ACCEPTED)), 2)
        self.assertEqual(len(self.scan(self.dir / "models--a--b", code=ACCEPTED)), 3)
        for line in self.scan(self.snapshot):
            self.assertTrue(line["path"].endswith("model.safetensors"))

    def test_not_out_of_the_repository(self):
        os.symlink("/etc", self.repo / "blobs" / "folder")
        os.symlink("../secret", self.repo / "blobs" / "link")
        for target in ("../../../secret/blobs/0abc", "../../blobs/../x", "../../blobs/folder",
                       "../../blobs/link", "../../blobs/none", "../../blobs/", "../../blobs",
                       "../blobs/0abc", "../../blobs/..", "../../blobs/0abc/", "../../refs/0abc",
                       str(self.repo / "blobs" / "0abc"), "./../../blobs/0abc"):
            with self.subTest(target=target):
                link = self.snapshot / "model.safetensors"
                os.symlink(target, link)
                try:
                    dangling = False
                    os.stat(link)
                except OSError as error:
                    dangling = error.errno == errno.ENOENT
                lines = self.scan(self.snapshot, code=UNSUPPORTED if dangling else UNDECIDED)
                self.assertEqual([self.rules(line) for line in lines],
                                 [["io/link-dangling" if dangling else "io/link-not-followed"]])
                link.unlink()

    def test_only_below_snapshots(self):
        other = self.repo / "elsewhere" / "1234"
        other.mkdir(parents=True)
        os.symlink("../../blobs/0abc", other / "model.safetensors")
        self.scan(other, code=UNDECIDED)

    def test_blobs_is_a_link(self):
        (self.repo / "blobs").rename(self.repo / "moved")
        os.symlink("../secret/blobs", self.repo / "blobs")
        os.symlink("../../blobs/0abc", self.snapshot / "model.safetensors")
        self.scan(self.snapshot, code=UNDECIDED)

    def test_rejects_what_is_bad(self):
        self.put("models--a--b/blobs/1", OVERLAP)
        os.symlink("../../blobs/1", self.snapshot / "model.safetensors")
        self.scan(self.snapshot, code=REJECTED)


if __name__ == "__main__":
    unittest.main()
