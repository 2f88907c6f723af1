"""P14, P15: accepting and finishing beside the disk that must hold them."""
import re

from instance import TOP, Vulcan, run, values
from table import Figure, Side, at_least, percentile

LINE = re.compile(r"(.+?) +(\d+) /s +min +([\d.]+) +p50 +([\d.]+)"
                  r" +p99 +([\d.]+) +max")
RATIO = re.compile(r"(P\d+\S*(?: \S+)*?) +([\d.]+) \(wanted ([\d.]+)\)")
WHAT = {
    "P14 alone": ("P14", "accepted durably, one client, at the library"),
    "P14 32 clients": ("P14.32", "the same with 32 clients"),
    "P15": ("P15", "claimed and finished, both durably; twice the disk's "
            "time"),
}


def library(bench):
    """bench_db's own comparisons, each with the disk's rate of that moment."""
    sides = []
    output = run(bench.build / "bin/bench/bench_db", TOP / "build", "0",
                 cwd=TOP)
    for line in output.splitlines():
        timed, ratio = LINE.match(line), RATIO.match(line)
        if timed:
            name, rate, low, mid, high = timed.groups()
            sides.append(Side(
                f"{name} ({rate}/s)", [float(low) / 1e3],
                p50=float(mid) / 1e3, worst=float(high) / 1e3))
        elif ratio:
            name, value, wanted = ratio.groups()
            ident, what = WHAT[name]
            yield Figure(ident, what, sides[::-1],
                         f"ratio of the rates {value}",
                         f"at least {wanted}", float(value) >= float(wanted))
            sides = []


def disk_rate(vulcan, count):
    found = values(run(vulcan.build / "bin/bench/bench_parts", vulcan.state,
                       count))
    return 1e9 / percentile(found["fdatasync"], 50)


def by_http(bench):
    """Nothing is run meanwhile, so that only accepting is measured."""
    count, own, disk, took, cpu = 1600, [], [], [], 0.0
    with Vulcan(bench.build, isolate_running_max=0, pool_max=0,
                queue_max=1000000) as vulcan:
        for _ in range(4):
            disk.append(disk_rate(vulcan, 200))
            begun = vulcan.cpu()
            found = vulcan.post(count, 32, "console.log(1 + 1)",
                                "/v1/workloads/async")
            cpu += vulcan.cpu() - begun
            if found.get("status-202", [0])[0] != count:
                raise RuntimeError("not every request was accepted")
            own.append(count / found["seconds"][0])
            took += [n / 1e9 for n in found["ns"]]
    figure = at_least(
        "P14.http", "the same through nginx, 32 clients",
        Side("accepted", own, cpu / (4 * count), "/s"),
        Side("fdatasync alone", disk, unit="/s"), 3)
    figure.sides.append(Side("  time of a request", took))
    yield figure


FIGURES = {"P14-P15": library, "P14.http": by_http}
