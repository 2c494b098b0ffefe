"""Callers that go away in the middle, and one that takes no answers: what others notice of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

from riskmask.server.bench.callers import CALL_SECONDS, ask, closed_loop, connected
from riskmask.server.bench.pictures import jpeg, with_everything
from riskmask.server.bench.report import Report, percentile, ratio
from riskmask.v1 import riskmask_pb2 as pb

CONNECTIONS = 4
OTHERS = 2
CAPACITY_LEFT, TIMES_SLOWER = 0.9, 1.2
IDLE_SECONDS = 30.0
STALLED_SECONDS, STALLED_CALLS = 3.0, 20  # a write that is not taken for both has to wait
# as little as HTTP/2 allows is kept for a reader who does not come
NARROW = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_535))
MOST_ITEMS = 1000
MOST_SENT = 20  # calls for each that is to be cancelled


async def measure_cancelled(
    address: str,
    request: pb.AnalyzeRequest,
    report: Report,
    occupied: Callable[[], float],
    *,
    places: int,
    calls: int,
    seconds: float,
) -> None:
    """Adds the capacity before and after calls that were cancelled at random moments.

    Args:
        address: of the server.
        request: of every call.
        report: gets the figures.
        occupied: places of the server that are taken now.
        places: calls that run and wait.
        calls: to cancel before they are answered or refused.
        seconds: of each measurement of the capacity.
    """
    draw = random.Random(0)
    async with connected(address, CONNECTIONS) as stubs:
        before = await closed_loop(stubs, request, seconds, places)
        typical = percentile(before.seconds(), 50) / 1000
        sent = cancelled = 0

        async def go_away(stub: Any) -> None:
            nonlocal sent, cancelled
            # Where others go away calls wait less, so some are answered before they are cancelled.
            while cancelled < calls and sent < MOST_SENT * calls:
                sent += 1
                call = asyncio.create_task(ask(stub, request))
                await asyncio.wait([call], timeout=draw.uniform(0, typical))
                cancelled += call.cancel()
                await asyncio.wait([call])

        callers = [go_away(stubs[number % CONNECTIONS]) for number in range(places)]
        await asyncio.gather(*callers)
        taken = await _places_that_stay_taken(occupied)
        after = await closed_loop(stubs, request, seconds, places)
    part = "cancelled"
    report.add(part, "calls", sent, "")
    report.hold(part, "cancelled before their answer", cancelled, "", ">=", calls)
    report.hold(part, "places that stay taken", taken, "", "==", 0)
    report.add(part, "capacity before", before.goodput, "/s")
    report.add(part, "capacity after", after.goodput, "/s")
    share = ratio(after.goodput, before.goodput)
    report.hold(part, "capacity after, share of before", share, "", ">=", CAPACITY_LEFT)


async def measure_stalled(
    address: str, request: pb.AnalyzeRequest, report: Report, *, seconds: float
) -> None:
    """Adds the p99 of callers beside a stream whose answers are not taken, and without it.

    Args:
        address: of the server.
        request: of the others' calls.
        report: gets the figures.
        seconds: of each of the three measurements.
    """
    item = pb.AnalyzeStreamRequest(request=with_everything(jpeg(256, 256)))
    async with connected(address, OTHERS) as stubs, connected(address, 1, *NARROW) as (ignoring,):
        before = await closed_loop(stubs, request, seconds, OTHERS)
        stream = ignoring.AnalyzeStream(timeout=10 * CALL_SECONDS + 3 * seconds)
        sent, write = await _written_until_stalled(
            stream,
            item,
            max(STALLED_SECONDS, STALLED_CALLS * percentile(before.seconds(), 50) / 1000),
        )
        during = await closed_loop(stubs, request, seconds, OTHERS)
        stalled = not write.done()
        stream.cancel()
        await asyncio.wait([write])
        after = await closed_loop(stubs, request, seconds, OTHERS)
    part = "stream that is not read"
    slow = [percentile(phase.seconds(), 99) for phase in (before, during, after)]
    report.add(part, "images sent until it stood still", sent, "")
    report.hold(part, "stood still to the end", stalled, "", "==", 1)
    for name, value in zip(("before", "beside it", "after"), slow, strict=True):
        report.add(part, f"others' p99 {name}", value, "ms")
    noise = ratio(max(slow[0], slow[2]), min(slow[0], slow[2]))
    report.add(part, "p99 without it, slower over faster", noise, "")
    times = ratio(slow[1], max(slow[0], slow[2]))
    report.hold(part, "p99 beside it, times without", times, "", "<=", TIMES_SLOWER)


async def _places_that_stay_taken(occupied: Callable[[], float]) -> float:
    """How many, at last: an analysis that nobody waits for ends at its next step."""
    end = asyncio.get_running_loop().time() + IDLE_SECONDS
    while (taken := await asyncio.to_thread(occupied)) and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.1)
    return taken


async def _written_until_stalled(
    stream: Any, item: pb.AnalyzeStreamRequest, patience: float
) -> tuple[int, asyncio.Task[None]]:
    """How many items the server took, and the write that it does not take."""
    for sent in range(MOST_ITEMS):
        # a write that is cancelled would end the call, so it is left alone
        write = asyncio.create_task(stream.write(item))
        await asyncio.wait([write], timeout=patience)
        if not write.done():
            return sent, write
        write.result()
    return MOST_ITEMS, write
