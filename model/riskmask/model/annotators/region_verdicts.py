"""What examinations of known regions have in common: who is judged, and what a finding says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import Finding, KindName, KnownRegion, check_same_size


class RegionVerdicts(ABC):
    """An original whose regions of one content are known; a subclass compares some of them.

    Args:
        original: (H, W, 3) uint8 RGB.
        regions: all known regions of the image.
        judged: indices of those that can be judged.
    """

    def __init__(
        self,
        original: NDArray[np.uint8],
        regions: Sequence[KnownRegion],
        judged: Iterable[int],
    ) -> None:
        self._original = original
        self._regions = regions
        self._judged = tuple(judged)

    @property
    def judged(self) -> Sequence[int]:
        """Indices of the regions that can be judged; of the others nobody can tell."""
        return self._judged

    def find(self, reconstruction: NDArray[np.uint8]) -> Sequence[Finding]:
        """All findings, in the order of the regions."""
        found = self.judge(reconstruction)
        return [found[index] for index in sorted(found)]

    def judge(
        self, reconstruction: NDArray[np.uint8], regions: Iterable[int] | None = None
    ) -> Mapping[int, Finding]:
        """Findings by region index; a judged region that is not in the result is unchanged.

        Args:
            reconstruction: (H, W, 3) uint8 RGB, the original's size.
            regions: which of the judged regions to look at; default all.

        Raises:
            ValueError: the pictures differ in size.
        """
        check_same_size(self._original, reconstruction)
        wanted = set(self._judged if regions is None else regions)
        return self._compare(reconstruction, [i for i in self._judged if i in wanted])

    @abstractmethod
    def _compare(
        self, reconstruction: NDArray[np.uint8], indices: Sequence[int]
    ) -> Mapping[int, Finding]:
        """Findings among judged regions, by index."""

    def _finding(
        self, index: int, kind: KindName, severity: float, evidence: str, *, high_impact: bool
    ) -> Finding:
        """A finding about the whole of a region."""
        region = self._regions[index]
        return Finding(
            region=index,
            content=region.content,
            kind=kind,
            high_impact=high_impact,
            severity=severity,
            evidence=evidence,
            polygon=region.polygon,
        )
