"""Load a family's settings: its `config.yaml`, a sweep's, `--config`, then `--set`; all errors at once."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pydantic
import yaml

from components.errors import InputError
from components.family import Family, FamilySettings

Key = tuple[str, ...]
Leaf = tuple[Key, Any, str]
Model = typing.TypeVar("Model", bound=pydantic.BaseModel)
CONFIG = "config.yaml"


def load_settings(
    family: Family, config: Path | None = None, overrides: Sequence[str] = (), tuned: Sequence[Leaf] = ()
) -> FamilySettings:
    """Return the settings of one run.

    Args:
        family: Whose defaults and types hold.
        config: A YAML file with the settings that differ from the defaults.
        overrides: `section.name=value` with a YAML value; the last one wins.
        tuned: Settings that a sweep found, in place of the family's defaults.

    Raises:
        InputError: Something is wrong; the message lists every error with its file and line, or its
            override, and suggests the nearest name.
    """
    own = read_yaml(config) if config else ()
    layers = [read_yaml(family.folder / CONFIG), tuned, own, *map(_parse_override, overrides)]
    settings = validate(family.settings, layers)
    family.check(settings.compute)
    return settings


def validate(model: type[Model], layers: Sequence[Sequence[Leaf]]) -> Model:
    """Return the model's instance that the leaves describe; a later layer wins.

    Raises:
        InputError: Something is wrong; the message lists every error with where it comes from.
    """
    merged: dict[str, Any] = {}
    origins: dict[Key, str] = {}
    for leaves in layers:
        _merge(merged, origins, leaves)
    try:
        return model.model_validate(merged)
    except pydantic.ValidationError as error:
        raise _all_at_once([_explain(detail, model, origins) for detail in error.errors()]) from None


def read_yaml(path: Path) -> list[Leaf]:
    """Return `(key path, value, "file:line")` for every leaf of a YAML file of nested mappings.

    Raises:
        InputError: The file cannot be read, is not YAML, repeats a key, or is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        yaml.safe_load(text)  # Tags that SafeLoader refuses show only when values are built.
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"Cannot read the settings: {reason}.", source=str(path), cure="Check --config."
        ) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise InputError(
            f"This is not YAML: {error.problem}.", source=str(path), line=line, cure="Mend this line."
        ) from None
    if root is None:
        return []
    if not isinstance(root, yaml.MappingNode):
        raise InputError(
            "The settings are not a mapping.", source=str(path), line=1, cure="Write `section:` blocks."
        )
    return list(_leaves(root, (), str(path)))


def _leaves(node: yaml.MappingNode, prefix: Key, file: str) -> Iterator[Leaf]:
    seen: set[str] = set()
    for key_node, value_node in node.value:
        name, line = str(key_node.value), key_node.start_mark.line + 1
        if name in seen:
            raise InputError(f"`{name}` is set twice.", source=file, line=line, cure="Remove one of them.")
        seen.add(name)
        key = (*prefix, name)
        if isinstance(value_node, yaml.MappingNode) and value_node.value and not _is_range(key):
            yield from _leaves(value_node, key, file)
        else:
            yield key, _construct(value_node), f"{file}:{line}"


def _is_range(key: Key) -> bool:
    # A range of `search` replaces that of the defaults, it does not add a second kind to it.
    return key[0] == "search" and len(key) == 3


def _construct(node: yaml.Node) -> Any:
    # SafeLoader builds nothing but plain values.
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node, deep=True)
    finally:
        loader.dispose()


def _parse_override(text: str) -> list[Leaf]:
    name, equals, value = text.partition("=")
    key = tuple(name.strip().split("."))
    if not equals or not all(key):
        raise InputError(
            f"`--set {text}` is not `section.name=value`.", cure="For example: --set train.epochs=3."
        )
    try:
        return [(key, yaml.safe_load(value), f"--set {text}")]
    except yaml.YAMLError:
        raise InputError(f"The value of `--set {text}` is not YAML.", cure="Quote it, e.g. 'a: b'.") from None


def _merge(merged: dict[str, Any], origins: dict[Key, str], leaves: Sequence[Leaf]) -> None:
    for key, value, origin in leaves:
        block = merged
        for part in key[:-1]:
            child = block.get(part)
            if not isinstance(child, dict):
                child = block[part] = {}
            block = child
        block[key[-1]] = value
        origins[key] = origin


def _explain(
    detail: Mapping[str, Any], model: type[pydantic.BaseModel], origins: Mapping[Key, str]
) -> InputError:
    key = tuple(str(part) for part in detail["loc"])
    dotted = ".".join(key)
    source = _origin(key, origins)
    if detail["type"] == "extra_forbidden":
        known = _names(model, key[:-1])
        hint = _nearest(key[-1], known) or (f"Known here: {', '.join(known)}." if known else "Remove it.")
        return InputError(f"There is no setting `{dotted}`.", source=source, cure=hint)
    if detail["type"] == "missing":
        return InputError(
            f"The setting `{dotted}` is missing.", source=source, cure="Give it a value; it has no default."
        )
    words = detail["msg"].rstrip(".")
    words = words.removeprefix("Value error, ")
    problem = f"`{dotted}` is {detail['input']!r}: {words[0].lower()}{words[1:]}."
    if not key:  # A check across sections names what it is about.
        problem = f"{words[0].upper()}{words[1:]}."
    choices = [
        choice.strip(" '")
        for choice in str(detail.get("ctx", {}).get("expected", "")).replace(" or ", ",").split(",")
    ]
    return InputError(problem, source=source, cure=_nearest(str(detail["input"]), choices))


def _origin(key: Key, origins: Mapping[Key, str]) -> str:
    for length in range(len(key), 0, -1):
        for known, origin in reversed(list(origins.items())):
            if known[:length] == key[:length]:
                return origin
    return next(iter(origins.values()), "")


def _names(model: Any, path: Key) -> list[str]:
    for part in path:
        if _is_model(model):
            field = model.model_fields.get(part)
            model = _without_none(field.annotation) if field else None
        else:  # `part` is the key of a dict or the index of a tuple.
            model = next((kind for kind in _kinds(model) if _is_model(kind)), None)
    return list(model.model_fields) if _is_model(model) else []


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return annotation
    return next((kind for kind in _kinds(annotation) if _is_model(kind)), annotation)


def _kinds(annotation: Any) -> Sequence[Any]:
    return typing.get_args(annotation) or (annotation,)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def _nearest(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean `{near[0]}`?" if near else ""


def _all_at_once(problems: Sequence[InputError]) -> InputError:
    if len(problems) == 1:
        return problems[0]
    return InputError(
        f"{len(problems)} settings are wrong.", cure="\n  ".join(str(problem) for problem in problems)
    )
