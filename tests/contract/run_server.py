"""Serve until SIGTERM and print one JSON line per event.

`run_server.py ROOT POLL_SECONDS` serves a root; `run_server.py --flag=value ...` takes the flags of
`python -m components.serving`. Both listen on free ports of this machine.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from components.errors import LodestarError
from components.serving import flags
from components.serving.server import ServerOptions, serve


def main(arguments: list[str]) -> int:
    def show(event: object) -> None:
        print(json.dumps(asdict(event)), flush=True)

    try:
        serve(flags.with_free_ports(_options(arguments)), show)
    except LodestarError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _options(arguments: list[str]) -> ServerOptions:
    if arguments[0].startswith("--"):
        return flags.parse(arguments)
    root, poll_seconds = arguments
    return ServerOptions(
        root=Path(root),
        deployments=Path(root) / "deployments.json",
        file_system_poll_wait_seconds=float(poll_seconds),
        num_load_threads=2,
        max_num_load_retries=0,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
