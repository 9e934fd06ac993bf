"""Answer gRPC's standard health protocol, as `--enable_grpc_healthcheck_service` asks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]


class Health:
    """Say SERVING for the whole server until it stops; start and stop once.

    Args:
        server: Gets the service; not started yet.
    """

    def __init__(self, server: grpc.Server) -> None:
        # A thread of its own, so that somebody who watches takes none from requests.
        self._servicer = health.HealthServicer(
            experimental_non_blocking=True, experimental_thread_pool=ThreadPoolExecutor(1, "serving-health")
        )
        self._servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    def start(self) -> None:
        """Say SERVING."""
        self._servicer.set("", health_pb2.HealthCheckResponse.SERVING)

    def stop(self) -> None:
        """Say NOT_SERVING, also to those who watch; it stays so."""
        self._servicer.enter_graceful_shutdown()
