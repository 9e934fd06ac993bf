"""The Trainer node's executor when `run_fn` runs in replicas."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import sys
from collections.abc import Callable
from typing import Any

from tfx import types
from tfx.components.trainer.executor import GenericExecutor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, json_utils, path_utils

from components.distributed.request import OUTPUTS, Request
from components.errors import LodestarError
from components.family import ComputeSettings
from components.tfjob.follow import Launcher, follow
from components.tfjob.processes import LocalProcesses
from components.tfjob.template import VARIABLE, job_name

_NOT_PLAIN = {"data_accessor"}
Artifacts = dict[str, list[types.Artifact]]


class DistributedExecutor(GenericExecutor):
    """Trains in replicas and collects what their chief makes.

    They run as a TFJob where the environment has a template for one, else as processes of this machine. Each
    step has a folder beside its node's artifacts, named by what is to be trained and in which run: an attempt
    that was cut off is continued from its backup, or found still running.
    """

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Train; the artifacts are as the stock executor's.

        Raises:
            LodestarError: Training failed, or left no model.
            InputError: It failed because of data or settings.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        name = self._name(input_dict, exec_properties)
        folder = posixpath.join(_node_folder(self._get_tmp_dir()), "training", name)
        request = self._request(folder, input_dict, output_dict, exec_properties)
        request.write()
        _forget_failures(request)
        follow(_launcher(name, request), request, _newest(request), _say)
        _collect(request, output_dict)
        fileio.rmtree(request.folder)

    def _request(
        self, folder: str, inputs: Artifacts, outputs: Artifacts, properties: dict[str, Any]
    ) -> Request:
        aside = {key: json_utils.loads(json_utils.dumps(outputs[key])) for key in OUTPUTS}
        for key, artifacts in aside.items():
            artifacts[0].uri = posixpath.join(folder, key)
        fields = vars(self._GetFnArgs(inputs, aside, properties))
        arguments = {name: value for name, value in fields.items() if name not in _NOT_PLAIN}
        compute = json.loads(arguments["custom_config"]["settings"])["compute"]
        return Request(folder, ComputeSettings.model_validate(compute), properties["run_fn"], arguments)

    def _name(self, inputs: Artifacts, properties: dict[str, Any]) -> str:
        if self._context is None:
            raise LodestarError("The Trainer has no context.", cure="Run it by a TFX launcher.")
        uris = {key: [artifact.uri for artifact in artifacts] for key, artifacts in inputs.items()}
        what = [self._context.pipeline_run_id, uris, properties]
        digest = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()
        pipeline = self._context.pipeline_info.id if self._context.pipeline_info else "training"
        return job_name(pipeline, digest)


def _node_folder(tmp: str) -> str:
    # <pipeline root>/<node>/.system/executor_execution/<id>/.temp/...
    before, mark, _ = tmp.partition("/.system/")
    return f"{before}{mark}".rstrip("/") if mark else tmp.rstrip("/")


def _forget_failures(request: Request) -> None:
    failures = posixpath.dirname(request.failure("any"))
    if fileio.exists(failures):
        fileio.rmtree(failures)


def _launcher(name: str, request: Request) -> Launcher:
    template = os.environ.get(VARIABLE)
    if template is None:
        return LocalProcesses(request, _say)
    # The Kubernetes client takes a second to import.
    from components.tfjob.job import connect

    return connect(template, name, request, _say)


def _newest(request: Request) -> Callable[[], str | None]:
    from components.distributed.backup import newest

    return lambda: newest(request.backup)


def _collect(request: Request, outputs: Artifacts) -> None:
    if not fileio.exists(path_utils.serving_model_dir(request.output("model"))):
        raise LodestarError(
            f"The replicas have succeeded but left no model in {request.output('model')}.",
            cure="Replicas need the volume of the Trainer step at the same path.",
        )
    for key in OUTPUTS:
        target = artifact_utils.get_single_uri(outputs[key])
        io_utils.copy_dir(request.output(key), target)


def _say(line: str) -> None:
    # In one piece: the replicas' threads print at the same time.
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
