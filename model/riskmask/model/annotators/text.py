"""Text: the same place is read in both pictures, and the string is not the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import Finding, KindName, KnownRegion
from riskmask.model.annotators.recogniser import Reading, Recogniser, comparable

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
        return TextExamination(self._recogniser, regions, truths)


class TextExamination:
    """An original whose legible text is known."""

    def __init__(
        self, recogniser: Recogniser, regions: Sequence[KnownRegion], truths: Mapping[int, str]
    ) -> None:
        self._recogniser = recogniser
        self._regions = regions
        self._truths = truths

    @property
    def judged(self) -> Sequence[int]:
        """Indices of the regions read right in the original."""
        return tuple(self._truths)

    def find(self, reconstruction: NDArray[np.uint8]) -> Sequence[Finding]:
        """All findings, in the order of the regions."""
        found = self.judge(reconstruction)
        return [found[index] for index in sorted(found)]

    def judge(
        self, reconstruction: NDArray[np.uint8], regions: Iterable[int] | None = None
    ) -> Mapping[int, Finding]:
        """Findings where neither cropping gives the original's string any more."""
        wanted = set(self._truths if regions is None else regions)
        doubtful = [i for i in self._truths if i in wanted]
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
        return {i: self._finding(i, reading) for i, reading in readings.items()}

    def _finding(self, index: int, reading: Reading) -> Finding:
        truth = self._truths[index]
        legible = bool(comparable(reading.text)) and reading.confidence >= LEGIBLE
        kind: KindName = "shape" if legible else "amplitude"
        shown = f"'{reading.text}'" if legible else "illegible"
        similarity = SequenceMatcher(None, comparable(truth), comparable(reading.text)).ratio()
        return Finding(
            region=index,
            content="text",
            kind=kind,
            high_impact=legible,
            severity=1.0 - similarity,
            evidence=f"'{truth}' → {shown}",
            polygon=self._regions[index].polygon,
        )
