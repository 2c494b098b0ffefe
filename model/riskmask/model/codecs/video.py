"""``x264``, ``x265``, ``kvazaar``: one intra picture, coded as ``riskmask encode`` does.

4:2:0 codes whole pairs of rows and columns, and no encoder takes pictures of a few pixels: both are
met by repeating the edge. Two bytes say how many rows and columns at the end are repeats; the rest
is the encoder's own byte stream.
"""

from __future__ import annotations

import io
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from riskmask.model.codecs.classic import ClassicCodec, refused
from riskmask.model.encoders import find_encoder

LEAST = 64  # pixels of a side: one coding tree unit
KINDS = {"x264": ("h264", ".264"), "x265": ("hevc", ".265"), "kvazaar": ("hevc", ".265")}
MEANINGS = {
    "x264": "x264 constant rate factor, lower is finer",
    "x265": "x265 constant rate factor, lower is finer",
    "kvazaar": "kvazaar quantisation parameter, lower is finer",
}


class Still(Protocol):
    """An encoder that can be told its quality."""

    description: str

    def at(self, image: NDArray[np.uint8], quality: int, suffix: str, /) -> bytes:
        """A file of (H, W, 3) uint8 RGB, H and W even."""
        ...


class VideoCoder:
    """See :class:`~riskmask.model.codecs.classic.Coder`.

    Args:
        name: x264, x265 or kvazaar.

    Raises:
        EncoderNotInstalledError: it needs the extra ``encoders``.
    """

    worst, best = 51, 1
    integer = False  # kvazaar's too: `riskmask encode` mixes two
    ladder: tuple[int, ...] = (48, 44, 41, 37, 34, 30, 27, 23, 19, 14)
    fine_ladder: tuple[int, ...] = (51, *range(48, 19, -2), 18, 15, 12)

    def __init__(self, name: str) -> None:
        encoder = cast("Still", find_encoder(name))
        self.name = name
        self.meaning = MEANINGS[name]
        self.description = encoder.description
        self._encoder = encoder
        self._format, self._suffix = KINDS[name]

    def encode(self, image: NDArray[np.uint8], quality: int) -> bytes:
        """See :class:`~riskmask.model.codecs.classic.Coder`; EncoderFailedError if it refuses."""
        rows, columns = (max(size + size % 2, LEAST) - size for size in image.shape[:2])
        padded = np.pad(image, ((0, rows), (0, columns), (0, 0)), mode="edge")
        return bytes([rows, columns]) + self._encoder.at(padded, quality, self._suffix)

    def decode(self, stream: bytes) -> NDArray[np.uint8]:
        """See :class:`~riskmask.model.codecs.classic.Coder`."""
        import av

        if len(stream) <= 2:
            raise refused(self.name)
        rows, columns = stream[0], stream[1]
        try:
            with av.open(io.BytesIO(stream[2:]), "r", format=self._format) as container:
                frame = next(container.decode(video=0))
                picture = frame.to_ndarray(format="rgb24")
        except (av.FFmpegError, StopIteration) as error:
            raise refused(self.name) from error
        if rows >= picture.shape[0] or columns >= picture.shape[1]:
            raise refused(self.name)
        kept = picture[: picture.shape[0] - rows, : picture.shape[1] - columns]
        return np.ascontiguousarray(kept)


class X264(ClassicCodec):
    """AVC intra on the common scale."""

    def __init__(self) -> None:
        super().__init__(VideoCoder("x264"))


class X265(ClassicCodec):
    """HEVC intra on the common scale."""

    def __init__(self) -> None:
        super().__init__(VideoCoder("x265"))


class Kvazaar(ClassicCodec):
    """HEVC intra by another encoder, whose quantiser no adaptive quantisation moves."""

    def __init__(self) -> None:
        super().__init__(VideoCoder("kvazaar"))
