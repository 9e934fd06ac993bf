"""A model server under load while versions change, harm comes in, and it is told to stop; all in processes.

The benchmarks `serving_swaps`, `serving_hostile`, `serving_overload` and `push` do the same in large numbers.
"""

from __future__ import annotations

import multiprocessing
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from components import artifact
from tests import hostile
from tests.contract.server_process import ServerProcess
from tests.serving_load import Clients, errors, grpc_call, rest_call, steps_back
from tests.serving_versions import corrupt, publish, rss, write_versions

MODEL = "half_plus_two"
LAST = 12  # the one before it is the last that is swapped in
MIB = 2**20
SHED = {"HTTP 503", "UNAVAILABLE"}
# A few connections, a short queue and short times, so that a test meets them.
LIMITS = [
    "--rest_api_port=1",
    "--max_connections=40",
    "--max_queued_requests=4",
    "--header_timeout_in_ms=200",
    "--body_timeout_in_ms=200",
]


@pytest.fixture(scope="module")
def ready(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("versions")
    write_versions(folder, range(1, LAST + 1))
    return folder


@pytest.fixture(scope="module")
def limited(ready, tmp_path_factory) -> Iterator[ServerProcess]:
    """Return a server with small limits; the tests that use it leave it as it was."""
    root = tmp_path_factory.mktemp("limited")
    publish(ready / "1", root)
    flags = [f"--model_name={MODEL}", f"--model_base_path={root}", *LIMITS]
    with ServerProcess(None, flags=flags) as server:
        yield server
        assert server.stop() == 0


def calls(server: ServerProcess, number: int, signature: str = "versioned", value: float = 1.0) -> list:
    kinds = ((rest_call, server.rest), (grpc_call, server.grpc))
    return [kinds[n % 2][0](kinds[n % 2][1], signature=signature, values=(value,)) for n in range(number)]


def wait_for(clients: Clients, counts: list, more: int) -> None:
    """Return when every client has got so many more answers."""
    wanted = [count.value + more for count in counts]
    while any(count.value < least for count, least in zip(counts, wanted, strict=True)):
        assert not clients.stopped.wait(0.005)


def counters(number: int) -> list:
    return [multiprocessing.Value("q", 0, lock=False) for _ in range(number)]


def test_no_request_fails_and_no_answer_is_older_while_versions_change_and_some_are_corrupt(ready, tmp_path):
    root = tmp_path / MODEL
    publish(ready / "2", root)
    with ServerProcess(tmp_path) as server:
        counts = counters(8)
        clients = Clients(calls(server, 8), counts)
        for number in range(3, LAST):
            wait_for(clients, counts, 2)
            broken = number % 4 == 0
            publish(corrupt(ready / str(number), number // 4) if broken else ready / str(number), root)
            server.wait_for("failed" if broken else "loaded", MODEL, number)
        wait_for(clients, counts, 2)
        answers = clients.stop()
    assert not errors(answers)
    assert steps_back(answers) == 0
    assert {answer.version for client in answers for answer in client} <= set(range(2, LAST)) - {4, 8}
    assert all(client[-1].version == LAST - 1 for client in answers)


@pytest.mark.parametrize("attack", [name for name in hostile.ATTACKS if "GB" not in name])
def test_harm_is_refused_and_the_next_request_answered(limited, attack):
    assert hostile.send(limited.rest, hostile.ATTACKS[attack]()) in (400, 413)
    assert rest_call(limited.rest)() == grpc_call(limited.grpc)() == 1


def test_harm_takes_no_memory(limited):
    attacks = [hostile.bomb(256 * MIB), hostile.deep(), hostile.many()]
    for attack in attacks:
        hostile.send(limited.rest, attack)
    before = rss(limited.process.pid)
    for attack in attacks * 4:
        assert hostile.send(limited.rest, attack) in (400, 413)
    assert rss(limited.process.pid) - before < 100 * MIB


@pytest.mark.parametrize("body", [False, True], ids=["head", "body"])
def test_slow_clients_are_cut_off_while_others_are_answered(limited, body):
    loris, call = hostile.SlowLoris(limited.rest, 30, body), rest_call(limited.rest)
    while loris.drip():
        assert call() == 1
        threading.Event().wait(0.01)
    loris.close()


def test_connections_that_do_nothing_do_not_keep_others_out(limited):
    idle = [hostile.connect(limited.rest) for _ in range(60)]
    assert rest_call(limited.rest)() == 1
    for client in idle:
        client.close()


def test_no_fuzz_case_gets_an_internal_error(limited):
    fuzzer = hostile.Fuzzer(limited.rest, limited.grpc, seed=7)
    outcomes = [(number, *fuzzer.run(number)) for number in range(600)]
    assert [outcome for outcome in outcomes if not outcome[2]] == []
    assert {came for _, came, _ in outcomes} > {"OK", "HTTP 200", "HTTP 400", "INVALID_ARGUMENT"}


def test_overload_is_shed_and_forgotten(limited):
    counts = counters(60)
    crowd = Clients(calls(limited, 60, "slow", 500.0), counts, pause=0.02)
    wait_for(crowd, counts, 3)
    answers = crowd.stop()
    assert errors(answers)
    assert set(errors(answers)) <= SHED
    assert any(not answer.error for client in answers for answer in client)
    assert [call() for call in calls(limited, 2)] == [1, 1]


def test_requests_under_way_are_answered_after_sigterm(ready, tmp_path):
    publish(ready / str(LAST), tmp_path / MODEL)
    with ServerProcess(tmp_path) as server:
        counts = counters(8)
        clients = Clients(calls(server, 8, "slow", 2000.0), counts, pause=0.05)
        wait_for(clients, counts, 2)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=60) == 0
        answers = clients.stop()
    gone = ("ConnectionRefusedError", "UNAVAILABLE")
    lost = [error for error in errors(answers) if not error.startswith(gone)]
    assert lost == []
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", int(server.rest.rpartition(":")[2])))


def test_pushes_of_many_processes_get_numbers_of_their_own(tmp_path):
    source, root = tmp_path / "source", tmp_path / "root"
    source.mkdir()
    (source / "saved_model.pb").write_bytes(bytes(100_000))
    context = multiprocessing.get_context("spawn")
    with context.Pool(8) as pool:
        versions = pool.starmap(artifact.publish, [(source, root, {})] * 40)
    assert sorted(int(version.name) for version in versions) == list(range(1, 41))
    for version in versions:
        artifact.verify(version)
    assert len(artifact.history(root)) == 40
