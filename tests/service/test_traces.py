"""Traces: a span for each call and item, their stages as children, sent by OTLP to a collector."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp
from opentelemetry.proto.trace.v1 import trace_pb2

from riskmask.client import AsyncClient, Client, DeadlineExceeded, InvalidImage, NotAuthorized
from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server import app, traces
from riskmask.server.engine.engine import Engine
from riskmask.server.settings import load_settings
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

Serving = Callable[..., Any]
Span = trace_pb2.Span

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
FROM_CALLER = (("traceparent", f"00-{TRACE}-{CALLER}-01"),)
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
STAGES = ["queue", "decode", "predict", "post-process"]


class Collector:
    """What was received by OTLP, over gRPC or HTTP."""

    def __init__(self) -> None:
        self.requests: list[otlp.ExportTraceServiceRequest] = []

    def take(self, request: otlp.ExportTraceServiceRequest) -> otlp.ExportTraceServiceResponse:
        self.requests.append(request)
        return otlp.ExportTraceServiceResponse()

    @property
    def resources(self) -> list[dict[str, Any]]:
        return [
            attributes(each.resource)
            for request in self.requests
            for each in request.resource_spans
        ]

    @property
    def spans(self) -> list[Span]:
        """In the order of their begin."""
        found = [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        return sorted(found, key=lambda span: span.start_time_unix_nano)

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def call(self, method: str) -> Span:
        (span,) = self.named(f"riskmask.v1.RiskService/{method}")
        return span

    def under(self, parent: Span) -> list[Span]:
        return [span for span in self.spans if span.parent_span_id == parent.span_id]


def attributes(holder: Any) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in holder.attributes
    }


@pytest.fixture
def over_grpc(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    collector = Collector()
    export = grpc.unary_unary_rpc_method_handler(
        lambda request, _: collector.take(request),
        otlp.ExportTraceServiceRequest.FromString,
        otlp.ExportTraceServiceResponse.SerializeToString,
    )
    service, _, method = EXPORT[1:].partition("/")
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(service, {method: export})]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    yield collector
    server.stop(None).wait()


@pytest.fixture
def over_http(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    collector = Collector()

    class Receive(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            answer = collector.take(otlp.ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer.SerializeToString())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receive)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield collector
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("way", ["over_grpc", "over_http"])
def test_a_call_is_a_span_of_the_callers_trace_and_its_stages_are_children(
    way: str,
    request: pytest.FixtureRequest,
    start_server: Callable[..., Any],
    png: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collector: Collector = request.getfixturevalue(way)
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    before = time.time_ns()
    with (
        start_server("--address", "127.0.0.1:0", "--traces") as running,
        grpc.insecure_channel(running.addresses[0]) as channel,
    ):
        stub: Any = pb_grpc.RiskServiceStub(channel)
        asked = pb.AnalyzeRequest(image=pb.Image(encoded=png))
        stub.Analyze(asked, timeout=60, metadata=FROM_CALLER)
    after = time.time_ns()
    # the server has stopped, and has sent all that it had
    call = collector.call("Analyze")
    assert (call.trace_id.hex(), call.parent_span_id.hex()) == (TRACE, CALLER)
    assert call.kind == Span.SPAN_KIND_SERVER
    assert call.status.code == trace_pb2.Status.STATUS_CODE_UNSET
    told = attributes(call)
    assert told["rpc.system.name"] == "grpc"
    assert told["rpc.method"] == "riskmask.v1.RiskService/Analyze"
    assert told["rpc.response.status_code"] == "OK"
    assert told["network.transport"] == "tcp"
    assert told["client.address"] == told["network.peer.address"] == "127.0.0.1"
    assert told["client.port"] == told["network.peer.port"] > 0
    assert told["riskmask.reason"] == "OK"
    assert (told["riskmask.image.width"], told["riskmask.image.height"]) == (160, 96)
    stages = collector.under(call)
    assert [stage.name for stage in stages] == STAGES
    assert {stage.trace_id for stage in stages} == {call.trace_id}
    times = [call.start_time_unix_nano]
    for stage in stages:
        times += [stage.start_time_unix_nano, stage.end_time_unix_nano]
    times.append(call.end_time_unix_nano)
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= after
    resource = collector.resources[0]
    assert resource["service.name"] == "riskmask"
    assert resource["deployment.environment.name"] == "test"


async def test_each_item_of_a_stream_is_a_span_with_its_own_stages(
    over_grpc: Collector, engine: Engine, png: bytes, serving: Serving, lines: list[str]
) -> None:
    def item(name: str, image: bytes) -> pb.AnalyzeStreamRequest:
        request = pb.AnalyzeRequest(image=pb.Image(encoded=image))
        return pb.AnalyzeStreamRequest(request_id=name, request=request)

    items = [item("good", png), item("bad", b"no image"), item("bátch\n", png)]
    async with (
        serving(engine, traces=True) as (_, address),
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub: Any = pb_grpc.RiskServiceStub(channel)  # type: ignore[arg-type]
        call = stub.AnalyzeStream(iter(items), timeout=60, metadata=FROM_CALLER)
        assert len([answer async for answer in call]) == 3
    stream = over_grpc.call("AnalyzeStream")
    assert attributes(stream)["rpc.response.status_code"] == "OK"
    assert stream.trace_id.hex() == TRACE
    told = {attributes(each)["riskmask.request_id"]: each for each in over_grpc.under(stream)}
    assert set(told) == {"good", "bad", "b\\u00e1tch\\n"}
    assert {each.name for each in told.values()} == {"item"}
    good, bad = told["good"], told["bad"]
    assert [stage.name for stage in over_grpc.under(good)] == STAGES
    assert [stage.name for stage in over_grpc.under(bad)] == ["queue", "decode"]
    assert attributes(good)["riskmask.decision"] in ("RAISE_RATE", "FALLBACK_JPEG", "ENCODE")
    assert attributes(bad)["riskmask.reason"] == "UNSUPPORTED_FORMAT"
    assert attributes(bad)["rpc.response.status_code"] == "INVALID_ARGUMENT"
    for each in told.values():
        assert stream.start_time_unix_nano <= each.start_time_unix_nano
        assert each.end_time_unix_nano <= stream.end_time_unix_nano
    assert [json.loads(line)["trace_id"] for line in lines] == [TRACE] * 3


@pytest.mark.usefixtures("annotators_loaded")
async def test_a_verification_tells_its_own_stages(
    over_grpc: Collector, engine: Engine, png: bytes, serving: Serving
) -> None:
    async with (
        serving(engine, traces=True) as (_, address),
        AsyncClient(address, timeout=120) as client,
    ):
        await client.verify(png, png, annotators=["amplitude"])
    call = over_grpc.call("Verify")
    assert not call.parent_span_id
    assert attributes(call)["riskmask.findings"] == 0
    names = [stage.name for stage in over_grpc.under(call)]
    assert names == ["queue", "decode", "search", "examine", "post-process"]


async def test_nothing_that_a_caller_wrote_is_in_a_span(
    over_grpc: Collector, engine: Engine, png: bytes, serving: Serving
) -> None:
    evil = "evil-\x1b[2J"
    metadata = (("user-agent-x", "evil"), ("baggage", "evil=evil"))
    async with (
        serving(engine, traces=True) as (_, address),
        grpc.aio.insecure_channel(address, (("grpc.primary_user_agent", "evil"),)) as channel,
    ):
        stub: Any = pb_grpc.RiskServiceStub(channel)  # type: ignore[arg-type]
        request = pb.AnalyzeRequest(image=pb.Image(encoded=png), codec=evil)
        with pytest.raises(grpc.aio.AioRpcError, match="evil"):
            await stub.Analyze(request, timeout=60, metadata=metadata)
        unknown = channel.unary_unary("/riskmask.v1.RiskService/Evil")
        with pytest.raises(grpc.aio.AioRpcError):
            await unknown(b"", timeout=60)
    call = over_grpc.call("Analyze")
    assert attributes(call)["riskmask.reason"] == "UNKNOWN_CODEC"
    assert attributes(call)["rpc.response.status_code"] == "INVALID_ARGUMENT"
    # the caller's mistake is no error of the server
    assert call.status.code == trace_pb2.Status.STATUS_CODE_UNSET
    sent = b"".join(request.SerializeToString() for request in over_grpc.requests)
    assert b"evil" not in sent.lower()
    assert png[:8] not in sent


async def test_a_call_without_a_token_is_a_span_and_a_health_check_is_none(
    over_grpc: Collector, engine: Engine, png: bytes, serving: Serving, socket_folder: Path
) -> None:
    tokens = socket_folder / "tokens"
    tokens.write_text("a-token-of-the-test\n")
    address = f"unix:{socket_folder}/traces.sock"
    settings = {"address": (address,), "token_file": tokens, "traces": True}
    server = app.Server(engine, load_settings(**settings))
    await server.start()
    async with AsyncClient(address) as client, grpc.aio.insecure_channel(address) as channel:
        with pytest.raises(NotAuthorized):
            await client.analyze(png)
        health: Any = health_pb2_grpc.HealthStub(channel)
        await health.Check(health_pb2.HealthCheckRequest())
    await server.stop(drain_seconds=0)
    (call,) = over_grpc.spans
    assert call.name == "riskmask.v1.RiskService/Analyze"
    assert attributes(call)["rpc.response.status_code"] == "UNAUTHENTICATED"
    assert attributes(call)["network.transport"] == "unix"


class Gated:
    """A real predictor that waits for a gate, but not while the server warms up."""

    def __init__(self, inner: Predictor) -> None:
        self.name, self.sha256, self.inner = inner.name, inner.sha256, inner
        self.gate, self.asked = threading.Event(), threading.Event()

    def predict(self, image: Any, before_tile: Callable[[], None], priority: int) -> Prediction:
        self.asked.set()
        assert self.gate.wait(60)
        return self.inner.predict(image, before_tile, priority)

    def warm(self) -> None:
        self.inner.warm()


def test_each_of_several_workers_sends_its_spans_and_both_name_it(
    over_grpc: Collector, start_server: Callable[..., Any], socket_folder: Path, png: bytes
) -> None:
    sockets = str(socket_folder / "traced-{worker}.sock")
    with start_server("--workers", "2", "--traces", "--socket", sockets) as running:
        for worker in (0, 1):
            with Client(f"unix:{sockets}".replace("{worker}", str(worker))) as client:
                client.analyze(png, timeout=60)
    calls = over_grpc.named("riskmask.v1.RiskService/Analyze")
    by_trace = {call.trace_id.hex(): attributes(call)["riskmask.worker"] for call in calls}
    assert sorted(by_trace.values()) == [0, 1]
    assert [[stage.name for stage in over_grpc.under(call)] for call in calls] == [STAGES, STAGES]
    written = running.log.read_text().splitlines()
    lines = [json.loads(line) for line in written if line.startswith("{")]
    assert {line["trace_id"]: line["worker"] for line in lines} == by_trace


async def test_a_late_and_a_cancelled_call_show_the_stage_that_nobody_waited_for(
    over_grpc: Collector,
    predictor: Predictor,
    profiles: dict[str, CodecProfile],
    png: bytes,
    serving: Serving,
) -> None:
    gated = Gated(predictor)
    async with (
        serving(Engine(gated, profiles), threads=2, traces=True) as (_, address),
        AsyncClient(address, timeout=60) as client,
    ):
        with pytest.raises(DeadlineExceeded):
            await client.analyze(png, timeout=1)
        gated.asked.clear()
        cancelled = asyncio.create_task(client.analyze(png))
        assert await asyncio.to_thread(gated.asked.wait, 60)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await client.server_info()
        gated.gate.set()
    calls = over_grpc.named("riskmask.v1.RiskService/Analyze")
    codes = [attributes(call)["rpc.response.status_code"] for call in calls]
    assert codes[0] in ("DEADLINE_EXCEEDED", "CANCELLED")  # whichever of both sides is faster
    assert codes[1] == "CANCELLED"
    for call, code in zip(calls, codes, strict=True):
        is_error = call.status.code == trace_pb2.Status.STATUS_CODE_ERROR
        assert is_error == (code == "DEADLINE_EXCEEDED")
        assert attributes(call).get("error.type") == ("DEADLINE_EXCEEDED" if is_error else None)
        *over, predict = over_grpc.under(call)
        assert predict.name == "predict"
        assert attributes(predict) == {"riskmask.abandoned": True}
        assert [attributes(stage) for stage in over] == [{}, {}]


async def test_a_sampler_of_the_environment_is_obeyed(
    over_grpc: Collector,
    engine: Engine,
    png: bytes,
    serving: Serving,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    async with (
        serving(engine, traces=True) as (_, address),
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub: Any = pb_grpc.RiskServiceStub(channel)  # type: ignore[arg-type]
        request = pb.AnalyzeRequest(image=pb.Image(encoded=png))
        await stub.Analyze(request, timeout=60)
        await stub.Analyze(request, timeout=60, metadata=FROM_CALLER)
    assert over_grpc.call("Analyze").trace_id.hex() == TRACE


async def test_a_collector_that_is_away_costs_no_call_and_no_long_stop(
    engine: Engine, png: bytes, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(traces, "FLUSH_SECONDS", 0.5)
    async with serving(engine, traces=True) as (_, address), AsyncClient(address) as client:
        await client.analyze(png)
        with pytest.raises(InvalidImage):
            await client.analyze(b"no image")
        begun = time.monotonic()
    assert time.monotonic() - begun < 5
