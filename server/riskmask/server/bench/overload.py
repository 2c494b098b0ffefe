"""Ten times what the service can do: what it still answers, and how soon it says no."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import grpc

from riskmask.server.bench.callers import (
    OK,
    Outcome,
    Phase,
    closed_loop,
    connected,
    open_loop,
    probed,
)
from riskmask.server.bench.report import Report, percentile, ratio
from riskmask.v1 import riskmask_pb2 as pb

CONNECTIONS = 8
PROBE_EVERY = 0.2
GOODPUT, ADMITTED, REJECTION_MS, SENT = 0.75, 2.0, 50.0, 0.9


def is_rejection(outcome: Outcome) -> bool:
    """Refused for now, with the time after which to try again."""
    return outcome.code is grpc.StatusCode.RESOURCE_EXHAUSTED and outcome.says_when


async def measure_overload(
    address: str,
    request: pb.AnalyzeRequest,
    report: Report,
    *,
    places: int,
    seconds: float,
    capacity_seconds: float,
    factor: float,
) -> None:
    """Adds the capacity and what is left of it under overload.

    Capacity and nominal latency are those of a closed loop with as many callers as the service has
    places, so that it is never idle and refuses nobody.

    Args:
        address: of the server.
        request: of every call.
        report: gets the figures.
        places: calls that run and wait.
        seconds: of overload.
        capacity_seconds: of the measurement before.
        factor: how many times the capacity is offered.

    Raises:
        RuntimeError: nothing was answered in the time for the capacity.
    """
    async with connected(address, CONNECTIONS) as stubs:
        alone = await closed_loop(stubs, request, capacity_seconds / 4, callers=1)
        nominal = await closed_loop(stubs, request, capacity_seconds, callers=places)
        if not nominal.goodput:
            raise RuntimeError(f"no answer in {capacity_seconds:g} s; allow more --seconds")
        probes: list[bool] = []
        probing = asyncio.create_task(probed(address, PROBE_EVERY, probes))
        offered = nominal.goodput * factor
        overload = await open_loop(stubs, request, seconds, offered)
        probing.cancel()
        with suppress(asyncio.CancelledError):
            await probing
    _tell_nominal(report, alone, nominal, places)
    _tell_overload(report, nominal, overload, offered)
    report.add("overload", "health checks", len(probes), "")
    report.hold("overload", "failed health checks", probes.count(False), "", "==", 0)


def _tell_nominal(report: Report, alone: Phase, nominal: Phase, places: int) -> None:
    part = "capacity"
    report.add(part, "p50 of a caller who is alone", percentile(alone.seconds(), 50), "ms")
    report.add(part, "callers, one for each place", places, "")
    report.add(part, "capacity", nominal.goodput, "/s")
    report.add(part, "nominal p50", percentile(nominal.seconds(), 50), "ms")
    report.add(part, "nominal p99", percentile(nominal.seconds(), 99), "ms")
    refused = len(nominal.seconds(lambda each: each.code is not OK))
    report.hold(part, "calls refused or failed", refused, "", "==", 0)


def _tell_overload(report: Report, nominal: Phase, overload: Phase, offered: float) -> None:
    part = "overload"
    admitted, rejected = overload.seconds(), overload.seconds(is_rejection)
    failed = len(overload.outcomes) - len(admitted) - len(rejected)
    report.add(part, "calls", len(overload.outcomes), "")
    report.add(part, "offered", offered, "/s")
    in_time = overload.sent_in_time
    report.hold(part, "sent, share of the rate offered", in_time, "", ">=", SENT)
    report.add(part, "lag of the sender, p99", percentile(overload.lags, 99), "ms")
    report.add(part, "calls answered", len(admitted), "")
    report.add(part, "goodput", overload.goodput, "/s")
    kept = ratio(overload.goodput, nominal.goodput)
    report.hold(part, "goodput, share of capacity", kept, "", ">=", GOODPUT)
    report.add(part, "answered p50", percentile(admitted, 50), "ms")
    slowest = percentile(admitted, 99)
    report.add(part, "answered p99", slowest, "ms")
    times = ratio(slowest, percentile(nominal.seconds(), 99))
    report.hold(part, "answered p99, times nominal", times, "", "<=", ADMITTED)
    report.add(part, "calls rejected with a time to retry", len(rejected), "")
    report.hold(part, "rejection p99", percentile(rejected, 99), "ms", "<", REJECTION_MS)
    report.hold(part, "calls that ended otherwise", failed, "", "==", 0)
