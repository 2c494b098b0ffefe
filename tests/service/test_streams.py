"""One connection, many images: each has its own id, status and deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration
from PIL import Image

from riskmask.server.engine.engine import Engine
from riskmask.server.pool import Priority
from riskmask.server.streams import Until, map_bounded
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc


def item(name: str, image: bytes, timeout: Duration | None = None) -> pb.AnalyzeStreamRequest:
    request = pb.AnalyzeRequest(image=pb.Image(encoded=image))
    return pb.AnalyzeStreamRequest(request_id=name, request=request, timeout=timeout)


@pytest.mark.parametrize("way", [0, 1], ids=["tcp", "unix"])
def test_a_bad_image_never_ends_the_stream(server: Any, png: bytes, way: int) -> None:
    items = [
        item("good", png),
        item("bad", b"no image"),
        pb.AnalyzeStreamRequest(request_id="empty"),
        item("late", png, Duration(seconds=-1)),
        item("endless", png, Duration(seconds=10**14)),
        item("n" * 1_000_000, png),
        item("good again", png, Duration(seconds=30)),
    ]
    options = [("grpc.default_authority", "localhost")]
    with grpc.insecure_channel(server.addresses[way], options) as channel:
        answers = list(pb_grpc.RiskServiceStub(channel).AnalyzeStream(iter(items), timeout=60))
    by_id = {answer.request_id: answer for answer in answers}
    cut = "n" * 1024
    assert set(by_id) == {"good", "bad", "empty", "late", "endless", cut, "good again"}
    assert by_id[cut].status.reason == "INVALID_REQUEST"
    assert by_id["good"].status.code == 0
    assert by_id["good"].analysis == by_id["good again"].analysis
    assert by_id["bad"].status.reason == "UNSUPPORTED_FORMAT"
    assert not by_id["bad"].HasField("analysis")
    assert by_id["empty"].status.reason == "INVALID_REQUEST"
    assert by_id["endless"].status.reason == "INVALID_REQUEST"
    assert by_id["late"].status.code == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]


def test_a_long_stream_answers_everything(server: Any, encode: Callable[..., bytes]) -> None:
    def items() -> Iterator[pb.AnalyzeStreamRequest]:
        for number in range(1, 41):
            yield item(str(number), encode(Image.new("RGB", (number, 8))))

    with grpc.insecure_channel(server.addresses[0]) as channel:
        stub = pb_grpc.RiskServiceStub(channel)
        answers = list(stub.AnalyzeStream(items(), timeout=120))
    assert len(answers) == 40
    assert all(int(answer.request_id) == answer.analysis.image.width for answer in answers)


async def test_a_stream_waits_where_a_single_call_is_refused(
    engine: Engine, png: bytes, serving: Callable[..., Any]
) -> None:
    async with (
        serving(engine, threads=1, queue=0, stream_places=2) as (_, address),
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub: Any = pb_grpc.RiskServiceStub(channel)  # type: ignore[arg-type]
        calls = [stub.AnalyzeStream(iter([item("a", png)] * 12), timeout=120) for _ in range(3)]
        answers = [[answer async for answer in call] for call in calls]
    assert [len(each) for each in answers] == [12, 12, 12]
    assert {answer.status.code for each in answers for answer in each} == {0}


async def test_a_reader_that_takes_nothing_slows_its_own_stream_alone(
    engine: Engine, encode: Callable[..., bytes], serving: Callable[..., Any], png: bytes
) -> None:
    noise = np.random.default_rng(0).integers(0, 2, (400, 400, 1), np.uint8) * (255, 0, 0)
    image = pb.Image(encoded=encode(noise.astype(np.uint8)))
    masks = [pb.MASK_TYPE_RISK, pb.MASK_TYPE_TEXT, pb.MASK_TYPE_HIGH_IMPACT]
    request = pb.AnalyzeRequest(image=image, masks=masks)
    sent = 0

    async def endless() -> AsyncIterator[pb.AnalyzeStreamRequest]:
        nonlocal sent
        while True:
            sent += 1
            yield pb.AnalyzeStreamRequest(request_id=str(sent), request=request)

    async with (
        serving(engine, threads=1, queue=4, stream_places=2) as (server, address),
        grpc.aio.insecure_channel(address) as slow,
        grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as quick,
    ):
        stub: Any = pb_grpc.RiskServiceStub(slow)  # type: ignore[arg-type]
        ignored = stub.AnalyzeStream(endless())
        assert (await ignored.read()).status.code == 0
        other: Any = pb_grpc.RiskServiceStub(quick)  # type: ignore[arg-type]
        for _ in range(20):
            await other.Analyze(pb.AnalyzeRequest(image=pb.Image(encoded=png)), timeout=60)
        # It comes to rest with its answers untaken, instead of working off what nobody reads.
        resting = 0
        async with asyncio.timeout(60):
            while resting < 25:
                await asyncio.sleep(0.02)
                pool = server._pool
                idle = not pool.running and not any(pool.waiting(each) for each in Priority)
                resting = resting + 1 if idle else 0
        assert not ignored.done()
        ignored.cancel()


async def test_more_streams_than_allowed_are_refused_at_once(
    engine: Engine, png: bytes, serving: Callable[..., Any]
) -> None:
    async with (
        serving(engine, max_streams=1) as (_, address),
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub: Any = pb_grpc.RiskServiceStub(channel)  # type: ignore[arg-type]
        first = stub.AnalyzeStream(timeout=60)
        await first.write(item("one", png))
        assert (await first.read()).status.code == 0
        second = stub.AnalyzeStream(timeout=60)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await second.read()
        metadata: Any = caught.value.trailing_metadata()
        status = pb.Status.FromString(dict(metadata)["riskmask-status-bin"])
        assert status.reason == "TOO_MANY_STREAMS"
        assert status.HasField("retry_delay")
        await first.done_writing()
        assert await first.read() is grpc.aio.EOF
        third = stub.AnalyzeStream(iter([item("three", png)]), timeout=60)
        assert (await third.read()).status.code == 0


async def numbers(count: int, read: list[int]) -> AsyncIterator[int]:
    for number in range(count):
        read.append(number)
        yield number


async def test_no_more_items_are_in_the_works_than_there_are_places() -> None:
    read: list[int] = []
    working = most = 0

    async def work(number: int) -> int:
        nonlocal working, most
        working += 1
        most = max(most, working)
        for _ in range(20):
            await asyncio.sleep(0)
        working -= 1
        return number * number

    results = [result async for result in map_bounded(numbers(20, read), work, places=3)]
    assert sorted(results) == [number * number for number in range(20)]
    assert most == 3


async def test_an_event_ends_a_stream_whose_next_item_never_comes() -> None:
    over, waits = asyncio.Event(), asyncio.Event()

    async def one_and_no_more() -> AsyncIterator[int]:
        yield 1
        waits.set()
        await asyncio.Event().wait()

    items = Until(one_and_no_more(), over)
    assert await anext(items) == 1
    rest = asyncio.ensure_future(anext(items, None))
    await waits.wait()
    assert not rest.done()
    over.set()
    assert await rest is None
    assert items.was_cut
    assert len(asyncio.all_tasks()) == 1


async def test_a_stream_that_ends_by_itself_was_not_cut() -> None:
    items = Until(numbers(3, []), asyncio.Event())
    assert [number async for number in items] == [0, 1, 2]
    assert not items.was_cut


async def test_a_consumer_that_stops_taking_stops_the_reading() -> None:
    read: list[int] = []

    async def work(number: int) -> int:
        return number

    results = map_bounded(numbers(1000, read), work, places=2)
    first = await anext(results)
    for _ in range(50):
        await asyncio.sleep(0)
    assert first == 0
    assert len(read) <= 4
    await results.aclose()  # type: ignore[attr-defined]


async def test_leaving_early_cancels_what_is_in_the_works() -> None:
    cancelled: list[int] = []
    begun = asyncio.Event()

    async def work(number: int) -> int:
        if number == 0:
            await begun.wait()
            return number
        if number == 2:
            begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(number)
            raise
        return number

    results = map_bounded(numbers(3, []), work, places=3)
    async for _ in results:
        await asyncio.sleep(0)
        break
    await results.aclose()  # type: ignore[attr-defined]
    assert sorted(cancelled) == [1, 2]
    assert len(asyncio.all_tasks()) == 1
