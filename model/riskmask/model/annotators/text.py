"""Text: the same place is read in both pictures, and the string is not the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import Finding, KnownRegion
from riskmask.model.annotators.recogniser import Reading, Recogniser, comparable
from riskmask.model.annotators.region_verdicts import RegionVerdicts

SURE = 0.9  # confidence that stands in for a transcription where nobody wrote one down
LEGIBLE = 0.6  # a changed reading this sure looks like a word: another symbol, not a smear
_MARGINS = (0.12, 0.3)  # two croppings; a judgement needs both


class TextAnnotator:
    """Reads each known text region in the original and in reconstructions of it."""

    name = "text"

    def __init__(self, recogniser: Recogniser | None = None) -> None:
        self._recogniser = recogniser or Recogniser()

    def examine(
        self, original: NDArray[np.uint8], regions: Sequence[KnownRegion]
    ) -> TextExamination:
        """Read the original; regions that it misreads or reads unsurely are left out.

        A region is judged when both croppings give the known transcription, or, where there
        is none, when both give the same string with a confidence of at least 0.9.
        """
        indices = [i for i, region in enumerate(regions) if region.content == "text"]
        polygons = [regions[i].polygon for i in indices]
        first, second = (self._recogniser.read(original, polygons, m) for m in _MARGINS)
        truths: dict[int, str] = {}
        for index, one, two in zip(indices, first, second, strict=True):
            known = regions[index].transcription
            if known is None and min(one.confidence, two.confidence) < SURE:
                continue
            truth = one.text if known is None else known
            wanted = comparable(truth)
            if wanted and wanted == comparable(one.text) == comparable(two.text):
                truths[index] = truth
        return TextExamination(self._recogniser, original, regions, truths)


class TextExamination(RegionVerdicts):
    """An original whose legible text is known."""

    def __init__(
        self,
        recogniser: Recogniser,
        original: NDArray[np.uint8],
        regions: Sequence[KnownRegion],
        truths: Mapping[int, str],
    ) -> None:
        super().__init__(original, regions, truths)
        self._recogniser = recogniser
        self._truths = truths

    def _compare(
        self, reconstruction: NDArray[np.uint8], indices: Sequence[int]
    ) -> Mapping[int, Finding]:
        """Findings where neither cropping gives the original's string any more."""
        doubtful = list(indices)
        readings: dict[int, Reading] = {}
        for margin in _MARGINS:
            polygons = [self._regions[i].polygon for i in doubtful]
            read = self._recogniser.read(reconstruction, polygons, margin)
            wrong = [
                (i, reading)
                for i, reading in zip(doubtful, read, strict=True)
                if comparable(reading.text) != comparable(self._truths[i])
            ]
            readings = {
                i: max(reading, readings.get(i, reading), key=lambda r: r.confidence)
                for i, reading in wrong
            }
            doubtful = list(readings)
        return {i: self._changed(i, reading) for i, reading in readings.items()}

    def _changed(self, index: int, reading: Reading) -> Finding:
        truth = self._truths[index]
        legible = bool(comparable(reading.text)) and reading.confidence >= LEGIBLE
        shown = f"'{reading.text}'" if legible else "illegible"
        similarity = SequenceMatcher(None, comparable(truth), comparable(reading.text)).ratio()
        return self._finding(
            index,
            "shape" if legible else "amplitude",
            1.0 - similarity,
            f"'{truth}' → {shown}",
            high_impact=legible,
        )
