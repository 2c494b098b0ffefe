"""``python -m riskmask.server.bench.decoding``: what decoding in another process costs.

The same picture is decoded in this process and in another one, in turn, so that the ratio means
something on any machine.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

import numpy as np
import typer
from PIL import Image

from riskmask.server.decoding.pool import DecodingPool
from riskmask.server.engine.any_image import Decode, decode_here
from riskmask.server.engine.decode import DEFAULT_LIMITS
from riskmask.server.engine.job import Job

FORMATS: Final = ("JPEG", "PNG", "WEBP", "AVIF")
SIDES: Final = (512, 2048)


def picture(container: str, side: int) -> bytes:
    """A file of side x side pixels, neither flat nor noise."""
    coarse = np.random.default_rng(0).integers(0, 256, (side // 16, side // 16, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(file, container)
    return file.getvalue()


def medians(content: bytes, ways: tuple[Decode, Decode], repeats: int) -> tuple[float, float]:
    """Median milliseconds of both ways, in turn, after one round that does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats + 1):
        for way, taken in zip(ways, times, strict=True):
            taken.append(_milliseconds(partial(way, content, DEFAULT_LIMITS, Job())))
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


def _milliseconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def main(
    repeats: Annotated[int, typer.Option(min=1, help="Runs of which the median is taken.")] = 20,
) -> None:
    """Time decoding here beside decoding in another process."""
    pool = DecodingPool(1, DEFAULT_LIMITS)
    try:
        pool.start()
        for container in FORMATS:
            for side in SIDES:
                content = picture(container, side)
                here, apart = medians(content, (decode_here, pool.decode), repeats)
                typer.echo(
                    f"{container} {side}x{side}: here {here:.1f} ms, apart {apart:.1f} ms, "
                    f"{apart / here:.2f} times as long"
                )
    finally:
        pool.close()


if __name__ == "__main__":
    typer.run(main)
