#!/usr/bin/python3
"""Runs the tests: run.py [--units] [--select PATTERN] CHECK RELEASE

CHECK and RELEASE are build folders. PATTERN is a part of a test's name or a
shell pattern. --units runs only unit programs and replays of corpora.
VULCAN_TEST_SCALE multiplies how often tests repeat what is random.
"""
import argparse
import fnmatch
import pathlib
import sys
import time
import unittest

TESTS = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(TESTS))
sys.dont_write_bytecode = True

from harness import native, report, space  # noqa: E402
from harness.case import Builds, Pool  # noqa: E402

SUITES = ("harness", "scenario", "hostile", "browser")


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0])
    parser.add_argument("--units", action="store_true")
    parser.add_argument("--select", default="")
    parser.add_argument("check")
    parser.add_argument("release", nargs="?")
    return parser.parse_args()


def main():
    began = time.monotonic()
    options = arguments()
    Builds.check = pathlib.Path(options.check).resolve()
    Builds.release = pathlib.Path(options.release or options.check).resolve()

    def select(name):
        return (options.select in name or
                fnmatch.fnmatchcase(name, options.select))

    space.enter()
    tally = report.Tally()
    native.run_units(Builds.check, tally, select)
    native.run_replays(Builds.check, TESTS / "corpus", tally, select)
    if not options.units:
        for name in SUITES:
            suite = unittest.defaultTestLoader.discover(
                str(TESTS / name), "test_*.py", str(TESTS))
            report.run_suite(suite, tally, select)
        Pool.close()
    return tally.end(began)


if __name__ == "__main__":
    sys.exit(main())
