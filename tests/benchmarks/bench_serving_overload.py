"""Ten times the requests that the server can answer, and SIGTERM in the middle of its work.

    python -m tests.benchmarks.bench_serving_overload [SECONDS [STOPS]]

Every request keeps a core busy for about a tenth of a second. A few clients that always ask find the peak.
Then many ask ten times as often; what is refused must be refused at once, what is answered must be as much as
before, and one second after they have gone a client must be served as if nothing had been.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np

from tests.serving_load import Answer, Call, ClientProcesses, errors, grpc_call, latencies, rest_call  # isort: skip
from tests.contract.server_process import ServerProcess
from tests.serving_versions import publish, write_versions

MODEL, SIGNATURE = "half_plus_two", "slow"
STEPS = 10_000.0
CAPACITY_CLIENTS, CROWD, PER_PROCESS = 4, 384, 32
TIMES = 10
# Clients that wait for an answer do not ask meanwhile: the others ask more often.
HASTE = 1.6
RECOVERY_SECONDS = 5.0
# So many clients need a moment until all of them ask.
START_SECONDS = 2.0
SHED = {"HTTP 503", "HTTP 429", "UNAVAILABLE", "RESOURCE_EXHAUSTED"}
# Nobody listens any more, or it was refused before anything was done for it: another replica can have it.
GONE = ("ConnectionRefusedError", "UNAVAILABLE")


def makers(server: ServerProcess, number: int) -> list[Callable[[], Call]]:
    """Return clients, REST and gRPC in turn."""
    rest = partial(rest_call, server.rest, MODEL, SIGNATURE, (STEPS,))
    over_grpc = partial(grpc_call, server.grpc, MODEL, SIGNATURE, (STEPS,))
    return [rest, over_grpc] * (number // 2)


def closed(server: ServerProcess, number: int, seconds: float) -> list[list[Answer]]:
    clients = ClientProcesses(makers(server, number))
    clients.wait_for(2 * number)
    clients.wait_seconds(seconds)
    return clients.stop()


def rate(answers: Sequence[Sequence[Answer]], good: bool = True) -> float:
    """Return the answers a second, or all requests a second, between the clients' start and their end."""
    flat = [answer for client in answers for answer in client]
    start, end = min(a.at for a in flat) + START_SECONDS, max(a.at for a in flat)
    ended = [a for a in flat if start <= a.at + a.seconds < end]
    return sum(not answer.error or not good for answer in ended) / (end - start)


def overload(server: ServerProcess, peak: float, seconds: float) -> list[list[Answer]]:
    """Ask ten times as often as the server can answer."""
    pause = CROWD / (HASTE * TIMES * peak)
    clients = ClientProcesses(makers(server, CROWD), PER_PROCESS, pause)
    clients.wait_seconds(seconds)
    return clients.stop()


def recovery(server: ServerProcess, steady: float) -> float:
    """Return the seconds until ten requests in a row are as fast as before."""
    started, call, fast = perf_counter(), makers(server, 2)[0](), 0
    while fast < 10 and perf_counter() - started < 60:
        begun = perf_counter()
        try:
            call()
            fast = fast + 1 if 1000 * (perf_counter() - begun) < 2 * steady else 0
        except Exception:
            fast = 0
    return perf_counter() - started


def terminated(ready: Path, root: Path, number: int) -> tuple[Counter[str], int, float, int]:
    """Stop a server under load; return what failed how, the exit code, the seconds, and what was answered."""
    with ServerProcess(root) as server:
        clients = ClientProcesses(makers(server, 16))
        clients.wait_for(64)
        started = perf_counter()
        server.process.send_signal(signal.SIGTERM)
        code = server.process.wait(timeout=60)
        seconds = perf_counter() - started
        answers = clients.stop()
    under_way = [a for client in answers for a in client if a.at < started]
    late = [a for client in answers for a in client if a.at >= started]
    lost = Counter(a.error for a in under_way if a.error and not a.error.startswith(GONE))
    # What was sent afterwards may be refused in any way, but not with a wrong answer.
    lost.update(a.error for a in late if a.error and not a.error.startswith((*GONE, "CANCELLED")))
    return lost, code, seconds, sum(not a.error for a in under_way)


def row(what: str, value: str, target: str = "") -> None:
    print(f"{what:<46}{value:>14}  {target}", flush=True)


def shed(root: Path, seconds: float) -> bool:
    """Print the rows of the overload; return whether its targets are met."""
    with ServerProcess(root) as server:
        before = closed(server, CAPACITY_CLIENTS, seconds)
        peak, steady = rate(before), float(np.median(latencies(before)))
        crowded = overload(server, peak, seconds)
        back = recovery(server, steady)
        # What else runs on the machine changes: the peak before and the peak after.
        peak = (peak + rate(closed(server, CAPACITY_CLIENTS, seconds))) / 2
    failures = errors(crowded)
    refused = [1000 * a.seconds for client in crowded for a in client if a.error in SHED]
    other = {error: count for error, count in failures.items() if error not in SHED}
    goodput = rate(crowded) / peak
    row(f"peak, {CAPACITY_CLIENTS} clients: requests/s (p50 ms)", f"{peak:.0f} ({steady:.0f})")
    row(f"offered by {CROWD} clients: requests/s", f"{rate(crowded, good=False):.0f}", f">= {TIMES}x peak")
    row("answered, of the peak", f"{goodput:.0%}", ">= 80%")
    row("refused", ", ".join(f"{n} {e}" for e, n in failures.items() if e in SHED))
    row("refused within, ms: p50 / p99", "{:.0f} / {:.0f}".format(*np.percentile(refused, [50, 99])))
    row(
        "answered within, ms: p50 / p99",
        "{:.0f} / {:.0f}".format(*np.percentile(latencies(crowded), [50, 99])),
    )
    row("failed in another way", str(sum(other.values())), "0")
    row("as fast as before again after, s", f"{back:.1f}", f"<= {RECOVERY_SECONDS:g}")
    for error, count in other.items():
        row(error, str(count))
    return goodput >= 0.8 and not other and back <= RECOVERY_SECONDS


def main(seconds: float = 15, stops: int = 20) -> int:
    """Print the table; 1 when a target is missed."""
    with tempfile.TemporaryDirectory() as folder:
        root, ready = Path(folder) / "serving", Path(folder) / "ready"
        write_versions(ready, range(1, 2))
        publish(ready / "1", root / MODEL)
        met = shed(root, seconds)
        runs = [terminated(ready, root, number) for number in range(int(stops))]
    lost = sum((run[0] for run in runs), Counter())
    row(f"SIGTERM under load, {len(runs)} times: answered", str(sum(run[3] for run in runs)))
    row("requests under way that were lost", str(sum(lost.values())), "0")
    row("exit codes other than 0", str(sum(run[1] != 0 for run in runs)), "0")
    row("slowest end, s", f"{max(run[2] for run in runs):.1f}", "<= 30")
    for error, count in lost.items():
        row(error, str(count))
    return int(not met or bool(lost) or any(run[1] for run in runs))


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
