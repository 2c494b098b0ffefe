"""``android-qp-map`` and ``android-qp-rects``: MediaCodec's QP_OFFSET_MAP and QP_OFFSET_RECTS.

Since API 35, for encoders with ``FEATURE_Roi``; negative for more bits in both. The map is int8
per 16x16 pixels, raster, ((w + 15) / 16) x ((h + 15) / 16) bytes, in [-51, 51]. The rectangles are
text, ``Top,Left-Bottom,Right=Offset;…``, offsets in [-128, 127]. Either stays in force for all
frames that follow until it is replaced: send zeros, or a new hint, with the next picture. Never
run: no such device is at hand.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from riskmask.server.engine.hint_formats.canonical import CanonicalMap, HintError
from riskmask.server.engine.hint_formats.grids import quantised, raster
from riskmask.server.engine.hint_formats.qp import QP_PER_OCTAVE, QP_RANGE
from riskmask.server.engine.hint_formats.rectangles import Rectangle, cover, paint
from riskmask.server.engine.squares import BLOCK
from riskmask.server.engine.values import HintPayload

RECTANGLE = re.compile(r"(\d+),(\d+)-(\d+),(\d+)=(-?\d+)")
LOWEST, HIGHEST = -128, 127
PROFILE = "android"
MOST_RECTANGLES = 400  # a driver takes a few hundred


class AndroidQpMap:
    """One int8 per block: 6 QP to a halved step, unless there is a profile ``android``."""

    name = "android-qp-map"
    effectiveness = "UNPROVEN"
    square = BLOCK

    def export(self, canonical: CanonicalMap) -> HintPayload:
        """R x C bytes."""
        rows, columns = canonical.levels.shape
        offsets = quantised(canonical.offsets(PROFILE, QP_PER_OCTAVE), -QP_RANGE, QP_RANGE)
        data = offsets.astype(np.int8).tobytes()
        return HintPayload(self.name, data, columns, rows, BLOCK, self.effectiveness)

    def parse(self, data: bytes, like: CanonicalMap) -> NDArray[np.float32]:
        """The levels that the offsets ask for."""
        rows, columns = like.levels.shape
        offsets = raster(data, np.int8, (rows, columns), like, self.name)
        if np.abs(offsets).max() > QP_RANGE:
            raise HintError(f"offsets of {self.name} must lie in [-{QP_RANGE}, {QP_RANGE}]")
        return like.from_offsets(offsets, PROFILE, QP_PER_OCTAVE)


class AndroidQpRects:
    """The same offsets as rectangles."""

    name = "android-qp-rects"
    effectiveness = "UNPROVEN"
    square = BLOCK

    def export(self, canonical: CanonicalMap) -> HintPayload:
        """ASCII; empty where every block has the base level.

        Raises:
            TooManyRectanglesError: the list would have over 400.
        """
        offsets = quantised(canonical.offsets(PROFILE, QP_PER_OCTAVE), -QP_RANGE, QP_RANGE)
        text = "".join(
            f"{area.top},{area.left}-{area.bottom},{area.right}={area.offset};"
            for area in cover(offsets, canonical.width, canonical.height, MOST_RECTANGLES)
        )
        return HintPayload(self.name, text.encode("ascii"), 0, 0, 0, self.effectiveness)

    def parse(self, data: bytes, like: CanonicalMap) -> NDArray[np.float32]:
        """The levels that the rectangles ask for."""
        areas = []
        for word in data.decode("ascii", errors="replace").split(";"):
            if not word:
                continue
            match = RECTANGLE.fullmatch(word)
            if match is None:
                raise HintError(f"{word[:80]!r} is not Top,Left-Bottom,Right=Offset")
            top, left, bottom, right, offset = map(int, match.groups())
            if not LOWEST <= offset <= HIGHEST:
                raise HintError(f"offsets of {self.name} must lie in [{LOWEST}, {HIGHEST}]")
            areas.append(Rectangle(top, bottom, left, right, offset))
        painted = paint(areas, like, self.name)
        return like.from_offsets(painted, PROFILE, QP_PER_OCTAVE)
