"""The contract of a model family, and how families are found.

A family is a folder under `components/models/` with the same files in each:

    __init__.py   `FAMILY` and its settings classes; imports no TensorFlow
    ingest.py     `files(data)`, `read(pipeline, data)`: raw files -> records by split
    transform.py  `preprocessing_fn(inputs, custom_config)`: tf.Transform
    network.py    the model
    trainer.py    `run_fn(fn_args)`: trains and exports the SavedModel
    tuning.py     what `run_fn` does instead in a trial of a sweep: reports how good the settings are
    evaluator.py  `evaluate(model, data, settings)`, `baseline(data, settings)`
    schema.pbtxt  what ExampleValidator holds the data to
    config.yaml   the default of every setting
    sample/       data small enough to live in the repository, with its licence

Nothing outside the folder names the family: import paths follow from the folder's own package name, so a
copy of the folder under another name is another family.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

import components.models
from components.errors import InputError

Task = Literal["search", "recommendation", "representation"]
Distribution = Literal["multi_worker", "parameter_server"]


class Section(BaseModel):
    """One block of settings: frozen, strict about unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Thresholds(Section):
    """By how much the candidate must be better; both are required, no silent default.

    A gain is `candidate - other` for a metric where higher is better and `other - candidate` where lower
    is. The candidate is blessed only when each gain is greater than its threshold.
    """

    baseline: float
    live: float


class EvaluateSettings(Section):
    """Which metric decides, in which direction, and by how much."""

    metric: str
    higher_is_better: bool
    thresholds: Thresholds


class IndexSettings(Section):
    """How the candidates of an answer are found; `components.retrieval.build.IndexOptions` has the words.

    Attributes:
        kind: `exact` scores every candidate; `ivf` those in the cells that are nearest to the query.
        quantized: Keep the vectors of cells in eight bits and score the best again in full.
        cells: How many to begin with; 0: four times the root of the number of candidates.
        n_probe: How many a query searches; 0: the fewest that find `min_recall`, and some to spare.
        min_recall: An index that finds a smaller share of the ten best of an exact search is not blessed.
        max_p50_ms: Nor is one whose median answer to a single query takes longer; None: however long.
    """

    kind: Literal["exact", "ivf"] = "exact"
    quantized: bool = False
    cells: int = Field(default=0, ge=0)
    n_probe: int = Field(default=0, ge=0)
    min_recall: float = Field(default=0.95, gt=0, le=1)
    max_p50_ms: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _only_cells_have_settings(self) -> IndexSettings:
        names = {"quantized", "cells", "n_probe", "max_p50_ms"}
        given = ", ".join(self.model_dump(include=names, exclude_defaults=True))
        if self.kind == "exact" and given:
            raise ValueError(f"an exact search has no use for {given}; set `serve.index.kind: ivf`")
        return self


class ServeSettings(Section):
    """What the exported signatures return, and how it is found."""

    top_k: int = Field(gt=0, le=10_000, description="length of every ranked answer")
    index: IndexSettings = IndexSettings()


class ValidationSettings(Section):
    """What ExampleValidator holds the data to."""

    schema_file: str = Field(default="", description="a Schema pbtxt; empty means the family's own")


class ComputeSettings(Section):
    """On what the model trains; nothing here changes what is learned, but for rounding and asynchrony.

    Attributes:
        workers: Processes that train. Without parameter servers the first is the chief; with them an extra
            chief coordinates and does not train.
        parameter_servers: Processes that hold the embedding tables; 0 keeps a copy in every worker.
        mixed_precision: Multiply in bfloat16; parameters and sums stay float32.
        xla: Compile the step with XLA.
        checkpoint_epochs: A restarted training repeats at most that many epochs.
        step_timeout_seconds: Without progress for so long a replica ends, to be started again; the chief's
            export has to fit in.
        start_timeout_seconds: The same until its first step: scheduling, imports and peers included.
        max_restarts: Restarted replicas without a new checkpoint in between, before the training fails.
    """

    workers: int = Field(default=1, ge=1, le=1000)
    parameter_servers: int = Field(default=0, ge=0, le=1000)
    mixed_precision: bool = False
    xla: bool = False
    checkpoint_epochs: int = Field(default=5, ge=1)
    step_timeout_seconds: float = Field(default=300, gt=0)
    start_timeout_seconds: float = Field(default=1800, gt=0)
    max_restarts: int = Field(default=20, ge=0)

    @property
    def distributed(self) -> bool:
        """Return whether training takes more than the process of its step."""
        return self.workers > 1 or self.parameter_servers > 0


class FamilySettings(Section):
    """All settings of one family; families narrow the section types.

    Every section reaches only the nodes named here, so that changing one re-runs only what depends on it:
    `data` -> ingest; `validation` -> the schema; `transform` -> transform, trainer, evaluator; `train` and
    `serve` -> trainer, evaluator; `evaluate` -> evaluator; `compute` -> trainer; `search` -> a sweep alone.
    """

    data: Any
    validation: ValidationSettings = ValidationSettings()
    transform: Any
    train: Any
    evaluate: EvaluateSettings
    serve: ServeSettings
    compute: ComputeSettings = ComputeSettings()
    search: dict[str, Any] = {}


@dataclass(frozen=True)
class Family:
    """A model family.

    Attributes:
        package: Import path of the family's folder; pass `__name__` of its `__init__.py`.
        title: One line for `lodestar list`.
        task: What its answers are for.
        settings: The settings class that `config.yaml` must satisfy.
        signatures: Names of the SavedModel's signatures.
        query: Maps the words of `lodestar query` to inputs of `serving_default`.
        splits: Every split that ingest writes.
        analyzed: The split that Transform computes vocabularies and statistics from.
        distribution: How its `run_fn` can train on several processes; empty: in one process only.
        tuning_metrics: What trials of a sweep report, the first by default; empty: it cannot be swept.
        catalogue: Where the gateway finds what it shows of items and users; None: nowhere.
    """

    package: str
    title: str
    task: Task
    settings: type[FamilySettings]
    signatures: tuple[str, ...]
    query: Query
    splits: tuple[str, ...]
    analyzed: str
    distribution: tuple[Distribution, ...] = ()
    tuning_metrics: tuple[str, ...] = ()
    catalogue: CatalogueColumns | None = None

    @property
    def name(self) -> str:
        """Return the name that users type, e.g. `text-search`; also the served model's name."""
        return self.package.rpartition(".")[2].replace("_", "-")

    @property
    def folder(self) -> Path:
        """Return the family's folder on disk."""
        module = importlib.import_module(self.package)
        if module.__file__ is None:
            raise InputError(f"`{self.package}` has no `__init__.py`.", cure="Add one that sets FAMILY.")
        return Path(module.__file__).parent

    def path(self, module: str, function: str) -> str:
        """Return the import path of `function` in the family's `module`."""
        return f"{self.package}.{module}.{function}"

    def check(self, compute: ComputeSettings) -> None:
        """Refuse what the family's `run_fn` cannot do.

        Raises:
            InputError: `compute` asks for processes or speed-ups that it does not support.
        """
        mode: Distribution = "parameter_server" if compute.parameter_servers else "multi_worker"
        wanted = {"workers", "parameter_servers", "mixed_precision", "xla"}
        asked = compute.model_dump(include=wanted, exclude_defaults=True)
        if not asked or mode in self.distribution:
            return
        settings = ", ".join(f"compute.{name}={value}" for name, value in sorted(asked.items()))
        does = "with workers but without parameter servers" if self.distribution else "in one plain process"
        raise InputError(f"{self.name} trains {does}, not with {settings}.", cure="Leave that setting out.")

    def load(self, module: str) -> Any:
        """Import and return one of the family's modules, TensorFlow and all."""
        return importlib.import_module(f"{self.package}.{module}")


@dataclass(frozen=True)
class Query:
    """How the words of `lodestar query` become inputs of `serving_default`.

    Attributes:
        text_input: Input that takes the free words; None when the family takes none.
        options: Option name (`user` for `--user`) -> input name.
        constants: Inputs that always have this value, e.g. `exclude_seen: True`.
        upload: What kind of file the family is asked with; None when with words or an id.
        upload_input: Input that takes the file's bytes.
    """

    text_input: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    constants: tuple[tuple[str, bool | int | float | str], ...] = ()
    upload: Literal["image", "audio"] | None = None
    upload_input: str | None = None


@dataclass(frozen=True)
class CatalogueColumns:
    """Which features of the raw Examples say what items are and what users did.

    Attributes:
        items: Split with one record per item.
        item_id: Its feature with the item's id.
        title: Its feature with the item's title.
        metadata: Its features that are shown beside the title.
        categories: Its feature with the categories that an answer can be restricted to; None: it has none.
        events: Splits with what users did; empty: there are no users.
        user_id: Their feature with the user's id.
        event_item: Their feature with the item's id.
        value: Their feature with how much the user liked the item.
        time: Their feature with when it was, seconds since 1970.
    """

    items: str
    item_id: str
    title: str = "title"
    metadata: tuple[str, ...] = ()
    categories: str | None = None
    events: tuple[str, ...] = ()
    user_id: str = "user_id"
    event_item: str = "item_id"
    value: str = "rating"
    time: str = "timestamp"


def family_names() -> list[str]:
    """Return the names of all families, sorted; imports none of them."""
    return sorted(
        module.name.replace("_", "-")
        for module in pkgutil.iter_modules(components.models.__path__)
        if module.ispkg
    )


def find_family(name: str) -> Family:
    """Return the family called `name`; `-` and `_` are the same.

    Raises:
        InputError: No folder has that name; the message suggests the nearest.
    """
    wanted = name.replace("_", "-").lower()
    names = family_names()
    if wanted not in names:
        near = get_close_matches(wanted, names, n=1, cutoff=0.4)
        hint = f"Did you mean `{near[0]}`? " if near else ""
        raise InputError(f"There is no family `{name}`.", cure=f"{hint}Families: {', '.join(names)}.")
    family = importlib.import_module(f"components.models.{wanted.replace('-', '_')}").FAMILY
    if not isinstance(family, Family):
        raise InputError(f"FAMILY of `{wanted}` is a {type(family).__name__}.", cure="Make it a Family.")
    return family
