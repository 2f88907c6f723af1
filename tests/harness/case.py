"""The base of every test that looks at a running Vulcan.

A class names its build and settings. Tests of classes with the same ones
share an instance; `own = True` starts one for each test, for tests that kill
or break it. Around each test stand the leak ledger, the ledger of jobs, the
canaries and, where `pulse` is set, a watch over /healthz.
"""
import os
import statistics
import threading
import time
import unittest

from harness.canary import Canaries
from harness.client import Http
from harness.instance import Instance, await_true
from harness.ledger import LeakLedger, job_complaints

# A body that is wrong as such, and a field that is wrong in a right body.
WRONG = (400, 422)

RSS_GROWTH_KIB = {"check": 96 << 10, "release": 8 << 10}


class Builds:
    """Folders of the two builds; set by run.py."""
    check = None
    release = None


class Pool:
    """Instances that several test classes share."""

    live = {}

    @classmethod
    def get(cls, build, settings, env):
        key = (build, tuple(sorted(settings.items())),
               tuple(sorted(env.items())))
        if key not in cls.live:
            # Only one of each build at a time: memory and descriptors.
            for other in [k for k in cls.live if k[0] == build]:
                cls.live.pop(other).remove()
            cls.live[key] = Instance(getattr(Builds, build), settings, env)
            cls.live[key].start()
        return cls.live[key]

    @classmethod
    def discard(cls, instance):
        for key, value in list(cls.live.items()):
            if value is instance:
                del cls.live[key]
        instance.remove()

    @classmethod
    def close(cls):
        for instance in list(cls.live.values()):
            cls.discard(instance)


class Pulse:
    """Asks /healthz again and again while a test attacks."""

    LATENCY_MS = 100  # hostile.md, section 2
    WORST_MS = 5000  # of a machine that others use as well

    def __init__(self, port):
        self.http = Http(port, timeout=10)
        self.stop = threading.Event()
        self.times_ms = []
        self.errors = []
        self.thread = threading.Thread(target=self._beat, daemon=True)
        self.thread.start()

    def _beat(self):
        while not self.stop.wait(0.05):
            begin = time.monotonic()
            try:
                answer = self.http.request("GET", "/healthz")
                if answer.status != 200:
                    self.errors.append(f"/healthz answered {answer!r}")
            except OSError as e:
                self.errors.append(f"/healthz: {e!r}")
                self.http.close()
            self.times_ms.append((time.monotonic() - begin) * 1000)

    def complaints(self):
        self.stop.set()
        self.thread.join(15)
        self.http.close()
        out = self.errors[:3]
        if self.times_ms:
            middle = statistics.median(self.times_ms)
            if middle > self.LATENCY_MS:
                out.append(f"/healthz took {middle:.0f} ms in the middle")
            if max(self.times_ms) > self.WORST_MS:
                out.append(f"/healthz took {max(self.times_ms):.0f} ms once")
        return out


class VulcanCase(unittest.TestCase):
    build = "check"
    settings = {}
    env = {}
    own = False  # an instance for each test
    pulse = False
    leaks = True
    seconds = 60  # after which the test is ended as failed
    maxDiff = 4000

    def setUp(self):
        super().setUp()
        if self.own:
            self.v = Instance(getattr(Builds, self.build), self.settings,
                              self.env)
            self.addCleanup(self.v.remove)
            self.v.start()
        else:
            self.v = Pool.get(self.build, self.settings, self.env)
            self.addCleanup(self._discard_after_failure)
        self.v.submitted.clear()
        self.api = self.v.api()
        # The pool of connections of the web workers and the zygote's first
        # child are made by the first run, not by a leak.
        self._warm_up()
        canaries = Canaries(self.v.state)
        self.canaries = canaries
        ledger = None
        if self.leaks:
            self._quiet()
            ledger = LeakLedger(self.v, RSS_GROWTH_KIB[self.build])
        beat = Pulse(self.v.port) if self.pulse else None
        self.addCleanup(self._verdict, ledger, canaries, beat)

    def _warm_up(self):
        if not getattr(self.v, "warmed", False):
            for runtime in ("javascript", "typescript"):
                record = self.api.run("console.log(1)", runtime=runtime)
                self.assertEqual(record["status"], "completed", record)
            self.v.quiet_ms = min(
                self.api.run("1")["duration_ms"] for _ in range(3))
            self.v.warmed = True
            self._quiet()

    def _quiet(self):
        """Until the pool of warm sandboxes is empty."""
        await_true("the pool is empty", 10,
                   lambda: not self.v.slot_processes() and not [
                       p for p in self.v.ours().values() if p.state == "Z"])

    def _verdict(self, ledger, canaries, beat):
        """Every ledger, all complaints in one failure."""
        for client in self.v.clients:
            client.close()
        self.v.clients.clear()
        complaints = beat.complaints() if beat else []
        try:
            if self.v.running:
                complaints += job_complaints(self.v)
                complaints += ledger.complaints() if ledger else []
            complaints += canaries.complaints()
        finally:
            canaries.remove()
        complaints += self.v.sanitizer_reports()
        if complaints:
            self.fail("afterwards:\n  " + "\n  ".join(complaints))

    def _discard_after_failure(self):
        result = self._outcome.result
        if any(test is self for test, _ in result.failures + result.errors):
            Pool.discard(self.v)

    # --- what tests say often ------------------------------------------------

    def probe(self):
        """An honest run beside an attack ends well and soon."""
        begin = time.monotonic()
        record = self.api.run("console.log('probe')")
        took_ms = (time.monotonic() - begin) * 1000
        self.assertEqual(record["status"], "completed", record)
        self.assertEqual(record["stdout"], "probe\n")
        # Five times its quiet time, and room for a busy machine.
        self.assertLess(took_ms, 5 * self.v.quiet_ms + 3000)

    def ends(self, record, status, reason=None):
        told = {k: record.get(k) for k in (
            "id", "status", "reason", "error", "exit_code", "signal",
            "limit")}
        told["stderr"] = (record.get("stderr") or "")[:300]
        self.assertEqual(record["status"], status, told)
        if reason is not None:
            allowed = (reason,) if isinstance(reason, str) else reason
            self.assertIn(record["reason"], allowed, told)

    def struck(self, record, reason, setting):
        """A limit ended the run, and the record says which."""
        self.ends(record, "failed", reason)
        self.assertEqual(record["limit"]["name"], setting, record["limit"])
        self.assertEqual(record["limit"]["setting"],
                         record["limits"][setting])

    def prints(self, code, wanted, **fields):
        record = self.api.run(code, **fields)
        self.ends(record, "completed")
        self.assertEqual(record["stdout"], wanted)
        return record

    def problem(self, answer, status, field=None):
        """A refusal in the shape that api.md gives it."""
        wanted = (status,) if isinstance(status, int) else status
        self.assertIn(answer.status, wanted, answer)
        self.assertEqual(answer.header("Content-Type").split(";")[0],
                         "application/problem+json", answer)
        body = answer.json()
        for name in ("type", "title", "status", "detail", "hint"):
            self.assertIn(name, body)
        self.assertEqual(body["status"], answer.status)
        if field is not None:
            self.assertEqual(body.get("field"), field, body)
        return body


def need(program):
    """Path of a program that scripts/setup brings; missing is a failure."""
    for folder in os.environ["PATH"].split(":"):
        path = os.path.join(folder, program)
        if os.access(path, os.X_OK):
            return path
    raise AssertionError(f"{program} is missing; run: scripts/setup test")
