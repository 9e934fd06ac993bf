"""`make demo`: two families from raw data to a served model that answers, as a new user would type it."""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import requests

from components.errors import LodestarError

FAMILIES = ("matrix-factorization", "text-search")
QUERIES = (
    ("query", "matrix-factorization", "--user", "42", "-k", "5"),
    ("query", "text-search", "does vitamin D supplementation prevent respiratory infections", "-k", "5"),
)
_REST_PORT = 18501
_GRPC_PORT = 18500
_START_SECONDS = 120.0
_STOP_SECONDS = 60.0


def main() -> int:
    """Run, serve and query both families; print what it took."""
    started = time.monotonic()
    try:
        for family in FAMILIES:
            _lodestar("run", family)
        with _served():
            for query in QUERIES:
                _lodestar(*query, "--server", f"http://127.0.0.1:{_REST_PORT}")
    except LodestarError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    seconds = time.monotonic() - started
    print(f"\nfrom raw data to answers in {seconds:.0f} s, largest process {peak / 1e9:.2f} GB")
    print("go on: `. .venv/bin/activate`, then `lodestar serve`, `lodestar query`, `lodestar board`")
    print(
        "the web page: `lodestar serve` and, beside it, `lodestar gateway`; then open http://127.0.0.1:8080/"
    )
    return 0


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "pipelines", *arguments]


def _lodestar(*arguments: str) -> None:
    print(f"\n$ lodestar {shlex.join(arguments)}", flush=True)
    code = subprocess.run(_command(arguments), check=False).returncode  # noqa: S603 - our own interpreter
    if code:
        raise LodestarError(
            f"`lodestar {shlex.join(arguments)}` ended with {code}.", cure="See its message above."
        )


@contextmanager
def _served() -> Iterator[None]:
    ports = ("--rest-port", str(_REST_PORT), "--grpc-port", str(_GRPC_PORT))
    print(f"\n$ lodestar serve {shlex.join(ports)} &", flush=True)
    server = subprocess.Popen(_command(("serve", *ports)), env=os.environ)  # noqa: S603 - our own interpreter
    try:
        for family in FAMILIES:
            _wait_for(family, server)
        yield
    finally:
        _stop(server)


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        raise LodestarError("The server did not stop and was killed.", cure="See logs/serve.log.") from None


def _wait_for(family: str, server: subprocess.Popen[bytes]) -> None:
    address = f"http://127.0.0.1:{_REST_PORT}/v1/models/{family}/metadata"
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            # TF Serving answers its status while a model still loads; metadata only once it is there.
            if requests.get(address, timeout=5).status_code == requests.codes.ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.2)
    raise LodestarError(f"`{family}` is not served.", cure="Type `lodestar serve` to see why.")


if __name__ == "__main__":
    sys.exit(main())
