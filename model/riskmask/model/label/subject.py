"""A picture on the table: looked at once by each annotator, whatever codecs come after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import Annotator, Examination, RegionExamination
from riskmask.model.codecs.classic import ClassicCodec, Ladder, Rung
from riskmask.model.codecs.learned import LearnedCodec
from riskmask.model.data.items import Picture
from riskmask.model.data.picture_hash import picture_hash
from riskmask.model.levels import ANCHORS


@dataclass(frozen=True)
class Subject:
    """A picture with all that does not depend on the codec.

    Attributes:
        key, picture: as labelled.
        image_sha256: of its pixels.
        examinations: of the original, by annotator.
        ladders: the picture at ten qualities, by classic codec.
        rates: of the reference codec, by level; filled as they are measured.
    """

    key: str
    picture: Picture
    image_sha256: str
    examinations: Mapping[str, Examination]
    ladders: Mapping[str, Ladder]
    rates: dict[int, NDArray[np.float16]] = field(default_factory=dict)

    @property
    def pixels(self) -> int:
        """Of the picture."""
        return self.picture.image.shape[0] * self.picture.image.shape[1]

    @property
    def regional(self) -> Mapping[str, RegionExamination]:
        """The examinations that judge known regions."""
        return {n: e for n, e in self.examinations.items() if isinstance(e, RegionExamination)}

    @property
    def areal(self) -> Mapping[str, Examination]:
        """The examinations that look everywhere."""
        return {n: e for n, e in self.examinations.items() if not isinstance(e, RegionExamination)}

    def judges(self) -> dict[int, str]:
        """Which annotator judges each region that one can judge."""
        return {index: name for name, e in self.regional.items() for index in e.judged}

    def partners(self, bpp: float) -> Iterator[tuple[str, Rung | None]]:
        """Each classic codec's largest file that is not above a neural stream's size."""
        for name, ladder in self.ladders.items():
            yield name, ladder.partner(int(bpp * self.pixels / 8))

    def reference_rates(self, reference: LearnedCodec) -> NDArray[np.float16]:
        """(8, ceil(H/16), ceil(W/16)) bits per pixel of the reference codec."""
        for level in range(ANCHORS):
            if level not in self.rates:
                self.rates[level] = reference.rate_map(self.picture.image, level).astype(np.float16)
        return np.stack([self.rates[level] for level in range(ANCHORS)])


class Table:
    """Where subjects are prepared.

    Args:
        annotators: by name.
        classics: codecs of the differential verdict.
    """

    def __init__(
        self, annotators: Mapping[str, Annotator], classics: Sequence[ClassicCodec] = ()
    ) -> None:
        self._annotators = annotators
        self._classics = classics

    def prepare(self, key: str, picture: Picture) -> Subject:
        """Have every annotator look at a picture."""
        examinations = {
            name: annotator.examine(picture.image, picture.regions)
            for name, annotator in self._annotators.items()
        }
        # Where nobody can find anything, no file needs to be written.
        findable = any(
            e.judged if isinstance(e, RegionExamination) else True for e in examinations.values()
        )
        return Subject(
            key=key,
            picture=picture,
            image_sha256=picture_hash(picture.image),
            examinations=examinations,
            ladders={c.name: c.climb(picture.image) for c in self._classics if findable},
        )
