"""`lodestar serve`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from components.home import Home
from components.serving.server import serve
from components.serving.status import Event
from pipelines.quiet import noise_to


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM; one line per event."""
    home = Home.find()
    as_json = arguments.output == "json"
    with noise_to(home.logs / "serve.log") as terminal:

        def tell(event: Event) -> None:
            line = json.dumps(asdict(event)) if as_json else str(event)
            print(line, file=terminal, flush=True)

        serve(
            home.serving,
            tell,
            host=arguments.host,
            rest_port=arguments.rest_port,
            grpc_port=arguments.grpc_port,
            poll_seconds=arguments.poll_seconds,
        )
    return 0
