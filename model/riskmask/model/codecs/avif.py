"""``avif``: AV1 stills through Pillow, 4:2:0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.model.codecs.classic import ClassicCodec
from riskmask.model.codecs.pillow_formats import read, write


class AvifCoder:
    """See :class:`~riskmask.model.codecs.classic.Coder`."""

    name = "avif"
    description = "libavif through Pillow, 4:2:0, speed 6, one thread"
    meaning = "libavif quality, higher is finer"
    worst, best = 0, 100
    integer = True
    ladder: tuple[int, ...] = (2, 8, 16, 25, 35, 46, 58, 70, 82, 92)
    fine_ladder: tuple[int, ...] = (
        0,
        3,
        6,
        10,
        15,
        20,
        25,
        30,
        36,
        42,
        48,
        54,
        60,
        66,
        72,
        78,
        84,
        90,
        95,
    )

    def encode(self, image: NDArray[np.uint8], quality: int) -> bytes:
        """See :class:`~riskmask.model.codecs.classic.Coder`."""
        return write(image, "AVIF", quality=quality, subsampling="4:2:0", speed=6, max_threads=1)

    def decode(self, stream: bytes) -> NDArray[np.uint8]:
        """See :class:`~riskmask.model.codecs.classic.Coder`."""
        return read(stream, "AVIF")


class Avif(ClassicCodec):
    """AVIF on the common scale."""

    def __init__(self) -> None:
        super().__init__(AvifCoder())
