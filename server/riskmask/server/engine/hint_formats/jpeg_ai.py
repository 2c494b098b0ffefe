"""``jpeg-ai``: the quality map of JPEG AI.

int8 per latent cell of 16x16 pixels, raster, in [-8, 8], and here *positive means more bits*: an
index Q multiplies the latent by 2^(Q/4) before it is quantised (Jia et al., Bit Distribution Study
and Implementation of Spatial Quality Map in the JPEG-AI Standardization, arXiv 2402.17470). Never
run: no implementation is at hand.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.server.engine.hint_formats.canonical import CanonicalMap, HintError
from riskmask.server.engine.hint_formats.grids import quantised, raster
from riskmask.server.engine.squares import BLOCK
from riskmask.server.engine.values import HintPayload

INDEX_PER_OCTAVE = 4.0
INDEX_RANGE = 8


class JpegAi:
    """One int8 per cell; 4 indexes to a halved step, by the definition."""

    name = "jpeg-ai"
    effectiveness = "UNPROVEN"
    square = BLOCK

    def export(self, canonical: CanonicalMap) -> HintPayload:
        """R x C bytes."""
        rows, columns = canonical.levels.shape
        wanted = canonical.offsets(self.name, INDEX_PER_OCTAVE)
        data = quantised(wanted, -INDEX_RANGE, INDEX_RANGE).astype(np.int8).tobytes()
        return HintPayload(self.name, data, columns, rows, BLOCK, self.effectiveness)

    def parse(self, data: bytes, like: CanonicalMap) -> NDArray[np.float32]:
        """The levels that the indexes ask for."""
        rows, columns = like.levels.shape
        indexes = raster(data, np.int8, (rows, columns), like, self.name)
        if np.abs(indexes).max() > INDEX_RANGE:
            raise HintError(f"indexes of {self.name} must lie in [-{INDEX_RANGE}, {INDEX_RANGE}]")
        return like.from_offsets(indexes, self.name, INDEX_PER_OCTAVE)
