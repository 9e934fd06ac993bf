"""What one run of a trial is to train, beside what comes of it: `request.json` in the run's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from components.errors import InputError
from components.family import Section
from hparam.spec import Inputs

REQUEST = "request.json"


class TrialRequest(Section):
    """One run of one trial.

    Attributes:
        sweep: The sweep's name.
        trial: The trial's number.
        attempt: From 0; one more each time that the trial is started again.
        family: Whose model is trained.
        metric: What the sweep optimises; the trial reports its values.
        higher_is_better: The metric's direction.
        params: The trial's point, dotted setting -> value.
        settings: All sections of the settings as JSON values, with the point put in.
        inputs: What it trains on.
    """

    sweep: str
    trial: int
    attempt: int
    family: str
    metric: str
    higher_is_better: bool
    params: dict[str, Any]
    settings: dict[str, Any]
    inputs: Inputs

    def write(self, folder: Path) -> Path:
        """Write the request into `folder`, made if need be, and return its path; one there is replaced.

        The same request is the same bytes.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / REQUEST
        aside = path.with_suffix(".tmp")
        aside.write_text(json.dumps(self.model_dump(mode="json"), sort_keys=True, indent=2) + "\n", "utf-8")
        aside.replace(path)
        return path

    @classmethod
    def read(cls, path: Path) -> TrialRequest:
        """Return the request at `path`.

        Raises:
            InputError: It cannot be read.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError, UnicodeDecodeError) as error:
            raise InputError(
                f"Cannot read the trial's request: {error}.",
                source=str(path),
                cure="Trials need the volume of their sweep at the same path.",
            ) from None
