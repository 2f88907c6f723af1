"""P4: durable runs a second. P5: the whole way of one request."""
import peers
from instance import Vulcan, run, values
from isolate import ForkServer
from table import Figure, Side, Skip, at_least, at_most, percentile

CODE = "console.log(1 + 1)"
ROUNDS = 5


def accepted(found, count):
    """Refuses a load that did not do what it should have done."""
    if found.get("status-200", [0])[0] != count or found["errors"][0]:
        seen = {key: n[0] for key, n in found.items() if key != "ns"}
        raise RuntimeError(f"not every request was answered by 200: {seen}")
    return found


def node_rate(count):
    """Runs a second of `xargs -P2 node -e`, each a process of its own."""
    took, cpu = peers.timed(
        ["sh", "-c", f"seq {count} | xargs -P2 -I{{}} {peers.node()} -e 1+1"])
    return count / took, cpu / count


def queue_load(vulcan, runs):
    found = values(vulcan.inside(
        vulcan.build / "bin/bench/bench_queue", "-f", vulcan.conf_path(),
        "-c", "16", "-n", str(runs), "-e", CODE))
    if found["failed"][0]:
        raise RuntimeError(f"{found['failed'][0]:.0f} runs failed")
    return found


def p4(bench):
    runs = 640
    queue, http, bare, node = [], [], [], []
    spent = {"queue": 0.0, "http": 0.0}
    with Vulcan(bench.build) as vulcan, ForkServer(bench.build) as server:
        queue_load(vulcan, runs)
        for _ in range(ROUNDS):
            begun = vulcan.cpu()
            queue.append(runs / queue_load(vulcan, runs)["seconds"][0])
            spent["queue"] += vulcan.cpu() - begun
            bare.append(server.rate(runs, 2))
            begun = vulcan.cpu()
            found = accepted(vulcan.post(runs, 16, CODE), runs)
            http.append(runs / found["seconds"][0])
            spent["http"] += vulcan.cpu() - begun
            try:
                node.append(node_rate(40))
            except Skip as why:
                node = why
    total = runs * ROUNDS
    floor = Side("bare fork server, 2 workers", [r for r, _ in bare],
                 sum(c for _, c in bare) / ROUNDS, "/s")
    by_queue = Side("vulcan, 16 clients of its database", queue,
                    spent["queue"] / total, "/s")
    by_http = Side("vulcan, 16 clients by HTTP", http,
                   spent["http"] / total, "/s")
    yield at_least("P4", "durable runs a second", by_queue, floor, 0.6)
    yield Figure("P4.rate", "the same, plainly", [by_queue],
                 f"{by_queue.p50:.0f}/s", "at least 500/s",
                 by_queue.p50 >= 500)
    yield Figure("P4.http", "durable runs a second through nginx", [by_http],
                 f"{by_http.p50:.0f}/s", "at least 500/s", by_http.p50 >= 500)
    if isinstance(node, Skip):
        raise node
    yield at_least(
        "P4.node", "the same against `xargs -P2 node -e`", by_queue,
        Side(peers.node_name(), [r for r, _ in node],
             sum(c for _, c in node) / len(node), "/s"), 18)


def parts(bench, vulcan, server, count):
    """One round of what a request's way is made of, in seconds."""
    hop = accepted(vulcan.http("-c", 1, "-n", count, "/healthz"), count)
    kernel = values(run(bench.build / "bin/bench/bench_parts", vulcan.state,
                        count))
    return {
        "nginx and FastCGI: GET /healthz": [n / 1e9 for n in hop["ns"]],
        "fdatasync, of which two": [n / 1e9 for n in kernel["fdatasync"]],
        "datagram and its answer": [n / 1e9 for n in kernel["datagram"]],
        "a warm run of the isolate driver": server.warm(count)[0],
    }


def p5(bench):
    count = 100
    took, sums, seen, spent = [], [], {}, 0.0
    with Vulcan(bench.build) as vulcan, ForkServer(bench.build) as server:
        accepted(vulcan.post(count, 1, CODE), count)
        for _ in range(ROUNDS):
            begun = vulcan.cpu()
            found = accepted(vulcan.post(count, 1, CODE), count)
            spent += vulcan.cpu() - begun
            took += [n / 1e9 for n in found["ns"]]
            total = 0.0
            for name, times in parts(bench, vulcan, server,
                                     count).items():
                seen.setdefault(name, []).extend(times)
                total += percentile(times, 50) * (
                    2 if name.startswith("fdatasync") else 1)
            sums.append(total)
    own = Side("POST /v1/workloads", took, spent / len(took))
    figure = at_most("P5", "the whole way: submitted, run, stored, answered",
                     own, Side("sum of the parts' medians", sums), 1.5)
    figure.sides += [Side("  " + name, times) for name, times in seen.items()]
    yield figure
    yield Figure("P5.p99", "the same, 99th percentile", [own],
                 f"{own.p99 * 1000:.1f} ms", "at most 10 ms",
                 own.p99 <= 0.010)


FIGURES = {"P4": p4, "P5": p5}
