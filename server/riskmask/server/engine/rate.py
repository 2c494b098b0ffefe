"""What a codec spends on this image, per block and level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.model.levels import ANCHORS, FINEST
from riskmask.model.runtime.prediction import RATE_STRIDE, Prediction
from riskmask.model.runtime.profiles import CodecProfile

# Keeps logarithms finite where a codec spends nothing; far under a bit for a whole image.
LEAST_BPP = 1e-9


class RateCurves:
    """Bits per pixel over an image and over its 16x16 blocks, functions of the level.

    Both are geometric between the anchors: rate-distortion curves are close to straight in
    log-rate against the logarithm of the quantiser step, which is the level.

    Attributes:
        pixels: of the image.
        shape: rows and columns of blocks.
    """

    def __init__(self, prediction: Prediction, profile: CodecProfile) -> None:
        factor = np.asarray(profile.rate_factor, np.float32)[:, None, None]
        density = np.maximum(prediction.rate * factor, np.float32(LEAST_BPP))
        np.maximum.accumulate(density, axis=0, out=density)
        self.shape = density.shape[1:]
        self.pixels = prediction.width * prediction.height
        self._area = np.outer(
            _covered(prediction.height, RATE_STRIDE), _covered(prediction.width, RATE_STRIDE)
        )
        self._log_density = np.log(density)
        means = np.einsum("khw,hw->k", density, self._area, dtype=np.float64) / self.pixels
        self._log_bpp = np.maximum.accumulate(np.log(means))

    def bpp(self, level: float) -> float:
        """Bits per pixel of the image, coded at one level in [0, 7]."""
        return float(np.exp(np.interp(level, np.arange(ANCHORS), self._log_bpp)))

    def level(self, bpp: float) -> float:
        """The finest level in [0, 7] that costs at most ``bpp``; 0 where none does."""
        wanted = np.log(bpp)
        below = int(np.searchsorted(self._log_bpp, wanted, side="right")) - 1
        if below < 0:
            return 0.0
        if below >= ANCHORS - 1:
            return FINEST
        lower, upper = self._log_bpp[below], self._log_bpp[below + 1]
        return float(below + (wanted - lower) / (upper - lower))

    def bits(self, levels: NDArray[np.float32]) -> NDArray[np.float64]:
        """Bits of each block when each is coded at its own level.

        Args:
            levels: (R, C) float32 in [0, 7].

        Returns:
            (R, C) float64.
        """
        below = np.clip(levels.astype(np.intp), 0, ANCHORS - 2)
        lower = np.take_along_axis(self._log_density, below[None], axis=0)[0]
        upper = np.take_along_axis(self._log_density, below[None] + 1, axis=0)[0]
        density = np.exp(lower + (levels - below) * (upper - lower), dtype=np.float64)
        return np.asarray(density * self._area)


def _covered(length: int, stride: int) -> NDArray[np.float64]:
    """How many pixels of each block lie inside the image, along one axis."""
    starts = np.arange(0, length, stride)
    return np.minimum(length - starts, stride).astype(np.float64)
