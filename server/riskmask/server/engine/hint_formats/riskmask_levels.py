"""``riskmask-levels``: the canonical map itself, for this project's codec and for any tool.

float32, little-endian, the wanted level in [0, 7] per 16x16 block, raster; columns and rows are
the image's size divided by 16, rounded up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.server.engine.values import HintPayload

BLOCK = 16


class RiskmaskLevels:
    """Levels as they are; the reference codec scales its quantiser steps by this map."""

    name = "riskmask-levels"
    effectiveness = "EFFECTIVE"

    def export(self, levels: NDArray[np.float32]) -> HintPayload:
        """(R, C) float32 levels as R x C x 4 bytes."""
        rows, columns = levels.shape
        data = levels.astype("<f4").tobytes()
        return HintPayload(self.name, data, columns, rows, BLOCK, self.effectiveness)
