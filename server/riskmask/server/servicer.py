"""The contract over gRPC: takes messages to worker threads and brings answers back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from functools import partial
from typing import Any, TypeAlias, TypeVar

import grpc

from riskmask.server import calls
from riskmask.server.engine.engine import Engine
from riskmask.server.errors import DeadlinePassed, InvalidRequest, MessageTooLarge
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

    async def Analyze(self, request: pb.AnalyzeRequest, context: Context) -> pb.AnalyzeResponse:  # noqa: N802
        """One image."""
        return await _or_abort(self._analyze(request), context)

    async def AnalyzeStream(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.AnalyzeStreamRequest], context: Context
    ) -> AsyncIterator[pb.AnalyzeStreamResponse]:
        """Many images; each one's failure is its own."""
        places = self._settings.stream_places
        async for response in map_bounded(request_iterator, self._analyze_item, places):
            yield response

    async def Verify(self, request: pb.VerifyRequest, context: Context) -> pb.VerifyResponse:  # noqa: N802
        """Original against reconstruction."""
        return await _or_abort(self._pool.run(partial(calls.verify, request)), context)

    async def GetServerInfo(  # noqa: N802
        self, request: pb.GetServerInfoRequest, context: Context
    ) -> pb.GetServerInfoResponse:
        """What this server is."""
        return await _or_abort(self._server_info(), context)

    async def _analyze(self, request: pb.AnalyzeRequest) -> pb.AnalyzeResponse:
        response = await self._pool.run(partial(calls.analyze, self._engine, request))
        size, limit = response.ByteSize(), self._settings.max_message_bytes
        if size > limit:
            raise MessageTooLarge(
                f"the answer has {size} bytes, a message at most {limit}; ask for fewer masks or "
                "hints, or raise the server's max_message_bytes"
            )
        return response

    async def _analyze_item(self, item: pb.AnalyzeStreamRequest) -> pb.AnalyzeStreamResponse:
        response = pb.AnalyzeStreamResponse(request_id=item.request_id, status=pb.Status())
        try:
            async with asyncio.timeout(_seconds(item)):
                answer = await self._analyze(item.request)
            response.analysis.CopyFrom(answer.analysis)
        except TimeoutError:
            late = DeadlinePassed("no answer within this item's own timeout")
            response.status.CopyFrom(to_status(late))
        except Exception as error:  # noqa: BLE001 - the boundary of one item
            response.status.CopyFrom(to_status(error))
        return response

    async def _server_info(self) -> pb.GetServerInfoResponse:
        # on the loop, so that a full queue does not hide it
        return calls.server_info(self._engine, self._settings.max_message_bytes)


def _seconds(item: pb.AnalyzeStreamRequest) -> float | None:
    if not item.HasField("timeout"):
        return None
    try:
        return item.timeout.ToTimedelta().total_seconds()
    except (OverflowError, ValueError):
        raise InvalidRequest("timeout: not a duration that can be waited for") from None


async def _or_abort(answer: Coroutine[None, None, R], context: Context) -> R:
    try:
        return await answer
    except Exception as error:  # noqa: BLE001 - the boundary: every failure becomes a status
        status = to_status(error)
        metadata = ((STATUS_KEY, status.SerializeToString()),)
        await context.abort(grpc_code(status), status.message, metadata)
        raise AssertionError("abort returned") from None
