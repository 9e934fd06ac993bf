"""The launcher of TFJobs on states of the API that a real operator gives; tests/cluster runs real ones."""

from types import SimpleNamespace

import pytest

from components.distributed.request import Request
from components.errors import InputError, LodestarError
from components.family import ComputeSettings
from components.tfjob.job import TFJob

LABEL = "training.kubeflow.org/replica-{}"


def pod(name: str, uid: str, code: int | None = None, phase: str = "Running", **waiting: str):
    role, index = name.split("-")
    labels = {LABEL.format("type"): role, LABEL.format("index"): index}
    ended = SimpleNamespace(exit_code=code, reason="Error") if code is not None else None
    state = SimpleNamespace(
        running=object() if phase == "Running" and code is None else None,
        terminated=ended,
        waiting=SimpleNamespace(message="not there", **waiting) if waiting else None,
    )
    status = SimpleNamespace(name="tensorflow", state=state, image="lodestar/pipelines:gone")
    return SimpleNamespace(
        metadata=SimpleNamespace(name=f"job-{name}", uid=uid, labels=labels),
        status=SimpleNamespace(phase=phase, container_statuses=[status], conditions=[], reason=None),
    )


class Api:
    """Answers from attributes, and notes what was done."""

    namespace = "team"

    def __init__(self) -> None:
        self.present: dict | None = None
        self.pod_list: list = []
        self.events: list[str] = []
        self.done: list[str] = []

    def job(self, name: str) -> dict | None:
        return self.present

    def create(self, job: dict) -> bool:
        if self.present:
            return False
        self.done.append("create")
        self.present = {**job, "status": {}}
        return True

    def delete(self, name: str) -> None:
        self.done.append("delete")
        self.present = None

    def pods(self, name: str) -> list:
        return self.pod_list

    def warnings(self, name: str) -> list[str]:
        return self.events

    def changes(self, name: str):
        return iter(())

    def log(self, pod: str):
        return SimpleNamespace(stream=lambda **options: iter(()))

    def end(self, kind: str, seconds: int = 60) -> None:
        condition = {"type": kind, "status": "True", "message": f"The job is {kind}."}
        self.present["status"] = {
            "conditions": [condition],
            "startTime": "2026-01-01T00:00:00Z",
            "completionTime": f"2026-01-01T00:{seconds // 60:02}:{seconds % 60:02}Z",
        }


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def request_(tmp_path) -> Request:
    return Request(str(tmp_path), ComputeSettings(workers=2), "run_fn", {})


@pytest.fixture
def launcher(api, said, request_) -> TFJob:
    job = {"metadata": {"name": "job"}, "spec": {"runPolicy": {"activeDeadlineSeconds": 600}}}
    launcher = TFJob(api, job, request_, said.append)
    launcher.start()
    yield launcher
    launcher.stop()


def test_a_job_that_runs_already_is_followed(api, said, request_, launcher):
    second = TFJob(api, {"metadata": {"name": "job"}}, request_, said.append)
    second.start()
    second.stop()
    assert api.done.count("create") == 1
    assert said == ["started the TFJob team/job", "following the TFJob team/job, which runs already"]


@pytest.mark.parametrize("kind", ["Failed", "Succeeded"])
def test_a_job_that_has_ended_is_replaced(api, said, request_, launcher, kind):
    api.end(kind)
    second = TFJob(api, {"metadata": {"name": "job"}}, request_, said.append)
    second.start()
    second.stop()
    assert api.done[:3] == ["create", "delete", "create"]


def test_success_is_the_end_and_the_job_stays(api, launcher):
    api.end("Succeeded")
    assert launcher.poll().done
    launcher.stop()
    assert "delete" not in api.done


def test_a_replica_that_gave_up_ends_it(api, launcher):
    api.pod_list = [pod("chief-0", "a", code=138), pod("worker-0", "b", code=2)]
    api.end("Failed")
    state = launcher.poll()
    assert (state.failed, state.restarts) == ("worker-0 ended with exit code 2", 1)


def test_pods_that_were_deleted_start_the_job_again(api, launcher, said):
    api.pod_list = [pod("chief-0", "a"), pod("worker-0", "b")]
    launcher.poll()
    api.pod_list = [pod("chief-0", "a", code=138)]
    api.end("Failed")
    state = launcher.poll()
    assert not state.failed
    assert state.restarts == 3  # The chief, the worker's pod and the job.
    assert api.done == ["create", "delete", "create"]
    assert "worker-0 is gone: its pod was deleted" in said


def test_past_its_deadline_it_is_not_started_again(api, launcher):
    api.end("Failed", seconds=601)
    assert launcher.poll().failed == "The job is Failed"


def test_a_reason_on_the_volume_is_final_even_if_no_pod_was_seen(api, launcher, request_):
    request_.write_failure("worker-0", InputError("The split is empty."), 2)
    api.end("Failed")
    assert launcher.poll().failed


def test_restarts_are_counted_by_pod(api, launcher):
    api.pod_list = [pod("chief-0", "a"), pod("worker-0", "b", code=137)]
    assert [launcher.poll().restarts for _ in range(3)] == [1, 1, 1]
    api.pod_list = [pod("chief-0", "a"), pod("worker-0", "c", code=137)]
    assert launcher.poll().restarts == 2


def test_a_missing_image_is_named(api, launcher):
    api.pod_list = [pod("chief-0", "a"), pod("worker-0", "b", phase="Pending", reason="ErrImageNeverPull")]
    waiting = launcher.poll().waiting
    assert (
        waiting == "waiting: worker-0: image lodestar/pipelines:gone is missing: ErrImageNeverPull, not there"
    )


def test_a_quota_is_named_until_it_allows(api, launcher):
    api.events = ['pods "job-worker-0" is forbidden: exceeded quota: tight']
    api.pod_list = [pod("chief-0", "a")]
    waits = [launcher.poll().waiting for _ in range(8)]
    assert waits[-1].startswith("waiting for quota: 1 of 2 missing: pods")
    api.pod_list.append(pod("worker-0", "b"))
    assert launcher.poll().waiting == ""


def test_a_job_that_somebody_deleted_is_told(api, launcher):
    api.present = None
    with pytest.raises(LodestarError, match="The TFJob job is gone"):
        launcher.poll()
