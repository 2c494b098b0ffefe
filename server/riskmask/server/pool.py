"""Analyses off the event loop: a few threads, a queue with an end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from riskmask.server.errors import QueueFull, ShuttingDown

T = TypeVar("T")


class WorkerPool:
    """Runs blocking calls in threads. Use it from one event loop.

    Args:
        threads: calls that run at the same time, at least 1.
        queue: calls that may wait beyond those, at least 0.
    """

    def __init__(self, threads: int, queue: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="analysis")
        self._places = threads + queue
        self._taken = 0
        self._closed = False

    async def run(self, call: Callable[[], T]) -> T:
        """Result of the call. Cancelling a call that waits frees its place at once.

        Raises:
            QueueFull: every place is taken; nothing was started.
            ShuttingDown: the pool is closed.
        """
        if self._closed:
            raise ShuttingDown("the server is stopping; try another one")
        if self._taken >= self._places:
            raise QueueFull(f"all {self._places} places are taken; try again later")
        loop = asyncio.get_running_loop()
        self._taken += 1
        future = self._executor.submit(call)

        def leave(_: Future[T]) -> None:
            # a call that was cancelled while it ran keeps its place until its thread is free
            loop.call_soon_threadsafe(self._release)

        future.add_done_callback(leave)
        return await asyncio.wrap_future(future)

    def _release(self) -> None:
        self._taken -= 1

    async def close(self) -> None:
        """Waits for the calls that run; drops those that wait."""
        self._closed = True
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)
