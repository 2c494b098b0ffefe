"""Whether a server's memory stays where it is while all sorts of images go through."""

from __future__ import annotations

import asyncio
import math
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from riskmask.server.bench.callers import CALL_SECONDS, ask, connected
from riskmask.server.bench.pictures import Question, mixture
from riskmask.server.bench.report import Report
from riskmask.server.bench.service import Service

CALLERS = 4
GROWTH_MB = 100.0
SAMPLE_SECONDS = 1.0
IMPATIENT = 0.1  # share of calls whose caller allows next to no time
HASTE = (0.01, 0.5)  # seconds, at random between these
MB = 1e6


@dataclass(frozen=True)
class Minute:
    """One row of the curve.

    Attributes:
        seconds: from the start to its end.
        held: memory of the server in MB, the median over the row: what it keeps.
        most: the most in it, which depends on the images that met.
        answers: calls that ended as they were meant to.
        surprises: calls that did not.
    """

    seconds: float
    held: float
    most: float
    answers: int
    surprises: int


async def measure_memory(
    service: Service,
    report: Report,
    *,
    seconds: float,
    every: float,
    warm: int,
    tell: Callable[[Minute], None],
) -> None:
    """Adds how much the server's memory grows once it is warm.

    Args:
        service: the server.
        report: gets the figures.
        seconds: that images are sent for.
        every: seconds of one row of the curve.
        warm: rows that belong to the warm-up; the last of them is the one to compare with.
        tell: gets each row once it is complete.
    """
    ended: Counter[str] = Counter()
    minutes: list[Minute] = []
    questions = mixture()
    async with connected(service.address, CALLERS) as stubs:
        begun = time.perf_counter()
        calling = [
            asyncio.create_task(_send(stub, questions, seed, ended, begun + seconds))
            for seed, stub in enumerate(stubs)
        ]
        while time.perf_counter() < begun + seconds:
            before, end = ended.copy(), time.perf_counter() + every
            resident = await _resident(service, min(end, begun + seconds))
            since = ended - before
            surprises = since.total() - since["as meant"]
            elapsed = time.perf_counter() - begun
            held, most = statistics.median(resident), max(resident)
            minutes.append(Minute(elapsed, held, most, since["as meant"], surprises))
            tell(minutes[-1])
        await asyncio.gather(*calling)
    unknown = Minute(0, math.nan, math.nan, 0, 0)
    part, (settled, *later) = "memory", minutes[warm - 1 :] or [unknown]
    report.add(part, "calls that ended as they were meant to", ended.pop("as meant", 0), "")
    report.hold(part, "calls that did not", ended.total(), "", "==", 0)
    for surprise, count in sorted(ended.items()):
        report.add(part, surprise, count, "")
    report.add(part, "at the end of the warm-up", settled.most, "MB")
    most = max((minute.most for minute in later), default=math.nan)
    report.add(part, "most after it", most, "MB")
    report.hold(part, "growth", most - settled.most, "MB", "<", GROWTH_MB)
    held = max((minute.held for minute in later), default=math.nan)
    report.hold(part, "growth of what is kept", held - settled.held, "MB", "<", GROWTH_MB)


async def _send(
    stub: Any, questions: Sequence[Question], seed: int, ended: Counter[str], until: float
) -> None:
    draw = random.Random(seed)
    while time.perf_counter() < until:
        question = draw.choice(questions)
        hasty = draw.random() < IMPATIENT
        timeout = draw.uniform(*HASTE) if hasty else CALL_SECONDS
        code = (await ask(stub, question.request, timeout)).code
        late = hasty and code is grpc.StatusCode.DEADLINE_EXCEEDED
        as_meant = code is question.expected or late
        ended["as meant" if as_meant else f"{question.name}: {code.name}"] += 1


async def _resident(service: Service, until: float) -> list[float]:
    seen = [service.resident_bytes() / MB]
    while (left := until - time.perf_counter()) > 0:
        await asyncio.sleep(min(SAMPLE_SECONDS, left))
        seen.append(service.resident_bytes() / MB)
    return seen
