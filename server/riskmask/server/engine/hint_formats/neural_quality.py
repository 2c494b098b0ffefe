"""``neural-quality``: the quality map of variable-rate neural codecs.

float32, little-endian, in [0, 1] per latent cell of 16x16 pixels, raster, higher is better
(Song et al., Variable-Rate Deep Image Compression through Spatially-Adaptive Feature Transform,
ICCV 2021). Here 0 is the coarsest level and 1 the finest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.model.levels import FINEST
from riskmask.server.engine.hint_formats.canonical import CanonicalMap, HintError
from riskmask.server.engine.hint_formats.grids import raster
from riskmask.server.engine.squares import BLOCK
from riskmask.server.engine.values import HintPayload


class NeuralQuality:
    """Levels divided by 7."""

    name = "neural-quality"
    effectiveness = "EFFECTIVE"
    square = BLOCK

    def export(self, canonical: CanonicalMap) -> HintPayload:
        """(R, C) float32 levels as R x C x 4 bytes."""
        rows, columns = canonical.levels.shape
        quality = np.clip(canonical.levels / np.float32(FINEST), 0.0, 1.0)
        data = quality.astype("<f4").tobytes()
        return HintPayload(self.name, data, columns, rows, BLOCK, self.effectiveness)

    def parse(self, data: bytes, like: CanonicalMap) -> NDArray[np.float32]:
        """The levels of the qualities."""
        rows, columns = like.levels.shape
        quality = raster(data, "<f4", (rows, columns), like, self.name)
        if not ((quality >= 0.0) & (quality <= 1.0)).all():
            raise HintError(f"a quality of {self.name} must lie in [0, 1]")
        return (quality * FINEST).astype(np.float32)
