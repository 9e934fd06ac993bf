"""Print to the terminal: a live line per node, tables, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from pipelines.local import NodeReport

_STYLES = {"done": "green", "reused": "cyan", "failed": "red"}


def print_json(value: Any) -> None:
    """Print `value` as indented JSON on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[str] = ()) -> None:
    """Print an aligned table; the columns in `right` are right-aligned. Nothing is cut off."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console = Console(markup=False, highlight=False, file=sys.stdout)
    if not console.is_terminal:
        console.width = 200
    console.print(table)


class NodeLines:
    """One line per node: state, seconds, what it made; on a terminal a spinner while it runs."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, markup=False, highlight=False, soft_wrap=True)
        self._running = ExitStack()

    def say(self, text: str) -> None:
        """Print a line of its own."""
        self._console.print(text)

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Show that something takes its time, and how long so far; only on a terminal."""
        if not self._console.is_terminal:
            yield
            return
        # Without redirection: what libraries log belongs in the log file.
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(
            *columns, console=self._console, transient=True, redirect_stdout=False, redirect_stderr=False
        ) as progress:
            progress.add_task(what)
            yield

    def show(self, report: NodeReport) -> None:
        """Show that a node has started or ended."""
        self._running.close()
        if report.state == "running":
            self._running.enter_context(self.busy(report.node))
            return
        self._console.print(f"  {report.node:<17}", end="")
        self._console.print(f"{report.state:<7}", style=_STYLES[report.state], end="")
        self._console.print(f"{report.seconds:7.1f} s  {report.made}")
