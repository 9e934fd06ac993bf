"""`lodestar data`."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from components.datasets.catalogue import list_datasets
from components.datasets.fetch import fetch, verify
from components.home import Home
from pipelines.terminal import print_json, print_table


def run(arguments: argparse.Namespace) -> int:
    """List, fetch or verify public data sets; they are kept in `<home>/data`."""
    into = Home.find().data
    as_json = arguments.output == "json"
    if arguments.action == "list":
        _list(as_json)
        return 0
    if arguments.action == "fetch":
        fetch(arguments.name, into)
    checked = verify(arguments.name, into)
    if as_json:
        print_json(asdict(checked))
    else:
        print(f"{checked.name}: {checked.files} files are as they should be in {checked.path}")
    return 0


def _list(as_json: bool) -> None:
    known = list_datasets()
    if as_json:
        print_json([dataset.model_dump(mode="json") for dataset in known])
    else:
        print_table(("name", "what", "licence"), [(d.name, d.title, d.licence) for d in known])
