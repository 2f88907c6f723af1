"""P22: start, and recovery after kill -9. P24: what doing nothing costs."""
import datetime
import sqlite3
import struct
import subprocess
import time

from fig_log import submit
from fig_memory import count
from instance import Process, TOP, Vulcan, tree, wait_until
from table import Figure, Side

SLEEP = ("export default async () => {"
         " await new Promise(done => setTimeout(done, 100000)); }")
CRASHES = 3


def start_runner(vulcan, command):
    """The runner alone, as scripts/run starts it; the process and the time."""
    log = open(vulcan.state / "log/runner.log", "ab")
    begun = time.time()
    child = subprocess.Popen(
        ["nsenter", f"--mount=/proc/{vulcan.pid('fcgi')}/ns/mnt",
         f"--wdns={TOP}", "setsid", *command.split()],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    log.close()
    birth = Process(child.pid).birth
    (vulcan.run_folder / "runner.pid").write_text(f"{child.pid} {birth}\n")
    return child, begun


def queue_born(child):
    """The wall time at which the queue role was first seen."""
    def look():
        for process in tree([child.pid]):
            if process.command.endswith(" queue"):
                return time.time()
        return None
    return wait_until("the queue role", 10, look, 0.0005)


def wall(text):
    return datetime.datetime.fromisoformat(
        text.replace("Z", "+00:00")).timestamp()


def kill_all(vulcan):
    """SIGKILL to the warden; how long the rest of its tree outlives it."""
    family = tree([vulcan.pid("runner")])
    begun = time.monotonic()
    for process in family:
        if process.pid == vulcan.pid("runner"):
            vulcan.kill(process)
    wait_until("the end of the orphans", 30, lambda: not any(
        p.alive() for p in family), 0.001)
    return time.monotonic() - begun, len(family)


def settled(vulcan):
    """How many workloads ended because the runner did."""
    return count(vulcan, "SELECT count(*) FROM workloads "
                 "WHERE status = 'failed' AND reason = 'platform'")


def claimed_after(vulcan, ident):
    def look():
        with sqlite3.connect(f"file:{vulcan.database}?mode=ro",
                             uri=True) as db:
            found = db.execute("SELECT claimed_at FROM runs WHERE "
                               "workload_id = ?", (ident,)).fetchone()
        db.close()
        return found and found[0]
    return wall(wait_until("the first claim", 20, look, 0.005))


RUNNING = 64


class Crash:
    """One kill -9 with 64 runs under way, and the start after it."""

    def __init__(self, vulcan):
        already = settled(vulcan)
        for _ in range(RUNNING):
            submit(vulcan, SLEEP)
        wait_until(f"{RUNNING} runs at once", 60, lambda: count(
            vulcan, "SELECT count(*) FROM runs WHERE status = 'running' "
            "AND started_at IS NOT NULL") == RUNNING)
        command = Process(vulcan.pid("runner")).command
        self.gone, self.family = kill_all(vulcan)
        waiting = submit(vulcan, "console.log(1 + 1)")
        child, begun = start_runner(vulcan, command)
        born = queue_born(child)
        wait_until("the settling of rows", 30,
                   lambda: settled(vulcan) == already + RUNNING, 0.002)
        self.settled = time.time() - begun
        claimed = claimed_after(vulcan, waiting)
        self.claim = claimed - begun
        self.claim_by_queue = claimed - born


def p22(bench):
    with Vulcan(bench.build) as vulcan:
        crashes = [Crash(vulcan) for _ in range(CRASHES)]
    gone = Side("kill -9 to the last orphan's end", [c.gone for c in crashes])
    rows = Side("runner's start to the last row settled",
                [c.settled for c in crashes])
    both = max(c.gone + c.settled for c in crashes)
    yield Figure("P22", f"kill -9 of the warden with {RUNNING} running "
                 f"({crashes[0].family} processes)", [gone, rows],
                 f"orphans gone and rows settled in {both * 1000:.0f} ms at "
                 "worst", "at most 1000 ms", both <= 1)
    claim = Side("start of the queue role to the first claim",
                 [c.claim_by_queue for c in crashes])
    whole = Side("start of vulcan-runner to the first claim",
                 [c.claim for c in crashes])
    yield Figure("P22.start", "the first claim after a start",
                 [claim, whole], f"{claim.p50 * 1000:.0f} ms after the "
                 f"queue's start, {whole.p50 * 1000:.0f} ms after the "
                 "runner's", "at most 50 ms after the queue's",
                 claim.p50 <= 0.05)


class Usage:
    """What all processes have used by now."""

    def __init__(self, vulcan):
        self.at = time.monotonic()
        self.of = {}
        for p in vulcan.processes():
            kind = p.name
            try:
                if p.command.endswith(" queue"):
                    kind = "queue"
                self.of[p.pid, p.birth] = (
                    kind, p.on_cpu_ns(), p.wakeups(), p.written_bytes())
            except (FileNotFoundError, ProcessLookupError):
                continue
        with open(vulcan.database, "rb") as f:
            self.changes = struct.unpack(">I", f.read(100)[24:28])[0]
        self.files = [(p.stat().st_mtime_ns, p.stat().st_size)
                      for p in sorted(vulcan.state.glob("vulcan.db*"))
                      if not p.name.endswith("-shm")]


def p24(bench):
    seconds = 60
    with Vulcan(bench.build, pool_idle_ms=1000) as vulcan:
        vulcan.post(20, 2, "console.log(1 + 1)")
        time.sleep(5)  # the pool empties
        before = Usage(vulcan)
        time.sleep(seconds)
        after = Usage(vulcan)
    took = after.at - before.at
    sums = {}
    for key, (kind, cpu, wakeups, written) in after.of.items():
        was = before.of.get(key, (kind, 0, 0, 0))
        have = sums.setdefault(kind, [0, 0.0, 0, 0])
        have[0] += 1
        have[1] += (cpu - was[1]) / 1e9
        have[2] += wakeups - was[2]
        have[3] += written - was[3]
    share = sum(s[1] for s in sums.values()) / took * 100
    in_all = sum(s[3] for s in sums.values())
    touched = (before.changes, before.files) != (after.changes, after.files)
    waking = max(s[2] / s[0] for s in sums.values()) / took
    note = "; ".join(
        f"{kind} x{n}: {cpu * 1000:.1f} ms, {wakeups} wake-ups, "
        f"{written} bytes"
        for kind, (n, cpu, wakeups, written) in sorted(sums.items()))
    yield Figure("P24", f"{seconds} s without work", [],
                 f"{share:.4f} % of a processor, {in_all} bytes written, "
                 f"database {'changed' if touched else 'untouched'}, at most "
                 f"{waking:.2f} wake-ups/s of one process",
                 "under 0.05 %, none, untouched, 1/s",
                 share < 0.05 and in_all == 0 and not touched and
                 waking <= 1.1, note)


FIGURES = {"P22": p22, "P24": p24}
