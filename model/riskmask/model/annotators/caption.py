"""Captions: a model says in words what it sees in both pictures, and it is not the same.

A caption knows no place and no kind: the finding is about the whole picture, and its kind is
``shape``, since other things are seen. Captions wander, so a picture is judged only where harmless
copies of it are described in the same words.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import Finding, KnownRegion, check_same_size
from riskmask.model.annotators.captioner import Captioner
from riskmask.model.annotators.harmless_copies import harmless_copies

ENVIRONMENT = "RISKMASK_CAPTIONER"

# Words that say nothing of what is seen.
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        "a an and are at by for from in is it its of on or some that the there this to up with",
    )
)


class CaptionAnnotator:
    """Compares captions; needs no known regions.

    Args:
        model: folder of an image-to-text model; default: the one that ``RISKMASK_CAPTIONER`` names.

    Raises:
        FileNotFoundError: there is no model.
        ValueError: no folder was named.
    """

    name = "caption"

    def __init__(self, model: Path | None = None) -> None:
        named = model or os.environ.get(ENVIRONMENT)
        if not named:
            raise ValueError(f"captions need the folder of a model; name one with {ENVIRONMENT}")
        self._captioner = Captioner(Path(named))

    def examine(
        self, original: NDArray[np.uint8], regions: Sequence[KnownRegion]
    ) -> CaptionExamination:
        """Describe the original; where harmless copies are described otherwise, nobody can tell."""
        caption = self._captioner.describe(original)
        told = words(caption)
        copies = (self._captioner.describe(copy) for copy in harmless_copies(original))
        steady = bool(told) and all(words(copy) == told for copy in copies)
        return CaptionExamination(self._captioner, original, caption if steady else None)


class CaptionExamination:
    """An original of which it is known how it is described; None where that is not steady."""

    def __init__(
        self, captioner: Captioner, original: NDArray[np.uint8], caption: str | None
    ) -> None:
        self._captioner = captioner
        self._original = original
        self._caption = caption

    def find(self, reconstruction: NDArray[np.uint8]) -> Sequence[Finding]:
        """One finding where the reconstruction is described in other words."""
        check_same_size(self._original, reconstruction)
        if self._caption is None:
            return []
        caption = self._captioner.describe(reconstruction)
        before, after = words(self._caption), words(caption)
        if before == after:
            return []
        height, width = (float(side) for side in self._original.shape[:2])
        return [
            Finding(
                region=None,
                content=None,
                kind="shape",
                high_impact=False,
                severity=1.0 - len(before & after) / len(before | after),
                evidence=f"caption '{self._caption}' → '{caption}'",
                polygon=((0.0, 0.0), (width, 0.0), (width, height), (0.0, height)),
            )
        ]


def words(caption: str) -> frozenset[str]:
    """What a caption names: its words without those that say nothing of what is seen."""
    return frozenset(re.findall(r"[^\W_]+", caption.casefold())) - _EMPTY
