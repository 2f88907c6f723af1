"""How a run of tests is told: a line for each, the details at the end."""
import signal
import sys
import time
import traceback
import unittest


class Tally:
    """Everything that ran, whatever kind of test it was."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.details = []
        self.times = []

    def line(self, word, name, seconds, remark=""):
        self.times.append((seconds, name))
        print(f"{word:4} {seconds:7.2f} s  {name}{remark}", flush=True)

    def ok(self, name, seconds):
        self.passed += 1
        self.line("ok", name, seconds)

    def bad(self, name, seconds, detail):
        self.failed += 1
        self.details.append((name, detail))
        self.line("FAIL", name, seconds)

    def skip(self, name, seconds, reason):
        self.skipped += 1
        self.line("skip", name, seconds, f": {reason}")

    def end(self, began):
        for name, detail in self.details:
            print(f"\n=== {name}\n{detail.rstrip()}")
        print("\nslowest:")
        for seconds, name in sorted(self.times, reverse=True)[:10]:
            print(f"  {seconds:7.2f} s  {name}")
        print(f"\n{time.monotonic() - began:.0f} s in all")
        if self.passed + self.failed == 0:
            print("nothing ran")
            self.failed += 1
        print(f"{self.passed} passed, {self.failed} failed, "
              f"{self.skipped} skipped", flush=True)
        return 1 if self.failed else 0


class TimeUp(Exception):
    pass


def _alarm(*_):
    raise TimeUp("the test took longer than it may")


class Result(unittest.TestResult):
    """Feeds a Tally; a test that hangs is ended by its `seconds`."""

    def __init__(self, tally):
        super().__init__()
        self.tally = tally
        self.faults = []
        signal.signal(signal.SIGALRM, _alarm)

    @staticmethod
    def name(test):
        return test.id()

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()
        self.faults = []
        self.reason = None
        signal.alarm(int(getattr(test, "seconds", 60)))

    def stopTest(self, test):
        signal.alarm(0)
        super().stopTest(test)
        seconds = time.monotonic() - self.began
        name = self.name(test)
        if self.faults:
            detail = "\n".join(self.faults)
            instance = getattr(test, "v", None)
            if instance is not None and self.logs:
                detail += "\n" + self.logs
            self.tally.bad(name, seconds, detail)
        elif self.reason is not None:
            self.tally.skip(name, seconds, self.reason)
        else:
            self.tally.ok(name, seconds)

    def _fault(self, test, err):
        self.faults.append("".join(traceback.format_exception(*err)))
        try:
            self.logs = test.v.logs()
        except (AttributeError, OSError):
            self.logs = ""

    def addError(self, test, err):
        super().addError(test, err)
        self._fault(test, err)
        if not hasattr(test, "v") and not hasattr(self, "began"):
            self.tally.bad(str(test), 0, self.faults.pop())

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._fault(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.faults.append(f"--- {subtest}")
            self._fault(test, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.reason = reason

    def addExpectedFailure(self, test, err):
        self._fault(test, err)

    def addUnexpectedSuccess(self, test):
        self.faults.append("succeeded unexpectedly")


def tests_of(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_of(item)
        else:
            yield item


def run_suite(suite, tally, select):
    """Runs what matches; load errors count as failures."""
    chosen = unittest.TestSuite()
    for test in tests_of(suite):
        broken = type(test).__module__ == "unittest.loader"
        if broken or select(Result.name(test)):
            chosen.addTest(test)
    chosen.run(Result(tally))
    sys.stdout.flush()
