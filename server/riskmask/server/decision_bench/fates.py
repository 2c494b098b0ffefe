"""What became of the pictures that were coded for real, by the rule of the labels.

Once a region has changed gravely at a level, it counts as wrong at every coarser one: what has
become illegible there is not cured. So of a coded picture a region is in error that changes and
whose change is grave, or is grave by the labels at some level: with hints and at a safe rate the
level differs from place to place or lies between two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from riskmask.model.data.labelled import Labelled
from riskmask.server.decision_bench.coding import REFERENCE
from riskmask.server.decision_bench.record import HINTED, RAISED, UNIFORM, Coding, Run, place_of


@dataclass(frozen=True)
class BothWays:
    """A picture coded uniformly, and with hints at the same bytes where these suffice.

    Attributes:
        picture, level: which; ``decision`` is the engine's.
        labelled: whether the labels say that it has an error when coded uniformly.
        uniform, hinted: whether it has one, coded anew; the latter is None where there is no file
            with the hints, which cost bytes of their own, at the bytes of uniform coding.
    """

    picture: str
    level: int
    decision: str
    labelled: bool
    uniform: bool
    hinted: bool | None


@dataclass(frozen=True)
class Raised:
    """A picture coded at the rate that the engine calls safe.

    Attributes:
        picture: which.
        error: whether it has an error.
        size_bytes, jpeg_bytes: of its file, and of the JPEG that the reply advises.
    """

    picture: str
    error: bool
    size_bytes: int
    jpeg_bytes: int


def both_ways(run: Run, labelled: Mapping[str, Labelled]) -> list[BothWays]:
    """All pictures that were to be coded both ways, but for those that the encoder refused.

    Args:
        run: what was coded.
        labelled: what the labels say of the reference codec, by picture.
    """
    found = []
    for coding in run.codings.all():
        row = labelled.get(coding.picture)
        uniform = run.codings.get(*place_of(coding.picture, UNIFORM, coding.level))
        answer = run.answers.get(coding.picture, REFERENCE, str(coding.level))
        if coding.way != HINTED or row is None or uniform is None or answer is None:
            continue
        if uniform.outcome is None or coding.failed:
            continue
        found.append(
            BothWays(
                picture=coding.picture,
                level=coding.level,
                decision=answer.decision,
                labelled=row.has_error(coding.level),
                uniform=_in_error(uniform, row),
                hinted=None if coding.outcome is None else _in_error(coding, row),
            )
        )
    return found


def raised(run: Run, labelled: Mapping[str, Labelled]) -> list[Raised]:
    """All pictures that were coded at their safe rate."""
    found = []
    for coding in run.codings.all():
        row = labelled.get(coding.picture)
        answer = run.answers.get(coding.picture, REFERENCE, str(coding.level))
        if coding.way != RAISED or row is None or answer is None or coding.size_bytes is None:
            continue
        error = _in_error(coding, row)
        found.append(Raised(coding.picture, error, coding.size_bytes, answer.jpeg_bytes))
    return found


def _in_error(coding: Coding, row: Labelled) -> bool:
    if coding.outcome is None:
        return False
    return bool(coding.outcome.grave) or bool(row.grave.keys() & set(coding.outcome.changed))
