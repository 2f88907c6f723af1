"""P1-P3: a run in a jail of its own, beside other ways to start JavaScript."""
import contextlib
import sqlite3

import peers
from instance import Vulcan
from isolate import ForkServer
from table import Side, Skip, Skipped, at_most

ROUNDS = 10
EACH = 10  # of every side in every round


class Peer:
    """What a round of a peer gave: seconds, and processor seconds in all."""

    def __init__(self, name, round_of):
        self.name = name
        self.round_of = round_of
        self.times = []
        self.cpu = 0.0
        self.skip = None

    def take(self):
        if self.skip is not None:
            return
        try:
            times, cpu = self.round_of()
            self.times += times
            self.cpu += cpu
        except Skip as why:
            self.skip = why

    def side(self):
        if self.skip is not None:
            raise self.skip
        return Side(self.name, self.times, self.cpu / len(self.times))


def processes(start):
    def round_of():
        found = [start() for _ in range(EACH)]
        return [t for t, _ in found], sum(c for _, c in found)
    return round_of


def node():
    return peers.timed([peers.node(), "-e", "1+1"])


def isolated(script):
    def round_of():
        answer = script.ask(f"cycle {EACH}")
        return answer["times"], answer["cpu"]
    return round_of


def name_of(make, otherwise):
    try:
        return make()
    except Skip:
        return otherwise


def opponents(stack):
    """node, workerd and isolated-vm, as far as they are here."""
    yield Peer(name_of(peers.node_name, "node"), processes(node))
    yield Peer(name_of(lambda: peers.package_name("workerd"), "workerd"),
               processes(peers.workerd_cold))
    third = Peer(name_of(lambda: peers.package_name("isolated-vm"),
                         "isolated-vm"), None)
    try:
        peers.package("isolated-vm")
        third.round_of = isolated(
            stack.enter_context(peers.Script("isolated.js")))
    except Skip as why:
        third.skip = why
    yield third


def rounds(bench):
    """Alternates all sides: cold and warm runs of Vulcan, then the peers."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(ForkServer(bench.build))
        cold = Peer("vulcan, cold", lambda: server.cold(EACH))
        warm = Peer("vulcan, warm", lambda: server.warm(EACH))
        others = list(opponents(stack))
        server.cold(EACH)
        for _ in range(ROUNDS):
            for peer in (cold, warm, *others):
                peer.take()
    return cold.side(), warm.side(), others


def phases(bench):
    """What the phases of cold runs in a whole runner add up to, seconds."""
    with Vulcan(bench.build, pool_max=0) as vulcan:
        vulcan.post(ROUNDS * EACH, 1, "module.exports = () => 1 + 1")
        with sqlite3.connect(f"file:{vulcan.database}?mode=ro",
                             uri=True) as db:
            found = db.execute(
                "SELECT sum(duration_ns) / 1e9 FROM phases WHERE phase IN "
                "('create', 'exec', 'collect') GROUP BY run_id").fetchall()
        db.close()
    return Side("  phases of the same in a runner", [n for n, in found])


def p1(bench):
    cold, warm, others = rounds(bench)
    inside = phases(bench)
    whats = ("`node -e 1+1`", "a cold process of workerd",
             "isolated-vm's full cycle, which has no jail")
    for ident, what, peer, most in zip(("P1", "P2", "P3"), whats, others,
                                       (1 / 40, 1 / 15, 1)):
        try:
            side = peer.side()
        except Skip as why:
            yield Skipped(ident, str(why))
            continue
        figure = at_most(ident, f"a cold run of 1+1 against {what}", cold,
                         side, most)
        figure.sides.append(inside)
        yield figure
        yield at_most(ident + ".warm", f"a warm run against {what}", warm,
                      side, most / 2)


FIGURES = {"P1-P3": p1}
