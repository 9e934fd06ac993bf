"""Who may do what: every pair is asked of the real API server, after the overlay is applied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes
import pytest

PIPELINE, TRAINER, SWEEP, PUSHER, VIEWER = "pipeline", "trainer", "sweep", "pusher", "viewer"
DEPLOYER, DEPLOYER_POD = "deployers", "deployer"
# Of the pods that serve; the overlay of these tests has no such accounts, and no right waits for them.
GATEWAY, SERVING = "gateway", "serving-matrix-factorization"

_GROUPS = {VIEWER: "lodestar-sre", DEPLOYER: "lodestar-deployers"}

# subject, verbs, resource[.group][/subresource][:name]
ALLOWED = [
    (PIPELINE, "create get list watch delete", "tfjobs.kubeflow.org"),
    (PIPELINE, "get list watch", "pods"),
    (PIPELINE, "get", "pods/log"),
    (PIPELINE, "list", "events"),
    (PIPELINE, "create patch", "workflowtaskresults.argoproj.io"),
    (PIPELINE, "get", "configmaps:kfp-launcher"),
    (PIPELINE, "get", "secrets:mlpipeline-minio-artifact"),
    # A sweep is a step of a run.
    (PIPELINE, "create get list watch delete", "jobs.batch"),
    (PIPELINE, "create get list update", "leases.coordination.k8s.io"),
    (SWEEP, "create get list watch delete", "jobs.batch"),
    (SWEEP, "create get list watch delete", "tfjobs.kubeflow.org"),
    (SWEEP, "get list watch", "pods"),
    (SWEEP, "get", "pods/log"),
    (SWEEP, "list", "events"),
    (SWEEP, "create get list update", "leases.coordination.k8s.io"),
    (PUSHER, "get patch", "configmaps:lodestar-models"),
    (DEPLOYER, "get patch", "configmaps:lodestar-models"),
    (DEPLOYER, "get list", "pods"),
    (DEPLOYER, "create get", "pods/portforward"),
    (DEPLOYER, "create", "pods/eviction"),
    (DEPLOYER_POD, "get patch", "configmaps:lodestar-models"),
    (DEPLOYER_POD, "get list", "pods"),
    (VIEWER, "get list watch", "pods"),
    (VIEWER, "get", "pods/log"),
    (VIEWER, "get list watch", "events"),
    (VIEWER, "get list watch", "configmaps"),
    (VIEWER, "get list watch", "persistentvolumeclaims"),
    (VIEWER, "get list watch", "resourcequotas"),
    (VIEWER, "get list watch", "jobs.batch"),
    (VIEWER, "get list watch", "deployments.apps"),
    (VIEWER, "get list watch", "horizontalpodautoscalers.autoscaling"),
    (VIEWER, "get list watch", "poddisruptionbudgets.policy"),
    (VIEWER, "get list watch", "tfjobs.kubeflow.org"),
    (VIEWER, "get list watch", "workflows.argoproj.io"),
    (VIEWER, "get list watch", "networkpolicies.networking.k8s.io"),
]
FORBIDDEN = [
    # Reading one key does not mean reading all of them.
    (PIPELINE, "list watch", "secrets"),
    (PIPELINE, "get", "secrets:another"),
    (PIPELINE, "get", "configmaps:another"),
    (PIPELINE, "list create", "configmaps"),
    (PIPELINE, "patch delete", "configmaps:kfp-launcher"),
    (PIPELINE, "create patch update delete", "pods"),
    (PIPELINE, "create", "pods/exec"),
    (PIPELINE, "create", "pods/eviction"),
    (PIPELINE, "patch update", "tfjobs.kubeflow.org"),
    (PIPELINE, "patch update", "jobs.batch"),
    (PIPELINE, "delete", "leases.coordination.k8s.io"),
    (PIPELINE, "create delete", "persistentvolumeclaims"),
    (PIPELINE, "create get delete", "workflows.argoproj.io"),
    (PIPELINE, "delete list", "workflowtaskresults.argoproj.io"),
    (PIPELINE, "create", "serviceaccounts/token:lodestar-sweep"),
    (PIPELINE, "impersonate", "serviceaccounts"),
    (PIPELINE, "create escalate bind", "roles.rbac.authorization.k8s.io"),
    (PIPELINE, "create", "rolebindings.rbac.authorization.k8s.io"),
    (PIPELINE, "delete", "networkpolicies.networking.k8s.io"),
    (PIPELINE, "get list", "nodes"),
    (TRAINER, "get list create", "pods"),
    (TRAINER, "get", "pods/log"),
    (TRAINER, "get create delete", "tfjobs.kubeflow.org"),
    (TRAINER, "get list", "secrets"),
    (TRAINER, "get", "configmaps:kfp-launcher"),
    (TRAINER, "create", "jobs.batch"),
    (SWEEP, "get list", "secrets"),
    (SWEEP, "get list", "configmaps"),
    (SWEEP, "create delete patch", "pods"),
    (SWEEP, "create", "pods/exec"),
    (SWEEP, "patch update", "jobs.batch"),
    (SWEEP, "delete patch", "leases.coordination.k8s.io"),
    (SWEEP, "create", "cronjobs.batch"),
    (SWEEP, "patch", "deployments.apps"),
    (SWEEP, "deletecollection", "jobs.batch"),
    (PUSHER, "list create", "configmaps"),
    (PUSHER, "delete update", "configmaps:lodestar-models"),
    (PUSHER, "get patch", "configmaps:another"),
    (PUSHER, "get list", "secrets"),
    (PUSHER, "get list", "pods"),
    (PUSHER, "patch", "deployments.apps"),
    (DEPLOYER, "list create", "configmaps"),
    (DEPLOYER, "update delete", "configmaps:lodestar-models"),
    (DEPLOYER, "get patch", "configmaps:another"),
    (DEPLOYER, "get list", "secrets"),
    (DEPLOYER, "create delete patch", "pods"),
    (DEPLOYER, "create get", "pods/exec"),
    (DEPLOYER, "create", "pods/attach"),
    (DEPLOYER, "get patch", "deployments.apps"),
    (DEPLOYER, "patch", "horizontalpodautoscalers.autoscaling"),
    (DEPLOYER, "create", "serviceaccounts/token:lodestar-pipeline"),
    (DEPLOYER_POD, "get list", "secrets"),
    (DEPLOYER_POD, "create", "pods/exec"),
    # A SavedModel is a program, and the gateway is open to the world.
    (SERVING, "get list", "pods"),
    (SERVING, "get list", "secrets"),
    (SERVING, "get patch", "configmaps:lodestar-models"),
    (SERVING, "create", "pods/exec"),
    (GATEWAY, "get list", "pods"),
    (GATEWAY, "get list", "secrets"),
    (GATEWAY, "get patch", "configmaps:lodestar-models"),
    (GATEWAY, "create", "pods/portforward"),
    (VIEWER, "get list watch", "secrets"),
    (VIEWER, "create get", "pods/exec"),
    (VIEWER, "create", "pods/portforward"),
    (VIEWER, "create", "pods/attach"),
    (VIEWER, "create delete patch", "pods"),
    (VIEWER, "get create", "services/proxy"),
    (VIEWER, "patch", "configmaps"),
    (VIEWER, "patch delete", "deployments.apps"),
    (VIEWER, "create delete", "tfjobs.kubeflow.org"),
    (VIEWER, "create delete", "jobs.batch"),
    (VIEWER, "delete", "persistentvolumeclaims"),
    (VIEWER, "create", "serviceaccounts/token:lodestar-pipeline"),
]


def _pairs(table: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return [(subject, verb, resource) for subject, verbs, resource in table for verb in verbs.split()]


def _attributes(namespace: str, verb: str, text: str) -> dict[str, str]:
    path, _, name = text.partition(":")
    path, _, subresource = path.partition("/")
    resource, _, group = path.partition(".")
    return {
        "namespace": namespace,
        "verb": verb,
        "group": group,
        "resource": resource,
        "subresource": subresource,
        "name": name,
    }


def _subject(namespace: str, name: str) -> dict[str, Any]:
    if name in _GROUPS:
        return {"user": "someone@example.com", "groups": [_GROUPS[name], "system:authenticated"]}
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    return {"user": f"system:serviceaccount:{namespace}:lodestar-{name}", "groups": groups}


@pytest.fixture(scope="module")
def may(namespace: str, overlay: Path) -> Any:
    """`may(subject, verb, resource, namespace)`: the API server's own answer."""
    kubernetes.config.load_kube_config()
    api = kubernetes.client.AuthorizationV1Api()

    def ask(subject: str, verb: str, resource: str, where: str = namespace) -> bool:
        spec = {**_subject(namespace, subject), "resourceAttributes": _attributes(where, verb, resource)}
        return bool(api.create_subject_access_review({"spec": spec}).status.allowed)

    return ask


def test_the_table_covers_sixty_pairs_or_more_of_both_kinds() -> None:
    assert len(_pairs(ALLOWED)) >= 30
    assert len(_pairs(FORBIDDEN)) >= 30
    assert len(set(_pairs(ALLOWED)) | set(_pairs(FORBIDDEN))) == len(_pairs(ALLOWED + FORBIDDEN)) >= 60


@pytest.mark.parametrize(("subject", "verb", "resource"), _pairs(ALLOWED))
def test_allows_what_the_role_is_for(may: Any, subject: str, verb: str, resource: str) -> None:
    assert may(subject, verb, resource)


@pytest.mark.parametrize(("subject", "verb", "resource"), _pairs(FORBIDDEN))
def test_forbids_everything_else(may: Any, subject: str, verb: str, resource: str) -> None:
    assert not may(subject, verb, resource)


@pytest.mark.parametrize(("subject", "verb", "resource"), _pairs(ALLOWED))
def test_rights_end_at_the_namespace(may: Any, subject: str, verb: str, resource: str) -> None:
    assert not may(subject, verb, resource, "default")
