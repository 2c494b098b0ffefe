"""The size at which a uniformly coded picture loses about 30% of its words."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from riskmask.model.encoders.errors import UnreachableSizeError

LOST = 0.3
NEAR = 0.04  # of LOST: good enough to stop
FIT = (0.1, 0.5)  # what still counts as about 30% where few words make large steps
LOWEST_BPP, HIGHEST_BPP = 0.02, 3.0
TRIES = 7  # the last two sizes differ by 4%


@dataclass(frozen=True)
class Coded:
    """A picture coded uniformly.

    Attributes:
        size_bytes: of the file.
        lost: share of the words that it lost, in [0, 1].
    """

    size_bytes: int
    lost: float


@dataclass(frozen=True)
class ChosenSize:
    """The outcome of a search.

    Attributes:
        size_bytes: of the file that lost nearest to 30%; None where none lost about as much.
        tried: every file that was made, in that order.
    """

    size_bytes: int | None
    tried: tuple[Coded, ...]


def find_size(code: Callable[[int], Coded], pixels: int) -> ChosenSize:
    """Bisect over the logarithm of the size, from 0.02 to 3 bits per pixel.

    Args:
        code: codes uniformly at a size in bytes; may raise UnreachableSizeError.
        pixels: of the picture.
    """
    low, high = (math.log(bpp * pixels / 8) for bpp in (LOWEST_BPP, HIGHEST_BPP))
    tried: list[Coded] = []
    for _ in range(TRIES):
        middle = 0.5 * (low + high)
        try:
            coded = code(max(round(math.exp(middle)), 1))
        except UnreachableSizeError as error:
            low = max(middle, math.log(error.smallest))
            if low >= high:
                break
            continue
        tried.append(coded)
        if abs(coded.lost - LOST) <= NEAR:
            break
        if coded.lost > LOST:
            low = middle
        else:
            high = middle
    nearest = min(tried, key=lambda each: abs(each.lost - LOST), default=None)
    fits = nearest is not None and FIT[0] <= nearest.lost <= FIT[1]
    return ChosenSize(nearest.size_bytes if nearest and fits else None, tuple(tried))
