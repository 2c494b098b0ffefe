"""What a detector worth using has to reach, and what one reaches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan

from riskmask.model.evaluate.bootstrap import Interval
from riskmask.model.evaluate.groups import FEWEST, Group, Part
from riskmask.model.evaluate.precision import UNKNOWN, own_and_best
from riskmask.model.evaluate.rates import RateErrors

RECALL = {"text": 0.90, "symbol": 0.85, "face": 0.85, "small": 0.80}


@dataclass(frozen=True)
class Bar:
    """One figure beside what it has to be.

    Attributes:
        name: what is measured.
        wanted: in words.
        value: NaN where it is not defined, as the rank of a map that is the same everywhere; then
            it is missed.
        interval: 95% bootstrap interval over images, NaN where there is none.
        met: None where fewer than 200 regions of the sort were judged, or nothing stands behind it.
    """

    name: str
    wanted: str
    value: float
    interval: Interval
    met: bool | None


def held_against(group: Group, rates: RateErrors | None) -> list[Bar]:
    """Every bar, with the figures of one group of pictures.

    Args:
        group: measured.
        rates: of whole images; None where no streams were written.
    """
    bars = [*_precision(group), *_recall(group)]
    safety, enough = group.safety, group.safety.regions >= FEWEST
    for name, figure, wanted, met in (
        (
            "Spearman of predicted and true safe level",
            safety.rank,
            "at least 0.7",
            safety.rank.value >= 0.7,
        ),
        (
            "expected calibration error",
            safety.calibration,
            "at most 0.07",
            safety.calibration.value <= 0.07,
        ),
        ("Brier skill", safety.skill, "at least 0.3", safety.skill.value >= 0.3),
    ):
        bars.append(Bar(name, wanted, figure.value, figure.interval, met if enough else None))
    if rates is not None:
        median = rates.median
        bars.append(
            Bar(
                "relative error of an image's predicted bpp, median",
                "at most 0.10",
                median,
                UNKNOWN,
                median <= 0.10,
            )
        )
    return bars


def _precision(group: Group) -> Iterator[Bar]:
    for row in group.rows:
        if row.contested:
            own, _, best = own_and_best(row.region)
            yield Bar(
                f"region AP above the best baseline's, level {row.level}",
                "at least 0.15",
                own - best,
                row.region_interval,
                own - best >= 0.15 if row.regions >= FEWEST else None,
            )
    # Where all or no regions change there is no such interval.
    changed = [
        row
        for row in group.rows
        if round(row.changed * row.regions) >= FEWEST and not isnan(row.region_interval[0])
    ]
    if changed:
        low = min(changed, key=lambda row: row.region_interval[0])
        levels = ", ".join(str(row.level) for row in changed)
        yield Bar(
            f"lower bound of that difference, least of levels {levels}",
            "above 0",
            low.region_interval[0],
            UNKNOWN,
            low.region_interval[0] > 0,
        )


def _recall(group: Group) -> Iterator[Bar]:
    for name, wanted in RECALL.items():
        parts = [part for part in group.parts if part.name == name]
        if parts:
            low = min(parts, key=lambda part: part.recall[_own(part)].value)
            figure = low.recall[_own(low)]
            yield Bar(
                f"recall of {name} within twice the area, least of the contested levels "
                f"({low.level}, {low.changed} changed)",
                f"at least {wanted:.2f}",
                figure.value,
                figure.interval,
                figure.value >= wanted if low.regions >= FEWEST else None,
            )


def _own(part: Part) -> str:
    return next(iter(part.recall))
