"""A pipeline that must go on gets a safe JPEG in time when the service cannot answer."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from riskmask.client import (
    AsyncClient,
    Client,
    Decision,
    Fallback,
    InvalidImage,
    JpegAdvice,
    ServiceUnavailable,
)
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.job import Job
from riskmask.server.engine.values import Analysis, AnalysisRequest
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

UNSEEN = JpegAdvice(quality=92, subsampling="4:4:4", estimated_bytes=None, safe=None)


class BusyEngine(Engine):
    """Works until it is told that nobody waits any more."""

    def __init__(self, engine: Engine) -> None:
        vars(self).update(vars(engine))
        self.begun = threading.Event()

    def analyze(self, request: AnalysisRequest, job: Job | None = None) -> Analysis:
        assert job is not None
        self.begun.set()
        while True:
            job.check()
            time.sleep(0.001)


def checked(answer: object, cause: str) -> None:
    assert isinstance(answer, Fallback)
    assert answer.decision is Decision.FALLBACK_JPEG
    assert [reason.code for reason in answer.reasons] == ["SERVICE_UNAVAILABLE"]
    assert cause in answer.reasons[0].message
    assert answer.cause.reason == cause
    assert answer.jpeg == UNSEEN
    content = json.loads(answer.to_json())
    assert content["jpeg"] == {
        "quality": 92,
        "subsampling": "4:4:4",
        "estimated_bytes": None,
        "safe": None,
    }


async def test_an_answer_that_comes_is_the_answer(server: Any, png: bytes) -> None:
    with Client(server.addresses[0]) as client:
        expected = client.analyze(png)
        assert client.analyze_or_fallback(png) == expected
        with pytest.raises(InvalidImage):
            client.analyze_or_fallback(b"no image")
    async with AsyncClient(server.addresses[0]) as asynchronous:
        assert await asynchronous.analyze_or_fallback(png) == expected


async def test_nobody_at_the_address_is_a_jpeg(png: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with Client(f"127.0.0.1:{port}") as client:
        checked(client.analyze_or_fallback(png, timeout=20), "UNAVAILABLE")
    async with AsyncClient(f"127.0.0.1:{port}") as asynchronous:
        checked(await asynchronous.analyze_or_fallback(png, timeout=20), "UNAVAILABLE")


async def test_a_server_that_never_answers_is_a_jpeg_in_time(png: bytes) -> None:
    # accepts connections and says nothing
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        with Client(address) as client:
            start = time.monotonic()
            checked(client.analyze_or_fallback(png, timeout=0.5), "DEADLINE_EXCEEDED")
            assert time.monotonic() - start < 5


def test_a_server_that_is_killed_in_the_middle_is_a_jpeg_in_time(
    start_server: Callable[..., Any], slow_jpeg: bytes, until_busy: Callable[[int], None]
) -> None:
    with (
        start_server("--address", "127.0.0.1:0", "--threads", "2") as running,
        Client(running.addresses[0]) as client,
        ThreadPoolExecutor(4) as callers,
    ):
        calls = [
            callers.submit(client.analyze_or_fallback, slow_jpeg, timeout=60) for _ in range(4)
        ]
        until_busy(running.process.pid)
        start = time.monotonic()
        running.process.kill()
        for call in calls:
            checked(call.result(60), "UNAVAILABLE")
        assert time.monotonic() - start < 30


async def test_a_full_queue_is_a_jpeg_and_says_when_to_try_again(
    engine: Engine, png: bytes, serving: Callable[..., Any]
) -> None:
    busy = BusyEngine(engine)
    async with (
        serving(busy, threads=1, queue=0) as (_, address),
        AsyncClient(address) as client,
        grpc.aio.insecure_channel(address) as channel,
    ):
        running = asyncio.create_task(client.analyze_or_fallback(png, timeout=3))
        assert await asyncio.to_thread(busy.begun.wait, 30)
        checked(await client.analyze_or_fallback(png, timeout=60), "QUEUE_FULL")
        stub: Any = pb_grpc.RiskServiceStub(channel)  # type: ignore[arg-type]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Analyze(pb.AnalyzeRequest(image=pb.Image(encoded=png)), timeout=60)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        metadata: Any = dict(caught.value.trailing_metadata() or ())
        status = pb.Status.FromString(metadata["riskmask-status-bin"])
        delay = status.retry_delay.ToTimedelta().total_seconds()
        assert int(metadata["grpc-retry-pushback-ms"]) == round(delay * 1000) > 0
        checked(await running, "DEADLINE_EXCEEDED")


async def test_a_closed_client_is_a_mistake_and_no_jpeg(png: bytes) -> None:
    client = Client("127.0.0.1:1")
    client.close()
    with pytest.raises(ServiceUnavailable, match="closed"):
        client.analyze_or_fallback(png)
