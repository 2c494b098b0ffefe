"""What an annotator made of pairs: precision, recall, kinds, with their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import Finding, KindName
from riskmask.model.data.planes import cells_of
from riskmask.model.plants.pairs import Pair

ON_PLANT = 0.25  # share of a finding's cells that must lie on the plant
_SLACK = 2  # cells around a plant that still count as its place


@dataclass(frozen=True)
class Outcome:
    """What one annotator said of one pair.

    Attributes:
        annotator: its name.
        planted_for: name of the annotator that the plant was made for; None on harmless pairs.
        what: what was planted; how it was copied, on harmless pairs.
        truth: kind of the plant; None on harmless pairs.
        kind: of the finding that covers most of the plant; None where none is on it.
        elsewhere: number of findings that are not on the plant.
    """

    annotator: str
    planted_for: str | None
    what: str
    truth: KindName | None
    kind: KindName | None
    elsewhere: int


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    @property
    def value(self) -> float:
        """NaN where there is nothing to share."""
        return self.part / self.whole if self.whole else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval (Wilson, JASA 22, 1927); NaN where there is nothing to share."""
        if not self.whole:
            return float("nan"), float("nan")
        z, n, p = 1.959964, self.whole, self.value
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(middle - half, 0.0), min(middle + half, 1.0)


@dataclass(frozen=True)
class Score:
    """One annotator on its own plants and on the harmless pairs.

    Attributes:
        recall: plants with a finding on them.
        precision: plants found, of these and the findings that are on no plant.
        kind: plants found whose finding has the right kind.
    """

    recall: Share
    precision: Share
    kind: Share


def outcome_of(annotator: str, pair: Pair, findings: Sequence[Finding]) -> Outcome:
    """Lay findings over the plant of their pair."""
    size = pair.original.shape[0], pair.original.shape[1]
    if pair.plant is None:
        return Outcome(annotator, None, pair.copy, None, None, len(findings))
    place = _widened(pair.plant.mask)
    best: tuple[int, KindName | None] = (0, None)
    elsewhere = 0
    for finding in findings:
        cells = cells_of(finding, size)
        common = int((cells & place).sum())
        if common < ON_PLANT * cells.sum():
            elsewhere += 1
        elif common > best[0]:
            best = common, finding.kind
    return Outcome(
        annotator, pair.plant.annotator, pair.plant.what, pair.plant.kind, best[1], elsewhere
    )


def score(annotator: str, outcomes: Iterable[Outcome]) -> Score:
    """Sum up; what it says of other annotators' plants does not count."""
    own = [o for o in outcomes if o.annotator == annotator and o.planted_for in (annotator, None)]
    plants = [o for o in own if o.truth is not None]
    found = [o for o in plants if o.kind is not None]
    false = sum(o.elsewhere for o in own)
    return Score(
        recall=Share(len(found), len(plants)),
        precision=Share(len(found), len(found) + false),
        kind=Share(sum(o.kind == o.truth for o in found), len(found)),
    )


def _widened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    side = 2 * _SLACK + 1
    return cv2.dilate(mask.astype(np.uint8), np.ones((side, side), dtype=np.uint8)).astype(bool)
