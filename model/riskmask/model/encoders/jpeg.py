"""JPEG: plain, and region-adaptive by coefficient, which every decoder reads.

JPEG has one table of steps for the whole picture. So the table is made as fine as some blocks need,
and in coarser ones a coefficient has to be worth its bits: it is lowered, or dropped, where that
costs less distortion than the bits saved would cost at the step that the block was to have
(rate-distortion optimised quantisation, as in Crouse and Ramchandran, Joint Thresholding and
Quantizer Selection for Transform Image Coding, 1997). A large value of a fine table takes more bits
than the small one of a coarser table, so a table for the finest block alone would cost all others
more than it gains. Several are tried, from the finest step of the map to the coarsest, which is
plain JPEG; the file whose blocks are off by least, in squares of their own steps, is the best.
Chroma is halved in both directions, so that one MCU is one block of 16x16 pixels of the map.
"""

from __future__ import annotations

import math
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import jpeglib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.encoders.base import Encoded, finest_within
from riskmask.model.encoders.errors import EncoderFailedError, UnreachableSizeError
from riskmask.model.encoders.level_maps import read_levels
from riskmask.model.levels import step_of_level

# The tables of quality 50 (ISO/IEC 10918-1, K.1), scaled by factors from 25 to 0.02.
COARSEST_SCALE, FINEST_SCALE = 25.0, 0.02
SETTINGS = 400
LARGEST_STEP = 255
BLOCK = 16
# Quantiles of the map's steps that tables are tried for.
TABLES = (0.0, 0.03, 0.1, 0.3, 1.0)
# Distortion that a bit is worth, in squares of the block's own step: D = step^2 / 12 falls by a
# factor of 4 with each bit of a coefficient, so -dD/dR = 2 ln 2 / 12.
BIT_WORTH = 2 * math.log(2) / 12
# Bits that say that a coefficient is not 0, besides those of its value: the Huffman code of run and
# category (ISO/IEC 10918-1, F.1.2.2), 3 to 6 for the common ones.
NONZERO_BITS = 4
LARGEST_SIDE = 65_500
HALVED = 2  # Pillow's number of 4:2:0


class Jpeg:
    """Optimised Huffman tables, 4:2:0, quality by the scale of the standard tables."""

    name = "jpeg"
    hint_format = "riskmask-levels"
    suffixes = (".jpg", ".jpeg")

    def encode(
        self, image: NDArray[np.uint8], size_bytes: int, hint: bytes | None, suffix: str
    ) -> Encoded:
        """See :class:`~riskmask.model.encoders.base.Encoder`."""
        height, width = image.shape[:2]
        if max(height, width) > LARGEST_SIDE:
            raise EncoderFailedError(f"a side of a JPEG has at most {LARGEST_SIDE} pixels")
        if hint is None:
            setting, data = _searched(image, size_bytes, None)
        else:
            steps = step_of_level(read_levels(hint, height, width)).astype(np.float32)
            files = []
            for table in np.unique(np.quantile(steps, TABLES)):
                try:
                    ratios = np.maximum(steps / np.float32(table), np.float32(1))
                    files.append(_searched(image, size_bytes, ratios))
                except UnreachableSizeError:
                    # Plain JPEG, the last one, is the largest at the coarsest table.
                    if not files:
                        raise
            setting, data = min(files, key=lambda file: _error(image, file[1], steps))
        quality = f"standard tables times {_scale(setting):.3g}"
        libjpeg = _libjpeg_quality(_scale(setting)) if hint is None else None
        return Encoded(data, quality, libjpeg, finest=setting == SETTINGS - 1)


def _scale(setting: int) -> float:
    return float(COARSEST_SCALE * (FINEST_SCALE / COARSEST_SCALE) ** (setting / (SETTINGS - 1)))


def _searched(
    image: NDArray[np.uint8], size_bytes: int, steps: NDArray[np.float32] | None
) -> tuple[int, bytes]:
    """The finest table's number and the file; ``steps`` of the blocks in steps of the table."""
    tables, picture = _standard_tables(), Image.fromarray(image)
    with tempfile.TemporaryDirectory() as folder:

        def coded(setting: int) -> bytes:
            return _written(picture, _scaled(tables, _scale(setting)), steps, Path(folder))

        return finest_within(coded, SETTINGS, size_bytes, "jpeg")


def _error(image: NDArray[np.uint8], data: bytes, steps: NDArray[np.float32]) -> float:
    """Squared error of the luma, each block's in squares of its own step."""
    with Image.open(BytesIO(data), formats=["JPEG"]) as opened:
        decoded = np.asarray(opened.convert("L"), np.float32)
    error = (np.asarray(Image.fromarray(image).convert("L"), np.float32) - decoded) ** 2
    weight = (1 / steps**2).repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
    return float((error * weight[: error.shape[0], : error.shape[1]]).mean(dtype=np.float64))


def _libjpeg_quality(scale: float) -> float:
    """The quality from 1 to 100 at which libjpeg scales the standard tables so (jcparam.c)."""
    quality = 50.0 / scale if scale > 1.0 else 100.0 - 50.0 * scale
    return min(max(quality, 1.0), 100.0)


def _standard_tables() -> list[list[int]]:
    buffer = BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "JPEG", quality=50)
    with Image.open(buffer, formats=["JPEG"]) as opened:
        tables: dict[int, list[int]] = opened.quantization  # type: ignore[attr-defined]
        return [list(tables[0]), list(tables[1])]


def _scaled(tables: list[list[int]], scale: float) -> list[list[int]]:
    return [[min(max(round(step * scale), 1), LARGEST_STEP) for step in table] for table in tables]


def _written(
    picture: Image.Image,
    tables: list[list[int]],
    steps: NDArray[np.float32] | None,
    folder: Path,
) -> bytes:
    path = folder / "picture.jpg"
    picture.save(path, "JPEG", qtables=tables, subsampling=HALVED)
    coefficients: Any = jpeglib.read_dct(str(path))
    if steps is not None:
        for plane, blocks in (("Y", 2), ("Cb", 1), ("Cr", 1)):
            values = getattr(coefficients, plane)
            rows, columns = values.shape[:2]
            each = steps.repeat(blocks, axis=0).repeat(blocks, axis=1)
            # Rows of blocks that pad the picture to whole MCUs follow the last ones inside.
            each = np.pad(each, ((0, 1), (0, 1)), mode="edge")[:rows, :columns, None, None]
            setattr(coefficients, plane, _worth_their_bits(values, each))
    coefficients.write_dct(str(path), flags=["+OPTIMIZE_CODING"])
    return path.read_bytes()


def _worth_their_bits(values: NDArray[np.int16], steps: NDArray[np.float32]) -> NDArray[np.int16]:
    """Coefficients that each cost the least distortion and bits of three: as it is, less, or 0.

    A value of category s, from 2^(s-1) to 2^s - 1, takes s bits; one less, a bit less.

    Args:
        values: (R, C, 8, 8) int16, in steps of the table.
        steps: (R, C, 1, 1) float32, of the blocks, in steps of the table, 1 or more.
    """
    size = np.abs(values).astype(np.int32)
    category = np.frexp(size.astype(np.float32))[1]
    less = (1 << np.maximum(category - 1, 0)) - 1
    price = np.float32(BIT_WORTH) * steps**2
    kept = price * (category + NONZERO_BITS)
    lowered = (size - less) ** 2 + np.where(less > 0, price * (category - 1 + NONZERO_BITS), 0)
    best = np.where(lowered < kept, less, size)
    best = np.where(size**2 < np.minimum(lowered, kept), 0, best)
    # A block's mean is coded as its difference from the one before, and its error is seen first.
    best[..., 0, 0] = size[..., 0, 0]
    return np.asarray(np.sign(values) * best, dtype=np.int16)
