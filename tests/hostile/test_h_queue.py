"""Section h: the runner and its queue under faults."""
import concurrent.futures
import contextlib
import os
import random
import signal
import socket
import sqlite3
import stat
import subprocess
import threading
import time

from harness.case import VulcanCase
from harness.client import TERMINAL
from harness.instance import Process, await_true, rounds
from harness.ledger import settle_all

MIXED = (
    "console.log(1)",
    "console.log('a'); setTimeout(() => console.log('b'), 150)",
    "const t = performance.now(); while (performance.now() - t < 60);",
    "for (let i = 0; i < 500; i++) console.log('line', i)",
    "throw new Error('on purpose')",
    "export default x => x",
)


class RestartCase(VulcanCase):
    """Kills the runner; the ledger is then of another life, so what must be
    gone is looked at by name."""

    own = True
    leaks = False
    settings = {"lease_ms": 2000}

    def load(self, count):
        return [self.api.submit(random.choice(MIXED))["id"]
                for _ in range(count)]

    def kill_everything(self):
        """SIGKILL to every process of the runner, the warden first."""
        victims = [p for p in self.v.ours().values()
                   if p.command and os.path.basename(p.command[0]) in
                   ("vulcan-runner", "vulcan-isolate", "esbuild")]
        victims += self.v.slot_processes()
        for p in victims:
            p.kill()

    def host_is_clean(self):
        await_true("no process of a slot is left", 5,
                   lambda: not self.v.slot_processes())

    def settled_once(self, idents, statuses=TERMINAL):
        active = settle_all(self.v, 40)
        self.assertEqual(active, {})
        for ident in idents:
            row = self.v.row("SELECT * FROM workloads WHERE id = ?", ident)
            self.assertIsNotNone(row, f"{ident} is lost")
            self.assertIn(row["status"], statuses, tuple(row))
            self.assertLessEqual(row["attempt"], 3)
            final = self.v.row(
                "SELECT count(*) FROM runs WHERE workload_id = ? AND "
                "status <> 'lost'", ident)[0]
            self.assertLessEqual(final, 1)


class TestH01KillRunner(RestartCase):
    """kill -9 of the runner at random moments with work in every state: one
    terminal state for each, none lost, orphans dead within 1 s."""

    seconds = 150

    def test_h01_warden_killed(self):
        for _ in range(rounds(6)):
            idents = self.load(12)
            time.sleep(random.uniform(0, 0.25))
            old = self.v.wardens()[0]
            zygotes = self.v.zygotes()
            old.kill()
            await_true("the orphans are dead", 1.5, lambda z=zygotes: (
                not self.v.slot_processes() and
                not [p for p in z if p.alive] and self.v.queue() is None))
            self.v.restart_runner()
            self.settled_once(idents)
        self.prints("console.log('well')", "well\n")
        self.v.wardens()[0].kill(signal.SIGTERM)
        await_true("it stops", 15, lambda: not self.v.wardens())
        self.host_is_clean()

    def test_h01_queue_killed(self):
        """The warden starts another queue by itself."""
        for _ in range(rounds(6)):
            idents = self.load(12)
            time.sleep(random.uniform(0, 0.25))
            old = await_true("there is a queue", 10, self.v.queue)
            old.kill()
            await_true("a new queue", 10, lambda o=old: (
                q := self.v.queue()) and q.pid != o.pid)
            self.settled_once(idents)
        self.prints("console.log('well')", "well\n")

    def test_h01_queue_killed_while_the_database_is_locked(self):
        """What keeps one queue from starting may pass."""
        ident = self.load(1)
        self.settled_once(ident)
        old = await_true("there is a queue", 10, self.v.queue)
        with contextlib.closing(sqlite3.connect(
                self.v.state / "vulcan.db", isolation_level=None)) as lock:
            lock.execute("BEGIN EXCLUSIVE")
            old.kill()
            await_true("a queue could not start", 30, lambda: (
                "cannot start" in (
                    self.v.state / "log/runner.log").read_text()))
            lock.execute("ROLLBACK")
        await_true("a new queue", 20, lambda: (
            q := self.v.queue()) and q.pid != old.pid)
        self.prints("console.log('well')", "well\n")

    def test_h01_host_killed(self):
        """Sandboxes that waited die with their host and cost nobody a run."""
        code = "const n: number = 7; console.log(n)"
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: self.api.run(code, runtime="typescript"),
                          range(24)))
        await_true("sandboxes wait", 10, lambda: self.v.row(
            "SELECT warm FROM backends WHERE isolation = 'isolate'")[0] > 0)
        old = {zygote.pid for zygote in self.v.zygotes()}
        for zygote in self.v.zygotes():
            zygote.kill()
        await_true("another host", 10, lambda: (
            new := {z.pid for z in self.v.zygotes()}) and not new & old)
        for _ in range(4):
            self.prints(code, "7\n", runtime="typescript")

    def test_h01_everything_killed(self):
        for _ in range(rounds(4)):
            idents = self.load(10)
            time.sleep(random.uniform(0, 0.2))
            self.kill_everything()
            await_true("all are dead", 3, lambda: (
                not self.v.wardens() and not self.v.slot_processes()))
            self.v.restart_runner()
            self.settled_once(idents)

    def test_h01_keepers_killed(self):
        idents = self.load(16)
        for _ in range(rounds(10)):
            for keeper in self.v.keepers()[:2]:
                keeper.kill()
            time.sleep(0.05)
        self.settled_once(idents)
        self.host_is_clean()

    def test_h01_orphans_of_64_running(self):
        idents = [self.api.submit("setTimeout(() => {}, 30000)", limits={
            "wall_ms": 60000})["id"] for _ in range(64)]
        await_true("many run", 60, lambda: self.v.row(
            "SELECT count(*) FROM runs WHERE status = 'running' AND "
            "started_at IS NOT NULL")[0] >= 32)
        self.v.wardens()[0].kill()
        begin = time.monotonic()
        await_true("orphans are gone", 10,
                   lambda: not self.v.slot_processes())
        self.assertLess(time.monotonic() - begin, 3)
        self.v.restart_runner()
        # Those that had begun are settled at once; the rest may run now.
        await_true("what had started is settled", 5, lambda: not self.v.row(
            "SELECT count(*) FROM runs r JOIN workloads w ON "
            "w.id = r.workload_id WHERE r.attempt = 1 AND "
            "r.status = 'running' AND r.claimed_at < datetime('now', "
            "'-1 minute')")[0])
        for ident in idents:
            self.api.cancel(ident)
        self.settled_once(idents)


class TestH02FailPoints(RestartCase):
    """kill -9 at each step of a run: nothing is lost, nothing is doubled."""

    seconds = 240

    def steps(self):
        """The table of steps: every FAIL_POINT of the runner's sources."""
        found = subprocess.run(
            ["grep", "-rhoE", r'FAIL_POINT\("[a-z.]+"\)', "runner",
             "backends", "lib/db"], capture_output=True, text=True,
            cwd=os.path.dirname(os.path.dirname(os.path.dirname(
                os.path.abspath(__file__)))), check=False).stdout
        return sorted({line.split('"')[1] for line in found.splitlines()})

    def test_h02_killed_at_each_step(self):
        steps = self.steps()
        self.assertGreaterEqual(len(steps), 8, steps)
        for step in steps:
            with self.subTest(step=step):
                self.one_step(step)

    def one_step(self, step):
        for warden in self.v.wardens():
            warden.kill(signal.SIGTERM)
        await_true("the old runner ended", 15,
                   lambda: not self.v.wardens())
        mark = self.v.state / "fail-marks"
        mark.mkdir(exist_ok=True)
        mark.chmod(0o777)
        mark = mark / step
        env = {"VULCAN_FAIL": f"{step}:once", "VULCAN_FAIL_MARK": str(mark)}
        with contextlib.suppress(AssertionError):
            # The step may lie on the way to readiness.
            self.v.restart_runner(env, patience=8)
        if not self.v.wardens():  # the probe was what met the step
            self.v.restart_runner()
        # A probe that failed is made again after ten seconds.
        await_true("the tier is usable", 25, lambda: self.v.row(
            "SELECT 1 FROM backends WHERE isolation = 'isolate' "
            "AND usable = 1"), 0.1)
        idents = [self.api.submit(
            "console.log('once'); export default x => x", input=i)["id"]
            for i in range(3)]
        done = self.api.submit("setTimeout(() => {}, 20000)",
                               limits={"wall_ms": 30000})["id"]
        if not self._reached(mark, 4):
            # Some steps are those of a cancel.
            self.api.cancel(done)
            self._reached(mark, 6)
        self.assertTrue(mark.exists(), f"{step} was never reached")
        if not self.v.wardens():
            self.v.restart_runner()
        self.api.cancel(done)
        self.settled_once([*idents, done])
        for ident in idents:
            self.no_double(ident)

    def _reached(self, mark, seconds):
        with contextlib.suppress(AssertionError):
            return await_true("the step", seconds, mark.exists)
        return False

    def no_double(self, ident):
        row = self.v.row("SELECT status, reason FROM workloads "
                         "WHERE id = ?", ident)
        started = self.v.row(
            "SELECT count(*) FROM runs WHERE workload_id = ? AND "
            "started_at IS NOT NULL", ident)[0]
        self.assertLessEqual(started, 1, "guest code ran twice")
        if row["status"] == "completed":
            text = self.v.row("SELECT stdout FROM v_workloads WHERE id = ?",
                              ident)["stdout"]
            self.assertEqual(text, "once\n")
        else:
            self.assertEqual(row["reason"], "platform")


class TestH03Signals(RestartCase):
    """SIGTERM drains, a second one ends; SIGHUP, SIGINT and SIGPIPE do no
    harm; no zombie stays."""

    def ended(self, process, seconds=20):
        await_true("the runner ended", seconds, lambda: not process.alive)
        self.host_is_clean()

    def test_h03_term_finishes_or_returns(self):
        idents = [self.api.submit(
            "setTimeout(() => console.log('done'), 400)")["id"]
            for _ in range(4)]
        await_true("one runs", 10, lambda: self.v.row(
            "SELECT 1 FROM runs WHERE status = 'running' AND "
            "started_at IS NOT NULL"))
        warden = self.v.wardens()[0]
        warden.kill(signal.SIGTERM)
        self.ended(warden)
        self.assertEqual(self.v.rows(
            "SELECT id FROM runs WHERE status = 'running'"), [])
        self.v.restart_runner()
        self.settled_once(idents)
        for ident in idents:
            row = self.v.row("SELECT status, reason FROM workloads "
                             "WHERE id = ?", ident)
            self.assertIn(tuple(row), (("completed", None),
                                       ("failed", "platform")))

    def test_h03_second_term(self):
        job = self.api.submit("while (true) {}", limits={
            "wall_ms": 60000, "cpu_ms": 60000})["id"]
        await_true("it runs", 10, lambda: self.v.row(
            "SELECT 1 FROM runs WHERE started_at IS NOT NULL "
            "AND status = 'running'"))
        warden = self.v.wardens()[0]
        warden.kill(signal.SIGTERM)
        time.sleep(0.1)
        warden.kill(signal.SIGTERM)
        self.ended(warden, 10)
        self.v.restart_runner()
        self.settled_once([job])

    def test_h03_harmless_signals(self):
        for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD,
                       signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH):
            for target in (self.v.wardens()[0], self.v.queue()):
                if number in (signal.SIGUSR1, signal.SIGUSR2):
                    continue  # nobody promises anything about these
                for _ in range(5):
                    target.kill(number)
            self.prints("console.log(1)", "1\n")

    def test_h03_int(self):
        warden = self.v.wardens()[0]
        warden.kill(signal.SIGINT)
        self.ended(warden)

    def test_h03_no_zombies(self):
        idents = self.load(20)
        self.settled_once(idents)
        await_true("no zombie is left", 3, lambda: not [
            p for p in self.v.ours().values() if p.state == "Z"])


class TestH04TwoRunners(RestartCase):
    """A second runner for one database refuses with a clear message, also
    after the first one died without cleaning up."""

    def test_h04_second_refuses(self):
        for _ in range(3):
            second = self.v.launch("vulcan-runner", "second")
            self.assertNotEqual(second.wait(15), 0)
        text = (self.v.state / "log/second.log").read_text()
        self.assertIn("another vulcan-runner", text)
        self.prints("console.log(1)", "1\n")
        self.assertEqual(len(self.v.wardens()), 1)

    def test_h04_eight_at_once(self):
        first = self.v.wardens()[0]
        first.kill()
        await_true("it died", 5, lambda: not self.v.wardens() and
                   self.v.queue() is None)
        (self.v.run / "runner.ready").unlink(missing_ok=True)
        idents = self.load(20)
        crowd = [self.v.launch("vulcan-runner", "crowd") for _ in range(8)]
        await_true("one is ready", 20,
                   lambda: (self.v.run / "runner.ready").exists())
        await_true("seven refused", 15, lambda: sum(
            c.poll() is not None for c in crowd) == 7)
        self.settled_once(idents)
        last = [c for c in crowd if c.poll() is None][0]
        (self.v.run / "runner.pid").write_text(
            f"{last.pid} {Process(last.pid).born}\n")
        nodes = self.v.rows("SELECT DISTINCT node FROM runs")
        self.assertEqual(len(nodes), 1)

    def test_h04_no_overlap(self):
        """No workload was under two live leases."""
        idents = self.load(40)
        self.settled_once(idents)
        for ident in idents:
            runs = self.v.rows(
                "SELECT * FROM runs WHERE workload_id = ? "
                "ORDER BY attempt", ident)
            for before, after in zip(runs, runs[1:]):
                self.assertLessEqual(before["finished_at"],
                                     after["claimed_at"])


class TestH05Stopped(RestartCase):
    """A queue that is stopped past its leases comes back: no row is settled
    twice, nothing is lost."""

    def test_h05_stop_and_continue(self):
        idents = [self.api.submit(
            "setTimeout(() => console.log('end'), 500)")["id"]
            for _ in range(4)]
        await_true("one runs", 10, lambda: self.v.row(
            "SELECT 1 FROM runs WHERE status = 'running'"))
        queue = self.v.queue()
        os.kill(queue.pid, signal.SIGSTOP)
        time.sleep(2.6)  # the lease is 2 s long: it must run out
        os.kill(queue.pid, signal.SIGCONT)
        self.settled_once(idents)
        self.prints("console.log(1)", "1\n")

    def test_h05_foreign_token_is_refused(self):
        """A row that another claim took over is not written by the old."""
        job = self.api.submit(
            "setTimeout(() => console.log('late'), 1200)")["id"]
        await_true("it runs", 10, lambda: self.v.row(
            "SELECT 1 FROM runs WHERE workload_id = ? AND "
            "started_at IS NOT NULL", job))

        db = sqlite3.connect(self.v.state / "vulcan.db", timeout=10)
        with db:
            db.execute("UPDATE runs SET token = 'of another' "
                       "WHERE workload_id = ?", (job,))
        db.close()
        await_true("the guest is gone", 8,
                   lambda: not self.v.slot_processes())
        row = self.v.row("SELECT * FROM runs WHERE workload_id = ?", job)
        self.assertEqual(row["status"], "running")
        self.assertIsNone(row["finished_at"])
        events = self.v.rows("SELECT what, detail FROM events WHERE "
                             "workload_id = ?", job)
        self.assertTrue(events, "a refused result is not in the events")
        # A restart settles the row that nobody owns.
        self.v.wardens()[0].kill(signal.SIGTERM)
        await_true("it ended", 20, lambda: not self.v.wardens())
        self.v.restart_runner()
        self.settled_once([job])


class TestH09Poison(RestartCase):
    """A workload that kills its keeper every time is given up after N
    attempts; the queue moves on."""

    env = {"VULCAN_FAIL": "create.after:kill"}
    settings = {"attempts_max": 3}

    def _warm_up(self):
        self.v.quiet_ms = 1000

    def test_h09_dead_letter(self):
        jobs = [self.api.submit("console.log(1)")["id"] for _ in range(2)]
        for job in jobs:
            record = self.api.wait(job, 40)
            self.ends(record, "failed", "platform")
            row = self.v.row("SELECT attempt FROM workloads WHERE id = ?",
                             job)
            self.assertLessEqual(row["attempt"], 3)
        self.host_is_clean()
        # Without the poison the same runner's successor works.
        self.v.wardens()[0].kill(signal.SIGTERM)
        await_true("it ended", 20, lambda: not self.v.wardens())
        self.v.env = {}
        self.v.restart_runner({"VULCAN_FAIL": ""})
        self.prints("console.log(2)", "2\n")


class TestH11Cancel(VulcanCase):
    """Cancel at each state, twice, at the moment of the end, and of another's
    workload: one outcome."""

    def test_h11_running(self):
        for code in ("while (true) {}", "setTimeout(() => {}, 1e8)",
                     "for (;;) new Array(1e6).fill(1)",
                     "for (;;) console.log('x'.repeat(1000))"):
            with self.subTest(code=code):
                job = self.api.submit(code, limits={
                    "wall_ms": 60000, "cpu_ms": 60000, "memory_mib": 512})
                ident = job["id"]
                await_true("it runs", 10, lambda i=ident: self.v.row(
                    "SELECT 1 FROM runs WHERE workload_id = ? AND "
                    "started_at IS NOT NULL", i))
                begin = time.monotonic()
                answer = self.api.cancel(ident)
                self.assertLess(time.monotonic() - begin, 2)
                self.assertEqual(answer.status, 200, answer)
                self.ends(answer.json(), "killed", "cancelled")
                self.problem(self.api.cancel(ident), 409)

    def test_h11_pending(self):
        blockers = [self.api.submit("setTimeout(() => {}, 1e8)", limits={
            "wall_ms": 60000})["id"] for _ in range(64)]
        job = self.api.submit("console.log('never')")["id"]
        try:
            await_true("all places are taken", 60, lambda: self.v.row(
                "SELECT count(*) FROM workloads WHERE "
                "status = 'running'")[0] >= 64)
            record = self.api.record(job)
            self.assertEqual(record["status"], "pending")
            self.assertGreaterEqual(record["queue_position"], 1)
            begin = time.monotonic()
            answer = self.api.cancel(job)
            self.assertLess(time.monotonic() - begin, 2)
            self.ends(answer.json(), "killed", "cancelled")
            self.assertEqual(answer.json()["stdout"] or "", "")
        finally:
            for ident in blockers:
                self.api.cancel(ident)
        self.assertEqual(settle_all(self.v, 30), {})

    def test_h11_race_with_the_end(self):
        outcomes = set()
        for i in range(rounds(40)):
            job = self.api.submit(
                f"setTimeout(() => console.log('end'), {i % 5})")["id"]
            time.sleep(random.uniform(0, 0.02))
            answer = self.api.cancel(job)
            self.assertIn(answer.status, (200, 409), answer)
            record = self.api.wait(job)
            outcomes.add(record["status"])
            if answer.status == 200:
                self.assertEqual(answer.json()["status"], record["status"])
            if record["status"] == "completed":
                self.assertEqual(record["stdout"], "end\n")
            else:
                self.ends(record, "killed", "cancelled")
        self.assertTrue(outcomes)

    def test_h11_twenty_at_once(self):
        job = self.api.submit("setTimeout(() => {}, 1e8)",
                              limits={"wall_ms": 60000})["id"]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(
                lambda _: self.v.api().cancel(job), range(20)))
        self.assertLessEqual({a.status for a in answers}, {200, 409})
        self.assertIn(200, {a.status for a in answers})
        self.ends(self.api.wait(job), "killed", "cancelled")

    def test_h11_of_another_user(self):
        job = self.api.submit("setTimeout(() => console.log('end'), 800)")
        _, stranger = self.v.user()
        self.problem(stranger.cancel(job["id"]), 404)
        self.ends(self.api.wait(job["id"]), "completed")

    def test_h11_while_it_compiles(self):
        code = "".join(f"export const a{i}: number = {i};\n"
                       for i in range(80000))
        job = self.api.submit(code, runtime="typescript", limits={
            "wall_ms": 60000, "cpu_ms": 60000, "memory_mib": 1024})
        await_true("it runs", 10, lambda: self.v.row(
            "SELECT 1 FROM runs WHERE workload_id = ?", job["id"]))
        begin = time.monotonic()
        answer = self.api.cancel(job["id"])
        self.assertLess(time.monotonic() - begin, 3)
        self.assertIn(answer.status, (200, 409))


class TestH12Doorbell(VulcanCase):
    """A doorbell that is gone, full or forged costs time only."""

    own = True
    leaks = False

    def took(self):
        begin = time.monotonic()
        record = self.api.run("console.log(1)")
        self.ends(record, "completed")
        return time.monotonic() - begin

    def test_h12_removed(self):
        self.assertLess(self.took(), 1)
        (self.v.run / "doorbell").unlink()
        for _ in range(3):
            # The poll is one second, the waiter's own look another.
            self.assertLess(self.took(), 6)

    def test_h12_folder_of_the_waiters_gone(self):
        for path in (self.v.run / "web").iterdir():
            path.unlink()
        for _ in range(3):
            self.assertLess(self.took(), 6)

    def test_h12_full(self):
        queue = self.v.queue()
        os.kill(queue.pid, signal.SIGSTOP)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.setblocking(False)
        try:
            s.connect(str(self.v.run / "doorbell"))
            with contextlib.suppress(BlockingIOError):
                for _ in range(100000):
                    s.send(b"new 01ARZ3NDEKTSV4RRFFQ69G5FAV")
            job = self.api.submit("console.log(1)")
        finally:
            os.kill(queue.pid, signal.SIGCONT)
            s.close()
        self.ends(self.api.wait(job["id"], 20), "completed")

    def test_h12_junk(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.connect(str(self.v.run / "doorbell"))
        for data in (b"", b"new", b"new ", b"wait x", b"\xff" * 2000,
                     b"cancel " + b"A" * 26, b"new 01ARZ3NDEKTSV4RRFFQ69G5FA",
                     b"wait 01ARZ3NDEKTSV4RRFFQ69G5FAV\n", b"drop tables"):
            with contextlib.suppress(BlockingIOError, OSError):
                s.send(data)
        s.close()
        self.assertLess(self.took(), 3)
        self.assertEqual(self.v.queue().state in "SR", True)

    def test_h12_forged_by_another_user(self):
        path = self.v.run / "doorbell"
        mode = path.stat()
        self.assertEqual(stat.S_IMODE(mode.st_mode) & 0o007, 0,
                         "anyone may ring")
        job = self.api.submit("setTimeout(() => console.log('end'), 700)",
                              limits={"wall_ms": 20000})["id"]
        code = ("import socket, sys\n"
                "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
                "try:\n"
                f"    s.connect({str(path)!r})\n"
                f"    s.send(b'cancel {job}')\n"
                "except OSError as e:\n"
                "    sys.exit(7)\n")
        done = subprocess.run(["/usr/bin/python3", "-c", code], user=64999,
                              group=64999, extra_groups=[], check=False)
        self.assertEqual(done.returncode, 7, "another user could ring")
        self.ends(self.api.wait(job), "completed")

    def test_h12_no_one_can_publish(self):
        """The log's socket is for the runner alone."""
        path = self.v.run / "publish.sock"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o007, 0)


class TestH13Cgroups(RestartCase):
    """A control group that exists, is busy or cannot be removed does not stop
    the slots for good."""

    def groups(self):
        found = []
        for line in open("/proc/self/mountinfo", encoding="ascii"):
            head, _, tail = line.partition(" - ")
            if tail.startswith("cgroup"):
                top = head.split()[4]
                for folder, names, _ in os.walk(top):
                    found += [os.path.join(folder, n) for n in names
                              if self.v.cgroup_tag in
                              os.path.join(folder, n)]
        return found

    def test_h13_left_over_and_busy(self):
        job = self.api.submit("setTimeout(() => {}, 20000)",
                              limits={"wall_ms": 30000})["id"]
        await_true("it runs", 10, lambda: self.v.row(
            "SELECT 1 FROM runs WHERE started_at IS NOT NULL AND "
            "status = 'running'"))
        slots = [g for g in self.groups() if "slot-" in g]
        if not slots:
            self.api.cancel(job)
            self.skipTest("no control group can be made on this host")
        # A process of somebody else sits in the run's group.
        squatter = subprocess.Popen(["/bin/sleep", "60"])
        try:
            for group in slots:
                with contextlib.suppress(OSError), \
                        open(group + "/cgroup.procs", "w",
                             encoding="ascii") as f:
                    f.write(str(squatter.pid))
            self.api.cancel(job)
            self.settled_once([job])
            # The group is busy or its squatter was killed with it.
            for _ in range(4):
                self.prints("console.log(1)", "1\n")
        finally:
            squatter.kill()
            squatter.wait()
        self.prints("console.log(2)", "2\n")

    def test_h13_exists_before_the_start(self):
        self.prints("console.log(1)", "1\n")
        self.v.wardens()[0].kill()
        await_true("it died", 5, lambda: not self.v.wardens())
        left = self.groups()
        for group in left:
            os.makedirs(group, exist_ok=True)
        self.v.restart_runner()
        self.prints("console.log(2)", "2\n")


class TestLimitsOfTheQueue(VulcanCase):
    """A full queue, and shares of users: not in the catalogue by number, but
    of the same kind."""

    own = True
    leaks = False
    settings = {"queue_max": 8, "running_max": 2, "isolate_running_max": 2,
                "running_user_max": 2}
    SLEEP = "setTimeout(() => {}, 1e8)"

    def fill(self, api, count):
        return [api.submit(self.SLEEP, limits={"wall_ms": 60000})["id"]
                for _ in range(count)]

    def test_full_queue_is_503(self):
        self.fill(self.api, 2)
        await_true("two run", 10, lambda: self.v.row(
            "SELECT count(*) FROM workloads WHERE status='running'")[0] == 2)
        idents = self.fill(self.api, 8)
        positions = [self.api.record(i)["queue_position"] for i in idents]
        self.assertEqual(positions, list(range(1, 9)))
        for path in ("/v1/workloads", "/v1/workloads/async"):
            answer = self.api.call("POST", path, {
                "runtime": "javascript", "code": "1"})
            self.problem(answer, 503)
            self.assertGreaterEqual(int(answer.header("Retry-After")), 1)
        self.api.cancel(idents[0])
        self.assertEqual(self.api.call(
            "POST", "/v1/workloads/async",
            {"runtime": "javascript", "code": "1"}).status, 202)
        for row in self.v.rows("SELECT id FROM workloads"):
            self.api.cancel(row[0])


class TestFairShares(VulcanCase):
    """One user with many workloads does not keep another waiting."""

    own = True
    leaks = False
    settings = {"running_max": 2, "isolate_running_max": 2}

    def test_two_users_take_turns(self):
        _, flood = self.v.user()
        _, modest = self.v.user()
        code = "const t = performance.now(); while (performance.now()-t<30);"
        many = [flood.submit(code)["id"] for _ in range(40)]
        few = [modest.submit(code)["id"] for _ in range(5)]
        for ident in few:
            modest.wait(ident)
        still = self.v.row("SELECT count(*) FROM workloads WHERE id IN "
                           f"({','.join('?' * len(many))}) AND "
                           "status IN ('pending', 'running')", *many)[0]
        self.assertGreater(still, 8, "the modest user had to wait for all")
        order = [r["id"] for r in self.v.rows(
            "SELECT w.id FROM workloads w JOIN runs r ON r.workload_id = w.id"
            " WHERE w.user_id = (SELECT user_id FROM workloads WHERE id = ?)"
            " ORDER BY r.id", many[0])]
        self.assertEqual(order, sorted(order), "not first in, first out")
        settle_all(self.v, 40)

    def test_priority_within_a_user(self):
        blockers = [self.api.submit("setTimeout(() => {}, 1e8)", limits={
            "wall_ms": 60000})["id"] for _ in range(2)]
        await_true("both run", 10, lambda: self.v.row(
            "SELECT count(*) FROM workloads WHERE status='running'")[0] == 2)
        low = self.api.submit("1", priority=0)["id"]
        high = self.api.submit("1", priority=5)["id"]
        for ident in blockers:
            self.api.cancel(ident)
        self.api.wait(low)
        self.api.wait(high)
        runs = [r[0] for r in self.v.rows(
            "SELECT workload_id FROM runs WHERE workload_id IN (?, ?) "
            "ORDER BY id", low, high)]
        self.assertEqual(runs[0], high)


class TestBurst(VulcanCase):
    """Many clients at once, honest and hostile mixed."""

    pulse = True
    seconds = 120

    def test_everything_at_once(self):
        hostile = MIXED + (
            "while (true) {}", "const a = []; for (;;) a.push(new Array(1e4)"
            ".fill(a))", "for (;;) console.log('x'.repeat(9999))",
            "(function f() { f() })()", "vulcan.exit(9)")
        done = []
        lock = threading.Lock()

        def client(number):
            api = self.v.api()
            for i in range(rounds(6)):
                code = hostile[(number + i) % len(hostile)]
                record = api.run(code, limits={
                    "wall_ms": 600, "memory_mib": 64,
                    "output_bytes": 50000})
                with lock:
                    done.append((code, record))
            api.close()

        threads = [threading.Thread(target=client, args=(n,))
                   for n in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(len(done), 8 * rounds(6))
        for code, record in done:
            self.assertNotEqual(record["reason"], "platform",
                                (code, record["error"]))
