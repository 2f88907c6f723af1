"""The programs that Vulcan is measured against."""
import functools
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from instance import TOP, read
from table import Skip

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = TOP / "build/bench-peers"


def version(*argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True,
                              check=False)
    except FileNotFoundError:
        return "absent"
    text = (done.stdout or done.stderr).strip()
    return text.splitlines()[0] if text else "unknown"


@functools.lru_cache(maxsize=None)
def node():
    path = shutil.which("node")
    if path is None:
        raise Skip("no node on this machine: apt-get install nodejs")
    return path


@functools.lru_cache(maxsize=None)
def node_name():
    return "node " + version(node(), "--version")


def _headers():
    """Where the headers of this node are, for building isolated-vm."""
    for folder in (pathlib.Path(os.path.realpath(node())).parents[1], "/usr"):
        if (pathlib.Path(folder) / "include/node/node.h").exists():
            return folder
    raise Skip("no headers of node: apt-get install libnode-dev")


def _install():
    wanted = read(HERE / "package-lock.json")
    done = FOLDER / "installed.json"
    if done.exists() and read(done) == wanted:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise Skip("no npm on this machine: apt-get install npm")
    print("bench: installing workerd and isolated-vm into build/bench-peers "
          "(a minute)", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, FOLDER / name)
    installed = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund"], cwd=FOLDER,
        capture_output=True, text=True, check=False,
        env={**os.environ, "npm_config_nodedir": str(_headers())})
    if installed.returncode != 0:
        said = [line for line in installed.stderr.splitlines()
                if line.startswith("npm error")] or ["no message"]
        raise Skip(f"npm ci failed: {said[0]}")
    done.write_text(wanted)


@functools.lru_cache(maxsize=None)
def package(name):
    """The folder of an installed package, or Skip."""
    _install()
    folder = FOLDER / "node_modules" / name
    if not folder.exists():
        raise Skip(f"npm did not install {name}")
    return folder


def package_name(name):
    return name + " " + json.loads(
        read(package(name) / "package.json"))["version"]


def installed_names():
    """The packages that are there already."""
    for name in ("workerd", "isolated-vm"):
        if (FOLDER / "node_modules" / name).exists():
            yield package_name(name)


def timed(argv, **kw):
    """Seconds and processor seconds of a child, from start to end."""
    begun = time.perf_counter()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, **kw)
    _, status, used = os.wait4(child.pid, 0)
    took = time.perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{argv[0]} ended with {child.returncode}")
    return took, used.ru_utime + used.ru_stime


WORKER = """
    (name = "w{n}", worker = .w{n}),"""
WORKER_CONST = """
const w{n} :Workerd.Worker = (
  serviceWorkerScript = "addEventListener('fetch', e => e.respondWith(new Response(String(1 + 1))))",
  compatibilityDate = "2024-01-01");
"""


def workerd_config(path, workers, port):
    """A configuration with that many workers, the first one served."""
    sockets = ", ".join(
        f'(name = "s{n}", address = "127.0.0.1:{port + n}", http = (), '
        f'service = "w{n}")' for n in range(workers))
    path.write_text(
        "using Workerd = import \"/workerd/workerd.capnp\";\n"
        "const config :Workerd.Config = (\n  services = [" +
        "".join(WORKER.format(n=n) for n in range(workers)) +
        f"],\n  sockets = [{sockets}]\n);\n" +
        "".join(WORKER_CONST.format(n=n) for n in range(workers)))


def ask(port):
    """One request over a fresh connection; the answer's body."""
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n")
        got = b""
        while more := s.recv(4096):
            got += more
    return got


def free_port(count=1):
    """The first of some ports that nobody listens on."""
    while True:
        taken = []
        try:
            with socket.socket() as first:
                first.bind(("127.0.0.1", 0))
                base = first.getsockname()[1]
            for n in range(count):
                taken.append(socket.create_server(("127.0.0.1", base + n)))
            return base
        except (OSError, OverflowError):
            continue
        finally:
            for s in taken:
                s.close()


class Workerd:
    """A workerd process with some workers; a context."""

    def __init__(self, workers=1):
        self.binary = package("workerd") / "bin/workerd"
        self.folder = tempfile.TemporaryDirectory(prefix="bench-workerd-")
        self.port = free_port(workers)
        self.workers = workers
        self.config = pathlib.Path(self.folder.name) / "config.capnp"
        workerd_config(self.config, workers, self.port)

    def __enter__(self):
        self.child = subprocess.Popen(
            [self.binary, "serve", self.config], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        return self

    def until_answer(self):
        while True:
            try:
                return ask(self.port)
            except ConnectionRefusedError:
                if self.child.poll() is not None:
                    raise RuntimeError("workerd ended") from None
                time.sleep(0.0002)

    def __exit__(self, *_):
        self.child.kill()
        _, _, used = os.wait4(self.child.pid, 0)
        self.child.returncode = -9
        self.cpu = used.ru_utime + used.ru_stime
        self.folder.cleanup()


def workerd_cold():
    """Seconds from a process start to its first answer, and its CPU."""
    peer = Workerd()
    begun = time.perf_counter()
    with peer:
        answer = peer.until_answer()
        took = time.perf_counter() - begun
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"workerd answered {answer[:80]!r}")
    return took, peer.cpu


class Teller:
    """A program that answers each line with a line of JSON; a context."""

    def __init__(self, argv, env=None):
        self.argv = argv
        self.child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=env)

    def ask(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.argv[0]} ended at: {line}")
        return json.loads(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        self.child.wait()
        self.child.stdout.close()


class Script(Teller):
    """A node script of this folder."""

    def __init__(self, name):
        super().__init__([node(), HERE / name], {
            **os.environ, "NODE_PATH": str(FOLDER / "node_modules")})


class PlainNginx:
    """nginx of the same binary that answers `return 200`; a context."""

    CONF = """
worker_processes 2;
daemon off;
pid {folder}/pid;
error_log {folder}/log crit;
events {{ worker_connections 8192; }}
http {{
	access_log off;
	server_tokens off;
	keepalive_timeout 30s;
	server {{
		listen 127.0.0.1:{port} backlog=1024;
		location / {{ return 200 "ok"; }}
	}}
}}
"""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="bench-nginx-")
        self.port = free_port()
        conf = pathlib.Path(self.folder.name) / "nginx.conf"
        conf.write_text(self.CONF.format(folder=self.folder.name,
                                         port=self.port))
        self.argv = [shutil.which("nginx") or "/usr/sbin/nginx", "-c",
                     str(conf), "-e", "stderr"]

    def __enter__(self):
        self.child = subprocess.Popen(self.argv)
        for _ in range(500):
            try:
                ask(self.port)
                return self
            except ConnectionRefusedError:
                time.sleep(0.01)
        raise RuntimeError("the plain nginx did not start")

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()
        self.folder.cleanup()
