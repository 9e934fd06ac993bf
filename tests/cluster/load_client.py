"""Ask for the stable version without pause, as the gateway does, and write down what came back.

Runs in a pod of the image: `python load_client.py MODEL HOST:PORT FOLDER`. Ends when FOLDER/stop is there.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from components.gateway.deployments import DeploymentFile
from components.gateway.predictor import NEWEST, Call, Predictor
from components.gateway.routing import Ask, Router
from components.gateway.servers import Servers

THREADS = 4
WINDOW_S = 0.5


class Tally:
    """Counts of all threads; `window` is what came back since the last `flush`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = self._retries = self._windows = 0
        self._failures: list[str] = []
        self._slowest = 0.0
        self._window: Counter[int] = Counter()

    def answered(self, version: int, seconds: float) -> None:
        with self._lock:
            self._requests += 1
            self._slowest = max(self._slowest, seconds)
            self._window[version] += 1

    def failed(self, error: Exception) -> None:
        with self._lock:
            self._requests += 1
            self._failures.append(str(error))

    def called(self, call: Call) -> None:
        with self._lock:
            self._retries += call.retries

    def flush(self) -> dict[str, object]:
        with self._lock:
            self._windows += 1
            window, self._window = self._window, Counter()
            return {
                "windows": self._windows,
                "requests": self._requests,
                "retries": self._retries,
                "slowest_s": round(self._slowest, 3),
                "failures": list(self._failures),
                "versions": sorted(window),
            }


def main(model: str, address: str, folder: Path) -> None:
    tally, stop = Tally(), threading.Event()
    predictor = Predictor(Servers.parse([f"{model}={address}"]), on_call=tally.called)
    router = Router(DeploymentFile(None))

    def ask() -> None:
        while not stop.is_set():
            started = time.monotonic()
            try:
                _, answer = router.send(
                    Ask(model, NEWEST), lambda which: predictor.predict(model, {"x": [1.0]}, which)
                )
                if answer.outputs["y"].tolist() != [2.5]:
                    raise AssertionError(f"wrong answer: {answer.outputs['y']}")
                tally.answered(int(answer.outputs["version"][0]), time.monotonic() - started)
            except Exception as error:
                tally.failed(error)

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    while not (folder / "stop").exists():
        time.sleep(WINDOW_S)
        aside = folder / "aside.json"
        aside.write_text(json.dumps(tally.flush()), encoding="utf-8")
        aside.rename(folder / "progress.json")
    stop.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
