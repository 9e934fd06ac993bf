"""`python -m components.serving`: a stand-in for `tensorflow_model_server`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from components.errors import LodestarError

from . import flags
from .server import serve
from .status import Event


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM; return the exit code: 1 when a model cannot be served, 2 for wrong flags."""
    try:
        serve(flags.parse(arguments), _tell)
    except LodestarError as error:
        print(f"Failed to start server. Error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _tell(event: Event) -> None:
    print(event, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
