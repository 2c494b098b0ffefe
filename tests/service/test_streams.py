"""One connection, many images: each has its own id, status and deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from PIL import Image

from riskmask.server.streams import map_bounded
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
        item("good again", png, Duration(seconds=30)),
    ]
    options = [("grpc.default_authority", "localhost")]
    with grpc.insecure_channel(server.addresses[way], options) as channel:
        answers = list(pb_grpc.RiskServiceStub(channel).AnalyzeStream(iter(items), timeout=60))
    by_id = {answer.request_id: answer for answer in answers}
    assert set(by_id) == {"good", "bad", "empty", "late", "endless", "good again"}
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
