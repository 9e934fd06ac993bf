"""Compile a family for a cluster: settings, platform and pipeline in one call."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from components.datasets.catalogue import list_datasets
from components.errors import InputError
from components.family import Family, FamilySettings, find_family
from components.home import Home
from hparam.plan import SweepPlan, SweepStep
from pipelines.beam.options import beam_args
from pipelines.kubeflow.images import resolve_image
from pipelines.kubeflow.platform import DEFAULT_OVERLAY, Platform, load_platform
from pipelines.quiet import hush
from pipelines.settings import load_settings
from pipelines.verbs.options import overrides

Target = Literal["kubeflow", "vertex"]


@dataclass(frozen=True)
class Build:
    """A family compiled for a cluster, and what a run of it needs.

    Attributes:
        name: The pipeline's name.
        text: The spec: two YAML documents for Kubeflow, JSON for Vertex.
        steps: Names of the steps in the pipeline's order.
        namespace: Where the steps run.
        service_account: What they run as.
    """

    name: str
    text: str
    steps: tuple[str, ...]
    namespace: str
    service_account: str


def compile_family(
    name: str,
    overlay: str = DEFAULT_OVERLAY,
    image: str = "",
    config: Path | None = None,
    overrides: Sequence[str] = (),
    target: Target = "kubeflow",
    beam: Sequence[str] = (),
    sweep: SweepPlan | None = None,
) -> Build:
    """Return the spec of a family; imports TFX, which takes ten seconds and more.

    Args:
        name: The family.
        overlay: The cluster: a folder below `manifests/overlays`.
        image: Another image than the overlay's.
        config: YAML with the settings that differ.
        overrides: `section.name=value`.
        target: What will run it.
        beam: Beam's arguments for the data nodes.
        sweep: Search before training.

    Raises:
        InputError: A setting is wrong, or the cluster would refuse the pipeline.
    """
    family, settings, platform = prepare(name, overlay, config, overrides, sweep)
    # Everything that is wrong with the input is told before TFX is loaded.
    image = resolve_image(image or platform.image)
    hush()
    from pipelines.assemble import assemble
    from pipelines.kubeflow.compiler import compile_pipeline
    from pipelines.kubeflow.vertex import compile_for_vertex

    home = Home(Path(platform.home))
    model_root, root = home.serving / family.name, platform.pipeline_root(family.name)
    step = SweepStep(sweep.resolved(family, settings), home.sweeps) if sweep else None
    pipeline = assemble(family, settings, root, model_root, beam_args=beam, sweep=step)
    compiled = compile_pipeline(pipeline, platform, image)
    text = compile_for_vertex(pipeline, image) if target == "vertex" else compiled.text
    return Build(compiled.name, text, compiled.steps, platform.namespace, platform.service_account)


def compile_as_asked(
    arguments: argparse.Namespace, target: Target = "kubeflow", sweep: SweepPlan | None = None
) -> Build:
    """Return the spec that the arguments of `compile`, `submit` or `schedule` ask for.

    Args:
        arguments: They say all but the sweep.
        target: What will run it.
        sweep: Search before training.

    Raises:
        InputError: An argument is wrong, or the cluster would refuse the pipeline.
    """
    return compile_family(
        arguments.family,
        arguments.overlay,
        arguments.image,
        arguments.config,
        overrides(arguments),
        target,
        beam_args(arguments.beam_runner, arguments.beam_option),
        sweep,
    )


def prepare(
    name: str,
    overlay: str,
    config: Path | None,
    overrides: Sequence[str],
    sweep: SweepPlan | None = None,
) -> tuple[Family, FamilySettings, Platform]:
    """Return the family, its settings and the platform, checked against each other without TFX.

    Raises:
        InputError: One is wrong, or the data cannot be seen from a pod.
    """
    family, platform = find_family(name), load_platform(overlay)
    settings = load_settings(family, config, overrides)
    if sweep is not None:
        sweep.resolved(family, settings)
    check_source(settings.data.source, platform)
    return family, settings, platform


def check_source(source: str, platform: Platform) -> None:
    """Check that a pod can find the data.

    Raises:
        InputError: The source is a path of this machine, or no data set.
    """
    if "://" in source or source in ("sample", *(dataset.name for dataset in list_datasets())):
        return
    if source.startswith("/") and platform.keeps(source):
        return
    mounts = ", ".join(volume.mount for volume in platform.volumes)
    raise InputError(
        f"`{source}` is neither a data set nor on a volume of the cluster ({mounts}).",
        source="data.source",
        cure=f"Copy the data to the volume and give its path there, e.g. {platform.home}/data/mine, or a URL "
        "such as gs://bucket/folder.",
    )
