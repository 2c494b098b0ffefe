"""What half-scale decoding costs is measured on the same grid, regions and JPEG as full scale."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.model.data.training_set import Example
from riskmask.model.evaluate.reduced_scale import (
    FULL,
    HALF,
    Maps,
    decode,
    describe,
    encode,
    enlarge,
    measure_loss,
    predict_both,
)
from riskmask.model.runtime.predictor import Predictor


@pytest.mark.parametrize(("height", "width"), [(64, 96), (33, 101), (2, 3)])
def test_a_jpeg_is_decoded_at_half_scale(height: int, width: int) -> None:
    ramp = np.linspace(20, 230, width).astype(np.uint8)
    image = np.broadcast_to(ramp[None, :, None], (height, width, 3)).copy()
    content = encode(image)
    full, half = decode(content, 1), decode(content, 2)
    assert full.shape == (height, width, 3)
    assert half.shape == (-(-height // 2), -(-width // 2), 3)
    pairs = full[: height // 2 * 2, : width // 2 * 2].astype(float)
    means = pairs.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
    assert np.abs(means - half[: height // 2, : width // 2]).max() < 6


@pytest.mark.parametrize("grid", [(8, 10), (7, 9)])
def test_maps_are_enlarged_onto_the_full_grid(grid: tuple[int, int]) -> None:
    coarse = np.broadcast_to(np.arange(5, dtype=np.float32), (8, 4, 5)).copy()
    large = enlarge(coarse, grid)
    assert large.shape == (8, *grid)
    # a cell of the full grid lies a quarter of a coarse cell beside the middle of one
    np.testing.assert_allclose(large[0, 0, 1:5], [0.25, 0.75, 1.25, 1.75])


def test_both_scales_see_the_same_jpeg(predictor: Predictor, words: Any) -> None:
    example: Example = words.example()
    image = example.image.copy()
    image[32:64, 64:128, 0] = 250
    maps = predict_both([replace(example, image=image)], predictor, 1)
    (full,), (half,) = maps.scores[FULL], maps.scores[HALF]
    assert full.shape == half.shape == (8, 32, 32)
    assert full[0, 10:14, 20:28].min() > 0.4
    np.testing.assert_allclose(full[0, 10:14, 20:28], half[0, 10:14, 20:28], atol=0.1)
    assert half[0, 20:, :8].max() < 0.1
    assert len(maps.seconds[FULL]) == len(maps.seconds[HALF]) == 1


def _shown(losses: Any) -> str:
    return "\n".join(describe(losses, Maps({}, {FULL: [0.3], HALF: [0.1]})))


@pytest.mark.slow
def test_the_loss_is_told_by_height_at_contested_levels(words: Any) -> None:
    several = [words.example()] * 3
    right: NDArray[np.float32] = words.map(0.9, 0.8, 0.1)
    wrong: NDArray[np.float32] = words.map(0.1, 0.2, 0.9)
    scores = {FULL: [right] * 3, HALF: [wrong] * 3}
    losses = measure_loss(several, scores, (0.0, float("inf")))
    assert [each.level for each in losses] == list(range(1, 8))
    first = losses[0]
    assert (first.regions, first.changed) == (9, 3)
    assert first.full == pytest.approx(1.0)
    assert first.half == pytest.approx(1 / 3)  # the word that changed comes last of three
    assert first.difference == pytest.approx((-2 / 3, -2 / 3))
    assert measure_loss(several, scores, (0.0, 16.0)) == []  # they are 32 pixels high
    said = _shown(losses)
    assert "| all | 1 | 9 | 3 | 1.000 | 0.333 | -0.667 to -0.667 |" in said
    assert "full scale 300.0 ms, half scale 100.0 ms, 3.00 times as long" in said
    assert "no level is contested" in _shown([])
