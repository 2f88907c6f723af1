"""A private Vulcan for measuring, and what its processes use."""
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
TICK = os.sysconf("SC_CLK_TCK")


def read(path):
    with open(path, "rb") as f:
        return f.read().decode("utf-8", "replace")


class Process:
    """A process by number and birth, so that a reused number is not it."""

    def __init__(self, pid):
        self.pid = pid
        head, _, tail = read(f"/proc/{pid}/stat").rpartition(")")
        self.name = head.split("(", 1)[1]
        self.fields = tail.split()  # from field 3, the state, on
        self.birth = int(self.fields[19])

    @property
    def parent(self):
        return int(self.fields[1])

    @property
    def cpu(self):
        """Seconds, its own and those of children it has waited for."""
        return sum(int(n) for n in self.fields[11:15]) / TICK

    def alive(self):
        try:
            now = Process(self.pid)
        except (FileNotFoundError, ProcessLookupError):
            return False
        return now.birth == self.birth and now.fields[0] not in "ZX"

    @property
    def command(self):
        """Empty when it is gone."""
        try:
            text = read(f"/proc/{self.pid}/cmdline")
        except (FileNotFoundError, ProcessLookupError):
            return ""
        return text.replace("\0", " ").strip()

    def status(self, key):
        for line in read(f"/proc/{self.pid}/status").splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        raise KeyError(key)

    def pss_kib(self):
        for line in read(f"/proc/{self.pid}/smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
        return 0

    def on_cpu_ns(self):
        return int(read(f"/proc/{self.pid}/schedstat").split()[0])

    def written_bytes(self):
        for line in read(f"/proc/{self.pid}/io").splitlines():
            if line.startswith("write_bytes:"):
                return int(line.split()[1])
        return 0

    def wakeups(self):
        """How often it had waited and was woken."""
        return self.status("voluntary_ctxt_switches")


def processes():
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                found[int(name)] = Process(int(name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def tree(roots):
    """The processes of these numbers and all their descendants."""
    everything = processes()
    children = {}
    for process in everything.values():
        children.setdefault(process.parent, []).append(process)
    found, look = [], [everything[pid] for pid in roots if pid in everything]
    while look:
        process = look.pop()
        found.append(process)
        look += children.get(process.pid, [])
    return found


def run(*argv, **kw):
    """Output of a program that must succeed."""
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **kw)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(str(a) for a in argv)[:200]} ended "
                           f"with {done.returncode}: {done.stderr[-600:]}")
    return done.stdout


def values(output):
    """Lines "key number" of a bench program; repeated keys become lists."""
    found = {}
    for line in output.splitlines():
        key, _, number = line.partition(" ")
        found.setdefault(key, []).append(float(number))
    return found


class Vulcan:
    """Started by scripts/run under a folder of its own; a context."""

    def __init__(self, build, **settings):
        self.build = pathlib.Path(build).resolve()
        self.settings = settings
        folder = TOP / "build"
        self.state = pathlib.Path(tempfile.mkdtemp(prefix="bench-state-",
                                                   dir=folder))

    def _script(self, *argv):
        return run(TOP / "scripts/run", "--state", self.state, *argv,
                   cwd=TOP)

    def start(self):
        argv = ["--port", "0", "--no-sample"]
        for key, value in self.settings.items():
            argv += ["--set", f"{key}={value}"]
        self._script(*argv, "start", self.build)
        self.url = read(self.state / "url").strip()
        self.port = int(self.url.rpartition(":")[2])
        self.key = read(self.state / "admin-token").strip()
        self.auth = f"Authorization: Bearer {self.key}"
        wait_until("the isolate tier", 20, self.usable)

    def usable(self):
        db = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        found = db.execute("SELECT engine || ' ' || engine_version FROM "
                           "backends WHERE isolation = 'isolate' AND usable "
                           "= 1").fetchone()
        db.close()
        return found and found[0]

    def stop(self):
        self._script("stop")

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.state, ignore_errors=True)

    @property
    def run_folder(self):
        return self.state / "run"

    @property
    def database(self):
        return self.state / "vulcan.db"

    def pid(self, name):
        return int(read(self.run_folder / f"{name}.pid").split()[0])

    def processes(self, *names):
        names = names or ("nginx", "fcgi", "runner")
        return tree([self.pid(name) for name in names])

    def queue(self):
        """The process of the queue role."""
        for process in self.processes("runner"):
            if process.command.endswith(" queue"):
                return process
        raise RuntimeError("the runner has no queue process")

    def cpu(self, *names):
        return sum(process.cpu for process in self.processes(*names))

    def inside(self, *argv, **kw):
        """Runs a program where the paths of vulcan.conf are valid."""
        return run("nsenter", f"--mount=/proc/{self.pid('fcgi')}/ns/mnt",
                   f"--wdns={TOP}", *argv, **kw)

    def conf_path(self):
        argv = read(f"/proc/{self.pid('fcgi')}/cmdline").split("\0")
        return argv[argv.index("-f") + 1]

    def http(self, *argv):
        """bench_http against this instance."""
        return values(run(self.build / "bin/bench/bench_http", "-p",
                          self.port, "-H", self.auth, *argv))

    def post(self, count, clients, code, path="/v1/workloads", **fields):
        """bench_http that submits a program again and again."""
        body = json.dumps({"runtime": "javascript", "code": code, **fields})
        return self.http("-c", clients, "-n", count, "-m", "POST", "-H",
                         "Content-Type: application/json", "-b", body, path)

    def kill(self, process):
        os.kill(process.pid, signal.SIGKILL)


def wait_until(what, seconds, condition, step=0.01):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(step)
