#!/usr/bin/python3
"""Measures Vulcan against its peers and prints both sides: run BUILD [IDS].

IDS are figures by name or pattern, such as P5 or P1*, separated by commas.
VULCAN_BENCH_RUNS (10000) is the length of P19, VULCAN_BENCH_ROWS (1000000) the
number of workloads of P13. Exits 1 only when a bench itself broke.
"""
import fnmatch
import os
import pathlib
import platform
import signal
import sqlite3
import sys
import time
import traceback

import fig_cold
import fig_database
import fig_life
import fig_limits
import fig_log
import fig_memory
import fig_pages
import fig_rate
import peers
from instance import Vulcan
from table import Skip, Skipped, summary

MODULES = (fig_cold, fig_rate, fig_pages, fig_database, fig_memory,
           fig_limits, fig_log, fig_life)


class Bench:
    """What every bench is given."""

    def __init__(self, build):
        self.build = pathlib.Path(build).resolve()
        self.runs = int(os.environ.get("VULCAN_BENCH_RUNS", "10000"))
        self.rows = int(os.environ.get("VULCAN_BENCH_ROWS", "1000000"))

    def say(self, text):
        print(f"bench: {text}", file=sys.stderr, flush=True)


def engine(bench):
    """V8 as the driver itself names it."""
    with Vulcan(bench.build) as vulcan:
        return vulcan.usable()


def versions(bench):
    """Both sides', as far as they are here."""
    yield "vulcan", peers.version(bench.build / "bin/vulcan-runner", "-V")
    yield "its engine", engine(bench)
    try:
        yield "peer", peers.node_name()
        for name in peers.installed_names():
            yield "peer", name
    except Skip as why:
        yield "peer", f"absent: {why}"
    yield "web", peers.version("nginx", "-v")
    yield "load", peers.version("wrk", "-v")
    yield "host", (f"Linux {platform.release()}, {os.cpu_count()} "
                   f"processors, SQLite {sqlite3.sqlite_version}")


def take(name, measure, bench, figures):
    """Runs one bench; whether it broke."""
    begun = time.monotonic()
    bench.say(f"{name} ...")
    try:
        for figure in measure(bench):
            print(figure, flush=True)
            figures.append(figure)
    except Skip as why:
        skipped = Skipped(name, str(why))
        print(skipped, flush=True)
        figures.append(skipped)
    except Exception:  # the others still have something to say
        print(f"{name}  broke:\n{traceback.format_exc()}", flush=True)
        return True
    finally:
        bench.say(f"{name} took {time.monotonic() - begun:.0f} s")
    return False


def called(name, wanted):
    """Whether a group of figures, such as P1-P3, is meant by P2."""
    names = [name]
    first, _, last = name.partition("-")
    if last and first[1:].isdigit() and last[1:].isdigit():
        names += [f"P{n}" for n in range(int(first[1:]), int(last[1:]) + 1)]
    return any(fnmatch.fnmatchcase(n, w) for n in names for w in wanted)


def main(argv):
    if len(argv) not in (2, 3):
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bench = Bench(argv[1])
    wanted = argv[2].split(",") if len(argv) == 3 and argv[2] else ["*"]
    figures, broken = [], []
    for module in MODULES:
        for name, measure in module.FIGURES.items():
            if called(name, wanted):
                if take(name, measure, bench, figures):
                    broken.append(name)
    if not figures and not broken:
        sys.exit(f"bench: no figure is called {argv[2]}")
    print(summary(figures))
    print()
    for what, version in versions(bench):
        print(f"{what:<12} {version}")
    met = sum(f.verdict() == "met" for f in figures)
    missed = sum(f.verdict() == "not met" for f in figures)
    print(f"\n{met} met, {missed} not met, "
          f"{len(figures) - met - missed} skipped, {len(broken)} broken"
          + (": " + " ".join(broken) if broken else ""))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
