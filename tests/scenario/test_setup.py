"""The commands of the README: run, again, status, stop; install."""
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
import unittest

from harness.case import Builds, Pool
from harness.client import Api, Surfer
from harness.instance import TOP, await_true, processes
from harness.ledger import cgroups


class TestRun(unittest.TestCase):
    """`make run` twice, `make status`, `make stop`: quick, harmless, clean."""

    seconds = 240

    def setUp(self):
        Pool.close()  # so that what runs is this test's alone
        self.state = pathlib.Path(tempfile.mkdtemp(prefix="vulcan-test-"))
        self.state.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.state, ignore_errors=True)
        self.addCleanup(self.command, "stop", check=False)

    def command(self, word, port="0", check=True):
        """make's own targets when they mean the build under test."""
        if Builds.release == TOP / "build/release":
            line = ["make", "--no-print-directory", word,
                    f"STATE={self.state}", f"PORT={port}"]
        else:
            line = ["scripts/run", "--state", str(self.state), "--port",
                    port, {"run": "start"}.get(word, word)]
            line += [str(Builds.release)] if word == "run" else []
        done = subprocess.run(line, cwd=TOP, capture_output=True, text=True,
                              timeout=120, check=False,
                              stdin=subprocess.DEVNULL)
        if check:
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def pids(self):
        return {name: (self.state / f"run/{name}.pid").read_text()
                for name in ("nginx", "fcgi", "runner")}

    def names(self):
        return sorted(p.name for p in processes() if p.state not in "ZX")

    def test_twice_and_stop(self):
        before = self.names()
        groups = cgroups("vulcan-")
        out = self.command("run").stdout
        self.look_at(out)
        first = self.pids()
        url = (self.state / "url").read_text()
        begin = time.monotonic()
        again = self.command("run").stdout
        self.assertLess(time.monotonic() - begin, 30)
        self.assertIn("completed", again)
        self.assertEqual(self.pids(), first)
        self.assertEqual((self.state / "url").read_text(), url)
        self.assertIn("runs", self.command("status").stdout)
        self.comes_back(first, url)
        self.command("stop")
        await_true("nothing runs any more", 5,
                   lambda: self.names() == before)
        self.assertEqual(cgroups("vulcan-") - groups, {})
        for line in open("/proc/self/mountinfo", encoding="utf-8"):
            self.assertNotIn(str(self.state), line)
        self.assertFalse((self.state / "run").exists())
        self.assertNotIn(" runs, pid", self.command(
            "status", check=False).stdout)
        self.command("stop")  # once more does no harm

    def look_at(self, out):
        for part in ("completed", "javascript", "typescript", "isolate"):
            self.assertIn(part, out)
        url = (self.state / "url").read_text().strip()
        self.assertIn(url, out)
        token = self.state / "admin-token"
        self.assertEqual(token.stat().st_mode & 0o777, 0o600)
        port = int(url.rsplit(":", 1)[1])
        api = Api(port, token.read_text().strip())
        self.assertGreaterEqual(
            api.get("/v1/workloads").json()["total"], 2)
        api.close()
        link = re.search(r"https?://[^/\s]+(/login/\S+)", out).group(1)
        surfer = Surfer(port)
        surfer.post(surfer.page(link).form_to("/login/link"))
        self.assertIn("Log out", surfer.get("/").text)
        surfer.close()

    def comes_back(self, first, url):
        """One process had died: everything is started again."""
        os.kill(int(first["runner"].split()[0]), 9)
        out = self.command("run").stdout
        self.assertIn("completed", out)
        self.assertEqual((self.state / "url").read_text(), url)
        self.assertNotEqual(self.pids()["runner"], first["runner"])

    def test_below_a_closed_folder(self):
        """As below /root: each program gets a view that it can reach."""
        self.state.chmod(0o700)
        self.state = self.state / "state"
        self.addCleanup(self.command, "stop", check=False)
        self.assertIn("completed", self.command("run").stdout)
        self.command("stop")
        self.assertEqual(list(pathlib.Path("/run").glob("vulcan-*")), [])

    def test_port_in_use(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            done = self.command("run", str(s.getsockname()[1]), check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("in use", done.stdout + done.stderr)

    def test_newer_database_is_refused(self):
        self.command("run")
        self.command("stop")
        db = sqlite3.connect(self.state / "vulcan.db", isolation_level=None)
        db.execute("PRAGMA user_version = 999")
        db.close()
        done = self.command("run", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stdout + done.stderr, r"newer|999")


class TestInstall(unittest.TestCase):
    """`make install DESTDIR=` puts everything where a package would."""

    seconds = 60

    def test_install(self):
        with tempfile.TemporaryDirectory(prefix="vulcan-test-") as folder:
            done = subprocess.run(
                ["scripts/install", folder, "/usr",
                 str(Builds.release / "bin")], cwd=TOP, text=True,
                capture_output=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            there = {str(p.relative_to(folder)) for p in
                     pathlib.Path(folder).rglob("*") if p.is_file()}
            for end in ("bin/vulcan", "/vulcan-fcgi", "/vulcan-runner",
                        "/vulcan-isolate", "/vulcan-admin",
                        "vulcan/schema.sql", "templates/head.html",
                        "static/vulcan.css", "vulcan-runner.service",
                        "vulcan-fcgi.service", "sysusers.d/vulcan.conf",
                        "tmpfiles.d/vulcan.conf", "vulcan.conf.5",
                        "vulcan-runner.8"):
                self.assertTrue(
                    [p for p in there if p.endswith((end, end + ".gz"))],
                    (end, sorted(there)))
            for path in there:
                full = pathlib.Path(folder) / path
                self.assertEqual(full.stat().st_mode & 0o022, 0, path)
                if full.suffix in (".service", ".socket", ".conf"):
                    self.assertNotIn(folder, full.read_text(), path)
            program = [p for p in there if p.endswith("/vulcan-runner")][0]
            told = subprocess.run(
                [str(pathlib.Path(folder) / program), "-V"],
                capture_output=True, text=True, check=False)
            self.assertEqual(told.returncode, 0, told.stderr)
            self.settings_are_read(folder, there)

    def settings_are_read(self, folder, there):
        """The installed vulcan.conf is one that the programs accept."""
        conf = [p for p in there if p.endswith("etc/vulcan/vulcan.conf")]
        self.assertTrue(conf, sorted(there))
        # The users that it names are sysusers.d's; this machine need not
        # have them, so they are numbers here.
        text = (pathlib.Path(folder) / conf[0]).read_text()
        text = re.sub(r"(?m)^(\w*_user|group)( *= *)[a-z].*$",
                      r"\g<1>\g<2>61100", text)
        plain = pathlib.Path(folder) / "conf"
        plain.write_text(text)
        admin = [p for p in there if p.endswith("/vulcan-admin")][0]
        told = subprocess.run(
            [str(pathlib.Path(folder) / admin), "-f", str(plain), "conf"],
            capture_output=True, text=True, check=False)
        self.assertEqual(told.returncode, 0, told.stderr)
