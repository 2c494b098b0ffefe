"""What a call held is free once it has ended, without waiting for Python to look for cycles.

It looks for them rarely. A server that kept the image of every failed call until then grew by
140 MB in ten minutes.
"""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from riskmask.client import AsyncClient, DeadlineExceeded, InvalidImage
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.errors import CorruptImageError
from riskmask.server.engine.job import Job
from riskmask.server.engine.values import Analysis, AnalysisRequest
from riskmask.server.pool import WorkerPool
from riskmask.v1 import riskmask_pb2 as pb

SECONDS = 10.0


class Pixels:
    """An array that says when it is gone."""

    def __init__(self) -> None:
        self.values = np.zeros((64, 64, 3), np.uint8)


class HoldingEngine(Engine):
    """Ends as told while it holds pixels."""

    def __init__(self, engine: Engine, end: Callable[[Job], None]) -> None:
        vars(self).update(vars(engine))
        self.end = end
        self.begun = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        self.held: list[weakref.ref[Any]] = []

    def analyze(self, request: AnalysisRequest, job: Job | None = None) -> Analysis:
        assert job is not None
        pixels = Pixels()
        self.held += [weakref.ref(pixels), weakref.ref(request)]
        self.loop.call_soon_threadsafe(self.begun.set)
        self.end(job)
        return super().analyze(request, job)


def fail(job: Job) -> None:
    raise CorruptImageError("the image ends too early")


def go_on(job: Job) -> None:
    pass


def wait(job: Job) -> None:
    while True:
        job.check()
        time.sleep(0.001)


@pytest.fixture
def no_search_for_cycles() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def messages_left() -> int:
    """Requests that something holds: they know no weak references, so everything is searched."""
    holders = (gc.get_referents(each) for each in gc.get_objects())
    return len({id(m) for held in holders for m in held if type(m) is pb.AnalyzeRequest})


async def all_gone(held: list[weakref.ref[Any]]) -> bool:
    """Whether nothing of it is left soon: a worker thread may still be leaving its call."""
    until = time.monotonic() + SECONDS
    while any(each() is not None for each in held) or messages_left():
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.01)
    return True


@pytest.mark.usefixtures("no_search_for_cycles")
@pytest.mark.parametrize("end", [go_on, fail, wait])
async def test_a_call_leaves_nothing_behind(
    engine: Engine,
    serving: Callable[..., Any],
    png: bytes,
    end: Callable[[Job], None],
) -> None:
    holding = HoldingEngine(engine, end)
    async with serving(holding) as (_, address), AsyncClient(address) as client:
        if end is go_on:
            await client.analyze(png)
        else:
            expected = InvalidImage if end is fail else DeadlineExceeded
            with pytest.raises(expected):
                await client.analyze(png, timeout=30.0 if end is fail else 3.0)
        assert len(holding.held) == 2
        assert await all_gone(holding.held)


@pytest.mark.usefixtures("no_search_for_cycles")
async def test_a_cancelled_call_leaves_nothing_behind(
    engine: Engine, serving: Callable[..., Any], png: bytes
) -> None:
    holding = HoldingEngine(engine, wait)
    async with serving(holding) as (_, address), AsyncClient(address) as client:
        asking = asyncio.create_task(client.analyze(png))
        await asyncio.wait_for(holding.begun.wait(), SECONDS)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert len(holding.held) == 2
        assert await all_gone(holding.held)


@pytest.mark.usefixtures("no_search_for_cycles")
async def test_the_pool_keeps_nothing_of_a_call_that_failed() -> None:
    held: list[weakref.ref[Any]] = []

    def call() -> None:
        pixels = Pixels()
        held.append(weakref.ref(pixels))
        raise CorruptImageError("the image ends too early")

    pool = WorkerPool(threads=1, queue=0)
    with pytest.raises(CorruptImageError):
        await pool.run(call)
    assert await all_gone(held)
    await pool.close()
