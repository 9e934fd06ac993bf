"""Thirty-two clients of a server that runs their requests one by one, and of one that batches them.

    python -m tests.benchmarks.bench_serving_batching [SECONDS]

The first model's cost is reading its weights, so that a batch costs little more than a row. The other is
text search on SciFact, where most of the time of a request is not the model's. The two servers take turns.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tests.serving_load import Answer, Call, ClientProcesses, errors, grpc_call, latencies, rest_call  # isort: skip
from tests.benchmarks import serving_models
from tests.contract.server_process import ServerProcess

CLIENTS, PER_PROCESS = 32, 4
ROUNDS = 3
PARAMETERS = """\
max_batch_size { value: 32 }
batch_timeout_micros { value: 2000 }
num_batch_threads { value: 2 }
max_enqueued_batches { value: 100 }
"""
QUESTION = "Does vitamin D reduce the risk of fractures in older people?"


@dataclass(frozen=True)
class Load:
    """A model and how it is asked."""

    name: str
    model: str
    maker: Callable[[ServerProcess], Callable[[], Call]]
    target: float = 0.0


def _heavy(server: ServerProcess) -> Callable[[], Call]:
    return partial(grpc_call, server.grpc, "heavy", "serving_default")


def _search(server: ServerProcess) -> Callable[[], Call]:
    return partial(rest_call, server.rest, "text_search", "serving_default", (QUESTION,))


LOADS = (
    Load("cost per call, gRPC", "heavy", _heavy, 3.0),
    Load("text search, REST", "text_search", _search),
)


def entry(root: Path, model: str) -> str:
    return f'config {{ name: "{model}" base_path: "{root / model}" model_platform: "tensorflow" }}'


def measure(load: Load, server: ServerProcess, seconds: float) -> list[list[Answer]]:
    """Return the answers of all clients within some seconds."""
    clients = ClientProcesses([load.maker(server)] * CLIENTS, PER_PROCESS)
    clients.wait_for(2 * CLIENTS)
    clients.wait_seconds(seconds)
    return clients.stop()


def throughput(rounds: Sequence[Sequence[Sequence[Answer]]]) -> float:
    """Return the answers a second, over all rounds."""
    answers = [[answer for client in clients for answer in client] for clients in rounds]
    spans = [max(a.at + a.seconds for a in each) - min(a.at for a in each) for each in answers]
    return sum(map(len, answers)) / sum(spans)


def compare(load: Load, servers: dict[str, ServerProcess], seconds: float) -> bool:
    """Measure one model on both servers and print its rows; return whether the target is met."""
    answers: dict[str, list[list[list[Answer]]]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, server in servers.items():
            answers[name].append(measure(load, server, seconds / ROUNDS))
    rates = {name: throughput(rounds) for name, rounds in answers.items()}
    for name, rounds in answers.items():
        times = np.concatenate([latencies(each) for each in rounds])
        failed = sum(sum(errors(each).values()) for each in rounds)
        p50, p99 = np.percentile(times, [50, 99])
        shown = f"{rates[name]:>11.0f}{p50:>9.1f}{p99:>9.1f}{failed:>8}"
        gain = rates["batched"] / rates["one by one"]
        note = f"{gain:>7.2f}  >= {load.target:g}" if load.target else f"{gain:>7.2f}"
        print(f"{load.name:<22}{name:<12}{shown}{note if name == 'batched' else ''}", flush=True)
    return gain >= load.target


def main(seconds: float = 30) -> int:
    """Print the table; 1 when the target is missed."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "models"
        for load in LOADS:
            serving_models.write(load.model, root / load.model)
        config, batching = Path(folder) / "models.config", Path(folder) / "batching.config"
        config.write_text(f"model_config_list {{ {' '.join(entry(root, load.model) for load in LOADS)} }}")
        batching.write_text(PARAMETERS)
        flags = [f"--model_config_file={config}", "--rest_api_port=1"]
        batched = ["--enable_batching=true", f"--batching_parameters_file={batching}"]
        header = f"{CLIENTS} clients"
        print(f"{header:<34}{'requests/s':>11}{'p50 ms':>9}{'p99 ms':>9}{'failed':>8}{'gain':>7}  to reach")
        with ServerProcess(None, flags=flags) as one, ServerProcess(None, flags=[*flags, *batched]) as many:
            servers = {"one by one": one, "batched": many}
            met = [compare(load, servers, seconds) for load in LOADS]
            return int(not all(met))


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
