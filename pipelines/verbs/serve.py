"""`lodestar serve`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from components.home import Home
from components.serving.options import ServerOptions
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

        serve(_options(arguments, home), tell)
    return 0


def _options(arguments: argparse.Namespace, home: Home) -> ServerOptions:
    return ServerOptions(
        root=home.serving,
        deployments=home.serving / "deployments.json",
        host=arguments.host,
        port=arguments.grpc_port,
        rest_api_port=arguments.rest_port,
        file_system_poll_wait_seconds=arguments.poll_seconds,
        num_load_threads=2,
        num_unload_threads=2,
        # Files that are written slowly are tried again when they change; that needs no long waits.
        max_num_load_retries=1,
        load_retry_interval_micros=1_000_000,
    )
