"""The worker pool: two bounded queues, and places that come back."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator

import pytest

from riskmask.server.errors import QueueFull, ShuttingDown
from riskmask.server.places import LATEST_RETRY, SOONEST_RETRY
from riskmask.server.pool import Priority, WorkerPool


class Busy:
    """A call that occupies a thread until it is let go."""

    def __init__(self) -> None:
        self.begun, self.gate = threading.Event(), threading.Event()

    def __call__(self) -> bool:
        self.begun.set()
        return self.gate.wait(30)


@pytest.fixture
async def busy() -> AsyncIterator[Busy]:
    call = Busy()
    yield call
    call.gate.set()


async def settle() -> None:
    """Lets every task that can go on reach its next wait."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_cancelled_call_frees_its_place_and_never_runs(busy: Busy) -> None:
    pool, ran = WorkerPool(threads=1, queue=1), []
    first = asyncio.create_task(pool.run(busy))
    waiting = asyncio.create_task(pool.run(lambda: ran.append("waiting")))
    await settle()
    with pytest.raises(QueueFull):
        await pool.run(lambda: None)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert pool.waiting(Priority.LIVE) == 0
    third = asyncio.create_task(pool.run(lambda: "third"))
    await settle()
    busy.gate.set()
    assert await third == "third"
    assert await first is True
    assert ran == []
    await pool.close()


async def test_a_cancelled_call_that_runs_keeps_its_thread_until_it_ends(busy: Busy) -> None:
    pool = WorkerPool(threads=1, queue=0)
    task = asyncio.create_task(pool.run(busy))
    assert await asyncio.to_thread(busy.begun.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(QueueFull):
        await pool.run(lambda: None)
    assert pool.running == 1
    patient = asyncio.create_task(pool.run(lambda: 7, patient=True))
    busy.gate.set()
    assert await patient == 7
    await pool.close()


async def test_live_goes_before_batch_and_each_keeps_its_order(busy: Busy) -> None:
    pool, order = WorkerPool(threads=1, queue=10), []
    tasks = [asyncio.create_task(pool.run(busy))]
    for name in ("b1", "b2", "l1", "b3", "l2"):
        priority = Priority.LIVE if name[0] == "l" else Priority.BATCH
        call = pool.run(lambda name=name: order.append(name), priority)  # type: ignore[misc]
        tasks.append(asyncio.create_task(call))
    await settle()
    assert (pool.waiting(Priority.LIVE), pool.waiting(Priority.BATCH)) == (2, 3)
    busy.gate.set()
    await asyncio.gather(*tasks)
    assert order == ["l1", "l2", "b1", "b2", "b3"]
    await pool.close()


async def test_a_back_catalogue_never_takes_the_whole_queue(busy: Busy) -> None:
    pool = WorkerPool(threads=1, queue=4)
    tasks = [asyncio.create_task(pool.run(busy))]
    await settle()
    for _ in range(2):
        tasks.append(asyncio.create_task(pool.run(lambda: True, Priority.BATCH)))
    await settle()
    with pytest.raises(QueueFull, match="2 places for batch"):
        await pool.run(lambda: True, Priority.BATCH)
    for _ in range(2):
        tasks.append(asyncio.create_task(pool.run(lambda: True)))
    await settle()
    with pytest.raises(QueueFull, match="4 places for live"):
        await pool.run(lambda: True)
    busy.gate.set()
    assert all(await asyncio.gather(*tasks))
    await pool.close()


async def test_a_patient_call_waits_and_takes_nobody_s_place(busy: Busy) -> None:
    pool = WorkerPool(threads=1, queue=1)
    tasks = [asyncio.create_task(pool.run(busy))]
    await settle()
    tasks += [asyncio.create_task(pool.run(lambda: True, patient=True)) for _ in range(5)]
    await settle()
    tasks.append(asyncio.create_task(pool.run(lambda: True)))
    await settle()
    with pytest.raises(QueueFull):
        await pool.run(lambda: True)
    busy.gate.set()
    assert all(await asyncio.gather(*tasks))
    await pool.close()


async def test_the_time_to_try_again_grows_with_the_queue_within_bounds(busy: Busy) -> None:
    pool = WorkerPool(threads=1, queue=1)
    assert pool.retry_seconds() == SOONEST_RETRY
    running = asyncio.create_task(pool.run(busy))
    waiting = asyncio.create_task(pool.run(lambda: True))
    await settle()
    pool._mean.seconds = 2.0
    assert pool.retry_seconds() == 4.0
    with pytest.raises(QueueFull) as caught:
        await pool.run(lambda: True)
    assert caught.value.retry_seconds == 4.0
    pool._mean.seconds = 1e6
    assert pool.retry_seconds() == LATEST_RETRY
    busy.gate.set()
    await asyncio.gather(running, waiting)
    await pool.close()


async def test_the_failure_of_a_call_that_nobody_waits_for_is_logged(
    busy: Busy, caplog: pytest.LogCaptureFixture
) -> None:
    pool = WorkerPool(threads=1, queue=1)

    def fail() -> None:
        busy()
        raise ZeroDivisionError

    task = asyncio.create_task(pool.run(fail))
    assert await asyncio.to_thread(busy.begun.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    busy.gate.set()
    assert await pool.run(lambda: 1, patient=True) == 1
    assert "nobody waited for" in caplog.text
    await pool.close()
    assert logging.ERROR in {record.levelno for record in caplog.records}


async def test_a_closed_pool_takes_nothing_and_refuses_what_waits(busy: Busy) -> None:
    pool = WorkerPool(threads=1, queue=1)
    running = asyncio.create_task(pool.run(busy))
    waiting = asyncio.create_task(pool.run(lambda: True))
    await settle()
    closing = asyncio.create_task(pool.close())
    with pytest.raises(ShuttingDown):
        await waiting
    with pytest.raises(ShuttingDown):
        await pool.run(lambda: None)
    busy.gate.set()
    await closing
    assert await running is True
