"""Files to ingest, and what reading them gives."""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import apache_beam as beam
import pytest

from components.ingest.contract import Record
from components.ingest.report import Report, WriteReport, read_report

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file under the test's folder and return its path; `.gz` is compressed."""

    def write_one(name: str, content: str | bytes) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return str(path)

    return write_one


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[ModuleType, Any], tuple[dict[str, list[Record]], Report]]]:
    """Run a reader on Beam; return the records of each split, and the report after its check."""

    def run_one(reader: ModuleType, data: Any) -> tuple[dict[str, list[Record]], Report]:
        found: dict[str, list[Record]] = defaultdict(list)
        _FOUND.append(found)
        with beam.Pipeline() as pipeline:
            ingested = reader.read(pipeline, data)
            for split, records in ingested.splits.items():
                _ = records | f"Keep {split}" >> beam.Map(_keep, split)
            _ = pipeline | WriteReport(ingested, str(tmp_path / "report.json"))
        report = read_report(ingested, str(tmp_path / "report.json"))
        report.check(ingested)
        return found, report

    yield run_one
    _FOUND.clear()


_FOUND: list[dict[str, list[Record]]] = []


def _keep(record: Record, split: str) -> None:
    _FOUND[-1][split].append(record)
