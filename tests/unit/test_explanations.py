"""Each region says why it is flagged: content, kind, and text height against what is safe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.model.runtime.safe_text_height import SafeTextHeight
from riskmask.server.engine import explain, values
from riskmask.server.engine.rate import RateCurves
from riskmask.server.engine.regions import find_regions
from riskmask.server.engine.risk import RiskCurves

Pixels = NDArray[np.uint8]
SAFE = SafeTextHeight(0.3, (None, None, 40.0, 30.0, 20.0, 14.0, 10.0, 8.0), "a test")


@pytest.fixture
def explained(
    predicted: Callable[..., Prediction], profiles: dict[str, CodecProfile]
) -> Callable[..., tuple[values.Region, ...]]:
    """Explanations of a picture whose left half is text and right half a face, all at risk."""

    def run(
        pixels: Pixels, safe: SafeTextHeight | None = None, level: float = 0.0, sure: float = 0.9
    ) -> tuple[values.Region, ...]:
        height, width = pixels.shape[:2]
        risk = np.full((height // 4, width // 4), 0.9, np.float32)
        middle = width // 8
        risk[:, middle - 3 : middle + 3] = 0
        maps: Any = predicted(width, height, risk, decay=(1.0,) * 8)
        maps.content[0, :, :middle] = sure
        maps.content[1, :, middle:] = 0.8
        maps.kind[2] = 0.7
        maps.kind[0] = 0.2
        profile, policy = profiles["hyperprior"], values.Policy()
        curves, rates = RiskCurves(maps, profile, policy), RateCurves(maps, profile)
        regions = find_regions(maps, curves, rates, level, policy)
        return explain.explained(regions, pixels, maps.content, safe, level)

    return run


@pytest.fixture
def page() -> tuple[Pixels, int]:
    """(64, 640, 3) with a line on its left half, and the height of its ink."""
    font = ImageFont.load_default(18)
    _, top, _, bottom = font.getbbox("Gate closes 13:38")
    canvas = Image.new("RGB", (640, 64), (250, 248, 240))
    ImageDraw.Draw(canvas).text((40, 20), "Gate closes 13:38", (30, 30, 30), font)
    return np.array(canvas), round(bottom - top)


def _why(region: values.Region) -> values.Explanation:
    assert region.explanation is not None
    return region.explanation


def test_text_has_a_height_and_a_face_has_none(explained: Any, page: tuple[Pixels, int]) -> None:
    text, face = sorted(explained(page[0], SAFE, 2.0), key=lambda region: region.box)
    why = _why(text)
    assert (why.content, why.kind) == ("text", "shape")
    assert why.content_probability == pytest.approx(0.9, abs=0.01)
    assert why.kind_probability == pytest.approx(0.7, abs=0.01)
    assert why.text_height == pytest.approx(page[1], rel=0.3)
    assert why.safe_text_height == values.SafeTextHeight(40.0, 0.3)
    assert _why(face).content == "face"
    assert _why(face).text_height is None
    assert _why(face).safe_text_height is None


def test_what_is_less_likely_than_not_is_no_content(
    explained: Any, page: tuple[Pixels, int]
) -> None:
    first, _ = sorted(explained(page[0], SAFE, sure=0.4), key=lambda region: region.box)
    assert _why(first).content is None
    assert _why(first).content_probability == pytest.approx(0.4, abs=0.01)
    assert _why(first).text_height is None


def test_a_profile_that_does_not_know_says_the_height_alone(
    explained: Any, page: tuple[Pixels, int]
) -> None:
    text, _ = sorted(explained(page[0]), key=lambda region: region.box)
    assert _why(text).text_height is not None
    assert _why(text).safe_text_height is None


@pytest.mark.parametrize(
    ("level", "pixels"),
    [(0.0, None), (1.5, None), (2.0, 40.0), (2.5, 35.0), (6.5, 9.0), (7.0, 8.0), (9.0, 8.0)],
)
def test_between_the_anchors_the_safe_height_is_interpolated(
    level: float, pixels: float | None
) -> None:
    assert SAFE.at(level) == pixels


def test_no_height_is_safe_at_a_coarse_level_and_that_is_said(
    explained: Any, page: tuple[Pixels, int]
) -> None:
    text, _ = sorted(explained(page[0], SAFE, 1.0), key=lambda region: region.box)
    assert _why(text).safe_text_height == values.SafeTextHeight(None, 0.3)


@pytest.mark.parametrize(("bound", "value"), [("MOST_AREA", 0.1), ("MOST_MEASURED", 0)])
def test_beyond_a_bound_on_the_work_regions_go_without_a_height(
    explained: Any,
    page: tuple[Pixels, int],
    monkeypatch: pytest.MonkeyPatch,
    bound: str,
    value: float,
) -> None:
    monkeypatch.setattr(explain, bound, value)
    text, _ = sorted(explained(page[0], SAFE, 2.0), key=lambda region: region.box)
    assert _why(text).content == "text"
    assert _why(text).text_height is None
    assert _why(text).safe_text_height is not None
