"""``ffmpeg-roi`` and ``ffmpeg-addroi``: FFmpeg's regions of interest, as side data and as filters.

``ffmpeg-roi`` is the content of ``AV_FRAME_DATA_REGIONS_OF_INTEREST``: an array of
``AVRegionOfInterest`` (libavutil/frame.h), seven 32-bit integers each, little-endian: own size
(28), top, bottom, left, right in pixels, numerator and denominator of the offset.
``ffmpeg-addroi`` is the same as text for ``-vf``, one ``addroi`` filter per region.

The offset is rational in [-1, 1], negative for more bits, and means itself times the encoder's QP
range, 51; the first listed region wins where several overlap, and the most important come first.
libx264 and libx265 listen on stills; libsvtav1, libaom, libvpx-vp9 and libvvenc do not
(docs/hints.md).
"""

from __future__ import annotations

import re
import struct

import numpy as np
from numpy.typing import NDArray

from riskmask.server.engine.hint_formats.canonical import CanonicalMap, HintError
from riskmask.server.engine.hint_formats.grids import quantised
from riskmask.server.engine.hint_formats.qp import QP_PER_OCTAVE, QP_RANGE
from riskmask.server.engine.hint_formats.rectangles import Rectangle, cover, paint
from riskmask.server.engine.squares import BLOCK
from riskmask.server.engine.values import HintPayload

STRUCTURE = struct.Struct("<I6i")
# 28 bytes each; FFmpeg passes over the whole list for each frame.
MOST_REGIONS = 8192
MOST_FILTERS = 400  # of a chain on a command line
OWN_PROFILES = ("x264", "x265")
FILTER = re.compile(r"addroi=x=(\d+):y=(\d+):w=(\d+):h=(\d+):qoffset=(-?\d+)/(\d+)")


def _encoder(canonical: CanonicalMap) -> str:
    """Whose profile says what an offset does: that of the codec asked for, where it listens."""
    return canonical.codec if canonical.codec in OWN_PROFILES else "x264"


def _listed(canonical: CanonicalMap, most: int) -> tuple[Rectangle, ...]:
    wanted = canonical.offsets(_encoder(canonical), QP_PER_OCTAVE)
    offsets = quantised(wanted, -QP_RANGE, QP_RANGE)
    return cover(offsets, canonical.width, canonical.height, most)


def _levels(areas: list[Rectangle], like: CanonicalMap, name: str) -> NDArray[np.float32]:
    return like.from_offsets(paint(areas, like, name), _encoder(like), QP_PER_OCTAVE)


def _qp(numerator: int, denominator: int) -> int:
    if denominator <= 0 or abs(numerator) > denominator:
        raise HintError("the offset of a region of interest must lie in [-1, 1]")
    return round(numerator * QP_RANGE / denominator)


class FfmpegRoi:
    """The side data's bytes. Without a profile for the encoder: 6 QP to a halved step."""

    name = "ffmpeg-roi"
    effectiveness = "EFFECTIVE"
    square = BLOCK

    def export(self, canonical: CanonicalMap) -> HintPayload:
        """28 bytes per region; no bytes where every block has the base level.

        Raises:
            TooManyRectanglesError: the list would have over 8,192.
        """
        data = b"".join(
            STRUCTURE.pack(
                STRUCTURE.size,
                area.top,
                area.bottom,
                area.left,
                area.right,
                area.offset,
                QP_RANGE,
            )
            for area in _listed(canonical, MOST_REGIONS)
        )
        return HintPayload(self.name, data, 0, 0, 0, self.effectiveness)

    def parse(self, data: bytes, like: CanonicalMap) -> NDArray[np.float32]:
        """The levels that a list asks for."""
        if len(data) % STRUCTURE.size:
            raise HintError(f"an {self.name} hint has {STRUCTURE.size} bytes for each region")
        areas = []
        for size, top, bottom, left, right, numerator, denominator in STRUCTURE.iter_unpack(data):
            if size != STRUCTURE.size:
                raise HintError(f"a region of this {self.name} hint claims {size} bytes")
            areas.append(Rectangle(top, bottom, left, right, _qp(numerator, denominator)))
        return _levels(areas, like, self.name)


class FfmpegAddroi:
    """The same list as ``ffmpeg -vf`` takes it; ``null`` where there is nothing to say."""

    name = "ffmpeg-addroi"
    effectiveness = "EFFECTIVE"
    square = BLOCK

    def export(self, canonical: CanonicalMap) -> HintPayload:
        """ASCII, filters joined by commas.

        Raises:
            TooManyRectanglesError: the chain would have over 400.
        """
        filters = [
            f"addroi=x={area.left}:y={area.top}:w={area.right - area.left}"
            f":h={area.bottom - area.top}:qoffset={area.offset}/{QP_RANGE}"
            for area in _listed(canonical, MOST_FILTERS)
        ]
        text = ",".join(filters) or "null"
        return HintPayload(self.name, text.encode("ascii"), 0, 0, 0, self.effectiveness)

    def parse(self, data: bytes, like: CanonicalMap) -> NDArray[np.float32]:
        """The levels that a chain of filters asks for."""
        text = data.decode("ascii", errors="replace").strip()
        areas = []
        for word in [] if text == "null" else text.split(","):
            match = FILTER.fullmatch(word)
            if match is None:
                raise HintError(f"{word[:80]!r} is no addroi filter as this format writes it")
            x, y, width, height, numerator, denominator = map(int, match.groups())
            offset = _qp(numerator, denominator)
            areas.append(Rectangle(y, y + height, x, x + width, offset))
        return _levels(areas, like, self.name)
