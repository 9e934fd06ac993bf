"""Refuse gRPC requests that would wait too long, and keep control calls out of the queue.

gRPC hands every call to a pool of threads. A refusal that had to wait there would come when nobody wants it
any more, and so would the answer to a health check; both have a pool of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import sleep
from typing import Any

import grpc

from .errors import Code, ServingError
from .limits import Admission

_WAITS_IN_QUEUE = "/tensorflow.serving.PredictionService/"
_ASKS_ABOUT_MODELS = "/tensorflow.serving.PredictionService/GetModelMetadata"
_CONTROL_THREADS = 4
_HANDED_OUT_SECONDS = 0.5


class CountingPool(ThreadPoolExecutor):
    """Threads whose calls, running and waiting, are counted.

    Args:
        threads: How many.
        admission: Counts.
    """

    def __init__(self, threads: int, admission: Admission) -> None:
        super().__init__(threads, thread_name_prefix="serving-grpc")
        self._admission = admission

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a call, counted from now until it ends, however it does."""
        self._admission.count_in()
        future = super().submit(self._timed, fn, *args, **kwargs)
        future.add_done_callback(lambda _: self._admission.leave())
        return future

    def _timed(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with self._admission.timed():
            return fn(*args, **kwargs)


class Shedding(grpc.ServerInterceptor):
    """Decide for each call, before anything waits for it, which threads run it.

    Args:
        admission: Refuses when too many wait.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._draining = False
        self._handlers: dict[str, grpc.RpcMethodHandler] = {}
        self._control = ThreadPoolExecutor(_CONTROL_THREADS, thread_name_prefix="serving-control")

    def drain(self) -> None:
        """Refuse every further prediction, and return when those under way have surely reached their threads.

        gRPC drops what has arrived but was not handed out yet when it is stopped.
        """
        self._draining = True
        if self._admission.inside:
            sleep(_HANDED_OUT_SECONDS)

    def intercept_service(
        self, continuation: Callable[[Any], Any], details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler | None:
        """Return the method's own handler, or the one that refuses."""
        handler = continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler
        if not details.method.startswith(_WAITS_IN_QUEUE) or details.method == _ASKS_ABOUT_MODELS:
            return self._kept(details.method, handler, self._control)
        try:
            self._check()
        except ServingError as refusal:
            return _made(_refusing(refusal), handler, self._control)
        return self._kept(details.method, handler, None)

    def _check(self) -> None:
        if self._draining:
            raise ServingError(Code.UNAVAILABLE, "The server is shutting down.")
        self._admission.check()

    def _kept(self, method: str, handler: Any, pool: ThreadPoolExecutor | None) -> grpc.RpcMethodHandler:
        if method not in self._handlers:
            self._handlers[method] = _made(_reading(handler), handler, pool)
        return self._handlers[method]


def _made(
    behavior: Callable[[bytes, grpc.ServicerContext], Any], handler: Any, pool: ThreadPoolExecutor | None
) -> grpc.RpcMethodHandler:
    """Return a handler that gets the request as bytes and runs on the threads of `pool`."""
    if pool is not None:
        behavior.experimental_thread_pool = pool  # type: ignore[attr-defined]
    return grpc.unary_unary_rpc_method_handler(behavior, None, handler.response_serializer)


def _reading(handler: Any) -> Callable[[bytes, grpc.ServicerContext], Any]:
    """Return the handler's behavior for bytes.

    gRPC itself would read them in the one thread that takes every call, and keeps 16 KB for ever of each
    request that it cannot read.
    """

    def read_and_run(data: bytes, context: grpc.ServicerContext) -> Any:
        try:
            request = handler.request_deserializer(data)
        except Exception:
            return context.abort(grpc.StatusCode.INTERNAL, "Exception deserializing request!")
        return handler.unary_unary(request, context)

    return read_and_run


def _refusing(error: ServingError) -> Callable[..., Any]:
    def refuse(data: bytes, context: grpc.ServicerContext) -> Any:
        return context.abort(grpc.StatusCode.UNAVAILABLE, error.message)

    return refuse
