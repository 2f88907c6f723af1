"""The isolate driver by itself: what queue, database and web add to."""
from peers import Teller


class ForkServer(Teller):
    """bench_fork: the driver and its host process; a context."""

    def __init__(self, build):
        super().__init__([build / "bin/bench/bench_fork",
                          build / "bin/vulcan-isolate"])

    def cold(self, count):
        answer = self.ask(f"cold {count}")
        return answer["times"], answer["cpu"]

    def warm(self, count):
        answer = self.ask(f"warm {count}")
        return answer["times"], answer["cpu"]

    def rate(self, count, workers):
        """Runs a second, and processor seconds of each."""
        answer = self.ask(f"rate {count} {workers}")
        return count / answer["seconds"], answer["cpu"] / count
