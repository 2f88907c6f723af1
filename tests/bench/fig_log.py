"""P21: from a guest's write to the client. W: a thousand watchers."""
import http.client
import json
import socket
import subprocess
import threading
import time

from instance import Vulcan, values
from table import Figure, Side, at_most
from fill import ulid

# Guest and client share the machine's wall clock, but a guest reads whole
# milliseconds only: so it writes at the very moment at which one begins.
WRITER = """
export default async () => {
  const sleep = ms => new Promise(done => setTimeout(done, ms));
  await sleep(%d);
  for (let n = 0; n < %d; n++) {
    await sleep(%d);
    const before = Date.now();
    let now = before;
    while (now === before)
      now = Date.now();
    vulcan.write(n + " " + now + "\\n");
  }
};
"""


def watch(vulcan, path, lines, watchers=1, via=()):
    """bench_watch in the background."""
    return subprocess.Popen(
        [str(a) for a in (vulcan.build / "bin/bench/bench_watch", "-p",
                          vulcan.port, "-c", watchers, "-l", lines, "-H",
                          vulcan.auth, *via, path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def result(child):
    output, errors = child.communicate(timeout=120)
    if child.returncode != 0:
        raise RuntimeError(f"bench_watch: {errors[-300:]}")
    return values(output)


def submit(vulcan, code):
    connection = http.client.HTTPConnection("127.0.0.1", vulcan.port)
    connection.request(
        "POST", "/v1/workloads/async", json.dumps({
            "runtime": "javascript", "code": code,
            "limits": {"wall_ms": 120000, "cpu_ms": 120000}}),
        {"Content-Type": "application/json",
         "Authorization": "Bearer " + vulcan.key})
    record = json.loads(connection.getresponse().read())
    connection.close()
    return record["id"]


def guest_lines(vulcan, lines):
    ident = submit(vulcan, WRITER % (300, lines, 10))
    found = result(watch(vulcan, f"/v1/workloads/{ident}/logs", lines))
    if found["complete"][0] != 1:
        raise RuntimeError("the watcher missed a line")
    return [n / 1e9 for n in found["ns"]]


class Publisher:
    """Publishes to nchan by hand, as the runner does."""

    def __init__(self, vulcan, ident):
        self.ident = ident
        self.connection = http.client.HTTPConnection("localhost")
        self.connection.sock = socket.socket(socket.AF_UNIX)
        self.connection.sock.connect(str(vulcan.run_folder / "publish.sock"))

    def publish(self, kind, data):
        self.connection.request(
            "POST", f"/publish/{self.ident}",
            json.dumps(data, separators=(",", ":")),
            {"X-EventSource-Event": kind, "Content-Type": "application/json"})
        answer = self.connection.getresponse()
        answer.read()
        if answer.status not in (200, 201, 202):
            raise RuntimeError(f"nchan answered {answer.status}")


def nchan_lines(vulcan, lines, number):
    """The same from a publisher of ours through the same nginx."""
    ident = ulid(int(time.time() * 1000), number)
    publisher = Publisher(vulcan, ident)
    via = ("-u", vulcan.run_folder / "publish.sock")
    child = watch(vulcan, f"/live/{ident}", lines, via=via)
    time.sleep(0.3)
    for n in range(lines):
        time.sleep(0.01)
        before = now = time.time_ns() // 1000000
        while now == before:
            now = time.time_ns() // 1000000
        publisher.publish("log", {"seq": n + 1, "stream": "stdout",
                                  "t_ms": 0.0, "text": f"{n} {now}\n"})
    publisher.publish("done", {})
    return [n / 1e9 for n in result(child)["ns"]]


def p21(bench):
    own, peer = [], []
    with Vulcan(bench.build) as vulcan:
        for number in range(4):
            own += guest_lines(vulcan, 50)
            peer += nchan_lines(vulcan, 50, number)
    side = Side("guest's write to the client", own)
    figure = at_most("P21", "a line of the live log", side,
                     Side("published by hand, same nginx", peer), 4,
                     note="the guest writes as a millisecond of the shared "
                     "wall clock begins")
    figure.value = (f"p50 {side.p50 * 1000:.2f} ms, p99 "
                    f"{side.p99 * 1000:.2f} ms, " + figure.value)
    figure.target = "p50 at most 2 ms, p99 at most 20 ms"
    figure.met = side.p50 <= 0.002 and side.p99 <= 0.020
    yield figure


class Probe(threading.Thread):
    """GET /healthz every 5 ms over one kept connection."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection("127.0.0.1", port,
                                                     timeout=10)
        self.took = []
        self.ending = threading.Event()

    def run(self):
        while not self.ending.wait(0.005):
            begun = time.perf_counter()
            self.connection.request("GET", "/healthz")
            answer = self.connection.getresponse()
            answer.read()
            if answer.status == 200:
                self.took.append(time.perf_counter() - begun)

    def finish(self):
        self.ending.set()
        self.join(15)
        return self.took


def probed(port, seconds):
    probe = Probe(port)
    probe.start()
    time.sleep(seconds)
    return probe.finish()


def watchers(bench):
    people, lines = 1000, 100
    with Vulcan(bench.build) as vulcan:
        alone = probed(vulcan.port, 2)
        before = vulcan.cpu("nginx")
        ident = submit(vulcan, WRITER % (4000, lines, 50))
        probe = Probe(vulcan.port)
        child = watch(vulcan, f"/v1/workloads/{ident}/logs", lines, people)
        probe.start()
        found = result(child)
        busy = probe.finish()
        spent = vulcan.cpu("nginx") - before
    complete = int(found["complete"][0])
    side = Side(f"line to each of {people} watchers",
                [n / 1e9 for n in found["ns"]],
                spent / (people * lines))
    health = Side("/healthz meanwhile", busy)
    yield Figure(
        "W1000", f"{people} live watchers of one log of {lines} lines",
        [side, health, Side("/healthz alone", alone)],
        f"{complete} saw every line once and in order, "
        f"{int(found['refused'][0])} refused; /healthz p99 "
        f"{health.p99 * 1000:.1f} ms", "all of them; /healthz p99 "
        "at most 50 ms", complete == people and health.p99 <= 0.05)


FIGURES = {"P21": p21, "W1000": watchers}
