"""Pixels as a camera or a decoder has them: planes with strides, no file around them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class PixelFormat(Enum):
    """How samples lie in the planes.

    RGB8, RGBA8 (straight alpha) and GRAY8 (full range) have one plane. NV12 and I420 are YCbCr
    4:2:0: a plane of Y at full size, then CbCr interleaved, or Cb and Cr, at half of it.
    """

    RGB8 = "RGB8"
    RGBA8 = "RGBA8"
    GRAY8 = "GRAY8"
    NV12 = "NV12"
    I420 = "I420"

    @property
    def is_ycbcr(self) -> bool:
        """Whether a colour matrix and a range belong to it."""
        return self in (PixelFormat.NV12, PixelFormat.I420)


class ColorMatrix(Enum):
    """Between YCbCr and RGB; its luma coefficients ``kr`` and ``kb``.

    ITU-R BT.601-7, section 2.5.1; BT.709-6, section 3.2; BT.2020-2, table 4 (non-constant
    luminance).
    """

    BT601 = (0.299, 0.114)
    BT709 = (0.2126, 0.0722)
    BT2020_NCL = (0.2627, 0.0593)

    @property
    def kr(self) -> float:
        """Weight of red in luma."""
        return self.value[0]

    @property
    def kb(self) -> float:
        """Weight of blue in luma."""
        return self.value[1]


class ColorRange(Enum):
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
    """A picture without a container.

    Attributes:
        width, height: of the stored picture, in pixels.
        matrix: None is BT.601 up to 576 lines and BT.709 above.
        range: None is limited.
        quarter_turns: clockwise turns by 90 degrees that make the picture upright.
    """

    pixel_format: PixelFormat
    width: int
    height: int
    planes: tuple[Plane, ...]
    matrix: ColorMatrix | None = None
    range: ColorRange | None = None
    quarter_turns: int = 0
