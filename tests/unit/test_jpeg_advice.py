"""The JPEG advised is one that Pillow really writes, at about the size that is said."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine import jpeg
from riskmask.server.engine.risk import RiskCurves
from riskmask.server.engine.values import JpegAdvice, Policy


@pytest.fixture
def advised(
    predicted: Callable[..., Prediction], profiles: dict[str, CodecProfile]
) -> Callable[..., JpegAdvice]:
    def advise(risk: NDArray[Any], *, at_risk: bool = False, **options: Any) -> JpegAdvice:
        pixels = np.full((64, 96, 3), 90, np.uint8)
        curves = RiskCurves(predicted(96, 64, risk, **options), profiles["jpeg"], Policy())
        return jpeg.advise(pixels, curves, profiles["jpeg"], Policy(), at_risk=at_risk)

    return advise


def _written(pixels: NDArray[np.uint8], advice: JpegAdvice) -> int:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(
        buffer,
        "JPEG",
        quality=advice.quality,
        subsampling=advice.subsampling,
        optimize=True,
    )
    return buffer.tell()


def test_an_image_without_risk_gets_the_coarsest_jpeg(advised: Callable[..., JpegAdvice]) -> None:
    advice = advised(np.zeros((16, 24)))
    assert (advice.quality, advice.subsampling, advice.safe) == (5, "4:2:0", True)


def test_quality_is_the_safe_level_s_rounded_up(advised: Callable[..., JpegAdvice]) -> None:
    # Risk crosses 0.3 at level 4.75; [4, 50] to [7, 95] is 15 a level.
    advice = advised(np.ones((16, 24)))
    assert (advice.quality, advice.safe) == (62, True)


def test_the_finest_quality_and_a_warning_where_none_is_safe(
    advised: Callable[..., JpegAdvice],
) -> None:
    advice = advised(np.ones((16, 24)), decay=[1.0] * 8)
    assert (advice.quality, advice.safe) == (95, False)


def test_colour_keeps_its_resolution_where_something_is_at_risk(
    advised: Callable[..., JpegAdvice],
) -> None:
    assert advised(np.zeros((16, 24)), at_risk=True).subsampling == "4:4:4"


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_the_size_of_an_ordinary_image_is_exact(
    subsampling: str, photograph: NDArray[np.uint8]
) -> None:
    advice = JpegAdvice(70, subsampling, jpeg.estimate_bytes(photograph, 70, subsampling), True)
    assert advice.estimated_bytes == _written(photograph, advice)


def test_the_size_of_a_large_image_is_estimated_from_bands() -> None:
    rows, columns = np.mgrid[0:3000, 0:2000]
    noise = np.random.default_rng(3).normal(0, 1 + rows / 300)
    grey = np.clip(columns / 10 + noise, 0, 255).astype(np.uint8)
    pixels = np.repeat(grey[:, :, None], 3, axis=2)
    advice = JpegAdvice(60, "4:2:0", jpeg.estimate_bytes(pixels, 60, "4:2:0"), True)
    assert advice.estimated_bytes == pytest.approx(_written(pixels, advice), rel=0.03)


@pytest.mark.parametrize(("height", "width"), [(4000, 3000), (2016, 2000), (40_000, 160)])
def test_of_a_large_image_four_megapixels_are_coded_from_top_to_bottom(
    height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    coded: list[NDArray[np.uint8]] = []

    def watched(suffix: str, picture: NDArray[np.uint8], settings: list[int]) -> Any:
        coded.append(picture)
        return encode(suffix, picture, settings)

    encode = cv2.imencode
    monkeypatch.setattr("riskmask.server.engine.jpeg.cv2.imencode", watched)
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = (np.arange(height) * 255 // (height - 1))[:, None]
    jpeg.estimate_bytes(pixels, 50, "4:2:0")
    [sample] = coded
    assert 3_500_000 < sample.shape[0] * sample.shape[1] <= 4_000_000
    rows = sample[:, 0, 2].astype(int)  # the red of BGR says where a row comes from
    assert (np.diff(rows) >= 0).all()
    assert rows[0] == 0
    assert rows[-1] >= 252
    assert np.diff(rows).max() < 255 / 10


@pytest.mark.parametrize("shape", [(15, 300_000), (200_001, 21), (40, 110_000)])
def test_extreme_shapes_are_estimated(shape: tuple[int, int]) -> None:
    pixels = np.zeros((*shape, 3), np.uint8)[:, :60_000]
    assert jpeg.estimate_bytes(pixels[:60_000], 50, "4:2:0") > 0


@pytest.mark.parametrize("quality", [80, 95])
def test_noise_needs_more_bytes_than_pixels(quality: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling="4:4:4")
    size = jpeg.estimate_bytes(pixels, quality, "4:4:4")
    assert 300 * 300 < size <= buffer.tell()
