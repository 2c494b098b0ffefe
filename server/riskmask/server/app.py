"""The server process: listens, answers, drains, leaves."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from riskmask.server.addresses import Address, check_port_is_free, clear_stale_socket
from riskmask.server.certificates import Certificates
from riskmask.server.engine.engine import Engine
from riskmask.server.errors import StartError
from riskmask.server.metrics import Metrics
from riskmask.server.pool import WorkerPool
from riskmask.server.servicer import RiskServicer
from riskmask.server.settings import ServerSettings
from riskmask.server.tokens import RequireToken, TokenFile
from riskmask.server.verification.availability import AnnotatorFiles
from riskmask.server.verification.verifier import Verifier
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from riskmask.server.traces import Traces

SERVICE = pb.DESCRIPTOR.services_by_name["RiskService"].full_name
SOCKET_MODE = 0o660

log = logging.getLogger(__name__)


SHORTEST_PING_MS = 10_000
SPARE_CALLS = 32  # health checks, reflection, and requests on their way to being refused


class Server:
    """One gRPC server over one engine. Make it and use it in one event loop.

    Attributes:
        bound: the addresses it listens on, free ports filled in; empty before :meth:`start`.
        metrics: what it counts.
    """

    def __init__(
        self, engine: Engine, settings: ServerSettings, verifier: Verifier | None = None
    ) -> None:
        self._settings = settings
        self._engine = engine
        verifier = verifier or load_verifier(settings)
        self._traces = load_traces(settings)
        self._pool = WorkerPool(settings.threads, settings.queue)
        self.metrics = Metrics(self._pool, engine.model)
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            interceptors=_interceptors(settings, self._traces),
            options=_options(settings),
            # Messages are received before the queue sees them, so their number needs an end too.
            maximum_concurrent_rpcs=settings.threads
            + settings.queue
            + settings.max_streams
            + SPARE_CALLS,
        )
        pb_grpc.add_RiskServiceServicer_to_server(
            RiskServicer(engine, verifier, self._pool, settings, self.metrics, self._traces),
            self._server,
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            (
                SERVICE,
                health_pb2.DESCRIPTOR.services_by_name["Health"].full_name,
                reflection.SERVICE_NAME,
            ),
            self._server,
        )
        self.bound: tuple[Address, ...] = ()

    async def start(self) -> None:
        """Listens on every address, warms the model up, then says SERVING.

        Raises:
            StartError: an address is taken or cannot be had; nothing is left listening.
            AssetError: the model failed.
        """
        await self._say(health_pb2.HealthCheckResponse.NOT_SERVING)
        try:
            self.bound = tuple(self._listen(address) for address in self._settings.addresses)
            if self._settings.metrics_port is not None:
                self.metrics.serve(self._settings.metrics_port, self._settings.metrics_address)
            await self._server.start()
            for address in self.bound:
                if address.path is not None:
                    address.path.chmod(SOCKET_MODE)
            await asyncio.to_thread(self._engine.warm)
        except BaseException:
            await self.stop(drain_seconds=0)
            raise
        await self._say(health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, drain_seconds: float | None = None) -> None:
        """Says NOT_SERVING, takes no new calls, waits for those it has, leaves."""
        seconds = self._settings.drain_seconds if drain_seconds is None else drain_seconds
        await self._say(health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._server.stop(seconds)
        await self._pool.close()
        await asyncio.to_thread(self.metrics.close)
        if self._traces is not None:
            await asyncio.to_thread(self._traces.close)

    async def _say(self, status: Any) -> None:
        for service in ("", SERVICE):
            await self._health.set(service, status)

    def _listen(self, address: Address) -> Address:
        if address.path is not None:
            clear_stale_socket(address.path)
            # between bind and chmod nobody else may connect either
            umask = os.umask(0o777 & ~SOCKET_MODE)
            try:
                self._bind(address, lambda: self._server.add_insecure_port(str(address)))
            finally:
                os.umask(umask)
            return address
        check_port_is_free(address)
        certificates = _certificates(self._settings)
        if certificates is None:
            port = self._bind(address, lambda: self._server.add_insecure_port(str(address)))
        else:
            credentials = certificates.credentials()
            port = self._bind(
                address, lambda: self._server.add_secure_port(str(address), credentials)
            )
        return Address(host=address.host, port=port)

    def _bind(self, address: Address, add_port: Callable[[], int]) -> int:
        try:
            port = add_port()
        except RuntimeError:
            port = 0
        if port == 0:
            raise StartError(
                f"address {address}: cannot listen there; is the port taken, "
                "or the address another machine's?"
            )
        return port


def _options(settings: ServerSettings) -> list[tuple[str, Any]]:
    age: list[tuple[str, Any]] = []
    if settings.max_connection_age_seconds:
        age = [
            ("grpc.max_connection_age_ms", settings.max_connection_age_seconds * 1000),
            ("grpc.max_connection_age_grace_ms", round(settings.max_seconds * 1000)),
        ]
    return [
        *age,
        ("grpc.keepalive_time_ms", settings.keepalive_seconds * 1000),
        ("grpc.keepalive_timeout_ms", settings.keepalive_timeout_seconds * 1000),
        # a client that pings more often than every ten seconds is sent away
        ("grpc.http2.min_ping_interval_without_data_ms", SHORTEST_PING_MS),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_message_bytes),
        # otherwise a second server on the same port silently takes half of the calls
        ("grpc.so_reuseport", 0),
    ]


def _certificates(settings: ServerSettings) -> Certificates | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return Certificates(settings.tls_cert, settings.tls_key, settings.tls_client_ca)


def _interceptors(
    settings: ServerSettings, traces: Traces | None
) -> list[grpc.aio.ServerInterceptor]:
    """The first one is asked first, so that a refused call has its span too."""
    interceptors: list[grpc.aio.ServerInterceptor] = []
    if traces is not None:
        from riskmask.server.traces import TraceCalls

        interceptors.append(TraceCalls(traces))
    if settings.token_file is not None:
        interceptors.append(RequireToken(TokenFile(settings.token_file)))
    return interceptors


async def serve(
    engine: Engine, settings: ServerSettings, ready: Callable[[Server], None] = lambda _: None
) -> None:
    """Runs a server until SIGTERM or SIGINT; calls ``ready`` once it listens."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    server = Server(engine, settings)
    await server.start()
    ready(server)
    await stopping.wait()
    log.info("stopping: waiting up to %.0f s for calls in flight", settings.drain_seconds)
    await server.stop()


def run(settings: ServerSettings, ready: Callable[[Server], None] = lambda _: None) -> None:
    """Loads the engine and serves until told to stop.

    Raises:
        StartError: an address cannot be had.
        AssetError: the model or a codec profile cannot be used.
    """
    asyncio.run(serve(load_engine(settings), settings, ready))


def check(settings: ServerSettings) -> Engine:
    """Does everything that a start does but listen; the engine, which has answered.

    Raises:
        StartError: certificates, tokens or the exporter of traces cannot be used.
        AssetError: the model, a codec profile or a file of the annotators cannot be used.
    """
    _certificates(settings)
    traces = load_traces(settings)
    _interceptors(settings, traces)
    if traces is not None:
        traces.close()
    engine = load_engine(settings)
    engine.warm()
    load_verifier(settings).warm()
    return engine


def load_engine(settings: ServerSettings) -> Engine:
    """The engine that these settings name.

    Raises:
        AssetError: the model or a codec profile cannot be used.
    """
    return Engine.default(
        model=settings.model,
        profiles=settings.profiles,
        threads=settings.model_threads,
        limits=settings.limits,
    )


def load_verifier(settings: ServerSettings) -> Verifier:
    """What these settings let a server verify; loads nothing yet."""
    return Verifier(
        AnnotatorFiles(settings.face_detector, settings.icons),
        limits=settings.limits,
        threads=settings.model_threads,
    )


def load_traces(settings: ServerSettings) -> Traces | None:
    """What makes spans, or None where they are off; OpenTelemetry is imported only if they are on.

    Raises:
        StartError: the extra is not installed, or the environment asks for what it does not have.
    """
    if not settings.traces:
        return None
    try:
        from riskmask.server.trace_export import provider_from_environment
        from riskmask.server.traces import Traces
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] != "opentelemetry":
            raise
        raise StartError(f"traces: needs {missing.name}: pip install 'riskmask[otel]'") from None
    except ValueError as error:
        # OpenTelemetry loads the propagators that OTEL_PROPAGATORS names while it is imported
        raise StartError(f"traces: OTEL_PROPAGATORS: {error}") from None
    return Traces(provider_from_environment())
