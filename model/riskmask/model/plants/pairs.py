"""A planted change: two pictures, and what was done to make the second out of the first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.areas import cell_means
from riskmask.model.annotators.base import KindName, KnownRegion

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Plant:
    """A change whose truth is known.

    Attributes:
        annotator: name of the one that must find it.
        what: in a word or two, the row of the tables that it counts in.
        kind: what happens.
        mask: (ceil(H/4), ceil(W/4)) bool, the cells where it is.
    """

    annotator: str
    what: str
    kind: KindName
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class Pair:
    """An original and an altered picture of the same size.

    Attributes:
        key: says where it comes from; the same key is the same pair.
        original, altered: (H, W, 3) uint8 RGB.
        regions: what an annotator may know of the original.
        plant: what was changed; None where nothing semantic was.
        copy: how the altered picture was copied besides.
    """

    key: str
    original: Pixels
    altered: Pixels
    regions: tuple[KnownRegion, ...]
    plant: Plant | None
    copy: str


def cells_over(weight: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """Cells of the stride-4 grid whose mean weight is at or over a threshold; (H, W) float32."""
    return np.asarray(cell_means(weight) >= threshold)
