"""One gRPC server: listens, answers, drains."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from riskmask.server.addresses import Address, check_port_is_free, clear_stale_socket
from riskmask.server.certificates import Certificates
from riskmask.server.engine.engine import Engine
from riskmask.server.errors import StartError
from riskmask.server.loading import load_traces, load_verifier
from riskmask.server.metrics import BatchSizes, Metrics
from riskmask.server.pool import WorkerPool
from riskmask.server.servicer import RiskServicer
from riskmask.server.settings import ServerSettings
from riskmask.server.tokens import RequireToken, TokenFile
from riskmask.server.verification.verifier import Verifier
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from riskmask.server.decoding.pool import DecodingPool
    from riskmask.server.traces import Traces

SERVICE = pb.DESCRIPTOR.services_by_name["RiskService"].full_name
SOCKET_MODE = 0o660

PING_STRIKES = 2  # pings that may come too early until a client is sent away
# Until a caller has read an answer and the call that it sends next has arrived.
TURNAROUND_SECONDS = 0.2
SPARE_CALLS = 32  # health checks, reflection, and requests on their way to being refused


class Server:
    """One gRPC server over one engine. Make it and use it in one event loop.

    Args:
        engine: that answers.
        settings: of the server.
        verifier: that answers verifications; the one that the settings name unless given.
        batches: what the engine tells the sizes of its batches; the metrics show them.
        decoding: the processes that engine and verifier decode in, if any; the server starts and
            ends them.

    Attributes:
        bound: the addresses it listens on, free ports filled in; empty before :meth:`start`.
        metrics: what it counts.
    """

    def __init__(
        self,
        engine: Engine,
        settings: ServerSettings,
        verifier: Verifier | None = None,
        batches: BatchSizes | None = None,
        decoding: DecodingPool | None = None,
    ) -> None:
        self._settings = settings
        verifier = verifier or load_verifier(settings)
        self._traces = load_traces(settings)
        self._pool = WorkerPool(settings.threads, settings.queue)
        self.metrics = Metrics(self._pool, engine.model, batches or BatchSizes())
        self._decoding = decoding
        if decoding is not None:
            decoding.on_loss = self.metrics.count_lost_decoder
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            interceptors=interceptors(settings, self._traces),
            options=_options(settings),
            # Messages are received before the queue sees them, so their number needs an end too.
            maximum_concurrent_rpcs=settings.threads
            + settings.queue
            + settings.max_streams
            + SPARE_CALLS,
        )
        self._servicer = RiskServicer(
            engine, verifier, self._pool, settings, self.metrics, self._traces
        )
        pb_grpc.add_RiskServiceServicer_to_server(self._servicer, self._server)
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

        One of several workers warms up first.

        Raises:
            StartError: an address is taken or cannot be had, or decoding processes do not start;
                nothing is left listening.
            AssetError: the model failed.
        """
        await self._say(health_pb2.HealthCheckResponse.NOT_SERVING)
        try:
            if self._decoding is not None:
                await asyncio.to_thread(self._decoding.start)
            if self._is_worker:  # one that is not ready must draw no calls from the others
                await asyncio.to_thread(self._servicer.engine.warm)
            self.bound = tuple(self._listen(address) for address in self._settings.addresses)
            if self._settings.metrics_port is not None:
                self.metrics.serve(self._settings.metrics_port, self._settings.metrics_address)
            await self._server.start()
            for address in self.bound:
                if address.path is not None:
                    address.path.chmod(SOCKET_MODE)
            if not self._is_worker:
                await asyncio.to_thread(self._servicer.engine.warm)
        except BaseException:
            await self.stop(drain_seconds=0)
            raise
        await self._say(health_pb2.HealthCheckResponse.SERVING)

    def install(self, engine: Engine) -> None:
        """Calls from now on are answered by this engine; those accepted before keep theirs."""
        self._servicer.engine = engine
        self.metrics.name_model(engine.model)

    async def stop(self, drain_seconds: float | None = None) -> None:
        """Says NOT_SERVING, takes no new calls, waits for those it has, leaves."""
        seconds = self._settings.drain_seconds if drain_seconds is None else drain_seconds
        await self._say(health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._take_leave(seconds)
        await self._pool.close()
        if self._decoding is not None:
            await asyncio.to_thread(self._decoding.close)
        await asyncio.to_thread(self.metrics.close)
        if self._traces is not None:
            await asyncio.to_thread(self._traces.close)

    async def _take_leave(self, seconds: float) -> None:
        """Tells every client that no further call is taken, and waits for those that are.

        gRPC ends a call with CANCELLED that is on its way while its client is told, as if somebody
        had wanted that, and a client does not send such a call again. Many callers send the next
        call on an answer: with answers held back for a moment theirs have all arrived before, or
        are sent after and to another server.
        """
        try:
            if seconds:
                self._servicer.end_streams()
                self._servicer.hold_answers()
                await asyncio.sleep(TURNAROUND_SECONDS)
            leaving = asyncio.create_task(self._server.stop(seconds))
            await asyncio.sleep(0)  # it has told the clients by its first wait
        finally:
            self._servicer.release_answers()
        await leaving

    @property
    def _is_worker(self) -> bool:
        return self._settings.workers > 1

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
        if not self._is_worker:
            check_port_is_free(address)
        tls = certificates(self._settings)
        if tls is None:
            port = self._bind(address, lambda: self._server.add_insecure_port(str(address)))
        else:
            credentials = tls.credentials()
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
        grace = settings.max_connection_age_grace_seconds or settings.max_seconds
        age = [
            ("grpc.max_connection_age_ms", settings.max_connection_age_seconds * 1000),
            ("grpc.max_connection_age_grace_ms", round(grace * 1000)),
        ]
    return [
        *age,
        ("grpc.keepalive_time_ms", settings.keepalive_seconds * 1000),
        ("grpc.keepalive_timeout_ms", settings.keepalive_timeout_seconds * 1000),
        # gRPC 1.85 lets a client go by this time alone, a minute unless told otherwise.
        ("grpc.http2.ping_timeout_ms", settings.keepalive_timeout_seconds * 1000),
        # Otherwise a client that vanished between two calls is never asked, and one that pings
        # between its calls may do so every two hours only.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", settings.min_ping_seconds * 1000),
        ("grpc.http2.max_ping_strikes", PING_STRIKES),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_message_bytes),
        # where workers do not mean to share, a second server would silently take half of the calls
        ("grpc.so_reuseport", int(settings.workers > 1)),
    ]


def certificates(settings: ServerSettings) -> Certificates | None:
    """For TLS, where these settings want it.

    Raises:
        StartError: the files cannot be used.
    """
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return Certificates(settings.tls_cert, settings.tls_key, settings.tls_client_ca)


def interceptors(
    settings: ServerSettings, traces: Traces | None
) -> list[grpc.aio.ServerInterceptor]:
    """What a call passes before it reaches the servicer.

    The first one is asked first, so that a refused call has its span too.

    Raises:
        StartError: the token file cannot be used.
    """
    passed: list[grpc.aio.ServerInterceptor] = []
    if traces is not None:
        from riskmask.server.traces import TraceCalls

        passed.append(TraceCalls(traces))
    if settings.token_file is not None:
        passed.append(RequireToken(TokenFile(settings.token_file)))
    return passed
