"""The baselines see what they are meant to see: edges, and boxes of text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib import get_data_path
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from riskmask.model.evaluate.baselines import Baseline, EdgeEnergy, TextDetector

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def page() -> tuple[Pixels, tuple[int, int, int, int]]:
    """A plain page of 397x301 with one word, and the word's box."""
    font = ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 36)
    canvas = Image.new("RGB", (397, 301), (240, 240, 235))
    pen = ImageDraw.Draw(canvas)
    pen.text((120, 180), "STATION", font=font, fill=(20, 20, 30))
    left, top, right, bottom = (round(v) for v in pen.textbbox((120, 180), "STATION", font=font))
    return np.array(canvas), (left, top, right, bottom)


@pytest.mark.parametrize("make", [EdgeEnergy, TextDetector])
def test_a_word_scores_and_the_empty_page_does_not(
    make: type[Baseline], page: tuple[Pixels, tuple[int, int, int, int]]
) -> None:
    picture, (left, top, right, bottom) = page
    scores = make().score(picture)
    assert scores.shape == (76, 100)
    assert scores.dtype == np.float32
    word = scores[top // 4 + 1 : bottom // 4, left // 4 + 1 : right // 4]
    assert np.median(word) > 0.3
    assert scores[:30].max() < 0.1 * np.median(word)


@pytest.mark.parametrize("make", [EdgeEnergy, TextDetector])
def test_a_blank_page_scores_nothing(make: type[Baseline]) -> None:
    scores = make().score(np.full((65, 130, 3), 200, np.uint8))
    assert scores.shape == (17, 33)
    assert not scores.any()


def test_stronger_edges_score_more() -> None:
    picture = np.full((64, 128, 3), 100, np.uint8)
    picture[:, 32:36] = 140
    picture[:, 96:100] = 250
    scores = EdgeEnergy().score(picture)
    assert scores[8, 24] > 3 * scores[8, 8] > 0
    assert scores[8, 16] < scores[8, 8]
