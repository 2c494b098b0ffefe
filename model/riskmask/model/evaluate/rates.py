"""The predicted rate of whole images beside the size of real streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from riskmask.model.codecs.base import Codec
from riskmask.model.data.training_set import Example
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.model.runtime.whole_rate import whole_rate

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


def measure_rates(
    predictor: Predictor, codec: Codec, profile: CodecProfile, examples: Sequence[Example]
) -> RateErrors:
    """Write real streams of every picture at four levels and compare their sizes.

    Args:
        predictor: of the rate map.
        codec: that writes the streams.
        profile: of the same codec, whose rate factors apply.
        examples: pictures.
    """
    errors = []
    for example in tqdm(examples, desc=f"{codec.name}: streams", unit="image"):
        predicted = whole_rate(predictor.predict(example.image)) * np.array(profile.rate_factor)
        pixels = example.image.shape[0] * example.image.shape[1]
        row = []
        for level in LEVELS:
            real = len(codec.compress(example.image, level)) * 8 / pixels
            row.append(abs(predicted[level] - real) / real)
        errors.append(row)
    return RateErrors(LEVELS, np.array(errors))
