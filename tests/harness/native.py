"""Programs among the tests: cmocka units and replays of fuzz corpora."""
import os
import pathlib
import re
import subprocess
import tempfile
import time

TAP = re.compile(r"^(ok|not ok) \d+ (?:- )?(# SKIP )?(.*)$")
SECONDS = 180


def _environment(folder):
    return {
        **os.environ,
        "CMOCKA_MESSAGE_OUTPUT": "TAP",
        "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "TMPDIR": folder,
    }


def _run(command):
    with tempfile.TemporaryDirectory(prefix="vulcan-test-u-") as folder:
        begin = time.monotonic()
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=SECONDS, check=False,
                stdin=subprocess.DEVNULL, env=_environment(folder))
            code = done.returncode
            text = (done.stdout + b"\n" + done.stderr).decode(
                "utf-8", "replace")
        except subprocess.TimeoutExpired as e:
            code = "no end"
            text = ((e.stdout or b"") + (e.stderr or b"")).decode(
                "utf-8", "replace")
        return code, text, time.monotonic() - begin


def run_unit(path, tally):
    code, text, seconds = _run([str(path)])
    cases = [m.groups() for m in map(TAP.match, text.splitlines()) if m]
    wrong = 0
    share = seconds / max(1, len(cases))
    for word, skip, name in cases:
        full = f"unit.{path.name}.{name}"
        if skip:
            tally.skip(full, share, "the program says so")
        elif word == "ok":
            tally.ok(full, share)
        else:
            wrong += 1
            tally.bad(full, share, text[-6000:])
    if (code != 0 and wrong == 0) or not cases:
        tally.bad(f"unit.{path.name}", seconds,
                  f"exit {code}, {len(cases)} tests told\n{text[-6000:]}")


def run_units(build, tally, select):
    folder = pathlib.Path(build) / "bin/unit"
    for path in sorted(folder.glob("test_*")):
        if os.access(path, os.X_OK) and select(f"unit.{path.name}"):
            run_unit(path, tally)


def run_replays(build, corpora, tally, select):
    """Every fuzz target over its corpus; a target without one fails."""
    folder = pathlib.Path(build) / "bin/fuzz"
    for path in sorted(folder.glob("fuzz_*")):
        name = f"fuzz.{path.name}"
        if not os.access(path, os.X_OK) or not select(name):
            continue
        corpus = pathlib.Path(corpora) / path.name.removeprefix("fuzz_")
        code, text, seconds = _run([str(path), str(corpus)])
        if code == 0 and re.search(r"[1-9]\d* inputs replayed", text):
            tally.ok(name, seconds)
        else:
            tally.bad(name, seconds, f"exit {code}\n{text[-6000:]}")
