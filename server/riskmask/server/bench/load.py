"""``python -m riskmask.server.bench.load``: more work than the service can do."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from riskmask.server.bench.cores import Cores, own_cores, split
from riskmask.server.bench.hostile import measure_cancelled, measure_stalled
from riskmask.server.bench.overhead import measure_overhead
from riskmask.server.bench.overload import measure_overload
from riskmask.server.bench.pictures import jpeg, question
from riskmask.server.bench.report import Report, ratio
from riskmask.server.bench.service import Service, running_service

QUEUE = 16  # the service's own default, said to be sure
LONGEST = 20.0  # seconds of any measurement but the overload itself


@dataclass(frozen=True)
class Plan:
    """What is measured, and how long; the names are the command's."""

    seconds: float
    factor: float
    side: int
    megapixels: float
    calls: int
    cancelled: int
    threads: int
    batch_tiles: int

    @property
    def flags(self) -> tuple[str, ...]:
        """Of ``riskmask serve``."""
        numbers = {
            "threads": self.threads,
            "queue": QUEUE,
            "model-threads": 1,
            "batch-tiles": self.batch_tiles,
        }
        return tuple(word for name, each in numbers.items() for word in (f"--{name}", str(each)))


def main(
    seconds: Annotated[float, typer.Option(min=1, help="Of overload.")] = 60.0,
    factor: Annotated[float, typer.Option(min=1, help="Times the capacity is offered.")] = 10.0,
    side: Annotated[int, typer.Option(min=16, help="Of the overload's pictures, in pixels.")] = 512,
    megapixels: Annotated[
        float, typer.Option(min=0.01, help="Of the picture that the engine analyses too.")
    ] = 1.0,
    calls: Annotated[int, typer.Option(min=5, help="Each way, to compare with the engine.")] = 100,
    cancelled: Annotated[int, typer.Option(min=1, help="Calls to cancel.")] = 1000,
    threads: Annotated[int, typer.Option(min=1, help="Of the server.")] = 1,
    batch_tiles: Annotated[int, typer.Option(min=1, help="Of the server.")] = 1,
    out: Annotated[Path | None, typer.Option(help="All figures as JSON.")] = None,
) -> None:
    """Overload a server, compare it with its engine, and be rude to it."""
    if sys.platform != "linux":
        raise typer.BadParameter("holding processes to cores needs Linux")
    plan = Plan(seconds, factor, side, megapixels, calls, cancelled, threads, batch_tiles)
    cores, report = split(own_cores()), Report()
    typer.echo(cores)
    os.sched_setaffinity(0, cores.callers)
    with running_service(cores.server, *plan.flags) as service:
        asyncio.run(_measure(service, cores, report, plan))
    report.show()
    if out is not None:
        report.write(out)
    raise typer.Exit(0 if report.is_met else 1)


async def _measure(service: Service, cores: Cores, report: Report, plan: Plan) -> None:
    request, shorter = question(jpeg(plan.side, plan.side)), min(plan.seconds, LONGEST)
    places = plan.threads + QUEUE
    typer.echo(f"capacity, then {plan.factor:g} times as much for {plan.seconds:g} s")
    await measure_overload(
        service.address,
        request,
        report,
        places=places,
        seconds=plan.seconds,
        capacity_seconds=shorter,
        factor=plan.factor,
    )
    if plan.batch_tiles > 1:
        tiles = service.metric("riskmask_batch_tiles_sum")
        batches = service.metric("riskmask_batch_tiles_count")
        report.add("capacity and overload", "tiles in a batch, mean", ratio(tiles, batches), "")
    typer.echo("the service beside its engine")
    wide = round((plan.megapixels * 1e6) ** 0.5)
    await measure_overhead(
        service.address, cores.server, jpeg(wide, wide), report, calls=plan.calls, seconds=shorter
    )
    typer.echo(f"{plan.cancelled} calls that are cancelled")
    await measure_cancelled(
        service.address,
        request,
        report,
        lambda: service.metric("riskmask_running") + service.metric("riskmask_queue_depth"),
        places=places,
        calls=plan.cancelled,
        seconds=shorter,
    )
    typer.echo("a stream whose answers are not taken")
    await measure_stalled(service.address, request, report, seconds=shorter)


if __name__ == "__main__":
    typer.run(main)
