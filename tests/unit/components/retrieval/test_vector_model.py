from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from components.retrieval.build import IndexOptions
from components.retrieval.vector_model import VectorModel

from .conftest import clustered

IDS = [f"v{i}".encode() for i in range(600)]


@pytest.fixture(scope="module", params=[False, True], ids=["full", "quantized"])
def folder(request, tmp_path_factory):
    options = IndexOptions("ivf", quantized=request.param, cells=48)
    model = VectorModel(np.array(IDS), clustered(600), clustered(64, seed=1), 10, options)
    path = str(tmp_path_factory.mktemp("vectors"))
    tf.saved_model.save(model, path, signatures=model.signatures())
    return path


def test_it_is_made_of_operations_that_stock_tensorflow_registers(folder):
    described = saved_model_pb2.SavedModel.FromString(Path(folder, "saved_model.pb").read_bytes())
    graph = described.meta_graphs[0].graph_def
    functions = [node for function in graph.library.function for node in function.node_def]
    used = {node.op for node in [*graph.node, *functions]}
    assert not {name for name in used if ">" in name or name.startswith(("PyFunc", "EagerPyFunc", "Xla"))}
    assert {"GatherV2", "TopKV2", "BatchMatMulV2"} <= used


def test_a_session_serves_every_signature(folder):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], folder)

        def ask(name, **inputs):
            signature = meta.signature_def[name]
            feeds = {signature.inputs[key].name: value for key, value in inputs.items()}
            return session.run({key: info.name for key, info in signature.outputs.items()}, feeds)

        vector = ask("vectors", ids=["v7", "nobody"])["embedding"]
        assert not vector[1].any()
        plain = ask("serving_default", embedding=vector)
        assert plain["ids"].shape == (2, 10)
        retrieved = ask(
            "retrieve",
            embedding=vector,
            exclude_ids=[[plain["ids"][0, 0], plain["ids"][0, 2]], [b"", b""]],
            categories=np.empty([2, 0], object),
            n_probe=[0, -1],
        )
        assert retrieved["ids"][0, :2].tolist() == [plain["ids"][0, 1], plain["ids"][0, 3]]
        similar = ask("similar", ids=["v7", "nobody"])["ids"]
        assert b"v7" not in similar[0] and similar[0].all()
        assert not any(similar[1])
