"""The Tuner node: a sweep as one step of a pipeline, whose best settings the Trainer takes."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts
from tfx.utils import io_utils

from components.errors import LodestarError
from components.family import Family, FamilySettings, find_family
from components.fingerprint import code_fingerprint
from hparam.folder import SweepFolder
from hparam.plan import SweepPlan, SweepStep
from hparam.progress import EventLines, describe_end, describe_params
from hparam.spec import Inputs
from hparam.succession import join, next_name
from hparam.trials import Sweep, Trial

Artifacts = dict[str, list[types.Artifact]]
# TFX's own Tuner calls it so, and its Trainer reads the only file there is.
_BEST = "best_hyperparameters.txt"


class TunerSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of the Tuner."""

    PARAMETERS = {
        "family": component_spec.ExecutionParameter(type=str),
        "settings": component_spec.ExecutionParameter(type=str),
        "plan": component_spec.ExecutionParameter(type=str),
        "sweeps": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "transformed_examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "transform_graph": component_spec.ChannelParameter(type=standard_artifacts.TransformGraph),
    }
    OUTPUTS = {
        "best_hyperparameters": component_spec.ChannelParameter(type=standard_artifacts.HyperParameters),
        "sweep": component_spec.ChannelParameter(type=standard_artifacts.TunerResults),
    }


class TunerExecutor(base_executor.BaseExecutor):
    """Run a sweep to its end, and leave its best settings, its journal and its report.

    A step that is started again after it was cut off goes on with its sweep, in the same run or a later one.
    """

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Search.

        Raises:
            LodestarError: The sweep was cut off, failed, or has no result.
            InputError: A trial can never be started, or the sweep's name is another sweep's.
        """
        # Half of it needs TensorFlow or scikit-optimize, and assembling a pipeline none of that.
        from hparam.conduct import conduct

        family = find_family(exec_properties["family"])
        plan = SweepPlan.model_validate_json(exec_properties["plan"])
        uris = {key: artifact_utils.get_single_uri(artifacts) for key, artifacts in input_dict.items()}
        inputs = Inputs(examples=uris["transformed_examples"], transform_graph=uris["transform_graph"])
        sweeps = Path(exec_properties["sweeps"])
        run = self._context.pipeline_run_id if self._context else ""
        name = plan.name or next_name(sweeps, _base(family, uris, exec_properties), run)
        spec = plan.spec(name, family, json.loads(exec_properties["settings"]), inputs)
        folder = SweepFolder(sweeps / name)
        join(folder, run)
        sweep = conduct(folder, spec, EventLines(_say))
        _write(output_dict, folder, sweep, _best(sweep))


class Tuner(base_component.BaseComponent):
    """Search for the settings that are best on what is held out of the train split."""

    SPEC_CLASS = TunerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(TunerExecutor)

    def __init__(
        self,
        family: Family,
        settings: FamilySettings,
        step: SweepStep,
        transformed_examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
    ) -> None:
        super().__init__(
            TunerSpec(
                family=family.name,
                settings=settings.model_dump_json(exclude={"evaluate", "validation"}),
                plan=step.plan.resolved(family, settings).model_dump_json(),
                sweeps=str(step.folder),
                code=code_fingerprint(f"{family.package}.trainer"),
                transformed_examples=transformed_examples,
                transform_graph=transform_graph,
                best_hyperparameters=types.Channel(type=standard_artifacts.HyperParameters),
                sweep=types.Channel(type=standard_artifacts.TunerResults),
            )
        )


def _base(family: Family, uris: dict[str, str], properties: dict[str, Any]) -> str:
    # A family's name may begin with a digit and a sweep's not.
    readable = f"s-{family.name}" if family.name[:1].isdigit() else family.name
    digest = hashlib.sha256(json.dumps([uris, properties], sort_keys=True, default=str).encode()).hexdigest()
    return f"{readable[:25].rstrip('-')}-{digest[:10]}"


def _best(sweep: Sweep) -> Trial:
    name, best = sweep.spec.name, sweep.best
    if not sweep.ended:
        raise LodestarError(
            f"The sweep `{name}` was cut off: {describe_end(sweep)}.",
            cure="Start the same again: it goes on where it stopped.",
        )
    if best is None or sweep.ended == "failures":
        raise LodestarError(
            f"The sweep `{name}` has ended, {sweep.message or sweep.ended}; {describe_end(sweep)}.",
            cure=f"`lodestar sweep status {name}` has the trials and their last lines.",
        )
    return best


def _write(outputs: Artifacts, folder: SweepFolder, sweep: Sweep, best: Trial) -> None:
    from hparam.report import write_report

    chosen = artifact_utils.get_single_uri(outputs["best_hyperparameters"])
    io_utils.write_string_file(f"{chosen}/{_BEST}", json.dumps(dict(best.params), sort_keys=True))
    write_report(sweep, folder.report, time.time())
    result = artifact_utils.get_single_instance(outputs["sweep"])
    for path in (folder.journal, folder.report):
        io_utils.copy_file(str(path), f"{result.uri}/{path.name}", overwrite=True)
    result.set_string_custom_property("sweep", sweep.spec.name)
    result.set_string_custom_property("summary", f"{describe_end(sweep)}: {describe_params(best)}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
