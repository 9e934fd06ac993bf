"""The steps of a compiled spec, in the order in which they run, and their states in a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from graphlib import TopologicalSorter
from typing import Any

from components.errors import InputError
from pipelines.kubeflow.nodes import Node, Nodes, failed_with, inside, waits_for
from pipelines.status import State, Status, roll_up


@dataclass(frozen=True)
class Step:
    """One step of a spec.

    Attributes:
        key: The task's key in the spec, e.g. `example-validator`.
        name: The node's id that people know, e.g. `ExampleValidator`.
    """

    key: str
    name: str


def pipeline_spec(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the pipeline's part of a document that may also have a platform's part."""
    return document.get("pipeline_spec") or document


def steps_of(document: Mapping[str, Any]) -> list[Step]:
    """Return the steps of a compiled spec in dependency order; equals are in order of their names."""
    tasks = pipeline_spec(document)["root"]["dag"]["tasks"]
    order: TopologicalSorter[str] = TopologicalSorter(
        {key: sorted(_before(tasks[key], tasks)) for key in sorted(tasks)}
    )
    return [Step(key, tasks[key].get("taskInfo", {}).get("name", key)) for key in order.static_order()]


def find_step(steps: Sequence[Step], name: str) -> Step:
    """Return the step called `name`; case, `-` and `_` do not matter.

    Raises:
        InputError: There is none; the message suggests the nearest.
    """
    known = {_plain(word): step for step in steps for word in (step.key, step.name)}
    if _plain(name) in known:
        return known[_plain(name)]
    near = get_close_matches(_plain(name), known, n=1, cutoff=0.4)
    hint = f"Did you mean `{known[near[0]].name}`? " if near else ""
    names = ", ".join(step.name for step in steps)
    raise InputError(f"The run has no step `{name}`.", cure=f"{hint}Steps: {names}.")


def step_statuses(steps: Sequence[Step], nodes: Nodes, run: State) -> tuple[Status, ...]:
    """Return the state of every step of a run that is in state `run`."""
    by_name = {node.name: node for node in nodes.values()}
    return tuple(_status(step, by_name, nodes, run) for step in steps)


def settled(steps: Sequence[Status], run: State) -> bool:
    """Tell whether the steps say what the run says; a run's state is written before its steps'."""
    return not run.final or all(step.state.final for step in steps)


def closed(steps: Sequence[Status], run: State) -> tuple[Status, ...]:
    """Return the steps of a run such that none goes on in a run that has ended."""
    if not run.final:
        return tuple(steps)
    return tuple(
        step if step.state.final else replace(step, state=State.CANCELED, why="stopped with the run")
        for step in steps
    )


def _status(step: Step, by_name: Mapping[str, Node], nodes: Nodes, run: State) -> Status:
    node, driver = by_name.get(step.key), by_name.get(f"{step.key}-driver")
    if node is not None and node.state is not State.WAITING:
        pods = list(inside(nodes, node))
        state, why = _state(node, pods)
    elif driver is not None:
        # The driver prepares the pod of the step: until it has ended the step is on its way.
        pods = list(inside(nodes, driver))
        state = driver.state if driver.state is State.FAILED else State.PENDING
        why = _why(state, pods)
    else:
        return Status("step", step.name, _unknown(nodes, run), step.key)
    if run in (State.CANCELED, State.CANCELING) and state is State.FAILED:
        state, why = State.CANCELED, ""
    started = node.started if node else None
    return Status("step", step.name, state, step.key, started, node.finished if node else None, why)


def _unknown(nodes: Nodes, run: State) -> State:
    if not run.final:
        return State.WAITING
    # Servers that list no tasks at all still know how the run ended.
    return State.DONE if run is State.DONE and not nodes else State.SKIPPED


def _state(node: Node, pods: Sequence[Node]) -> tuple[State, str]:
    state = node.state
    open_pods = [pod.state for pod in pods[1:] if not pod.state.final]
    if state is State.RUNNING and open_pods and roll_up(open_pods) is State.PENDING:
        state = State.PENDING
    return state, _why(state, pods)


def _why(state: State, pods: Sequence[Node]) -> str:
    if state not in (State.FAILED, State.PENDING):
        return ""
    explain = failed_with if state is State.FAILED else waits_for
    # The innermost pod knows; the nodes around it only say that a child failed.
    texts = [explain(pod.message) for pod in pods if pod.state is state and pod.message]
    return texts[-1] if texts else ""


def _before(task: Mapping[str, Any], tasks: Mapping[str, Any]) -> set[str]:
    return {*task.get("dependentTasks", ()), *_producers(task.get("inputs"))} & set(tasks)


def _producers(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("producerTask"), str):
            yield value["producerTask"]
        for inner in value.values():
            yield from _producers(inner)


def _plain(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "")
