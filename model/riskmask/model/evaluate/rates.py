"""The predicted rate of whole images beside the size of real streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from riskmask.model.codecs.base import Codec
from riskmask.model.data.training_set import CELL, Example
from riskmask.model.runtime.predictor import Predictor

LEVELS = (0, 2, 4, 6)


@dataclass(frozen=True)
class RateErrors:
    """Relative errors |predicted - real| / real of images' bpp, (images, levels) float64."""

    levels: tuple[int, ...]
    errors: NDArray[np.float64]

    @property
    def median(self) -> float:
        """Over all images and levels."""
        return float(np.median(self.errors))


def measure_rates(predictor: Predictor, codec: Codec, examples: Sequence[Example]) -> RateErrors:
    """Write real streams of every picture at four levels and compare their sizes."""
    errors = []
    for example in tqdm(examples, desc="real streams", unit="image"):
        height, width = example.image.shape[:2]
        rate = predictor.predict(example.image).rate
        cells = _coverage(height, width)
        row = []
        for level in LEVELS:
            predicted = float((rate[level] * cells).sum()) / (height * width)
            real = len(codec.compress(example.image, level)) * 8 / (height * width)
            row.append(abs(predicted - real) / real)
        errors.append(row)
    return RateErrors(LEVELS, np.array(errors))


def _coverage(height: int, width: int) -> NDArray[np.float64]:
    """Pixels of the image inside each 16x16 cell."""
    rows, columns = (
        np.minimum(length - np.arange(0, length, CELL), CELL).astype(np.float64)
        for length in (height, width)
    )
    return np.outer(rows, columns)
