from pathlib import Path

import numpy as np
from google.protobuf import text_format
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.plugins import base_plugin, projector
from tensorboard.plugins.projector import projector_plugin
from werkzeug.test import Client

from components.projector import write_projector


def config(folder: Path) -> projector.ProjectorConfig:
    text = (folder / "projector_config.pbtxt").read_text()
    return text_format.Parse(text, projector.ProjectorConfig())


def test_vectors_and_labels_go_line_by_line(tmp_path):
    write_projector(str(tmp_path), "items", np.array([[1.5, -2], [0, 1e-7]]), ["Alien\t(1979)", ""])
    (embedding,) = config(tmp_path).embeddings
    assert list(embedding.tensor_shape) == [2, 2]
    assert (tmp_path / embedding.tensor_path).read_text() == "1.5\t-2\n0\t1e-07\n"
    assert (tmp_path / embedding.metadata_path).read_text() == "Alien (1979)\n-\n"


def test_a_second_name_adds_and_the_same_name_replaces(tmp_path):
    for name, count in (("items", 3), ("users", 2), ("items", 1)):
        write_projector(str(tmp_path), name, np.ones((count, 4)), ["x"] * count)
    shapes = {e.tensor_name: list(e.tensor_shape) for e in config(tmp_path).embeddings}
    assert shapes == {"users": [2, 4], "items": [1, 4]}


def test_of_many_points_at_most_ten_thousand_are_written(tmp_path):
    write_projector(str(tmp_path), "items", np.arange(25_000.0)[:, None], [str(i) for i in range(25_000)])
    (embedding,) = config(tmp_path).embeddings
    lines = (tmp_path / embedding.metadata_path).read_text().split()
    assert lines[:3] == ["0", "3", "6"]
    assert len(lines) == embedding.tensor_shape[0] == 8_334


def test_tensorboard_serves_what_was_written(tmp_path):
    write_projector(str(tmp_path), "items", np.array([[1.0, 2.0], [3.0, 4.0]]), ["a", "b"])
    provider = data_provider.MultiplexerDataProvider(
        plugin_event_multiplexer.EventMultiplexer(), str(tmp_path)
    )
    context = base_plugin.TBContext(logdir=str(tmp_path), data_provider=provider)
    apps = projector_plugin.ProjectorPlugin(context).get_plugin_apps()
    assert Client(apps["/runs"]).get("/").json == ["."]
    tensor = Client(apps["/tensor"]).get("/?run=.&name=items").data
    assert np.frombuffer(tensor, np.float32).tolist() == [1.0, 2.0, 3.0, 4.0]
    assert Client(apps["/metadata"]).get("/?run=.&name=items").text == "a\nb\n"
