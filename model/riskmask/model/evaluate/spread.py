"""Fewer pictures than there are, without those of one source alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def evenly_spread(items: Sequence[T], number: int | None) -> list[T]:
    """So many of the items, in their order and at even distances; all where there are no more.

    Args:
        items: by key, so that those of one source stand together.
        number: at least 1; None for all.
    """
    if number is None or number >= len(items):
        return list(items)
    return [items[int(place)] for place in (np.arange(number) + 0.5) * len(items) / number]
