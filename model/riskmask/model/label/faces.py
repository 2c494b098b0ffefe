"""Faces that count as known: a detector's boxes which a second, different detector confirms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import (
    Finding,
    KnownRegion,
    RegionAnnotator,
    RegionExamination,
)
from riskmask.model.annotators.face_reader import FaceReader
from riskmask.model.annotators.region_verdicts import RegionVerdicts
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
        return _Confirmed(examination, original, regions, confirmed)


class _Confirmed(RegionVerdicts):
    def __init__(
        self,
        examination: RegionExamination,
        original: NDArray[np.uint8],
        regions: Sequence[KnownRegion],
        confirmed: Sequence[int],
    ) -> None:
        super().__init__(original, regions, confirmed)
        self._examination = examination

    def _compare(
        self, reconstruction: NDArray[np.uint8], indices: Sequence[int]
    ) -> Mapping[int, Finding]:
        return self._examination.judge(reconstruction, indices)
