"""How a failed step ends: one clear block in the log, and its last lines where Kubernetes looks for them."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from components.errors import LodestarError

# Kubernetes shows what is in this file as the container's message.
TERMINATION_LOG = "/dev/termination-log"
# For a container with another `terminationMessagePath`.
TERMINATION_VARIABLE = "LODESTAR_TERMINATION_LOG"
_LONGEST = 4096
_RULE = "-" * 72
_RESUME = "When that is mended: `lodestar resume {}`; what is finished is re-used."


class MetadataUnavailable(LodestarError):
    """Signal that ML Metadata has not answered for as long as a step waits."""


def describe(node: str, run_id: str, error: BaseException) -> str:
    """Return what went wrong and what to do, in a few lines."""
    lines = [f"{node} failed: {error if isinstance(error, LodestarError) else _headline(error)}"]
    first = _first(error)
    if first is not None:
        when = "Before that" if isinstance(error, MetadataUnavailable) else "Caused by"
        lines.append(f"{when}: {first if isinstance(first, LodestarError) else _headline(first)}")
    if "lodestar resume" not in lines[0]:
        lines.append(_RESUME.format(run_id))
    return "\n".join(lines)


def exit_code(error: BaseException) -> int:
    """Return 2 when the caller can mend it, else 1."""
    return error.exit_code if isinstance(error, LodestarError) else 1


def print_failure(text: str, error: BaseException) -> None:
    """Print the traceback of an error that is not ours, then the block."""
    if not isinstance(error, LodestarError):
        traceback.print_exception(error)
    print(f"{_RULE}\n{text}\n{_RULE}", flush=True)


def leave_message(text: str, path: Path | None = None) -> None:
    """Leave the last 4096 bytes of `text` for Kubernetes; nothing happens outside a pod."""
    path = path or Path(os.environ.get(TERMINATION_VARIABLE, TERMINATION_LOG))
    # The kubelet makes the file.
    if path.exists():
        path.write_bytes(text.encode("utf-8")[-_LONGEST:])


def _headline(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0].rstrip('.') if lines else 'no message'}."


def _first(error: BaseException) -> BaseException | None:
    # Our errors say all that is to be said, but for the one that hides why the node itself had failed.
    if isinstance(error, LodestarError) and not isinstance(error, MetadataUnavailable):
        return None
    first: BaseException | None = None
    inner = error.__cause__ or error.__context__
    while inner is not None:
        if not type(inner).__module__.startswith(("ml_metadata", "grpc")):
            first = inner
        inner = inner.__cause__ or inner.__context__
    return first
