"""Reach the Kubeflow Pipelines API and the Kubernetes API; every failure becomes one clear error.

The address of Kubeflow Pipelines is `--host`, else $LODESTAR_KFP_HOST, else $KF_PIPELINES_ENDPOINT, else the
service proxy of the Kubernetes API server that the kubeconfig names: it works with client certificates,
tokens and plug-ins alike and needs no port-forward. The generated client of the kfp SDK (`kfp_server_api`) is
used without `kfp.Client`, which prints, and retries for 25 s before it says that nobody answers.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import kfp_server_api
import kubernetes
import urllib3
import yaml
from kubernetes.config import ConfigException

from components.errors import InputError, LodestarError

HOST_VARIABLES = ("LODESTAR_KFP_HOST", "KF_PIPELINES_ENDPOINT")
TOKEN_VARIABLE = "LODESTAR_KFP_TOKEN"  # noqa: S105 - a name, not a secret
# Where Kubeflow Pipelines is installed when it is not in the namespace of the steps.
KUBEFLOW_NAMESPACE = "kubeflow"
_SERVICE_PROXY = "/api/v1/namespaces/{}/services/ml-pipeline:http/proxy"
_TIMEOUT_S = (5, 60)
_CONNECT_ERRORS = (urllib3.exceptions.HTTPError, OSError)


class NotFound(LodestarError):
    """Signal that the API answered 404."""


class AlreadyExists(LodestarError):
    """Signal that the API answered 409."""


class Unreachable(LodestarError):
    """Signal that nobody answers at an address."""


@dataclass(frozen=True)
class Cluster:
    """The Kubernetes API as the kubeconfig, or the pod's own account, reaches it.

    Attributes:
        api: The client to build typed APIs from.
        server: Its address, for messages.
    """

    api: kubernetes.client.ApiClient
    server: str

    def call(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a method of a Kubernetes API; see `call`."""
        return call(self.server, method, *arguments, **{"_request_timeout": _TIMEOUT_S, **options})


@dataclass(frozen=True)
class KubeflowApi:
    """The Kubeflow Pipelines API.

    Attributes:
        api: The generated client.
        server: Its address, for messages.
        multi_user: Whether objects belong to namespaces.
    """

    api: kfp_server_api.ApiClient
    server: str
    multi_user: bool

    def call(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a method of the API; see `call`."""
        return call(self.server, method, *arguments, **{"_request_timeout": _TIMEOUT_S, **options})


def call(server: str, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a generated client's method.

    Raises:
        NotFound: The server answered 404.
        AlreadyExists: The server answered 409.
        Unreachable: It did not answer.
        LodestarError: It refused; the message has its reason.
    """
    try:
        return method(*arguments, **options)
    except (kfp_server_api.ApiException, kubernetes.client.ApiException) as error:
        raise _explain(server, error) from None
    except _CONNECT_ERRORS as error:
        raise Unreachable(
            f"`{server}` does not answer: {_reason(error)}.",
            cure="Check the address and that the cluster is up: `lodestar doctor --cluster`.",
        ) from None


def find_cluster() -> Cluster:
    """Return the cluster of the kubeconfig's current context, or the one that this pod is in.

    Raises:
        InputError: There is neither, or the kubeconfig is broken.
    """
    configuration = kubernetes.client.Configuration()
    _load(configuration)
    # One try: a command should say at once that nobody answers.
    configuration.retries = 0
    return Cluster(kubernetes.client.ApiClient(configuration), configuration.host)


def connect(host: str | None, namespace: str) -> KubeflowApi:
    """Return the Kubeflow Pipelines API after it has answered.

    Args:
        host: Its address; None looks at the environment, then at the kubeconfig.
        namespace: Where the steps run; Kubeflow Pipelines is looked for there, then in `kubeflow`.

    Raises:
        InputError: The address or the kubeconfig is wrong.
        LodestarError: Nobody answers, or not Kubeflow Pipelines.
    """
    host = host or next(filter(None, map(os.environ.get, HOST_VARIABLES)), None)
    if host:
        return _answering(_configured(_checked(host)))
    for candidate in dict.fromkeys((namespace, KUBEFLOW_NAMESPACE)):
        try:
            return _answering(_proxied(candidate))
        except NotFound:
            continue
    looked = " or ".join(f"`{one}`" for one in dict.fromkeys((namespace, KUBEFLOW_NAMESPACE)))
    raise NotFound(
        f"There is no Kubeflow Pipelines in namespace {looked}.",
        cure="Give its address with --host, or install it: `lodestar doctor --cluster` says how.",
    )


def _answering(configuration: Any) -> KubeflowApi:
    api = kfp_server_api.ApiClient(configuration)
    health = call(
        configuration.host,
        kfp_server_api.HealthzServiceApi(api).get_healthz,
        _request_timeout=_TIMEOUT_S,
    )
    return KubeflowApi(api, configuration.host, bool(health.multi_user))


def _configured(host: str) -> Any:
    configuration = kfp_server_api.Configuration(host=host)
    configuration.retries = 0
    token = os.environ.get(TOKEN_VARIABLE)
    if token:
        configuration.api_key["authorization"] = token
        configuration.api_key_prefix["authorization"] = "Bearer"
    return configuration


def _proxied(namespace: str) -> Any:
    configuration = kfp_server_api.Configuration()
    _load(configuration)
    configuration.retries = 0
    host = configuration.host.rstrip("/") + _SERVICE_PROXY.format(namespace)
    configuration.host = host
    refresh = configuration.refresh_api_key_hook

    def refresh_token(same: Any) -> None:
        # The hook of a kubeconfig with a token sets the host again, without the proxy's path.
        refresh(same)
        same.host = host

    configuration.refresh_api_key_hook = refresh_token if refresh else None
    return configuration


def _load(configuration: Any) -> None:
    try:
        try:
            kubernetes.config.load_kube_config(client_configuration=configuration)
        except ConfigException:
            if "KUBERNETES_SERVICE_HOST" not in os.environ:
                raise
            kubernetes.config.load_incluster_config(client_configuration=configuration)
    except (ConfigException, yaml.YAMLError, OSError, ValueError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(
            f"There is no usable kubeconfig: {reason}.",
            cure="Set KUBECONFIG to one, or give the address of Kubeflow Pipelines with --host.",
        ) from None


def _checked(host: str) -> str:
    if urlsplit(host).scheme not in ("http", "https") or not urlsplit(host).netloc:
        raise InputError(
            f"`{host}` is not an address of Kubeflow Pipelines.", cure="E.g. --host http://localhost:8888."
        )
    return host.rstrip("/")


def _explain(server: str, error: Any) -> LodestarError:
    reason = _message(error)
    if error.status == 404:
        return NotFound(f"`{server}` knows no such thing: {reason}.", cure="Check the address and the name.")
    if error.status == 409:
        return AlreadyExists(f"`{server}` has it already: {reason}.", cure="Choose another name.")
    if error.status in (401, 403):
        return LodestarError(
            f"`{server}` refuses the request: {reason}.",
            cure=f"Use an account that may do this (kubeconfig, or {TOKEN_VARIABLE} with --host), or ask for"
            " the role; `lodestar doctor --cluster` lists what is missing.",
        )
    if error.status == 503:
        return Unreachable(
            f"`{server}` is not ready: {reason}.",
            cure="Look at its pods: `kubectl get pods -A -l app=ml-pipeline`.",
        )
    return LodestarError(
        f"`{server}` answered {error.status}: {reason}.",
        cure="`lodestar doctor --cluster` checks the cluster.",
    )


def _message(error: Any) -> str:
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else error.body or ""
    try:
        value = json.loads(body)
        body = value.get("message") or value.get("error") or body
    except (ValueError, AttributeError):
        pass
    lines = str(body or error.reason or "no reason given").strip().splitlines()
    return lines[0].strip().rstrip(".")[:300] if lines else "no reason given"


def _reason(error: BaseException) -> str:
    cause: Any = error
    while getattr(cause, "reason", None) and isinstance(cause.reason, BaseException):
        cause = cause.reason
    text = str(cause).split(": ")[-1] if isinstance(cause, urllib3.exceptions.HTTPError) else str(cause)
    return re.sub(r"^\[Errno -?\d+\] ", "", text.strip()).rstrip(".") or type(cause).__name__
