"""JPEG: plain, and region-adaptive by coefficient, which every decoder reads.

JPEG has one table of steps for the whole picture. So the table is made as fine as the finest block
needs, and in all other blocks the coefficients are rounded to multiples of that step: what is
stored there is what a coarser table would have kept. Chroma is halved in both directions, so that
one MCU is one block of 16x16 pixels of the map.
"""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import jpeglib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.encoders.base import Encoded, finest_within
from riskmask.model.encoders.errors import EncoderFailedError
from riskmask.model.encoders.level_maps import read_levels
from riskmask.model.levels import step_of_level

# The tables of quality 50 (ISO/IEC 10918-1, K.1), scaled by factors from 25 to 0.02.
COARSEST_SCALE, FINEST_SCALE = 25.0, 0.02
SETTINGS = 400
LARGEST_STEP = 255
# A value is rounded up from this far past a multiple on: the dead zone of a coarser quantiser.
ROUND_UP_FROM = 0.6
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
        multiples = None
        if hint is not None:
            steps = step_of_level(read_levels(hint, height, width))
            multiples = np.maximum(np.round(steps / steps.min()), 1.0)
        tables = _standard_tables()
        picture = Image.fromarray(image)
        with tempfile.TemporaryDirectory() as folder:

            def coded(setting: int) -> bytes:
                scale = _scale(setting)
                return _written(picture, _scaled(tables, scale), multiples, Path(folder))

            setting, data = finest_within(coded, SETTINGS, size_bytes, self.name)
        quality = f"standard tables times {_scale(setting):.3g}"
        libjpeg = _libjpeg_quality(_scale(setting)) if hint is None else None
        return Encoded(data, quality, libjpeg, finest=setting == SETTINGS - 1)


def _scale(setting: int) -> float:
    return float(COARSEST_SCALE * (FINEST_SCALE / COARSEST_SCALE) ** (setting / (SETTINGS - 1)))


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
    multiples: NDArray[np.float32] | None,
    folder: Path,
) -> bytes:
    path = folder / "picture.jpg"
    picture.save(path, "JPEG", qtables=tables, subsampling=HALVED)
    coefficients: Any = jpeglib.read_dct(str(path))
    if multiples is not None:
        for plane, blocks in (("Y", 2), ("Cb", 1), ("Cr", 1)):
            values = getattr(coefficients, plane)
            rows, columns = values.shape[:2]
            each = multiples.repeat(blocks, axis=0).repeat(blocks, axis=1)
            # Rows of blocks that pad the picture to whole MCUs follow the last ones inside.
            each = np.pad(each, ((0, 1), (0, 1)), mode="edge")[:rows, :columns, None, None]
            setattr(coefficients, plane, _rounded(values, each))
    coefficients.write_dct(str(path), flags=["+OPTIMIZE_CODING"])
    return path.read_bytes()


def _rounded(values: NDArray[np.int16], multiples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Coefficients as multiples of a coarser step; a multiple of 1 leaves them as they are."""
    count = np.floor(np.abs(values) / multiples + (1.0 - ROUND_UP_FROM))
    coarse = np.sign(values) * count * multiples
    return np.asarray(np.where(multiples == 1.0, values, coarse).astype(np.int16))
