"""The leak ledger and the ledger of jobs (what must be equal afterwards)."""
import collections
import contextlib
import os
import pathlib
import re
import time

from harness.client import TERMINAL
from harness.instance import processes

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
SETTLE_SECONDS = 2
# The queue keeps connections to nginx for as long as both like.
KEPT_CONNECTIONS = 2


def _namespaces(pids):
    seen = collections.Counter()
    inodes = set()
    for pid in pids:
        for kind in NAMESPACES:
            with contextlib.suppress(OSError):
                inodes.add(os.readlink(f"/proc/{pid}/ns/{kind}"))
    for inode in inodes:
        seen["namespace " + inode.partition(":")[0]] += 1
    return seen


def _has_processes(group):
    with contextlib.suppress(OSError):
        path = pathlib.Path(group) / "cgroup.procs"
        return bool(path.read_text().strip())
    return False


def cgroups(tag):
    """The runner's control groups; an empty one of a slot, which is kept for
    the slot's next run, does not count."""
    out = collections.Counter()
    for mount in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        head, _, tail = mount.partition(" - ")
        if not tail.startswith("cgroup"):
            continue
        top = head.split()[4]
        for folder, names, _ in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)[len(top):]
                if "slot-" in name and not _has_processes(top + path):
                    continue
                if tag in path:
                    out["cgroup " + tail.split()[0] + path] += 1
    return out


def _mounts(state):
    lines = set()
    for p in processes():
        with contextlib.suppress(OSError):
            text = pathlib.Path(f"/proc/{p.pid}/mountinfo").read_text()
            for line in text.splitlines():
                fields = line.split()
                lines.add(f"mount {fields[4]} of {fields[3]}")
    return collections.Counter(
        line for line in lines if str(state) in line or "vulcan" in line)


def _files(state):
    """Names below the state folder, but for what is meant to stay there."""
    out = collections.Counter()
    kept = ("/log/", "/blobs/", "/cache/compiled/", "/nginx/body",
            "/nginx/fastcgi", "/nginx/proxy")
    for folder, names, files in os.walk(state):
        for name in names + files:
            path = os.path.join(folder, name)[len(str(state)):]
            if path.startswith(kept):
                continue
            # Sockets of FastCGI workers bear their numbers.
            out["file " + re.sub(r"[0-9]+", "N", path)] += 1
    for name in os.listdir("/tmp"):
        if "vulcan" in name and not name.startswith("vulcan-test-"):
            out["file /tmp/" + name] += 1
    return out


def _table(path, column, first, last):
    """Rows of a /proc table that belong to the slots' users."""
    out = collections.Counter()
    with contextlib.suppress(OSError):
        for line in pathlib.Path(path).read_text().splitlines()[1:]:
            fields = line.split()
            with contextlib.suppress(ValueError, IndexError):
                if first <= int(fields[column]) < last:
                    out[f"{path} row"] += 1
    return out


def _shm(first, last):
    out = collections.Counter()
    for entry in os.scandir("/dev/shm"):
        with contextlib.suppress(OSError):
            if first <= entry.stat(follow_symlinks=False).st_uid < last:
                out["/dev/shm/" + entry.name] += 1
    return out


class Snapshot:
    """What the machine holds at a moment, as counted names."""

    def __init__(self, instance):
        state = instance.state
        first = int(instance.settings["slot_uid_first"])
        last = first + int(instance.settings["slots"])
        everyone = processes()
        self.things = collections.Counter()
        for p in everyone:
            # A sandbox's user is a slot's: which slot does not matter.
            user = "slot" if first <= p.uid < last else p.uid
            zombie = " (zombie)" if p.state in "ZX" else ""
            self.things[f"process {p.name} of user {user}{zombie}"] += 1
        self.things += _namespaces(p.pid for p in everyone)
        self.things += cgroups(instance.cgroup_tag)
        self.things += _mounts(state)
        self.things += _files(state)
        for name in os.listdir("/sys/class/net"):
            self.things["link " + name] += 1
        self.things += _table("/proc/sysvipc/shm", 7, first, last)
        self.things += _table("/proc/sysvipc/sem", 4, first, last)
        self.things += _table("/proc/sysvipc/msg", 7, first, last)
        self.things += _table("/proc/keys", 5, first, last)
        self.things += _shm(first, last)
        self.rss = {}
        self._runner(instance)

    def _runner(self, instance):
        roles = [("warden", p) for p in instance.wardens()]
        queue = instance.queue()
        roles += [("queue", queue)] if queue else []
        roles += [("zygote", p) for p in instance.zygotes()]
        for role, p in roles:
            with contextlib.suppress(OSError, KeyError):
                self.things[f"descriptors of {role}"] = p.descriptors()
                self.things[f"threads of {role}"] = p.threads
                self.rss[role] = (p.pid, p.rss_kib)

    def difference(self, later, rss_growth_kib):
        """Lines that tell what `later` has more or less; none: equal."""
        lines = []
        for name in sorted(set(self.things) | set(later.things)):
            before, after = self.things[name], later.things[name]
            if name.startswith("descriptors") and \
                    abs(before - after) <= KEPT_CONNECTIONS:
                continue
            if name.endswith("(zombie)") and after < before:
                continue  # one that was about to be collected
            if before != after:
                lines.append(f"{name}: {before} before, {after} after")
        for role, (pid, kib) in self.rss.items():
            if role in later.rss and later.rss[role][0] == pid:
                grown = later.rss[role][1] - kib
                if grown > rss_growth_kib:
                    lines.append(f"memory of {role} grew by {grown} KiB")
        return lines


class LeakLedger:
    """Takes the state before; compares until equal or 2 s have passed."""

    def __init__(self, instance, rss_growth_kib, settle=SETTLE_SECONDS):
        self.instance = instance
        self.rss_growth_kib = rss_growth_kib
        self.settle = settle
        self.before = Snapshot(instance)

    def complaints(self):
        # The pool's own quiet time comes before the two seconds.
        end = (time.monotonic() + self.settle +
               int(self.instance.settings["pool_idle_ms"]) / 1000)
        while True:
            lines = self.before.difference(
                Snapshot(self.instance), self.rss_growth_kib)
            if not lines or time.monotonic() > end:
                return lines
            time.sleep(0.05)


def settle_all(instance, patience=30):
    """Waits until no submitted id is active; those that still are."""
    end = time.monotonic() + patience
    while True:
        rows = {r["id"]: r["status"] for r in
                instance.rows("SELECT id, status FROM workloads")}
        active = {i: s for i, s in rows.items() if s not in TERMINAL}
        if not active or time.monotonic() > end:
            return active
        time.sleep(0.02)


def job_complaints(instance, patience=30):
    """What is wrong with the records; an empty list when nothing is."""
    out = [f"{ident} is still {status}"
           for ident, status in settle_all(instance, patience).items()]
    with instance.db() as db:
        known = {r[0] for r in db.execute("SELECT id FROM workloads")}
        out += [f"accepted {i} is not in the database"
                for i in instance.submitted - known]
        for row in db.execute("PRAGMA integrity_check"):
            if row[0] != "ok":
                out.append("integrity: " + row[0])
        for row in db.execute("PRAGMA foreign_key_check"):
            out.append(f"foreign key: {tuple(row)}")
        out += _run_complaints(db)
        out += _log_complaints(db)
        now = time.clock_gettime(time.CLOCK_BOOTTIME) * 1000
        for row in db.execute(
                "SELECT workload_id FROM runs WHERE status = 'running' AND "
                "lease_until_ms < ?", (now - 2000,)):
            out.append(f"lease of {row[0]} expired and it still runs")
    return out


def _run_complaints(db):
    out = []
    for row in db.execute("""
            SELECT w.id, w.status, w.attempt, count(r.id) AS runs,
                   sum(r.status <> 'lost') AS final,
                   sum(r.status = 'running') AS live
            FROM workloads w LEFT JOIN runs r ON r.workload_id = w.id
            GROUP BY w.id"""):
        if row["runs"] != row["attempt"]:
            out.append(f"{row['id']}: {row['runs']} runs for "
                       f"{row['attempt']} attempts")
        if (row["final"] or 0) > 1:
            out.append(f"{row['id']} was settled {row['final']} times")
        if row["status"] in TERMINAL and (row["live"] or 0) > 0:
            out.append(f"{row['id']} is over but a run is not")
    for row in db.execute("""
            SELECT w.id, w.status, r.status AS run FROM workloads w
            JOIN runs r ON r.workload_id = w.id AND r.attempt = w.attempt
            WHERE w.status IN ('completed', 'failed', 'killed')
              AND r.status <> w.status AND r.status <> 'lost'"""):
        out.append(f"{row['id']} is {row['status']}, its run {row['run']}")
    for row in db.execute("""
            SELECT id FROM workloads WHERE status IN
              ('completed', 'failed', 'killed') AND
              (finished_at IS NULL OR finished_at < created_at)"""):
        out.append(f"{row['id']} ended without a time or before it began")
    counted = {tuple(r) for r in db.execute(
        "SELECT user_id, status, isolation, runtime, reason, n "
        "FROM workload_counts WHERE n <> 0")}
    kinds = "status, isolation, runtime, ifnull(reason, ''), count(*)"
    real = {tuple(r) for r in db.execute(
        f"SELECT user_id, {kinds} FROM workloads GROUP BY 1, 2, 3, 4, 5 "
        f"UNION ALL SELECT 0, {kinds} FROM workloads GROUP BY 2, 3, 4, 5")}
    if counted != real:
        out.append(f"counters differ: {sorted(counted ^ real)}")
    return out


def _log_complaints(db):
    return [f"run {r[0]}: log has a gap or a double" for r in db.execute("""
        SELECT run_id FROM log_chunks GROUP BY run_id
        HAVING min(seq) <> 1 OR max(seq) <> count(*)""")]
