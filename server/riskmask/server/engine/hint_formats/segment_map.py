"""``libaom`` and ``libvpx``: the segments of ``AOME_SET_ROI_MAP`` and ``VP9E_SET_ROI_MAP``.

Eight int32 quantiser deltas, little-endian, in [-63, 63], negative for more bits, then a segment's
number (uint8, 0 to 7) per 8x8 pixels, raster: the ``delta_q`` and ``roi_map`` of
``aom_roi_map_t`` and ``vpx_roi_map_t``; rows and columns are those of the grid. Segment 0 has the
delta that most blocks have. libvpx looks at it in real time only, and never on a key frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.server.engine.hint_formats.canonical import CanonicalMap, HintError
from riskmask.server.engine.hint_formats.grids import at_most, grid_shape, quantised, raster
from riskmask.server.engine.hint_formats.qp import QUANTIZER_PER_OCTAVE, QUANTIZER_RANGE
from riskmask.server.engine.squares import BLOCK
from riskmask.server.engine.values import HintPayload

CELL = 8
SEGMENTS = 8
HEAD = 4 * SEGMENTS


class SegmentMap:
    """Deltas, then numbers. Without a profile the slope is that of the codec's table of steps."""

    square = BLOCK

    def __init__(self, name: str, effectiveness: str) -> None:
        self.name = name
        self.effectiveness = effectiveness

    def export(self, canonical: CanonicalMap) -> HintPayload:
        """32 bytes and one per 8x8 pixels."""
        offsets = canonical.offsets(self.name, QUANTIZER_PER_OCTAVE)
        deltas = at_most(quantised(offsets, -QUANTIZER_RANGE, QUANTIZER_RANGE), SEGMENTS)
        values, counts = np.unique(deltas, return_counts=True)
        values = values[np.argsort(-counts, kind="stable")]
        numbers = (deltas[..., None] == values).argmax(axis=-1).astype(np.uint8)
        rows, columns = grid_shape(canonical, CELL)
        cells = numbers.repeat(BLOCK // CELL, axis=0).repeat(BLOCK // CELL, axis=1)
        table = np.zeros(SEGMENTS, "<i4")
        table[: values.size] = values
        data = table.tobytes() + cells[:rows, :columns].tobytes()
        return HintPayload(self.name, data, columns, rows, CELL, self.effectiveness)

    def parse(self, data: bytes, like: CanonicalMap) -> NDArray[np.float32]:
        """The levels that the segments ask for."""
        if len(data) < HEAD:
            raise HintError(f"a {self.name} hint begins with {SEGMENTS} deltas, {HEAD} bytes")
        table = np.frombuffer(data[:HEAD], "<i4").astype(np.float64)
        cells = raster(data[HEAD:], np.uint8, grid_shape(like, CELL), like, self.name)
        if cells.max() >= SEGMENTS or np.abs(table).max() > QUANTIZER_RANGE:
            raise HintError(
                f"{self.name} takes segments 0 to {SEGMENTS - 1} and deltas "
                f"-{QUANTIZER_RANGE} to {QUANTIZER_RANGE}"
            )
        # An odd number of cells leaves the last block with one row or column of them.
        numbers = cells[:: BLOCK // CELL, :: BLOCK // CELL].astype(np.intp)
        return like.from_offsets(table[numbers], self.name, QUANTIZER_PER_OCTAVE)
