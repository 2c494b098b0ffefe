"""The registry of hint formats: what particular encoders accept to spend bits elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

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

HINT_FORMATS: dict[str, HintFormat] = {
    hint.name: hint
    for hint in (
        RiskmaskLevels(),
        NeuralQuality(),
        FfmpegRoi(),
        FfmpegAddroi(),
        QuantOffsets("x264"),
        QuantOffsets("x265"),
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


def square_of(codec: str) -> int:
    """Side in pixels of the squares that a codec's encoder tells apart; a block's where unknown."""
    own = HINT_FORMATS.get(codec)
    return BLOCK if own is None or own.square is None else own.square


def map_squares(names: Iterable[str]) -> tuple[int, ...]:
    """Sides in pixels of the squares of formats that carry a map, each once, the smallest first."""
    found = {HINT_FORMATS[name].square for name in names}
    return tuple(sorted(square for square in found if square is not None))


def export_hints(
    names: Iterable[str], maps: Mapping[int, CanonicalMap], other: CanonicalMap
) -> tuple[HintPayload, ...]:
    """One hint per registered name, in that order, each name once.

    Args:
        names: of formats.
        maps: the map for each of their squares, by its side in pixels.
        other: what formats that carry no map take their advice from.
    """
    formats = [HINT_FORMATS[name] for name in dict.fromkeys(names)]
    return tuple(
        each.export(other if each.square is None else maps[each.square]) for each in formats
    )
