"""Our model server in a process of its own, followed through the events it prints."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

START_SECONDS = 120.0


class ServerProcess:
    """Start the server on free ports; the addresses are known once it listens.

    `ServerProcess(root)` serves a root; `ServerProcess(None, flags=[...])` is `python -m components.serving`
    with these flags.
    """

    def __init__(
        self, root: Path | None, poll_seconds: float = 0.05, *, flags: Sequence[str] = (), wait: bool = True
    ) -> None:
        script = Path(__file__).with_name("run_server.py")
        arguments = [str(root), str(poll_seconds)] if root else list(flags)
        self._changed = threading.Condition()
        self.events: list[dict[str, Any]] = []
        self.rest = self.grpc = ""
        self.process = subprocess.Popen(
            [sys.executable, str(script), *arguments], stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if wait:
            self.wait_until_listening()

    def wait_until_listening(self) -> None:
        """Return once both APIs answer."""
        where = self.wait_for("listening", timeout=START_SECONDS)["detail"].split()
        self.rest, self.grpc = where[1], where[3]

    def wait_for(self, kind: str, model: str = "", version: int = 0, timeout: float = 30.0) -> dict[str, Any]:
        """Return the first such event, seen already or within `timeout` seconds."""
        wanted = (kind, model, version)
        with self._changed:
            self._changed.wait_for(lambda: self._find(wanted) or self.process.poll() is not None, timeout)
            event = self._find(wanted)
        assert event, f"no event {wanted} within {timeout} s; seen: {self.events}"
        return event

    def wait_for_detail(self, kind: str, start: str, timeout: float = 30.0) -> None:
        """Return once an event of this kind has a detail that begins so."""
        with self._changed:
            found = self._changed.wait_for(
                lambda: any(e["kind"] == kind and e["detail"].startswith(start) for e in self.events), timeout
            )
        assert found, f"no {kind} event `{start}...` within {timeout} s; seen: {self.events}"

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.terminate()
        code = self.process.wait(timeout=60)
        self._reader.join()
        return code

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _find(self, wanted: tuple[str, str, int]) -> dict[str, Any] | None:
        matching = (e for e in self.events if (e["kind"], e["model"], e["version"]) == wanted)
        return next(matching, None)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.events.append(json.loads(line))
                self._changed.notify_all()
        # Who waits for an event looks whether the process has ended.
        self.process.wait()
        with self._changed:
            self._changed.notify_all()
