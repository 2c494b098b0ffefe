"""A fitted curve gives a codec the reference's rates at every level, and refuses what it cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.model.codecs.hyperprior import Hyperprior
from riskmask.model.codecs.level_curve import REFERENCE_SCALE, LevelCurve
from riskmask.model.levels import step_of_level
from riskmask.model.train.batches import LevelRange
from riskmask.model.train.level_fit import fit_levels

Pixels = NDArray[np.uint8]
STEPS = (600.0, 380.0, 240.0, 150.0, 95.0, 60.0, 38.0, 24.0)


def test_a_curve_goes_through_its_steps_and_is_geometric_between() -> None:
    curve = LevelCurve(STEPS)
    np.testing.assert_allclose(curve.step(np.arange(8, dtype=np.float32)), STEPS, rtol=1e-6)
    between = curve.step(np.array([[0.5, 6.5]], np.float32))
    np.testing.assert_allclose(between, [[(600 * 380) ** 0.5, (38 * 24) ** 0.5]], rtol=1e-6)
    assert between.dtype == np.float32


def test_the_reference_s_scale_is_the_levels_themselves() -> None:
    levels = np.linspace(0, 7, 29, dtype=np.float32)
    np.testing.assert_array_equal(
        REFERENCE_SCALE.step(levels), np.asarray(step_of_level(levels), np.float32)
    )
    assert REFERENCE_SCALE.identity("ab" * 32) == "ab" * 32
    assert LevelCurve(STEPS).identity("ab" * 32) != "ab" * 32


@pytest.mark.parametrize(
    "steps", [STEPS[:7], STEPS[::-1], (*STEPS[:7], 38.0), (*STEPS[:7], -1.0), (*STEPS[:7], np.nan)]
)
def test_steps_that_are_no_curve_are_refused(steps: Any) -> None:
    with pytest.raises(ValueError, match="steps"):
        LevelCurve(steps)


@pytest.mark.slow
def test_the_reference_fitted_to_itself_gets_its_own_steps(
    codec: Hyperprior, astronaut: Pixels
) -> None:
    photographs = [astronaut[:128, 160:288]]
    curve = fit_levels(codec, codec, photographs, LevelRange())
    wanted = step_of_level(np.arange(8, dtype=np.float32))
    np.testing.assert_allclose(curve.steps, wanted, rtol=0.02)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_codec_that_does_not_reach_the_levels_is_refused(
    codec: Hyperprior, astronaut: Pixels
) -> None:
    with pytest.raises(ValueError, match="widen its range"):
        fit_levels(codec, codec, [astronaut[:64, 160:224]], LevelRange(1.0, 7.0))
