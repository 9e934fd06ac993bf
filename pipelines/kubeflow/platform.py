"""What a cluster gives to the steps of a pipeline: `manifests/overlays/<overlay>/platform.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from components.errors import InputError
from components.family import Section
from pipelines.kubeflow.address import Address
from pipelines.kubeflow.quantity import parse_quantity
from pipelines.settings import read_yaml, validate

MANIFESTS = Path(__file__).parents[2] / "manifests"
DEFAULT_OVERLAY = "kind-cpu"
_FILE = "platform.yaml"
_REMOTE = ("gs://", "s3://")


def _quantity(text: str) -> str:
    parse_quantity(text)
    return text


def _matching(pattern: str, what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"`{text}` is not {what}")
        return text

    return AfterValidator(check)


def _metadata(url: str) -> str:
    try:
        Address.parse(url)
    except InputError as error:
        raise ValueError(str(error)) from None
    return url


_LABEL_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_DNS = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_SUBDOMAIN = rf"{_DNS}(\.{_DNS})*"
# A number is taken for its text: `cpu: 2`.
Quantity = Annotated[
    str, BeforeValidator(lambda v: str(v) if isinstance(v, int | float) else v), AfterValidator(_quantity)
]
DnsLabel = Annotated[str, _matching(_DNS, "a DNS-1123 label: a-z, 0-9 and -, at most 63 characters")]
Subdomain = Annotated[str, _matching(_SUBDOMAIN, "a DNS-1123 name: a-z, 0-9, - and .")]
LabelKey = Annotated[str, _matching(rf"({_SUBDOMAIN}/)?{_LABEL_NAME}", "a label's key")]
LabelValue = Annotated[str, _matching(rf"({_LABEL_NAME})?", "a label's value")]
EnvName = Annotated[str, _matching(r"[A-Za-z_][A-Za-z0-9_]*", "a variable's name")]
# Argo would take `{{` for the beginning of one of its own expressions.
EnvValue = Annotated[str, _matching(r"(?s)(?:(?!\{\{).)*", "a value without `{{`")]
AbsolutePath = Annotated[str, _matching(r"/[^:]*[^:/]", "an absolute path without a colon")]


class Volume(Section):
    """A PersistentVolumeClaim and where the containers see it."""

    claim: Subdomain
    mount: AbsolutePath


class Toleration(Section):
    """A taint that a pod may be scheduled in spite of."""

    key: LabelKey
    operator: Literal["Exists", "Equal"] = "Equal"
    value: LabelValue = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""

    @model_validator(mode="after")
    def _exists_has_no_value(self) -> Toleration:
        if self.operator == "Exists" and self.value:
            raise ValueError(f"operator `Exists` takes no value, but got `{self.value}`")
        return self


class Accelerator(Section):
    """Devices of one kind, e.g. 1 of `nvidia.com/gpu`."""

    resource: Annotated[str, _matching(rf"{_SUBDOMAIN}/{_LABEL_NAME}", "a resource such as nvidia.com/gpu")]
    count: int = Field(ge=1)


class PodSettings(Section):
    """What one pod gets.

    Attributes:
        cpu: Requested cores.
        memory: Requested bytes.
        cpu_limit: Most cores.
        memory_limit: Most bytes; beyond it the container is killed.
        node_selector: Labels that the node must have.
        tolerations: Taints that the node may have.
        accelerator: Devices.
        env: Environment variables, beside the platform's.
        image: Another image than the platform's: a name in `manifests/images`, or a name with tag or digest.
    """

    cpu: Quantity | None = None
    memory: Quantity | None = None
    cpu_limit: Quantity | None = None
    memory_limit: Quantity | None = None
    node_selector: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    accelerator: Accelerator | None = None
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    image: str = ""

    def over(self, defaults: PodSettings) -> PodSettings:
        """Return the defaults with what is set here in their place; `env` is merged."""
        mine = {name: getattr(self, name) for name in self.model_fields_set}
        return defaults.model_copy(update={**mine, "env": {**defaults.env, **self.env}})


class Training(Section):
    """What the replicas of a TFJob get."""

    chief: PodSettings = PodSettings()
    worker: PodSettings = PodSettings()
    ps: PodSettings = PodSettings()


class RunAs(Section):
    """The numeric user and group of the image."""

    user: int = Field(default=1000, gt=0)
    group: int = Field(default=1000, gt=0)


class Platform(Section):
    """What a cluster gives to the steps of a pipeline.

    Attributes:
        namespace: Where the steps run.
        image: Name of the steps' image; tag and digest are in `manifests/images/kustomization.yaml`.
        service_account: What a run's steps run as.
        metadata: Address of ML Metadata.
        root: The shared folder, or a `gs://` or `s3://` URI for the artifacts.
        volumes: What every step mounts.
        env: Environment of every step.
        labels: Labels of every pod.
        run_as: Numeric user of the image.
        defaults: What a step gets unless `steps` says otherwise.
        steps: Node id -> what differs from `defaults`.
        training: What the replicas of a TFJob get.
    """

    namespace: DnsLabel
    image: str = Field(min_length=1)
    service_account: Subdomain
    metadata: Annotated[str, AfterValidator(_metadata)]
    root: Annotated[str, _matching(r"(/|gs://|s3://).*[^/]", "an absolute path, gs://... or s3://...")]
    volumes: tuple[Volume, ...] = ()
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    run_as: RunAs = RunAs()
    defaults: PodSettings = PodSettings()
    steps: dict[str, PodSettings] = Field(default_factory=dict)
    training: Training = Training()

    @model_validator(mode="after")
    def _holds_together(self) -> Platform:
        problems = [problem for place, pod in self._pods() for problem in _overdrawn(place, pod)]
        for path in (self.home, *(() if self.root.startswith(_REMOTE) else (self.root,))):
            if not self.keeps(path):
                problems.append(f"`{path}` is on no volume, so what is written there is lost")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def home(self) -> str:
        """Return the state folder in a pod: `env.LODESTAR_HOME`."""
        return self.env.get("LODESTAR_HOME", self.root)

    def pipeline_root(self, name: str) -> str:
        """Return where the artifacts of the pipeline `name` go."""
        return f"{self.root}/pipelines/{name}"

    def keeps(self, path: str) -> bool:
        """Return whether `path` is on a volume that every step sees."""
        return any(path == v.mount or path.startswith(f"{v.mount}/") for v in self.volumes)

    def step(self, node: str) -> PodSettings:
        """Return what the step of the node with this id gets."""
        return self.steps.get(node, PodSettings()).over(self.plain())

    def plain(self) -> PodSettings:
        """Return what a step gets that `steps` does not name."""
        return self.defaults.model_copy(update={"env": {**self.env, **self.defaults.env}})

    def _pods(self) -> Iterator[tuple[str, PodSettings]]:
        yield "defaults", self.defaults
        yield from ((f"steps.{name}", self.step(name)) for name in self.steps)
        yield from ((f"training.{name}", getattr(self.training, name)) for name in Training.model_fields)


def load_platform(overlay: str = DEFAULT_OVERLAY) -> Platform:
    """Return what the overlay says.

    Args:
        overlay: A folder below `manifests/overlays`, or a path to a folder with a `platform.yaml`.

    Raises:
        InputError: There is no such overlay, or its file is wrong; every error with its line.
    """
    return validate(Platform, [read_yaml(_folder(overlay) / _FILE)])


def overlays() -> list[str]:
    """Return the names of all overlays, sorted."""
    return sorted(path.parent.name for path in (MANIFESTS / "overlays").glob(f"*/{_FILE}"))


def _folder(overlay: str) -> Path:
    folder = MANIFESTS / "overlays" / overlay
    if (folder / _FILE).is_file():
        return folder
    near = get_close_matches(overlay, overlays(), n=1, cutoff=0.4)
    hint = f"Did you mean `{near[0]}`? " if near else ""
    raise InputError(
        f"There is no overlay `{overlay}`.",
        cure=f"{hint}Overlays: {', '.join(overlays()) or 'none; run from a checkout'}.",
    )


def _overdrawn(place: str, pod: PodSettings) -> Iterator[str]:
    for name in ("cpu", "memory"):
        request, limit = getattr(pod, name), getattr(pod, f"{name}_limit")
        if request and limit and parse_quantity(request) > parse_quantity(limit):
            yield f"`{place}` requests {request} {name}, more than its limit {limit}"
