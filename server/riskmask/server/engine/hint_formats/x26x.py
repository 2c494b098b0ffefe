"""``x264`` and ``x265``: the encoders' own quantiser offsets.

float32, little-endian, a QP offset per 16x16 pixels, raster, dimensions rounded up, negative for
more bits: what ``x264_picture_t.prop.quant_offsets`` and ``x265_picture.quantOffsets`` point to.
Both need adaptive quantisation switched on (x264's ``ultrafast`` and every constant-QP mode switch
it off). FFmpeg's wrappers fill the same array from ``ffmpeg-roi``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.server.engine.hint_formats.canonical import CanonicalMap, HintError
from riskmask.server.engine.hint_formats.grids import raster
from riskmask.server.engine.hint_formats.qp import QP_PER_OCTAVE, QP_RANGE
from riskmask.server.engine.squares import BLOCK
from riskmask.server.engine.values import HintPayload


class QuantOffsets:
    """One float per block. Without the encoder's profile: 6 QP to a halved step."""

    effectiveness = "EFFECTIVE"
    square = BLOCK

    def __init__(self, name: str) -> None:
        self.name = name

    def export(self, canonical: CanonicalMap) -> HintPayload:
        """R x C x 4 bytes."""
        rows, columns = canonical.levels.shape
        offsets = canonical.offsets(self.name, QP_PER_OCTAVE)
        data = np.clip(offsets, -QP_RANGE, QP_RANGE).astype("<f4").tobytes()
        return HintPayload(self.name, data, columns, rows, BLOCK, self.effectiveness)

    def parse(self, data: bytes, like: CanonicalMap) -> NDArray[np.float32]:
        """The levels that the offsets ask for."""
        rows, columns = like.levels.shape
        offsets = raster(data, "<f4", (rows, columns), like, self.name)
        if not np.isfinite(offsets).all() or np.abs(offsets).max() > QP_RANGE:
            raise HintError(f"offsets of {self.name} must lie in [-{QP_RANGE}, {QP_RANGE}]")
        return like.from_offsets(offsets, self.name, QP_PER_OCTAVE)
