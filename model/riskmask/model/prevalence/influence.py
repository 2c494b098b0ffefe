"""What decides a region's fate: shares over ranges of its features, and the rate that is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from riskmask.model.evaluate.bootstrap import Interval, interval
from riskmask.model.prevalence.shares import FEWEST, share_of

# Edges of the ranges, by feature; the first and the last range are open.
RANGES: dict[str, Sequence[float]] = {
    "height": (8, 10, 12, 14, 17, 20, 24, 32, 48),
    "stroke": (1.5, 2, 2.5, 3, 4, 6),
    "contrast": (0.1, 0.2, 0.3, 0.45, 0.6, 0.8),
    "eccentricity": (0.25, 0.4, 0.55, 0.7),
    "texture": (0.5, 1, 2, 4, 8),
}
UNITS = {
    "height": "height, pixels",
    "stroke": "stroke width, pixels",
    "contrast": "contrast of ink and paper",
    "eccentricity": "distance from the picture's middle",
    "texture": "gradient of the surroundings",
}


def share_by_feature(regions: pd.DataFrame, feature: str) -> pd.DataFrame:
    """Share of changed regions over ranges of a feature, by codec and level.

    Ranges with fewer than 30 regions are left out.
    """
    edges = [-np.inf, *RANGES[feature], np.inf]
    labels = range_names(feature)
    ranged = regions.assign(range=pd.cut(regions[feature], edges, right=False, labels=labels))
    shares = share_of(ranged[ranged["range"].notna()], "changed", ["codec", "level", "range"])
    return shares[shares["count"] >= FEWEST].assign(feature=feature)


def range_names(feature: str) -> list[str]:
    """What the ranges of a feature are called, in order."""
    edges = RANGES[feature]
    inner = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return [f"under {edges[0]:g}", *inner, f"{edges[-1]:g} and more"]


@dataclass(frozen=True)
class HalfRate:
    """Rate of the whole picture below which regions are more likely changed than not.

    Attributes:
        bpp: that rate; NaN where the data do not reach it.
        interval: 95%, bootstrap over pictures.
        regions: that it rests on.
    """

    bpp: float
    interval: Interval
    regions: int


def half_rate(regions: pd.DataFrame) -> HalfRate:
    """Fit a logistic curve of changed over log bpp and say where it passes one half."""
    rate = np.log(regions["bpp"].to_numpy(dtype=np.float64))
    changed = regions["changed"].to_numpy(dtype=bool)
    images = pd.factorize(regions["key"])[0].astype(np.intp)

    def crossing(rows: np.ndarray) -> float:  # type: ignore[type-arg]
        if changed[rows].all() or not changed[rows].any():
            return float("nan")
        model = LogisticRegression(C=np.inf).fit(rate[rows, None], changed[rows])
        [slope], intercept = model.coef_[0], model.intercept_[0]
        at = -intercept / slope if slope < 0 else np.inf
        return float(np.exp(at)) if rate.min() <= at <= rate.max() else float("nan")

    every = np.arange(len(regions))
    count = len(regions.drop_duplicates(["key", "region"]))
    return HalfRate(crossing(every), interval(images, crossing), count)
