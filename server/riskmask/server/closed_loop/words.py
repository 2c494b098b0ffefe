"""Words that tesseract reads rightly in a picture, and how many of them it still reads later.

Tesseract took no part in training. It reads the known lines one by one, cut out upright: its search
for lines in a whole picture gets lost in photographs, and one lost line would displace others.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import cv2
import numpy as np
import pytesseract
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.annotators.recogniser import Recogniser, comparable, crop_polygon
from riskmask.model.annotators.text import SURE
from riskmask.model.runs import RunError

MARGIN = 0.25  # around a line, of its height
TALL = 48  # pixels that a lower line is enlarged to, which tesseract's network was made for
ONE_LINE = "--oem 1 --psm 7"

Polygon = Sequence[tuple[float, float]]


class Tesseract:
    """Reads single lines with the program's LSTM network, English.

    Raises:
        RunError: the program is not installed.
    """

    def __init__(self) -> None:
        # Its threads wait for one another more than they work, on lines at least.
        os.environ.setdefault("OMP_THREAD_LIMIT", "1")
        try:
            self.version = str(pytesseract.get_tesseract_version())
        except pytesseract.TesseractNotFoundError:
            raise RunError(
                "the program tesseract is not there; install it (Debian: tesseract-ocr)"
            ) from None

    def read(self, image: NDArray[np.uint8], polygons: Sequence[Polygon]) -> list[list[str]]:
        """Words of each line from left to right, as letters and digits that can be compared.

        Args:
            image: (H, W, 3) uint8 RGB.
            polygons: corners (x, y) in pixels, clockwise from the text's top left.
        """
        read: list[list[str]] = [[] for _ in polygons]
        if not polygons:
            return read
        with tempfile.TemporaryDirectory() as folder:
            names = [Path(folder) / f"{index}.png" for index in range(len(polygons))]
            for name, polygon in zip(names, polygons, strict=True):
                Image.fromarray(_line(image, polygon)).save(name, "PNG", compress_level=1)
            pages = Path(folder) / "lines.txt"
            pages.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
            found = pytesseract.image_to_data(
                str(pages), lang="eng", config=ONE_LINE, output_type=pytesseract.Output.DICT
            )
        for page, text in zip(found["page_num"], found["text"], strict=True):
            if comparable(str(text)):
                read[page - 1].append(comparable(str(text)))
        return read


@dataclass(frozen=True)
class Line:
    """A line of text of the original.

    Attributes:
        region: its index among the known regions.
        polygon: where it is.
        words: what stands there.
        legible: indices of the words that tesseract reads rightly in the original.
    """

    region: int
    polygon: Polygon
    words: Sequence[str]
    legible: frozenset[int]


class LegibleWords:
    """Words of an original that count: those that tesseract reads rightly there.

    What stands there is the known transcription; without one, what RapidOCR's recogniser reads
    with a confidence of at least 0.9.

    Args:
        reader: tesseract.
        recogniser: for lines that nobody transcribed.
        image: (H, W, 3) uint8 RGB, the original.
        regions: known regions; those without text are passed over.
    """

    def __init__(
        self,
        reader: Tesseract,
        recogniser: Recogniser,
        image: NDArray[np.uint8],
        regions: Sequence[KnownRegion],
    ) -> None:
        self._reader = reader
        truths = _truths(recogniser, image, regions)
        read = reader.read(image, [regions[index].polygon for index in truths])
        lines = [
            Line(index, regions[index].polygon, words, kept_words(words, reading))
            for (index, words), reading in zip(truths.items(), read, strict=True)
        ]
        self._lines = [line for line in lines if line.legible]
        self.count = sum(len(line.legible) for line in self._lines)

    @property
    def regions(self) -> frozenset[int]:
        """Those that hold words that count."""
        return frozenset(line.region for line in self._lines)

    def lost(self, decoded: NDArray[np.uint8]) -> Mapping[int, int]:
        """How many words each region lost; regions that lost none are left out."""
        read = self._reader.read(decoded, [line.polygon for line in self._lines])
        lost = {
            line.region: len(line.legible - kept_words(line.words, reading))
            for line, reading in zip(self._lines, read, strict=True)
        }
        return {region: count for region, count in lost.items() if count}


def kept_words(words: Sequence[str], reading: Sequence[str]) -> frozenset[int]:
    """Indices of the words that a reading has too, in the same order; additions cost nothing."""
    blocks = SequenceMatcher(None, words, reading, autojunk=False).get_matching_blocks()
    return frozenset(block.a + step for block in blocks for step in range(block.size))


def _truths(
    recogniser: Recogniser, image: NDArray[np.uint8], regions: Sequence[KnownRegion]
) -> dict[int, list[str]]:
    texts = [i for i, region in enumerate(regions) if region.content == "text"]
    unknown = [i for i in texts if regions[i].transcription is None]
    readings = recogniser.read(image, [regions[i].polygon for i in unknown])
    sure = {
        i: reading.text
        for i, reading in zip(unknown, readings, strict=True)
        if reading.confidence >= SURE
    }
    known = {i: regions[i].transcription or sure.get(i, "") for i in texts}
    words = {i: [comparable(word) for word in text.split()] for i, text in known.items()}
    return {i: kept for i, each in words.items() if (kept := [word for word in each if word])}


def _line(image: NDArray[np.uint8], polygon: Polygon) -> NDArray[np.uint8]:
    crop = crop_polygon(image, polygon, MARGIN)
    scale = max(TALL / crop.shape[0], 1.0)
    size = max(round(crop.shape[1] * scale), TALL), round(crop.shape[0] * scale)
    return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
