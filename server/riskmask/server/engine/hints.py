"""The registry of hint formats: what particular encoders accept to spend bits elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from riskmask.model.encoders.hevc import coding_tree_unit
from riskmask.server.engine.errors import UnknownHintFormatError
from riskmask.server.engine.hint_formats.android import AndroidQpMap, AndroidQpRects
from riskmask.server.engine.hint_formats.canonical import CanonicalMap
from riskmask.server.engine.hint_formats.ffmpeg_roi import FfmpegAddroi, FfmpegRoi
from riskmask.server.engine.hint_formats.jpeg_ai import JpegAi
from riskmask.server.engine.hint_formats.kvazaar import Kvazaar
from riskmask.server.engine.hint_formats.neural_quality import NeuralQuality
from riskmask.server.engine.hint_formats.nvenc import Nvenc
from riskmask.server.engine.hint_formats.qp import (
    QINDEX_PER_OCTAVE,
    QP_PER_OCTAVE,
    QP_RANGE,
)
from riskmask.server.engine.hint_formats.quality_advice import QualityAdvice
from riskmask.server.engine.hint_formats.rectangles import TooManyRectanglesError
from riskmask.server.engine.hint_formats.riskmask_levels import RiskmaskLevels
from riskmask.server.engine.hint_formats.segment_map import SegmentMap
from riskmask.server.engine.hint_formats.svt_av1 import SvtAv1
from riskmask.server.engine.hint_formats.x26x import QuantOffsets
from riskmask.server.engine.squares import BLOCK
from riskmask.server.engine.values import HintPayload


class HintFormat(Protocol):
    """One encoder's way to be told where to spend bits."""

    @property
    def name(self) -> str:
        """Registry name, lower case with hyphens."""
        ...

    @property
    def effectiveness(self) -> str:
        """``EFFECTIVE``, ``NOT_EFFECTIVE_ON_STILLS`` or ``UNPROVEN``."""
        ...

    @property
    def square(self) -> int | None:
        """Side in pixels of the squares whose blocks cannot differ: 16, 32 or 64.

        None where the format carries no map, only advice for the whole image.
        """
        ...

    def export(self, canonical: CanonicalMap) -> HintPayload:
        """The bytes that the encoder reads, as near to the map as the format can say it.

        Squares larger than a block get the finest level of their blocks.

        Raises:
            TooManyRectanglesError: it is a list, and would be longer than what reads it takes.
        """
        ...

    def parse(self, data: bytes, like: CanonicalMap) -> NDArray[np.float32]:
        """(R, C) float32 in [0, 7], the level that a hint asks of each block of 16x16 pixels.

        Exporting what was parsed gives the same bytes.

        Args:
            data: a hint of this format.
            like: the image and its base level; its levels are not looked at.

        Raises:
            HintError: it is none, is out of the format's range, or is another image's.
        """
        ...


INT8 = 127
ROUNDING = 0.19  # of a level: half a step of the coarsest format, a quarter of an octave
X265 = "x265"
OF_SEVERAL_ENCODERS = ("ffmpeg-roi", "ffmpeg-addroi")

HINT_FORMATS: dict[str, HintFormat] = {
    hint.name: hint
    for hint in (
        RiskmaskLevels(),
        NeuralQuality(),
        FfmpegRoi(),
        FfmpegAddroi(),
        QuantOffsets("x264"),
        QuantOffsets(X265),
        Kvazaar(),
        SvtAv1(),
        SegmentMap("libaom", "UNPROVEN"),
        SegmentMap("libvpx", "NOT_EFFECTIVE_ON_STILLS"),
        Nvenc("h264", 16, QP_PER_OCTAVE, QP_RANGE),
        Nvenc("hevc", 32, QP_PER_OCTAVE, QP_RANGE),
        Nvenc("av1", 64, QINDEX_PER_OCTAVE, INT8),
        AndroidQpMap(),
        AndroidQpRects(),
        JpegAi(),
        QualityAdvice("jpeg"),
        QualityAdvice("webp"),
        QualityAdvice("jpeg-xl"),
    )
}


def check_hint_formats(names: Iterable[str]) -> None:
    """Raise UnknownHintFormatError for the first name that is not registered."""
    for name in names:
        if name not in HINT_FORMATS:
            raise UnknownHintFormatError(name, HINT_FORMATS)


def square_of(codec: str, width: int, height: int) -> int:
    """Side in pixels of the squares that a codec's encoder tells apart; a block's where unknown."""
    return map_squares([codec], codec, width, height).get(codec, BLOCK)


def map_squares(names: Iterable[str], codec: str, width: int, height: int) -> dict[str, int]:
    """Sides in pixels of the squares of formats that carry a map, by name.

    Those of the format's own grid, or of what its encoder tells apart where that is larger: of
    large pictures x265 follows no map below 32 pixels.

    Args:
        names: of formats; others are left out.
        codec: that is going to encode, where a format belongs to no encoder alone.
        width, height: of the image in pixels.
    """
    squares = {}
    for name in names:
        own = HINT_FORMATS[name].square if name in HINT_FORMATS else None
        if own is None:
            continue
        encoder = codec if name in OF_SEVERAL_ENCODERS else name
        followed = coding_tree_unit(width, height) if encoder == X265 else own
        squares[name] = max(own, followed)
    return squares


@dataclass(frozen=True)
class Hint:
    """A hint and what it says.

    Attributes:
        payload: for the encoder.
        square: side in pixels of the squares of its map; None where the format carries none.
        levels: (R, C) float32, those of the map, or coarser ones where the format cannot say so
            much, or not so many values; what rounding does is left aside.
    """

    payload: HintPayload
    square: int | None = None
    levels: NDArray[np.float32] | None = None


def export_hints(
    names: Iterable[str],
    squares: Mapping[str, int],
    map_of: Callable[[int], CanonicalMap],
    other: CanonicalMap,
) -> list[Hint]:
    """One hint per registered name, in that order, each name once.

    A list that would be too long is made of a map of larger squares.

    Args:
        names: of formats.
        squares: of those that carry a map, as :func:`map_squares` gives them.
        map_of: the map of squares of a side in pixels.
        other: what formats that carry no map take their advice from.
    """
    return [
        _hint_of_squares(name, squares[name], map_of)
        if name in squares
        else Hint(HINT_FORMATS[name].export(other))
        for name in dict.fromkeys(names)
    ]


def _hint_of_squares(name: str, square: int, map_of: Callable[[int], CanonicalMap]) -> Hint:
    while True:
        wanted = map_of(square)
        try:
            payload = HINT_FORMATS[name].export(wanted)
        except TooManyRectanglesError:
            square *= 2
            continue
        read = HINT_FORMATS[name].parse(payload.data, wanted)
        return Hint(payload, square, np.minimum(wanted.levels, read + np.float32(ROUNDING)))


def distinct_levels(hints: Iterable[Hint], codec: str, square: int) -> list[NDArray[np.float32]]:
    """(R, C) each, what the hints that carry a map say, each once.

    The codec's own comes first, then those of its squares, then the most detailed ones.

    Args:
        hints: of an answer.
        codec: that was asked about.
        square: side in pixels of the squares that its encoder tells apart.
    """

    def order(hint: Hint) -> tuple[bool, bool, int]:
        return hint.payload.format != codec, hint.square != square, hint.square or 0

    said: list[NDArray[np.float32]] = []
    for hint in sorted(hints, key=order):
        if hint.levels is None:
            continue
        if not any(np.array_equal(hint.levels, each) for each in said):
            said.append(hint.levels)
    return said
