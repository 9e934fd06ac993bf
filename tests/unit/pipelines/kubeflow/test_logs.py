from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipelines.kubeflow.connection import NotFound
from pipelines.kubeflow.logs import read_logs
from pipelines.kubeflow.steps import Step
from pipelines.kubeflow.workflow import StepPod, step_of_node

INGEST, TRAINER = Step("ingest", "Ingest"), Step("trainer", "Trainer")
TEXTS = {"p1": ["a", "b"], "p2": ["c"]}


def log(pod: str, follow: bool) -> Iterator[str]:
    if pod not in TEXTS:
        raise NotFound(f"There is no pod `{pod}`.")
    yield from TEXTS[pod]


def lines(*rounds: list[StepPod], follow: bool = True) -> list[tuple[str, str]]:
    listed = iter(rounds)
    left = len(rounds)

    def pods() -> list[StepPod]:
        nonlocal left
        left -= 1
        return next(listed)

    found = read_logs(pods, log, lambda: left <= 1, follow, sleep=lambda _: None)
    return [(line.step, line.text) for line in found]


def test_pods_are_read_in_order() -> None:
    pods = [StepPod("p1", INGEST, True), StepPod("p2", TRAINER, True)]
    assert lines(pods, follow=False) == [("Ingest", "a"), ("Ingest", "b"), ("Trainer", "c")]


def test_pod_that_has_not_started_is_left_out() -> None:
    assert lines([StepPod("p1", INGEST, False)], follow=False) == []


def test_follow_waits_for_pods_that_are_to_come_and_reads_each_once() -> None:
    first, second = StepPod("p1", INGEST, True), StepPod("p2", TRAINER, True)
    waiting = StepPod("p2", TRAINER, False)
    assert lines([], [first], [first, waiting], [first, second]) == [
        ("Ingest", "a"),
        ("Ingest", "b"),
        ("Trainer", "c"),
    ]


def test_pod_that_is_gone_does_not_end_the_others() -> None:
    pods = [StepPod("gone", INGEST, True), StepPod("p2", TRAINER, True)]
    assert lines(pods, follow=False) == [("Trainer", "c")]


@pytest.mark.parametrize(
    ("node", "step"),
    [
        ("text-search-x.root.trainer.executor", TRAINER),
        ("text-search-x(0).root(0).trainer(0).executor(1)", TRAINER),
        ("text-search-x.root.trainer-driver", None),
        ("text-search-x.root-driver", None),
        ("trainer.root.ingest.executor", INGEST),
        ("", None),
    ],
)
def test_pod_belongs_to_the_step_of_its_node(node: str, step: Step | None) -> None:
    assert step_of_node(node, [INGEST, TRAINER]) == step
