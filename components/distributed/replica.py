"""`python -m components.distributed.replica REQUEST`: one process of a training, with TF_CONFIG set.

Ends with 0 when its part is done, 1 or 2 when the training cannot succeed, and 128 or more when it is worth
another try: a peer was lost, or nothing moved for too long.
"""

from __future__ import annotations

import logging
import math
import os
import re
import sys
import traceback

from components.distributed.cluster import CHIEF, VARIABLE, Cluster
from components.distributed.exits import RETRYABLE, exit_code
from components.distributed.request import Request
from components.distributed.watchdog import Watchdog
from components.errors import LodestarError

_PEER = re.compile(r"/job:(\w+)/replica:0/task:(\d+)")
_LOG = logging.getLogger(__name__)


def main() -> int:
    """Take part in the training that the command line names; return the exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s", force=True)
    logging.getLogger("components").setLevel(logging.INFO)
    try:
        request = Request.read(sys.argv[1])
        cluster = Cluster.parse(os.environ.get(VARIABLE, ""))
    except LodestarError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    os.environ[VARIABLE] = cluster.tf_config()
    watchdog = _watch(request, cluster)
    try:
        _take_part(request, cluster, watchdog)
    except Exception as error:
        return _give_up(request, cluster, error)
    return 0


def _watch(request: Request, cluster: Cluster) -> Watchdog:
    compute = request.compute
    steps = trains(cluster)
    watchdog = Watchdog(
        cluster.name,
        cluster.names,
        request.signs,
        start_timeout=compute.start_timeout_seconds if steps else math.inf,
        step_timeout=compute.step_timeout_seconds if steps else math.inf,
    )
    watchdog.start()
    return watchdog


def trains(cluster: Cluster) -> bool:
    """Return whether this process runs `run_fn`; beside parameter servers only the chief does."""
    return cluster.role == CHIEF or not cluster.has_parameter_servers


def _take_part(request: Request, cluster: Cluster, watchdog: Watchdog) -> None:
    if trains(cluster):
        # TFX takes ten seconds to import, and the watchdog is to live before.
        from components.distributed.run import run

        run(request, cluster, watchdog.progress)
    else:
        _serve(cluster)


def _serve(cluster: Cluster) -> None:
    # Runs what the chief asks for; whoever started this process ends it when the chief is done.
    import tensorflow as tf

    hosts = tf.train.ClusterSpec({role: list(hosts) for role, hosts in cluster.hosts.items()})
    server = tf.distribute.Server(
        hosts, job_name=cluster.role, task_index=cluster.index, protocol="grpc", start=True
    )
    _LOG.info("%s serves the chief at %s", cluster.name, cluster.hosts[cluster.role][cluster.index])
    server.join()


def _give_up(request: Request, cluster: Cluster, error: Exception) -> int:
    code = exit_code(error)
    if code < RETRYABLE:
        if not isinstance(error, LodestarError):
            traceback.print_exc()
        request.write_failure(cluster.name, error, code)
        print(f"error: {error}", file=sys.stderr)
    else:
        print(f"{cluster.name}: {_lost(cluster, error)}; ending, to be started again.", file=sys.stderr)
    return code


def _lost(cluster: Cluster, error: Exception) -> str:
    # TensorFlow names a peer as /job:worker/replica:0/task:1.
    named = [f"{role}-{index}" for role, index in _PEER.findall(str(error))]
    peers = sorted({name for name in named if name in cluster.names and name != cluster.name})
    lines = [line for line in str(error).splitlines() if line.strip()]
    reason = next(
        (line for line in lines if line.startswith("Collective ops is aborted")), "".join(lines[:1])
    )
    return f"lost {', '.join(peers) or 'a peer'} ({type(error).__name__}: {reason[:300]})"


if __name__ == "__main__":
    ended = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # TensorFlow's servers cannot be stopped, and at the interpreter's end they would be waited for.
    os._exit(ended)
