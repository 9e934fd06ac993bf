from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest

from components.serving import grpc_api
from components.serving.metrics import Metrics
from components.serving.models import make_manager
from components.serving.options import ServerOptions
from components.serving.servable import Servable
from tests.contract.models import publish_half_plus_two


class Server:
    def __init__(self, root):
        options = ServerOptions(root=root)
        self.metrics = Metrics()
        self.manager = make_manager(options, lambda event: None, self.metrics)
        self.manager.begin(None)
        self.manager.wait_until_settled(["m"], lambda: False)
        self._grpc = grpc_api.make_server(self.manager, ThreadPoolExecutor(2), options, self.metrics)
        port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._grpc.start()
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def close(self):
        self._channel.close()
        self._grpc.stop(None).wait()
        self.manager.close(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("grpc")
    (root / "m").mkdir()
    publish_half_plus_two(root / "m", 1)
    running = Server(root)
    yield running
    running.close()


@pytest.fixture
def request_():
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.float32([1.0])))
    return request


def failure(method, request):
    with pytest.raises(grpc.RpcError) as caught:
        method(request)
    return caught.value.code().name, caught.value.details()


def broken(*_, **__):
    raise RuntimeError("secret")


def test_a_failure_that_nobody_foresaw_is_internal_and_counted(server, request_, monkeypatch):
    monkeypatch.setattr(Servable, "predict", broken)
    refusal = failure(server.predictions.Predict, request_)
    assert refusal == ("INTERNAL", "Internal error: RuntimeError.")
    assert 'request_count{model_name="m",status="INTERNAL"} 1' in server.metrics.render()


def test_other_calls_that_fail_so_are_internal_too(server, monkeypatch):
    monkeypatch.setattr(server.manager, "statuses", broken)
    monkeypatch.setattr(server.manager, "lease", broken)
    status = GetModelStatusRequest()
    metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    status.model_spec.name = metadata.model_spec.name = "m"
    expected = ("INTERNAL", "Internal error: RuntimeError.")
    assert failure(server.models.GetModelStatus, status) == expected
    assert failure(server.predictions.GetModelMetadata, metadata) == expected


@pytest.mark.parametrize("timeout", [None, 100.0])
def test_the_deadline_of_a_call_reaches_the_model(server, request_, monkeypatch, timeout):
    seen = []

    def predict(self, name, inputs, output_filter=(), deadline=None):
        seen.append(deadline)
        return {}

    monkeypatch.setattr(Servable, "predict", predict)
    server.predictions.Predict(request_, timeout=timeout)
    [deadline] = seen
    if timeout is None:
        assert deadline is None
    else:
        # gRPC rounds the time that it sends up to whole seconds.
        assert 0 < deadline - monotonic() <= timeout + 2
