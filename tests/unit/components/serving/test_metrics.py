from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from components.serving.errors import Code
from components.serving.metrics import OTHER_MODEL, Metrics, exponential

LATENCY = ":tensorflow:serving:request_latency"


def samples(metrics):
    # The parser gives the samples of counters the ending that newer formats ask for.
    families = text_string_to_metric_families(metrics.render())
    return [
        sample._replace(name=family.name if family.type == "counter" else sample.name)
        for family in families
        for sample in family.samples
    ]


def value(metrics, name, **labels):
    [found] = [s.value for s in samples(metrics) if s.name == name and s.labels == labels]
    return found


def test_requests_are_counted_by_model_and_status():
    metrics = Metrics()
    for code in (Code.OK, Code.OK, Code.NOT_FOUND):
        metrics.request("m", "Predict", "GRPC", code, 0.001)
    name = ":tensorflow:serving:request_count"
    assert value(metrics, name, model_name="m", status="OK") == 2
    assert value(metrics, name, model_name="m", status="NOT_FOUND") == 1
    assert "# TYPE :tensorflow:serving:request_count counter\n" in metrics.render()


def test_latency_is_in_microseconds_and_only_of_requests_that_succeed():
    metrics = Metrics()
    metrics.request("m", "Predict", "GRPC", Code.OK, 0.001)
    metrics.request("m", "Predict", "GRPC", Code.NOT_FOUND, 9.0)
    labels = {"model_name": "m", "API": "Predict", "entrypoint": "GRPC"}
    assert value(metrics, f"{LATENCY}_sum", **labels) == 1000
    assert value(metrics, f"{LATENCY}_count", **labels) == 1


def test_buckets_are_those_of_the_original():
    metrics = Metrics()
    metrics.request("m", "predict", "REST", Code.OK, 0.0)
    limits = [sample.labels["le"] for sample in samples(metrics) if sample.name == f"{LATENCY}_bucket"]
    assert limits[:5] == ["10", "18", "32.4", "58.32", "104.976"]
    assert (len(limits), limits[-1]) == (34, "+Inf")
    assert float(limits[-2]) == pytest.approx(exponential(10, 1.8, 33)[-1], rel=1e-5)


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=20))
def test_buckets_are_cumulative_and_hold_every_value_up_to_their_bound(seconds):
    metrics = Metrics()
    for one in seconds:
        metrics.request("m", "predict", "REST", Code.OK, one)
    buckets = [
        (float(sample.labels["le"]), sample.value)
        for sample in samples(metrics)
        if sample.name == f"{LATENCY}_bucket"
    ]
    bounds = [*exponential(10, 1.8, 33), float("inf")]
    assert [count for _, count in buckets] == [sum(1e6 * one <= bound for one in seconds) for bound in bounds]


def test_names_that_were_never_a_model_share_one_label():
    metrics = Metrics(is_known={"m"}.__contains__)
    for name in ("m", "typo", "another"):
        metrics.request(name, "predict", "REST", Code.NOT_FOUND, 0.1)
    counts = {sample.labels["model_name"]: sample.value for sample in samples(metrics)}
    assert counts == {"m": 1, OTHER_MODEL: 2}


def test_so_many_names_have_a_label_of_their_own_and_no_more():
    metrics = Metrics(max_models=2)
    for name in ("a", "b", "c", "a"):
        metrics.request(name, "predict", "REST", Code.NOT_FOUND, 0.1)
    counts = {sample.labels["model_name"]: sample.value for sample in samples(metrics)}
    assert counts == {"a": 2, "b": 1, OTHER_MODEL: 1}


@given(
    st.text(
        st.characters(
            blacklist_categories=["Cs"], blacklist_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
        )
    )
)
def test_any_model_name_reads_back(name):
    metrics = Metrics()
    metrics.examples(name, 3)
    assert value(metrics, ":tensorflow:serving:request_example_counts_sum", model=name) == 3


def test_time_in_the_runtime_is_measured_and_the_result_returned():
    metrics = Metrics()
    assert metrics.run("m", "Predict", lambda a, b: a + b, 1, 2) == 3
    labels = {"model_name": "m", "API": "Predict", "runtime": "TF1"}
    assert value(metrics, ":tensorflow:serving:runtime_latency_count", **labels) == 1


def test_loading_is_counted_by_outcome():
    metrics = Metrics()
    load = metrics.loading(lambda path, fail: 1 / 0 if fail else path.name)
    assert load(Path("/models/m/1"), False) == "1"
    with pytest.raises(ZeroDivisionError):
        load(Path("/models/m/2"), fail=True)
    name = ":tensorflow:cc:saved_model:load_attempt_count"
    assert value(metrics, name, model_path="/models/m/1", status="success") == 1
    assert value(metrics, name, model_path="/models/m/2", status="fail") == 1


def test_no_count_is_lost_between_threads():
    metrics = Metrics()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: metrics.request("m", "predict", "REST", Code.OK, 0.1), range(2000)))
    assert value(metrics, ":tensorflow:serving:request_count", model_name="m", status="OK") == 2000


def test_nothing_is_exported_before_the_first_request():
    assert Metrics().render() == ""
