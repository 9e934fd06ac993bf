import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.distributed.cluster import Cluster, replica_counts, replica_names
from components.errors import InputError
from components.family import ComputeSettings

PORT = 2222


def config(chief: int = 1, worker: int = 2, ps: int = 0, role: str = "worker", index: int = 0) -> str:
    """Return TF_CONFIG as the training operator writes it."""
    counts = {"chief": chief, "worker": worker, "ps": ps, "evaluator": 1}
    hosts = {
        kind: [f"job-{kind}-{number}.team.svc:{PORT}" for number in range(count)]
        for kind, count in counts.items()
        if count
    }
    return json.dumps({"cluster": hosts, "task": {"type": role, "index": index}, "environment": "cloud"})


def test_evaluators_are_left_out():
    cluster = Cluster.parse(config())
    assert set(cluster.hosts) == {"chief", "worker"}
    assert "evaluator" not in cluster.tf_config()


def test_the_chief_exports_and_others_do_not():
    assert Cluster.parse(config(role="chief")).is_chief
    assert not Cluster.parse(config(role="worker")).is_chief


@given(worker=st.integers(0, 30), ps=st.integers(0, 5), data=st.data())
def test_what_is_given_to_tensorflow_is_read_back_the_same(worker, ps, data):
    counts = {"chief": 1, "worker": worker, "ps": ps}
    role = data.draw(st.sampled_from([name for name, count in counts.items() if count]))
    index = data.draw(st.integers(0, counts[role] - 1))
    cluster = Cluster.parse(config(worker=worker, ps=ps, role=role, index=index))
    assert Cluster.parse(cluster.tf_config()) == cluster
    assert cluster.name == f"{role}-{index}"
    assert cluster.has_parameter_servers == (ps > 0)
    assert cluster.names == replica_names(counts)
    assert cluster.name in cluster.names


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"cluster": {"chief": ["a:1"]}}',
        '{"cluster": {"chief": ["a:1"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}',
        config(role="evaluator"),
        config(index=2),
        config(index=-1),
    ],
)
def test_a_config_without_a_place_for_this_process_is_refused(text):
    with pytest.raises(InputError, match="TF_CONFIG has no chief or no place for this process"):
        Cluster.parse(text)


@given(st.text())
def test_any_text_is_a_cluster_or_refused(text):
    with pytest.raises(InputError):
        Cluster.parse(text)


@pytest.mark.parametrize(
    ("workers", "servers", "counts"),
    [
        (3, 0, {"chief": 1, "worker": 2}),
        (1, 1, {"chief": 1, "worker": 1, "ps": 1}),
        (2, 3, {"chief": 1, "worker": 2, "ps": 3}),
    ],
)
def test_the_chief_is_a_worker_unless_there_are_parameter_servers(workers, servers, counts):
    assert replica_counts(ComputeSettings(workers=workers, parameter_servers=servers)) == counts
