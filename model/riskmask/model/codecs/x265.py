"""``x265``: one HEVC intra picture through PyAV, 4:2:0.

HEVC in 4:2:0 codes whole pairs of rows and columns, and x265 no picture under 32x32. Two bytes
say how many rows and columns at the end are repeats; the rest is the encoder's own byte stream.
"""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from riskmask.model.codecs.classic import ClassicCodec, refused

if TYPE_CHECKING:
    from av import VideoFrame

_LEAST = 32


class X265Coder:
    """See :class:`~riskmask.model.codecs.classic.Coder`."""

    name = "x265"
    description = "x265 through PyAV, one intra picture, preset slow, 4:2:0, constant quantiser"
    meaning = "x265 quantisation parameter, lower is finer"
    worst, best = 51, 1
    ladder: tuple[int, ...] = (48, 44, 41, 37, 34, 30, 27, 23, 19, 14)
    fine_ladder: tuple[int, ...] = (
        51,
        48,
        46,
        44,
        42,
        40,
        38,
        36,
        34,
        32,
        30,
        28,
        26,
        24,
        22,
        20,
        18,
        15,
        12,
    )

    def encode(self, image: NDArray[np.uint8], quality: int) -> bytes:
        """See :class:`~riskmask.model.codecs.classic.Coder`."""
        import av

        height, width = image.shape[:2]
        rows, columns = (max(size + size % 2, _LEAST) - size for size in (height, width))
        frame = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(np.pad(image, ((0, rows), (0, columns), (0, 0)), mode="edge")),
            format="rgb24",
        )
        encoder = av.CodecContext.create("libx265", "w")
        encoder.width, encoder.height = frame.width, frame.height
        encoder.pix_fmt = "yuv420p"
        encoder.time_base = Fraction(1, 25)
        encoder.options = {
            "preset": "slow",
            "x265-params": f"qp={quality}:keyint=1:info=0:log-level=none:pools=none:frame-threads=1"
            ":repeat-headers=1",
        }
        picture = frame.reformat(format="yuv420p")
        picture.pts = 0
        packets = [*encoder.encode(picture), *encoder.encode(None)]
        return bytes([rows, columns]) + b"".join(bytes(packet) for packet in packets)

    def decode(self, stream: bytes) -> NDArray[np.uint8]:
        """See :class:`~riskmask.model.codecs.classic.Coder`."""
        import av

        if len(stream) <= 2:
            raise refused(self.name)
        rows, columns = stream[0], stream[1]
        try:
            with av.open(io.BytesIO(stream[2:]), "r", format="hevc") as container:
                frame: VideoFrame = next(container.decode(video=0))
                picture = frame.to_ndarray(format="rgb24")
        except (av.FFmpegError, StopIteration) as error:
            raise refused(self.name) from error
        if rows >= picture.shape[0] or columns >= picture.shape[1]:
            raise refused(self.name)
        kept = picture[: picture.shape[0] - rows, : picture.shape[1] - columns]
        return np.ascontiguousarray(kept)


class X265(ClassicCodec):
    """HEVC intra on the common scale."""

    def __init__(self) -> None:
        super().__init__(X265Coder())
