"""Read a ModelServerConfig: which models are served, from where, which versions, under which labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from components.errors import InputError

from .errors import Code, ServingError, invalid
from .options import ServerOptions
from .policy import Policy

PLATFORM = "tensorflow"


@dataclass(frozen=True)
class ModelConfig:
    """One model of a configuration.

    Attributes:
        name: The name in requests.
        base_path: The folder of its versions.
        policy: Which of them are served.
        labels: Label -> version.
        platform: What runs it; `tensorflow` is the only one there is.
    """

    name: str
    base_path: Path
    policy: Policy = field(default_factory=Policy)
    labels: Mapping[str, int] = field(default_factory=dict)
    platform: str = PLATFORM


@dataclass(frozen=True)
class Config:
    """A whole configuration; a model that is not in it is not served."""

    models: tuple[ModelConfig, ...]

    def by_name(self) -> dict[str, ModelConfig]:
        """Return name -> model."""
        return {model.name: model for model in self.models}


def read(path: Path) -> Config | None:
    """Return the configuration in a file; None when it lists no models at all.

    Raises:
        InputError: The file cannot be read, is no ModelServerConfig, or contradicts itself.
    """
    try:
        proto = text_format.Parse(path.read_text(encoding="utf-8"), ModelServerConfig())
        return from_proto(proto)
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        problem = f"Cannot read the model configuration: {error}."
        cure = "Write it as a ModelServerConfig text proto: `model_config_list { config { ... } }`."
        raise InputError(problem, source=str(path), cure=cure) from error
    except ServingError as error:
        raise InputError(
            f"{error.message}.", source=str(path), cure="Change the model configuration."
        ) from error


def first_config(options: ServerOptions) -> Config | None:
    """Return what the flags say to serve; None in root mode.

    Raises:
        InputError: The configuration file cannot be used.
    """
    if options.root is not None:
        return None
    if options.model_config_file:
        return read(Path(options.model_config_file)) or Config(())
    return Config((ModelConfig(options.model_name, Path(options.model_base_path).absolute()),))


def from_proto(proto: Any) -> Config | None:
    """Return what a ModelServerConfig message says; None when it says nothing.

    Raises:
        ServingError: INVALID_ARGUMENT: a name twice, a relative path, no platform or an unknown one.
            FAILED_PRECONDITION: it is of a kind that this server does not know.
    """
    kind = proto.WhichOneof("config")
    if kind is None:
        return None
    if kind != "model_config_list":
        raise ServingError(
            Code.FAILED_PRECONDITION,
            "Cannot transition to requested config. It is only legal to transition from one ModelConfigList"
            " to another.",
        )
    config = Config(tuple(_model(entry) for entry in proto.model_config_list.config))
    _check_names(config.models)
    return config


def check_platforms(old: Iterable[ModelConfig], new: Iterable[ModelConfig]) -> None:
    """Check that no model goes from one platform to another.

    Raises:
        ServingError: INVALID_ARGUMENT: one does.
    """
    before = {model.name: model.platform for model in old}
    for model in new:
        platform = before.get(model.name, model.platform)
        if platform != model.platform:
            raise invalid(
                f"Illegal to change a model's platform. For model {model.name} platform was {platform}"
                f" and new platform requested is {model.platform}"
            )
        if model.platform != PLATFORM:
            raise invalid(f"Model {model.name} requests unsupported platform {model.platform}")


def _model(entry: Any) -> ModelConfig:
    return ModelConfig(
        name=entry.name,
        base_path=Path(entry.base_path),
        policy=_policy(entry.model_version_policy),
        labels=dict(entry.version_labels),
        platform=_platform(entry),
    )


def _platform(entry: Any) -> str:
    # The deprecated way to say it: 1 is TENSORFLOW.
    if entry.model_type == 1 and not entry.model_platform:
        return PLATFORM
    if not entry.model_platform:
        raise invalid(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor"
            " ModelServerConfig::model_platform."
        )
    return str(entry.model_platform)


def _policy(entry: Any) -> Policy:
    kind = entry.WhichOneof("policy_choice") or "latest"
    if kind == "latest":
        return Policy(num_versions=entry.latest.num_versions or 1)
    if kind == "all":
        return Policy("all")
    return Policy("specific", versions=frozenset(entry.specific.versions))


def _check_names(models: Iterable[ModelConfig]) -> None:
    seen = set()
    for model in models:
        if model.name in seen:
            raise invalid(f"Illegal to list model {model.name} multiple times in config list")
        seen.add(model.name)
        if not model.base_path.is_absolute():
            raise invalid(
                f"Expected model {model.name} to have an absolute path or URI; got base_path()="
                f"{'' if model.base_path == Path() else model.base_path}"
            )
