"""Read the section `search` of the settings; all errors at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from components.errors import InputError
from hparam.dimension import Choice, Dimension, Number, same
from hparam.validity import SEARCHED, Validity

KINDS = ("uniform", "log_uniform", "integer", "log_integer", "choices")
Condition = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Parameter:
    """A setting that is searched.

    Attributes:
        name: The setting's dotted name.
        dimension: What it may be.
        when: Other parameters and the values of theirs that it needs, all of them; empty: it is always there.
    """

    name: str
    dimension: Dimension
    when: tuple[Condition, ...] = ()

    def holds(self, params: Mapping[str, Any]) -> bool:
        """Return whether its conditions hold at a point with all parameters that they name."""
        return all(
            name in params and any(same(params[name], value) for value in values)
            for name, values in self.when
        )


def parse_parameters(raw: Mapping[str, Any], validity: Validity) -> tuple[Parameter, ...]:
    """Return the parameters, those that others depend on first.

    A setting whose value here is null is not searched. A condition on a setting that is not searched is
    judged by that setting's value.

    Args:
        raw: The section, nested like the settings that it names.
        validity: Of the settings that are searched.

    Raises:
        InputError: Something is wrong; the message lists every error.
    """
    problems: list[InputError] = []
    found: dict[str, Parameter] = {}
    for name, body in _bodies(raw, validity.base, (), problems):
        try:
            found[name] = _parameter(name, body, validity)
        except InputError as error:
            problems.append(error)
    # Conditions make sense only between parameters that could be read.
    parameters = [] if problems else _resolve(found, validity, problems)
    if not problems and not parameters:
        problems.append(
            InputError(
                "There is nothing to search.",
                source="search",
                cure="Name a setting, e.g. search.train.learning_rate={log_uniform: [0.001, 0.1]}.",
            )
        )
    if len(problems) > 1:
        raise InputError(
            f"{len(problems)} things are wrong with the search space.", cure="\n  ".join(map(str, problems))
        )
    if problems:
        raise problems[0]
    return tuple(parameters)


def _bodies(
    raw: Any, settings: Mapping[str, Any], path: tuple[str, ...], problems: list[InputError]
) -> Iterator[tuple[str, Any]]:
    if not isinstance(raw, Mapping):
        where = ".".join(("search", *path))
        cure = "Write `setting: {uniform: [low, high]}` below it."
        problems.append(InputError(f"{raw!r} is not a mapping of settings.", source=where, cure=cure))
        return
    for key, body in raw.items():
        name = ".".join((*path, str(key)))
        if key not in settings:
            problems.append(_unknown(name, str(key), list(settings), path))
        elif body is not None and isinstance(settings[key], dict):
            yield from _bodies(body, settings[key], (*path, key), problems)
        elif body is not None:
            yield name, body


def _unknown(name: str, key: str, known: Sequence[str], path: tuple[str, ...]) -> InputError:
    near = get_close_matches(key, known, n=1, cutoff=0.5)
    cure = f"Did you mean `{near[0]}`?" if near else f"Known here: {', '.join(known)}."
    if not path:
        return InputError(
            f"`{name}` cannot be searched, only {' and '.join(SEARCHED)}.", source="search", cure=cure
        )
    return InputError(f"There is no setting `{name}`.", source=f"search.{name}", cure=cure)


def _parameter(name: str, body: Any, validity: Validity) -> Parameter:
    kinds = [key for key in body if key in KINDS] if isinstance(body, Mapping) else []
    if len(kinds) != 1:
        raise _wrong(name, f"{body!r} has not one kind of range", f"Give it one of {', '.join(KINDS)}.")
    for key in body:
        if key not in (*KINDS, "when"):
            near = get_close_matches(str(key), (*KINDS, "when"), n=1, cutoff=0.5)
            raise _wrong(name, f"It has no `{key}`", f"Did you mean `{near[0]}`?" if near else "Remove it.")
    kind, value = kinds[0], body[kinds[0]]
    dimension: Dimension = _choice(name, value) if kind == "choices" else _number(name, kind, value)
    ends = dimension.options if isinstance(dimension, Choice) else (dimension.at(0), dimension.at(1))
    for end in ends:
        if problem := validity.problem_of(name, end):
            raise _wrong(name, f"The setting cannot be {end!r}: {problem.rstrip('.')}", "Change the range.")
    return Parameter(name, dimension, _conditions(name, body.get("when", {})))


def _number(name: str, kind: str, bounds: Any) -> Number:
    integer, log = kind.endswith("integer"), kind.startswith("log_")
    if not isinstance(bounds, list | tuple) or len(bounds) != 2:
        raise _wrong(name, f"{bounds!r} is not [low, high]", f"Write `{kind}: [low, high]`.")
    for bound in bounds:
        if isinstance(bound, bool) or not isinstance(bound, int if integer else int | float):
            kinds = "whole number" if integer else "number"
            raise _wrong(name, f"{bound!r} is not a {kinds}", f"Write `{kind}: [low, high]`.")
        if not math.isfinite(bound):
            raise _wrong(name, f"{bound!r} is not finite", "Give it a finite bound.")
    low, high = bounds
    if low >= high:
        raise _wrong(name, f"[{low}, {high}] is empty", "Put the lower bound first.")
    if log and low <= 0:
        raise _wrong(name, f"{kind} begins at {low}", "Begin above 0, or leave out `log_`.")
    return Number(low if integer else float(low), high if integer else float(high), log, integer)


def _choice(name: str, options: Any) -> Choice:
    if not isinstance(options, list | tuple) or not options:
        raise _wrong(name, f"{options!r} is not a list of values", "Write `choices: [one, another]`.")
    for i, option in enumerate(options):
        if not _plain(option):
            raise _wrong(
                name, f"The choice {option!r} is not a word, a number or a list of these", "Quote it."
            )
        if any(same(option, other) for other in options[:i]):
            raise _wrong(name, f"The choice {option!r} is there twice", "Remove one.")
    return Choice(tuple(options))


def _plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_plain, value))
    return (
        value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    )


def _conditions(name: str, when: Any) -> tuple[Condition, ...]:
    if not isinstance(when, Mapping):
        raise _wrong(
            name, f"The condition {when!r} is not a mapping", "Write `when: {train.encoder: [bm25]}`."
        )
    return tuple(
        (str(other), tuple(values) if isinstance(values, list) else (values,))
        for other, values in when.items()
    )


def _resolve(
    found: Mapping[str, Parameter], validity: Validity, problems: list[InputError]
) -> list[Parameter]:
    # Parents first; what is left at the end needs itself.
    known: dict[str, Parameter | None] = {**dict.fromkeys(_names(validity.base)), **found}
    for parameter in found.values():
        problems.extend(_condition_problems(parameter, known))
    if problems:
        return []
    ordered: list[Parameter] = []
    dropped: set[str] = set()
    rest = list(found.values())
    while rest:
        done = {parameter.name for parameter in ordered} | dropped
        ready = next((p for p in rest if all(n in done or n not in found for n, _ in p.when)), None)
        if ready is None:
            names = ", ".join(parameter.name for parameter in rest)
            problems.append(_wrong(rest[0].name, f"The conditions of {names} go in a circle", "Remove one."))
            return []
        rest.remove(ready)
        fixed = {name: validity.value(name) for name, _ in ready.when if name not in found}
        always = replace(ready, when=tuple(c for c in ready.when if c[0] in fixed))
        if always.holds(fixed) and not any(name in dropped for name, _ in ready.when):
            ordered.append(replace(ready, when=tuple(c for c in ready.when if c[0] in found)))
        else:
            dropped.add(ready.name)
    return ordered


def _condition_problems(parameter: Parameter, known: Mapping[str, Parameter | None]) -> Iterator[InputError]:
    for other, values in parameter.when:
        if other not in known:
            near = get_close_matches(other, known, n=1, cutoff=0.5)
            cure = f"Did you mean `{near[0]}`?" if near else "Name a setting of train or serve."
            yield _wrong(parameter.name, f"Its condition names no setting: `{other}`", cure)
            continue
        parent = known[other]
        if parent is None:
            continue
        if isinstance(parent.dimension, Number) and not parent.dimension.integer:
            cure = "Let it depend on choices or whole numbers."
            yield _wrong(parameter.name, f"Its condition needs one value of the range `{other}`", cure)
            continue
        for value in values:
            if not parent.dimension.contains(value):
                cure = f"Give it a value that `{other}` can have."
                yield _wrong(parameter.name, f"`{other}` is never {value!r}", cure)


def _names(settings: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _names(value, f"{path}{key}.")
        else:
            yield f"{path}{key}"


def _wrong(name: str, problem: str, cure: str) -> InputError:
    return InputError(f"{problem}.", source=f"search.{name}", cure=cure)
