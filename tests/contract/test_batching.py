"""Batching as TensorFlow Serving's parameters describe it, over both APIs of a server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.contract.models import write_half_plus_two, write_models
from tests.contract.server_process import ServerProcess
from tests.serving_load import Refused, grpc_call, rest_call

SIZE = 4
# No batch runs before it is full: that requests are answered at all says that they ran together.
PARAMETERS = f"""
max_batch_size {{ value: {SIZE} }}
batch_timeout_micros {{ value: 3600000000 }}
num_batch_threads {{ value: 2 }}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("batching")
    write_half_plus_two(folder / "model" / "123")
    parameters = folder / "batching.config"
    parameters.write_text(PARAMETERS)
    flags = ["--model_name=half_plus_two", f"--model_base_path={folder / 'model'}", "--rest_api_port=1"]
    batching = [
        "--enable_batching",
        f"--batching_parameters_file={parameters}",
        "--enable_model_warmup=false",
    ]
    with ServerProcess(None, flags=[*flags, *batching]) as process:
        yield process


def test_requests_of_both_apis_share_a_batch_and_each_gets_its_own_answer(server):
    url = f"{server.rest}/v1/models/half_plus_two:predict"

    def ask(number: int) -> list[float]:
        if number % 2:
            return requests.post(url, json={"inputs": [number]}, timeout=60).json()["outputs"]
        grpc_call(server.grpc, signature="serving_default", values=(float(number),))()
        return [number / 2 + 2]

    with ThreadPoolExecutor(2 * SIZE) as callers:
        answers = list(callers.map(ask, range(2 * SIZE)))
    assert answers == [[number / 2 + 2] for number in range(2 * SIZE)]


def test_request_that_fills_a_batch_runs_alone(server):
    url = f"{server.rest}/v1/models/half_plus_two:predict"
    assert requests.post(url, json={"instances": [2.0] * SIZE}, timeout=60).json() == {
        "predictions": [3.0] * SIZE
    }


def test_request_over_the_batch_size_is_refused(server):
    url = f"{server.rest}/v1/models/half_plus_two:predict"
    response = requests.post(url, json={"instances": [1.0] * (SIZE + 1)}, timeout=60)
    assert response.status_code == 400
    assert response.json()["error"] == "Task size 5 is larger than maximum input batch size 4"
    with pytest.raises(Refused, match="INVALID_ARGUMENT"):
        grpc_call(server.grpc, values=(1.0,) * (SIZE + 1))()


def test_metadata_and_status_are_not_batched(server):
    assert requests.get(f"{server.rest}/v1/models/half_plus_two", timeout=60).status_code == 200
    assert requests.get(f"{server.rest}/v1/models/half_plus_two/metadata", timeout=60).status_code == 200


def test_deadline_ends_a_request_whose_batch_never_fills(tmp_path):
    write_models(tmp_path)
    flags = [
        "--model_name=half_plus_two",
        f"--model_base_path={tmp_path / 'half_plus_two'}",
        "--rest_api_port=1",
        "--rest_api_timeout_in_ms=300",
        "--enable_model_warmup=false",
    ]
    parameters = tmp_path / "batching.config"
    parameters.write_text(PARAMETERS)
    with ServerProcess(
        None, flags=[*flags, "--enable_batching", f"--batching_parameters_file={parameters}"]
    ) as late:
        with pytest.raises(Refused, match="HTTP 504"):
            rest_call(late.rest)()
        assert late.stop() == 0


def test_parameters_without_batching_and_wrong_parameters_end_the_start(tmp_path):
    parameters = tmp_path / "batching.config"
    parameters.write_text("max_batch_size { value: 0 }")
    flags = [f"--model_base_path={tmp_path}", f"--batching_parameters_file={parameters}"]
    for extra in ([], ["--enable_batching"]):
        with ServerProcess(None, flags=[*flags, *extra], wait=False) as refused:
            assert refused.process.wait(timeout=100) == 2
