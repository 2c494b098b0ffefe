"""What the service costs beside the engine that it is made of, on the same cores."""

from __future__ import annotations

import tempfile
from pathlib import Path

from riskmask.server.bench.callers import CALL_SECONDS, OK, ask, closed_loop, connected
from riskmask.server.bench.in_process import running_engine
from riskmask.server.bench.pictures import question
from riskmask.server.bench.report import Report, percentile, ratio

ROUND = 5  # calls in one process before it is the other's turn, so that both see the same machine
ROUND_SECONDS = 5.0  # the same for throughput
CALLERS = 8
LATENCY, THROUGHPUT = 1.15, 0.8


async def measure_overhead(
    address: str, cores: frozenset[int], image: bytes, report: Report, *, calls: int, seconds: float
) -> None:
    """Adds the median of a call and the throughput, over the socket and in process.

    Args:
        address: of a server on these cores.
        cores: of the engine in process.
        image: a file that both analyse.
        report: gets the figures.
        calls: of which the medians are taken.
        seconds: that throughput is measured for, each way.
    """
    rounds = max(1, round(seconds / ROUND_SECONDS))
    over, within = list[float](), list[float]()
    answered = answered_seconds = done = done_seconds = 0.0
    with tempfile.NamedTemporaryFile() as file:
        file.write(image)
        file.flush()
        async with connected(address, CALLERS) as stubs:
            with running_engine(cores, Path(file.name)) as engine:
                for _ in range(2):  # the first ones do not count
                    engine.calls(1)
                    await ask(stubs[0], question(image))
                for _ in range(max(1, calls // ROUND)):
                    within += engine.calls(ROUND)
                    for _ in range(ROUND):
                        outcome = await ask(stubs[0], question(image), CALL_SECONDS)
                        if outcome.code is OK:
                            over.append(outcome.seconds)
                for _ in range(rounds):
                    several, taken = engine.throughput(seconds / rounds)
                    done, done_seconds = done + several, done_seconds + taken
                    phase = await closed_loop(
                        stubs, question(image), seconds / rounds, CALLERS, settle=False
                    )
                    # to the last answer, as in process: a call that is cut off would count as none
                    end = max(each.ended for each in phase.outcomes)
                    answered += sum(each.code is OK for each in phase.outcomes)
                    answered_seconds += end - phase.begun
    part = "overhead"
    report.add(part, "image", len(image) / 1000, "kB")
    report.add(part, "calls each way", len(within), "")
    report.add(part, "in process, median", percentile(within, 50), "ms")
    report.add(part, "over the socket, median", percentile(over, 50), "ms")
    times = ratio(percentile(over, 50), percentile(within, 50))
    report.hold(part, "over the socket, times in process", times, "", "<=", LATENCY)
    alone, served = ratio(done, done_seconds), ratio(answered, answered_seconds)
    report.add(part, "in process", alone, "/s")
    report.add(part, f"{CALLERS} callers over the socket", served, "/s")
    share = ratio(served, alone)
    report.hold(part, "over the socket, share of in process", share, "", ">=", THROUGHPUT)
