"""``python -m riskmask.server.bench.soak``: all sorts of images for a long time, and many stops."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from riskmask.server.bench.cores import own_cores, split
from riskmask.server.bench.memory import Minute, measure_memory
from riskmask.server.bench.report import Report
from riskmask.server.bench.service import running_service
from riskmask.server.bench.stopping import measure_stops

WARM_SHARE = 0.1  # of the time: ONNX Runtime and the allocator take what they will keep


def main(
    minutes: Annotated[float, typer.Option(min=0.05, help="That images are sent for.")] = 30.0,
    every: Annotated[float, typer.Option(min=1, help="Seconds of a row of the curve.")] = 60.0,
    stops: Annotated[int, typer.Option(min=1, help="Servers that are stopped at work.")] = 20,
    out: Annotated[Path | None, typer.Option(help="All figures as JSON.")] = None,
) -> None:
    """Watch a server's memory, then stop servers while they work."""
    if sys.platform != "linux":
        raise typer.BadParameter("reading the server's memory needs Linux")
    cores, report = split(own_cores()), Report()
    typer.echo(cores)
    os.sched_setaffinity(0, cores.callers)
    typer.echo("minutes  memory held     most  calls  not as meant")
    seconds = minutes * 60
    with running_service(cores.server, "--model-threads", "1") as service:
        memory = measure_memory(
            service,
            report,
            seconds=seconds,
            every=every,
            warm=max(1, round(seconds * WARM_SHARE / every)),
            tell=_tell,
        )
        asyncio.run(memory)
    typer.echo(f"{stops} servers that are stopped while they work")
    asyncio.run(measure_stops(cores.server, report, stops))
    report.show()
    if out is not None:
        report.write(out)
    raise typer.Exit(0 if report.is_met else 1)


def _tell(minute: Minute) -> None:
    calls = f"{minute.answers:5}  {minute.surprises:12}"
    memory = f"{minute.held:8.1f} MB  {minute.most:6.1f}"
    typer.echo(f"{minute.seconds / 60:7.1f}  {memory}  {calls}")


if __name__ == "__main__":
    typer.run(main)
