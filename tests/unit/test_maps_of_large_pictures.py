"""Beyond HEVC's level 4 x265 follows squares of 32 pixels, so its map is made of them."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.encoders.hevc import LEVEL_4_SAMPLES, coding_tree_unit
from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.profiles import packaged_profiles
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.values import AnalysisRequest, Target

HEIGHT = 1024
SMALL, LARGE = 2176, 2208  # of this height: the widest that level 4 allows, and the next
LINE = 5  # the row of blocks that is at risk, the lower one of its square of 32 pixels


class Foreseen:
    """A predictor whose answer is given."""

    name, sha256 = "foreseen", "0" * 64

    def predict(self, pixels: NDArray[np.uint8], *_: object) -> Prediction:
        prediction = Prediction.zeros(pixels.shape[1], pixels.shape[0])
        levels = np.arange(8)[:, None, None]
        prediction.rate[:] = 0.05 * 1.6**levels
        prediction.risk[:, 4 * LINE : 4 * LINE + 4, 64:256] = 1 / (1 + np.exp(2 * (levels - 4.0)))
        prediction.content[0] = 0.9
        return prediction


def _hint(width: int, codec: str, hint: str) -> bytes:
    predictor: Any = Foreseen()
    buffer = io.BytesIO()
    Image.new("L", (width, HEIGHT), 128).save(buffer, "PNG")
    request = AnalysisRequest(
        buffer.getvalue(), codec=codec, hint_formats=(hint,), target=Target(bpp=0.2)
    )
    return Engine(predictor, packaged_profiles()).analyze(request).hints[0].data


@pytest.mark.parametrize("codec", ["x265", "hyperprior"])
@pytest.mark.parametrize(("width", "rows"), [(SMALL, {LINE}), (LARGE, {LINE - 1, LINE})])
def test_a_line_gets_its_square(codec: str, width: int, rows: set[int]) -> None:
    offsets = np.frombuffer(_hint(width, codec, "x265"), "<f4").reshape(HEIGHT // 16, width // 16)
    assert set(np.nonzero((offsets < -1).any(axis=1))[0].tolist()) == rows


@pytest.mark.parametrize(
    ("width", "codec", "square"), [(SMALL, "x265", 16), (LARGE, "x265", 32), (LARGE, "x264", 16)]
)
def test_ffmpegs_regions_are_made_for_the_codec(width: int, codec: str, square: int) -> None:
    regions = list(struct.iter_unpack("<I6i", _hint(width, codec, "ffmpeg-roi")))
    finer = [(top, bottom) for _, top, bottom, _, _, offset, _ in regions if offset < 0]
    top = 16 * LINE // square * square
    assert set(finer) == {(top, top + square)}


def test_levels_end_where_hevc_says() -> None:
    assert coding_tree_unit(SMALL, HEIGHT) == coding_tree_unit(HEIGHT, SMALL) == 16
    assert coding_tree_unit(LARGE, HEIGHT) == 32
    assert coding_tree_unit(4216, 16) == 16
    assert coding_tree_unit(4217, 16) == 32


def test_sides_count_as_they_are_coded() -> None:
    """Rounded up to 8: x265 refused 1492x1492, whose samples as shown are within the level."""
    assert 1492 * 1492 < LEVEL_4_SAMPLES < 1496 * 1496
    assert coding_tree_unit(1492, 1492) == coding_tree_unit(1491, 1491) == 32
    assert coding_tree_unit(1488, 1492) == 16
