"""Objects of one namespace of a cluster, as the plain JSON that the API server speaks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from kubernetes.client import ApiClient, ApiException

from components.errors import LodestarError
from components.tfjob.api import body_of, message_of

Object = dict[str, Any]
_TIMEOUT_S = (5.0, 30.0)
_WATCH_S = 300
_CURES = {
    401: "The token or certificate is not valid; log in again.",
    403: "Bind the Role `lodestar-sweep` to this account: kubectl apply -k manifests/overlays/NAME.",
    404: "Install what is missing: `lodestar doctor --cluster` names the command.",
    422: "Mend the template: manifests/base/sweep/trial.yaml.",
}


@dataclass(frozen=True)
class Kind:
    """A kind of objects.

    Attributes:
        name: For people.
        group: `batch/v1`; the core group is `v1`.
        plural: In addresses.
    """

    name: str
    group: str
    plural: str


JOB = Kind("Job", "batch/v1", "jobs")
TFJOB = Kind("TFJob", "kubeflow.org/v1", "tfjobs")
POD = Kind("pod", "v1", "pods")
LEASE = Kind("Lease", "coordination.k8s.io/v1", "leases")
EVENT = Kind("event", "v1", "events")


class Objects:
    """The API server's objects of one namespace.

    A call that fails for a passing reason is tried again with growing pauses.

    Args:
        client: Knows the server and who is asking.
        namespace: Of all objects.
        tries: How often a call is tried in all; 8 are about two minutes.
        sleep: Waits for seconds.
        timeout: Seconds to connect, and to wait for an answer.
    """

    def __init__(
        self,
        client: ApiClient,
        namespace: str,
        tries: int = 8,
        sleep: Callable[[float], None] = time.sleep,
        timeout: tuple[float, float] = _TIMEOUT_S,
    ) -> None:
        self.namespace = namespace
        self._client = client
        self._tries = tries
        self._sleep = sleep
        self._timeout = timeout

    def in_a_hurry(self) -> Objects:
        """Return the same objects by calls that are tried once, for some seconds."""
        return Objects(self._client, self.namespace, 1, self._sleep, (3.0, 5.0))

    def create(self, kind: Kind, body: Mapping[str, Any]) -> Object | None:
        """Create an object and return it; None when one of that name exists."""
        return self._unless(409, "AlreadyExists", "POST", kind, "", body)

    def get(self, kind: Kind, name: str) -> Object | None:
        """Return an object; None when there is none of that name."""
        return self._unless(404, "", "GET", kind, name)

    def replace(self, kind: Kind, body: Mapping[str, Any]) -> Object | None:
        """Replace an object and return it; None when it has changed since it was read, or is gone."""
        try:
            return self._unless(409, "Conflict", "PUT", kind, body["metadata"]["name"], body)
        except _Missing:
            return None

    def delete(self, kind: Kind, name: str) -> None:
        """Delete an object with its pods; nothing happens when there is none of that name."""
        # The object stays until its pods are gone, so that the next of that name meets none of them.
        options = {"propagationPolicy": "Foreground"}
        self._unless(404, "", "DELETE", kind, name, options)

    def list(self, kind: Kind, selector: str = "", fields: str = "") -> tuple[list[Object], str]:
        """Return the objects with these labels and fields, and the version that the list is of."""
        query = {"labelSelector": selector, "fieldSelector": fields}
        found = self._call("list", "GET", kind, query=query)
        return list(found.get("items") or []), str(found["metadata"].get("resourceVersion", ""))

    def watch(self, kind: Kind, selector: str, version: str) -> Iterator[tuple[str, Object]]:
        """Yield `ADDED`, `MODIFIED`, `DELETED` or `ERROR` with the object, for five minutes at most.

        Raises:
            ApiException: The server refuses, or knows that version no more.
            urllib3.exceptions.HTTPError: The connection broke.
        """
        query = {
            "labelSelector": selector,
            "resourceVersion": version,
            "watch": "true",
            "timeoutSeconds": str(_WATCH_S),
        }
        # Silence is usual; a server that is gone is noticed half a minute after the watch should have ended.
        response = self._send("GET", kind, query=query, timeout=(5.0, _WATCH_S + 30.0))
        try:
            rest = b""
            for chunk in response.stream(amt=None, decode_content=False):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    yield str(event["type"]), event["object"]
        finally:
            response.close()

    def log(self, pod: str, lines: int) -> tuple[str, ...]:
        """Return the last lines of a pod's log; none when it has none, or none any more."""
        try:
            response = self._send("GET", POD, f"{pod}/log", query={"tailLines": str(lines)})
        except (ApiException, urllib3.exceptions.HTTPError, OSError):
            return ()
        return tuple(response.data.decode("utf-8", "replace").splitlines())

    def warnings(self, name: str) -> tuple[str, ...]:
        """Return the messages of warning events about an object, oldest first; none without that right."""
        try:
            found, _ = self.list(EVENT, fields=f"involvedObject.name={name},type=Warning")
        except LodestarError:
            return ()
        return tuple(str(event.get("message", "")) for event in found)

    def _unless(
        self, status: int, reason: str, method: str, kind: Kind, name: str, body: Any = None
    ) -> Object | None:
        verbs = {"POST": "create", "GET": "get", "PUT": "update", "DELETE": "delete"}
        try:
            return self._call(verbs[method], method, kind, name, body)
        except Refused as refused:
            if refused.status == status and reason in ("", refused.reason):
                return None
            if refused.status == 404 and name:
                raise _Missing(refused.problem, cure=refused.cure) from None
            raise

    def _call(
        self,
        verb: str,
        method: str,
        kind: Kind,
        name: str = "",
        body: Any = None,
        query: Mapping[str, str] | None = None,
    ) -> Object:
        for attempt in range(self._tries):
            try:
                return dict(json.loads(self._send(method, kind, name, body, query).data))
            except ApiException as error:
                if attempt == self._tries - 1 or not _passes(error, method):
                    raise Refused(f"{verb} {_the(kind, name)}", error) from None
            except (urllib3.exceptions.HTTPError, OSError) as error:
                if attempt == self._tries - 1:
                    raise LodestarError(
                        f"The Kubernetes API does not answer: {error}.",
                        cure="Check the network and try again.",
                    ) from None
            self._sleep(min(30.0, 2.0**attempt))
        raise AssertionError("unreachable")

    def _send(
        self,
        method: str,
        kind: Kind,
        name: str = "",
        body: Any = None,
        query: Mapping[str, str] | None = None,
        timeout: tuple[float, float] | None = None,
    ) -> urllib3.HTTPResponse:
        root = "api" if kind.group == "v1" else "apis"
        path = f"/{root}/{kind.group}/namespaces/{self.namespace}/{kind.plural}"
        return self._client.call_api(
            f"{path}/{name}" if name else path,
            method,
            query_params=[(key, value) for key, value in (query or {}).items() if value],
            header_params={"Accept": "application/json, */*", "Content-Type": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _return_http_data_only=True,
            _request_timeout=timeout or self._timeout,
        )


class Refused(LodestarError):
    """The API server's no, as an error that says what to do."""

    def __init__(self, what: str, error: ApiException) -> None:
        self.status = int(error.status or 0)
        self.reason = str(body_of(error).get("reason", ""))
        cure = _CURES.get(self.status, "Ask the cluster's admin.")
        super().__init__(f"Cannot {what}: {message_of(error)}.", cure=cure)

    @property
    def by_quota(self) -> bool:
        """Return whether it may be a yes when something else has ended."""
        return self.status == 403 and "exceeded quota" in self.problem


class _Missing(LodestarError):
    """There is no object of that name."""


def _the(kind: Kind, name: str) -> str:
    return f"the {kind.name} {name.partition('/')[0]}" if name else f"{kind.name}s"


def _passes(error: ApiException, method: str) -> bool:
    # On creation a conflict is a race about a quota; the server asks to try again.
    if method == "POST" and body_of(error).get("reason") == "Conflict":
        return True
    return error.status in (0, 429) or error.status >= 500
