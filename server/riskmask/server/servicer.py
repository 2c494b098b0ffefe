"""The contract over gRPC: takes messages to worker threads and brings answers back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from functools import partial
from typing import Any, TypeAlias, TypeVar

import grpc

from riskmask.server import calls, translate
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.errors import ExpiredError
from riskmask.server.engine.job import Job
from riskmask.server.errors import InvalidRequest, MessageTooLarge, TooManyStreams
from riskmask.server.pool import WorkerPool
from riskmask.server.settings import ServerSettings
from riskmask.server.status import STATUS_KEY, grpc_code, to_status
from riskmask.server.streams import map_bounded
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
R = TypeVar("R")


class RiskServicer(pb_grpc.RiskServiceServicer):
    """riskmask.v1.RiskService."""

    def __init__(self, engine: Engine, pool: WorkerPool, settings: ServerSettings) -> None:
        self._engine = engine
        self._pool = pool
        self._settings = settings
        self._streams = 0

    async def Analyze(self, request: pb.AnalyzeRequest, context: Context) -> pb.AnalyzeResponse:  # noqa: N802
        """One image."""
        return await _or_abort(self._analyze(request, self._allowed(context)), context)

    async def AnalyzeStream(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.AnalyzeStreamRequest], context: Context
    ) -> AsyncIterator[pb.AnalyzeStreamResponse]:
        """Many images; each one's failure is its own."""
        if self._streams >= self._settings.max_streams:
            await _abort(TooManyStreams(self._settings.max_streams), context)
        self._streams += 1
        try:
            answered = map_bounded(
                request_iterator,
                partial(self._analyze_item, context=context),
                self._settings.stream_places,
            )
            async for response in answered:
                yield response
        finally:
            self._streams -= 1

    async def Verify(self, request: pb.VerifyRequest, context: Context) -> pb.VerifyResponse:  # noqa: N802
        """Original against reconstruction."""
        return await _or_abort(self._pool.run(partial(calls.verify, request)), context)

    async def GetServerInfo(  # noqa: N802
        self, request: pb.GetServerInfoRequest, context: Context
    ) -> pb.GetServerInfoResponse:
        """What this server is."""
        return await _or_abort(self._server_info(), context)

    async def _analyze(
        self, request: pb.AnalyzeRequest, allowed: float, *, patient: bool = False
    ) -> pb.AnalyzeResponse:
        job = Job(allowed)
        work = partial(calls.analyze, self._engine, request, job)
        priority = translate.to_priority(request.priority)
        try:
            async with asyncio.timeout(allowed):
                response = await self._pool.run(work, priority, patient=patient)
        except TimeoutError:
            raise ExpiredError(f"no answer within {max(allowed, 0.0):.3g} s") from None
        finally:
            job.abandon()  # a thread that still works for it stops at its next tile
        size, limit = response.ByteSize(), self._settings.max_message_bytes
        if size > limit:
            raise MessageTooLarge(
                f"the answer has {size} bytes, a message at most {limit}; ask for fewer masks or "
                "hints, or raise the server's max_message_bytes"
            )
        return response

    async def _analyze_item(
        self, item: pb.AnalyzeStreamRequest, context: Context
    ) -> pb.AnalyzeStreamResponse:
        response = pb.AnalyzeStreamResponse(request_id=item.request_id, status=pb.Status())
        try:
            allowed = min(self._allowed(context), _seconds(item))
            answer = await self._analyze(item.request, allowed, patient=True)
            response.analysis.CopyFrom(answer.analysis)
        except Exception as error:  # noqa: BLE001 - the boundary of one item
            response.status.CopyFrom(to_status(error))
        return response

    async def _server_info(self) -> pb.GetServerInfoResponse:
        # on the loop, so that a full queue does not hide it
        return calls.server_info(self._engine, self._settings.max_message_bytes)

    def _allowed(self, context: Context) -> float:
        """Seconds that an answer may take: the caller's, and never more than the server's own."""
        remaining: float | None = context.time_remaining()
        limit = self._settings.max_seconds
        return limit if remaining is None else min(remaining, limit)


def _seconds(item: pb.AnalyzeStreamRequest) -> float:
    if not item.HasField("timeout"):
        return float("inf")
    try:
        return item.timeout.ToTimedelta().total_seconds()
    except (OverflowError, ValueError):
        raise InvalidRequest("timeout: not a duration that can be waited for") from None


async def _or_abort(answer: Coroutine[None, None, R], context: Context) -> R:
    try:
        return await answer
    except Exception as error:  # noqa: BLE001 - the boundary: every failure becomes a status
        await _abort(error, context)
        raise AssertionError("abort returned") from None


async def _abort(error: Exception, context: Context) -> None:
    status = to_status(error)
    metadata = ((STATUS_KEY, status.SerializeToString()),)
    await context.abort(grpc_code(status), status.message, metadata)
