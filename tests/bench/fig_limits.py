"""P20: how far past its wall limit a run gets."""
import http.client
import json
import selectors

import peers
from instance import Vulcan
from table import Figure, Side, Skip

LIMIT_MS = 200
PROGRAMS = {
    "loop": ("while(1){}", None),
    "fill": ("new Array(1e8).fill(1)", 5),  # seconds the peer is given
}
RUNS = 100


class Client:
    """One kept connection that submits and waits."""

    def __init__(self, vulcan):
        self.vulcan = vulcan
        self.connection = http.client.HTTPConnection("127.0.0.1", vulcan.port)

    def overshoot(self, code):
        body = json.dumps({
            "runtime": "javascript", "code": code,
            "limits": {"wall_ms": LIMIT_MS, "memory_mib": 1024}})
        self.connection.request("POST", "/v1/workloads", body, {
            "Content-Type": "application/json",
            "Authorization": "Bearer " + self.vulcan.key})
        record = json.loads(self.connection.getresponse().read())
        if record.get("reason") != "timeout":
            raise RuntimeError(f"{code} ended otherwise: {record}")
        return (record["usage"]["wall_ms"] - LIMIT_MS) / 1000


def node_overshoot(script, code):
    return script.ask(f"{LIMIT_MS} {code}")["took"] - LIMIT_MS / 1000


def never_ends(code, seconds):
    """Whether node's vm is still busy with it after that many seconds."""
    script = peers.Script("timeout.js")
    try:
        script.child.stdin.write(f"{LIMIT_MS} {code}\n")
        script.child.stdin.flush()
        with selectors.DefaultSelector() as look:
            look.register(script.child.stdout, selectors.EVENT_READ)
            return not look.select(seconds)
    finally:
        script.child.kill()
        script.child.wait()
        script.child.stdin.close()


def p20(bench):
    with Vulcan(bench.build) as vulcan:
        client = Client(vulcan)
        for name, (code, patience) in PROGRAMS.items():
            own, peer, note = [], [], ""
            client.overshoot(code)
            try:
                if patience is not None:
                    note = (f"node's vm was still busy after {patience} s"
                            if never_ends(code, patience) else
                            f"node's vm ended within {patience} s")
                with peers.Script("timeout.js") as script:
                    for _ in range(RUNS):
                        own.append(client.overshoot(code))
                        if patience is None:
                            peer.append(node_overshoot(script, code))
            except Skip as why:
                note = str(why)
                while len(own) < RUNS:
                    own.append(client.overshoot(code))
            side = Side("vulcan, past the limit", own)
            sides = [side]
            if peer:
                sides.append(Side("vm of " + peers.node_name(), peer))
            yield Figure(f"P20.{name}", f"wall limit of {LIMIT_MS} ms on "
                         f"{code}", sides,
                         f"overshoot p99 {side.p99 * 1000:.1f} ms",
                         "at most 15 ms", side.p99 <= 0.015, note)


FIGURES = {"P20": p20}
