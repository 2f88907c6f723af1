"""The harness finds what it is there to find."""
import contextlib
import io
import os
import pathlib
import socket
import subprocess
import unittest

from harness import report
from harness.case import VulcanCase
from harness.client import Page, parse_events
from harness.instance import Process, await_true, processes
from harness.jail import ARCH_I386, run_filter
from harness.ledger import LeakLedger, job_complaints


class TestLedgers(VulcanCase):
    """Each kind of leak is told by its name."""

    def told(self, ledger):
        ledger.settle = 0.1
        return "\n".join(ledger.complaints())

    def test_process(self):
        ledger = LeakLedger(self.v, 1 << 20)
        child = subprocess.Popen(["/bin/sleep", "60"])
        try:
            self.assertIn("process sleep", self.told(ledger))
        finally:
            child.kill()
            child.wait()
        self.assertEqual(self.told(ledger), "")

    def test_file(self):
        ledger = LeakLedger(self.v, 1 << 20)
        path = self.v.run / "left.sock"
        path.touch()
        self.assertIn("file /run/left.sock", self.told(ledger))
        path.unlink()

    def test_namespace(self):
        ledger = LeakLedger(self.v, 1 << 20)
        child = subprocess.Popen(["unshare", "--ipc", "/bin/sleep", "60"])
        try:
            await_true("it sleeps", 5,
                       lambda: Process(child.pid).name == "sleep")
            self.assertIn("namespace ipc", self.told(ledger))
        finally:
            child.kill()
            child.wait()

    def test_row(self):
        record = self.api.run("1")
        self.v.submitted.add("01ARZ3NDEKTSV4RRFFQ69G5FAV")
        told = "\n".join(job_complaints(self.v))
        self.v.submitted.discard("01ARZ3NDEKTSV4RRFFQ69G5FAV")
        self.assertIn("01ARZ3NDEKTSV4RRFFQ69G5FAV is not in", told)
        self.assertNotIn(record["id"], told)


class TestCanaries(VulcanCase):
    def test_file_and_address(self):
        self.assertEqual(self.canaries.complaints(), [])
        self.canaries.files[0].read_text()
        self.assertIn("touched", self.canaries.complaints()[0])
        self.canaries.touched.clear()
        port = self.canaries.ports["169.254.169.254", socket.SOCK_STREAM]
        socket.create_connection(("169.254.169.254", port)).close()
        await_true("the listener saw it", 5,
                   lambda: self.canaries.complaints())
        self.canaries.touched.clear()


class TestParts(unittest.TestCase):
    def test_a_failure_is_counted(self):
        class Sample(unittest.TestCase):
            def test_bad(self):
                self.fail("on purpose")

            def test_good(self):
                self.assertEqual(os.getpid(), os.getpid())

            def test_skipped(self):
                self.skipTest("a reason")

        tally = report.Tally()
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(Sample)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            report.run_suite(suite, tally, lambda name: True)
            code = tally.end(0)
        self.assertEqual((tally.passed, tally.failed, tally.skipped),
                         (1, 1, 1))
        self.assertEqual(code, 1)
        last = out.getvalue().splitlines()[-1]
        self.assertEqual(last, "1 passed, 1 failed, 1 skipped")
        self.assertIn("a reason", out.getvalue())
        self.assertIn("on purpose", out.getvalue())

    def test_nothing_is_a_failure(self):
        tally = report.Tally()
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(tally.end(0), 1)

    def test_events(self):
        events, rest = parse_events(
            "id: 1\nevent: log\ndata: a\ndata: b\n\n: x\n\nevent: done\n"
            "data: {}\n\nevent: half")
        self.assertEqual([(e.kind, e.data, e.ident) for e in events],
                         [("log", "a\nb", "1"), ("done", "{}", None)])
        self.assertEqual(rest, "event: half")

    def test_forms(self):
        page = Page("<form action=/x method=post><input name=a value=1>"
                    "<select name=s><option>p<option selected>q</select>"
                    "<input type=checkbox name=c checked><textarea name=t>"
                    "\n&lt;x</textarea></form>")
        self.assertEqual(page.form_to("/x").values(),
                         {"a": "1", "s": "q", "c": "on", "t": "<x"})

    def test_filters(self):
        allow_one = [(0x20, 0, 0, 0), (0x15, 0, 1, 1), (0x06, 0, 0, 7),
                     (0x06, 0, 0, 9)]
        word = (1).to_bytes(4, "little") + ARCH_I386.to_bytes(4, "little")
        self.assertEqual(run_filter(allow_one, word + bytes(56)), 7)
        self.assertEqual(run_filter(allow_one, bytes(64)), 9)

    def test_processes_of_this_space_only(self):
        names = {p.pid for p in processes()}
        self.assertIn(os.getpid(), names)
        self.assertIn(1, names)
        self.assertEqual(
            pathlib.Path("/proc/1/cmdline").read_bytes().count(b"run.py"), 1)
