"""Whether a family's settings accept a point."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pydantic

from components.family import Family
from components.tuned import with_chosen

SEARCHED = ("train", "serve")


class Validity:
    """Puts points into the base settings and lets the settings' own classes judge.

    Args:
        family: Whose settings they are.
        settings: All sections as JSON values.
    """

    def __init__(self, family: Family, settings: Mapping[str, Any]) -> None:
        self.base = {section: copy.deepcopy(settings[section]) for section in SEARCHED}
        fields = family.settings.model_fields
        kinds: dict[str, Any] = {name: fields[name].annotation for name in SEARCHED}
        self._checks = {name: pydantic.TypeAdapter(kind) for name, kind in kinds.items()}

    def problem(self, params: Mapping[str, Any]) -> str:
        """Return what is wrong with the settings when a point is put in; empty: nothing."""
        return next((f"{'.'.join(where)}: {words}" for where, words in self._problems(params)), "")

    def problem_of(self, name: str, value: Any) -> str:
        """Return what is wrong with one setting's value by itself, whatever the others are."""
        path = tuple(name.split("."))
        found = self._problems({name: value})
        return next((words for where, words in found if where[: len(path)] == path), "")

    def value(self, name: str) -> Any:
        """Return what the base settings set a dotted name to."""
        found: Any = self.base
        for part in name.split("."):
            found = found[part]
        return found

    def _problems(self, params: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
        changed = with_chosen(self.base, params)
        for section, check in self._checks.items():
            try:
                check.validate_python(changed[section])
            except pydantic.ValidationError as error:
                for detail in error.errors(include_url=False):
                    words = detail["msg"].removeprefix("Value error, ").rstrip(".")
                    yield (section, *map(str, detail["loc"])), f"{words[0].lower()}{words[1:]}."
