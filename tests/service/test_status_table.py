"""Every failure has a row, and every row arrives at a client over a real socket."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import resource
import signal
import struct
import sys
import tempfile
import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import onnx
import pytest
from onnx import helper
from PIL import Image

from riskmask.client import (
    AsyncClient,
    KnownRegion,
    PixelFormat,
    Plane,
    RawImage,
    RiskmaskError,
    ServiceUnavailable,
)
from riskmask.client import _errors as client_errors
from riskmask.client._channel import to_error
from riskmask.model.runtime import errors as runtime
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server import errors as service
from riskmask.server.app import Server
from riskmask.server.decoding.pool import DecodingPool
from riskmask.server.engine import errors as refused
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.job import Job
from riskmask.server.engine.values import Analysis, AnalysisRequest
from riskmask.server.settings import load_settings
from riskmask.server.status import TABLE, Row, grpc_code, to_status
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

# What each code becomes at the caller; RESOURCE_EXHAUSTED depends on whether waiting helps.
RAISED = {
    grpc.StatusCode.INVALID_ARGUMENT: client_errors.InvalidRequest,
    grpc.StatusCode.FAILED_PRECONDITION: client_errors.NotSupported,
    grpc.StatusCode.UNIMPLEMENTED: client_errors.NotSupported,
    grpc.StatusCode.DEADLINE_EXCEEDED: client_errors.DeadlineExceeded,
    grpc.StatusCode.UNAUTHENTICATED: client_errors.NotAuthorized,
    grpc.StatusCode.CANCELLED: client_errors.ServiceUnavailable,
    grpc.StatusCode.UNAVAILABLE: client_errors.ServiceUnavailable,
    grpc.StatusCode.INTERNAL: client_errors.InternalError,
}

# Rows that no request can bring about at will, each with the reason; a stand-in raises them.
STAND_INS: dict[type[BaseException], str] = {
    refused.AbandonedError: "who has cancelled hears nothing more from the server",
    refused.DecoderCrashedError: "no such picture is known; test_decoding_processes.py kills one",
    refused.EngineError: "every refusal has a class of its own",
    MemoryError: "depends on the machine",
    Exception: "what nobody foresaw",
}


class FailingEngine(Engine):
    """Fails as told."""

    def __init__(self, engine: Engine, error: BaseException) -> None:
        vars(self).update(vars(engine))
        self.error = error

    def analyze(self, request: AnalysisRequest, job: Job | None = None) -> Analysis:
        raise self.error


@dataclass(frozen=True)
class Scene:
    """What a cause is made of.

    Attributes:
        engine: over the tiny detector.
        png: a small picture.
        serving: serves an engine with settings.
        folder: for files.
        encode: writes pictures.
        detector: the tiny detector's file.
        profiles: for an engine over another detector.
        decoders_of: the decoding processes of a process.
    """

    engine: Engine
    png: bytes
    serving: Callable[..., Any]
    folder: Path
    encode: Callable[..., bytes]
    detector: Path
    profiles: dict[str, CodecProfile]
    decoders_of: Callable[[int], list[int]]


Cause = Callable[[Scene], Awaitable[object]]


def asking(image: Any = None, settings: dict[str, Any] | None = None, **options: Any) -> Cause:
    """An analysis of the small picture, or of what is made of it."""

    async def cause(scene: Scene) -> object:
        content = scene.png if image is None else image(scene)
        async with (
            scene.serving(scene.engine, **(settings or {})) as (_, address),
            AsyncClient(address, max_message_bytes=1 << 30) as client,
        ):
            return await client.analyze(content, **options)

    return cause


def comparing(
    reconstruction: Any = None,
    settings: Callable[[Scene], dict[str, Any]] | None = None,
    **options: Any,
) -> Cause:
    """A verification of the small picture against itself, or against what is made of it."""

    async def cause(scene: Scene) -> object:
        other = scene.png if reconstruction is None else reconstruction(scene)
        given = {} if settings is None else settings(scene)
        async with (
            scene.serving(scene.engine, **given) as (_, address),
            AsyncClient(address) as client,
        ):
            return await client.verify(scene.png, other, **options)

    return cause


def claim(scene: Scene) -> bytes:
    """A PNG whose header claims four billion pixels."""
    header = struct.pack(">IIBBBBB", 65535, 65535, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header
    return scene.png[:8] + chunk + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + scene.png[33:]


def crowd(scene: Scene) -> bytes:
    """10,000 red squares: as many regions, whose list is larger than the smallest message."""
    pixels = np.full((1600, 1600, 3), 128, np.uint8)
    for down in range(4, 12):
        for across in range(4, 12):
            pixels[down::16, across::16] = (255, 0, 0)
    return scene.encode(pixels)


async def no_place(scene: Scene) -> object:
    """Two large pictures at once, one thread and no queue."""
    large = scene.encode(np.full((3000, 3000, 3), 90, np.uint8))
    async with (
        scene.serving(scene.engine, threads=1, queue=0) as (_, address),
        AsyncClient(address, timeout=240) as client,
    ):
        calls = [asyncio.create_task(client.analyze(large)) for _ in range(2)]
        done, left = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        for call in left:
            call.cancel()
        return await done.pop()


async def no_place_for_the_method(scene: Scene) -> object:
    """Two verifications at once where one is allowed, and room for more of other calls."""
    large = scene.encode(np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8))
    async with (
        scene.serving(scene.engine, max_verifications=1) as (_, address),
        AsyncClient(address, timeout=240) as client,
    ):
        calls = [
            asyncio.create_task(client.verify(large, large, annotators=["amplitude"]))
            for _ in range(2)
        ]
        done, left = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        for call in left:
            call.cancel()
        return await done.pop()


async def no_stream(scene: Scene) -> object:
    """A stream to a server that takes none."""
    async with (
        scene.serving(scene.engine, max_streams=0) as (_, address),
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub: Any = pb_grpc.RiskServiceStub(channel)  # type: ignore[arg-type]
        try:
            return await stub.AnalyzeStream(iter(()), timeout=60).read()
        except grpc.RpcError as failure:
            raise to_error(failure, address) from None


async def no_more_of_the_stream(scene: Scene) -> object:
    """A stream whose server is told to stop."""
    async with (
        scene.serving(scene.engine) as (server, address),
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub: Any = pb_grpc.RiskServiceStub(channel)  # type: ignore[arg-type]
        stream = stub.AnalyzeStream(timeout=60)
        await stream.write(pb.AnalyzeStreamRequest(request_id="first"))
        assert (await stream.read()).request_id == "first"
        stop = asyncio.create_task(server.stop(drain_seconds=60))
        try:
            return await stream.read()
        except grpc.RpcError as failure:
            raise to_error(failure, address) from None
        finally:
            await stop


async def no_token(scene: Scene) -> object:
    """A call without a token, over a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="riskmask-") as folder:
        tokens = Path(folder) / "tokens"
        tokens.write_text("a-token-of-some-length")
        path = f"unix:{folder}/a.sock"
        server = Server(scene.engine, load_settings(address=(path,), token_file=tokens))
        await server.start()
        try:
            async with AsyncClient(path) as client:
                return await client.analyze(scene.png)
        finally:
            await server.stop(drain_seconds=0)


async def no_annotators(scene: Scene) -> object:
    """A verification where their packages cannot be found."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "rapidocr", None)
        return await comparing()(scene)


async def no_numbers(scene: Scene) -> object:
    """A model whose rates are infinite where all of a picture is white, so that it loads well."""
    model = onnx.load(scene.detector)
    [last] = [node for node in model.graph.node if "rate" in node.output]
    last.input[1] = "darkness"
    place = list(model.graph.node).index(last)
    model.graph.node.insert(place, helper.make_node("Sub", ["one", "darkest"], ["darkness"]))
    model.graph.node.insert(place, helper.make_node("ReduceMin", ["planes"], ["darkest"]))
    path = scene.folder / "white.onnx"
    onnx.save(model, path)
    engine = Engine(Predictor(path, threads=1), scene.profiles)
    white = io.BytesIO()
    Image.new("RGB", (256, 256), "white").save(white, "PNG")
    async with scene.serving(engine) as (_, address), AsyncClient(address) as client:
        return await client.analyze(white.getvalue())


async def no_decoder(scene: Scene) -> object:
    """The decoding process has died, and one file more is all that the server may open."""
    decoding = DecodingPool(1, scene.engine.limits)
    engine = Engine(Predictor(scene.detector, threads=1), scene.profiles, decode=decoding.decode)
    server = Server(engine, load_settings(address=("127.0.0.1:0",)), decoding=decoding)
    await server.start()
    try:
        async with AsyncClient(str(server.bound[0]), timeout=60) as client:
            assert (await client.analyze(scene.png)).image.width == 160
            for process in scene.decoders_of(os.getpid()):
                os.kill(process, signal.SIGKILL)
            with few_files(1), pytest.raises(ServiceUnavailable) as caught:
                await client.analyze(scene.png)
            assert caught.value.retry_after == 1.0
            assert (await client.analyze(scene.png)).image.width == 160
            raise caught.value
    finally:
        await server.stop(drain_seconds=0)


@contextmanager
def few_files(more: int) -> Iterator[None]:
    """This process may open so many files beyond those that it has open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = {int(each.name) for each in Path("/proc/self/fd").iterdir()}
    free = [number for number in range(len(opened) + more + 1) if number not in opened]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[more], hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def no_detector(scene: Scene) -> dict[str, Any]:
    """Settings that name a face detector which is none."""
    path = scene.folder / "yunet.onnx"
    path.write_bytes(b"no model")
    return {"face_detector": path}


FRAME = RawImage(PixelFormat.NV12, 63, 32, (Plane(bytes(9)), Plane(bytes(9))))
LARGE: dict[str, Any] = {
    "bpp": 0.01,
    "hint_formats": ["riskmask-levels", "neural-quality", "x264"],
    "timeout": 240,
}
OUTSIDE = KnownRegion("TEXT", box=(150, 0, 40, 20))
CAUSES: dict[type[BaseException], Cause] = {
    refused.EmptyImageError: asking(lambda scene: b""),
    refused.UnsupportedFormatError: asking(lambda scene: b"%PDF-1.7 " * 100),
    refused.CorruptImageError: asking(lambda scene: scene.png[: len(scene.png) // 2]),
    refused.InvalidImageError: asking(lambda scene: FRAME),
    refused.ImageTooLargeError: asking(claim),
    refused.UnknownCodecError: asking(codec="nonesuch"),
    refused.InvalidTargetError: asking(bpp=-1.0),
    refused.InvalidPolicyError: asking(threshold=2.0),
    refused.UnknownHintFormatError: asking(hint_formats=["nonesuch"]),
    refused.SizeMismatchError: comparing(lambda s: s.encode(np.zeros((9, 9, 3), np.uint8))),
    refused.InvalidRegionError: comparing(known_regions=[OUTSIDE], annotators=["text"]),
    refused.UnknownAnnotatorError: comparing(annotators=["nonesuch"]),
    refused.AnnotatorMissingError: comparing(annotators=["face"]),
    refused.ExpiredError: asking(settings={"max_seconds": 1e-6}),
    service.InvalidRequest: asking(preset="nonesuch"),
    service.Unimplemented: no_annotators,
    service.QueueFull: no_place,
    service.TooManyCalls: no_place_for_the_method,
    service.TooManyStreams: no_stream,
    service.MessageTooLarge: asking(crowd, {"max_message_bytes": 1 << 20}, **LARGE),
    service.Unauthenticated: no_token,
    service.ShuttingDown: no_more_of_the_stream,
    service.NoDecoder: no_decoder,
    runtime.ModelError: no_numbers,
    runtime.AssetError: comparing(settings=no_detector),
}


def descendants(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for child in kind.__subclasses__():
        yield from descendants(child)


@pytest.fixture
def stage(
    engine: Engine,
    png: bytes,
    serving: Callable[..., Any],
    tmp_path: Path,
    encode: Callable[..., bytes],
    detector_path: Path,
    profiles: dict[str, CodecProfile],
    annotators_loaded: None,
    decoders_of: Callable[[int], list[int]],
) -> Scene:
    return Scene(engine, png, serving, tmp_path, encode, detector_path, profiles, decoders_of)


def check(error: RiskmaskError, row: Row, reason: str, logged: Sequence[logging.LogRecord]) -> None:
    assert error.reason == reason
    assert error.message
    if row.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        waiting_helps = error.retry_after is not None
        wanted = client_errors.Overloaded if waiting_helps else client_errors.LimitExceeded
        assert type(error) is wanted
    else:
        assert isinstance(error, RAISED[row.code])
    internal = any(record.levelno == logging.ERROR for record in logged)
    assert internal == (row.code is grpc.StatusCode.INTERNAL)


def test_every_row_has_a_cause_or_a_reason_why_not() -> None:
    assert set(CAUSES) | set(STAND_INS) == set(TABLE)
    assert not set(CAUSES) & set(STAND_INS)


@pytest.mark.parametrize("kind", CAUSES, ids=lambda kind: kind.__name__)
async def test_a_row_reaches_the_client_by_its_own_cause(
    kind: type[BaseException], stage: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(RiskmaskError) as caught:
        await CAUSES[kind](stage)
    row = TABLE[kind]
    own = "VERIFY_UNIMPLEMENTED" if kind is service.Unimplemented else row.reason
    check(caught.value, row, own, caplog.records)
    assert str(stage.folder) not in caught.value.message


@pytest.mark.parametrize("kind", STAND_INS, ids=lambda kind: kind.__name__)
async def test_a_row_without_a_cause_reaches_the_client_too(
    kind: type[BaseException], stage: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    failing = FailingEngine(stage.engine, kind("what it says"))
    async with stage.serving(failing) as (_, address), AsyncClient(address) as client:
        with pytest.raises(RiskmaskError) as caught:
            await client.analyze(stage.png)
    row = TABLE[kind]
    check(caught.value, row, row.reason, caplog.records)
    assert (row.message or "what it says") in caught.value.message


@pytest.mark.parametrize("root", [refused.EngineError, service.ServiceError, runtime.AssetError])
def test_every_failure_has_a_row_of_its_own_or_of_a_named_ancestor(root: type[Exception]) -> None:
    for kind in descendants(root):
        owner = next(ancestor for ancestor in kind.__mro__ if ancestor in TABLE)
        if root is runtime.AssetError:
            assert issubclass(owner, runtime.AssetError)
        elif kind is not service.ServiceError:
            assert owner is kind, f"{kind.__name__} falls back to {owner.__name__}"
            assert getattr(kind, "reason", TABLE[kind].reason) == TABLE[kind].reason


def test_reasons_tell_rows_apart() -> None:
    reasons = [row.reason for row in TABLE.values()]
    assert len(set(reasons)) == len(reasons)


def test_a_failure_nobody_foresaw_tells_nothing_of_the_inside() -> None:
    status = to_status(ZeroDivisionError("/secret/path.py"))
    assert grpc_code(status) is grpc.StatusCode.INTERNAL
    assert "secret" not in status.message
    assert status.reason == "INTERNAL"


def test_a_retry_delay_travels_with_the_status() -> None:
    status = to_status(service.QueueFull("full", 2.5))
    assert status.retry_delay.ToTimedelta().total_seconds() == 2.5
    error = client_errors.from_status(pb.Status.FromString(status.SerializeToString()))
    assert isinstance(error, client_errors.Overloaded)
    assert error.retry_after == 2.5
