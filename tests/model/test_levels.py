"""The common scale: eight anchors, steps that run geometrically, and values between them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskmask.model.levels import (
    ANCHORS,
    COARSEST_STEP,
    FINEST,
    FINEST_STEP,
    interpolate,
    step_of_level,
)


def test_the_scale_runs_from_420_to_16() -> None:
    assert (ANCHORS, FINEST) == (8, 7.0)
    assert step_of_level(0.0) == COARSEST_STEP == 420
    assert step_of_level(7.0) == pytest.approx(FINEST_STEP)
    assert FINEST_STEP == 16


@given(level=st.floats(0, 6))
def test_each_level_divides_the_step_by_the_same_factor(level: float) -> None:
    ratio = step_of_level(level) / step_of_level(level + 1)
    assert ratio == pytest.approx((420 / 16) ** (1 / 7))


def test_steps_of_a_map_are_the_steps_of_its_levels() -> None:
    levels = np.linspace(0, 7, 12, dtype=np.float32).reshape(3, 4)
    steps = step_of_level(levels)
    assert steps.shape == (3, 4)
    assert steps.dtype == np.float32
    expected = [step_of_level(float(level)) for level in levels.ravel()]
    np.testing.assert_allclose(steps.ravel(), expected, rtol=1e-5)


@given(level=st.floats(0, 7), seed=st.integers(0, 99))
def test_between_anchors_values_are_linear(level: float, seed: int) -> None:
    curve = np.random.default_rng(seed).random((8, 2, 3), np.float32)
    flat = [np.interp(level, range(8), curve[:, y, x]) for y in range(2) for x in range(3)]
    np.testing.assert_allclose(interpolate(curve, level).ravel(), flat, atol=1e-5)


@pytest.mark.parametrize("anchor", range(8))
def test_at_an_anchor_the_value_is_the_anchor_s_own(anchor: int) -> None:
    curve = np.random.default_rng(1).random((8, 5), np.float32)
    np.testing.assert_array_equal(interpolate(curve, anchor), curve[anchor])


def test_levels_beyond_the_scale_give_its_ends() -> None:
    curve = np.arange(8, dtype=np.float32)
    assert interpolate(curve, -3.0) == 0
    assert interpolate(curve, 11.0) == 7
