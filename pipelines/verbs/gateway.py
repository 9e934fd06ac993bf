"""`lodestar gateway`."""

from __future__ import annotations

import argparse
import json
import sys

from components.errors import InputError
from components.gateway.keys import add_key
from components.gateway.logs import log_to
from components.gateway.server import serve
from components.gateway.servers import Servers, parse_shards
from components.gateway.settings import GatewaySettings
from components.home import Home
from components.serving.ports import bind
from pipelines.terminal import print_json


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM, or make an API key."""
    if arguments.add_key:
        return _add_key(arguments)
    settings = settings_of(arguments, Home.find())
    listener = bind(arguments.host, arguments.port, "--port")
    host, port = listener.getsockname()[:2]
    log_to(sys.stderr)

    def started() -> None:
        url = f"http://{host}:{port}"
        if arguments.output == "json":
            print(json.dumps({"kind": "listening", "url": url}), flush=True)
        else:
            print(f"listening  {url}  (page: {url}/, API: {url}/openapi.json)", flush=True)

    serve(settings, listener, started)
    return 0


def settings_of(arguments: argparse.Namespace, home: Home) -> GatewaySettings:
    """Return what the options say.

    Raises:
        InputError: One of them is out of range.
    """
    for name in ("timeout", "max_upload_mb", "max_concurrent"):
        if getattr(arguments, name) <= 0:
            option = f"--{name.replace('_', '-')}"
            raise InputError(
                f"`{option} {getattr(arguments, name):g}` is not positive.", cure="Give a positive number."
            )
    return GatewaySettings(
        servers=Servers.parse(arguments.server),
        shards=parse_shards(arguments.shard),
        serving=home.serving,
        feedback=home.feedback,
        database=arguments.database,
        state=home.root / "gateway",
        deployments=arguments.deployments or home.serving / "deployments.json",
        api_keys=arguments.api_keys,
        rate_limit=arguments.rate_limit,
        timeout_seconds=arguments.timeout,
        max_upload_bytes=int(arguments.max_upload_mb * 2**20),
        max_concurrent=arguments.max_concurrent,
        import_catalogue=not arguments.no_import,
        trusted_proxies=arguments.trusted_proxies,
    )


def _add_key(arguments: argparse.Namespace) -> int:
    if arguments.api_keys is None:
        raise InputError("`--add-key` needs a file.", cure="Name it with `--api-keys FILE`.")
    key = add_key(arguments.api_keys, arguments.add_key)
    if arguments.output == "json":
        print_json({"name": arguments.add_key, "key": key})
    else:
        print(key)
        print("This is the only time that the key is shown.", file=sys.stderr)
    return 0
