import json
import re
from copy import deepcopy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.distributed.cluster import replica_counts
from components.distributed.request import Request
from components.errors import InputError
from components.family import ComputeSettings
from components.tfjob.template import job_name, render
from pipelines.kubeflow.platform import MANIFESTS, load_platform
from pipelines.kubeflow.tfjob import render_tfjob

TEMPLATE = MANIFESTS / "base" / "training" / "tfjob.yaml"
COMPILED = render_tfjob(load_platform("kind-cpu"), "lodestar/pipelines:dev")


def job_of(compute: ComputeSettings, template: str = COMPILED, owner: dict | None = None) -> dict:
    request = Request("/lodestar/run", compute, "family.run_fn", {})
    return render(template, "job", replica_counts(compute), request, owner)


@given(workers=st.integers(1, 50), servers=st.integers(0, 9), timeout=st.floats(1, 1e5))
def test_the_job_has_the_replicas_that_the_settings_ask_for(workers, servers, timeout):
    if workers == 1 and servers == 0:
        workers = 2
    compute = ComputeSettings(workers=workers, parameter_servers=servers, step_timeout_seconds=timeout)
    job = job_of(compute)
    found = {kind: replica["replicas"] for kind, replica in job["spec"]["tfReplicaSpecs"].items()}
    assert found.pop("Chief") == 1
    assert found.pop("PS", 0) == servers
    assert found.pop("Worker", 0) == (workers if servers else workers - 1)
    assert found == {}
    for kind, replica in job["spec"]["tfReplicaSpecs"].items():
        [container] = replica["template"]["spec"]["containers"]
        assert container["args"] == ["/lodestar/run/request.json"]
        assert container["livenessProbe"]["exec"]["command"][-3:] == [
            "/lodestar/run/signs", kind.lower(), str(timeout),
        ]  # fmt: skip


def test_every_job_ends_and_is_cleaned_up():
    job = job_of(ComputeSettings(workers=1, parameter_servers=1))
    policy = job["spec"]["runPolicy"]
    assert policy["activeDeadlineSeconds"] > 0
    assert policy["ttlSecondsAfterFinished"] > 0
    assert policy["cleanPodPolicy"] == "Running"
    for replica in job["spec"]["tfReplicaSpecs"].values():
        assert replica["restartPolicy"] == "ExitCode"
        pod = replica["template"]["spec"]
        assert pod["serviceAccountName"] == "lodestar-trainer"
        assert pod["automountServiceAccountToken"] is False
        assert [container["name"] for container in pod["containers"]] == ["tensorflow"]


def test_the_job_is_removed_with_its_owner():
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "step", "uid": "1"}
    assert job_of(ComputeSettings(workers=2), owner=owner)["metadata"]["ownerReferences"] == [owner]
    assert "ownerReferences" not in job_of(ComputeSettings(workers=2))["metadata"]


def test_the_template_is_not_changed_and_replicas_share_nothing():
    template = json.loads(COMPILED)
    before = deepcopy(template)
    job = job_of(ComputeSettings(workers=2), json.dumps(template))
    job["spec"]["tfReplicaSpecs"]["Chief"]["template"]["spec"]["containers"].clear()
    assert job["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]["containers"]
    assert template == before


def test_the_template_uses_only_fields_that_both_supported_operators_have():
    policy = {"cleanPodPolicy", "activeDeadlineSeconds", "ttlSecondsAfterFinished"}
    spec = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))["spec"]
    assert set(spec) == {"successPolicy", "runPolicy", "tfReplicaSpecs"}
    assert set(spec["runPolicy"]) == policy
    assert {key for replica in spec["tfReplicaSpecs"].values() for key in replica} == {
        "replicas", "restartPolicy", "template",
    }  # fmt: skip


@pytest.mark.parametrize("template", ["", "{}", "[]", '{"spec": {"tfReplicaSpecs": {}}}', "null"])
def test_a_template_that_is_no_tfjob_names_where_it_comes_from(template):
    with pytest.raises(InputError, match=r"LODESTAR_TFJOB: This is not a TFJob.*\n.*tfjob.yaml"):
        job_of(ComputeSettings(workers=2), template)


def test_a_container_of_another_name_is_refused():
    job = json.loads(COMPILED)
    job["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]["containers"][0]["name"] = "main"
    with pytest.raises(InputError, match="a container `tensorflow`"):
        job_of(ComputeSettings(workers=2), json.dumps(job))


@given(pipeline=st.text(), digest=st.text("0123456789abcdef", min_size=64, max_size=64))
def test_a_job_name_is_a_dns_label_with_room_for_its_replicas(pipeline, digest):
    name = job_name(pipeline, digest)
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
    assert len(f"{name}-worker-999") <= 63
    assert digest[:10] in name
