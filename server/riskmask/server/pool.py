"""Analyses off the event loop: a few threads, and two queues with an end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Any, TypeVar

from riskmask.server.engine.errors import EngineError
from riskmask.server.errors import QueueFull, ShuttingDown
from riskmask.server.places import MeanTime, Places, retry_within_reason

T = TypeVar("T")

log = logging.getLogger(__name__)


class Priority(IntEnum):
    """Who goes first."""

    LIVE = 0
    BATCH = 1


@dataclass(eq=False)
class _Waiting:
    call: Callable[[], Any]
    answer: asyncio.Future[Any]
    patient: bool
    places: Places | None
    has_begun: bool = False


class WorkerPool:
    """Runs blocking calls in threads. Use it from one event loop.

    A call of low priority starts when no other one waits, and such calls may take half of the
    queue, so that a back catalogue never shuts out somebody who waits for an answer.

    Args:
        threads: calls that run at the same time, at least 1.
        queue: calls that may wait beyond those, at least 0.
    """

    def __init__(self, threads: int, queue: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="analysis")
        self._threads = threads
        self._idle = threads
        self._room = {Priority.LIVE: queue, Priority.BATCH: (queue + 1) // 2}
        self._queues: dict[Priority, deque[_Waiting]] = {each: deque() for each in Priority}
        self._mean = MeanTime()
        self._closed = False

    @property
    def running(self) -> int:
        """Calls in a thread."""
        return self._threads - self._idle

    def waiting(self, priority: Priority) -> int:
        """Calls of this priority in the queue."""
        return len(self._queues[priority])

    async def run(
        self,
        call: Callable[[], T],
        priority: Priority = Priority.LIVE,
        *,
        patient: bool = False,
        places: Places | None = None,
    ) -> T:
        """Result of the call. Cancelling a call that waits frees its place at once.

        Args:
            call: runs in a thread.
            priority: which queue to wait in.
            patient: waits however long the queue is; for a caller that bounds itself.
            places: of the call's method, where that has a limit of its own.

        Raises:
            QueueFull: every place is taken; nothing was started.
            TooManyCalls: every place of the method is; nothing was started.
            ShuttingDown: the pool is closed.
        """
        if self._closed:
            raise ShuttingDown("the server is stopping; try another one")
        if not (patient or self._idle or self._has_room(priority)):
            raise QueueFull(
                f"{self._places(priority)} are taken; try again later", self.retry_seconds()
            )
        if places is not None:
            places.take()
        waiting = _Waiting(call, asyncio.get_running_loop().create_future(), patient, places)
        self._queues[priority].append(waiting)
        waiting.answer.add_done_callback(partial(self._forget, waiting, priority))
        self._start_next()
        try:
            answer: T = await waiting.answer
        finally:
            waiting.answer.cancel()
            del waiting  # or its error and this frame would keep one another, and the request
        return answer

    def retry_seconds(self) -> float:
        """When a place is likely to be free, from the time that calls have taken so far."""
        ahead = sum(len(queue) for queue in self._queues.values()) + self.running
        return retry_within_reason(self._mean.seconds * ahead / self._threads)

    async def close(self) -> None:
        """Waits for the calls that run; refuses those that wait."""
        self._closed = True
        for queue in self._queues.values():
            for waiting in tuple(queue):
                if not waiting.answer.done():
                    waiting.answer.set_exception(ShuttingDown("the server is stopping"))
            queue.clear()
        await asyncio.to_thread(self._executor.shutdown, wait=True)

    def _has_room(self, priority: Priority) -> bool:
        impatient = {
            each: sum(not waiting.patient for waiting in queue)
            for each, queue in self._queues.items()
        }
        taken = sum(impatient.values())
        return taken < self._room[Priority.LIVE] and impatient[priority] < self._room[priority]

    def _places(self, priority: Priority) -> str:
        places = self._room[priority]
        return f"all {places} places for {priority.name.lower()} requests"

    def _forget(self, waiting: _Waiting, priority: Priority, _: asyncio.Future[Any]) -> None:
        if waiting in self._queues[priority]:
            self._queues[priority].remove(waiting)
        if waiting.places is not None and not waiting.has_begun:
            waiting.places.give_back()

    def _start_next(self) -> None:
        while self._idle and not self._closed:
            queue = next((queue for queue in self._queues.values() if queue), None)
            if queue is None:
                return
            waiting = queue.popleft()
            if not waiting.answer.done():
                self._start(waiting)

    def _start(self, waiting: _Waiting) -> None:
        loop = asyncio.get_running_loop()
        self._idle -= 1
        waiting.has_begun = True
        begun = time.monotonic()
        future: Future[Any] = self._executor.submit(waiting.call)
        # a call that nobody waits for any more keeps its thread until it notices
        future.add_done_callback(
            lambda done: loop.call_soon_threadsafe(self._finish, waiting, begun, done)
        )

    def _finish(self, waiting: _Waiting, begun: float, done: Future[Any]) -> None:
        self._idle += 1
        seconds = time.monotonic() - begun
        self._mean.add(seconds)
        if waiting.places is not None:
            waiting.places.give_back(seconds)
        self._start_next()
        error = done.exception()
        if waiting.answer.done():
            if error is not None and not isinstance(error, EngineError):
                log.error("a request that nobody waited for failed", exc_info=error)
        elif error is not None:
            waiting.answer.set_exception(error)
        else:
            waiting.answer.set_result(done.result())
