"""The baselines see what they are meant to see: edges, and boxes of text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib import get_data_path
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from riskmask.model.corpus import Corpus
from riskmask.model.evaluate.baselines import (
    Baseline,
    Boxes,
    Constant,
    EdgeEnergy,
    LocalEntropy,
    SpectralResidual,
    all_baselines,
    small_text_first,
)
from riskmask.model.evaluate.detectors import Box, FaceDetector, TextDetector

Pixels = NDArray[np.uint8]
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def page() -> tuple[Pixels, tuple[int, int, int, int]]:
    """A plain page of 397x301 with one word, and the word's box."""
    font = ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 36)
    canvas = Image.new("RGB", (397, 301), (240, 240, 235))
    pen = ImageDraw.Draw(canvas)
    pen.text((120, 180), "STATION", font=font, fill=(20, 20, 30))
    left, top, right, bottom = (round(v) for v in pen.textbbox((120, 180), "STATION", font=font))
    return np.array(canvas), (left, top, right, bottom)


def _text_boxes() -> Baseline:
    return Boxes("text detector", TextDetector().find)


@pytest.mark.parametrize("make", [EdgeEnergy, LocalEntropy, _text_boxes])
def test_a_word_scores_and_the_empty_page_does_not(
    make: Callable[[], Baseline], page: tuple[Pixels, tuple[int, int, int, int]]
) -> None:
    picture, (left, top, right, bottom) = page
    scores = make().score(picture)
    assert scores.shape == (76, 100)
    assert scores.dtype == np.float32
    word = scores[top // 4 + 1 : bottom // 4, left // 4 + 1 : right // 4]
    assert np.median(word) > 0.3
    assert scores[:30].max() < 0.1 * np.median(word)


@pytest.mark.parametrize("make", [EdgeEnergy, LocalEntropy, SpectralResidual, _text_boxes])
def test_a_blank_page_scores_nothing(make: Callable[[], Baseline]) -> None:
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


def test_what_stands_out_is_salient() -> None:
    rows, columns = np.mgrid[0:256, 0:256]
    stripes = (128 + 60 * np.sin(columns / 6)).astype(np.uint8)
    picture = np.repeat(stripes[..., None], 3, axis=2)
    picture[(rows - 64) ** 2 + (columns - 192) ** 2 < 200] = (255, 40, 40)
    scores = SpectralResidual().score(picture)
    assert scores.shape == (64, 64)
    y, x = np.unravel_index(int(scores.argmax()), scores.shape)
    assert abs(int(y) - 16) < 6
    assert abs(int(x) - 48) < 6


def test_a_constant_says_the_same_everywhere() -> None:
    scores = Constant().score(np.zeros((65, 130, 3), np.uint8))
    assert scores.shape == (17, 33)
    assert (scores == 1).all()


def test_small_text_weighs_more_than_large_and_faces_count_in_full() -> None:
    box = ((16.0, 16.0), (48.0, 16.0), (48.0, 32.0), (16.0, 32.0))
    small, large = Box("text", box, 0.8, 10.0), Box("text", box, 0.8, 48.0)
    face = Box("face", box, 0.8, 300.0)
    assert small_text_first(small) == small_text_first(face) == 1.0
    assert small_text_first(large) == pytest.approx(0.25)
    scores = Boxes("any", lambda image: [large], small_text_first).score(
        np.zeros((64, 96, 3), np.uint8)
    )
    assert scores.max() == pytest.approx(0.2)
    assert (scores[4:8, 4:12] > 0).all()
    assert np.count_nonzero(scores) == 32


def test_baselines_that_find_faces_need_a_model(tmp_path: Path) -> None:
    assert not any("face" in baseline.name for baseline in all_baselines(None))
    with pytest.raises(FileNotFoundError, match="YuNet"):
        FaceDetector(tmp_path / "none.onnx")


@pytest.mark.corpus
def test_a_face_scores_and_the_sky_does_not(corpus: Corpus) -> None:
    with Image.open(EXAMPLES / "astronaut.jpg") as opened:
        picture = np.array(opened.convert("RGB"))
    yunet = corpus.root / "models" / "yunet_n_640_640.onnx"
    union = {b.name: b for b in all_baselines(yunet)}["text and faces"]
    scores = union.score(picture)
    assert scores[30:36, 52:60].min() > 0.5  # her face, around (224, 132)
    assert scores[:10, 20:40].max() == 0
