"""Ask a model server over REST; imports no TensorFlow, so it starts at once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import requests

from components.errors import LodestarError

from .errors import HTTP_STATUS, UNKNOWN_LABEL, Code
from .status import State, VersionStatus

TIMEOUT_SECONDS = 30.0
STABLE = "stable"

_START = "Start it with `lodestar serve`."
_REMEMBER_SECONDS = 1.0


class UnknownLabel(LodestarError):
    """Signal that no version of the model has the label that was asked for."""


class Asker:
    """Asks one model: a version, a label, or what is stable.

    A family that was never deployed has no label `stable`; then the newest version is asked, for a second
    without asking for the label again.

    Args:
        base_url: `http://host:port` of the REST API.
        model: The model's name.
        version: The version to ask; None for the stable one.
        label: The label to ask; not together with a version.
        clock: Seconds, never going back.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base_url, self._model = base_url, model
        self._version, self._label = version, label
        self._clock = clock
        self._unlabelled_until = float("-inf")

    def predict(
        self, inputs: Mapping[str, Any], *, signature_name: str = "serving_default"
    ) -> dict[str, Any]:
        """Run a signature and return output name -> nested list; raises as the function `predict` does."""
        if self._version is not None or self._label is not None:
            return self._ask(inputs, signature_name, self._label)
        if self._clock() >= self._unlabelled_until:
            try:
                return self._ask(inputs, signature_name, STABLE)
            except UnknownLabel:
                self._unlabelled_until = self._clock() + _REMEMBER_SECONDS
        return self._ask(inputs, signature_name, None)

    def _ask(self, inputs: Mapping[str, Any], signature_name: str, label: str | None) -> dict[str, Any]:
        return predict(
            self._base_url,
            self._model,
            inputs,
            signature_name=signature_name,
            version=self._version,
            label=label,
        )


def predict(
    base_url: str,
    model: str,
    inputs: Mapping[str, Any],
    *,
    signature_name: str = "serving_default",
    timeout: float = TIMEOUT_SECONDS,
    version: int | None = None,
    label: str | None = None,
) -> dict[str, Any]:
    """Run a signature and return output name -> nested list, batch first.

    Args:
        base_url: `http://host:port` of the REST API.
        model: The model's name.
        inputs: Input name -> nested list, batch first.
        signature_name: The signature to run.
        timeout: Seconds to wait for the answer.
        version: The version to ask; None for the one with the label, or the newest.
        label: The label of the version to ask.

    Raises:
        UnknownLabel: No version has the label.
        LodestarError: Nothing listens there, the model is not served, or it refuses the inputs.
    """
    body = {"signature_name": signature_name, "inputs": dict(inputs)}
    which = _which(model, version, label)
    outputs = _call("POST", base_url, f"{which}:predict", body, timeout)["outputs"]
    if isinstance(outputs, dict):
        return outputs
    # A single output comes without its name.
    return {_only_output(base_url, which, signature_name, timeout): outputs}


def status(base_url: str, model: str, *, timeout: float = TIMEOUT_SECONDS) -> list[VersionStatus]:
    """Return the state of every version of a model, newest first.

    Raises:
        LodestarError: Nothing listens there, or the model is not known.
    """
    entries = _call("GET", base_url, model, None, timeout)["model_version_status"]
    return [
        VersionStatus(
            int(entry["version"]),
            State[entry["state"]],
            Code[entry["status"]["error_code"]],
            entry["status"]["error_message"],
        )
        for entry in entries
    ]


def _which(model: str, version: int | None, label: str | None) -> str:
    if version is not None:
        return f"{model}/versions/{version}"
    return f"{model}/labels/{quote(label, safe='')}" if label is not None else model


def _only_output(base_url: str, model: str, signature_name: str, timeout: float) -> str:
    metadata = _call("GET", base_url, f"{model}/metadata", None, timeout)["metadata"]
    signature = metadata["signature_def"]["signature_def"][signature_name]
    return str(next(iter(signature["outputs"])))


def _call(
    method: str, base_url: str, path: str, body: Mapping[str, Any] | None, timeout: float
) -> dict[str, Any]:
    # Not `json=`, which refuses NaN and infinities; the server takes them.
    data = None if body is None else json.dumps(body).encode()
    url = f"{base_url.rstrip('/')}/v1/models/{path}"
    try:
        response = requests.request(method, url, data=data, timeout=timeout)
    except requests.ConnectionError as error:
        raise LodestarError(f"No model server answers at {base_url}.", cure=_START) from error
    except requests.Timeout as error:
        raise LodestarError(
            f"The model server at {base_url} did not answer within {timeout:g} s.",
            cure="Look at its output, or ask again with a longer timeout.",
        ) from error
    except requests.RequestException as error:
        raise LodestarError(
            f"`{base_url}` is no address of a model server: {error}.", cure="Give it as http://host:port."
        ) from error
    return _content(response, path)


def _content(response: requests.Response, path: str) -> dict[str, Any]:
    try:
        content = response.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise LodestarError(
            f"{response.url} did not answer as a model server does (HTTP {response.status_code}).",
            cure="Check the address: it is the one that `lodestar serve` prints after REST.",
        )
    if response.ok:
        return content
    model = path.partition(":")[0].partition("/")[0]
    message = str(content.get("error", response.reason))
    if response.status_code == HTTP_STATUS[Code.NOT_FOUND]:
        raise LodestarError(
            f"Model `{model}` is not served: {message}.",
            cure=f"Push it with `lodestar run {model}`; a running server follows by itself.",
        )
    if message.startswith(UNKNOWN_LABEL):
        raise UnknownLabel(
            f"Model `{model}` has no such label: {message.rstrip('.')}.",
            cure=f"`lodestar status {model}` shows the labels.",
        )
    raise LodestarError(f"Model `{model}` refused the request: {message.rstrip('.')}.")
