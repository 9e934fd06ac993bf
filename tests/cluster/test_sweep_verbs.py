"""`lodestar sweep ... --on cluster`, through the Lease of a controller on a real API server."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from hparam.executors.cluster import connect
from hparam.lease import LeaseLock
from hparam.snapshot import snapshot
from hparam.spec import Inputs, SweepSpec
from hparam.trials import replay
from pipelines.cli import main
from tests.cluster.conftest import eventually
from tests.cluster.overlays import ROOT

POINT = {"train.learning_rate": 0.02}


@pytest.fixture(scope="module")
def place(namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An overlay of the test's namespace."""
    folder = tmp_path_factory.mktemp("overlay")
    text = (ROOT / "manifests/overlays/kind-cpu/platform.yaml").read_text(encoding="utf-8")
    (folder / "platform.yaml").write_text(text.replace("namespace: kubeflow", f"namespace: {namespace}"))
    return folder


@pytest.fixture
def name() -> str:
    return f"films-{secrets.token_hex(3)}"


@pytest.fixture
def lock(namespace: str, name: str) -> Iterator[LeaseLock]:
    lock = LeaseLock(connect(namespace), name, duration=3, period=0.2)
    lock.acquire()
    yield lock
    lock.release()


def publish(lock: LeaseLock, name: str, ended: bool = False) -> None:
    spec = SweepSpec(
        name=name,
        family="matrix-factorization",
        metric="rmse",
        higher_is_better=False,
        space={},
        settings={},
        inputs=Inputs(examples="/e", transform_graph="/g"),
    )
    records = [
        {"event": "created", "spec": spec.model_dump(mode="json")},
        {"event": "proposed", "trial": 0, "params": POINT, "proposer": {"k": 0}},
        {"event": "started", "trial": 0, "attempt": 0},
        {"event": "succeeded", "trial": 0, "attempt": 0, "step": 9, "value": 0.875, "metrics": {}},
        *([{"event": "ended", "reason": "target", "message": "good enough"}] if ended else []),
    ]
    told = replay({"ts": float(ts), **record} for ts, record in enumerate(records))
    lock.publish(lambda: snapshot(told))


@pytest.fixture
def published(lock: LeaseLock, name: str, namespace: str, place: Path) -> str:
    publish(lock, name)
    eventually(lambda: sweep("status", name, place) == 3, 10, "publishing the status")
    return name


def sweep(action: str, name: str, place: Path, *more: str) -> int:
    subject = [name] if name else []
    return main(["sweep", action, *subject, *more, "--on", "cluster", "--overlay", str(place)])


def test_status_comes_through_the_lease(
    published: str, lock: LeaseLock, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert sweep("status", published, place, "-o", "json") == 3
    shown = json.loads(capsys.readouterr().out)
    assert (shown["state"], shown["best"]["value"]) == ("running", 0.875)
    assert sweep("list", "", place) == 0
    assert published in capsys.readouterr().out
    publish(lock, published, ended=True)
    eventually(lambda: sweep("status", published, place) == 0, 10, "publishing the end")


def test_a_sweep_whose_controller_is_gone_waits(
    published: str, lock: LeaseLock, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock.release()
    capsys.readouterr()
    assert sweep("status", published, place, "--watch", "-o", "json") == 3
    assert json.loads(capsys.readouterr().out)["state"] == "waiting"


def test_best_comes_with_its_command(published: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert sweep("best", published, place) == 0
    assert "lodestar run matrix-factorization --set train.learning_rate=0.02" in capsys.readouterr().out


def test_requests_reach_the_controller_in_their_order(published: str, lock: LeaseLock, place: Path) -> None:
    assert sweep("pause", published, place) == 0
    assert sweep("set", published, place, "--trials", "60") == 0
    assert sweep("stop", published, place, "--drain") == 0
    taken: list[dict] = []
    eventually(lambda: taken.extend(lock.take()) or len(taken) == 3, 10, "taking the requests")
    assert taken == [{"paused": True}, {"trials": 60}, {"draining": True}]


def test_unknown_sweep_is_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep("status", "nothing-of-the-kind", place) == 2
    assert "There is no sweep `nothing-of-the-kind` on the cluster" in capsys.readouterr().err


def test_a_sweep_that_has_not_said_anything_is_told(
    lock: LeaseLock, name: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lock.held
    assert sweep("status", name, place) == 2
    assert "has not begun yet" in capsys.readouterr().err
    assert sweep("list", "", place) == 0
    assert name not in capsys.readouterr().out
