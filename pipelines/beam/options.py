"""`--beam-runner` and `--beam-option` -> the arguments that Beam takes."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Sequence
from typing import NamedTuple

from components.errors import InputError

RUNNERS = {
    "direct": "DirectRunner",
    "flink": "FlinkRunner",
    "spark": "SparkRunner",
    "dataflow": "DataflowRunner",
}
_REQUIRED = {"dataflow": ("project", "region", "temp_location")}
# How Dataflow's workers get at our code.
_CODE = ("sdk_container_image", "setup_file", "extra_package")
# The option that names a runner's cluster, and its values that mean this machine.
_MASTERS = {
    "spark": ("spark_master_url", re.compile(r"local(\[.+\])?")),
    "flink": ("flink_master", re.compile(r"\[(local|auto)\]")),
}
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Option(NamedTuple):
    """One `--beam-option`.

    Attributes:
        name: As Beam calls it, e.g. `temp_location`.
        value: Empty for a switch.
    """

    name: str
    value: str


def beam_args(runner: str, options: Sequence[str]) -> list[str]:
    """Return Beam's arguments for the data nodes; none for `direct` without options.

    Args:
        runner: A key of `RUNNERS`.
        options: `KEY=VALUE`, or `KEY` for a switch, with Beam's own names.

    Raises:
        InputError: An option is not of that form, Beam does not take its value, or the runner lacks one;
            the message names all that it lacks.
    """
    parsed = parse_options(options)
    _check_required(runner, {option.name for option in parsed})
    _check_workers(runner, dict(parsed))
    if runner == "direct" and not parsed:
        return []
    args = [f"--runner={RUNNERS[runner]}", *map(_argument, parsed)]
    _check_values(args)
    return args


def parse_options(options: Sequence[str]) -> list[Option]:
    """Return the options in their order; a name may come twice where Beam takes several values.

    Raises:
        InputError: One is not `KEY=VALUE`.
    """
    parsed = [Option(name.strip(), value) for name, _, value in (text.partition("=") for text in options)]
    for option in parsed:
        if not _NAME.fullmatch(option.name):
            raise InputError(
                f"`--beam-option {'='.join(filter(None, option))}` is not KEY=VALUE.",
                cure="For example: --beam-option spark_master_url=local[2].",
            )
        if option.name == "runner":
            raise InputError(
                f"The runner `{option.value}` is given as an option.",
                cure=f"Use --beam-runner with one of: {', '.join(RUNNERS)}.",
            )
    return parsed


def _argument(option: Option) -> str:
    # Beam's switches take no value.
    return f"--{option.name}={option.value}" if option.value else f"--{option.name}"


def _check_required(runner: str, given: set[str]) -> None:
    missing = [name for name in _REQUIRED.get(runner, ()) if name not in given]
    if runner == "dataflow" and not given & set(_CODE):
        missing.append(_CODE[0])
    if runner in _MASTERS and not given & {"job_endpoint", f"{runner}_job_server_jar"}:
        missing.append("job_endpoint")
    if missing:
        raise InputError(
            f"The Beam runner `{runner}` needs more: {', '.join(missing)}.",
            cure=f"Add {' '.join(f'--beam-option {name}={name.upper()}' for name in missing)}.",
        )


def _check_workers(runner: str, given: dict[str, str]) -> None:
    if runner not in _MASTERS or "environment_type" in given:
        return
    name, here = _MASTERS[runner]
    master = given.get(name, "")
    if "job_endpoint" in given or (master and not here.fullmatch(master)):
        raise InputError(
            f"The workers of `{given.get('job_endpoint') or master}` are not told how to run Python.",
            cure="Add --beam-option environment_type=DOCKER --beam-option environment_config=IMAGE, or "
            "EXTERNAL or PROCESS; LOOPBACK when they are on this machine.",
        )


def _check_values(args: Sequence[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Imported here: takes seconds and warns of Python's age, and most runs have no options.
        from apache_beam.options.pipeline_options import PipelineOptions

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            PipelineOptions(list(args)).get_all_options()
    except SystemExit:
        problem = said.getvalue().strip().rpartition("error: ")[2].rstrip(".")
        raise InputError(
            f"Beam does not take these options: {problem}.", cure="Correct --beam-option."
        ) from None
