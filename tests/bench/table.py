"""Figures and how they are printed."""
import math


class Skip(Exception):
    """A figure that cannot be taken here; the text says why."""


def percentile(values, p):
    """The value that p percent do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * p / 100) - 1)]


class Side:
    """What one of the two sides measured.

    values are seconds unless unit says otherwise; cpu is processor seconds
    of each run, None where it was not taken. A program that tells its own
    percentiles gives its least value, and them as p50 and worst.
    """

    def __init__(self, name, values, cpu=None, unit="ms", p50=None,
                 worst=None):
        self.name = name
        self.values = list(values)
        self.cpu = cpu
        self.unit = unit
        self.middle = p50
        self.worst = worst
        if not self.values:
            raise Skip(f"{name} gave no value")

    @property
    def p50(self):
        return self.middle if self.middle is not None else (
            percentile(self.values, 50))

    @property
    def p99(self):
        return self.worst if self.worst is not None else (
            percentile(self.values, 99))

    def _shown(self, value):
        if self.unit == "ms":
            return f"{value * 1000:.3f}" if value < 0.1 else (
                f"{value * 1000:.1f}")
        if abs(value) >= 1000:
            return f"{value:.0f}"
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"

    def row(self):
        n = "" if self.middle is not None else str(len(self.values))
        cells = [n, self._shown(min(self.values)),
                 self._shown(self.p50), self._shown(self.p99)]
        cells.append("-" if self.cpu is None else f"{self.cpu * 1000:.3f}")
        return [self.name, *cells, self.unit]


class Figure:
    """One line of the outcome: what was measured against which target."""

    def __init__(self, ident, what, sides, value, target, met, note=""):
        self.ident = ident
        self.what = what
        self.sides = sides
        self.value = value  # text: the ratio, or the plain figure
        self.target = target  # text
        self.met = met
        self.note = note

    def verdict(self):
        return "met" if self.met else "not met"

    def __str__(self):
        lines = [f"{self.ident}  {self.what}"]
        if self.sides:
            rows = [["", "n", "min", "p50", "p99", "cpu ms/run", ""]]
            rows += [side.row() for side in self.sides]
            width = max(len(row[0]) for row in rows)
            for row in rows:
                lines.append(f"     {row[0]:<{width}}" + "".join(
                    f"{cell:>11}" for cell in row[1:6]) + f"  {row[6]}")
        lines.append(f"     {self.value}; target {self.target}: "
                     f"{self.verdict()}")
        if self.note:
            lines.append(f"     {self.note}")
        return "\n".join(lines) + "\n"


class Skipped:
    def __init__(self, ident, reason):
        self.ident = ident
        self.what = ""
        self.value = ""
        self.target = ""
        self.reason = reason

    def verdict(self):
        return f"skipped: {self.reason}"

    def __str__(self):
        return f"{self.ident}  skipped: {self.reason}\n"


def at_most(ident, what, own, peer, most, note=""):
    """Own time over the peer's, by medians; most is a ratio such as 1/40."""
    ratio = own.p50 / peer.p50
    shown = f"ratio 1/{1 / ratio:.1f}" if ratio < 0.5 else f"ratio {ratio:.2f}"
    wanted = f"at most 1/{1 / most:g}" if most < 0.5 else f"at most {most:g}"
    return Figure(ident, what, [own, peer], shown, wanted, ratio <= most, note)


def at_least(ident, what, own, peer, least, note=""):
    """Own rate over the peer's, by medians."""
    ratio = own.p50 / peer.p50
    shown = f"ratio {ratio:.2f}" if ratio > 0.2 else f"ratio 1/{1 / ratio:.1f}"
    wanted = f"at least {least:g}" if least > 0.2 else (
        f"at least 1/{1 / least:g}")
    return Figure(ident, what, [own, peer], shown, wanted, ratio >= least,
                  note)


def summary(figures):
    """All of them, a line each."""
    rows = [(f.ident, f.value, f.target, f.verdict()) for f in figures]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join("  ".join(
        [f"{row[i]:<{widths[i]}}" for i in range(3)] + [row[3]])
        for row in rows)
