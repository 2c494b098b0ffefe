"""``webp``: lossy WebP through Pillow, its slowest method."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.model.codecs.classic import ClassicCodec
from riskmask.model.codecs.pillow_formats import read, write


class WebPCoder:
    """See :class:`~riskmask.model.codecs.classic.Coder`."""

    name = "webp"
    description = "libwebp through Pillow, lossy, method 6"
    meaning = "libwebp quality, higher is finer"
    worst, best = 0, 100
    integer = True
    ladder: tuple[int, ...] = (0, 3, 8, 16, 28, 44, 62, 78, 88, 96)
    fine_ladder: tuple[int, ...] = (
        0,
        2,
        5,
        8,
        12,
        18,
        25,
        32,
        40,
        50,
        60,
        70,
        76,
        82,
        86,
        90,
        93,
        96,
        98,
        100,
    )

    def encode(self, image: NDArray[np.uint8], quality: int) -> bytes:
        """See :class:`~riskmask.model.codecs.classic.Coder`."""
        return write(image, "WEBP", quality=quality, method=6)

    def decode(self, stream: bytes) -> NDArray[np.uint8]:
        """See :class:`~riskmask.model.codecs.classic.Coder`."""
        return read(stream, "WEBP")


class WebP(ClassicCodec):
    """WebP on the common scale."""

    def __init__(self) -> None:
        super().__init__(WebPCoder())
