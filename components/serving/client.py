"""Ask a model server over REST; imports no TensorFlow, so it starts at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import requests

from components.errors import LodestarError

from .errors import HTTP_STATUS, Code
from .status import State, VersionStatus

TIMEOUT_SECONDS = 30.0

_START = "Start it with `lodestar serve`."


def predict(
    base_url: str,
    model: str,
    inputs: Mapping[str, Any],
    *,
    signature_name: str = "serving_default",
    timeout: float = TIMEOUT_SECONDS,
) -> dict[str, Any]:
    """Run a signature and return output name -> nested list, batch first.

    Args:
        base_url: `http://host:port` of the REST API.
        model: The model's name.
        inputs: Input name -> nested list, batch first.
        signature_name: The signature to run.
        timeout: Seconds to wait for the answer.

    Raises:
        LodestarError: Nothing listens there, the model is not served, or it refuses the inputs.
    """
    body = {"signature_name": signature_name, "inputs": dict(inputs)}
    outputs = _call("POST", base_url, f"{model}:predict", body, timeout)["outputs"]
    if isinstance(outputs, dict):
        return outputs
    # A single output comes without its name.
    return {_only_output(base_url, model, signature_name, timeout): outputs}


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
    raise LodestarError(f"Model `{model}` refused the request: {message.rstrip('.')}.")
