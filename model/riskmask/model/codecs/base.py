"""What a codec is to the rest of the project, whatever is inside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

LevelMap = NDArray[np.float32]


@dataclass(frozen=True)
class Reconstruction:
    """An image as a codec would give it back.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        bpp: bits per pixel of the stream (estimated from likelihoods where nothing was written).
        rate_map: (ceil(H/16), ceil(W/16)) float32 bits per pixel, or None for codecs without
            likelihoods. Cells at the right and lower border stand for whole 16x16 blocks.
    """

    image: NDArray[np.uint8]
    bpp: float
    rate_map: NDArray[np.float32] | None


class Codec(Protocol):
    """A codec on the common scale of levels."""

    name: str

    @property
    def identity(self) -> str:
        """SHA-256 of what its pictures depend on: weights and level curve, or coder and profile."""
        ...

    def bpp(self, image: NDArray[np.uint8], level: float | LevelMap) -> float:
        """The bits per pixel of :meth:`reconstruct`, without a decoder's work where possible."""
        ...

    def reconstruct(self, image: NDArray[np.uint8], level: float | LevelMap) -> Reconstruction:
        """Code and decode without writing a stream.

        Args:
            image: (H, W, 3) uint8 RGB.
            level: in [0, 7], or a (ceil(H/16), ceil(W/16)) float32 map of levels.
        """
        ...

    def compress(self, image: NDArray[np.uint8], level: float | LevelMap) -> bytes:
        """The real bitstream; decoding it gives exactly what ``reconstruct`` gives."""
        ...

    def decompress(self, stream: bytes) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB.

        Raises:
            BitstreamError: the stream is not this codec's, or is damaged.
        """
        ...


class BitstreamError(ValueError):
    """A stream that cannot be decoded; the message says why."""
