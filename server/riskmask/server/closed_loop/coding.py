"""A picture as a file of a size, and the file as a picture again."""

from __future__ import annotations

import io
from functools import cached_property
from typing import TYPE_CHECKING

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.codecs import CODECS
from riskmask.model.encoders import find_encoder
from riskmask.model.encoders.base import Encoded

if TYPE_CHECKING:
    from riskmask.model.codecs.base import Codec

VIDEO = (".mp4", ".h264", ".264", ".hevc", ".265")


class Coder:
    """One encoder and a standard decoder of what it writes: FFmpeg's, Pillow's, or the codec's own.

    Args:
        target: registry name of the encoder.

    Raises:
        EncoderError: there is none, or what it needs is not installed.
    """

    def __init__(self, target: str) -> None:
        self._encoder = find_encoder(target)
        self.target = target
        self.hint_format = self._encoder.hint_format
        self.suffix = self._encoder.suffixes[0]

    def encode(self, image: NDArray[np.uint8], size_bytes: int, hint: bytes | None) -> Encoded:
        """The finest file of at most that size; see ``riskmask.model.encoders.base.Encoder``."""
        return self._encoder.encode(image, size_bytes, hint, self.suffix)

    def decode(self, data: bytes, height: int, width: int) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, without the border that even sides needed."""
        if self.suffix in VIDEO:
            with av.open(io.BytesIO(data), "r") as container:
                [frame] = container.decode(video=0)
                pixels = frame.to_ndarray(format="rgb24")
        elif self.suffix == ".rmk":
            pixels = self._codec.decompress(data)
        else:
            with Image.open(io.BytesIO(data)) as opened:
                pixels = np.array(opened.convert("RGB"))
        return np.ascontiguousarray(pixels[:height, :width])

    @cached_property
    def _codec(self) -> Codec:
        return CODECS[self.target]()
