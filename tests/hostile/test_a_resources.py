"""Section a: resource attacks by the guest."""
import concurrent.futures
import json
import statistics
import threading

from harness.case import WRONG, VulcanCase
from harness.instance import rounds

# A limit of wall time in a release build is kept this well (catalogue, a07).
OVERSHOOT_MS = 15


class TestA07Time(VulcanCase):
    """Endless loop, sleep without end, busy wait: the limit holds within
    15 ms, and the status tells wall from processor time."""

    build = "release"
    pulse = True

    def overshoot(self, code, wall_ms=200):
        over = []
        for _ in range(rounds(9)):
            record = self.api.run(code, limits={
                "wall_ms": wall_ms, "cpu_ms": 20000})
            self.struck(record, "timeout", "wall_ms")
            over.append(record["usage"]["wall_ms"] - wall_ms)
        self.assertGreaterEqual(min(over), -1, over)
        # The middle one: a busy machine may delay any single run.
        self.assertLessEqual(statistics.median(over), OVERSHOOT_MS, over)

    def test_a07_endless_loop(self):
        self.overshoot("while (true) {}")

    def test_a07_sleep_for_ever(self):
        self.overshoot("setTimeout(() => {}, 1e9)")
        self.overshoot("await new Promise(r => setTimeout(r, 1e9))")

    def test_a07_busy_wait_on_the_clock(self):
        self.overshoot("const t = performance.now();"
                       "while (performance.now() < t + 1e9) {}")

    def test_a07_interval_without_end(self):
        self.overshoot("setInterval(() => {}, 1)")

    def test_a07_processor_time_is_another_limit(self):
        record = self.api.run("while (true) {}", limits={
            "wall_ms": 20000, "cpu_ms": 200})
        self.struck(record, "cpu", "cpu_ms")
        self.assertLess(record["usage"]["wall_ms"], 10000)
        # Sleeping costs no processor time.
        record = self.api.run(
            "await new Promise(r => setTimeout(r, 400)); console.log(1)",
            limits={"wall_ms": 20000, "cpu_ms": 300})
        self.ends(record, "completed")

    def test_a07_probe_beside_a_loop(self):
        loop = self.api.submit("while (true) {}",
                               limits={"wall_ms": 1500, "cpu_ms": 20000})
        self.probe()
        self.struck(self.api.wait(loop["id"]), "timeout", "wall_ms")


class TestA08AtTheLimit(VulcanCase):
    """A run that ends in the very millisecond of its limit has one terminal
    status, never both."""

    build = "release"

    def test_a08_exactly_at_the_limit(self):
        def once(i):
            until = 55 + (i % 40) * 0.25
            return self.api.run(
                f"const t = performance.now();"
                f"while (performance.now() - t < {until}) {{}}"
                f"console.log('end')",
                limits={"wall_ms": 60, "cpu_ms": 20000})

        both = {"completed": 0, "timeout": 0}
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for record in pool.map(once, range(rounds(120))):
                if record["status"] == "completed":
                    both["completed"] += 1
                    self.assertIsNone(record["reason"])
                    self.assertIsNone(record["limit"])
                    self.assertEqual(record["exit_code"], 0)
                    self.assertEqual(record["stdout"], "end\n")
                else:
                    both["timeout"] += 1
                    self.struck(record, "timeout", "wall_ms")
                    self.assertIsNone(record["exit_code"])
        self.assertGreater(both["timeout"], 0, both)


class TestA09Limits(VulcanCase):
    """Limits of 0, -1, 2^63, NaN, 1e309, " 5" are refused by name, a missing
    one takes the default; none means "unlimited"."""

    FIELDS = ("wall_ms", "cpu_ms", "memory_mib", "vcpus", "processes",
              "disk_mib", "output_bytes")
    BAD = ("-1", "9223372036854775808", "18446744073709551616", "1e309",
           "-0.5", "1.5", '" 5"', '"5"', '""', "[]", "{}", "true",
           '"NaN"', '"Infinity"', "1e18")
    NOT_JSON = ("NaN", "Infinity", "0x10", "+5", "05", "5.", "")

    def send(self, field, text):
        body = ('{"runtime":"javascript","code":"1","limits":{"%s":%s}}' %
                (field, text)).encode()
        return self.api.call("POST", "/v1/workloads/async", raw=body)

    def test_a09_refused_by_name(self):
        before = self.v.row("SELECT count(*) FROM workloads")[0]
        for field in self.FIELDS:
            for text in self.BAD:
                with self.subTest(field=field, text=text):
                    body = self.problem(self.send(field, text), WRONG)
                    self.assertIn(field, body.get("field", ""), body)
            for text in self.NOT_JSON:
                with self.subTest(field=field, text=text):
                    self.problem(self.send(field, text), WRONG)
        after = self.v.row("SELECT count(*) FROM workloads")[0]
        self.assertEqual(before, after)

    def test_a09_zero(self):
        for field in self.FIELDS:
            with self.subTest(field=field):
                body = self.problem(self.send(field, "0"), WRONG)
                self.assertIn(field, body["field"])

    def test_a09_unknown_limit(self):
        for field in ("wall", "wall_time_limit", "WALL_MS", "memory", ""):
            with self.subTest(field=field):
                self.problem(self.send(field, "5"), WRONG)

    def test_a09_missing_takes_the_default(self):
        for limits in ({}, {"wall_ms": None}, None):
            record = self.api.run("1", limits=limits)
            self.ends(record, "completed")
            for field in self.FIELDS:
                self.assertGreater(record["limits"][field], 0)


class TestA10Flood(VulcanCase):
    """Output floods are cut at the cap with the flag and the count set; the
    runner does not grow."""

    pulse = True
    CAP = 8192

    def flood(self, code, wall_ms=3000, **fields):
        record = self.api.run(code, limits={
            "output_bytes": self.CAP, "wall_ms": wall_ms,
            "cpu_ms": 20000}, **fields)
        kept = self.v.row(
            "SELECT coalesce(sum(length(bytes)), 0) FROM log_chunks c "
            "JOIN runs r ON r.id = c.run_id WHERE r.workload_id = ? "
            "AND c.stream <> 'system'", record["id"])[0]
        self.assertLessEqual(kept, self.CAP)
        return record, kept

    def text(self, record, stream):
        return record[stream] if record.get(stream) is not None else \
            record[stream + "_base64"]

    def test_a10_without_end(self):
        for write in ("console.log('x'.repeat(4000))",
                      "console.error('y'.repeat(4000))",
                      "console.log('x'.repeat(999)); "
                      "console.error('y'.repeat(999))",
                      "vulcan.write('z')",
                      "vulcan.write('\\r')",
                      "vulcan.write('\\0')"):
            with self.subTest(write=write):
                record, kept = self.flood(
                    "while (true) { " + write + " }", wall_ms=1000)
                self.assertNotEqual(record["status"], "completed")
                self.assertIn(record["reason"], ("output", "timeout"))
                self.assertTrue(record["stdout_truncated"] or
                                record["stderr_truncated"], record["reason"])
                self.assertGreater(kept, self.CAP // 2)
                self.assertGreater(
                    record["stdout_bytes"] + record["stderr_bytes"],
                    self.CAP)

    def test_a10_one_huge_line(self):
        record, _ = self.flood("vulcan.write('x'.repeat(30e6))",
                               wall_ms=20000)
        self.assertTrue(record["stdout_truncated"])
        self.assertEqual(record["stdout"][:1000], "x" * 1000)
        self.assertLess(len(record["stdout"]), self.CAP + 500)

    def test_a10_truncation_is_marked_and_said(self):
        record, _ = self.flood(
            "for (let i = 0; i < 20000; i++) console.log('line ' + i)",
            wall_ms=20000)
        self.assertTrue(record["stdout_truncated"])
        self.assertFalse(record["stderr_truncated"])
        marks = self.v.rows(
            "SELECT text FROM v_log WHERE workload_id = ? AND "
            "stream = 'system'", record["id"])
        self.assertTrue(any("truncat" in m[0] or "cut" in m[0] or
                            "limit" in m[0] for m in marks),
                        [m[0] for m in marks])
        self.assertTrue(record["stdout"].startswith("line 0\nline 1\n"))

    def test_a10_a_probe_meanwhile(self):
        flood = self.api.submit(
            "while (true) console.log('x'.repeat(60000))",
            limits={"output_bytes": self.CAP, "wall_ms": 1500,
                    "cpu_ms": 20000})
        self.probe()
        self.api.wait(flood["id"])


class TestA11TheEnd(VulcanCase):
    """A run ends when its program does, whatever it leaves behind."""

    def test_a11_exit_with_work_left(self):
        for left in ("setInterval(() => {}, 1)",
                     "setTimeout(() => console.log('late'), 1e8)",
                     "new Promise(() => {})",
                     "(function f() { queueMicrotask(f) })"):
            with self.subTest(left=left):
                record = self.api.run(
                    left + "; console.log('done'); vulcan.exit(0)")
                self.ends(record, "completed")
                self.assertEqual(record["stdout"], "done\n")
                self.assertLess(record["usage"]["wall_ms"], 5000)

    def test_a11_exit_codes(self):
        for code in (1, 2, 77, 255):
            record = self.api.run(f"vulcan.exit({code})")
            self.ends(record, "failed", "exit")
            self.assertEqual(record["exit_code"], code)
            self.assertIsNone(record["signal"])

    def test_a11_promise_that_never_settles(self):
        record = self.api.run("await new Promise(() => {})",
                              limits={"wall_ms": 3000})
        self.assertEqual(record["status"], "failed")

    def test_a11_output_written_last_is_kept(self):
        record = self.api.run(
            "vulcan.write('a'.repeat(200000) + 'END'); vulcan.exit(3)")
        self.ends(record, "failed", "exit")
        self.assertEqual(len(record["stdout"]), 200003)
        self.assertTrue(record["stdout"].endswith("END"))


class TestA12TheCap(VulcanCase):
    """Output of cap - 1, cap and cap + 1 bytes; characters split at the cap
    never come out broken."""

    def run_with(self, code, cap):
        return self.api.run(code, limits={"output_bytes": cap})

    def test_a12_around_the_cap(self):
        cap = 1000
        for size in (cap - 1, cap, cap + 1):
            with self.subTest(size=size):
                record = self.run_with(f"vulcan.write('x'.repeat({size}))",
                                       cap)
                self.assertEqual(record["stdout_bytes"], size)
                self.assertEqual(record["stdout_truncated"], size > cap)
                self.assertTrue(record["stdout"].startswith("x" * 999))
                if size <= cap:
                    self.ends(record, "completed")
                    self.assertEqual(record["stdout"], "x" * size)

    def test_a12_split_characters(self):
        cap = 100
        for text, width in (("\u00e9", 2), ("\u20ac", 3), ("\U0001f600", 4)):
            for before in range(width + 1):
                with self.subTest(text=text, before=before):
                    record = self.run_with(
                        f"vulcan.write('x'.repeat({before}) + "
                        f"{json.dumps(text)}.repeat(60))", cap)
                    self.assertTrue(record["stdout_truncated"])
                    self.assertIsNotNone(record["stdout"])
                    self.assertNotIn("\ufffd", record["stdout"])
                    self.assertLessEqual(
                        len(record["stdout"].encode()), cap + 200)

    def test_a12_a_cap_of_one_byte(self):
        record = self.run_with("console.log('x')", 1)
        self.assertTrue(record["stdout_truncated"])
        self.assertEqual(record["stdout_bytes"], 2)

    def test_a12_pages_and_logs_stay_utf8(self):
        record = self.run_with("vulcan.write('\u20ac'.repeat(60))", 100)
        surfer = self.v.surfer("admin")
        answer = surfer.get(f"/workloads/{record['id']}")
        self.assertEqual(answer.status, 200)
        self.assertNotIn("\ufffd", answer.text)


class TestA13Stdin(VulcanCase):
    """Standard input that is never read, huge, or given to a program that
    ends at once: no deadlock, no death of the runner."""

    HUGE = "s" * (6 << 20)

    def test_a13_never_read(self):
        self.prints("console.log('bye')", "bye\n", stdin=self.HUGE)

    def test_a13_ends_at_once(self):
        record = self.api.run("vulcan.exit(0)", stdin=self.HUGE)
        self.ends(record, "completed")

    def test_a13_syntax_error_with_stdin(self):
        record = self.api.run("this is no program", stdin=self.HUGE)
        self.assertEqual(record["status"], "failed")

    def test_a13_read_whole(self):
        self.prints("console.log(vulcan.stdin.length)",
                    f"{len(self.HUGE)}\n", stdin=self.HUGE)

    def test_a13_several_at_once(self):
        outcomes = []

        def one():
            api = self.v.api()
            outcomes.append(api.run("1", stdin=self.HUGE)["status"])

        threads = [threading.Thread(target=one) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(outcomes, ["completed"] * 4)

    def test_a13_too_large_is_refused(self):
        answer = self.api.call("POST", "/v1/workloads", {
            "runtime": "javascript", "code": "1", "stdin": "s" * (40 << 20)})
        self.assertEqual(answer.status, 413)
