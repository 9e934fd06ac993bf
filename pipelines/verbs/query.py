"""`lodestar query`."""

from __future__ import annotations

import argparse
import time
from typing import Any

from components.errors import InputError
from components.family import Family, find_family
from components.serving.client import Asker
from pipelines.terminal import print_json, print_table


def run(arguments: argparse.Namespace) -> int:
    """Ask the served model one query and print the ranked candidates with their titles."""
    family = find_family(arguments.family)
    inputs = _inputs(family, arguments.words, arguments.rest)
    if arguments.top < 1:
        raise InputError(f"`--top {arguments.top}` is not positive.", cure="Ask for at least 1 row.")
    ask = Asker(arguments.server, family.name, version=arguments.version, label=arguments.label)
    started = time.perf_counter()
    answer = ask.predict(inputs)
    milliseconds = (time.perf_counter() - started) * 1000
    rows = _rows(ask, answer, arguments.top)
    if arguments.output == "json":
        print_json({"family": family.name, "milliseconds": round(milliseconds, 1), "results": rows})
        return 0
    cells = [(row["rank"], f"{row['score']:.4f}", row["id"], row["title"]) for row in rows]
    print_table(("rank", "score", "id", "title"), cells, right=("rank", "score"))
    print(f"{len(rows)} results in {milliseconds:.1f} ms")
    return 0


def _inputs(family: Family, words: list[str], rest: list[str]) -> dict[str, list[Any]]:
    parser = argparse.ArgumentParser(prog=f"lodestar query {family.name}", add_help=False)
    for option, _ in family.query.options:
        parser.add_argument(f"--{option}", required=True)
    options = parser.parse_args(rest)
    inputs: dict[str, list[Any]] = {name: [value] for name, value in family.query.constants}
    inputs |= {name: [getattr(options, option)] for option, name in family.query.options}
    text = " ".join(words)
    if family.query.text_input is not None:
        if not text:
            raise InputError("There is no query.", cure=f'Type: lodestar query {family.name} "some words".')
        inputs[family.query.text_input] = [text]
    elif text:
        usage = " ".join(f"--{option} ID" for option, _ in family.query.options)
        raise InputError(f"`{family.name}` takes no words, but got `{text}`.", cure=f"It takes {usage}.")
    return inputs


def _rows(ask: Asker, answer: dict[str, Any], top: int) -> list[dict[str, Any]]:
    # A row with fewer candidates than asked for is padded with empty ids.
    found = [(i, s) for i, s in zip(answer["ids"][0], answer["scores"][0], strict=True) if i][:top]
    if not found:
        return []
    ids = [candidate for candidate, _ in found]
    titles = ask.predict({"ids": ids}, signature_name="titles")["titles"]
    return [
        {"rank": rank, "id": candidate, "score": score, "title": title}
        for rank, ((candidate, score), title) in enumerate(zip(found, titles, strict=True), start=1)
    ]
