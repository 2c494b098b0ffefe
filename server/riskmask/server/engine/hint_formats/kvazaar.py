"""``kvazaar``: the file of ``--roi``, in its binary form.

Width and height of the map as int32 in the machine's order (little-endian here), then one int8 QP
delta per cell, raster, negative for more bits. Any grid is accepted, but kvazaar looks up one cell
for each coding tree unit of 64x64 pixels, that of its top left corner; what a finer grid says of
the rest of the unit is lost. So a cell is a unit here. The file's name must end in ``.bin``, or it
is read as text. It is read once per frame and from its start again at its end.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from riskmask.server.engine.hint_formats.canonical import CanonicalMap, HintError
from riskmask.server.engine.hint_formats.grids import grid_shape, quantised, raster, snapped, spread
from riskmask.server.engine.hint_formats.qp import QP_PER_OCTAVE, QP_RANGE
from riskmask.server.engine.values import HintPayload

HEAD = struct.Struct("<2i")
TREE_UNIT = 64


class Kvazaar:
    """A header of 8 bytes and int8 deltas. Without a profile: 6 QP to a halved step."""

    name = "kvazaar"
    effectiveness = "EFFECTIVE"
    square = TREE_UNIT

    def export(self, canonical: CanonicalMap) -> HintPayload:
        """8 bytes and one per unit."""
        wanted = canonical.offsets(self.name, QP_PER_OCTAVE)
        cells = quantised(snapped(wanted, TREE_UNIT, finer=-1), -QP_RANGE, QP_RANGE)
        rows, columns = cells.shape
        data = HEAD.pack(columns, rows) + cells.astype(np.int8).tobytes()
        return HintPayload(self.name, data, columns, rows, TREE_UNIT, self.effectiveness)

    def parse(self, data: bytes, like: CanonicalMap) -> NDArray[np.float32]:
        """The levels that the deltas ask for."""
        rows, columns = grid_shape(like, TREE_UNIT)
        if len(data) < HEAD.size:
            raise HintError("a kvazaar hint begins with the map's width and height, 8 bytes")
        if HEAD.unpack_from(data) != (columns, rows):
            raise HintError(
                f"this kvazaar map has {'x'.join(map(str, HEAD.unpack_from(data)))} cells; an "
                f"image of {like.width}x{like.height} pixels has {columns}x{rows}"
            )
        deltas = raster(data[HEAD.size :], np.int8, (rows, columns), like, self.name)
        if np.abs(deltas).max() > QP_RANGE:
            raise HintError(f"deltas of {self.name} must lie in [-{QP_RANGE}, {QP_RANGE}]")
        return like.from_offsets(spread(deltas, TREE_UNIT, like), self.name, QP_PER_OCTAVE)
