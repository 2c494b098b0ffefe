"""Over TCP, over the Unix socket and in this process: the same answer, bit for bit."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from riskmask.client import (
    AsyncClient,
    Client,
    DeadlineExceeded,
    Decision,
    Fallback,
    InternalError,
    InvalidImage,
    InvalidRequest,
    MaskType,
    Options,
    RiskmaskError,
    ServiceUnavailable,
)
from riskmask.client._local import LocalTransport
from riskmask.client._messages import to_message
from riskmask.client._transport import Transport
from riskmask.server import calls
from riskmask.server.engine.job import Job

EVERYTHING: Options = {
    "codec": "hyperprior",
    "bpp": 0.03,
    "masks": tuple(MaskType),
    "hint_formats": ("neural-quality", "riskmask-levels"),
    "threshold": 0.25,
    "content_weights": {"text": 0.9, "other": 0.5},
    "smallest_region": 16,
    "max_error_probability": 0.2,
}


@pytest.mark.parametrize(
    "options",
    [{}, EVERYTHING, {"size_bytes": 300}, {"quality": 2.5}, {"codec": "jpeg", "bpp": 0.4}],
    ids=["defaults", "everything", "bytes", "quality", "another codec"],
)
def test_an_answer_is_the_same_bit_for_bit(
    transports: dict[str, Transport], png: bytes, options: Options
) -> None:
    request = to_message(png, options)
    answers = {
        name: way.analyze(request, 30).SerializeToString(deterministic=True)
        for name, way in transports.items()
    }
    assert len(answers["local"]) > 200
    assert answers["tcp"] == answers["local"]
    assert answers["unix"] == answers["local"]


def test_an_error_is_the_same_everywhere(transports: dict[str, Transport], png: bytes) -> None:
    wrong: list[tuple[bytes, Options, type[RiskmaskError], str]] = [
        (b"", {}, InvalidImage, "EMPTY_IMAGE"),
        (b"no image", {}, InvalidImage, "UNSUPPORTED_FORMAT"),
        (png[:100], {}, InvalidImage, "CORRUPT_IMAGE"),
        (png, {"codec": "no such codec"}, InvalidRequest, "UNKNOWN_CODEC"),
        (png, {"bpp": -1.0}, InvalidRequest, "INVALID_TARGET"),
        (png, {"threshold": 2.0}, InvalidRequest, "INVALID_POLICY"),
        (png, {"max_error_probability": 1.5}, InvalidRequest, "INVALID_POLICY"),
        (png, {"preset": "no such preset"}, InvalidRequest, "INVALID_REQUEST"),
        (png, {"hint_formats": ["no such format"]}, InvalidRequest, "UNKNOWN_HINT_FORMAT"),
    ]
    for image, options, kind, reason in wrong:
        raised = {}
        for name, way in transports.items():
            with Client(transport=_Borrowed(way)) as client, pytest.raises(kind) as caught:
                client.analyze(image, **options)
            raised[name] = (type(caught.value), caught.value.reason, caught.value.message)
        assert set(raised.values()) == {(kind, reason, raised["local"][2])}
        assert raised["local"][2]


def test_server_info_is_the_same_everywhere(transports: dict[str, Transport]) -> None:
    said = {name: way.server_info(10).SerializeToString() for name, way in transports.items()}
    assert len(set(said.values())) == 1


async def test_the_async_client_gets_what_the_blocking_one_gets(
    server: Any, png: bytes, detector_path: Path, profiles_folder: Path
) -> None:
    tcp, unix = server.addresses
    with Client(tcp) as client:
        expected = client.analyze(png, **EVERYTHING)
        info = client.server_info()
    for asynchronous in (
        AsyncClient(tcp),
        AsyncClient(unix),
        AsyncClient.local(model=detector_path, profiles=profiles_folder),
    ):
        async with asynchronous as other:
            assert await other.analyze(png, **EVERYTHING) == expected
            assert await other.server_info() == info


def test_the_answer_says_what_the_scene_holds(server: Any, png: bytes) -> None:
    with Client(server.addresses[0]) as client:
        analysis = client.analyze(png, bpp=0.03, masks=["RISK", "FACE"])
    assert analysis.decision in (Decision.RAISE_RATE, Decision.FALLBACK_JPEG)
    text, symbol = sorted(analysis.regions, key=lambda region: region.box[1])
    assert text.content.text > 0.9
    assert symbol.content.symbol > 0.9
    assert text.safe_bpp is not None
    assert symbol.safe_bpp is None
    face = analysis.mask(MaskType.FACE).to_array()
    assert face.shape == (24, 40)
    assert face[15, 28] > 250
    assert face[2, 2] == 0


class _Borrowed:
    """A transport that somebody else closes."""

    def __init__(self, transport: Transport) -> None:
        self.analyze = transport.analyze
        self.server_info = transport.server_info

    def close(self) -> None:
        pass


def test_images_may_come_as_paths(server: Any, png: bytes, tmp_path: Path) -> None:
    path = tmp_path / "scene.png"
    path.write_bytes(png)
    with Client(server.addresses[1]) as client:
        assert client.analyze(path) == client.analyze(png)
        with pytest.raises(InvalidImage, match="No such file") as caught:
            client.analyze(tmp_path / "absent.png")
    assert caught.value.reason == "UNREADABLE_IMAGE"


def test_many_images_keep_their_order_and_their_failures(
    server: Any, png: bytes, encode: Callable[..., bytes]
) -> None:
    sizes = [(64, 40), (8, 8), (120, 64)]
    images = [encode(Image.new("RGB", size)) for size in sizes]
    images.insert(1, b"broken")
    with Client(server.addresses[0]) as client:
        outcomes = list(client.analyze_many(images, concurrency=3))
    assert isinstance(outcomes.pop(1), InvalidImage)
    facts = [outcome.image for outcome in outcomes if not isinstance(outcome, RiskmaskError)]
    assert [(image.width, image.height) for image in facts] == sizes


async def test_a_deadline_that_passes_is_the_same_error_everywhere(
    server: Any, png: bytes, detector_path: Path, profiles_folder: Path
) -> None:
    tcp, unix = server.addresses
    local: dict[str, Any] = {"model": detector_path, "profiles": profiles_folder}
    for client in (Client(tcp), Client(unix), Client.local(**local)):
        with client:
            with pytest.raises(DeadlineExceeded) as caught:
                client.analyze(png, timeout=1e-6)
            assert caught.value.reason == "DEADLINE_EXCEEDED"
            assert client.analyze(png).image.width == 160
    for asynchronous in (AsyncClient(tcp), AsyncClient.local(**local)):
        async with asynchronous as other:
            with pytest.raises(DeadlineExceeded):
                await other.analyze(png, timeout=1e-6)
            assert (await other.analyze(png)).image.width == 160


async def test_a_cancelled_call_frees_the_engine_in_this_process(
    png: bytes, detector_path: Path, profiles_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), threading.Event()
    analyze = calls.analyze

    def endless(engine: Any, request: Any, job: Job) -> Any:
        begun.set()
        try:
            while True:
                job.check()
                time.sleep(0.01)
        finally:
            ended.set()

    async with AsyncClient.local(model=detector_path, profiles=profiles_folder) as client:
        monkeypatch.setattr(calls, "analyze", endless)
        asked = asyncio.create_task(client.analyze(png, timeout=600))
        await asyncio.to_thread(begun.wait, 60)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert await asyncio.to_thread(ended.wait, 60)
        monkeypatch.setattr(calls, "analyze", analyze)
        assert (await client.analyze(png)).image.width == 160


async def test_calls_that_wait_for_the_engine_take_no_thread_of_the_application(
    png: bytes, detector_path: Path, profiles_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waited in a thread of asyncio's own, and the next one's time began when one was free."""
    begun, gate = threading.Event(), threading.Event()
    analyze = calls.analyze

    def slow(engine: Any, request: Any, job: Job) -> Any:
        begun.set()
        assert gate.wait(60)
        return analyze(engine, request, job)

    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    async with AsyncClient.local(model=detector_path, profiles=profiles_folder) as client:
        monkeypatch.setattr(calls, "analyze", slow)
        asked = [asyncio.create_task(client.analyze(png, timeout=600)) for _ in range(3)]
        async with asyncio.timeout(60):
            while not begun.is_set():
                await asyncio.sleep(0.01)
        late = await client.analyze_or_fallback(png, timeout=0.05)
        assert await asyncio.wait_for(asyncio.to_thread(gate.is_set), 30) is False
        gate.set()
        assert [answer.image.width for answer in await asyncio.gather(*asked)] == [160] * 3
    assert isinstance(late, Fallback)


async def test_the_engine_in_this_process_is_given_one_image_at_a_time(
    png: bytes, detector_path: Path, profiles_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image's time would begin while it waits for those before it."""
    start, begun, at_once = LocalTransport.start_analysis, [], []

    def counted(transport: LocalTransport, request: Any, job: Job) -> Any:
        begun.append(start(transport, request, job))
        at_once.append(sum(not future.done() for future in begun[:-1]))
        return begun[-1]

    monkeypatch.setattr(LocalTransport, "start_analysis", counted)
    local: dict[str, Any] = {"model": detector_path, "profiles": profiles_folder}
    with Client.local(**local) as client:
        assert len(list(client.analyze_many([png] * 3, concurrency=3))) == 3
    async with AsyncClient.local(**local) as asynchronous:
        answers = [each async for each in asynchronous.analyze_many([png] * 3, concurrency=3)]
    assert (len(answers), at_once) == (3, [0] * 6)


def test_a_failure_in_this_process_is_told_and_not_left_to_a_log(
    png: bytes, detector_path: Path, profiles_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        "\udc80".encode()  # raises an error that has a ``reason`` of its own

    with Client.local(model=detector_path, profiles=profiles_folder) as client:
        monkeypatch.setattr(calls, "analyze", fail)
        with pytest.raises(InternalError, match="the engine failed: UnicodeEncodeError") as caught:
            client.analyze(png)
    assert caught.value.reason == "INTERNAL"


async def test_a_closed_client_says_so_everywhere(
    server: Any, png: bytes, detector_path: Path, profiles_folder: Path
) -> None:
    address = server.addresses[0]
    for client in (Client(address), Client.local(model=detector_path, profiles=profiles_folder)):
        client.close()
        for call in (partial(client.analyze, png), client.server_info):
            with pytest.raises(ServiceUnavailable) as caught:
                call()
            assert caught.value.reason == "CLOSED"
    asynchronous = AsyncClient(address)
    await asynchronous.close()
    with pytest.raises(ServiceUnavailable):
        await asynchronous.server_info()
