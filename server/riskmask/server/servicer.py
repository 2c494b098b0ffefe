"""The contract over gRPC: takes messages to worker threads and brings answers back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import grpc

from riskmask.server import calls, translate
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.errors import AbandonedError, ExpiredError
from riskmask.server.engine.job import Job
from riskmask.server.errors import (
    InvalidRequest,
    MessageTooLarge,
    ServiceError,
    ShuttingDown,
    TooManyStreams,
)
from riskmask.server.metrics import Metrics
from riskmask.server.places import Places
from riskmask.server.pool import WorkerPool
from riskmask.server.record import Record
from riskmask.server.request_size import check_size, size_of
from riskmask.server.settings import ServerSettings
from riskmask.server.status import grpc_code, to_status, trailers
from riskmask.server.streams import Until, map_bounded
from riskmask.server.verification.verifier import Verifier
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from riskmask.server.traces import Traces

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
LONGEST_ID = 1024  # characters of an item's request_id

R = TypeVar("R")
A = TypeVar("A", pb.AnalyzeResponse, pb.VerifyResponse)


class RiskServicer(pb_grpc.RiskServiceServicer):
    """riskmask.v1.RiskService.

    Attributes:
        engine: answers; may be exchanged at any time, each call keeps the one that it began with.
    """

    def __init__(
        self,
        engine: Engine,
        verifier: Verifier,
        pool: WorkerPool,
        settings: ServerSettings,
        metrics: Metrics,
        traces: Traces | None = None,
    ) -> None:
        self.engine = engine
        self._verifier = verifier
        self._pool = pool
        self._settings = settings
        self._metrics = metrics
        self._traces = traces
        self._streams = 0
        most = settings.max_analyses  # without a limit the queue alone is one
        self._analyses = Places("Analyze", most, settings.threads) if most else None
        self._verifications = Places("Verify", settings.verifications, settings.threads)
        self._may_answer = asyncio.Event()
        self._may_answer.set()
        self._leaving = asyncio.Event()

    def end_streams(self) -> None:
        """From now on no stream is read; each ends once what was read of it is answered."""
        self._leaving.set()

    def hold_answers(self) -> None:
        """From now on unary calls are worked on, and none of them is told its outcome."""
        self._may_answer.clear()

    def release_answers(self) -> None:
        """Tells the outcomes that were held, and later ones at once again."""
        self._may_answer.set()

    async def Analyze(self, request: pb.AnalyzeRequest, context: Context) -> pb.AnalyzeResponse:  # noqa: N802
        """One image."""
        record = Record("Analyze", context.peer())
        answer = self._analyze(request, record, self._allowed(context), self._analyses)
        del request  # gRPC keeps this frame of an aborted call until Python looks for cycles
        return await self._or_abort(record, answer, context)

    async def AnalyzeStream(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.AnalyzeStreamRequest], context: Context
    ) -> AsyncIterator[pb.AnalyzeStreamResponse]:
        """Many images; each one's failure is its own."""
        if self._streams >= self._settings.max_streams:
            refusal = self._refuse(TooManyStreams(self._settings.max_streams))
            await self._or_abort(Record("AnalyzeStream", context.peer()), refusal, context)
        self._streams += 1
        try:
            items = Until(request_iterator, self._leaving)
            answered = map_bounded(
                items,
                partial(self._analyze_item, context=context),
                self._settings.stream_places,
            )
            async for response in answered:
                yield response
            if items.was_cut:
                refusal = self._refuse(
                    ShuttingDown(
                        "the server is stopping; send what has no answer yet over another stream"
                    )
                )
                await self._or_abort(Record("AnalyzeStream", context.peer()), refusal, context)
        finally:
            self._streams -= 1

    async def Verify(self, request: pb.VerifyRequest, context: Context) -> pb.VerifyResponse:  # noqa: N802
        """Original against reconstruction."""
        record = Record("Verify", context.peer())
        answer = self._verify(request, record, self._allowed(context))
        del request  # as in Analyze
        return await self._or_abort(record, answer, context)

    async def GetServerInfo(  # noqa: N802
        self, request: pb.GetServerInfoRequest, context: Context
    ) -> pb.GetServerInfoResponse:
        """What this server is."""
        record = Record("GetServerInfo", context.peer())
        return await self._or_abort(record, self._server_info(request), context)

    async def _analyze(
        self,
        request: pb.AnalyzeRequest,
        record: Record,
        allowed: float,
        places: Places | None = None,
        *,
        patient: bool = False,
    ) -> pb.AnalyzeResponse:
        record.image_bytes = size_of(request.image)
        check_size(request, self._settings.limits, image=request.image)
        job = record.job = Job(allowed)
        work = partial(calls.analyze, self.engine, request, job)
        response = await self._work(
            work, request.priority, record, job, allowed, places, patient=patient
        )
        facts = response.analysis.image
        record.size = (facts.width, facts.height)
        record.decision = translate.decision_name(response.analysis.decision)
        return response

    async def _verify(
        self, request: pb.VerifyRequest, record: Record, allowed: float
    ) -> pb.VerifyResponse:
        images = {"original": request.original, "reconstruction": request.reconstruction}
        record.image_bytes = size_of(*images.values())
        check_size(request, self._settings.limits, **images)
        job = record.job = Job(allowed)
        work = partial(calls.verify, self._verifier, request, job)
        response = await self._work(
            work, request.priority, record, job, allowed, self._verifications
        )
        record.size = (response.original.width, response.original.height)
        record.findings = len(response.findings)
        return response

    async def _work(
        self,
        work: Callable[[], A],
        priority: int,
        record: Record,
        job: Job,
        allowed: float,
        places: Places | None = None,
        *,
        patient: bool = False,
    ) -> A:
        """The answer of a worker thread, in time and no larger than a message may be."""
        queue = translate.to_priority(priority)
        record.priority, job.priority = queue.name.lower(), queue
        try:
            async with asyncio.timeout(allowed) as clock:
                response = await self._pool.run(work, queue, patient=patient, places=places)
        except TimeoutError:
            if not clock.expired():  # what worked has raised one of its own
                raise
            raise ExpiredError(
                f"no answer within {max(allowed, 0.0):.3g} s; allow more, or send less"
            ) from None
        finally:
            job.abandon()  # a thread that still works for it stops at its next step
        size, limit = response.ByteSize(), self._settings.max_message_bytes
        if size > limit:
            raise MessageTooLarge(
                f"the answer has {size} bytes, a message at most {limit}; ask for fewer masks, "
                "hints or annotators, or raise the server's max_message_bytes"
            )
        return response

    async def _analyze_item(
        self, item: pb.AnalyzeStreamRequest, context: Context
    ) -> pb.AnalyzeStreamResponse:
        # The longest id still tells which item it was, and a reply stays as small as its answer.
        known = item.request_id[:LONGEST_ID]
        response = pb.AnalyzeStreamResponse(request_id=known, status=pb.Status())
        peer = context.peer()
        record = Record("AnalyzeStream", peer, request_id=known, is_item=True)
        try:
            answer = await self._watch(record, self._item_answer(item, record, context))
            response.analysis.CopyFrom(answer.analysis)
        except _Failed as failed:
            response.status.CopyFrom(failed.status)
        return response

    async def _item_answer(
        self, item: pb.AnalyzeStreamRequest, record: Record, context: Context
    ) -> pb.AnalyzeResponse:
        if len(item.request_id) > LONGEST_ID:
            raise InvalidRequest(f"request_id: at most {LONGEST_ID} characters")
        allowed = min(self._allowed(context), _seconds(item))
        return await self._analyze(item.request, record, allowed, patient=True)

    async def _server_info(self, request: pb.GetServerInfoRequest) -> pb.GetServerInfoResponse:
        check_size(request, self._settings.limits)
        # on the loop, so that a full queue does not hide it
        return calls.server_info(self.engine, self._verifier, self._settings.max_message_bytes)

    async def _refuse(self, error: ServiceError) -> None:
        raise error

    def _allowed(self, context: Context) -> float:
        """Seconds that an answer may take: the caller's, and never more than the server's own."""
        remaining: float | None = context.time_remaining()
        limit = self._settings.max_seconds
        return limit if remaining is None else min(remaining, limit)

    async def _or_abort(
        self, record: Record, answer: Coroutine[None, None, R], context: Context
    ) -> R:
        try:
            response = await self._watch(record, answer)
        except _Failed as failed:
            await self._may_answer.wait()
            status = failed.status
        else:
            await self._may_answer.wait()
            return response
        await context.abort(grpc_code(status), status.message, trailers(status))
        raise AssertionError("abort returned")

    async def _watch(self, record: Record, answer: Coroutine[None, None, R]) -> R:
        """The answer; its outcome goes into the metrics and the log.

        Raises:
            _Failed: with what the caller is told.
        """
        try:
            return await answer
        except asyncio.CancelledError:
            record.reason = AbandonedError.reason
            record.code = grpc.StatusCode.CANCELLED.name
            raise
        except Exception as error:  # noqa: BLE001 - the boundary: every failure becomes a status
            status = to_status(error)
            record.reason = status.reason
            record.code = grpc_code(status).name
            raise _Failed(status) from None
        finally:
            record.worker = self._settings.worker_number
            self._metrics.count(record)
            if self._traces is not None:
                self._traces.tell(record)
            record.write()


class _Failed(Exception):  # noqa: N818 - carries a status and no more
    def __init__(self, status: pb.Status) -> None:
        super().__init__(status.message)
        self.status = status


def _seconds(item: pb.AnalyzeStreamRequest) -> float:
    if not item.HasField("timeout"):
        return float("inf")
    try:
        return item.timeout.ToTimedelta().total_seconds()
    except (OverflowError, ValueError):
        raise InvalidRequest("timeout: not a duration that can be waited for") from None
