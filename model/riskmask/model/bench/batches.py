"""What it does to the time of a tile that several go through the network together."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from riskmask.model.bench.methods import open_session
from riskmask.model.runtime.contract import INPUT
from riskmask.model.runtime.tiles import LENGTHS

SIDES = LENGTHS[::8]  # of square tiles: 256, 512 and so on to 1536 pixels
BATCHES = (1, 2, 4, 8)


def time_batches(detector: Path, threads: int, repeats: int) -> Iterator[tuple[int, int, float]]:
    """Side of a square tile, number of tiles and median milliseconds of each tile, for every pair.

    Args:
        detector: its ONNX file.
        threads: of ONNX Runtime.
        repeats: runs of which the median is taken, after one that does not count.
    """
    session = open_session(detector, threads)
    noise = np.random.default_rng(0).integers(0, 256, (SIDES[-1], SIDES[-1], 3), np.uint8)
    for side in SIDES:
        for tiles in BATCHES:
            batch = np.stack([noise[:side, :side]] * tiles)
            times = []
            for _ in range(repeats + 1):
                started = time.perf_counter()
                session.run(None, {INPUT: batch})
                times.append((time.perf_counter() - started) * 1000)
            yield side, tiles, statistics.median(times[1:]) / tiles
