"""Many questions over one connection, a few in the works at any time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


async def map_bounded(
    items: AsyncIterator[A], work: Callable[[A], Awaitable[B]], places: int
) -> AsyncIterator[B]:
    """Results of ``work`` over the items, as they are done.

    Reads no further item while ``places`` of them are in the works or while the consumer does not
    take results: a slow consumer slows its own source, and nothing piles up.
    """
    source = aiter(items)
    exhausted = False
    reader: asyncio.Task[A] | None = None
    working: set[asyncio.Task[B]] = set()
    try:
        while True:
            if reader is None and not exhausted and len(working) < places:
                reader = asyncio.create_task(_next(source))
            waiting: set[asyncio.Task[A] | asyncio.Task[B]] = {*working}
            if reader is not None:
                waiting.add(reader)
            if not waiting:
                return
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if reader is not None and reader in done:
                try:
                    working.add(asyncio.create_task(_run(work, reader.result())))
                except _End:
                    exhausted = True
                reader = None
            for task in [task for task in working if task in done]:
                working.remove(task)
                yield task.result()
    finally:
        left: list[asyncio.Task[A] | asyncio.Task[B]] = [*working]
        if reader is not None:
            left.append(reader)
        for unfinished in left:
            unfinished.cancel()
        await asyncio.gather(*left, return_exceptions=True)


class Until(AsyncIterator[A]):
    """Items up to an event: then it ends, also where it waits for an item that may never come.

    Args:
        items: to take from.
        over: the event.

    Attributes:
        was_cut: whether the event has ended it, and not the items.
    """

    def __init__(self, items: AsyncIterator[A], over: asyncio.Event) -> None:
        self._items = aiter(items)
        self._over = over
        self.was_cut = False

    async def __anext__(self) -> A:
        if not self._over.is_set():
            reading = asyncio.create_task(_next(self._items))
            waiting = asyncio.create_task(self._over.wait())
            try:
                await asyncio.wait((reading, waiting), return_when=asyncio.FIRST_COMPLETED)
                if reading.done():  # what was read is answered, also where both have come
                    return reading.result()
            except _End:
                raise StopAsyncIteration from None
            finally:
                reading.cancel()
                waiting.cancel()
                await asyncio.gather(reading, waiting, return_exceptions=True)
        self.was_cut = True
        raise StopAsyncIteration


class _End(Exception):  # noqa: N818 - a task cannot carry StopAsyncIteration
    """The source has no more items."""


async def _next(source: AsyncIterator[A]) -> A:
    try:
        return await anext(source)
    except StopAsyncIteration:
        raise _End from None


async def _run(work: Callable[[A], Awaitable[B]], item: A) -> B:
    return await work(item)
