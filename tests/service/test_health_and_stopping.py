"""Health, reflection, and a stop that loses nothing that was accepted."""

from __future__ import annotations

import asyncio
import json
import queue
import signal
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from riskmask.client import AsyncClient, Client, DeadlineExceeded, Overloaded, ServiceUnavailable
from riskmask.server.app import SERVICE
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.errors import AbandonedError, ExpiredError
from riskmask.server.engine.job import Job
from riskmask.server.engine.values import Analysis, AnalysisRequest
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

Start = Callable[..., Any]
Serving = Callable[..., Any]
SERVING = health_pb2.HealthCheckResponse.SERVING


class GatedEngine(Engine):
    """Answers through a real engine once the gate is open."""

    def __init__(self, engine: Engine) -> None:
        vars(self).update(vars(engine))
        self.inner = engine
        self.begun = threading.Semaphore(0)
        self.gate = threading.Event()

    def analyze(self, request: AnalysisRequest, job: Job | None = None) -> Analysis:
        self.begun.release()
        assert self.gate.wait(30)
        return self.inner.analyze(request, job)


async def until_begun(engine: GatedEngine) -> None:
    assert await asyncio.to_thread(engine.begun.acquire, timeout=30)


@pytest.mark.parametrize("service", ["", SERVICE])
def test_health_is_serving_on_every_address(server: Any, service: str) -> None:
    for address in server.addresses:
        with grpc.insecure_channel(address, [("grpc.default_authority", "localhost")]) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
        assert answer.status == SERVING


def test_reflection_lists_the_service(server: Any) -> None:
    with grpc.insecure_channel(server.addresses[0]) as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        question = reflection_pb2.ServerReflectionRequest(list_services="")
        answer = next(iter(stub.ServerReflectionInfo(iter([question]), timeout=10)))
    names = {service.name for service in answer.list_services_response.service}
    assert {SERVICE, "grpc.health.v1.Health"} <= names


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_cleanly(
    start_server: Start, socket_folder: Any, number: signal.Signals
) -> None:
    path = socket_folder / "ends.sock"
    with start_server("--address", "127.0.0.1:0", "--socket", str(path)) as running:
        running.process.send_signal(number)
        assert running.process.wait(timeout=30) == 0
    assert not path.exists()


async def test_a_call_in_flight_outlives_the_stop(
    engine: Engine, png: bytes, serving: Serving
) -> None:
    gated = GatedEngine(engine)
    async with (
        serving(gated) as (server, address),
        AsyncClient(address) as client,
        grpc.aio.insecure_channel(address) as channel,
    ):
        health: Any = health_pb2_grpc.HealthStub(channel)
        watch = health.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == SERVING
        call = asyncio.create_task(client.analyze(png))
        await until_begun(gated)
        stop = asyncio.create_task(server.stop(drain_seconds=30))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        gated.gate.set()
        assert (await call).image.width == 160
        await stop


@pytest.mark.parametrize("sends_on", [True, False], ids=["sends on", "sends nothing"])
async def test_a_stream_is_answered_as_far_as_it_was_read_and_does_not_hold_the_stop(
    engine: Engine, png: bytes, serving: Serving, lines: list[str], sends_on: bool
) -> None:
    gated = GatedEngine(engine)
    item = pb.AnalyzeStreamRequest(
        request_id="read", request=pb.AnalyzeRequest(image=pb.Image(encoded=png))
    )
    async with (
        serving(gated, threads=1, stream_places=1) as (server, address),
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub: Any = pb_grpc.RiskServiceStub(channel)  # type: ignore[arg-type]
        stream = stub.AnalyzeStream(timeout=120)
        await stream.write(item)
        await until_begun(gated)
        if sends_on:
            await stream.write(pb.AnalyzeStreamRequest(request_id="not read", request=item.request))
        async with asyncio.timeout(30):
            stop = asyncio.create_task(server.stop(drain_seconds=60))
            await server._servicer._leaving.wait()
            gated.gate.set()
            answer = await stream.read()
            assert (answer.request_id, answer.status.code) == ("read", 0)
            assert await stream.code() is grpc.StatusCode.UNAVAILABLE
            await stop
    status = pb.Status.FromString(dict(await stream.trailing_metadata())["riskmask-status-bin"])
    assert status.reason == "SHUTTING_DOWN"
    assert status.HasField("retry_delay")
    told = [(line["reason"], line.get("request_id")) for line in map(json.loads, lines)]
    assert told == [("OK", "read"), ("SHUTTING_DOWN", None)]


async def test_a_full_queue_answers_at_once_and_health_goes_on(
    engine: Engine, png: bytes, serving: Serving
) -> None:
    gated = GatedEngine(engine)
    async with (
        serving(gated, threads=1, queue=1) as (_, address),
        AsyncClient(address) as client,
        grpc.aio.insecure_channel(address) as channel,
    ):
        running = asyncio.create_task(client.analyze(png))
        await until_begun(gated)
        # one place is left: whichever comes second is refused
        more = {asyncio.create_task(client.analyze(png)) for _ in range(2)}
        refused, waiting = await asyncio.wait(more, return_when=asyncio.FIRST_COMPLETED)
        with pytest.raises(Overloaded) as caught:
            await refused.pop()
        assert caught.value.reason == "QUEUE_FULL"
        assert caught.value.retry_after
        health: Any = health_pb2_grpc.HealthStub(channel)
        assert (await health.Check(health_pb2.HealthCheckRequest(), timeout=5)).status == SERVING
        assert (await client.server_info(timeout=5)).policy_presets == (
            *("archive", "balanced", "evidence", "thumbnail"),
        )
        gated.gate.set()
        assert await running == await waiting.pop()


async def test_a_call_that_comes_too_late_may_be_sent_to_another_server(
    engine: Engine, png: bytes, serving: Serving
) -> None:
    gated = GatedEngine(engine)
    request = pb.AnalyzeRequest(image=pb.Image(encoded=png))
    refused: list[grpc.StatusCode] = []
    many = asyncio.Event()

    async def ask_again_and_again(stub: Any) -> grpc.StatusCode:
        while True:
            try:
                await stub.Analyze(request, timeout=60)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    return error.code()
                refused.append(error.code())
                if len(refused) > 100:
                    many.set()

    async with (
        serving(gated, threads=1, queue=0) as (server, address),
        AsyncClient(address) as client,
        AsyncExitStack() as stack,
    ):
        held = asyncio.create_task(client.analyze(png))
        await until_begun(gated)
        # otherwise they would share a connection
        own = [("grpc.use_local_subchannel_pool", 1)]
        channels = [grpc.aio.insecure_channel(address, own) for _ in range(8)]
        stubs = [
            pb_grpc.RiskServiceStub(await stack.enter_async_context(each))  # type: ignore[arg-type]
            for each in channels
        ]
        callers = [asyncio.create_task(ask_again_and_again(stub)) for stub in stubs]
        await many.wait()
        stop = asyncio.create_task(server.stop(drain_seconds=60))
        assert {*await asyncio.gather(*callers)} == {grpc.StatusCode.UNAVAILABLE}
        gated.gate.set()
        assert (await held).image.width == 160
        await stop


def test_a_second_server_can_follow_on_the_same_socket(
    start_server: Start, socket_folder: Any, png: bytes
) -> None:
    path = socket_folder / "again.sock"
    for _ in range(2):
        with start_server("--socket", str(path)), Client(f"unix:{path}") as client:
            assert client.analyze(png).image.width == 160


async def test_a_caller_whose_time_is_over_gives_its_place_back(
    engine: Engine, png: bytes, serving: Serving
) -> None:
    gated = GatedEngine(engine)
    async with serving(gated, threads=1, queue=1) as (_, address), AsyncClient(address) as client:
        running = asyncio.create_task(client.analyze(png))
        await until_begun(gated)
        for _ in range(3):
            with pytest.raises(DeadlineExceeded):
                await client.analyze(png, timeout=0.2)
        waiting = asyncio.create_task(client.analyze(png))
        gated.gate.set()
        assert await running == await waiting


class WatchedEngine(GatedEngine):
    """Says how the analysis ended in its thread."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.ended: queue.Queue[Exception | None] = queue.Queue()

    def analyze(self, request: AnalysisRequest, job: Job | None = None) -> Analysis:
        try:
            answer = super().analyze(request, job)
        except Exception as error:
            self.ended.put(error)
            raise
        self.ended.put(None)
        return answer


async def test_an_analysis_stops_when_its_caller_goes(
    engine: Engine, png: bytes, serving: Serving
) -> None:
    watched = WatchedEngine(engine)
    async with serving(watched, threads=1) as (_, address), AsyncClient(address) as client:
        call = asyncio.create_task(client.analyze(png))
        await until_begun(watched)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        # the server learns of it on another way than this one: its next call proves that it has
        await client.server_info(timeout=30)
        watched.gate.set()
        ended = await asyncio.to_thread(watched.ended.get, True, 30)
        assert isinstance(ended, AbandonedError)


async def test_an_analysis_stops_at_its_caller_s_deadline(
    engine: Engine, png: bytes, serving: Serving
) -> None:
    watched = WatchedEngine(engine)
    async with serving(watched, threads=1) as (_, address), AsyncClient(address) as client:
        with pytest.raises(DeadlineExceeded):
            await client.analyze(png, timeout=0.3)
        await until_begun(watched)
        watched.gate.set()
        ended = await asyncio.to_thread(watched.ended.get, True, 30)
        assert isinstance(ended, AbandonedError | ExpiredError)


async def test_the_server_s_own_limit_holds_where_the_caller_has_more_time(
    engine: Engine, png: bytes, serving: Serving
) -> None:
    gated = GatedEngine(engine)
    async with (
        serving(gated, threads=1, max_seconds=0.2) as (_, address),
        AsyncClient(address) as client,
    ):
        with pytest.raises(DeadlineExceeded, match=r"within 0\.2 s"):
            await client.analyze(png, timeout=600)
        gated.gate.set()


async def test_closing_a_client_fails_its_calls_in_flight(
    engine: Engine, png: bytes, serving: Serving
) -> None:
    gated = GatedEngine(engine)
    async with serving(gated, threads=2) as (_, address):
        asynchronous, blocking = AsyncClient(address), Client(address)
        calls = [
            asyncio.create_task(asynchronous.analyze(png)),
            asyncio.create_task(asyncio.to_thread(blocking.analyze, png)),
        ]
        for _ in calls:
            await until_begun(gated)
        await asynchronous.close()
        await asyncio.to_thread(blocking.close)
        for call in calls:
            with pytest.raises(ServiceUnavailable) as caught:
                await call
            assert caught.value.reason == "CLOSED"
        gated.gate.set()


async def test_a_cancelled_call_stays_cancelled(
    engine: Engine, png: bytes, serving: Serving
) -> None:
    gated = GatedEngine(engine)
    async with serving(gated) as (_, address), AsyncClient(address) as client:
        call = asyncio.create_task(client.analyze(png))
        await until_begun(gated)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        gated.gate.set()
