"""P18: memory of a sleeping run. P19: memory over many runs."""
import sqlite3
import threading
import time

import peers
from instance import Process, Vulcan, wait_until
from table import Figure, Side, Skip, at_most

SLEEP = ("export default async () => {"
         " await new Promise(done => setTimeout(done, 250000)); }")
SLEEPERS = 200


def count(vulcan, sql):
    with sqlite3.connect(f"file:{vulcan.database}?mode=ro", uri=True) as db:
        found = db.execute(sql).fetchone()[0]
    db.close()
    return found


def pss_mib(found):
    total = 0
    for process in found:
        try:
            total += process.pss_kib()
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total / 1024


def sleeping(bench):
    """PSS in MiB that each sleeping run adds to the runner's processes."""
    settings = {"slots": 256, "running_max": SLEEPERS,
                "running_user_max": SLEEPERS, "pool_max": 0,
                "isolate_running_max": SLEEPERS}
    with Vulcan(bench.build, **settings) as vulcan:
        before = pss_mib(vulcan.processes("runner"))
        vulcan.post(SLEEPERS, 8, SLEEP, "/v1/workloads/async",
                    limits={"wall_ms": 300000})
        wait_until(f"{SLEEPERS} runs at once", 60, lambda: count(
            vulcan, "SELECT count(*) FROM runs WHERE status = 'running' "
            "AND started_at IS NOT NULL") == SLEEPERS)
        time.sleep(1)  # the last of them goes to sleep
        found = vulcan.processes("runner")
        hosts = {p.pid for p in found if p.name == "vulcan-isolate"}
        guests = [p for p in found if p.parent in hosts]
        return ((pss_mib(found) - before) / SLEEPERS,
                pss_mib(guests) / max(1, len(guests)))


def workerd_memory(workers=100):
    def pss(n):
        with peers.Workerd(n) as peer:
            peer.until_answer()
            for i in range(n):
                peers.ask(peer.port + i)
            return pss_mib([Process(peer.child.pid)])
    return (pss(1 + workers) - pss(1)) / workers


def isolated_memory(isolates=100):
    peers.package("isolated-vm")
    with peers.Script("isolated.js") as script:
        script.ask("hold 1")
        before = pss_mib([Process(script.child.pid)])
        script.ask(f"hold {isolates}")
        return (pss_mib([Process(script.child.pid)]) - before) / isolates


def p18(bench):
    each, guest = sleeping(bench)
    own = Side("vulcan, all its processes", [each], unit="MiB")
    note = f"of which the guest's own process {guest:.2f} MiB"
    yield Figure("P18", f"PSS of each of {SLEEPERS} sleeping runs", [own],
                 f"{each:.2f} MiB", "at most 1.5 MiB", each <= 1.5, note)
    yield at_most("P18.workerd", "the same against a worker of workerd", own,
                  Side(peers.package_name("workerd"), [workerd_memory()],
                       unit="MiB"), 1)
    yield at_most("P18.ivm", "the same against an isolate of isolated-vm",
                  own, Side(peers.package_name("isolated-vm"),
                            [isolated_memory()], unit="MiB"), 1.5,
                  note="isolated-vm has no process of its own for each")


class Sampler(threading.Thread):
    """RSS of the lasting processes against the number of finished runs."""

    def __init__(self, vulcan):
        super().__init__(daemon=True)
        self.vulcan = vulcan
        self.found = {"queue": [], "warden": [], "web worker": []}
        self.ending = threading.Event()

    def look(self):
        done = count(self.vulcan, "SELECT coalesce(sum(n), 0) FROM "
                     "workload_counts WHERE user_id = 0 AND status NOT IN "
                     "('pending', 'running')")
        rss = {
            "queue": [self.vulcan.queue().status("VmRSS")],
            "warden": [Process(self.vulcan.pid("runner")).status("VmRSS")],
            "web worker": [p.status("VmRSS")
                           for p in self.vulcan.processes("fcgi")],
        }
        for role, sizes in rss.items():
            self.found[role].append((done, max(sizes) / 1024))
        return done

    def run(self):
        while not self.ending.wait(0.25):
            self.look()


def drift(points):
    """MiB for each 10,000 runs, by least squares after the first third."""
    last = points[-1][0]
    late = [p for p in points if p[0] >= last / 3]
    n = len(late)
    mean_x = sum(x for x, _ in late) / n
    mean_y = sum(y for _, y in late) / n
    spread = sum((x - mean_x) ** 2 for x, _ in late)
    if spread == 0:
        raise Skip("too few runs to see a drift")
    return sum((x - mean_x) * (y - mean_y) for x, y in late) / spread * 10000


def p19(bench):
    runs = bench.runs
    with Vulcan(bench.build, queue_max=runs + 1000) as vulcan:
        sampler = Sampler(vulcan)
        sampler.look()
        sampler.start()
        begun, cpu = time.monotonic(), vulcan.cpu()
        vulcan.post(runs, 16, "console.log(1 + 1)", "/v1/workloads/async")
        wait_until("the end of all runs", 60 + runs / 50, lambda: count(
            vulcan, "SELECT coalesce(sum(n), 0) FROM workload_counts WHERE "
            "user_id = 0 AND status IN ('pending', 'running')") == 0, 0.5)
        took, cpu = time.monotonic() - begun, vulcan.cpu() - cpu
        sampler.ending.set()
        sampler.join()
        sampler.look()
    note = (f"{runs} runs in {took:.0f} s, {runs / took:.0f}/s, "
            f"{cpu / runs * 1000:.2f} ms of processor each; "
            "VULCAN_BENCH_RUNS=100000 takes more")
    for role, points in sampler.found.items():
        most = 8 if role == "web worker" else 32
        side = Side(role, [size for _, size in points], unit="MiB")
        slope = drift(points)
        yield Figure(
            "P19." + role.split()[0], f"RSS of the {role} over {runs} runs",
            [side], f"at most {max(side.values):.1f} MiB, drift "
            f"{slope:+.3f} MiB for 10,000 runs",
            f"{most} MiB, drift 0.1 MiB",
            max(side.values) <= most and slope <= 0.1, note)


FIGURES = {"P18": p18, "P19": p19}
