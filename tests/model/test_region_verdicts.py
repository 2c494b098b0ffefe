"""Every annotator of known regions answers by the same rules: which, in what order, what size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.model.annotators.base import Finding, KnownRegion
from riskmask.model.annotators.region_verdicts import RegionVerdicts

Pixels = NDArray[np.uint8]
ORIGINAL = np.zeros((40, 60, 3), np.uint8)


def _region(left: float) -> KnownRegion:
    return KnownRegion("symbol", ((left, 0.0), (left + 9, 0.0), (left + 9, 9.0), (left, 9.0)))


class _Brighter(RegionVerdicts):
    """A region is changed where its middle is lighter than in the original."""

    def _compare(self, reconstruction: Pixels, indices: Sequence[int]) -> Mapping[int, Finding]:
        found = {}
        for index in reversed(indices):
            x = int(self._regions[index].polygon[0][0]) + 4
            if reconstruction[4, x, 0] > self._original[4, x, 0]:
                found[index] = self._finding(index, "shape", 0.5, "lighter", high_impact=True)
        return found


@pytest.fixture
def verdicts() -> _Brighter:
    return _Brighter(ORIGINAL, [_region(x) for x in (0, 10, 20, 30)], judged=(0, 1, 3))


def test_findings_come_in_the_order_of_the_regions(verdicts: _Brighter) -> None:
    white = np.full_like(ORIGINAL, 255)
    assert [finding.region for finding in verdicts.find(white)] == [0, 1, 3]
    assert verdicts.find(ORIGINAL) == []
    first = verdicts.find(white)[0]
    assert (first.content, first.polygon) == ("symbol", _region(0).polygon)
    assert first.high_impact


def test_only_judged_regions_are_looked_at(verdicts: _Brighter) -> None:
    white = np.full_like(ORIGINAL, 255)
    assert set(verdicts.judge(white)) == {0, 1, 3}
    assert set(verdicts.judge(white, [1, 2])) == {1}
    assert verdicts.judge(white, []) == {}


def test_another_size_is_an_error(verdicts: _Brighter) -> None:
    with pytest.raises(ValueError, match="decode it to the original's size"):
        verdicts.judge(np.zeros((40, 61, 3), np.uint8))
