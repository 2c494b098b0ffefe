"""``neural-quality``: the quality map of variable-rate neural codecs.

float32, little-endian, in [0, 1] per latent cell of 16x16 pixels, raster, higher is better
(Song et al., Variable-Rate Deep Image Compression through Spatially-Adaptive Feature Transform,
ICCV 2021). Here 0 is the coarsest level and 1 the finest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.model.levels import FINEST
from riskmask.server.engine.values import HintPayload

BLOCK = 16


class NeuralQuality:
    """Levels divided by 7."""

    name = "neural-quality"
    effectiveness = "EFFECTIVE"

    def export(self, levels: NDArray[np.float32]) -> HintPayload:
        """(R, C) float32 levels as R x C x 4 bytes."""
        rows, columns = levels.shape
        data = np.clip(levels / np.float32(FINEST), 0.0, 1.0).astype("<f4").tobytes()
        return HintPayload(self.name, data, columns, rows, BLOCK, self.effectiveness)
