"""The canonical map, which every hint is written from and read back to.

A level says how fine, whatever the encoder; an encoder wants to hear how much its own quality
differs from the one it was set to. So an offset is the encoder's quality at a block's level minus
its quality at the base level.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from riskmask.model.levels import COARSEST_STEP, FINEST, FINEST_STEP
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.squares import BLOCK
from riskmask.server.engine.values import JpegAdvice

# How often the quantiser's step halves from one level to the next: 0.67.
OCTAVES_PER_LEVEL = math.log2(COARSEST_STEP / FINEST_STEP) / FINEST


class HintError(ValueError):
    """A map or a hint that does not fit its image or its format; the message says how."""


@dataclass(frozen=True)
class CanonicalMap:
    """What is wanted of an encoder.

    Attributes:
        levels: (R, C) float32 in [0, 7], raster, the wanted level per block of 16x16 pixels;
            R and C are the height and width divided by 16, rounded up.
        width, height: of the image in pixels.
        base_level: of the image coded without a hint, in [0, 7]; a block at it has offset 0.
        jpeg: the JPEG that is advised, for formats that have no map.
        profiles: codec profiles by name; formats use their own encoder's where there is one.
        codec: that is going to encode; counts where a format belongs to several encoders.

    Raises:
        HintError: the map is another image's, or a level is not in [0, 7].
    """

    levels: NDArray[np.float32]
    width: int
    height: int
    base_level: float
    jpeg: JpegAdvice
    profiles: Mapping[str, CodecProfile] = field(default_factory=dict)
    codec: str = ""

    def __post_init__(self) -> None:
        shape = (-(-self.height // BLOCK), -(-self.width // BLOCK))
        if self.levels.shape != shape:
            raise HintError(
                f"the map has {_size(self.levels.shape)} blocks; an image of "
                f"{self.width}x{self.height} pixels has {_size(shape)}"
            )
        if not (np.isfinite(self.levels).all() and 0.0 <= self.base_level <= FINEST):
            raise HintError(f"levels must be finite and lie in [0, {FINEST:g}]")
        if self.levels.min() < 0.0 or self.levels.max() > FINEST:
            raise HintError(f"levels must lie in [0, {FINEST:g}]")

    def offsets(self, codec: str, per_octave: float) -> NDArray[np.float64]:
        """(R, C) how much an encoder's quality differs from that of the base level.

        Args:
            codec: name of the encoder's profile.
            per_octave: change of the quality when the step halves; used where there is no profile.
        """
        profile = self.profiles.get(codec)
        if profile is None:
            return (self.levels.astype(np.float64) - self.base_level) * (
                per_octave * OCTAVES_PER_LEVEL
            )
        levels, qualities = np.array(profile.anchors).T
        base = np.interp(self.base_level, levels, qualities)
        return np.asarray(np.interp(self.levels, levels, qualities) - base)

    def from_offsets(
        self, offsets: NDArray[np.float64], codec: str, per_octave: float
    ) -> NDArray[np.float32]:
        """(R, C) the levels whose offsets these are; the opposite of :meth:`offsets`."""
        profile = self.profiles.get(codec)
        if profile is None:
            levels = self.base_level + offsets / (per_octave * OCTAVES_PER_LEVEL)
        else:
            base = profile.quality_of_level(self.base_level)
            known, qualities = np.array(profile.anchors).T
            order = np.argsort(qualities)
            levels = np.interp(base + offsets, qualities[order], known[order])
        return np.clip(levels, 0.0, FINEST).astype(np.float32)


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(str(side) for side in reversed(shape))
