"""tensorgate.check and its result."""

import gzip
import io
import json
import os
import pathlib
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import tensorgate

from support import GOOD, OVERLAP, safetensors, shards, tensor


class Raw(io.RawIOBase):
    """A stream that cannot seek, and delivers `parts`."""

    def __init__(self, parts):
        super().__init__()
        self.parts = list(parts)
        self.asked = 0

    def readable(self):
        return True

    def readinto(self, into):
        self.asked += 1
        part = self.parts.pop(0) if self.parts else b""
        if isinstance(part, Exception):
            raise part
        into[:len(part)] = part
        return len(part)


class Seekable(io.BytesIO):
    """A file object whose read() returns `answer` of the correct bytes."""

    def __init__(self, data, answer):
        super().__init__(data)
        self.answer = answer

    def read(self, size=-1):
        return self.answer(super().read(size))


class Verdicts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def put(self, data, name="x.safetensors"):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def test_every_way_to_give_a_file(self):
        path = self.put(GOOD)
        with open(path, "rb") as plain, open(path, "rb", buffering=0) as raw:
            plain.seek(5)
            ways = [str(path), path, GOOD, bytearray(GOOD), memoryview(GOOD), io.BytesIO(GOOD),
                    plain, raw, Raw([GOOD[:3], GOOD[3:40], GOOD[40:]])]
            for way in ways:
                with self.subTest(type(way).__name__):
                    report = tensorgate.check(way)
                    self.assertTrue(report)
                    self.assertEqual((report.verdict, report.format, report.facts["tensors"]),
                                     ("accepted", "safetensors", 2))
            self.assertEqual(plain.tell(), 5)

    def test_refused(self):
        for way in (self.put(OVERLAP), OVERLAP, io.BytesIO(OVERLAP), Raw([OVERLAP])):
            report = tensorgate.check(way, name="x.safetensors")
            self.assertFalse(report)
            self.assertEqual(report.verdict, "rejected")
            finding = report.findings[0]
            self.assertEqual((finding.rule, finding.severity, finding.subject, finding.found),
                             ("safetensors/offsets-overlap", "error", "b", 4))
            self.assertIn(finding.rule, str(finding))
            self.assertIn('tensor "b"', finding.message)
            self.assertEqual(json.loads(report.json())["verdict"], "rejected")
            self.assertIn("why:", report.text())
            with self.assertRaises(tensorgate.RejectedError) as caught:
                report.raise_unless_accepted()
            self.assertEqual((caught.exception.rule, caught.exception.offset,
                              caught.exception.subject),
                             (finding.rule, finding.offset, "b"))
            self.assertIs(type(caught.exception.report), tensorgate.Report)

    def test_accepted_raises_nothing(self):
        self.assertIsNone(tensorgate.check(GOOD).raise_unless_accepted())

    def test_findings_outlive_their_report(self):
        finding = tensorgate.check(OVERLAP, name="x.safetensors").findings[0]
        self.assertEqual(finding.subject, "b")

    def test_position_of_a_seekable_object_stays(self):
        file = io.BytesIO(GOOD)
        file.seek(7)
        tensorgate.check(file)
        self.assertEqual(file.tell(), 7)

    def test_a_fileno_of_other_bytes_is_not_used(self):
        path = self.put(gzip.compress(OVERLAP), "x.gz")
        with gzip.open(path, "rb") as file:
            self.assertEqual(tensorgate.check(file, name="x.safetensors").verdict, "rejected")
        path = self.put(gzip.compress(GOOD), "x.gz")
        with gzip.open(path, "rb") as file:
            self.assertEqual(tensorgate.check(file).verdict, "accepted")

    def test_not_a_regular_file_never_blocks(self):
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        report = tensorgate.check(fifo)
        self.assertEqual((report.verdict, report.findings[0].rule),
                         ("undecided", "io/not-regular"))
        with self.assertRaises(tensorgate.RejectedError):
            report.raise_unless_accepted()

    def test_missing_file(self):
        report = tensorgate.check(self.folder / "none")
        self.assertEqual(report.verdict, "undecided")
        with self.assertRaises(FileNotFoundError):
            report.raise_unless_accepted()

    def test_a_sharded_checkpoint_is_one_thing(self):
        two = safetensors({"c": tensor(0, 4)}, b"cccc")
        index = shards(self.folder, {"1.safetensors": GOOD, "2.safetensors": two})
        for path in (self.folder, str(self.folder) + "/", index):
            report = tensorgate.check(path)
            self.assertTrue(report)
            self.assertEqual((report.format, report.facts["tensors"], report.name),
                             ("safetensors-checkpoint", 3, str(path)))
            self.assertEqual(report.shards, (("1.safetensors", "accepted", None), ("2.safetensors", "accepted", None)))
            self.assertEqual(len(json.loads(report.json())["shards"]), 2)
        self.assertEqual(tensorgate.check(GOOD).shards, ())
        # Without its folder an index is useless.
        self.assertFalse(tensorgate.check(index.read_bytes(), name=index.name))

    def test_a_refused_shard_refuses_the_whole(self):
        shards(self.folder, {"1.safetensors": GOOD, "2.safetensors": OVERLAP}, b="1.safetensors")
        report = tensorgate.check(self.folder)
        self.assertEqual((report.verdict, report.findings[0].rule, report.findings[0].subject),
                         ("rejected", "checkpoint/shard-rejected", "2.safetensors"))
        self.assertEqual(report.shards[1], ("2.safetensors", "rejected", "safetensors/offsets-overlap"))
        with self.assertRaisesRegex(tensorgate.RejectedError, "checkpoint/shard-rejected"):
            report.raise_unless_accepted()
        index = shards(self.folder, {"1.safetensors": GOOD}, x="../1.safetensors")
        self.assertEqual(tensorgate.check(index).findings[0].rule, "checkpoint/shard-name-unsafe")
        index.unlink()
        self.assertEqual(tensorgate.check(self.folder).findings[0].rule, "checkpoint/index-missing")

    def test_unsupported_is_not_accepted(self):
        report = tensorgate.check(pickle.dumps([1, 2]), name="x.pkl")
        self.assertFalse(report)

    def test_profile_and_limits(self):
        twice = safetensors(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
                            b'"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x")
        self.assertFalse(tensorgate.check(twice, name="x.safetensors"))
        self.assertTrue(tensorgate.check(twice, name="x.safetensors", profile="reference"))
        report = tensorgate.check(GOOD, limits={"tensors": 1})
        self.assertEqual(report.findings[0].rule, "limit/tensors")
        for limit in json.loads(report.json())["limits"]:
            self.assertRegex(tensorgate.check.__doc__, rf"\n    {limit}: [A-Z]")
        for wrong in ({"profile": "lax"}, {"limits": {"colour": 1}}):
            with self.assertRaises(ValueError):
                tensorgate.check(GOOD, **wrong)
        for limits in ({"tensors": -1}, {"tensors": "many"}, {1: 1}, 3):
            with self.assertRaises(TypeError):
                tensorgate.check(GOOD, limits=limits)

    def test_hostile_name_stays_text(self):
        name = "\x1b[31m\n"
        data = safetensors({name: tensor(0, 8), "b": tensor(4, 12)}, bytes(12))
        report = tensorgate.check(data, name="x.safetensors")
        self.assertNotIn("\x1b", str(report) + report.json())

    def test_names_of_any_bytes(self):
        path = os.fsdecode(os.path.join(os.fsencode(self.folder), b"\xff.safetensors"))
        with open(path, "wb") as file:
            file.write(GOOD)
        report = tensorgate.check(path)
        self.assertTrue(report)
        self.assertIn("\\xff", report.name)

    def test_nothing_else_is_taken(self):
        for wrong in (3, None, object()):
            with self.assertRaises(TypeError):
                tensorgate.check(wrong)


class FailingObjects(unittest.TestCase):
    def test_what_it_raises_comes_through(self):
        def fail(data):
            raise ZeroDivisionError("no luck")

        with self.assertRaisesRegex(ZeroDivisionError, "no luck"):
            tensorgate.check(Seekable(GOOD, fail))
        with self.assertRaisesRegex(OSError, "gone"):
            tensorgate.check(Raw([GOOD[:20], OSError("gone")]))

    def test_wrong_answers(self):
        for answer, expected in ((lambda data: data + b"x", ValueError),
                                 (lambda data: "text", TypeError),
                                 (lambda data: None, TypeError)):
            with self.assertRaises(expected):
                tensorgate.check(Seekable(GOOD, answer))

    def test_short_reads_are_filled_up(self):
        class Drip(io.BytesIO):
            def read(self, size=-1):
                return super().read(min(size, 3))

        self.assertTrue(tensorgate.check(Drip(GOOD)))

    def test_an_end_before_its_size(self):
        report = tensorgate.check(Seekable(GOOD, lambda data: b""))
        self.assertEqual((report.verdict, report.findings[0].rule), ("undecided", "io/short-read"))

    def test_a_cut_stream_is_not_accepted(self):
        for cut in (0, 5, 20, len(GOOD) - 1):
            self.assertFalse(tensorgate.check(Raw([GOOD[:cut]] if cut else []), name="x.safetensors"))

    def test_a_stream_is_left_once_the_verdict_is_certain(self):
        stream = Raw([OVERLAP[:200]] + [bytes(1000)] * 100)
        self.assertFalse(tensorgate.check(stream))
        self.assertLess(stream.asked, 100)


class Slow(unittest.TestCase):
    """Slow senders, and checks that must not take as long."""

    def pipe(self):
        read, write = os.pipe()
        stream = open(read, "rb")
        sender = open(write, "wb", buffering=0)
        self.addCleanup(stream.close)
        self.addCleanup(sender.close)
        return stream, sender

    def sockets(self):
        read, write = socket.socketpair()
        self.addCleanup(read.close)
        sender = write.makefile("wb", buffering=0)
        write.close()
        stream = read.makefile("rb")
        self.addCleanup(stream.close)
        self.addCleanup(sender.close)
        return stream, sender

    def test_whole(self):
        for make in (self.pipe, self.sockets):
            for timeout in (None, 60):
                with self.subTest(make=make.__name__, timeout=timeout):
                    stream, sender = make()
                    thread = threading.Thread(target=lambda: (sender.write(GOOD), sender.close()))
                    thread.start()
                    report = tensorgate.check(stream, timeout=timeout)
                    thread.join()
                    self.assertEqual((report.verdict, report.size), ("accepted", len(GOOD)))

    def test_what_is_read_ahead_counts(self):
        for timeout in (None, 60):
            stream, sender = self.pipe()
            sender.write(b"12345678" + GOOD)
            sender.close()
            self.assertEqual(stream.read(8), b"12345678")
            self.assertTrue(tensorgate.check(stream, timeout=timeout))

    def test_silent(self):
        for make in (self.pipe, self.sockets):
            for content in (b"", GOOD[:20], GOOD, b"PK\3\4" + bytes(200), b"\x80\2N"):
                with self.subTest(make=make.__name__, content=content[:8]):
                    stream, sender = make()
                    sender.write(content)
                    begun = time.monotonic()
                    report = tensorgate.check(stream, timeout=0.2)
                    self.assertEqual((report.verdict, report.findings[0].rule), ("undecided", "limit/time"))
                    self.assertGreater(time.monotonic() - begun, 0.15)
                    self.assertLess(time.monotonic() - begun, 20)

    def test_a_byte_now_and_then(self):
        for make in (self.pipe, self.sockets):
            stream, sender = make()

            def drip():
                try:
                    for i in range(len(GOOD)):
                        sender.write(GOOD[i:i + 1])
                        time.sleep(0.05)
                except (OSError, ValueError):
                    pass  # either end was closed

            thread = threading.Thread(target=drip)
            thread.start()
            report = tensorgate.check(stream, timeout=0.3)
            self.assertEqual((report.verdict, report.findings[0].rule), ("undecided", "limit/time"))
            stream.close()
            thread.join()

    def test_objects_between_reads(self):
        class Drip(io.BytesIO):
            def read(self, size=-1):
                time.sleep(0.01)
                return super().read(min(size, 1))

        for slow in (Drip(GOOD), Drip(b"\x80\2" + b"N0" * 1000 + b".")):
            report = tensorgate.check(slow, timeout=0.1)
            self.assertEqual((report.verdict, report.findings[0].rule), ("undecided", "limit/time"))
            self.assertEqual(slow.tell(), 0)
        raw = Raw([GOOD[i:i + 1] for i in range(len(GOOD))])
        report = tensorgate.check(raw, timeout=0)
        self.assertEqual(report.findings[0].rule, "limit/time")

    def test_wrong_timeouts(self):
        for wrong in (-1, float("nan")):
            with self.assertRaises(ValueError):
                tensorgate.check(GOOD, timeout=wrong)
        with self.assertRaises(TypeError):
            tensorgate.check(GOOD, timeout="soon")
        self.assertTrue(tensorgate.check(GOOD, timeout=float("inf")))
        self.assertEqual(tensorgate.check(GOOD, timeout=0).findings[0].rule, "limit/time")

    def test_what_would_block_is_refused(self):
        stream, sender = self.pipe()
        os.set_blocking(stream.fileno(), False)
        self.assertEqual(tensorgate.check(stream).findings[0].rule, "io/not-regular")
        read, write = socket.socketpair()
        read.setblocking(False)
        write.sendall(GOOD[:20])
        with read, write, read.makefile("rb") as stream, self.assertRaisesRegex(ValueError, "would block"):
            tensorgate.check(stream)

    def test_what_is_kept_of_a_stream(self):
        report = tensorgate.check(Raw([b"PK\3\4" + b"\xff" * 100] * 3), limits={"spool_bytes": 200})
        self.assertEqual((report.findings[0].rule, report.findings[0].allowed), ("limit/spool-bytes", 200))

    def interrupted(self, script):
        """Runs the script, sends SIGINT once it prints that it begins; returns the seconds until it ended."""
        done = subprocess.Popen([sys.executable, "-c", "import tensorgate, sys, io, os, time\n" + script],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                # It is ignored in tests that run in the background.
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.assertEqual(done.stdout.readline(), "begins\n")
        time.sleep(0.3)
        begun = time.monotonic()
        done.send_signal(signal.SIGINT)
        try:
            _, error = done.communicate(timeout=60)
        finally:
            done.kill()
            done.wait()
        self.assertIn("KeyboardInterrupt", error)
        self.assertNotIn("SystemError", error)
        return time.monotonic() - begun

    def test_ctrl_c(self):
        header = "b'{' + b','.join(b'\"%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}' % i " \
                 "for i in range(1000000)) + b'}'"
        long_check = f"header = {header}\ndata = len(header).to_bytes(8, 'little') + header\n" \
                     "print('begins', flush=True)\nwhile True: tensorgate.check(data)"
        silent = "read, write = os.pipe()\nprint('begins', flush=True)\ntensorgate.check(open(read, 'rb'){})"
        drip = "class Drip(io.BytesIO):\n  def read(self, size=-1):\n    time.sleep(.001)\n" \
               "    return super().read(1)\nprint('begins', flush=True)\n" \
               "tensorgate.check(Drip(b'\\x80\\2' + b'N0' * 100000))"
        for script in (long_check, silent.format(""), silent.format(", timeout=1000"), drip):
            with self.subTest(script=script[-60:]):
                self.assertLess(self.interrupted(script), 20)


class Process(unittest.TestCase):
    def test_threads(self):
        failures = []

        def work():
            for _ in range(200):
                if not tensorgate.check(GOOD) or tensorgate.check(io.BytesIO(OVERLAP)):
                    failures.append(1)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_import_brings_no_other_package(self):
        said = subprocess.run(
            [sys.executable, "-c", "import sys, tensorgate; print(*(name for name in "
             "('numpy', 'torch', 'safetensors', 'ml_dtypes') if name in sys.modules))"],
            check=True, capture_output=True, text=True).stdout
        self.assertEqual(said.strip(), "")

    def test_handlers_for_the_safetensors_package(self):
        try:
            import safetensors as reference
        except ImportError:
            self.skipTest("the package safetensors is not installed")
        self.assertTrue(issubclass(tensorgate.RejectedError, reference.SafetensorError))
        self.assertIs(tensorgate.SafetensorError, reference.SafetensorError)

    def test_without_the_safetensors_package(self):
        said = subprocess.run(
            [sys.executable, "-c", "import sys; sys.modules['safetensors'] = None\n"
             "import tensorgate; print(tensorgate.RejectedError.__mro__[1].__module__)"],
            check=True, capture_output=True, text=True).stdout
        self.assertEqual(said.strip(), "tensorgate._errors")

    def test_command(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "x.safetensors")
            path.write_bytes(OVERLAP)
            script = pathlib.Path(sys.executable).with_name("tensorgate")
            for command in ([sys.executable, "-m", "tensorgate"], [str(script)]):
                done = subprocess.run([*command, "scan", str(path)], capture_output=True, text=True)
                self.assertEqual(done.returncode, 1)
                self.assertIn("safetensors/offsets-overlap", done.stdout)
        said = subprocess.run([sys.executable, "-m", "tensorgate", "--version"], check=True,
                              capture_output=True, text=True).stdout
        self.assertIn(tensorgate.__version__, said)


if __name__ == "__main__":
    unittest.main()
