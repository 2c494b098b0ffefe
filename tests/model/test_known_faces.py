"""A face counts as known where a second detector sees it too, whoever drew the box."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.model.annotators.base import Finding, KnownRegion
from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.label.faces import ConfirmedFaces
from riskmask.model.label.worker import make_annotators

Pixels = NDArray[np.uint8]


def _region(left: float, top: float, right: float, bottom: float) -> KnownRegion:
    return KnownRegion("face", ((left, top), (right, top), (right, bottom), (left, bottom)))


FACE = _region(179, 83, 266, 170)
FLAG = _region(330, 300, 420, 390)


class _Credulous:
    """Takes every box for a face, and every reconstruction for a change."""

    name = "face"

    def __init__(self) -> None:
        self.judged: Sequence[int] = ()

    def examine(self, original: Pixels, regions: Sequence[KnownRegion]) -> _Credulous:
        self.judged = tuple(range(len(regions)))
        self._regions = regions
        return self

    def find(self, reconstruction: Pixels) -> list[Finding]:
        return list(self.judge(reconstruction).values())

    def judge(
        self, reconstruction: Pixels, regions: Iterable[int] | None = None
    ) -> dict[int, Finding]:
        asked = self.judged if regions is None else regions
        return {
            i: Finding(i, "face", "shape", False, 1.0, "changed", self._regions[i].polygon)
            for i in asked
        }


def test_a_box_that_the_second_detector_does_not_confirm_is_not_judged(astronaut: Pixels) -> None:
    examination = ConfirmedFaces(_Credulous()).examine(astronaut, [FLAG, FACE])
    assert list(examination.judged) == [1]
    assert set(examination.judge(astronaut)) == {1}
    assert set(examination.judge(astronaut, [0])) == set()
    assert [finding.region for finding in examination.find(astronaut)] == [1]


@pytest.mark.slow
def test_the_labelling_run_judges_confirmed_faces(astronaut: Pixels, bank: GlyphBank) -> None:
    annotators = make_annotators(["symbol", "face"], bank)
    assert list(annotators) == ["symbol", "face"]
    assert isinstance(annotators["face"], ConfirmedFaces)
    examination = annotators["face"].examine(astronaut, [FLAG, FACE])
    assert list(examination.judged) == [1]
    assert examination.find(astronaut) == []
    assert [f.region for f in examination.find(np.full_like(astronaut, 127))] == [1]
