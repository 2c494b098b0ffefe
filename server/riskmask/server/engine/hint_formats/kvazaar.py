"""``kvazaar``: the file of ``--roi``, in its binary form.

Width and height of the map as int32 in the machine's order (little-endian here), then one int8 QP
delta per cell, raster, negative for more bits. Any grid is accepted and stretched over the picture;
here a cell has 16x16 pixels, and the stretching is exact where both sides are multiples of 16. The
file is read once per frame and from its start again at its end, so one map serves a whole video.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from riskmask.server.engine.hint_formats.canonical import BLOCK, CanonicalMap, HintError
from riskmask.server.engine.hint_formats.grids import quantised, raster
from riskmask.server.engine.hint_formats.qp import QP_PER_OCTAVE, QP_RANGE
from riskmask.server.engine.values import HintPayload

HEAD = struct.Struct("<2i")


class Kvazaar:
    """A header of 8 bytes and int8 deltas. Without a profile: 6 QP to a halved step."""

    name = "kvazaar"
    effectiveness = "EFFECTIVE"

    def export(self, canonical: CanonicalMap) -> HintPayload:
        """8 + R x C bytes."""
        rows, columns = canonical.levels.shape
        offsets = canonical.offsets(self.name, QP_PER_OCTAVE)
        deltas = quantised(offsets, -QP_RANGE, QP_RANGE).astype(np.int8)
        data = HEAD.pack(columns, rows) + deltas.tobytes()
        return HintPayload(self.name, data, columns, rows, BLOCK, self.effectiveness)

    def parse(self, data: bytes, like: CanonicalMap) -> NDArray[np.float32]:
        """The levels that the deltas ask for."""
        rows, columns = like.levels.shape
        if len(data) < HEAD.size:
            raise HintError("a kvazaar hint begins with the map's width and height, 8 bytes")
        if HEAD.unpack_from(data) != (columns, rows):
            raise HintError(
                f"this kvazaar map has {'x'.join(map(str, HEAD.unpack_from(data)))} cells; an "
                f"image of {like.width}x{like.height} pixels has {columns}x{rows}"
            )
        deltas = raster(data[HEAD.size :], np.int8, (rows, columns), like, self.name)
        return like.from_offsets(deltas, self.name, QP_PER_OCTAVE)
