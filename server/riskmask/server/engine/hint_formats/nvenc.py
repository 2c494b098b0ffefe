"""``nvenc-h264``, ``nvenc-hevc`` and ``nvenc-av1``: ``qpDeltaMap`` with ``NV_ENC_QP_MAP_DELTA``.

int8, raster, negative for more bits: one per macroblock of 16x16 pixels in H.264, per coding tree
block of 32x32 in HEVC, per superblock of 64x64 in AV1. H.264 and HEVC count in QP, AV1 in indexes
of its table of steps. Never run: no GPU at hand has the encoder.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.server.engine.hint_formats.canonical import CanonicalMap, HintError
from riskmask.server.engine.hint_formats.grids import grid_shape, quantised, raster, snapped, spread
from riskmask.server.engine.values import HintPayload


class Nvenc:
    """One int8 per square. Without a profile the slope is that of the codec's definition.

    Args:
        codec: ``h264``, ``hevc`` or ``av1``.
        square: side in pixels, a multiple of 16.
        per_octave: change of the codec's quantiser parameter when the step halves.
        highest: largest offset, within int8.
    """

    effectiveness = "UNPROVEN"

    def __init__(self, codec: str, square: int, per_octave: float, highest: int) -> None:
        self.name = f"nvenc-{codec}"
        self.square = square
        self._per_octave = per_octave
        self._highest = highest

    def export(self, canonical: CanonicalMap) -> HintPayload:
        """A byte per square."""
        wanted = canonical.offsets(self.name, self._per_octave)
        squares = quantised(snapped(wanted, self.square, finer=-1), -self._highest, self._highest)
        rows, columns = squares.shape
        data = squares.astype(np.int8).tobytes()
        return HintPayload(self.name, data, columns, rows, self.square, self.effectiveness)

    def parse(self, data: bytes, like: CanonicalMap) -> NDArray[np.float32]:
        """The levels that the deltas ask for."""
        squares = raster(data, np.int8, grid_shape(like, self.square), like, self.name)
        if np.abs(squares).max() > self._highest:
            raise HintError(
                f"deltas of {self.name} must lie in [-{self._highest}, {self._highest}]"
            )
        return like.from_offsets(spread(squares, self.square, like), self.name, self._per_octave)
