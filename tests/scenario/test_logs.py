"""Live logs: soon, in order, whole, for many at once."""
import json
import selectors
import socket
import statistics
import time

from harness.case import Pulse, VulcanCase
from harness.client import parse_events
from harness.instance import await_true, rounds

COUNTING = ("for (let i = 1; i <= %d; i++) { console.log('line ' + i);"
            "await new Promise(r => setTimeout(r, %d)) }")


def text_of(events):
    return "".join(e.json()["text"] for e in events if e.kind == "log")


def lines(count):
    return "".join(f"line {i}\n" for i in range(1, count + 1))


class TestLiveLog(VulcanCase):
    def test_soon_visible(self):
        """A write is at the client within 100 ms."""
        job = self.api.submit(
            "await new Promise(r => setTimeout(r, 300));"
            "for (let i = 0; i < 8; i++) { console.log(Date.now());"
            "await new Promise(r => setTimeout(r, 60)) }")
        late = []
        with self.api.events(job["id"]) as stream:
            for event in stream:
                if event.kind == "done":
                    break
                if event.kind == "log":
                    now = time.time() * 1000
                    late += [now - int(t) for t in
                             event.json()["text"].split()]
        self.assertEqual(len(late), 8)
        self.assertLess(statistics.median(late), 100, late)
        self.ends(self.api.wait(job["id"]), "completed")

    def test_visible_before_the_end(self):
        job = self.api.submit("console.log('early');"
                              "setTimeout(() => console.log('late'), 1500)")
        with self.api.events(job["id"]) as stream:
            for event in stream:
                if event.kind == "log":
                    break
            self.assertIn("early", event.json()["text"])
            self.assertEqual(self.api.record(job["id"])["status"], "running")
            rest = stream.until_done()
        self.assertIn("late", text_of(rest))

    def test_order_of_the_streams(self):
        job = self.api.submit(
            "await new Promise(r => setTimeout(r, 200));"
            "for (let i = 0; i < 40; i++) "
            "(i % 3 ? console.log : console.error)(i)")
        with self.api.events(job["id"]) as stream:
            events = stream.until_done()
        self.assertEqual(text_of(events).split(),
                         [str(i) for i in range(40)])
        for e in events:
            if e.kind == "log":
                data = e.json()
                self.assertLessEqual(
                    {"seq", "stream", "text", "t_ms"}, set(data))
                for n in data["text"].split():
                    self.assertEqual(data["stream"], "stdout" if int(n) % 3
                                     else "stderr")

    def test_ends_with_done(self):
        for code in ("console.log(1)", "throw 1", "for (;;);", ""):
            job = self.api.submit(code or " ", limits={"wall_ms": 300})
            with self.api.events(job["id"]) as stream:
                events = stream.until_done()
            self.assertEqual(events[-1].kind, "done")
            self.api.wait(job["id"])

    def test_cancel_ends_it(self):
        job = self.api.submit("setTimeout(() => {}, 1e8)",
                              limits={"wall_ms": 60000})
        with self.api.events(job["id"]) as stream:
            self.api.cancel(job["id"])
            self.assertEqual(stream.until_done()[-1].kind, "done")

    def test_joining_midway_loses_and_doubles_nothing(self):
        job = self.api.submit(COUNTING % (60, 10))
        watchers = []
        for i in range(rounds(8)):
            await_true("more lines", 10, lambda n=i: self.v.row(
                "SELECT count(*) FROM v_log WHERE workload_id = ?",
                job["id"])[0] >= n * 4)
            watchers.append(self.api.events(job["id"]))
        for stream in watchers:
            events = stream.until_done()
            stream.close()
            self.assertEqual(text_of(events), lines(60))
            seqs = [e.json()["seq"] for e in events if e.kind == "log"]
            self.assertEqual(seqs, list(range(1, len(seqs) + 1)))

    def test_resume_while_it_runs(self):
        job = self.api.submit(COUNTING % (40, 10))
        got, last = [], None
        with self.api.events(job["id"]) as stream:
            for event in stream:
                if event.kind == "log":
                    got.append(event)
                    last = event.ident
                    if len(got) == 5:
                        break
        self.assertIsNotNone(last)
        with self.api.events(job["id"], last) as stream:
            rest = stream.until_done()
        self.assertEqual(text_of(got + rest), lines(40))

    def test_database_first_then_live(self):
        """What a page does: history, then the stream, joined by number."""
        job = self.api.submit(COUNTING % (40, 10))
        await_true("some lines", 10, lambda: self.v.row(
            "SELECT count(*) FROM v_log WHERE workload_id = ?",
            job["id"])[0] >= 10)
        history = self.api.get(
            f"/v1/workloads/{job['id']}/logs/history").json()
        seen = {line["seq"]: line["text"] for line in history["lines"]}
        self.assertTrue(seen)
        with self.api.events(job["id"]) as stream:
            for e in stream.until_done():
                if e.kind == "log":
                    seen.setdefault(e.json()["seq"], e.json()["text"])
        self.assertEqual("".join(seen[s] for s in sorted(seen)), lines(40))

    def test_history_pages(self):
        record = self.api.run(COUNTING % (30, 2))
        after, text = 0, ""
        for _ in range(100):
            page = self.api.get(
                f"/v1/workloads/{record['id']}/logs/history"
                f"?after={after}&limit=4").json()
            if not page["lines"]:
                break
            self.assertLessEqual(len(page["lines"]), 4)
            text += "".join(line["text"] for line in page["lines"])
            after = page["lines"][-1]["seq"]
            if page["next_after"] is not None:
                self.assertEqual(page["next_after"], after)
        self.assertEqual(text, lines(30))

    def test_plain_client(self):
        """curl without Accept gets the stream as well."""
        job = self.api.submit(COUNTING % (5, 60))
        answer = self.api.get(f"/v1/workloads/{job['id']}/logs")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.header("Content-Type").split(";")[0],
                         "text/event-stream")
        events, _ = parse_events(answer.text)
        self.assertEqual(text_of(events), lines(5))

    def test_doorbell_gone(self):
        """The poll finds the work; its log is whole."""
        bell = self.v.run / "doorbell"
        aside = self.v.run / "doorbell.aside"
        bell.rename(aside)
        try:
            job = self.api.submit(COUNTING % (5, 10))
            with self.api.events(job["id"]) as stream:
                self.assertEqual(text_of(stream.until_done()), lines(5))
            self.ends(self.api.wait(job["id"]), "completed")
        finally:
            aside.rename(bell)


class Crowd:
    """Many watchers of one log in one thread."""

    def __init__(self, port, key, ident, count):
        self.selector = selectors.DefaultSelector()
        self.data = {}
        request = (f"GET /v1/workloads/{ident}/logs HTTP/1.1\r\nHost: x\r\n"
                   f"Authorization: Bearer {key}\r\n"
                   "Accept: text/event-stream\r\n\r\n").encode()
        for _ in range(count):
            s = socket.create_connection(("127.0.0.1", port), 30)
            s.sendall(request)
            s.setblocking(False)
            self.data[s] = bytearray()
            self.selector.register(s, selectors.EVENT_READ)

    def joined(self):
        """How many have the head of their answer."""
        self.read(0.05)
        return sum(b"\r\n\r\n" in d for d in self.data.values())

    def read(self, seconds):
        for key, _ in self.selector.select(seconds):
            try:
                more = key.fileobj.recv(65536)
            except BlockingIOError:
                continue
            self.data[key.fileobj] += more
            if not more or b"event: done" in self.data[key.fileobj]:
                self.selector.unregister(key.fileobj)

    def until_done(self, seconds):
        end = time.monotonic() + seconds
        while self.selector.get_map() and time.monotonic() < end:
            self.read(0.2)
        return len(self.selector.get_map())

    def close(self):
        for s in self.data:
            s.close()
        self.selector.close()


class TestCrowd(VulcanCase):
    """1,000 live watchers of one log: all get every line while the workers
    stay free."""

    build = "release"
    seconds = 120
    COUNT = 1000

    def test_thousand_watchers(self):
        count = self.COUNT
        # Starts to speak only when all are there: its input is a file of
        # the clock, so it waits by time.
        job = self.api.submit(
            "console.log('start'); await new Promise(r => "
            "setTimeout(r, 9000));" + COUNTING % (30, 20),
            limits={"wall_ms": 60000})
        crowd = Crowd(self.v.port, self.api.key, job["id"], count)
        try:
            await_true("all have joined", 30,
                       lambda: crowd.joined() == count, 0)
            beat = Pulse(self.v.port)
            left = crowd.until_done(60)
            complaints = beat.complaints()
            self.assertEqual(left, 0, "some never saw the end")
            self.assertEqual(complaints, [])
            wanted = "start\n" + lines(30)
            wrong = 0
            for data in crowd.data.values():
                body = bytes(data).split(b"\r\n\r\n", 1)[1]
                wrong += self.text(body) != wanted
            self.assertEqual(wrong, 0, f"{wrong} of {count} differ")
        finally:
            crowd.close()
        self.ends(self.api.wait(job["id"]), "completed")

    @staticmethod
    def text(body):
        """Text of the log, whether or not the body is chunked."""
        out, rest = b"", body
        while True:
            head, _, tail = rest.partition(b"\r\n")
            try:
                size = int(head, 16)
            except ValueError:
                out += rest
                break
            out += tail[:size]
            rest = tail[size + 2:]
            if size == 0 or not rest:
                break
        events, _ = parse_events(out.decode())
        return "".join(json.loads(e.data)["text"] for e in events
                       if e.kind == "log")
