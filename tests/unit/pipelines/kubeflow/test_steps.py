from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError
from pipelines.kubeflow.nodes import Node
from pipelines.kubeflow.steps import Step, closed, find_step, settled, step_statuses, steps_of
from pipelines.status import State

STEPS = [Step("ingest", "Ingest"), Step("trainer", "Trainer"), Step("example-validator", "ExampleValidator")]
TRAINER = STEPS[1:2]


def document(**after: list[str]) -> dict[str, Any]:
    tasks = {
        name: {"taskInfo": {"name": name.title()}, "dependentTasks": needed} for name, needed in after.items()
    }
    return {"pipeline_spec": {"root": {"dag": {"tasks": tasks}}}, "platform_spec": {}}


def trainer(state: State, run: State = State.RUNNING, **nodes: Node) -> tuple[State, str]:
    [status] = step_statuses(TRAINER, {key.replace("_", "-"): node for key, node in nodes.items()}, run)
    assert status.state is state
    return status.state, status.why


def test_steps_come_in_the_order_in_which_they_run() -> None:
    steps = steps_of(document(pusher=["evaluator"], trainer=["ingest"], evaluator=["trainer"], ingest=[]))
    assert [step.key for step in steps] == ["ingest", "trainer", "evaluator", "pusher"]
    assert steps[1].name == "Trainer"


def test_a_step_that_takes_an_output_comes_after_its_producer() -> None:
    spec = document(a=[], b=[])
    spec["pipeline_spec"]["root"]["dag"]["tasks"]["a"]["inputs"] = {
        "artifacts": {"x": {"taskOutputArtifact": {"producerTask": "b", "outputArtifactKey": "y"}}}
    }
    assert [step.key for step in steps_of(spec)] == ["b", "a"]


@given(st.integers(1, 8).flatmap(lambda n: st.lists(st.sets(st.integers(0, n)), min_size=n, max_size=n)))
def test_no_step_comes_before_what_it_depends_on(needs: list[set[int]]) -> None:
    # Only earlier steps are needed, so that the graph has no cycle.
    after = {f"s{i}": [f"s{j}" for j in needed if j < i] for i, needed in enumerate(needs)}
    keys = [step.key for step in steps_of(document(**after))]
    assert sorted(keys) == sorted(after)
    for key, needed in after.items():
        assert all(keys.index(other) < keys.index(key) for other in needed)


@pytest.mark.parametrize("name", ["trainer", "Trainer", "TRAINER"])
def test_case_of_a_step_does_not_matter(name: str) -> None:
    assert find_step(STEPS, name).key == "trainer"


@pytest.mark.parametrize("name", ["ExampleValidator", "example-validator", "example_validator"])
def test_a_step_has_its_id_and_its_key(name: str) -> None:
    assert find_step(STEPS, name).key == "example-validator"


def test_unknown_step_suggests_the_nearest() -> None:
    with pytest.raises(InputError) as error:
        find_step(STEPS, "trainr")
    assert "Did you mean `Trainer`?" in error.value.cure


def test_step_without_nodes_waits_for_its_turn() -> None:
    trainer(State.WAITING)


def test_step_that_was_never_reached_is_skipped_when_the_run_has_ended() -> None:
    trainer(State.SKIPPED, State.FAILED)


@pytest.mark.parametrize(("run", "step"), [(State.DONE, State.DONE), (State.FAILED, State.SKIPPED)])
def test_server_that_lists_no_tasks_still_says_that_a_run_is_done(run: State, step: State) -> None:
    [status] = step_statuses(TRAINER, {}, run)
    assert status.state is step


def test_step_is_on_its_way_while_its_driver_works_and_after() -> None:
    trainer(State.PENDING, trainer_driver=Node("trainer-driver", State.RUNNING))
    trainer(State.PENDING, trainer_driver=Node("trainer-driver", State.DONE))


def test_step_fails_with_its_driver() -> None:
    driver = Node("trainer-driver", State.FAILED, message="Error (exit code 1): no claim `lodestar`")
    assert trainer(State.FAILED, trainer_driver=driver)[1] == "no claim `lodestar`"


def test_step_whose_pod_does_not_start_is_pending_and_says_why() -> None:
    nodes = {
        "t": Node("trainer", State.RUNNING, children=("e",)),
        "e": Node("executor", State.PENDING, message="Unschedulable: 0/1 nodes are available"),
    }
    assert trainer(State.PENDING, **nodes)[1] == "no node fits: 0/1 nodes are available"


def test_failure_is_told_by_the_innermost_pod() -> None:
    nodes = {
        "t": Node("trainer", State.FAILED, message="child 'e' failed", children=("e",)),
        "e": Node("executor", State.FAILED, message="Error (exit code 1): loss is NaN"),
    }
    assert trainer(State.FAILED, **nodes)[1] == "loss is NaN"


def test_pod_of_the_next_step_does_not_speak_for_this_one() -> None:
    # Argo hangs what comes after a step below the step's last pod.
    nodes = {
        "t": Node("trainer", State.RUNNING, children=("e",)),
        "e": Node("executor", State.RUNNING, children=("v",)),
        "v": Node("evaluator-driver", State.PENDING, message="Unschedulable: full"),
    }
    trainer(State.RUNNING, **nodes)


def test_only_the_last_attempt_is_told() -> None:
    nodes = {
        "t": Node("trainer", State.RUNNING, children=("r",)),
        "r": Node("executor", State.RUNNING, children=("a0", "a1")),
        "a0": Node("executor(0)", State.FAILED, message="Error (exit code 137)"),
        "a1": Node("executor(1)", State.RUNNING),
    }
    assert trainer(State.RUNNING, **nodes)[1] == ""


def test_step_that_was_killed_with_its_run_is_canceled_not_failed() -> None:
    node = Node("trainer", State.FAILED, message="workflow shutdown with strategy: Terminate")
    assert trainer(State.CANCELED, State.CANCELED, t=node)[1] == ""
    trainer(State.DONE, State.CANCELED, t=Node("trainer", State.DONE))


def test_steps_of_an_ended_run_that_still_run_are_not_settled_and_get_closed() -> None:
    steps = step_statuses(TRAINER, {"t": Node("trainer", State.RUNNING)}, State.FAILED)
    assert not settled(steps, State.FAILED)
    assert settled(steps, State.RUNNING)
    assert [step.state for step in closed(steps, State.FAILED)] == [State.CANCELED]
    assert closed(steps, State.RUNNING) == steps
