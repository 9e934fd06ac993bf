"""What the neighbours of hostile clients notice, and what the server makes of a hundred thousand fuzz cases.

    python -m tests.benchmarks.bench_serving_hostile [CASES [SECONDS]]

Two neighbours ask all the time, one over REST, one over gRPC. Two attackers send the same kind of harm as
fast as it is answered. The control are two ordinary clients in their place, measured before and after each.
Memory is the server's own, compared with the control's before the first attack.
"""

from __future__ import annotations

import itertools
import multiprocessing
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from tests.serving_load import Answer, Call, ClientProcesses, Refused, errors, grpc_call, latencies, rest_call  # isort: skip
from tests import hostile
from tests.contract.server_process import ServerProcess
from tests.serving_versions import forget_peak, peak_rss, publish, rss, write_versions

MODEL = "half_plus_two"
ATTACKERS, LORIS, FUZZERS = 2, 200, 2
MIB = 2**20
ACCEPTED = {200, 400, 408, 413, 503, 0}


def neighbours(server: ServerProcess) -> ClientProcesses:
    return ClientProcesses([partial(rest_call, server.rest), partial(grpc_call, server.grpc)])


def ordinary(server: ServerProcess) -> Callable[[], Call]:
    return partial(rest_call, server.rest)


def attack(server: ServerProcess, name: str) -> Callable[[], Call]:
    """Return a client that sends one kind of harm; its `version` is the status that came."""

    def make() -> Call:
        data = hostile.ATTACKS[name]()

        def call() -> int:
            code = hostile.send(server.rest, data)
            if code not in ACCEPTED:
                raise Refused(f"HTTP {code}")
            return code

        return call

    return make


def loris(server: ServerProcess, body: bool) -> Callable[[], Call]:
    """Return a client that drips bytes into many connections, and opens them again when they are closed."""

    def make() -> Call:
        held: list[hostile.SlowLoris] = []

        def call() -> int:
            if not held or not held[0].drip():
                for old in held:
                    old.close()
                held[:] = [hostile.SlowLoris(server.rest, LORIS // ATTACKERS, body)]
            multiprocessing.Event().wait(0.05)
            return 408

        return call

    return make


def fuzz(server: ServerProcess, numbers: Iterator[int]) -> Callable[[], Call]:
    """Return a client that sends one fuzz case after the other."""

    def make() -> Call:
        fuzzer = hostile.Fuzzer(server.rest, server.grpc)

        def call() -> int:
            came, acceptable = fuzzer.run(next(numbers))
            if not acceptable:
                raise Refused(came)
            return 0

        return call

    return make


def beside(
    server: ServerProcess, others: list[Callable[[], Call]], until: Callable[[ClientProcesses], None]
) -> Any:
    """Let others ask beside the neighbours; return the answers of both."""
    near, far = neighbours(server), ClientProcesses(others)
    near.wait_for(100)
    started = perf_counter()
    until(far)
    ended = perf_counter()
    return latencies(near_answers := near.stop(), started, ended), errors(near_answers), far.stop()


class Table:
    """Run one kind of harm after the other and print a row for each."""

    def __init__(self, server: ServerProcess, seconds: float) -> None:
        self._server, self._seconds = server, seconds
        self.met = True
        self._control()
        self._memory = rss(server.process.pid)
        columns = ("p50 ms", "p99 ms", "control", "ratio", "MiB")
        print(f"{'':<28}{'requests':>9}  {'answers':<24}" + "".join(f"{name:>8}" for name in columns))

    def row(
        self, name: str, others: list[Callable[[], Call]], until: Callable[[ClientProcesses], None]
    ) -> None:
        """Measure and print one row."""
        before = self._control()
        forget_peak(self._server.process.pid)
        times, failed, answers = beside(self._server, others, until)
        grown = (peak_rss(self._server.process.pid) - self._memory) / MIB
        control = np.concatenate([before, self._control()])
        p50, p99 = np.percentile(times, [50, 99])
        base = float(np.percentile(control, 99))
        flat = [answer for client in answers for answer in client]
        self._print(name, flat, (p50, p99, base), grown)
        wrong = errors(answers) + failed
        for error, count in wrong.items():
            print(f"  NOT ACCEPTABLE: {count} x {error}")
        alive = self._server.process.poll() is None
        self.met &= alive and not wrong and p99 <= 2 * base and grown <= 100

    def _control(self) -> np.ndarray:
        others = [ordinary(self._server)] * ATTACKERS
        times, failed, _ = beside(self._server, others, lambda far: far.wait_seconds(self._seconds / 2))
        assert not failed
        return times

    def _print(
        self, name: str, answers: list[Answer], times: tuple[float, float, float], grown: float
    ) -> None:
        codes = Counter(answer.version for answer in answers if answer.version)
        shown = ", ".join(str(code) for code, _ in codes.most_common(4)) or "none that is not fine"
        p50, p99, base = times
        figures = f"{p50:>8.1f}{p99:>8.1f}{base:>8.1f}{p99 / base:>8.2f}{grown:>8.0f}"
        print(f"{name:<28}{len(answers):>9,}  {shown:<24}{figures}", flush=True)


def main(cases: int = 100_000, seconds: int = 10) -> int:
    """Print the table; 1 when a target is missed."""
    with tempfile.TemporaryDirectory() as folder:
        root, ready = Path(folder) / "serving", Path(folder) / "ready"
        write_versions(ready, range(123, 124))
        publish(ready / "123", root / MODEL)
        with ServerProcess(root) as server:
            table = Table(server, seconds)
            for name in hostile.ATTACKS:
                table.row(name, [attack(server, name)] * ATTACKERS, lambda far: far.wait_seconds(seconds))
            for what, body in (("head", False), ("body", True)):
                name = f"slow loris, {LORIS} x {what}"
                table.row(name, [loris(server, body)] * ATTACKERS, lambda far: far.wait_seconds(seconds))
            numbers = [itertools.count(first, FUZZERS) for first in range(FUZZERS)]
            fuzzers = [fuzz(server, each) for each in numbers]
            table.row(f"fuzz, {cases:,} cases, seed 0", fuzzers, lambda far: far.wait_for(cases))
            code = server.stop()
    print(f"targets: ratio <= 2, MiB <= 100, the server alive (it ended with {code})")
    return int(not table.met or code != 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
