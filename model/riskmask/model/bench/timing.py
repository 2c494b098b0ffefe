"""Several methods timed on the same pictures, in turn, so that their ratios mean something."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

Pixels = NDArray[np.uint8]


class Method(Protocol):
    """Something that can be run on a picture."""

    @property
    def name(self) -> str:
        """As it stands in the table."""
        ...

    def prepare(self, image: Pixels) -> Callable[[], object]:
        """The call that is timed, on an (H, W, 3) uint8 RGB picture."""
        ...


@dataclass(frozen=True)
class Speed:
    """What one method took.

    Attributes:
        name: of the method.
        seconds: (P,) float64, for each picture the median over the repeats.
        pixels: (P,) int, width x height of each picture.
    """

    name: str
    seconds: NDArray[np.float64]
    pixels: NDArray[np.intp]

    @property
    def milliseconds(self) -> float:
        """Per picture, in the mean."""
        return float(self.seconds.mean() * 1000)

    @property
    def megapixels_per_second(self) -> float:
        """Of all pictures, one after the other."""
        return float(self.pixels.sum() / self.seconds.sum() / 1e6)

    def ratio(self, other: Speed) -> float:
        """How many times as long as the other this takes for all pictures."""
        return float(self.seconds.sum() / other.seconds.sum())

    def and_then(self, other: Speed) -> Speed:
        """Both on each picture, one after the other."""
        return Speed(f"{self.name} + {other.name}", self.seconds + other.seconds, self.pixels)


def time_methods(
    methods: Sequence[Method], pictures: Sequence[Pixels], repeats: int
) -> dict[str, Speed]:
    """Time methods on pictures; by name.

    Methods take turns on each picture, so that whatever else the machine does meets all of them.
    The first run of each on each picture does not count.

    Args:
        methods: with names of their own.
        pictures: (H, W, 3) uint8 RGB each, at least one.
        repeats: runs of which the median is taken, at least 1.
    """
    taken = np.empty((len(methods), len(pictures)))
    for column, picture in enumerate(tqdm(pictures, desc="timing", unit="picture")):
        calls = [method.prepare(picture) for method in methods]
        for row, times in enumerate(_in_turn(calls, repeats)):
            taken[row, column] = statistics.median(times)
    pixels = np.array([picture.shape[0] * picture.shape[1] for picture in pictures])
    return {
        method.name: Speed(method.name, seconds, pixels)
        for method, seconds in zip(methods, taken, strict=True)
    }


def _in_turn(calls: Sequence[Callable[[], object]], repeats: int) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in calls]
    for round_number in range(repeats + 1):
        for call, own in zip(calls, times, strict=True):
            started = time.perf_counter()
            call()
            if round_number:
                own.append(time.perf_counter() - started)
    return times
