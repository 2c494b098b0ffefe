"""Estimated heights of text are compared with those of lines that are known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.evaluate.text_height import compare, describe
from riskmask.model.runtime.prediction import Prediction


def test_a_region_is_compared_with_the_lines_in_it() -> None:
    font = ImageFont.load_default(24)
    left, top, right, bottom = (round(v) + 16 for v in font.getbbox("GATE CLOSES AT 13:38"))
    canvas = Image.new("RGB", (right + 16, 128), "white")
    ImageDraw.Draw(canvas).text((16, 16), "GATE CLOSES AT 13:38", "black", font)
    outline = ((left, top), (right, top), (right, bottom), (left, bottom))
    elsewhere = ((left, 100.0), (right, 100.0), (right, 104.0), (left, 104.0))
    lines = [KnownRegion("text", corners) for corners in (outline, elsewhere)]
    maps = Prediction.zeros(canvas.width, canvas.height)
    maps.risk[:, top // 4 : bottom // 4, left // 4 : right // 4] = 0.9
    maps.content[0] = 0.9
    [(whole, (known, estimated))] = compare(np.array(canvas), maps, lines, 3)
    assert whole
    assert known == pytest.approx(bottom - top)
    assert estimated == pytest.approx(known, rel=0.25)
    maps.content[0] = 0.1  # no text to the detector: nothing that the service would measure
    assert list(compare(np.array(canvas), maps, lines, 3)) == []
    maps.content[0] = 0.9
    maps.risk[:] = 0
    maps.risk[:, top // 4 : bottom // 4, left // 4 : left // 4 + 3] = 0.9
    [(whole, _)] = compare(np.array(canvas), maps, lines, 3)
    assert not whole


def test_the_table_tells_ratio_and_error() -> None:
    pairs = [(10.0, 10.0), (20.0, 18.0), (40.0, 44.0), (10.0, 8.0), (10.0, 10.0)]
    assert describe("scene", pairs) == "| scene | 5 | 1.00 | 2.0 | 2.4 | 10% | 12% |"
