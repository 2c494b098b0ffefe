"""Answers joined with what became of their pictures, as arrays, a row for each answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.data.labelled import Labelled
from riskmask.model.evaluate.bootstrap import Interval, interval
from riskmask.server.decision_bench.answers import Answer

RESAMPLES = 1000
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Share:
    """A share of answers or pictures, and what it rests on.

    Attributes:
        value: in [0, 1]; NaN where there are none.
        interval: 95% bootstrap interval over pictures.
        count, pictures: that it is a share of.
    """

    value: float
    interval: Interval
    count: int
    pictures: int


@dataclass(frozen=True)
class Cohort:
    """Answers, and the fate of their pictures coded uniformly as asked; all arrays are (N,).

    Attributes:
        answers: of the engine.
        picture: number of the picture.
        level: whose rate was asked for.
        judged: whether any region of the picture is judged.
        error: whether it has a high-impact or face error.
        probability: predicted, that it has one; NaN where nobody knows.
        regions: how many areas reach the policy's threshold.
    """

    answers: Sequence[Answer]
    picture: NDArray[np.intp]
    level: NDArray[np.intp]
    judged: Mask
    error: Mask
    probability: NDArray[np.float64]
    regions: NDArray[np.intp]

    def decided(self, decision: str) -> Mask:
        """(N,) bool, the answers of a decision."""
        return np.array([answer.decision == decision for answer in self.answers], bool)

    def of_codec(self, codec: str) -> Mask:
        """(N,) bool, the answers about a codec."""
        return np.array([answer.codec == codec for answer in self.answers], bool)

    def share(self, part: Mask, whole: Mask) -> Share:
        """How many of some answers have a property."""
        return share(self.picture[whole], part[whole])


def join(answers: Mapping[tuple[str, ...], Answer], labelled: Sequence[Labelled]) -> Cohort:
    """The answers about the labelled pictures, those that were given.

    Args:
        answers: by picture, codec and level.
        labelled: pictures by codec.
    """
    numbers = {key: number for number, key in enumerate(dict.fromkeys(r.key for r in labelled))}
    found = [
        (answer, row)
        for row in labelled
        for level in range(len(row.bpp))
        if (answer := answers.get((row.key, row.codec, str(level)))) is not None
    ]
    return Cohort(
        answers=[answer for answer, _ in found],
        picture=np.array([numbers[row.key] for _, row in found], np.intp),
        level=np.array([answer.level for answer, _ in found], np.intp),
        judged=np.array([bool(row.judged) for _, row in found], bool),
        error=np.array([row.has_error(answer.level) for answer, row in found], bool),
        probability=np.array([_known(answer.error_probability) for answer, _ in found], np.float64),
        regions=np.array([answer.regions for answer, _ in found], np.intp),
    )


def _known(probability: float | None) -> float:
    return float("nan") if probability is None else probability


def share(pictures: NDArray[np.intp], part: Mask) -> Share:
    """The share of rows with a property, resampled by picture.

    Args:
        pictures: (R,) number of each row's picture.
        part: (R,) bool.
    """

    def mean(rows: Rows) -> float:
        return float(part[rows].mean())

    return figure(pictures, mean)


def figure(pictures: NDArray[np.intp], statistic: Callable[[Rows], float]) -> Share:
    """Any statistic of rows, resampled by picture; NaN where there are no rows."""
    every = np.arange(len(pictures))
    return Share(
        value=statistic(every) if len(every) else float("nan"),
        interval=interval(pictures, statistic, resamples=RESAMPLES),
        count=len(every),
        pictures=len(np.unique(pictures)),
    )
