from __future__ import annotations

import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_management_pb2
from tensorflow_serving.config import model_server_config_pb2

from components.deployment import messages
from components.deployment.config import Wanted, server_config, server_config_text
from components.deployment.state import Canary, Deployment

REAL = {
    "ModelServerConfig": model_server_config_pb2.ModelServerConfig,
    "ReloadConfigRequest": model_management_pb2.ReloadConfigRequest,
    "ReloadConfigResponse": model_management_pb2.ReloadConfigResponse,
    "GetModelStatusRequest": get_model_status_pb2.GetModelStatusRequest,
    "GetModelStatusResponse": get_model_status_pb2.GetModelStatusResponse,
    "GetModelMetadataRequest": get_model_metadata_pb2.GetModelMetadataRequest,
    "GetModelMetadataResponse": get_model_metadata_pb2.GetModelMetadataResponse,
}
ENUM, INT32 = 14, 5


def fields(descriptor, path=()):
    """Yield path -> (number, type, repeated) of every field, enumerations as numbers."""
    for field in descriptor.fields:
        here = (*path, field.name)
        kind = INT32 if field.type == ENUM else field.type
        yield here, (field.number, kind, field.label == field.LABEL_REPEATED)
        if field.message_type is not None:
            yield from fields(field.message_type, here)


@pytest.mark.parametrize("name", sorted(REAL))
def test_declared_fields_are_those_of_tensorflow_serving(name):
    real = dict(fields(REAL[name].DESCRIPTOR))
    ours = dict(fields(getattr(messages, name).DESCRIPTOR))
    assert ours == {path: real[path] for path in ours}


def test_list_of_models_is_read_by_tensorflow_serving():
    wanted = [Wanted.of("b", Deployment(4, Canary(5, 10), 3)), Wanted.of("a", None)]
    real = model_server_config_pb2.ModelServerConfig
    parsed = text_format.Parse(server_config_text(wanted, "/models"), real())
    sent = real.FromString(server_config(wanted, "/models").SerializeToString())
    assert parsed == sent
    first, second = sent.model_config_list.config
    assert (first.name, first.base_path, first.model_platform) == ("a", "/models/a", "tensorflow")
    assert first.model_version_policy.latest.num_versions == 1
    assert list(second.model_version_policy.specific.versions) == [3, 4, 5]
    assert dict(second.version_labels) == {"stable": 4, "canary": 5}


def test_version_that_is_being_loaded_is_wanted_on_request_only():
    deployment = Deployment(4, loading=5)
    assert Wanted.of("a", deployment).versions == (4,)
    assert Wanted.of("a", deployment, with_loading=True).versions == (4, 5)
