"""``svt-av1``: the file of ``--roi-map-file``.

Text, a line per change: the frame's number, then an offset of the quantiser index per 64x64 block,
raster, separated by spaces, in [-255, 255], at most 8 distinct values (AV1 has 8 segments),
negative for more bits. Only SVT-AV1's own application reads it; FFmpeg has no way to pass it on,
and ignores ``ffmpeg-roi`` for this encoder.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.server.engine.hint_formats.canonical import CanonicalMap, HintError
from riskmask.server.engine.hint_formats.grids import (
    at_most,
    grid_shape,
    quantised,
    snapped,
    spread,
)
from riskmask.server.engine.hint_formats.qp import QINDEX_PER_OCTAVE, QINDEX_RANGE
from riskmask.server.engine.values import HintPayload

SUPERBLOCK = 64
SEGMENTS = 8


class SvtAv1:
    """One line for frame 0. Without a profile the slope is that of AV1's table of steps."""

    name = "svt-av1"
    effectiveness = "UNPROVEN"
    square = SUPERBLOCK

    def export(self, canonical: CanonicalMap) -> HintPayload:
        """ASCII."""
        squares = snapped(canonical.offsets(self.name, QINDEX_PER_OCTAVE), SUPERBLOCK, finer=-1)
        offsets = at_most(quantised(squares, -QINDEX_RANGE, QINDEX_RANGE), SEGMENTS)
        line = " ".join(["0", *map(str, offsets.ravel().tolist())]) + "\n"
        rows, columns = offsets.shape
        data = line.encode("ascii")
        return HintPayload(self.name, data, columns, rows, SUPERBLOCK, self.effectiveness)

    def parse(self, data: bytes, like: CanonicalMap) -> NDArray[np.float32]:
        """The levels that the line for frame 0 asks for."""
        try:
            frame, *numbers = map(int, data.decode("ascii").splitlines()[0].split())
        except (ValueError, IndexError):
            raise HintError("an svt-av1 hint is a line of whole numbers") from None
        rows, columns = grid_shape(like, SUPERBLOCK)
        if frame != 0 or len(numbers) != rows * columns:
            raise HintError(
                f"this svt-av1 line has {len(numbers)} offsets for frame {frame}; an image of "
                f"{like.width}x{like.height} pixels needs {rows * columns} for frame 0"
            )
        if len(set(numbers)) > SEGMENTS or max(map(abs, numbers)) > QINDEX_RANGE:
            raise HintError(
                f"svt-av1 takes at most {SEGMENTS} distinct offsets, "
                f"-{QINDEX_RANGE} to {QINDEX_RANGE}"
            )
        squares = np.array(numbers, np.float64).reshape(rows, columns)
        return like.from_offsets(spread(squares, SUPERBLOCK, like), self.name, QINDEX_PER_OCTAVE)
