"""What the annotators hold against a coded picture, by the rule that the labels are made by.

A change counts when a coarser file changes the region too: a recogniser stumbles now and then over
a nearly perfect picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import RegionAnnotator
from riskmask.model.data.labelled import is_grave
from riskmask.server.closed_loop.pictures import Specimen


@dataclass(frozen=True)
class Outcome:
    """What became of the judged regions of a picture.

    Attributes:
        changed: regions that changed.
        grave: those of them whose change is of high impact, or a face's.
        stumbled: how many changed in this file and not in a coarser one, which is held against
            the annotator and not against the file.
    """

    changed: tuple[int, ...]
    grave: tuple[int, ...]
    stumbled: int


class Sitting:
    """An original that all annotators have looked at.

    Args:
        annotators: of known regions.
        specimen: the original.
        judged: regions to judge, of those that the annotators can.
    """

    def __init__(
        self, annotators: Iterable[RegionAnnotator], specimen: Specimen, judged: Iterable[int]
    ) -> None:
        wanted = set(judged)
        examined = [each.examine(specimen.image, specimen.regions) for each in annotators]
        self._examinations = [(each, wanted.intersection(each.judged)) for each in examined]

    @property
    def judged(self) -> frozenset[int]:
        """Regions that are judged."""
        return frozenset[int]().union(*(regions for _, regions in self._examinations))

    def look(
        self, decoded: NDArray[np.uint8], regions: Iterable[int] | None = None
    ) -> Mapping[int, bool]:
        """The regions that changed, and whether gravely.

        Args:
            decoded: (H, W, 3) uint8 RGB, of the original's size.
            regions: to look at; default all that are judged.
        """
        wanted = self.judged if regions is None else frozenset(regions)
        return {
            index: is_grave(finding.high_impact, finding.content)
            for examination, judged in self._examinations
            if judged & wanted
            for index, finding in examination.judge(decoded, judged & wanted).items()
        }

    def judge(
        self, decoded: NDArray[np.uint8], coarser: Callable[[], NDArray[np.uint8] | None]
    ) -> Outcome:
        """Judge a file.

        Args:
            decoded: (H, W, 3) uint8 RGB.
            coarser: the same as a coarser file, None where there is none; asked only where
                something changed.
        """
        found = self.look(decoded)
        again = coarser() if found else None
        still = found if again is None else self.look(again, found)
        changed = sorted(found.keys() & still.keys())
        return Outcome(
            changed=tuple(changed),
            grave=tuple(index for index in changed if found[index]),
            stumbled=len(found) - len(changed),
        )
