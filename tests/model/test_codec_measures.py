"""High frequencies are counted as they are, and generative is said only where it was reached."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from riskmask.model.codec_measures import (
    Operating,
    frequency_table,
    high_frequency_energy,
    is_generative,
    measure,
    rate_table,
    verdict,
)
from riskmask.model.codecs.base import Codec

Pixels = NDArray[np.uint8]
MADE_UP = Operating(bpp=0.1, quality=24.0, kept=0.8, reference_quality=27.0, reference_kept=0.3)
FINE = Operating(bpp=0.6, quality=33.0, kept=0.6, reference_quality=36.0, reference_kept=0.4)


def test_blur_loses_high_frequencies_and_noise_of_the_same_strength_restores_them(
    astronaut: Pixels,
) -> None:
    picture = astronaut[:200, 100:301]
    blurred = np.array(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(2)))
    whole, left = high_frequency_energy(picture), high_frequency_energy(blurred)
    assert left < 0.2 * whole
    noise = np.random.default_rng(0).normal(0, (whole / picture[..., 0].size) ** 0.5, (200, 201, 1))
    filled = np.clip(blurred + noise, 0, 255).astype(np.uint8)
    assert high_frequency_energy(filled) == pytest.approx(whole, rel=0.5)


def test_low_frequencies_do_not_count() -> None:
    wave = 120 + 60 * np.cos(np.pi * (np.arange(64) + 0.5) * 8 / 64)
    low = np.repeat(np.tile(wave, (64, 1))[..., None], 3, axis=2).astype(np.uint8)
    assert high_frequency_energy(low) < 0.01 * np.square(low.astype(float) - low.mean()).sum()


def test_generative_is_what_keeps_detail_where_the_reference_loses_it() -> None:
    assert is_generative([MADE_UP, FINE])
    assert "**generative**" in verdict([MADE_UP, FINE])


@pytest.mark.parametrize(
    "change",
    [{"kept": 0.7}, {"quality": 22.9}, {"bpp": 0.21}, {"reference_kept": 0.51}],
)
def test_each_condition_must_hold(change: dict[str, float]) -> None:
    points = [replace(MADE_UP, **change), FINE]
    assert not is_generative(points)
    assert "**not generative**" in verdict(points)


def test_one_level_that_fails_is_enough() -> None:
    assert not is_generative([MADE_UP, replace(MADE_UP, bpp=0.19, kept=0.5)])


def test_the_table_has_a_row_for_each_level() -> None:
    rows = frequency_table([MADE_UP, FINE]).splitlines()
    assert len(rows) == 4
    assert rows[2] == "| 0 | 0.100 | 80% | 30% | 24.0 | 27.0 |"


class _Blurred:
    """Blurs a picture and adds a grey value of noise; its stream is a JPEG of that."""

    def __init__(self, radius: float = 2.0) -> None:
        self.identity = f"blurred by {radius}"
        self._radius = radius

    def compress(self, image: Pixels, level: float) -> bytes:
        soft = np.array(
            Image.fromarray(image).filter(ImageFilter.GaussianBlur(self._radius))
        ).astype(int)
        noise = np.random.default_rng(0).integers(-1, 2, soft.shape[:2])[..., None]
        buffer = io.BytesIO()
        picture = Image.fromarray(np.clip(soft + noise, 0, 255).astype(np.uint8))
        picture.save(buffer, "JPEG", quality=int(80 + 2 * level))
        return buffer.getvalue()

    def decompress(self, stream: bytes) -> Pixels:
        with Image.open(io.BytesIO(stream)) as opened:
            return np.array(opened.convert("RGB"))


def test_noise_on_a_smooth_photograph_is_not_taken_for_kept_detail(astronaut: Pixels) -> None:
    smooth = np.full((64, 64, 3), 120, np.uint8) + np.arange(64, dtype=np.uint8)[:, None, None] // 4
    photographs = [astronaut[:64, 160:224], astronaut[100:164, 200:264], smooth]
    codec = cast(Codec, _Blurred())
    points = measure(codec, codec, photographs)
    assert len(points) == 8
    for point in points:
        assert point.kept < 0.5
        assert point.reference_kept == point.kept
        assert point.reference_quality == pytest.approx(point.quality)
    noise = codec.decompress(codec.compress(smooth, 7))
    assert high_frequency_energy(noise) > 2 * high_frequency_energy(smooth)


def test_the_reference_is_measured_beside_the_codec(astronaut: Pixels) -> None:
    photographs = [astronaut[:64, 160:224], astronaut[100:164, 200:264]]
    points = measure(cast(Codec, _Blurred(2.0)), cast(Codec, _Blurred(0.5)), photographs)
    for point in points:
        assert point.reference_quality > point.quality + 1
        assert point.reference_kept > 2 * point.kept
        # What is JPEG already is behind a JPEG of the picture itself.
        assert point.jpeg_gain is None or point.jpeg_gain < 0


def test_a_rate_that_jpeg_does_not_reach_is_told() -> None:
    beside = replace(MADE_UP, jpeg_quality=23.0, jpeg_gain=1.0)
    rows = rate_table([MADE_UP, beside]).splitlines()
    assert rows[2] == "| 0 | 0.100 | 24.0 | cannot be written |"
    assert rows[3] == "| 1 | 0.100 | 24.0 | 23.0 (riskmask's +1.0) |"
