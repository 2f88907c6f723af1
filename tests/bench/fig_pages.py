"""P13: the list of workloads as a page, beside a static answer of nginx."""
import contextlib
import json
import sys

from fill import fill
from instance import TOP, Vulcan, run
from peers import PlainNginx
from table import Figure, Side, at_least

sys.path.insert(0, str(TOP / "tests"))
from harness.client import Surfer  # noqa: E402

SECONDS = 3
ROUNDS = 2
ROWS = 50


def log_in(vulcan):
    """The Cookie header of a browser that used a one-time link."""
    link = vulcan.inside(vulcan.build / "bin/vulcan-admin", "-f",
                         vulcan.conf_path(), "login-link", "admin").strip()
    surfer = Surfer(vulcan.port)
    page = surfer.get("/" + link.split("/", 3)[3], follow=False)
    if page.status == 200:  # the link asks to be confirmed
        surfer.post(surfer.page("/" + link.split("/", 3)[3]).forms[0])
    shown = surfer.get("/workloads")
    if shown.status != 200 or shown.text.count("/workloads/0") < ROWS:
        raise RuntimeError(f"no page of {ROWS} rows: {shown!r}")
    return ("Cookie: " + "; ".join(f"{k}={v}" for k, v
                                   in surfer.cookies.items()),
            len(shown.body))


def wrk(port, path, connections, header=None):
    argv = ["wrk", "-t2", f"-c{connections}", f"-d{SECONDS}s", "--timeout",
            "2s", "-s", TOP / "tests/bench/wrk.lua"]
    if header is not None:
        argv += ["-H", header]
    output = run(*argv, f"http://127.0.0.1:{port}{path}")
    return json.loads(output.strip().splitlines()[-1])


class Series:
    """Rounds of one side at one number of connections."""

    def __init__(self, name):
        self.name = name
        self.rounds = []
        self.cpu = 0.0

    def rate(self):
        cpu = self.cpu / sum(r["requests"] for r in self.rounds)
        return Side(self.name, [r["requests"] / r["seconds"]
                                for r in self.rounds], cpu or None, "/s")

    def latency(self):
        return Side(self.name, [r["min"] for r in self.rounds],
                    p50=max(r["p50"] for r in self.rounds),
                    worst=max(r["p99"] for r in self.rounds))

    def failures(self):
        return sum(r["timeouts"] + r["errors"] for r in self.rounds)


def measured(vulcan, header, series, connections):
    begun = vulcan.cpu()
    series.rounds.append(wrk(vulcan.port, "/workloads", connections, header))
    series.cpu += vulcan.cpu() - begun


@contextlib.contextmanager
def filled(bench, count):
    """A Vulcan with that many finished workloads and a browser's session."""
    vulcan = Vulcan(bench.build)
    try:
        vulcan.start()
        vulcan.stop()
        bench.say(f"writing {count} workloads")
        fill(vulcan.database, count)
        vulcan.start()
        header, size = log_in(vulcan)
        yield vulcan, header, size
    finally:
        vulcan.__exit__()


def p13(bench):
    with filled(bench, 1000) as (few, few_header, size), \
            filled(bench, bench.rows) as (many, many_header, _), \
            PlainNginx() as plain:
        for connections in (16, 64):
            own = Series("list page, 1,000 workloads")
            large = Series(f"list page, {bench.rows:,} workloads")
            static = Series("nginx return 200")
            for _ in range(ROUNDS):
                measured(few, few_header, own, connections)
                static.rounds.append(wrk(plain.port, "/", connections))
                measured(many, many_header, large, connections)
            yield from outcome(connections, own, large, static, size)


def outcome(connections, own, large, static, size):
    ident = f"P13.{connections}"
    yield at_least(ident, f"pages of {ROWS} rows ({size} bytes) a second, "
                   f"{connections} connections", own.rate(), static.rate(),
                   1 / 10)
    latency = own.latency()
    yield Figure(ident + ".p99", "the same, latency",
                 [latency, static.latency()],
                 f"p99 {latency.p99 * 1000:.1f} ms, {own.failures()} "
                 "time-outs or errors", "p99 under 3 ms, none",
                 latency.p99 < 0.003 and own.failures() == 0)
    slower = own.rate().p50 / large.rate().p50
    yield Figure(ident + ".many", "the page over many workloads",
                 [large.rate(), own.rate()], f"{slower:.2f} times slower, "
                 f"{large.failures()} time-outs or errors",
                 "at most 2 times slower",
                 slower <= 2 and large.failures() == 0)


FIGURES = {"P13": p13}
