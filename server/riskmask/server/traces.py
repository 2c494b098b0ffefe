"""OpenTelemetry spans: one for a call, one for each item of a stream, one for each stage.

Names follow the semantic conventions for gRPC (opentelemetry.io/docs/specs/semconv/rpc/grpc, a
release candidate); what is riskmask's own begins with ``riskmask.``. They hold numbers and words of
the service: nothing of an image, and of a caller's text only an item's id, escaped as in the log.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, Final
from urllib.parse import unquote

import grpc
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.semconv.attributes import client_attributes as client
from opentelemetry.semconv.attributes import error_attributes as errors
from opentelemetry.semconv.attributes import network_attributes as network
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from riskmask.server.record import Record, escaped
from riskmask.v1 import riskmask_pb2 as pb

# The package opentelemetry-semantic-conventions has these among its unstable names only.
RPC_SYSTEM: Final = "rpc.system.name"
RPC_METHOD: Final = "rpc.method"
RPC_STATUS: Final = "rpc.response.status_code"
# Of a server's span: other codes are a caller's own doing, and no error of the span.
SERVER_ERRORS: Final = frozenset(
    ("UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")
)
_SERVICE: Final = pb.DESCRIPTOR.services_by_name["RiskService"]
# By the path that gRPC calls them by; any other path is a caller's text.
METHODS: Final = {
    f"/{_SERVICE.full_name}/{method.name}": f"{_SERVICE.full_name}/{method.name}"
    for method in _SERVICE.methods
}
FLUSH_SECONDS: Final = 5.0

log = logging.getLogger(__name__)


class Traces:
    """Makes the spans of one server and hands them to a provider's exporters."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("riskmask.server")

    @contextmanager
    def call(self, method: str, metadata: Any, context: Any) -> Iterator[None]:
        """The span of a call, a child of what the caller's metadata name; current inside.

        Args:
            method: its full name, one of :data:`METHODS`.
            metadata: of the call, pairs of key and value.
            context: gRPC's own, asked for peer and status code.
        """
        carrier = {key: value for key, value in metadata or () if isinstance(value, str)}
        span = self._tracer.start_span(
            method,
            context=propagate.extract(carrier),
            kind=SpanKind.SERVER,
            attributes={RPC_SYSTEM: "grpc", RPC_METHOD: method, **_of_peer(context.peer())},
        )
        with trace.use_span(
            span, end_on_exit=True, record_exception=False, set_status_on_exception=False
        ):
            try:
                yield
            except asyncio.CancelledError:
                _end_with(span, "CANCELLED")
                raise
            except BaseException:
                # an abort has set the code; whatever else ends a call is UNKNOWN to gRPC too
                _end_with(span, _name_of(context.code(), otherwise="UNKNOWN"))
                raise
            else:
                _end_with(span, _name_of(context.code(), otherwise="OK"))

    def tell(self, record: Record) -> None:
        """Adds a request that is over to the current call, as a span of its own if it is an item.

        The spans of its stages are children. A stage that nobody waited for has no end of its
        own: it gets the request's, and the attribute ``riskmask.abandoned``.
        """
        span = trace.get_current_span()
        record.trace_id = trace.format_trace_id(span.get_span_context().trace_id)
        stages = () if record.job is None else tuple(record.job.times)
        now = time.perf_counter_ns()
        # stages are measured by a clock that never jumps, spans are told by the calendar's
        calendar = time.time_ns() - now
        if record.is_item:
            span = self._tracer.start_span("item", start_time=record.begun + calendar)
            _end_with(span, record.code)
        span.set_attributes(dict(_of_record(record)))
        parent = trace.set_span_in_context(span)
        for stage in stages:
            ended = stage.ended
            child = self._tracer.start_span(
                stage.stage.value,
                context=parent,
                start_time=stage.begun + calendar,
                attributes={"riskmask.abandoned": True} if ended is None else None,
            )
            child.end((now if ended is None else ended) + calendar)
        if record.is_item:
            span.end(now + calendar)

    def close(self) -> None:
        """Sends what has not been sent; a collector that is away holds nobody up for long."""
        # the SDK's own patience of 30 s cannot be set, and its threads do not outlive the process
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(FLUSH_SECONDS)
        if closing.is_alive():
            log.warning("the last spans were not taken within %.3g s", FLUSH_SECONDS)


class TraceCalls(grpc.aio.ServerInterceptor):
    """Puts each call of the service into a span; health checks and reflection get none."""

    def __init__(self, traces: Traces) -> None:
        self._traces = traces

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The call's own handler, inside of a span."""
        handler = await continuation(handler_call_details)
        method = METHODS.get(str(handler_call_details.method))
        if handler is None or method is None:
            return handler
        metadata = handler_call_details.invocation_metadata
        codecs = handler.request_deserializer, handler.response_serializer

        async def one(request: Any, context: Any) -> Any:
            with self._traces.call(method, metadata, context):
                return await handler.unary_unary(request, context)

        # no generator: one that is left unfinished ends in a context that is not the call's
        async def many(requests: AsyncIterator[Any], context: Any) -> None:
            with self._traces.call(method, metadata, context):
                answers = handler.stream_stream(requests, context)
                if not inspect.isasyncgen(answers):
                    await answers
                    return
                async with aclosing(answers):
                    async for answer in answers:
                        await context.write(answer)

        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(many, *codecs)
        return grpc.unary_unary_rpc_method_handler(one, *codecs)


def _end_with(span: Span, code: str) -> None:
    span.set_attribute(RPC_STATUS, code)
    if code in SERVER_ERRORS:
        span.set_attribute(errors.ERROR_TYPE, code)
        span.set_status(Status(StatusCode.ERROR))


def _name_of(code: Any, *, otherwise: str) -> str:
    """Of a status code as gRPC keeps it: its own object, a number, or 0 and None for not set."""
    if isinstance(code, grpc.StatusCode):
        return code.name
    return next(
        (each.name for each in grpc.StatusCode if code and each.value[0] == code), otherwise
    )


def _of_peer(peer: str) -> dict[str, AttributeValue]:
    kind, _, place = unquote(peer).partition(":")
    if kind == "unix":
        # a client's own socket has the name that it likes
        return {network.NETWORK_TRANSPORT: network.NetworkTransportValues.UNIX.value}
    host, _, port = place.rpartition(":")
    if kind not in ("ipv4", "ipv6") or not port.isdecimal():
        return {}
    host = host.removeprefix("[").removesuffix("]")
    return {
        network.NETWORK_TRANSPORT: network.NetworkTransportValues.TCP.value,
        network.NETWORK_PEER_ADDRESS: host,
        network.NETWORK_PEER_PORT: int(port),
        client.CLIENT_ADDRESS: host,
        client.CLIENT_PORT: int(port),
    }


def _of_record(record: Record) -> Iterator[tuple[str, AttributeValue]]:
    yield "riskmask.reason", record.reason or "OK"
    if record.worker is not None:
        yield "riskmask.worker", record.worker
    if record.request_id:
        yield "riskmask.request_id", escaped(record.request_id)
    if record.job is None:
        return
    yield "riskmask.priority", record.priority
    yield "riskmask.image.bytes", record.image_bytes
    if record.size != (0, 0):
        yield "riskmask.image.width", record.size[0]
        yield "riskmask.image.height", record.size[1]
    if record.decision:
        yield "riskmask.decision", record.decision
    if record.findings is not None:
        yield "riskmask.findings", record.findings
