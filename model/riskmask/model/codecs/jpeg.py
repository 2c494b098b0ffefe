"""``jpeg``: libjpeg through Pillow, optimised Huffman tables, 4:2:0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.model.codecs.classic import ClassicCodec
from riskmask.model.codecs.pillow_formats import read, write


class JpegCoder:
    """See :class:`~riskmask.model.codecs.classic.Coder`."""

    name = "jpeg"
    description = "libjpeg through Pillow, optimised Huffman tables, 4:2:0"
    meaning = "libjpeg quality, higher is finer"
    worst, best = 1, 95
    integer = True
    ladder: tuple[int, ...] = (2, 5, 9, 14, 22, 35, 50, 68, 82, 93)
    fine_ladder: tuple[int, ...] = (
        1,
        3,
        5,
        8,
        12,
        16,
        20,
        25,
        30,
        40,
        50,
        60,
        70,
        75,
        80,
        85,
        90,
        93,
        95,
    )

    def encode(self, image: NDArray[np.uint8], quality: int) -> bytes:
        """See :class:`~riskmask.model.codecs.classic.Coder`."""
        return write(image, "JPEG", quality=quality, optimize=True, subsampling="4:2:0")

    def decode(self, stream: bytes) -> NDArray[np.uint8]:
        """See :class:`~riskmask.model.codecs.classic.Coder`."""
        return read(stream, "JPEG")


class Jpeg(ClassicCodec):
    """JPEG on the common scale."""

    def __init__(self) -> None:
        super().__init__(JpegCoder())
