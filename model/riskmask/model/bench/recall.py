"""What the detector finds of changed regions beside text and face boxes, on timed pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from riskmask.model.bench.timing import Pixels
from riskmask.model.data.training_set import Example
from riskmask.model.evaluate.area import find_within_area
from riskmask.model.evaluate.baselines import Boxes
from riskmask.model.evaluate.bootstrap import Interval, interval
from riskmask.model.evaluate.detectors import Box, FaceDetector, TextDetector
from riskmask.model.evaluate.judged import RegionTable, Scores, region_table
from riskmask.model.evaluate.precision import is_contested
from riskmask.model.levels import ANCHORS
from riskmask.model.runtime.predictor import Predictor

OWN = "riskmask"
BOXES = "boxes"


@dataclass(frozen=True)
class Recall:
    """Share of the changed regions found within twice the changed area.

    Attributes:
        levels: the contested anchors that it is taken over.
        changed: regions changed, summed over these levels.
        own, boxes: of the detector and of the boxes, in [0, 1].
        difference: 95% bootstrap interval over pictures of own minus boxes.
    """

    levels: tuple[int, ...]
    changed: int
    own: float
    boxes: float
    difference: Interval


def score_pictures(
    examples: Sequence[Example], predictor: Predictor, yunet: Path | None
) -> dict[str, list[Scores]]:
    """The detector's risk maps, and the boxes of text and, with YuNet's file, of faces, filled."""
    text = TextDetector()
    face = None if yunet is None else FaceDetector(yunet)

    def found(image: Pixels) -> Sequence[Box]:
        return [*text.find(image), *(face.find(image) if face is not None else ())]

    filled = Boxes(BOXES, found)
    scores: dict[str, list[Scores]] = {OWN: [], BOXES: []}
    for example in tqdm(examples, desc="finding", unit="picture"):
        scores[OWN].append(predictor.predict(example.image).risk.astype(np.float32))
        scores[BOXES].append(filled.score(example.image)[None])
    return scores


def measure_recall(
    examples: Sequence[Example], scores: Mapping[str, Sequence[Scores]]
) -> list[Recall]:
    """One entry for each contested level, and where there are several, one over all of them.

    Args:
        examples: labelled pictures.
        scores: of :func:`score_pictures`.
    """
    table = region_table(examples, scores)
    levels = [level for level in range(ANCHORS) if len(table) and _is_contested(table, level)]
    parts = [_at_level(examples, scores, table, level) for level in levels]
    results = [_recall((level,), [part]) for level, part in zip(levels, parts, strict=True)]
    return [*results, _recall(tuple(levels), parts)] if len(levels) > 1 else results


@dataclass(frozen=True)
class _Part:
    """The changed regions of a level: their picture, and who finds them."""

    image: NDArray[np.intp]
    own: NDArray[np.bool_]
    boxes: NDArray[np.bool_]


def _is_contested(table: RegionTable, level: int) -> bool:
    return is_contested(float((table.count > level).mean()))


def _at_level(
    examples: Sequence[Example],
    scores: Mapping[str, Sequence[Scores]],
    table: RegionTable,
    level: int,
) -> _Part:
    own, boxes = (
        find_within_area(examples, scores[method], table, method, level) for method in (OWN, BOXES)
    )
    return _Part(table.image[own.rows], own.found, boxes.found)


def _recall(levels: tuple[int, ...], parts: Sequence[_Part]) -> Recall:
    image = np.concatenate([part.image for part in parts])
    own = np.concatenate([part.own for part in parts])
    boxes = np.concatenate([part.boxes for part in parts])
    gained = own.astype(float) - boxes
    return Recall(
        levels,
        len(own),
        float(own.mean()),
        float(boxes.mean()),
        interval(image, lambda rows: float(gained[rows].mean())),
    )
