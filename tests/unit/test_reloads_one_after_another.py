"""A model is exchanged once for each time it was asked, one exchange after another."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from riskmask.server.reload import Reloads


class Exchanged:
    """What a server is to :class:`Reloads`: it takes engines and counts."""

    def __init__(self) -> None:
        self.engines: list[int] = []
        self.counted: list[bool] = []
        self.metrics = SimpleNamespace(count_reload=self._count)

    def install(self, engine: Any) -> None:
        self.engines.append(engine.number)

    def _count(self, *, done: bool) -> None:
        self.counted.append(done)


async def _until(happened: Any) -> None:
    async with asyncio.timeout(30):
        while not happened():
            await asyncio.sleep(0.005)


def _engine(number: int) -> Any:
    return SimpleNamespace(number=number, model=SimpleNamespace(name="tiny", sha256="0" * 64))


async def test_asking_twice_during_an_exchange_causes_one_more() -> None:
    begun, may_end = threading.Semaphore(0), threading.Semaphore(0)
    loads = 0

    def load() -> Any:
        nonlocal loads
        loads += 1
        begun.release()
        may_end.acquire()
        return _engine(loads)

    server: Any = Exchanged()
    reloads = Reloads(load)
    task = asyncio.create_task(reloads.run(server))
    reloads.ask()
    await asyncio.to_thread(begun.acquire)
    reloads.ask()
    reloads.ask()
    may_end.release(2)
    await _until(lambda: len(server.engines) == 2)
    assert server.engines == [1, 2]
    for _ in range(20):  # a third would begin now
        await asyncio.sleep(0.005)
    assert loads == 2
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_failure_that_nobody_foresaw_leaves_the_next_exchange_possible() -> None:
    outcomes: list[Any] = [ZeroDivisionError(), _engine(7)]

    def load() -> Any:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    server: Any = Exchanged()
    reloads = Reloads(load)
    task = asyncio.create_task(reloads.run(server))
    reloads.ask()
    await _until(lambda: server.counted == [False])
    assert server.engines == []
    reloads.ask()
    await _until(lambda: server.counted == [False, True])
    assert server.engines == [7]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
