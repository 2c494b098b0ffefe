"""The engine in this process, behind the same messages as a server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from riskmask.client._channel import DEFAULT_MESSAGE_BYTES, closed
from riskmask.client._errors import (
    DeadlineExceeded,
    EngineNotInstalled,
    from_status,
)
from riskmask.v1 import riskmask_pb2 as pb

if TYPE_CHECKING:
    from riskmask.server.engine.job import Job

T = TypeVar("T")

# The engine logs what the exception says already; without a handler Python prints it on stderr.
logging.getLogger("riskmask").addHandler(logging.NullHandler())


class LocalTransport:
    """Calls the server's own functions, so answers and errors are those of a server.

    Analyses run one at a time, each on all of the cores that this process may use.

    Args:
        model: an ONNX file instead of the packaged model.
        profiles: a folder of codec profiles beside the packaged ones.
        face_detector: YuNet's ONNX file, for the verification of faces.
        icons: a folder of ``FAMILY__NAME.svg``, for the verification of icons.

    Raises:
        EngineNotInstalled: ``riskmask[server]`` is not installed.
        InternalError: the model cannot be used.
    """

    def __init__(
        self,
        model: Path | None = None,
        profiles: Path | None = None,
        face_detector: Path | None = None,
        icons: Path | None = None,
    ) -> None:
        try:
            from riskmask.server import calls, status
            from riskmask.server.engine.engine import Engine
            from riskmask.server.engine.job import Job
            from riskmask.server.verification.availability import AnnotatorFiles
            from riskmask.server.verification.verifier import Verifier
        except ModuleNotFoundError as missing:
            raise EngineNotInstalled(
                "ENGINE_NOT_INSTALLED",
                f"the engine needs {missing.name}: pip install 'riskmask[server]', "
                "or name a server's address",
            ) from None
        self._calls = calls
        self.new_job = Job
        self._to_status = status.to_status
        self._engine = self._translated(partial(Engine.default, model=model, profiles=profiles))
        self._verifier = Verifier(AnnotatorFiles(face_detector, icons))
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="riskmask-engine")
        self._closed = False

    def analyze(self, request: pb.AnalyzeRequest, timeout: float) -> pb.AnalyzeResponse:
        """The engine's answer for one image."""
        job = self.new_job(timeout)
        return _waited(self.start_analysis(request, job), job, timeout)

    def verify(self, request: pb.VerifyRequest, timeout: float) -> pb.VerifyResponse:
        """The verifier's answer for one pair of images."""
        job = self.new_job(timeout)
        return _waited(self.start_verification(request, job), job, timeout)

    def start_analysis(self, request: pb.AnalyzeRequest, job: Job) -> Future[pb.AnalyzeResponse]:
        """The answer that will be there when those before it are."""
        return self._start(partial(self._calls.analyze, self._engine, request, job))

    def start_verification(self, request: pb.VerifyRequest, job: Job) -> Future[pb.VerifyResponse]:
        """The same of a verification."""
        return self._start(partial(self._calls.verify, self._verifier, request, job))

    def server_info(self, timeout: float) -> pb.GetServerInfoResponse:
        """What the engine can do."""
        if self._closed:
            raise closed()
        return self._translated(
            partial(self._calls.server_info, self._engine, self._verifier, DEFAULT_MESSAGE_BYTES)
        )

    def close(self) -> None:
        """Waits for the analysis that runs; drops those that wait."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _start(self, call: Callable[[], T]) -> Future[T]:
        try:
            return self._pool.submit(self._translated, call)
        except RuntimeError:
            raise closed() from None

    def _translated(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except Exception as error:
            status = self._to_status(error)
            if status.reason == "INTERNAL":  # what a server would write in its log
                status.message = f"the engine failed: {type(error).__name__}: {error}"
            raise from_status(status) from error


def _waited(future: Future[T], job: Job, timeout: float) -> T:
    try:
        return future.result(timeout)
    except TimeoutError:
        raise _late(timeout) from None
    except CancelledError:
        raise closed() from None
    finally:
        future.cancel()
        job.abandon()  # a thread that still works for it stops at its next tile


def _late(timeout: float) -> DeadlineExceeded:
    return DeadlineExceeded(
        "DEADLINE_EXCEEDED", f"no answer within {timeout:g} s; allow more with timeout="
    )


class AsyncLocalTransport:
    """:class:`LocalTransport` off the event loop."""

    def __init__(
        self,
        model: Path | None = None,
        profiles: Path | None = None,
        face_detector: Path | None = None,
        icons: Path | None = None,
    ) -> None:
        self._transport = LocalTransport(model, profiles, face_detector, icons)

    async def analyze(self, request: pb.AnalyzeRequest, timeout: float) -> pb.AnalyzeResponse:
        """The engine's answer for one image."""
        job = self._transport.new_job(timeout)
        return await _awaited(self._transport.start_analysis(request, job), job, timeout)

    async def verify(self, request: pb.VerifyRequest, timeout: float) -> pb.VerifyResponse:
        """The verifier's answer for one pair of images."""
        job = self._transport.new_job(timeout)
        return await _awaited(self._transport.start_verification(request, job), job, timeout)

    async def server_info(self, timeout: float) -> pb.GetServerInfoResponse:
        """What the engine can do."""
        return await asyncio.to_thread(self._transport.server_info, timeout)

    async def close(self) -> None:
        """Waits for the analysis that runs; drops those that wait."""
        await asyncio.to_thread(self._transport.close)


async def _awaited(future: Future[T], job: Job, timeout: float) -> T:
    """:func:`_waited` without a thread that waits, so that no number of calls makes one late."""
    answer = asyncio.wrap_future(future)
    try:
        await asyncio.wait([answer], timeout=timeout)
        if not answer.done():
            raise _late(timeout)
        if answer.cancelled():
            raise closed()
        return answer.result()
    finally:
        answer.cancel()
        job.abandon()  # who cancels this call must not keep the engine from others
