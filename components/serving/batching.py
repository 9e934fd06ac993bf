"""Run requests together: one call of the model for the rows of many.

Requests for the same signature and outputs queue up in batches. A batch runs as soon as a thread is free and
it is full or its first request has waited `batch_timeout_micros`. While all threads are busy the next batch
grows, so the batch size follows the load by itself. What does not fit into the queue is refused at once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from . import batch_arrays, batching_config
from .batch_arrays import Arrays
from .batching_config import BatchingParameters
from .errors import Code, ServingError, invalid
from .json_tensor import Array
from .options import ServerOptions

Run = Callable[[Arrays, "float | None"], Arrays]


@dataclass(eq=False)
class Task:
    """One request in a batch.

    Attributes:
        inputs: Input name -> array; all have `rows` rows.
        rows: Rows of the request.
        deadline: When the caller gives up, in `monotonic` seconds; None for never.
        answer: Gets the outputs of these rows, or the error.
    """

    inputs: Arrays
    rows: int
    deadline: float | None
    answer: Future[Arrays] = field(default_factory=Future)


@dataclass(eq=False)
class Batch:
    """Requests that run together, and when they must at the latest."""

    run: Run
    due: float
    tasks: list[Task] = field(default_factory=list)
    rows: int = 0
    closed: bool = False

    def add(self, task: Task, limit: int) -> None:
        """Add a request that fits; the batch is closed when it is full."""
        self.tasks.append(task)
        self.rows += task.rows
        self.closed = self.rows >= limit


class Scheduler:
    """Collect requests into batches and run them on a few threads, for all models of a server.

    Args:
        parameters: Limits and sizes.
    """

    def __init__(self, parameters: BatchingParameters) -> None:
        self.parameters = parameters
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        # Only queues with a batch in them are kept; the first one is looked at first.
        self._queues: dict[Hashable, deque[Batch]] = {}
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{parameters.thread_pool_name}-{number}", daemon=True)
            for number in range(parameters.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    def run(self, key: Hashable, run: Run, inputs: Arrays, deadline: float | None = None) -> dict[str, Array]:
        """Run one request as a part of a batch and return its own outputs.

        Args:
            key: Requests with the same key may run together.
            run: Runs the rows of a batch; gets the deadline of its most patient request.
            inputs: Input name -> array.
            deadline: When to give up, in `monotonic` seconds.

        Raises:
            ServingError: UNAVAILABLE: the queue is full. INVALID_ARGUMENT: inputs without a common first
                dimension, or more rows than a batch may have. RESOURCE_EXHAUSTED: the deadline passed in the
                queue. DEADLINE_EXCEEDED: it passed while the batch ran. FAILED_PRECONDITION: rows or outputs
                that do not fit into a batch. Otherwise what `run` raised.
        """
        task = Task(inputs, batch_arrays.rows_of(inputs), deadline)
        limit = self.parameters.max_batch_size
        if task.rows > limit:
            raise invalid(f"Task size {task.rows} is larger than maximum input batch size {limit}")
        with self._lock:
            self._enqueue(key, run, task)
        try:
            return dict(task.answer.result(None if deadline is None else max(0.0, deadline - monotonic())))
        except FutureTimeoutError:
            raise ServingError(Code.DEADLINE_EXCEEDED, "Timed out waiting for notification") from None

    def close(self) -> None:
        """Run what is queued, then end the threads; nothing may be added any more."""
        with self._lock:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _enqueue(self, key: Hashable, run: Run, task: Task) -> None:
        parameters = self.parameters
        queue = self._queues.get(key)
        batch = queue[-1] if queue else None
        if batch is not None and not batch.closed and batch.rows + task.rows <= parameters.max_batch_size:
            batch.add(task, parameters.max_batch_size)
            if batch.closed:
                self._changed.notify()
            return
        if queue is not None and len(queue) >= parameters.max_enqueued_batches:
            raise ServingError(
                Code.UNAVAILABLE, "The batch scheduling queue to which this task was submitted is full"
            )
        if batch is not None:
            batch.closed = True
        opened = Batch(run, monotonic() + parameters.batch_timeout_micros / 1e6)
        opened.add(task, parameters.max_batch_size)
        self._queues.setdefault(key, deque()).append(opened)
        self._changed.notify()

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            _process(batch, self.parameters)

    def _next(self) -> Batch | None:
        with self._lock:
            while True:
                batch, wait = self._take()
                if batch is not None:
                    return batch
                if self._stopped and not self._queues:
                    return None
                self._changed.wait(wait)

    def _take(self) -> tuple[Batch | None, float | None]:
        """Return a batch that may run now, or how long until one may."""
        now = monotonic()
        wait: float | None = None
        for key, queue in self._queues.items():
            batch = queue[0]
            if batch.closed or batch.due <= now or self._stopped:
                del self._queues[key]
                queue.popleft()
                # To the end: signatures take turns.
                if queue:
                    self._queues[key] = queue
                return batch, None
            wait = batch.due - now if wait is None else min(wait, batch.due - now)
        return None, wait


def make_scheduler(options: ServerOptions) -> Scheduler | None:
    """Return what runs batches as the options say; None when batching is off.

    Raises:
        InputError: The file of parameters cannot be used.
    """
    if not options.enable_batching:
        return None
    file = options.batching_parameters_file
    return Scheduler(batching_config.read(Path(file)) if file else BatchingParameters())


def _process(batch: Batch, parameters: BatchingParameters) -> None:
    tasks = _in_time(batch.tasks)
    if not tasks:
        return
    try:
        _answer(batch.run, tasks, parameters)
    except ServingError as error:
        if len(tasks) == 1 or error.code in (Code.FAILED_PRECONDITION, Code.DEADLINE_EXCEEDED):
            _fail(tasks, error)
            return
        # One request's values must not fail those that happen to be in its batch: look in both halves.
        half = len(tasks) // 2
        for part in (tasks[:half], tasks[half:]):
            _process(Batch(batch.run, batch.due, part), parameters)
    # A caller waits for every task: whatever happened, each must end.
    except Exception as error:
        _fail(tasks, error)


def _answer(run: Run, tasks: Sequence[Task], parameters: BatchingParameters) -> None:
    rows = sum(task.rows for task in tasks)
    padding = parameters.padded(rows) - rows if rows else 0
    inputs = batch_arrays.merged(
        [task.inputs for task in tasks], padding, parameters.pad_variable_length_inputs
    )
    outputs = run(inputs, _deadline(tasks))
    sizes = [task.rows for task in tasks]
    for task, part in zip(tasks, batch_arrays.split(outputs, sizes, rows + padding), strict=True):
        task.answer.set_result(part)


def _in_time(tasks: Sequence[Task]) -> list[Task]:
    now = monotonic()
    late = [task for task in tasks if task.deadline is not None and task.deadline <= now]
    message = "Run() timeout exceeded while waiting in batching queue"
    _fail(late, ServingError(Code.RESOURCE_EXHAUSTED, message))
    return [task for task in tasks if task not in late]


def _deadline(tasks: Sequence[Task]) -> float | None:
    deadlines = [task.deadline for task in tasks]
    return None if None in deadlines else max(deadline for deadline in deadlines if deadline is not None)


def _fail(tasks: Sequence[Task], error: Exception) -> None:
    for task in tasks:
        task.answer.set_exception(error)
