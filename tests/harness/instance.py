"""A private Vulcan: nginx, vulcan-fcgi and vulcan-runner in a folder."""
import contextlib
import hashlib
import os
import pathlib
import random
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

from harness.client import Api, Surfer

TOP = pathlib.Path(__file__).resolve().parents[2]
SCALE = float(os.environ.get("VULCAN_TEST_SCALE", "1"))

# A pool that empties at once makes "before" and "after" comparable.
SETTINGS = {
    "pool_idle_ms": 100,
    "slots": 80,
    "web_workers": 10,
    "web_waiting": 8,
}
ASAN = ("detect_leaks=0:handle_abort=0:quarantine_size_mb=8:"
        "allocator_may_return_null=1")
REPORTS = re.compile(
    r"(ERROR: AddressSanitizer|runtime error:|ERROR: LeakSanitizer|"
    r"AddressSanitizer:DEADLYSIGNAL|Assertion .* failed)")


def rounds(normal):
    """How often to repeat: `normal` times VULCAN_TEST_SCALE."""
    return max(1, int(normal * SCALE))


def await_true(what, seconds, condition, pause=0.01):
    """The condition's value once it is true; fails by name after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)


class Process:
    """A process of /proc, told from a later one with the same number."""

    def __init__(self, pid):
        self.pid = pid
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        head, _, tail = stat.rpartition(")")
        self.name = head.partition("(")[2]
        fields = tail.split()
        self.state = fields[0]
        self.parent = int(fields[1])
        self.threads = int(fields[17])
        self.born = fields[19]
        self.uid = os.stat(f"/proc/{pid}").st_uid
        self.command = pathlib.Path(
            f"/proc/{pid}/cmdline").read_bytes().decode(
                "utf-8", "replace").split("\0")[:-1]

    @property
    def alive(self):
        try:
            now = Process(self.pid)
        except (FileNotFoundError, ProcessLookupError):
            return False
        return now.born == self.born and now.state not in "ZX"

    def kill(self, number=signal.SIGKILL):
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def status(self, key):
        for line in pathlib.Path(f"/proc/{self.pid}/status").open():
            if line.startswith(key + ":"):
                return line.split(":", 1)[1].strip()
        raise KeyError(key)

    @property
    def rss_kib(self):
        return int(self.status("VmRSS").split()[0])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def __repr__(self):
        return (f"{self.name}[{self.pid}] parent {self.parent} uid {self.uid}"
                f" {self.state} {' '.join(self.command)[:100]}")


def processes():
    """Every process of /proc."""
    out = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                out.append(Process(int(name)))
    return out


class Instance:
    """Starts through scripts/run; everything it makes lies in self.state."""

    def __init__(self, build, settings=None, env=None, port=0):
        self.build = pathlib.Path(build).resolve()
        self.settings = {**SETTINGS, **(settings or {})}
        self.settings.setdefault("slot_uid_first",
                                 random.randrange(100, 60000) * 4096)
        self.env = dict(env or {})
        self.port_wanted = port
        self.state = pathlib.Path(tempfile.mkdtemp(prefix="vulcan-test-"))
        self.state.chmod(0o755)
        self.running = False
        self.clients = []
        self.submitted = set()
        self.seen_reports = set()

    # --- life ------------------------------------------------------------

    def _script(self, *words, env=None, check=True):
        command = [str(TOP / "scripts/run"), "--state", str(self.state),
                   "--port", str(self.port_wanted)]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        done = subprocess.run(
            [*command, *words], capture_output=True, text=True, timeout=120,
            stdin=subprocess.DEVNULL, check=False, env={
                **os.environ,
                "ASAN_OPTIONS": ASAN,
                "UBSAN_OPTIONS": "print_stacktrace=1",
                **(env or {})})
        if check and done.returncode != 0:
            raise AssertionError(
                f"{' '.join(words)}: exit {done.returncode}\n"
                f"{done.stdout}{done.stderr}\n{self.logs()}")
        return done

    def start(self):
        self._script("--no-sample", "start", str(self.build), env=self.env)
        self.running = True
        self.url = (self.state / "url").read_text().strip()
        self.port = int(self.url.rsplit(":", 1)[1])
        self.key = (self.state / "admin-token").read_text().strip()
        self.run = self.state / "run"
        self.conf = self.state / "vulcan.conf"
        self.port_wanted = self.port
        # Below /root the programs see the folder elsewhere: scripts/run.
        self.conf_seen = self.main("runner").command[2]
        self._tier_told()
        return self

    def _tier_told(self):
        """The first probe of the tier is in the database."""
        await_true("the isolate tier is usable", 20, lambda: self.row(
            "SELECT 1 FROM backends WHERE isolation = 'isolate' "
            "AND usable = 1"))

    def stop(self):
        if self.running:
            self.running = False
            for client in self.clients:
                client.close()
            self._script("stop")

    def remove(self):
        """Stops and removes the folder."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.state, ignore_errors=True)

    def _inherited(self):
        return {**os.environ, "ASAN_OPTIONS": ASAN,
                **self.env}

    def launch(self, program, name, extra=(), env=None):
        """Starts one of our programs beside what runs; a Popen."""
        log = (self.state / "log" / f"{name}.log").open("ab")
        with log:
            return subprocess.Popen(
                [str(self.build / "bin" / program), "-f", self.conf_seen,
                 *extra],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**self._inherited(), **(env or {})},
                start_new_session=True)

    def restart_runner(self, env=None, patience=20):
        """A new runner where none runs; waits until it is ready."""
        for old in self.wardens():
            raise AssertionError(f"a runner still lives: {old}")
        (self.run / "runner.ready").unlink(missing_ok=True)
        child = self.launch("vulcan-runner", "runner", env=env)
        process = Process(child.pid)
        (self.run / "runner.pid").write_text(f"{child.pid} {process.born}\n")
        await_true("the runner is ready", patience,
                   lambda: (self.run / "runner.ready").exists())
        return child

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.remove()

    @property
    def cgroup_tag(self):
        """Name of the runner's own control group: of its state folder."""
        text = re.search(r"^state = (.+)$", self.conf.read_text(),
                         re.M).group(1).strip()
        value = 2166136261
        for byte in text.encode():
            value = (value ^ byte) * 16777619 & 0xFFFFFFFF
        return f"vulcan-{value:08x}"

    # --- processes ---------------------------------------------------------

    def main(self, name):
        """The process of a pid file of scripts/run: nginx, fcgi, runner."""
        pid = int((self.run / f"{name}.pid").read_text().split()[0])
        return Process(pid)

    def ours(self):
        """Processes that descend from our mains, by pid."""
        everyone = processes()
        inside = {}
        roots = set()
        for name in ("nginx", "fcgi", "runner"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError,
                                     IndexError):
                roots.add(self.main(name).pid)
        grown = True
        while grown:
            grown = False
            for p in everyone:
                if p.pid in inside:
                    continue
                if p.pid in roots or p.parent in inside:
                    inside[p.pid] = p
                    grown = True
        return inside

    def slot_processes(self):
        """Everything that runs as the user of a sandbox slot."""
        first = int(self.settings["slot_uid_first"])
        last = first + int(self.settings["slots"])
        return [p for p in processes() if first <= p.uid < last]

    def _by_command(self, test):
        return [p for p in processes()
                if p.command and p.state not in "ZX" and test(p)]

    def _is_program(self, process, program):
        return (os.path.basename(process.command[0]) == program and
                self.conf_seen in process.command)

    def wardens(self):
        """Runner processes that no runner process started."""
        every = [p for p in self._by_command(
            lambda p: self._is_program(p, "vulcan-runner"))]
        ids = {p.pid for p in every}
        return [p for p in every if p.parent not in ids]

    def queue(self):
        found = [p for p in self._by_command(
            lambda p: self._is_program(p, "vulcan-runner"))
            if p.command[-1] == "queue"]
        return found[0] if found else None

    def keepers(self):
        """Forks of the warden that are not the queue."""
        wardens = {p.pid for p in self.wardens()}
        return [p for p in self.ours().values()
                if p.parent in wardens and p.command and
                os.path.basename(p.command[0]) == "vulcan-runner" and
                p.command[-1] != "queue"]

    def zygotes(self):
        """vulcan-isolate processes whose parent is a warden."""
        wardens = {p.pid for p in self.wardens()}
        return [p for p in processes()
                if p.parent in wardens and p.command and
                os.path.basename(p.command[0]) == "vulcan-isolate" and
                p.state not in "ZX"]

    def workers(self):
        """The FastCGI pool without its parent."""
        try:
            parent = self.main("fcgi").pid
        except (FileNotFoundError, ProcessLookupError):
            return []
        return [p for p in processes()
                if p.parent == parent and p.state not in "ZX"]

    # --- looking inside ------------------------------------------------------

    def api(self, key=None, timeout=90):
        api = Api(self.port, self.key if key is None else key, timeout)
        api.submitted = self.submitted
        self.clients.append(api)
        return api

    def anonymous(self):
        api = Api(self.port, None)
        self.clients.append(api)
        return api

    def admin(self, *words):
        """Output of vulcan-admin; it must succeed."""
        done = subprocess.run(
            [str(self.build / "bin/vulcan-admin"), "-f", str(self.conf),
             *words], capture_output=True, text=True, timeout=60,
            stdin=subprocess.DEVNULL, check=False, env=self._inherited())
        if done.returncode != 0:
            raise AssertionError(f"vulcan-admin {words}: {done.stderr}")
        return done.stdout.strip()

    def user(self, name=None):
        """A new user without rights; the name and a client with a key."""
        name = name or "u" + secrets.token_hex(4)
        self.admin("user", "add", name)
        return name, self.api(self.admin("key", "add", name, "test"))

    def login_link(self, name="admin"):
        """Path and query of a one-time link."""
        text = self.admin("login-link", name)
        return re.search(r"https?://[^/\s]+(/\S+)", text).group(1)

    def surfer(self, name=None):
        """A browser without JavaScript; with a name, logged in as that."""
        surfer = Surfer(self.port)
        self.clients.append(surfer)
        if name is not None:
            page = surfer.page(self.login_link(name))
            answer = surfer.post(page.form_to("/login/link"))
            if answer.status != 200 or "Log out" not in answer.text:
                raise AssertionError(f"log-in answered {answer!r}")
        return surfer

    @contextlib.contextmanager
    def db(self):
        """The database, read only, while Vulcan runs."""
        connection = sqlite3.connect(
            f"file:{self.state}/vulcan.db?mode=ro", uri=True, timeout=10)
        connection.row_factory = sqlite3.Row
        try:
            yield connection
        finally:
            connection.close()

    def rows(self, sql, *values):
        with self.db() as db:
            return db.execute(sql, values).fetchall()

    def row(self, sql, *values):
        found = self.rows(sql, *values)
        return found[0] if found else None

    def logs(self, lines=25):
        out = []
        for path in sorted((self.state / "log").glob("*.log")):
            tail = path.read_text(errors="replace").splitlines()[-lines:]
            out.append(f"--- {path.name}\n" + "\n".join(tail))
        return "\n".join(out)

    def sanitizer_reports(self):
        """Reports in any log that were not given out before."""
        new = []
        for path in sorted((self.state / "log").glob("*.log")):
            lines = path.read_text(errors="replace").splitlines()
            for number, line in enumerate(lines):
                if REPORTS.search(line):
                    mark = hashlib.sha256(
                        f"{path}:{number}:{line}".encode()).digest()
                    if mark not in self.seen_reports:
                        self.seen_reports.add(mark)
                        new.append("\n".join(lines[number:number + 30]))
        return new
