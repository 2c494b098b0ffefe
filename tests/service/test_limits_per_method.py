"""Each method has an end of its own: how many of its calls there may be, and how large they are."""

from __future__ import annotations

import asyncio
import threading
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from riskmask.client import Analysis as ClientAnalysis
from riskmask.client import (
    AsyncClient,
    DeadlineExceeded,
    Fallback,
    LimitExceeded,
    Overloaded,
    RiskmaskError,
)
from riskmask.client._channel import to_error
from riskmask.server.app import SPARE_CALLS, Server
from riskmask.server.engine.decode import Limits
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.errors import ImageTooLargeError, InvalidImageError
from riskmask.server.engine.job import Job
from riskmask.server.engine.values import Analysis, AnalysisRequest
from riskmask.server.errors import MessageTooLarge, TooManyCalls
from riskmask.server.places import LATEST_RETRY, SOONEST_RETRY, Places
from riskmask.server.request_size import MOST_BESIDE_IMAGES, check_size
from riskmask.server.settings import load_settings
from riskmask.server.verification.values import Verification, VerificationRequest
from riskmask.server.verification.verifier import Verifier
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

pytestmark = pytest.mark.usefixtures("annotators_loaded")

QUICK: dict[str, Any] = {"annotators": ["amplitude"]}
LIMITS = {"Analyze": "max_analyses", "Verify": "max_verifications"}
LIVE_SECONDS = 60.0
each_method = pytest.mark.parametrize("method", LIMITS)


class Gate:
    """Holds threads of the server until it is opened."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.opened = threading.Event()

    def pass_through(self) -> None:
        self.begun.release()
        assert self.opened.wait(LIVE_SECONDS)

    async def until_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=LIVE_SECONDS)


class GatedEngine(Engine):
    """A real engine behind a gate."""

    def __init__(self, engine: Engine, gate: Gate) -> None:
        vars(self).update(vars(engine))
        self.inner, self.gate = engine, gate

    def analyze(self, request: AnalysisRequest, job: Job | None = None) -> Analysis:
        self.gate.pass_through()
        return self.inner.analyze(request, job)


class GatedVerifier(Verifier):
    """A real verifier behind a gate."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(threads=1)
        self.gate = gate

    def verify(self, request: VerificationRequest, job: Job | None = None) -> Verification:
        self.gate.pass_through()
        return super().verify(request, job)


@dataclass(frozen=True)
class Scene:
    """A server, the gate of one of its methods, and a client of it.

    Attributes:
        call: the method with a gate.
        other: the other one that takes images.
    """

    server: Server
    gate: Gate
    client: AsyncClient
    address: str
    call: Callable[..., Awaitable[object]]
    other: Callable[..., Awaitable[object]]


@asynccontextmanager
async def gated(method: str, engine: Engine, png: bytes, **settings: Any) -> AsyncIterator[Scene]:
    gate = Gate()
    if method == "Analyze":
        engine, verifier = GatedEngine(engine, gate), Verifier(threads=1)
    else:
        verifier = GatedVerifier(gate)
    given = {"threads": 2, "queue": 4, **settings}
    server = Server(engine, load_settings(address=("127.0.0.1:0",), **given), verifier)
    await server.start()
    try:
        address = str(server.bound[0])
        async with AsyncClient(address, timeout=LIVE_SECONDS) as client:

            def analyze(**options: Any) -> Awaitable[object]:
                return client.analyze(png, **options)

            def verify(**options: Any) -> Awaitable[object]:
                return client.verify(png, png, **QUICK, **options)

            ways = (analyze, verify) if method == "Analyze" else (verify, analyze)
            yield Scene(server, gate, client, address, *ways)
    finally:
        gate.opened.set()
        await server.stop(drain_seconds=0)


def task(call: Awaitable[object]) -> asyncio.Task[object]:
    return asyncio.ensure_future(call)


async def until_free(call: Callable[..., Awaitable[object]]) -> object:
    """The answer, once there is a place."""
    async with asyncio.timeout(LIVE_SECONDS):
        while True:
            try:
                return await call()
            except Overloaded:
                await asyncio.sleep(0.01)


def outcomes(server: Server, method: str, reason: str) -> str:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"http://127.0.0.1:{server.metrics.port}/metrics", timeout=60) as answer:
        text: str = answer.read().decode()
    name = f'riskmask_requests_total{{method="{method}",reason="{reason}"}} '
    return next(line for line in text.splitlines() if line.startswith(name)).removeprefix(name)


@each_method
async def test_one_call_too_many_is_refused_at_once_and_other_methods_are_not(
    method: str, engine: Engine, png: bytes
) -> None:
    limit = {LIMITS[method]: 1, "metrics_port": 0}
    async with gated(method, engine, png, **limit) as scene:
        running = task(scene.call())
        await scene.gate.until_begun()
        for _ in range(3):
            with pytest.raises(Overloaded, match=f"1 calls of {method} run or wait") as caught:
                await scene.call()
            assert caught.value.reason == "TOO_MANY_CALLS"
            assert caught.value.retry_after is not None
        refused = await asyncio.to_thread(outcomes, scene.server, method, "TOO_MANY_CALLS")
        assert refused == "3.0"
        assert await scene.other()
        assert (await scene.client.server_info()).codecs
        assert not running.done()
        scene.gate.opened.set()
        assert await running
        assert await scene.call()  # its place is free again


@each_method
async def test_a_call_that_waits_counts_too_and_gives_its_place_back_at_once(
    method: str, engine: Engine, png: bytes
) -> None:
    async with gated(method, engine, png, threads=1, **{LIMITS[method]: 2}) as scene:
        running = task(scene.call())
        await scene.gate.until_begun()
        for _ in range(3):
            waiting = task(scene.call())
            await scene.client.server_info()  # what this connection sends is read in order
            with pytest.raises(Overloaded):
                await scene.call()
            waiting.cancel()
            await asyncio.wait([waiting])
            await scene.client.server_info()
            with pytest.raises(DeadlineExceeded):
                await scene.call(timeout=0.2)
            await scene.client.server_info()
        scene.gate.opened.set()
        assert all(await asyncio.gather(running, until_free(scene.call)))


@each_method
@pytest.mark.parametrize("how", ["cancelled", "late"])
async def test_a_running_call_that_nobody_waits_for_keeps_its_place_until_its_thread_stops(
    method: str, how: str, engine: Engine, png: bytes
) -> None:
    async with gated(method, engine, png, **{LIMITS[method]: 1}) as scene:
        if how == "late":
            call = task(scene.call(timeout=2.0))
            await scene.gate.until_begun()
            with pytest.raises(DeadlineExceeded):
                await call
        else:
            call = task(scene.call())
            await scene.gate.until_begun()
            call.cancel()
            await asyncio.wait([call])
        await scene.client.server_info()
        with pytest.raises(Overloaded):
            await scene.call()
        assert await scene.other()
        scene.gate.opened.set()
        assert await until_free(scene.call)


async def test_verifications_fill_half_of_the_queue_unless_told_otherwise(
    engine: Engine, png: bytes
) -> None:
    assert load_settings(threads=3, queue=8).verifications == 7
    async with gated("Verify", engine, png, threads=1, queue=2) as scene:
        running = task(scene.call())
        await scene.gate.until_begun()
        waiting = task(scene.call())
        await scene.client.server_info()
        with pytest.raises(Overloaded, match="2 calls of Verify"):
            await scene.call()
        analysis = task(scene.other())
        await scene.client.server_info()
        assert not analysis.done()
        scene.gate.opened.set()
        assert all(await asyncio.gather(running, waiting, analysis))


@pytest.mark.parametrize("how", ["cancelled", "late"])
async def test_a_stream_that_ends_early_gives_its_place_back(
    how: str, engine: Engine, png: bytes
) -> None:
    async with (
        gated("Analyze", engine, png, max_streams=1) as scene,
        grpc.aio.insecure_channel(scene.address) as channel,
    ):
        stub: Any = pb_grpc.RiskServiceStub(channel)  # type: ignore[arg-type]
        first = stub.AnalyzeStream(timeout=1.0 if how == "late" else LIVE_SECONDS)
        await first.write(pb.AnalyzeStreamRequest(request=question(png)))
        await scene.gate.until_begun()
        if how == "cancelled":
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.AnalyzeStream(timeout=LIVE_SECONDS).read()
            assert to_error(refused.value, scene.address).reason == "TOO_MANY_STREAMS"
            first.cancel()
        codes = {"late": grpc.StatusCode.DEADLINE_EXCEEDED, "cancelled": grpc.StatusCode.CANCELLED}
        assert await first.code() is codes[how]
        scene.gate.opened.set()

        async def again() -> object:
            try:
                items = iter([pb.AnalyzeStreamRequest(request=question(png))])
                return await stub.AnalyzeStream(items, timeout=LIVE_SECONDS).read()
            except grpc.aio.AioRpcError as error:
                raise to_error(error, scene.address) from None

        answer: Any = await until_free(again)
        assert answer.status.code == 0


def question(image: bytes, **options: Any) -> pb.AnalyzeRequest:
    return pb.AnalyzeRequest(image=pb.Image(encoded=image), **options)


@each_method
async def test_an_image_that_is_too_large_is_refused_before_it_waits(
    method: str, engine: Engine, png: bytes
) -> None:
    most = len(png)
    async with gated(method, engine, png, threads=1, queue=0, max_image_bytes=most) as scene:
        running = task(scene.call())
        await scene.gate.until_begun()
        with pytest.raises(Overloaded):
            await scene.call()
        client, larger = scene.client, png + b"more"
        analyses = method == "Analyze"
        call = client.analyze(larger) if analyses else client.verify(png, larger, **QUICK)
        with pytest.raises(LimitExceeded) as caught:
            await call
        assert caught.value.reason == "IMAGE_TOO_LARGE"
        assert caught.value.message.startswith("the image" if analyses else "reconstruction: ")
        scene.gate.opened.set()
        assert await running


async def test_what_is_beside_the_images_has_an_end_in_every_method(
    engine: Engine, png: bytes
) -> None:
    names = ["x" * 1000] * (MOST_BESIDE_IMAGES // 1000)
    image = pb.Image(encoded=png)
    unknown = b"\x7a\x80\x80\x80\x02" + bytes(MOST_BESIDE_IMAGES)  # field 15, 4 MiB
    async with (
        gated("Analyze", engine, png) as scene,
        grpc.aio.insecure_channel(scene.address) as channel,
    ):
        stub: Any = pb_grpc.RiskServiceStub(channel)  # type: ignore[arg-type]
        verification = pb.VerifyRequest(original=image, reconstruction=image, annotators=names)
        large = question(png, hint_formats=names)
        for call in (
            stub.Analyze(large, timeout=LIVE_SECONDS),
            stub.Verify(verification, timeout=LIVE_SECONDS),
            stub.GetServerInfo(pb.GetServerInfoRequest.FromString(unknown), timeout=LIVE_SECONDS),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            error: RiskmaskError = to_error(caught.value, scene.address)
            assert (type(error), error.reason) == (LimitExceeded, "MESSAGE_TOO_LARGE")
            assert "beside its images" in error.message
        items = iter([pb.AnalyzeStreamRequest(request=large)])
        answer = await stub.AnalyzeStream(items, timeout=LIVE_SECONDS).read()
        assert answer.status.reason == "MESSAGE_TOO_LARGE"


def test_the_time_to_try_again_is_that_of_the_method_s_own_calls() -> None:
    places = Places("Verify", most=4, threads=2)
    places.take()
    assert places.retry_seconds() == SOONEST_RETRY
    places.give_back(3.0)
    for _ in range(2):
        places.take()
    assert places.retry_seconds() == 3.0  # each of the two has a thread
    for _ in range(2):
        places.take()
    assert places.retry_seconds() == 6.0
    with pytest.raises(TooManyCalls) as caught:
        places.take()
    assert caught.value.retry_seconds == 6.0
    places.give_back(1e6)
    places.take()
    assert places.retry_seconds() == LATEST_RETRY


def test_a_raw_frame_that_is_too_large_is_refused_as_early() -> None:
    raw = pb.RawImage(planes=[pb.Plane(data=bytes(60)), pb.Plane(data=bytes(60))])
    request = pb.AnalyzeRequest(image=pb.Image(raw=raw))
    check_size(request, Limits(max_bytes=120), image=request.image)
    with pytest.raises(ImageTooLargeError):
        check_size(request, Limits(max_bytes=119), image=request.image)


def test_planes_that_no_format_has_are_refused_before_they_are_looked_at() -> None:
    """A plane without pixels takes two bytes of a message; 4,000,000 of them took 27 seconds."""
    image = pb.Image(raw=pb.RawImage(planes=[pb.Plane()] * 4))
    with pytest.raises(InvalidImageError, match="has 4 planes"):
        check_size(pb.AnalyzeRequest(image=image), Limits(), image=image)


def test_what_an_image_holds_beside_its_pixels_counts_as_beside_it() -> None:
    unknown = b"\x7a\x80\x80\x80\x02" + bytes(MOST_BESIDE_IMAGES)  # field 15, 4 MiB
    image = pb.Image.FromString(unknown)
    with pytest.raises(MessageTooLarge, match="beside its images"):
        check_size(pb.AnalyzeRequest(image=image), Limits(), image=image)


async def test_calls_beyond_what_grpc_takes_are_told_to_come_again(
    engine: Engine, png: bytes, serving: Callable[..., Any]
) -> None:
    async with (
        serving(engine, threads=1, queue=0, max_streams=0) as (_, address),
        grpc.aio.insecure_channel(address) as channel,
    ):
        health: Any = health_pb2_grpc.HealthStub(channel)
        watches = [health.Watch(health_pb2.HealthCheckRequest()) for _ in range(1 + SPARE_CALLS)]
        for watch in watches:
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        async with AsyncClient(address) as client:
            with pytest.raises(Overloaded) as refused:
                await client.analyze(png)
            assert refused.value.reason == "TOO_MANY_CALLS"
            instead = await client.analyze_or_fallback(png, timeout=2.0)
            assert isinstance(instead, Fallback)
            watches[0].cancel()
            for _ in range(200):  # until the server has seen it
                answer = await client.analyze_or_fallback(png, timeout=30.0)
                if isinstance(answer, ClientAnalysis):
                    break
            assert isinstance(answer, ClientAnalysis)
