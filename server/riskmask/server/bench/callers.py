"""Callers of a server: each waits for its answer, or calls come whether or not any are answered."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc

from riskmask.server.status import STATUS_KEY
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

CALL_SECONDS = 60.0
PROBE_SECONDS = 1.0  # what Kubernetes allows a probe unless told otherwise
OK = grpc.StatusCode.OK

OPTIONS = (
    ("grpc.default_authority", "localhost"),
    # otherwise all channels of a process to one address share one connection
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_send_message_length", 72 << 20),
    ("grpc.max_receive_message_length", 72 << 20),
)


@dataclass(frozen=True)
class Outcome:
    """One call that is over.

    Attributes:
        begun: on the clock of ``time.perf_counter``, in seconds.
        seconds: until it was over.
        code: of gRPC.
        says_when: whether a refusal says when to try again.
    """

    begun: float
    seconds: float
    code: grpc.StatusCode
    says_when: bool = False

    @property
    def ended(self) -> float:
        """On the same clock as ``begun``."""
        return self.begun + self.seconds


@dataclass(frozen=True)
class Phase:
    """What came of the calls between two moments.

    Attributes:
        begun, ended: on the clock of ``time.perf_counter``.
        outcomes: of all calls that began between the two, also where they ended later.
        lags: seconds by which calls were sent later than they were due; of an open loop.
    """

    begun: float
    ended: float
    outcomes: tuple[Outcome, ...]
    lags: tuple[float, ...] = ()

    @property
    def goodput(self) -> float:
        """Answers a second between the two moments."""
        done = sum(each.code is OK and each.ended <= self.ended for each in self.outcomes)
        return done / (self.ended - self.begun)

    @property
    def sent_in_time(self) -> float:
        """Share of the rate at which calls were due that they were sent at; of an open loop.

        NaN without any call.
        """
        if not self.outcomes:
            return math.nan
        last = max(each.begun for each in self.outcomes)
        return (self.ended - self.begun) / max(self.ended - self.begun, last - self.begun)

    def seconds(
        self, accept: Callable[[Outcome], bool] = lambda each: each.code is OK
    ) -> list[float]:
        """How long the calls took that are accepted; those that were answered unless told."""
        return [each.seconds for each in self.outcomes if accept(each)]


@asynccontextmanager
async def connected(
    address: str, connections: int, *options: tuple[str, int]
) -> AsyncIterator[list[Any]]:
    """Stubs of the service, each over a connection of its own with these options too."""
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(
                grpc.aio.insecure_channel(address, (*OPTIONS, *options))
            )
            for _ in range(connections)
        ]
        yield [pb_grpc.RiskServiceStub(cast(Any, channel)) for channel in channels]


async def ask(stub: Any, request: pb.AnalyzeRequest, timeout: float = CALL_SECONDS) -> Outcome:
    """One call."""
    begun = time.perf_counter()
    try:
        await stub.Analyze(request, timeout=timeout)
    except grpc.aio.AioRpcError as error:
        metadata: Any = error.trailing_metadata() or ()
        whole = dict(metadata).get(STATUS_KEY)
        says_when = whole is not None and pb.Status.FromString(whole).HasField("retry_delay")
        return Outcome(begun, time.perf_counter() - begun, error.code(), says_when)
    return Outcome(begun, time.perf_counter() - begun, OK)


async def closed_loop(
    stubs: Sequence[Any],
    request: pb.AnalyzeRequest,
    seconds: float,
    callers: int,
    *,
    settle: bool = True,
) -> Phase:
    """Callers that each send their next call when the one before is over.

    Args:
        stubs: over which they call, in turn.
        request: of every call.
        seconds: that they go on for.
        callers: how many.
        settle: whether each has one answer before, which does not count.
    """
    outcomes: list[Outcome] = []

    async def call_until(stub: Any, end: float) -> None:
        while time.perf_counter() < end:
            outcomes.append(await ask(stub, request))

    own = [stubs[number % len(stubs)] for number in range(callers)]
    if settle:
        await asyncio.gather(*(ask(stub, request) for stub in own))
    begun = time.perf_counter()
    await asyncio.gather(*(call_until(stub, begun + seconds) for stub in own))
    return Phase(begun, begun + seconds, tuple(outcomes))


async def open_loop(
    stubs: Sequence[Any], request: pb.AnalyzeRequest, seconds: float, per_second: float
) -> Phase:
    """Calls at random moments (a Poisson process), whatever becomes of the ones before.

    Args:
        stubs: over which the calls go, in turn.
        request: of every call.
        seconds: that new calls are sent for; all are waited for.
        per_second: how many calls a second on average.
    """
    draw = np.random.default_rng(0)
    calls: list[asyncio.Task[Outcome]] = []
    lags: list[float] = []
    begun = due = time.perf_counter()
    while (due := due + float(draw.exponential(1 / per_second))) < begun + seconds:
        # also where it is due already: the calls under way need their turn
        await asyncio.sleep(max(due - time.perf_counter(), 0.0))
        lags.append(max(time.perf_counter() - due, 0.0))
        calls.append(asyncio.create_task(ask(stubs[len(calls) % len(stubs)], request)))
    outcomes = await asyncio.gather(*calls)
    return Phase(begun, begun + seconds, tuple(outcomes), tuple(lags))


async def probed(address: str, every: float, probes: list[bool]) -> None:
    """Asks for the health over and over until cancelled, as a probe of Kubernetes does.

    Args:
        address: of the server.
        every: seconds between two probes.
        probes: gets for each probe whether the answer was SERVING, in time.
    """
    async with grpc.aio.insecure_channel(address, OPTIONS) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        while True:
            probes.append(await _serves(stub))
            await asyncio.sleep(every)


async def _serves(stub: Any) -> bool:
    question = health_pb2.HealthCheckRequest()
    try:
        answer = await stub.Check(question, timeout=PROBE_SECONDS)
    except grpc.aio.AioRpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
