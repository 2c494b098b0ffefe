"""What an annotator is: it compares two pictures and says what changed in meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

ContentName = Literal["text", "face", "symbol"]
KindName = Literal["amplitude", "geometry", "shape"]


@dataclass(frozen=True)
class Glyph:
    """A symbol whose identity is known, as it was drawn.

    Attributes:
        family: name of the icon family in the glyph bank.
        name: the icon's name inside it.
        box: x, y, width, height in whole pixels of the image.
        ink: the drawing colour, RGB.
    """

    family: str
    name: str
    box: tuple[int, int, int, int]
    ink: tuple[int, int, int]


@dataclass(frozen=True)
class KnownRegion:
    """A place in the original whose content is known.

    Attributes:
        content: what is there.
        polygon: corners (x, y) in pixels, clockwise from the text's top left.
        transcription: the true string, or None where only the place is known.
        glyph: for rendered symbols.
        barcode: the symbol is a barcode and the transcription its payload.
    """

    content: ContentName
    polygon: tuple[tuple[float, float], ...]
    transcription: str | None = None
    glyph: Glyph | None = None
    barcode: bool = False


@dataclass(frozen=True)
class Finding:
    """One measured miscompression.

    Attributes:
        region: index into the known regions; None where it was found without one.
        content: what is there; None where nobody said.
        kind: what happened.
        high_impact: a symbol (letter, digit, sign, icon) became another one.
        severity: in [0, 1].
        evidence: in words.
        polygon: the place, corners (x, y) in pixels; around the mask where there is one.
        mask: (ceil(H/4), ceil(W/4)) bool, the cells of the stride-4 grid that changed; None
            where they are those of the polygon (``data.planes.cells_of`` gives either).
    """

    region: int | None
    content: ContentName | None
    kind: KindName
    high_impact: bool
    severity: float
    evidence: str
    polygon: tuple[tuple[float, float], ...]
    mask: NDArray[np.bool_] | None = field(default=None, compare=False, repr=False)


class Examination(Protocol):
    """An original that an annotator has looked at once, ready to be compared."""

    def find(self, reconstruction: NDArray[np.uint8]) -> Sequence[Finding]:
        """Everything that this annotator holds against a reconstruction, anywhere in it.

        Args:
            reconstruction: (H, W, 3) uint8 RGB, the original's size.
        """
        ...


@runtime_checkable
class RegionExamination(Examination, Protocol):
    """An examination whose verdicts are about known regions."""

    @property
    def judged(self) -> Sequence[int]:
        """Indices of the regions that can be judged; of the others nobody can tell."""
        ...

    def judge(
        self, reconstruction: NDArray[np.uint8], regions: Iterable[int] | None = None
    ) -> Mapping[int, Finding]:
        """Findings by region index; a judged region that is not in the result is unchanged.

        Args:
            reconstruction: (H, W, 3) uint8 RGB, the original's size.
            regions: which of the judged regions to look at; default all.
        """
        ...


class Annotator(Protocol):
    """One way to see a change of meaning. One file, one line in the registry."""

    name: str

    def examine(self, original: NDArray[np.uint8], regions: Sequence[KnownRegion]) -> Examination:
        """Look at the original.

        Args:
            original: (H, W, 3) uint8 RGB.
            regions: all known regions of the image; the annotator picks those of its content,
                or needs none.
        """
        ...


class RegionAnnotator(Annotator, Protocol):
    """An annotator that judges known regions, which is what labels are made of."""

    def examine(
        self, original: NDArray[np.uint8], regions: Sequence[KnownRegion]
    ) -> RegionExamination:
        """Read the original; see :meth:`Annotator.examine`."""
        ...


def check_same_size(original: NDArray[np.uint8], reconstruction: NDArray[np.uint8]) -> None:
    """Pictures are compared pixel by pixel.

    Raises:
        ValueError: they differ in size.
    """
    if original.shape != reconstruction.shape:
        raise ValueError(
            f"the reconstruction is {reconstruction.shape[1]}x{reconstruction.shape[0]}, the "
            f"original {original.shape[1]}x{original.shape[0]}; decode it to the original's size"
        )
