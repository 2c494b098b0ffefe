"""Verifications wait, are refused, cancelled, counted and logged as analyses are."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.client import AsyncClient, Client, DeadlineExceeded, InvalidImage, Overloaded
from riskmask.server.app import Server
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.errors import AbandonedError
from riskmask.server.engine.job import Job
from riskmask.server.settings import load_settings
from riskmask.server.verification.values import Verification, VerificationRequest
from riskmask.server.verification.verifier import Verifier

pytestmark = pytest.mark.usefixtures("annotators_loaded")

Pixels = NDArray[np.uint8]
QUICK: dict[str, Any] = {"annotators": ["amplitude"]}


class GatedVerifier(Verifier):
    """Answers through a real verifier once the gate is open; remembers how each ended."""

    def __init__(self) -> None:
        super().__init__(threads=1)
        self.begun, self.ended = threading.Semaphore(0), threading.Semaphore(0)
        self.gate = threading.Event()
        self.outcomes: list[Exception | None] = []

    def verify(self, request: VerificationRequest, job: Job | None = None) -> Verification:
        self.begun.release()
        assert self.gate.wait(60)
        try:
            answer = super().verify(request, job)
        except Exception as error:
            self.outcomes.append(error)
            raise
        else:
            self.outcomes.append(None)
            return answer
        finally:
            self.ended.release()


@asynccontextmanager
async def serving(engine: Engine, verifier: Verifier, **settings: Any) -> Any:
    server = Server(engine, load_settings(address=("127.0.0.1:0",), **settings), verifier)
    await server.start()
    try:
        yield str(server.bound[0])
    finally:
        await server.stop(drain_seconds=0)


@pytest.fixture
def image(sign: Callable[[str], Pixels], encode: Callable[..., bytes]) -> bytes:
    return encode(sign("SPEED 60"))


async def until(event: threading.Semaphore) -> None:
    assert await asyncio.to_thread(event.acquire, timeout=60)


async def test_they_share_one_queue_with_analyses(engine: Engine, image: bytes) -> None:
    gated = GatedVerifier()
    async with (
        serving(engine, gated, threads=1, queue=1, max_verifications=2) as address,
        AsyncClient(address, timeout=120) as client,
    ):
        running = asyncio.create_task(client.verify(image, image, **QUICK))
        await until(gated.begun)
        more = [
            asyncio.create_task(client.analyze(image)),
            asyncio.create_task(client.verify(image, image, **QUICK)),
        ]
        done, _ = await asyncio.wait(more, return_when=asyncio.FIRST_COMPLETED)
        [refused] = done
        assert isinstance(refused.exception(), Overloaded)
        gated.gate.set()
        assert (await running).findings == ()
        [waiting] = set(more) - done
        assert await waiting


async def test_live_goes_before_batch(engine: Engine, image: bytes) -> None:
    gated, order = GatedVerifier(), []
    async with (
        serving(engine, gated, threads=1) as address,
        AsyncClient(address, timeout=120) as client,
    ):

        async def ask(name: str, priority: Any) -> None:
            await client.verify(image, image, priority=priority, **QUICK)
            order.append(name)

        first = asyncio.create_task(ask("first", "live"))
        await until(gated.begun)
        batch = asyncio.create_task(ask("batch", "batch"))
        await client.server_info()
        live = asyncio.create_task(ask("live", "live"))
        # what this connection sends is read in order
        await client.server_info()
        gated.gate.set()
        await asyncio.gather(first, batch, live)
    assert order == ["first", "live", "batch"]


async def test_a_late_one_in_the_queue_never_starts(engine: Engine, image: bytes) -> None:
    gated = GatedVerifier()
    async with (
        serving(engine, gated, threads=1, queue=1, max_verifications=2) as address,
        AsyncClient(address, timeout=120) as client,
    ):
        running = asyncio.create_task(client.verify(image, image, **QUICK))
        await until(gated.begun)
        for _ in range(3):
            with pytest.raises(DeadlineExceeded):
                await client.verify(image, image, timeout=0.2, **QUICK)
        gated.gate.set()
        assert (await running).annotators == ("amplitude",)
        assert (await client.verify(image, image, **QUICK)).annotators == ("amplitude",)
    assert gated.outcomes == [None, None]


async def test_a_cancelled_one_stops_and_gives_its_thread_back(
    engine: Engine, image: bytes
) -> None:
    gated = GatedVerifier()
    async with (
        serving(engine, gated, threads=1, queue=0) as address,
        AsyncClient(address, timeout=120) as client,
    ):
        call = asyncio.create_task(client.verify(image, image))
        await until(gated.begun)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await client.server_info()
        gated.gate.set()
        await until(gated.ended)
        assert isinstance(gated.outcomes[0], AbandonedError)
        while True:
            try:
                answer = await client.analyze(image)
                break
            except Overloaded:
                await asyncio.sleep(0.01)
    assert answer.image.width == 320


async def test_the_server_s_own_limit_of_time_holds(engine: Engine, image: bytes) -> None:
    gated = GatedVerifier()
    async with (
        serving(engine, gated, max_seconds=0.2) as address,
        AsyncClient(address) as client,
    ):
        with pytest.raises(DeadlineExceeded, match=r"within 0\.2 s"):
            await client.verify(image, image, timeout=600)
        gated.gate.set()


async def test_each_is_one_line_of_the_log(engine: Engine, image: bytes, lines: list[str]) -> None:
    async with (
        serving(engine, Verifier(threads=1)) as address,
        AsyncClient(address, timeout=120) as client,
    ):
        await client.verify(image, image, priority="batch", **QUICK)
        with pytest.raises(InvalidImage):
            await client.verify(image, b"no image")
    good, bad = (json.loads(line) for line in lines)
    assert (good["method"], good["reason"], good["priority"]) == ("Verify", "OK", "batch")
    assert (good["width"], good["height"], good["findings"]) == (320, 96, 0)
    assert good["image_bytes"] >= 2 * len(image)
    assert set(good["stages"]) == {"queue", "decode", "search", "examine", "post-process"}
    assert "decision" not in good
    assert (bad["method"], bad["reason"]) == ("Verify", "UNSUPPORTED_FORMAT")
    assert "findings" not in bad


def test_they_are_counted(start_server: Callable[..., Any], image: bytes) -> None:
    flags = ("--address", "127.0.0.1:0", "--metrics-port", "0")
    with start_server(*flags) as running, Client(running.addresses[0], timeout=120) as client:
        client.verify(image, image, **QUICK)
        with pytest.raises(InvalidImage):
            client.verify(image, b"no image")
        url = running.said.split("metrics on ")[1].strip()
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(url, timeout=10) as answer:
            text = answer.read().decode()
    assert 'riskmask_requests_total{method="Verify",reason="OK"} 1.0' in text
    assert 'riskmask_requests_total{method="Verify",reason="UNSUPPORTED_FORMAT"} 1.0' in text
    for stage, times in (("queue", 2.0), ("decode", 2.0), ("search", 1.0), ("examine", 1.0)):
        assert f'riskmask_stage_seconds_count{{stage="{stage}"}} {times}' in text
    assert 'riskmask_stage_seconds_count{stage="predict"} 0.0' in text
