"""Pixels that need no file around them: what a camera, a decoder or NumPy has at hand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from riskmask.client._errors import InvalidImage


class PixelFormat(StrEnum):
    """How samples lie in the planes.

    RGB8, RGBA8 (straight alpha) and GRAY8 have one plane. NV12 and I420 are YCbCr 4:2:0 of even
    width and height: Y at full size, then CbCr interleaved, or Cb and Cr, at half of it.
    """

    RGB8 = "RGB8"
    RGBA8 = "RGBA8"
    GRAY8 = "GRAY8"
    NV12 = "NV12"
    I420 = "I420"


class ColorMatrix(StrEnum):
    """Between YCbCr and RGB."""

    BT601 = "BT601"
    BT709 = "BT709"
    BT2020_NCL = "BT2020_NCL"


class ColorRange(StrEnum):
    """Which codes black and white have: 16 and 235, or 0 and 255."""

    LIMITED = "LIMITED"
    FULL = "FULL"


@dataclass(frozen=True)
class Plane:
    """One plane.

    Attributes:
        data: rows from the top; the last one may end at its last sample.
        stride: bytes from the start of a row to the start of the next; 0 where rows are packed.
    """

    data: bytes
    stride: int = 0


@dataclass(frozen=True)
class RawImage:
    """A picture without a container, for ``analyze()`` in place of a file's bytes.

    Attributes:
        pixel_format: how samples lie in the planes.
        width, height: of the stored picture, before ``rotation``.
        planes: in the format's order.
        color_matrix: of NV12 and I420; None is BT.601 up to 576 lines, BT.709 above.
        color_range: of NV12 and I420; None is limited.
        rotation: degrees clockwise that make the picture upright.
    """

    pixel_format: PixelFormat
    width: int
    height: int
    planes: tuple[Plane, ...]
    color_matrix: ColorMatrix | None = None
    color_range: ColorRange | None = None
    rotation: Literal[0, 90, 180, 270] = 0

    @classmethod
    def from_array(cls, pixels: NDArray[np.uint8]) -> Self:
        """Of (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, uint8.

        Raises:
            InvalidImage: another shape or dtype.
        """
        formats = {1: PixelFormat.GRAY8, 3: PixelFormat.RGB8, 4: PixelFormat.RGBA8}
        channels = 1 if pixels.ndim == 2 else pixels.shape[-1]
        if pixels.ndim not in (2, 3) or channels not in formats or pixels.dtype != np.uint8:
            raise InvalidImage(
                "INVALID_IMAGE",
                f"want (H, W), (H, W, 3) or (H, W, 4) uint8, not {pixels.shape} {pixels.dtype}",
            )
        height, width = pixels.shape[:2]
        plane = Plane(np.ascontiguousarray(pixels).tobytes())
        return cls(formats[channels], width, height, (plane,))
