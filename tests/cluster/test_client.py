"""The client and `doctor --cluster` against a real cluster; runs need Kubeflow Pipelines on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from components.errors import InputError, LodestarError
from pipelines.kubeflow.connection import find_cluster
from pipelines.kubeflow.logs import read_logs
from pipelines.kubeflow.steps import Step
from pipelines.kubeflow.workflow import WorkflowReader
from tests.cluster.conftest import IMAGE, POD_SECURITY, SECURITY, Kubectl, apply, eventually
from tests.cluster.overlays import ROOT, platform

STEPS = [Step("ingest", "Ingest"), Step("trainer", "Trainer")]


def lodestar(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)


def overlay_for(folder: Path, namespace: str) -> str:
    folder.mkdir()
    content = {**platform("kind-cpu"), "namespace": namespace}
    (folder / "platform.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return str(folder)


def checks(overlay: str) -> dict[str, dict[str, str]]:
    done = lodestar("doctor", "--cluster", "--overlay", overlay, "--image", IMAGE, "-o", "json")
    assert done.returncode in (0, 1), done.stderr
    return {check["what"]: check for check in json.loads(done.stdout)}


def test_doctor_finds_nothing_to_mend_in_what_the_overlay_applies(
    namespace: str, overlay: Path, metadata: str, tmp_path: Path
) -> None:
    found = checks(overlay_for(tmp_path / "o", namespace))
    ours = [
        name
        for name in found
        if name.startswith(("API server", "namespace", "service account", "volume claim", "rights", "ML"))
    ]
    assert len(ours) >= 8
    assert {name: found[name] for name in ours if found[name]["cure"]} == {}
    assert "all " in found["rights of lodestar-pipeline"]["found"]
    assert "ReadWriteMany" in found["volume claim lodestar"]["found"]


def test_doctor_names_the_command_for_what_is_missing(tmp_path: Path) -> None:
    found = checks(overlay_for(tmp_path / "o", "lodestar-nowhere"))
    missing = {name: check["cure"] for name, check in found.items() if check["cure"]}
    for name in (
        "namespace lodestar-nowhere",
        "service account lodestar-pipeline",
        "volume claim lodestar",
        "rights of lodestar-pipeline",
    ):
        assert missing[name].startswith("kubectl apply -k manifests/overlays/")
    assert "github.com/kubeflow/pipelines" in missing["ML Metadata"]


def test_doctor_tells_that_the_api_server_is_unreachable(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(Path(os.environ["KUBECONFIG"]).read_text(encoding="utf-8"), encoding="utf-8")
    content = yaml.safe_load(config.read_text(encoding="utf-8"))
    content["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    done = lodestar("doctor", "--cluster", "-o", "json", KUBECONFIG=str(config))
    [only] = json.loads(done.stdout)
    assert done.returncode == 1
    assert "https://127.0.0.1:9` does not answer" in only["found"]


def token_config(kubectl: Kubectl, namespace: str, account: str, path: Path) -> str:
    token = kubectl("--namespace", namespace, "create", "token", account).stdout.strip()
    content = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text(encoding="utf-8"))
    content["users"][0]["user"] = {"token": token}
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("logs", "r"),
        ("terminate", "r"),
        ("resume", "r"),
        ("schedule", "--list"),
        ("submit", "text-search"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_account_without_rights_is_told_which_it_lacks(
    arguments: tuple[str, ...], kubectl: Kubectl, namespace: str, overlay: Path, tmp_path: Path
) -> None:
    config = token_config(kubectl, namespace, "lodestar-trainer", tmp_path / "config")
    place = overlay_for(tmp_path / "o", namespace)
    done = lodestar(*arguments, "--overlay", place, KUBECONFIG=config)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert 'cannot get resource "services/proxy"' in done.stderr
    assert "Traceback" not in done.stderr


def step_pod(namespace: str, run_id: str, name: str, node: str, script: str) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
        "resources": {
            "requests": {"cpu": "10m", "memory": "16Mi"},
            "limits": {"cpu": "100m", "memory": "64Mi"},
        },
        "securityContext": SECURITY,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"pipeline/runid": run_id},
            "annotations": {"workflows.argoproj.io/node-name": node},
        },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": POD_SECURITY,
            "containers": [container],
        },
    }


def test_logs_of_a_runs_pods_are_read_by_step_and_followed_to_their_end(
    kubectl: Kubectl, namespace: str
) -> None:
    run_id, reader = str(uuid4()), WorkflowReader(find_cluster(), namespace)
    slow = "for i in 1 2 3; do echo step $i; sleep 1; done"
    apply(
        kubectl,
        step_pod(namespace, run_id, f"a-{run_id}", "w.root.ingest-driver", "echo driver"),
        step_pod(namespace, run_id, f"b-{run_id}", "w.root.trainer.executor", slow),
        step_pod(namespace, str(uuid4()), f"c-{run_id}", "w.root.trainer.executor", "echo other"),
    )
    eventually(
        lambda: any(pod.started for pod in reader.pods(run_id, STEPS)), 60, "the start of the step's pod"
    )
    # Followed while it runs: the stream ends with the pod.
    lines = read_logs(lambda: reader.pods(run_id, STEPS), reader.log, lambda: True, follow=True)
    assert [(line.step, line.text) for line in lines] == [("Trainer", f"step {i}") for i in (1, 2, 3)]


def test_last_lines_of_a_failed_step_are_what_it_left_in_its_pod(kubectl: Kubectl, namespace: str) -> None:
    run_id, reader = str(uuid4()), WorkflowReader(find_cluster(), namespace)
    script = "printf 'loss is NaN\nat step 7' > /dev/termination-log; exit 1"
    apply(kubectl, step_pod(namespace, run_id, f"d-{run_id}", "w.root.trainer.executor", script))
    left = eventually(lambda: reader.messages(run_id, STEPS), 60, "the end of the step's pod")
    assert left == {"Trainer": "loss is NaN\nat step 7"}


def test_run_without_a_workflow_has_no_nodes_and_says_why(namespace: str) -> None:
    reader = WorkflowReader(find_cluster(), namespace)
    assert reader.nodes(str(uuid4())) == {}
    has_argo = bool(lodestar("doctor", "--cluster", "-o", "json").stdout.count("workflows.argoproj.io"))
    assert has_argo or reader.problem


SPEC = {
    "schemaVersion": "2.1.0",
    "sdkVersion": "kfp-2.5.0",
    "pipelineInfo": {"name": "lodestar-client-test"},
    "components": {
        f"comp-{key}": {
            "executorLabel": f"exec-{key}",
            "inputDefinitions": {"parameters": {"rerun_from": {"parameterType": "STRING"}}},
        }
        for key in ("one", "two")
    },
    "deploymentSpec": {
        "executors": {
            f"exec-{key}": {
                "container": {
                    "image": IMAGE,
                    "command": ["sh", "-c", 'echo "hello from $0, rerun from $1"'],
                    "args": [key, "{{$.inputs.parameters['rerun_from']}}"],
                }
            }
            for key in ("one", "two")
        }
    },
    "root": {
        "inputDefinitions": {
            "parameters": {"rerun_from": {"parameterType": "STRING", "defaultValue": "", "isOptional": True}}
        },
        "dag": {
            "tasks": {
                key: {
                    "taskInfo": {"name": key.title()},
                    "componentRef": {"name": f"comp-{key}"},
                    "cachingOptions": {},
                    "inputs": {"parameters": {"rerun_from": {"componentInputParameter": "rerun_from"}}},
                    **({"dependentTasks": ["one"]} if key == "two" else {}),
                }
                for key in ("one", "two")
            }
        },
    },
}


@pytest.fixture(scope="module")
def session() -> Any:
    """A session with the Kubeflow Pipelines that the environment or the kubeconfig leads to."""
    from pipelines.kubeflow.session import open_session

    try:
        return open_session("kind-cpu", None)
    except LodestarError as error:
        pytest.skip(f"no Kubeflow Pipelines: {error.problem}")


@pytest.fixture
def submit(session: Any) -> Iterator[Callable[[], Any]]:
    """Starts a run of two small steps; what still runs at the end is terminated."""
    from pipelines.kubeflow.client import Submission

    started: list[Any] = []

    def start() -> Any:
        name = f"client-test-{uuid4().hex[:8]}"
        document = {"pipeline_spec": SPEC, "platform_spec": {}}
        account = os.environ.get("LODESTAR_TEST_ACCOUNT", session.platform.service_account)
        run = session.client.submit(Submission(name, "client-test", document, account))
        started.append(run)
        return run

    yield start
    for run in started:
        if not session.client.status(run.run_id).state.final:
            session.client.terminate(run.run_id)


def ended(session: Any, run_id: str) -> Any:
    return eventually(
        lambda: (status := session.client.status(run_id)).state.final and status, 300, "the end of the run"
    )


def test_run_is_followed_found_and_resumed(session: Any, submit: Callable[[], Any]) -> None:
    run = submit()
    client = session.client
    status = ended(session, run.run_id)
    assert status.exit_code == 0
    assert [(step.name, step.state.value) for step in status.parts] == [("One", "done"), ("Two", "done")]
    for name in (run.display_name, run.run_id, run.display_name[:-2], run.run_id[:13]):
        assert client.find(name).run_id == run.run_id
    with pytest.raises(InputError, match="already a run"):
        client.check_free(run.display_name)
    again = client.resume(client.find(run.run_id), "two")
    assert again.display_name == f"{run.display_name}-resume-1"
    assert ended(session, again.run_id).exit_code == 0
    lines = read_logs(
        lambda: session.workflows.pods(again.run_id, [Step("two", "Two")]),
        session.workflows.log,
        lambda: True,
        follow=False,
    )
    assert any("hello from two, rerun from Two" in line.text for line in lines)


def test_run_that_is_terminated_ends_as_canceled(session: Any, submit: Callable[[], Any]) -> None:
    run = submit()
    session.client.terminate(run.run_id)
    assert ended(session, run.run_id).state.value == "canceled"


def test_schedule_lives_from_creation_to_deletion(session: Any) -> None:
    from pipelines.kubeflow.client import Submission
    from pipelines.kubeflow.cron import parse_cron

    schedules, name = session.schedules, f"client-test-{uuid4().hex[:8]}"
    document = {"pipeline_spec": SPEC, "platform_spec": {}}
    submission = Submission(name, "client-test", document, session.platform.service_account)
    schedules.create(submission, parse_cron("0 3 1 1 *"), 2, catchup=False)
    try:

        def mine() -> Any:
            return next((one for one in schedules.list() if one.display_name == name), None)

        assert (mine().trigger.cron_schedule.cron, mine().max_concurrency) == ("0 0 3 1 1 *", "2")
        assert mine().no_catchup
        with pytest.raises(InputError, match="already a schedule"):
            schedules.check_free(name)
        schedules.pause(name)
        assert mine().status == "DISABLED"
        schedules.resume(name)
        assert mine().status == "ENABLED"
    finally:
        schedules.delete(name)
    eventually(lambda: mine() is None, 30, "the deletion of the schedule")
