"""``riskmask-levels``: the canonical map itself, for this project's codec and for any tool.

float32, little-endian, the wanted level in [0, 7] per 16x16 block, raster; columns and rows are
the image's size divided by 16, rounded up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.model.levels import FINEST
from riskmask.server.engine.hint_formats.canonical import CanonicalMap, HintError
from riskmask.server.engine.hint_formats.grids import raster
from riskmask.server.engine.squares import BLOCK
from riskmask.server.engine.values import HintPayload


class RiskmaskLevels:
    """Levels as they are; the reference codec scales its quantiser steps by this map."""

    name = "riskmask-levels"
    effectiveness = "EFFECTIVE"
    square = BLOCK

    def export(self, canonical: CanonicalMap) -> HintPayload:
        """(R, C) float32 levels as R x C x 4 bytes."""
        rows, columns = canonical.levels.shape
        data = canonical.levels.astype("<f4").tobytes()
        return HintPayload(self.name, data, columns, rows, BLOCK, self.effectiveness)

    def parse(self, data: bytes, like: CanonicalMap) -> NDArray[np.float32]:
        """The levels."""
        rows, columns = like.levels.shape
        levels = raster(data, "<f4", (rows, columns), like, self.name)
        if not ((levels >= 0.0) & (levels <= FINEST)).all():
            raise HintError(f"a level of {self.name} must lie in [0, {FINEST:g}]")
        return levels.astype(np.float32)
