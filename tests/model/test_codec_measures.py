"""High frequencies are counted as they are, and generative is said only where it was reached."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from riskmask.model.codec_measures import (
    Operating,
    frequency_table,
    high_frequency_energy,
    is_generative,
    verdict,
)

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
