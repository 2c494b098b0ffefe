"""Which pictures are coded: those of the held-out side whose known regions cover a small area."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.data.items import Picture
from riskmask.model.data.label_rows import LabelRow
from riskmask.model.data.picture_hash import picture_hash
from riskmask.model.data.pictures import Pictures
from riskmask.model.data.planes import rasterise
from riskmask.model.data.recipe import Recipe
from riskmask.model.data.shards import LabelsError, read_rows
from riskmask.model.runtime.prediction import RISK_STRIDE

MOST_COVERED = 0.15  # of the area, by everything known to be there


@dataclass(frozen=True)
class Candidate:
    """A labelled picture that may be coded.

    Attributes:
        key, source: as in the labels.
        image_sha256: of the pixels that were labelled.
        share: of the area that its known regions cover, in [0, 1].
    """

    key: str
    source: str
    image_sha256: str
    share: float


@dataclass(frozen=True)
class Specimen:
    """A picture to be coded, and what is known of it.

    Attributes:
        key, source: of the picture.
        image: (H, W, 3) uint8 RGB.
        regions: known regions that a witness may judge.
        known: (ceil(H/4), ceil(W/4)) bool, the cells of all known regions, judged or not.
    """

    key: str
    source: str
    image: NDArray[np.uint8]
    regions: Sequence[KnownRegion]
    known: NDArray[np.bool_]


def candidates(labels: Path, most_covered: float = MOST_COVERED) -> list[Candidate]:
    """Pictures of a folder of labels that hold text and whose regions cover little.

    Ordered by a hash of the key, so that every beginning of the list is a mixture.

    Raises:
        FileNotFoundError: there are no labels.
        LabelsError: the labels are of the side that the detector learnt from.
    """
    side = Recipe.load(labels).side
    if side != "test":
        raise LabelsError(
            f"{labels} holds labels of the {side} side; hints are measured on pictures that "
            "training never saw: name labels made with --side test"
        )
    rows = {row.key: row for row in read_rows(labels, planes=False) if row.error is None}
    found = [
        Candidate(row.key, row.source, row.image_sha256, _share(row))
        for row in rows.values()
        if any(place.content == "text" for place in row.places)
    ]
    small = [candidate for candidate in found if candidate.share <= most_covered]
    return sorted(small, key=lambda each: hashlib.sha256(each.key.encode()).hexdigest())


def make_specimen(candidate: Candidate, pictures: Pictures) -> Specimen:
    """The picture of a candidate, made again with everything that is known of it.

    Raises:
        LabelsError: it is not the picture that was labelled.
    """
    try:
        picture = pictures.make(candidate.key)
    except KeyError:
        raise LabelsError(
            f"the corpus has no picture {candidate.key}; name the corpus of the labels"
        ) from None
    if picture_hash(picture.image) != candidate.image_sha256:
        raise LabelsError(
            f"{candidate.key} is not the picture that was labelled; name the corpus and the "
            "folders of typefaces that the labels were made with"
        )
    return specimen(candidate.key, picture)


def specimen(key: str, picture: Picture) -> Specimen:
    """A picture whose regions are known, ready to be coded."""
    grid = _grid(picture.image.shape[0], picture.image.shape[1])
    known = _covered((r.polygon for r in (*picture.regions, *picture.unjudged)), grid)
    return Specimen(key, picture.source, picture.image, picture.regions, known)


def cells_of(specimen: Specimen, regions: Iterable[int]) -> NDArray[np.bool_]:
    """(ceil(H/4), ceil(W/4)) bool, the cells of known regions, given by their indices."""
    polygons = (specimen.regions[region].polygon for region in regions)
    return _covered(polygons, _grid(specimen.image.shape[0], specimen.image.shape[1]))


def _share(row: LabelRow) -> float:
    grid = _grid(row.height, row.width)
    return float(_covered((place.polygon for place in row.places), grid).mean())


def _covered(
    polygons: Iterable[Sequence[tuple[float, float]]], grid: tuple[int, int]
) -> NDArray[np.bool_]:
    covered = np.zeros(grid, bool)
    for polygon in polygons:
        covered |= rasterise(polygon, grid) > 0
    return covered


def _grid(height: int, width: int) -> tuple[int, int]:
    return -(-height // RISK_STRIDE), -(-width // RISK_STRIDE)
