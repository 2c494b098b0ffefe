"""The worker pool: a bounded queue, and places that come back."""

from __future__ import annotations

import asyncio
import threading

import pytest

from riskmask.server.errors import QueueFull, ShuttingDown
from riskmask.server.pool import WorkerPool


async def test_a_cancelled_call_frees_its_place_and_never_runs() -> None:
    pool, gate, ran = WorkerPool(threads=1, queue=1), threading.Event(), []
    first = asyncio.create_task(pool.run(lambda: gate.wait(30)))
    waiting = asyncio.create_task(pool.run(lambda: ran.append("waiting")))
    await asyncio.sleep(0)
    with pytest.raises(QueueFull):
        await pool.run(lambda: None)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0)
    third = asyncio.create_task(pool.run(lambda: "third"))
    await asyncio.sleep(0)
    gate.set()
    assert await third == "third"
    assert await first is True
    assert ran == []
    await pool.close()


async def test_a_cancelled_call_that_runs_keeps_its_place_until_it_ends() -> None:
    pool, gate, begun = WorkerPool(threads=1, queue=0), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        gate.wait(30)

    task = asyncio.create_task(pool.run(work))
    await asyncio.to_thread(begun.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(QueueFull):
        await pool.run(lambda: None)
    gate.set()
    async with asyncio.timeout(30):
        while True:
            try:
                assert await pool.run(lambda: 7) == 7
                break
            except QueueFull:
                await asyncio.sleep(0.001)
    await pool.close()


async def test_a_closed_pool_takes_nothing() -> None:
    pool = WorkerPool(threads=1, queue=1)
    await pool.close()
    with pytest.raises(ShuttingDown):
        await pool.run(lambda: None)
