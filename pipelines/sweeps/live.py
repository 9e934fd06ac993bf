"""Show a sweep while it goes on: a live table on a terminal, one line per event anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from hparam.progress import EventLines
from hparam.snapshot import snapshot
from hparam.trials import Sweep
from pipelines.sweeps.status import Snapshot
from pipelines.sweeps.view import Progress, headline, live_view

_AROUND = 4
_PER_SECOND = 2


class Watch:
    """Shows how far a sweep is, call after call; without a terminal a line whenever that has changed.

    Args:
        progress: Looks up how far a running trial is.
        quiet: Show nothing.
        clock: Unix time.
    """

    def __init__(
        self, progress: Progress, quiet: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self.quiet = quiet
        self._progress, self._clock = progress, clock
        self._console = Console(file=sys.stdout, highlight=False, markup=False)
        self._newest: Snapshot | None = None
        self._said = ""
        self._live = Live(console=self._console, get_renderable=self._picture, refresh_per_second=_PER_SECOND)

    @property
    def live(self) -> bool:
        """Return whether there is a table that moves."""
        return self._console.is_terminal and not self.quiet

    def __enter__(self) -> Watch:
        if self.live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self._live.stop()

    def __call__(self, newest: Snapshot) -> None:
        """Show a snapshot."""
        self._newest = newest
        line = headline(newest)
        if not self.live and not self.quiet and line != self._said:
            self._said = line
            print(line, flush=True)

    def _picture(self) -> RenderableType:
        if self._newest is None:
            return Text("")
        return live_view(self._newest, self._clock(), self._console.height - _AROUND, self._progress)


def teller(watch: Watch) -> Callable[[Sweep], None]:
    """Return what shows a controller's every step: it moves the table, or prints a line per event."""
    if watch.quiet:
        return lambda sweep: None
    if watch.live:
        return lambda sweep: watch(snapshot(sweep))
    return EventLines(lambda line: print(line, flush=True))
