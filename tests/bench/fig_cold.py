"""P1-P3: a run in a jail of its own, beside other ways to start JavaScript."""
import isolate
import peers
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


def rounds(bench):
    """Alternates all sides; cold and warm runs of Vulcan, then the peers."""
    cold = Peer("vulcan, cold", lambda: isolate.cold(bench.build, EACH))
    warm = Peer("vulcan, warm", lambda: isolate.warm_used(bench.build, EACH))
    others = [Peer(name_of(peers.node_name, "node"), processes(node)),
              Peer(name_of(lambda: peers.package_name("workerd"), "workerd"),
                   processes(peers.workerd_cold))]
    script = None
    try:
        name = peers.package_name("isolated-vm")
        script = peers.Script("isolated.js")
        others.append(Peer(name, isolated(script)))
    except Skip as why:
        others.append(Peer("isolated-vm", None))
        others[-1].skip = why
    try:
        for _ in range(ROUNDS):
            for peer in (cold, warm, *others):
                peer.take()
    finally:
        if script is not None:
            script.__exit__()
    return cold.side(), warm.side(), others


def p1(bench):
    cold, warm, others = rounds(bench)
    whats = ("`node -e 1+1`", "a cold process of workerd",
             "isolated-vm's full cycle, which has no jail")
    for ident, what, peer, most in zip(("P1", "P2", "P3"), whats, others,
                                       (1 / 40, 1 / 15, 1)):
        try:
            side = peer.side()
        except Skip as why:
            yield Skipped(ident, str(why))
            continue
        yield at_most(ident, f"a cold run of 1+1 against {what}", cold, side,
                      most)
        yield at_most(ident + ".warm", f"a warm run against {what}", warm,
                      side, most / 2)


FIGURES = {"P1-P3": p1}
