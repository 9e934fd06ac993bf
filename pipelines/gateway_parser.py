"""The parser of `lodestar gateway`; imports nothing heavy."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines.cluster_parsers import AddVerb, Verbs


def add_gateway_verb(verbs: Verbs[argparse.ArgumentParser], add: AddVerb) -> None:
    """Add the verb `gateway`."""
    verb = add(verbs, "gateway", "Serve the search and recommendation API and its web page.")
    verb.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    verb.add_argument(
        "--port", type=int, default=8080, help="port; 0 takes a free one (default: %(default)s)"
    )
    verb.add_argument(
        "--server",
        action="append",
        default=[],
        metavar="[FAMILY=]HOST:PORT",
        help="gRPC address of the models, of all families or one; repeatable (default: 127.0.0.1:8500)",
    )
    verb.add_argument(
        "--shard",
        action="append",
        default=[],
        metavar="FAMILY=MODEL",
        help="a model that holds a part of the family's collection; repeatable",
    )
    verb.add_argument(
        "--database", default="", metavar="URL", help="catalogue, e.g. postgresql://... (default: SQLite)"
    )
    verb.add_argument("--api-keys", type=Path, metavar="FILE", help="ask for a key; hashes are in FILE")
    verb.add_argument("--add-key", metavar="NAME", help="add a key for NAME to --api-keys, print it and end")
    verb.add_argument(
        "--deployments", type=Path, metavar="FILE", help="what is stable and canary (default: the home's)"
    )
    verb.add_argument(
        "--rate-limit",
        default="50/second",
        metavar="RATE",
        help="of one caller; '' for none (default: %(default)s)",
    )
    verb.add_argument(
        "--timeout", type=float, default=10.0, metavar="SECONDS", help="for one answer (default: %(default)s)"
    )
    verb.add_argument(
        "--max-upload-mb", type=float, default=16.0, metavar="MB", help="of a file (default: %(default)s)"
    )
    verb.add_argument(
        "--max-concurrent", type=int, default=256, metavar="N", help="more get 503 (default: %(default)s)"
    )
    verb.add_argument("--no-import", action="store_true", help="leave the catalogue as it is")
    verb.add_argument(
        "--trusted-proxies", default="", metavar="ADDRESSES", help="whose X-Forwarded-For is believed"
    )
