"""The ``riskmask-levels`` hint as an encoder reads it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.model.encoders.errors import EncoderHintError
from riskmask.model.levels import FINEST

BLOCK = 16


def read_levels(hint: bytes, height: int, width: int) -> NDArray[np.float32]:
    """(ceil(H/16), ceil(W/16)) float32 levels in [0, 7].

    Raises:
        EncoderHintError: it is another image's map, or a value is no level.
    """
    rows, columns = -(-height // BLOCK), -(-width // BLOCK)
    if len(hint) != 4 * rows * columns:
        raise EncoderHintError(
            f"the level map has {len(hint)} bytes; an image of {width}x{height} pixels "
            f"needs {4 * rows * columns}"
        )
    levels = np.frombuffer(hint, "<f4").reshape(rows, columns)
    if not ((levels >= 0.0) & (levels <= FINEST)).all():
        raise EncoderHintError(f"a level of the map is not in [0, {FINEST:g}]")
    return levels
