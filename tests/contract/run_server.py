"""Serve a root until SIGTERM and print one JSON line per event; `python run_server.py ROOT [HOST]`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from components.serving.server import serve


def main(root: str, poll_seconds: str) -> None:
    def show(event: object) -> None:
        print(json.dumps(asdict(event)), flush=True)

    serve(Path(root), show, rest_port=0, grpc_port=0, poll_seconds=float(poll_seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
