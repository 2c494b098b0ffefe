"""SIGTERM while calls are coming in: none that the server has taken may be lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import grpc

from riskmask.server.bench.callers import OK, ask, connected
from riskmask.server.bench.pictures import jpeg, question
from riskmask.server.bench.report import Report
from riskmask.server.bench.service import Service, running_service
from riskmask.v1 import riskmask_pb2 as pb

CALLERS = 8
SIDE = 256
DRAIN_SECONDS = 90
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
MOST_WAIT = 0.5  # seconds between the first answer and the signal


async def measure_stops(cores: frozenset[int], report: Report, times: int) -> None:
    """Adds what became of the calls that a server had taken when it was told to stop.

    A call was taken where the server's request log has a line of it. Calls that come to a server
    which has left end with UNAVAILABLE, and a client may send them to another one.

    Args:
        cores: of the server.
        report: gets the figures.
        times: how many servers are started and stopped.
    """
    draw, request = random.Random(0), question(jpeg(SIDE, SIDE))
    taken = lost = untidy = 0
    ended: Counter[grpc.StatusCode] = Counter()
    for _ in range(times):
        with running_service(cores, "--drain-seconds", str(DRAIN_SECONDS)) as service:
            codes, status = await _stopped(service, request, draw.uniform(0, MOST_WAIT))
            lines = service.request_lines()
        answered = sum(line["reason"] == "OK" for line in lines)
        taken += len(lines)
        # refused by the server after it was taken, or answered and the answer never arrived
        lost += len(lines) - answered + abs(answered - codes[OK])
        ended += codes
        untidy += status != 0
    part = "SIGTERM"
    report.add(part, "servers stopped while they worked", times, "")
    report.hold(part, "calls taken", taken, "", ">=", times)
    report.hold(part, "calls taken and lost", lost, "", "==", 0)
    report.add(part, "calls that came too late", ended.pop(UNAVAILABLE, 0), "")
    del ended[OK]
    report.hold(part, "calls that ended otherwise", ended.total(), "", "==", 0)
    for code, count in ended.items():
        report.add(part, f"ended as {code.name}", count, "")
    report.hold(part, "servers that did not leave with status 0", untidy, "", "==", 0)


async def _stopped(
    service: Service, request: pb.AnalyzeRequest, wait: float
) -> tuple[Counter[grpc.StatusCode], int]:
    """How the calls ended, and the server's exit status."""
    codes: Counter[grpc.StatusCode] = Counter()
    answered = asyncio.Event()

    async def call_until_it_leaves(stub: Any) -> None:
        while True:
            code = (await ask(stub, request)).code
            codes[code] += 1
            answered.set()
            if code is not OK:
                return

    async with connected(service.address, CALLERS) as stubs:
        calling = [asyncio.create_task(call_until_it_leaves(stub)) for stub in stubs]
        await answered.wait()
        await asyncio.sleep(wait)
        status = await asyncio.to_thread(service.stop)
        await asyncio.gather(*calling)
    return codes, status
