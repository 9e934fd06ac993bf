"""Real replicas for tests and benchmarks: a small data set, a request, and a hand on what runs."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components.distributed.backup import newest
from components.distributed.request import Request
from components.family import ComputeSettings, find_family
from components.tfjob.follow import follow
from components.tfjob.processes import LocalProcesses
from tests.prepared import Prepared

FAMILY = find_family("matrix-factorization")
_USERS, _ITEMS, _RANK = 400, 250, 4


def rank_four() -> dict[str, list[dict[str, Any]]]:
    """Return 20,000 ratings to train on and 2,000 of the same users and items to test on."""
    random = np.random.default_rng(3)
    user, item = random.normal(size=(_USERS, _RANK)), random.normal(size=(_ITEMS, _RANK))
    noise = random.normal(scale=0.3, size=(_USERS, _ITEMS))
    values = np.clip(3 + 0.5 * user @ item.T + noise, 1, 5)
    cells = random.permutation(_USERS * _ITEMS)[:22_000]
    rows = [
        {"user_id": f"u{u}", "item_id": f"i{i}", "rating": float(values[u, i]), "timestamp": 1}
        for u, i in zip(*np.divmod(cells, _ITEMS), strict=True)
    ]
    return {
        "train": rows[:20_000],
        "eval": [{key: row[key] for key in ("user_id", "item_id", "rating")} for row in rows[20_000:]],
        "items": [{"item_id": f"i{i}", "title": f"Title {i}", "genres": ["a"]} for i in range(_ITEMS)],
        "users": [{"user_id": f"u{u}", "age": "30"} for u in range(_USERS)],
    }


def request_of(prepared: Prepared, settings: Any, folder: Path) -> Request:
    """Write and return the request to train in `folder`."""
    sections = settings.model_dump_json(include={"transform", "train", "serve", "compute"})
    arguments = vars(prepared.fn_args(settings, folder)) | {
        "custom_config": {"settings": sections},
        "serving_model_dir": str(folder / "model" / "Format-Serving"),
        "model_run_dir": str(folder / "model_run"),
    }
    request = Request(str(folder), settings.compute, FAMILY.path("trainer", "run_fn"), arguments)
    request.write()
    return request


@dataclass
class Training:
    """A training on local processes, followed in the background; `lines` is what it prints."""

    request: Request
    lines: list[str] = field(default_factory=list)
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self.launcher = LocalProcesses(self.request, self.lines.append)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        backup = self.request.backup
        try:
            follow(self.launcher, self.request, lambda: newest(backup), self.lines.append)
        except BaseException as error:
            self.error = error

    @property
    def text(self) -> str:
        """Return all that was printed so far."""
        return "\n".join(self.lines)

    def pid(self, replica: str) -> int:
        """Return the process id of a replica that was started."""
        found = re.findall(rf"{replica} .*?\(pid (\d+)\)|{replica} \(pid (\d+)\)", self.text)
        return int("".join(found[-1]))

    def wait_for(self, words: str, seconds: float) -> None:
        """Return when a line has these words; fail when training ends or takes longer."""
        end = time.monotonic() + seconds
        while not any(words in line for line in self.lines):
            assert self.thread.is_alive() and time.monotonic() < end, self.text
            time.sleep(0.02)

    def finish(self, seconds: float) -> None:
        """Wait for the end; fail when training fails or takes longer."""
        self.thread.join(seconds)
        assert not self.thread.is_alive(), self.text
        assert self.error is None, f"{self.error}\n{self.text}"

    def epochs(self, series: str) -> list[int]:
        """Return the epochs of a series in the order in which the chief ran them, repeated ones too."""
        lines = (re.search(rf"\[chief-0\] epoch (\d+): {series} ", line) for line in self.lines)
        return [int(match.group(1)) for match in lines if match]


def rmse_of(model: Path, prepared: Prepared) -> float:
    """Return the RMSE of an exported model on the eval split, by its signature `rate`."""
    rate = tf.saved_model.load(str(model)).signatures["rate"]
    columns = {"user_id": tf.string, "item_id": tf.string, "rating": tf.float32}
    found = prepared.data.raw.scalars("eval", **columns)
    ids = {name: tf.constant(found[name]) for name in ("user_id", "item_id")}
    predicted = next(iter(rate(**ids).values())).numpy()
    return float(np.sqrt(np.mean((predicted - found["rating"]) ** 2)))


def train_here(prepared: Prepared, settings: Any, out: Path) -> float:
    """Train in this process, as the stock executor does; return the RMSE on the eval split."""
    args = prepared.fn_args(settings, out)
    sections = {"transform", "train", "serve", "compute"}
    args.custom_config = {"settings": settings.model_dump_json(include=sections)}
    FAMILY.load("trainer").run_fn(args)
    return rmse_of(out / "serving", prepared)


def model_of(request: Request) -> Path:
    """Return where the chief exports the SavedModel."""
    return Path(request.arguments["serving_model_dir"])


def with_compute(settings: Any, **compute: Any) -> Any:
    """Return the settings with another `compute` section."""
    return settings.model_copy(update={"compute": ComputeSettings(**compute)})


def eventually(look: Callable[[], Any], seconds: float) -> Any:
    """Return what `look` gives once it is true; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"nothing within {seconds} s"
        time.sleep(0.05)
    return found
