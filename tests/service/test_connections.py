"""Connections grow old without a failed call, may not ping too often, end with their client."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from riskmask.client import AsyncClient
from riskmask.client._channel import to_error
from riskmask.server.engine.engine import Engine
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

Serving = Callable[..., Any]

# RFC 9113: the preface (3.4), types of frames (6), an error code (7).
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, GOAWAY = 4, 6, 7
ACK = 1
ENHANCE_YOUR_CALM = 11

LONGEST = 30.0  # seconds that anything is waited for
LOOK = 0.05


@dataclass(frozen=True)
class Frame:
    """One frame of the connection itself."""

    kind: int
    flags: int = 0
    payload: bytes = b""

    def encoded(self) -> bytes:
        head = len(self.payload).to_bytes(3, "big") + bytes((self.kind, self.flags))
        return head + bytes(4) + self.payload


class Http2:
    """A client that says no more over HTTP/2 than a test tells it to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, *frames: Frame) -> None:
        """Send all of them in one piece, so that a server which leaves has read what it was sent.

        A connection that is closed before that is reset, and what the server said last is lost.
        """
        self._writer.write(b"".join(frame.encoded() for frame in frames))
        await self._writer.drain()

    async def next(self) -> Frame | None:
        """The next frame, or None where the server has closed the connection."""
        async with asyncio.timeout(LONGEST):
            try:
                head = await self._reader.readexactly(9)
                payload = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
            except (asyncio.IncompleteReadError, ConnectionResetError):
                return None
        return Frame(head[3], head[4], payload)

    async def until(self, kind: int, flags: int = 0) -> Frame | None:
        """The next frame of that kind."""
        while (frame := await self.next()) is not None:
            if (frame.kind, frame.flags) == (kind, flags):
                return frame
        return None


@asynccontextmanager
async def http2(address: str) -> AsyncIterator[Http2]:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(PREFACE)
        client = Http2(reader, writer)
        await client.send(Frame(SETTINGS))
        assert await client.until(SETTINGS) is not None
        await client.send(Frame(SETTINGS, ACK))
        yield client
    finally:
        writer.close()


def item(name: str, image: bytes) -> pb.AnalyzeStreamRequest:
    request = pb.AnalyzeRequest(image=pb.Image(encoded=image))
    return pb.AnalyzeStreamRequest(request_id=name, request=request)


async def test_calls_go_on_over_new_connections_when_theirs_grow_old(
    engine: Engine, png: bytes, serving: Serving, lines: list[str]
) -> None:
    def connections() -> set[str]:
        return {json.loads(line)["peer"] for line in lines}

    async with (
        serving(engine, threads=2, max_connection_age_seconds=1) as (_, address),
        AsyncClient(address, timeout=LONGEST) as client,
    ):
        end = time.monotonic() + LONGEST

        async def call_on() -> None:
            while len(connections()) < 3:
                assert time.monotonic() < end
                assert (await client.analyze(png)).image.width == 160

        await asyncio.gather(*(call_on() for _ in range(4)))
    assert {json.loads(line)["reason"] for line in lines} == {"OK"}


async def test_a_call_that_is_longer_than_the_age_has_its_time_of_grace(
    engine: Engine, png: bytes, serving: Serving
) -> None:
    async with (
        serving(engine, max_connection_age_seconds=1, max_seconds=30) as (_, address),
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub: Any = pb_grpc.RiskServiceStub(channel)  # type: ignore[arg-type]
        stream = stub.AnalyzeStream(timeout=LONGEST)
        await stream.write(item("first", png))
        assert (await stream.read()).request_id == "first"
        # the channel has let go of the old connection, which the stream still has
        async with asyncio.timeout(LONGEST):
            while (state := channel.get_state()) is grpc.ChannelConnectivity.READY:
                await channel.wait_for_state_change(state)
        await stream.write(item("second", png))
        assert (await stream.read()).request_id == "second"
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF
        assert await stream.code() is grpc.StatusCode.OK


async def test_a_stream_that_outlives_the_grace_ends_with_a_code_to_go_on_from(
    engine: Engine, png: bytes, serving: Serving
) -> None:
    limits = {"max_connection_age_seconds": 1, "max_connection_age_grace_seconds": 0.5}
    async with (
        serving(engine, max_streams=1, **limits) as (_, address),
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub: Any = pb_grpc.RiskServiceStub(channel)  # type: ignore[arg-type]
        answered = 0
        for _ in range(2):  # the second one takes the place of the first
            stream = stub.AnalyzeStream(timeout=LONGEST)
            await stream.write(item("a", png))
            assert (await stream.read()).status.code == 0
            answered += 1
            assert await stream.code() is grpc.StatusCode.UNAVAILABLE
            assert await stream.details() == "max connection age"
        assert answered == 2


async def test_a_client_that_pings_too_often_is_sent_away(engine: Engine, serving: Serving) -> None:
    async with (
        serving(engine, min_ping_seconds=60) as (_, address),
        http2(address) as client,
    ):
        await client.send(*(Frame(PING, payload=number.to_bytes(8, "big")) for number in range(8)))
        farewell = await client.until(GOAWAY)
        assert farewell is not None
        assert int.from_bytes(farewell.payload[4:8], "big") == ENHANCE_YOUR_CALM
        assert farewell.payload[8:] == b"too_many_pings"
        assert await client.until(GOAWAY) is None


@pytest.mark.slow
async def test_a_client_that_pings_as_often_as_it_may_stays_also_between_calls(
    engine: Engine, serving: Serving
) -> None:
    async with (
        serving(engine, min_ping_seconds=1) as (_, address),
        http2(address) as client,
    ):
        for number in range(6):
            payload = number.to_bytes(8, "big")
            await client.send(Frame(PING, payload=payload))
            assert await client.until(PING, ACK) == Frame(PING, ACK, payload)
            await asyncio.sleep(1.1)  # what is tested: as often as it may


@pytest.mark.slow
async def test_a_connection_without_a_call_ends_when_its_client_answers_no_ping(
    engine: Engine, serving: Serving
) -> None:
    alive = {"keepalive_seconds": 1, "keepalive_timeout_seconds": 1}
    async with serving(engine, **alive) as (_, address), http2(address) as client:
        for _ in range(3):
            asked = await client.until(PING)
            assert asked is not None, "it was let go although it answers"
            await client.send(Frame(PING, ACK, asked.payload))
        asked_last = await client.until(PING)
        assert asked_last is not None
        farewell = await client.until(GOAWAY)
        assert farewell is not None
        assert farewell.payload[8:] == b"ping_timeout"
        assert await client.next() is None


STREAM_AND_WAIT = """
import sys, grpc, threading
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc
forever = threading.Event()
def items():
    yield pb.AnalyzeStreamRequest(request_id="one")
    forever.wait()
with grpc.insecure_channel(sys.argv[1]) as channel:
    for answer in pb_grpc.RiskServiceStub(channel).AnalyzeStream(items()):
        print(answer.request_id, flush=True)
"""


@pytest.mark.slow
async def test_a_client_that_vanished_gives_its_stream_back(
    engine: Engine, png: bytes, serving: Serving
) -> None:
    alive = {"keepalive_seconds": 1, "keepalive_timeout_seconds": 1}
    async with (
        serving(engine, max_streams=1, **alive) as (_, address),
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub: Any = pb_grpc.RiskServiceStub(channel)  # type: ignore[arg-type]

        async def outcome() -> str:
            stream = stub.AnalyzeStream(iter([item("mine", png)]), timeout=LONGEST)
            try:
                return str((await stream.read()).status.reason)
            except grpc.aio.AioRpcError as error:
                return to_error(error, address).reason

        other = subprocess.Popen(
            [sys.executable, "-c", STREAM_AND_WAIT, address], stdout=subprocess.PIPE, text=True
        )
        try:
            assert other.stdout is not None
            assert await asyncio.to_thread(other.stdout.readline) == "one\n"
            answering = time.monotonic() + 4  # twice what a silent client has
            while time.monotonic() < answering:
                assert await outcome() == "TOO_MANY_STREAMS", "it was let go although it answers"
                await asyncio.sleep(LOOK)
            other.send_signal(signal.SIGSTOP)
            async with asyncio.timeout(LONGEST):
                while (reason := await outcome()) == "TOO_MANY_STREAMS":
                    await asyncio.sleep(LOOK)
            assert reason == ""
        finally:
            other.kill()
            other.communicate()
