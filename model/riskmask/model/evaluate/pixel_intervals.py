"""Intervals of the pixels' average precision, over millions of pixels.

Sorting them for each resample would take hours. So each picture's pixels are counted once in bins
of score, and a resample adds up the counts of its pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.evaluate.bootstrap import Interval, interval

# Bins of equal mass, of all pixels and of those that changed: fine where precision is decided.
QUANTILES = 2048


@dataclass(frozen=True)
class BinnedScores:
    """A method's scores of N pictures in B bins, the highest first.

    Attributes:
        changed, every: (N, B) int64, pixels of each picture in each bin.
    """

    changed: NDArray[np.int64]
    every: NDArray[np.int64]

    @classmethod
    def of(
        cls, truth: Sequence[NDArray[np.bool_]], scores: Sequence[NDArray[np.float32]]
    ) -> BinnedScores:
        """Count pixels.

        Args:
            truth: (P,) for each picture, whether each of its pixels changed.
            scores: (P,) likewise, what the method says of it.
        """
        shares = np.linspace(0, 1, QUANTILES + 1)
        pooled, true = np.concatenate(scores), np.concatenate(truth)
        parts = [part for part in (pooled, pooled[true]) if len(part)]
        edges = np.unique([np.quantile(part, shares, method="lower") for part in parts])
        bins = [np.searchsorted(edges, each, side="right") for each in scores]
        length = len(edges) + 1
        return cls(
            np.array([_counts(b[t], length) for b, t in zip(bins, truth, strict=True)]),
            np.array([_counts(b, length) for b in bins]),
        )

    def precision(self, weights: NDArray[np.intp]) -> float:
        """Average precision where each picture counts so often; NaN where all or none changed.

        Args:
            weights: (N,) int.
        """
        changed, every = weights @ self.changed, weights @ self.every
        found = np.cumsum(changed)
        if found[-1] in (0, every.sum()):
            return float("nan")
        precision = found / np.maximum(np.cumsum(every), 1)
        return float((changed * precision).sum() / found[-1])


def pixel_interval(
    truth: Sequence[NDArray[np.bool_]],
    own: Sequence[NDArray[np.float32]],
    other: Sequence[NDArray[np.float32]],
    seed: int,
) -> Interval:
    """95% bootstrap interval over pictures of one method's pixel AP minus another's.

    Args:
        truth: (P,) for each picture, whether each of its pixels changed.
        own, other: (P,) likewise, what the methods say of it.
        seed: of the resamples.
    """
    mine, theirs = BinnedScores.of(truth, own), BinnedScores.of(truth, other)

    def difference(pictures: NDArray[np.intp]) -> float:
        weights = np.bincount(pictures, minlength=len(truth))
        return mine.precision(weights) - theirs.precision(weights)

    return interval(np.arange(len(truth)), difference, seed)


def _counts(bins: NDArray[np.intp], length: int) -> NDArray[np.int64]:
    return np.bincount(bins, minlength=length)[::-1].astype(np.int64)
