"""What is left of a picture's meaning after decoding: words, texts, symbols and faces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import KnownRegion, RegionAnnotator
from riskmask.model.annotators.face import FaceAnnotator, box_of
from riskmask.model.annotators.face_reader import FaceReader
from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.annotators.recogniser import Recogniser
from riskmask.model.annotators.symbol import SymbolAnnotator
from riskmask.model.annotators.text import TextAnnotator
from riskmask.model.label.faces import ConfirmedFaces
from riskmask.server.closed_loop.words import LegibleWords, Tesseract


@dataclass(frozen=True)
class Judgement:
    """What the witnesses say of one decoded picture.

    Attributes:
        words, lost_words: that tesseract reads rightly in the original, and how many of them it
            no longer reads.
        texts, changed_texts: text regions that the text annotator judges, and that it calls
            changed; likewise symbols and faces.
        landmark_error: mean distance of a face's landmarks from where they were, over the distance
            between its eyes; mean over the faces, None without any.
        lost_by_region: words lost, by index of the region.
    """

    words: int
    lost_words: int
    texts: int
    changed_texts: int
    symbols: int
    changed_symbols: int
    faces: int
    changed_faces: int
    landmark_error: float | None
    lost_by_region: Mapping[int, int]


# What all witnesses say of a decoded picture, (H, W, 3) uint8 RGB, of the original's size.
Judge: TypeAlias = Callable[[NDArray[np.uint8]], Judgement]


class Witnesses:
    """All who judge; they look at one original after the other.

    Args:
        icons: families that rendered symbols belong to.
        yunet: YuNet's ONNX file; dlib's frontal detector finds the faces without it.
    """

    def __init__(self, icons: GlyphBank, yunet: Path | None) -> None:
        self.tesseract = Tesseract()
        self._recogniser = Recogniser()
        self._faces = FaceReader(yunet)
        self._annotators: Mapping[str, RegionAnnotator] = {
            "text": TextAnnotator(self._recogniser),
            "symbol": SymbolAnnotator(icons),
            "face": ConfirmedFaces(FaceAnnotator(yunet)),
        }

    def legible(self, image: NDArray[np.uint8], regions: Sequence[KnownRegion]) -> LegibleWords:
        """The words of an original, (H, W, 3) uint8 RGB, that count."""
        return LegibleWords(self.tesseract, self._recogniser, image, regions)

    def look(
        self, image: NDArray[np.uint8], regions: Sequence[KnownRegion], words: LegibleWords
    ) -> Judge:
        """Look at an original, (H, W, 3) uint8 RGB, once.

        Args:
            regions: known in it.
            words: of it, as :meth:`legible` gives them.
        """
        examined = {
            name: annotator.examine(image, regions) for name, annotator in self._annotators.items()
        }
        squares = [
            self._faces.detect(image, box_of(regions[index], image)).square
            for index in examined["face"].judged
        ]
        landmarks = [self._faces.landmarks(image, square) for square in squares]

        def landmark_error(decoded: NDArray[np.uint8]) -> float | None:
            errors = [
                normalised_error(before, self._faces.landmarks(decoded, square))
                for before, square in zip(landmarks, squares, strict=True)
            ]
            return float(np.mean(errors)) if errors else None

        def judge(decoded: NDArray[np.uint8]) -> Judgement:
            lost = words.lost(decoded)
            judged = {name: len(each.judged) for name, each in examined.items()}
            changed = {name: len(each.judge(decoded)) for name, each in examined.items()}
            return Judgement(
                words=words.count,
                lost_words=sum(lost.values()),
                texts=judged["text"],
                changed_texts=changed["text"],
                symbols=judged["symbol"],
                changed_symbols=changed["symbol"],
                faces=judged["face"],
                changed_faces=changed["face"],
                landmark_error=landmark_error(decoded),
                lost_by_region=lost,
            )

        return judge


def normalised_error(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """Mean movement of dlib's landmarks over the distance between the eyes.

    Args:
        before, after: (5, 2) float64 (x, y) in pixels: two corners of each eye, and the nose.
    """
    between_eyes = float(np.linalg.norm(before[:2].mean(0) - before[2:4].mean(0)))
    moved = np.linalg.norm(after - before, axis=1).mean()
    return float(moved) / max(between_eyes, 1.0)
