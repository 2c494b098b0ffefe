"""Faces that count as known: a detector's boxes which a second, different detector confirms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import (
    Finding,
    KnownRegion,
    RegionAnnotator,
    RegionExamination,
)
from riskmask.model.annotators.face_reader import FaceReader
from riskmask.model.data.faces import SecondDetector


class ConfirmedFaces:
    """Judges the faces that dlib's frontal detector finds too.

    The boxes may come from any detector, and the annotator may read them with YuNet; a box that
    both took for a face by the same mistake is seen by neither of dlib's gradients.

    Args:
        annotator: of faces.
    """

    def __init__(self, annotator: RegionAnnotator) -> None:
        self.name = annotator.name
        self._annotator = annotator
        self._confirms = SecondDetector(FaceReader())

    def examine(
        self, original: NDArray[np.uint8], regions: Sequence[KnownRegion]
    ) -> RegionExamination:
        """See :class:`~riskmask.model.annotators.base.RegionAnnotator`."""
        examination = self._annotator.examine(original, regions)
        confirmed = [i for i in examination.judged if self._confirms(original, regions[i])]
        return _Confirmed(examination, confirmed)


class _Confirmed:
    def __init__(self, examination: RegionExamination, confirmed: Sequence[int]) -> None:
        self._examination = examination
        self._confirmed = tuple(confirmed)

    @property
    def judged(self) -> Sequence[int]:
        return self._confirmed

    def find(self, reconstruction: NDArray[np.uint8]) -> Sequence[Finding]:
        found = self.judge(reconstruction)
        return [found[index] for index in sorted(found)]

    def judge(
        self, reconstruction: NDArray[np.uint8], regions: Iterable[int] | None = None
    ) -> Mapping[int, Finding]:
        wanted = set(self._confirmed if regions is None else regions)
        asked = [index for index in self._confirmed if index in wanted]
        return self._examination.judge(reconstruction, asked)
