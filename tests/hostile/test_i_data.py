"""Section i: the database and the disk under faults."""
import contextlib
import os
import pathlib
import random
import re
import signal
import sqlite3
import subprocess
import threading
import time
import urllib.parse

from harness.case import WRONG, VulcanCase
from harness.instance import TOP, await_true, rounds
from harness.ledger import settle_all
from harness.payloads import SQL


class TestI02Killed(VulcanCase):
    """kill -9 of web and runner in the middle of transactions: the WAL
    recovers, and every acknowledged workload is there."""

    own = True
    leaks = False
    seconds = 150
    settings = {"web_workers": 4, "web_waiting": 2, "lease_ms": 2000}

    def test_i02_kill_loop(self):
        stop = threading.Event()
        acked = []

        def load():
            api = self.v.api()
            while not stop.is_set():
                with contextlib.suppress(OSError, ValueError):
                    answer = api.call("POST", "/v1/workloads/async", {
                        "runtime": "javascript", "code": "console.log(1)"})
                    if answer.status == 202:
                        acked.append(answer.json()["id"])
                    continue
                api.close()

        threads = [threading.Thread(target=load) for _ in range(2)]
        for t in threads:
            t.start()
        try:
            for _ in range(rounds(8)):
                time.sleep(random.uniform(0.02, 0.15))
                for worker in self.v.workers():
                    if random.random() < 0.5:
                        worker.kill()
                for warden in self.v.wardens():
                    warden.kill()
                await_true("the runner is dead", 5, lambda: (
                    not self.v.wardens() and self.v.queue() is None))
                with self.v.db() as db:
                    self.assertEqual(db.execute(
                        "PRAGMA quick_check").fetchone()[0], "ok")
                self.v.restart_runner()
        finally:
            stop.set()
            for t in threads:
                t.join()
        self.assertGreater(len(acked), 20)
        self.assertEqual(settle_all(self.v, 60), {})
        rows = {r[0]: r[1] for r in self.v.rows(
            "SELECT id, status FROM workloads")}
        self.assertEqual(set(acked) - set(rows), set(), "a lost ack")
        half = self.v.rows(
            "SELECT w.id FROM workloads w LEFT JOIN workload_files f ON "
            "f.workload_id = w.id WHERE f.name IS NULL")
        self.assertEqual([r[0] for r in half], [])


class TestI03DiskFull(VulcanCase):
    """A full disk: 503 with a clear message, no lost acknowledgement,
    recovery without a restart; a running workload's result is kept."""

    own = True
    leaks = False

    def setUp(self):
        super().setUp()
        # Puts the state folder's contents onto a small file system.
        self.v.stop()
        self.store = pathlib.Path(str(self.v.state) + ".full")
        self.store.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=3771",
                        "tmpfs", str(self.store)], check=True)
        self.addCleanup(self._unmount)
        subprocess.run(
            ["sh", "-c", 'tar -C "$1" --exclude=./blobs-canary -cf - . | '
             'tar -C "$2" -xpf -', "sh", str(self.v.state), str(self.store)],
            check=True)
        subprocess.run(["mount", "--move", str(self.store),
                        str(self.v.state)], check=True)
        self.v.start()
        self.api = self.v.api()

    def _unmount(self):
        with contextlib.suppress(AssertionError):
            self.v.stop()
        subprocess.run(["umount", "-l", str(self.v.state)], check=False)
        self.store.rmdir()

    def fill(self):
        """A file that takes all that is left."""
        hog = self.v.state / "hog"
        with contextlib.suppress(OSError), hog.open("wb", 0) as f:
            while True:
                f.write(b"\0" * 65536)
        with contextlib.suppress(OSError), hog.open("ab", 0) as f:
            while True:
                f.write(b"\0" * 512)
        return hog

    def test_i03_full_and_free_again(self):
        self.prints("console.log(1)", "1\n")
        hog = self.fill()
        refused = accepted = 0
        for _ in range(40):
            answer = self.api.call("POST", "/v1/workloads/async", {
                "runtime": "javascript", "code": "// " + "x" * 60000})
            if answer.status == 202:
                accepted += 1
                continue
            self.assertIn(answer.status, (503, 507), answer)
            if "html" in answer.header("Content-Type"):
                # nginx itself found no room for the body.
                self.assertIn("Vulcan", answer.text)
            else:
                self.problem(answer, (503, 507))
            refused += 1
        self.assertGreater(refused, 0, "the disk was not full")
        self.assertIn(self.api.get("/healthz").status, (200, 503))
        hog.unlink()
        self.prints("console.log('again')", "again\n")
        self.assertEqual(settle_all(self.v, 30), {})

    def test_i03_result_of_a_running_workload(self):
        job = self.api.submit("setTimeout(() => console.log('end'), 800)",
                              limits={"wall_ms": 20000})["id"]
        await_true("it runs", 10, lambda: self.v.row(
            "SELECT 1 FROM runs WHERE started_at IS NOT NULL"))
        hog = self.fill()
        time.sleep(1.5)  # the run ends while there is no room
        hog.unlink()
        record = self.api.wait(job, 30)
        if record["status"] == "completed":
            self.assertEqual(record["stdout"], "end\n")
        else:
            self.ends(record, "failed", "platform")


class TestI05Busy(VulcanCase):
    """The database locked by somebody, a reader that never ends: requests end
    politely, the WAL does not grow for ever."""

    own = True
    leaks = False

    def test_i05_locked(self):
        db = sqlite3.connect(self.v.state / "vulcan.db", timeout=5,
                             isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        begin = time.monotonic()
        try:
            answer = self.api.call("POST", "/v1/workloads/async", {
                "runtime": "javascript", "code": "1"})
            took = time.monotonic() - begin
            self.problem(answer, (500, 503))
            self.assertLess(took, 15)
            # Reading goes on.
            self.assertEqual(self.api.get("/v1/workloads").status, 200)
            self.assertEqual(self.v.api().get("/healthz").status, 200)
        finally:
            db.execute("ROLLBACK")
            db.close()
        self.prints("console.log(1)", "1\n")

    def test_i05_locked_while_a_run_ends(self):
        job = self.api.submit("setTimeout(() => console.log('end'), 300)")
        db = sqlite3.connect(self.v.state / "vulcan.db", timeout=5,
                             isolation_level=None)
        await_true("it runs", 10, lambda: self.v.row(
            "SELECT 1 FROM runs WHERE started_at IS NOT NULL"))
        db.execute("BEGIN IMMEDIATE")
        time.sleep(1.5)
        db.execute("ROLLBACK")
        db.close()
        record = self.api.wait(job["id"])
        self.ends(record, "completed")
        self.assertEqual(record["stdout"], "end\n")

    def test_i05_long_reader(self):
        """A reader holds a snapshot; after it ends the WAL is cut."""
        with self.v.db() as db:
            db.execute("BEGIN")
            db.execute("SELECT count(*) FROM workloads").fetchone()
            for _ in range(rounds(30)):
                self.api.run("console.log('x'.repeat(30000))")
            self.prints("console.log(1)", "1\n")
        for _ in range(10):
            self.api.run("console.log('x'.repeat(30000))")
        size = (self.v.state / "vulcan.db-wal").stat().st_size
        self.assertLess(size, 32 << 20)


class TestI08Descriptors(VulcanCase):
    """No process but web workers and the queue has the database open; no
    spawned process inherits it; it is opened in one place."""

    def test_i08_who_has_it_open(self):
        job = self.api.submit(
            "console.log('up'); setTimeout(() => {}, 60000)",
            limits={"wall_ms": 60000})["id"]
        compile_job = self.api.submit(
            "".join(f"export const a{i}: number = {i};\n"
                    for i in range(20000)), runtime="typescript")["id"]
        await_true("it runs", 10, lambda: self.v.row(
            "SELECT 1 FROM v_log WHERE workload_id = ?", job))
        allowed = {p.pid for p in self.v.workers()}
        allowed.add(self.v.queue().pid)
        seen = 0
        for p in self.v.ours().values():
            with contextlib.suppress(FileNotFoundError):
                for fd in os.listdir(f"/proc/{p.pid}/fd"):
                    with contextlib.suppress(FileNotFoundError):
                        target = os.readlink(f"/proc/{p.pid}/fd/{fd}")
                        if "vulcan.db" in target:
                            seen += 1
                            self.assertIn(p.pid, allowed, (p, target))
        self.assertGreater(seen, 0)
        self.api.cancel(job)
        self.api.wait(compile_job)

    def test_i08_one_place_opens_it(self):
        found = subprocess.run(
            ["grep", "-rlE", r"\bsqlite3_open(_v2|16)?\(", "--include=*.c",
             "lib", "fcgi", "runner", "admin", "cli", "backends"],
            cwd=TOP, capture_output=True, text=True, check=False).stdout
        for path in found.split():
            self.assertTrue(path.startswith("lib/db/"), path)

    def test_i08_modes(self):
        state = self.v.state
        self.assertEqual((state / "vulcan.db").stat().st_mode & 0o7777,
                         0o660)
        self.assertEqual((state / "admin-token").stat().st_mode & 0o7777,
                         0o600)
        done = subprocess.run(
            ["cat", str(state / "vulcan.db")], user=64999, group=64999,
            extra_groups=[], capture_output=True, check=False)
        self.assertNotEqual(done.returncode, 0, "anyone may read it")


class TestI11Injection(VulcanCase):
    """SQL in every field, order, search and cursor is a value or refused; the
    connections refuse everything but their own statements."""

    FILTERS = ("status", "isolation", "runtime", "reason", "user", "label",
               "since", "until", "q", "limit", "cursor")

    def tables(self):
        return {r[0]: r[1] for r in self.v.rows(
            "SELECT name, sql FROM sqlite_schema")}

    def setUp(self):
        super().setUp()
        self.schema = self.tables()
        self.users = self.v.row("SELECT count(*) FROM users")[0]

    def unharmed(self):
        self.assertEqual(self.tables(), self.schema)
        self.assertEqual(self.v.row("SELECT count(*) FROM users")[0],
                         self.users)

    def test_i11_filters(self):
        _, api = self.v.user()
        self.users += 1
        api.run("console.log(1)")
        total = api.get("/v1/workloads").json()["total"]
        for name in self.FILTERS:
            for text in SQL:
                query = urllib.parse.urlencode({name: text})
                with self.subTest(query=query):
                    answer = api.get("/v1/workloads?" + query)
                    if answer.status == 200:
                        found = answer.json()
                        self.assertLessEqual(found["total"], total)
                        if name == "q" and "OR" in text:
                            self.assertEqual(found["workloads"], [])
                    else:
                        self.problem(answer, WRONG)
                    self.assertNotRegex(
                        answer.text, r"(?i)syntax error|sqlite|near \"")
        self.unharmed()

    def test_i11_fields(self):
        for text in SQL:
            record = self.api.run(
                "vulcan.write(vulcan.stdin)", stdin=text, args=[text],
                env={"A": text}, labels={"l": text}, input=text)
            self.ends(record, "completed")
            self.assertEqual(record["stdout"], text)
            self.assertEqual(record["labels"], {"l": text})
        self.unharmed()

    def test_i11_paths_and_keys(self):
        for text in SQL:
            quoted = urllib.parse.quote(text, safe="")
            for path in (f"/v1/workloads/{quoted}",
                         f"/v1/workloads/{quoted}/logs",
                         f"/v1/workloads/{quoted}/artifacts/{quoted}"):
                answer = self.api.get(path)
                self.assertIn(answer.status, (400, 404), path)
            answer = self.v.api(text).get("/v1/workloads")
            self.assertIn(answer.status, (400, 401))
            if text.isascii() and text.isprintable() and " " not in text:
                self.api.run("1", headers={"Idempotency-Key": text})
        self.unharmed()

    def test_i11_log_in(self):
        surfer = self.v.surfer()
        for text in ("admin' --", "' OR 1=1 --", "admin"):
            form = surfer.page("/login").form_to("/login")
            answer = surfer.post(form, {"name": text, "password": text},
                                 follow=False)
            self.assertIn(answer.status, (400, 401, 403, 422))
        self.unharmed()

    def test_i11_no_text_in_sql(self):
        """Statements are constants: nothing is printed into them."""
        words = re.compile(
            r'printf\([^;]*"[^"]*\b(SELECT|INSERT INTO|UPDATE \w+ SET|'
            r'DELETE FROM)\b')
        for path in [*TOP.glob("lib/db/*.c"), *TOP.glob("fcgi/*.c"),
                     *TOP.glob("runner/**/*.c")]:
            self.assertIsNone(words.search(path.read_text()), path)
        for folder in ("fcgi", "runner", "backends", "admin", "cli"):
            for path in TOP.glob(f"{folder}/**/*.c"):
                self.assertNotRegex(
                    path.read_text(), r'"\s*(SELECT|INSERT INTO|UPDATE \w+ '
                    r'SET|DELETE FROM)\b', path)


class TestSignalsOfTheWorkers(VulcanCase):
    """The pool ends and comes back as a service manager would have it."""

    own = True
    leaks = False

    def test_term_ends_the_pool(self):
        parent = self.v.main("fcgi")
        workers = self.v.workers()
        parent.kill(signal.SIGTERM)
        await_true("all ended", 10, lambda: not parent.alive and not [
            w for w in workers if w.alive])
