"""Check that a cluster has what the pipelines need; name what is missing and the command that installs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import kubernetes

from components.errors import LodestarError
from pipelines.checks import Check
from pipelines.kubeflow import declared
from pipelines.kubeflow.address import Address
from pipelines.kubeflow.connection import Cluster, NotFound, connect, find_cluster
from pipelines.kubeflow.platform import MANIFESTS, Platform

_TRAINER = "github.com/kubeflow/trainer.git/manifests/overlays/standalone"
_TRAINING_OPERATOR = f'kubectl apply --server-side -k "{_TRAINER}?ref=v1.9.4"'
_KUBEFLOW = "github.com/kubeflow/pipelines/manifests/kustomize"
_PIPELINES = (
    f'kubectl apply -k "{_KUBEFLOW}/cluster-scoped-resources?ref=2.17.0" && '
    f'kubectl apply -k "{_KUBEFLOW}/env/platform-agnostic?ref=2.17.0"'
)
_KINDS = (
    ("training operator", "kubeflow.org/v1", "tfjobs", _TRAINING_OPERATOR),
    ("Argo Workflows", "argoproj.io/v1alpha1", "workflows", _PIPELINES),
)


def cluster_checks(platform: Platform, overlay: str, image: str, host: str | None) -> Iterator[Check]:
    """Yield a check for everything that a run needs, in the order in which it is installed.

    Args:
        platform: What the overlay says.
        overlay: Its name, for the command that applies it.
        image: The steps' image with its tag or digest.
        host: Address of Kubeflow Pipelines; None looks for it.
    """
    try:
        cluster = find_cluster()
        version = cluster.call(kubernetes.client.VersionApi(cluster.api).get_code)
    except LodestarError as error:
        yield Check("API server", error.problem, f"{error.cure} For a laptop: `make kind-up`.")
        return
    yield Check("API server", f"{cluster.server}, {version.git_version}")
    core = kubernetes.client.CoreV1Api(cluster.api)
    for what, group, kind, install in _KINDS:
        yield _served(cluster, what, group, kind, install)
    yield _pipelines(host, platform.namespace)
    apply = f"kubectl apply -k manifests/overlays/{overlay}"
    namespace = platform.namespace
    yield _object(cluster, f"namespace {namespace}", apply, _name, core.read_namespace, namespace)
    yield from _metadata(cluster, core, platform)
    for account in {platform.service_account: 0, **dict.fromkeys(declared.accounts(MANIFESTS / "base"))}:
        what = f"service account {account}"
        yield _object(cluster, what, apply, _name, core.read_namespaced_service_account, account, namespace)
    for volume in platform.volumes:
        yield _claim(cluster, core, namespace, volume.claim, apply)
    yield _rights(cluster, platform, apply)
    yield _image(cluster, core, image)


def _served(cluster: Cluster, what: str, group: str, kind: str, install: str) -> Check:
    # Discovery is open to every account, custom resource definitions are not.
    def discover(_request_timeout: Any) -> Any:
        return cluster.api.call_api(
            f"/apis/{group}",
            "GET",
            response_type="object",
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
            _request_timeout=_request_timeout,
        )

    try:
        names = {resource["name"] for resource in cluster.call(discover)["resources"]}
    except NotFound:
        names = set()
    except LodestarError as error:
        return Check(what, error.problem, error.cure)
    if kind in names:
        return Check(what, f"{kind}.{group}")
    return Check(what, f"the cluster has no {kind}.{group}", install)


def _pipelines(host: str | None, namespace: str) -> Check:
    try:
        api = connect(host, namespace)
    except NotFound as error:
        return Check("Kubeflow Pipelines", error.problem, _PIPELINES)
    except LodestarError as error:
        return Check("Kubeflow Pipelines", error.problem, error.cure)
    return Check("Kubeflow Pipelines", f"{api.server}{', multi-user' if api.multi_user else ''}")


def _object(cluster: Cluster, what: str, cure: str, found: Callable[[Any], str], *call: Any) -> Check:
    try:
        return Check(what, found(cluster.call(*call)))
    except NotFound:
        return Check(what, "missing", cure)
    except LodestarError as error:
        return Check(what, error.problem, error.cure)


def _name(one: Any) -> str:
    return str(one.metadata.name)


def _metadata(cluster: Cluster, core: Any, platform: Platform) -> Iterator[Check]:
    address = Address.parse(platform.metadata)
    name, _, rest = address.host.partition(".")
    namespace = rest.split(".")[0] or platform.namespace
    # A database outside the cluster has a name of its own; only a pod can tell whether it answers.
    if address.scheme != "grpc" and (not name or (rest and ".svc" not in f".{rest}")):
        yield Check("ML Metadata", f"{platform.metadata}, not looked at: outside the cluster")
        return

    def ready(endpoints: Any) -> str:
        count = sum(len(subset.addresses or ()) for subset in endpoints.subsets or ())
        if not count:
            raise LodestarError(
                f"Service {namespace}/{name} has no pod that is ready.",
                cure=f"`kubectl -n {namespace} get pods` says why.",
            )
        return f"{platform.metadata}, {count} ready"

    yield _object(cluster, "ML Metadata", _PIPELINES, ready, core.read_namespaced_endpoints, name, namespace)


def _claim(cluster: Cluster, core: Any, namespace: str, claim: str, apply: str) -> Check:
    def bound(one: Any) -> str:
        if one.status.phase != "Bound":
            raise LodestarError(
                f"{one.status.phase}, not bound to a volume.",
                cure=f"`kubectl -n {namespace} describe pvc {claim}` says why; it is ReadWriteMany.",
            )
        return f"bound to {one.spec.volume_name}, {' '.join(one.spec.access_modes)}"

    read = core.read_namespaced_persistent_volume_claim
    return _object(cluster, f"volume claim {claim}", apply, bound, read, claim, namespace)


def _rights(cluster: Cluster, platform: Platform, apply: str) -> Check:
    account, namespace = platform.service_account, platform.namespace
    what = f"rights of {account}"
    rights = declared.rights(MANIFESTS / "base", account)
    try:
        missing = [right for right in rights if not _may(cluster, namespace, account, right)]
    except LodestarError as error:
        return Check(what, f"cannot be told: {error.problem}", error.cure)
    if len(missing) == len(rights):
        return Check(what, f"none of the {len(rights)} that the manifests give", apply)
    if missing:
        return Check(what, f"may not {', '.join(map(str, missing))}", apply)
    return Check(what, f"all {len(rights)} that the manifests give")


def _may(cluster: Cluster, namespace: str, account: str, right: declared.Right) -> bool:
    client = kubernetes.client
    review = client.V1LocalSubjectAccessReview(
        metadata=client.V1ObjectMeta(namespace=namespace),
        spec=client.V1SubjectAccessReviewSpec(
            user=f"system:serviceaccount:{namespace}:{account}",
            groups=["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"],
            resource_attributes=client.V1ResourceAttributes(
                namespace=namespace,
                verb=right.verb,
                group=right.group,
                resource=right.resource,
                subresource=right.subresource,
                name=right.name,
            ),
        ),
    )
    ask = client.AuthorizationV1Api(cluster.api).create_namespaced_local_subject_access_review
    return bool(cluster.call(ask, namespace, review).status.allowed)


def _image(cluster: Cluster, core: Any, image: str) -> Check:
    what = f"image {image}"
    try:
        nodes = cluster.call(core.list_node).items
    except LodestarError as error:
        return Check(what, f"cannot be told: {error.problem}")
    having = [node for node in nodes if _has(node, image)]
    if having:
        return Check(what, f"on {len(having)} of {len(nodes)} nodes")
    # The first part of a name is a registry when it looks like a host.
    if "." in image.split("/")[0] or ":" in image.split("/")[0]:
        return Check(what, "on no node yet; its registry is asked for it")
    cure = f"`kind load docker-image {image}`, or push it to a registry and name that in manifests/images."
    return Check(what, f"on none of {len(nodes)} nodes", cure)


def _has(node: Any, image: str) -> bool:
    names = {name for entry in node.status.images or () for name in entry.names or ()}
    return any(name == image or name.endswith(f"/{image}") for name in names)
