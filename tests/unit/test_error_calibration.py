"""How likely an image has an error follows from the peak of its risk map, and rises with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskmask.model.runtime.components import find_components
from riskmask.model.runtime.error_calibration import ErrorCalibration
from riskmask.model.runtime.peak import peak_risk
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.policy import image_policies
from riskmask.server.engine.values import Policy

LINE = st.builds(
    ErrorCalibration,
    slope=st.floats(0.05, 5.0),
    intercept=st.floats(-5.0, 5.0),
    fitted_on=st.just("a test"),
)


def test_the_peak_is_the_highest_threshold_that_leaves_a_region() -> None:
    risk = np.zeros((16, 16), np.float32)
    risk[0, 0] = 0.9
    risk[8, 4:7] = (0.5, 0.625, 0.5)
    assert peak_risk(risk, 0, 64, 64) == pytest.approx(0.9, abs=1 / 4096)
    assert peak_risk(risk, 48, 64, 64) == 0.5
    assert peak_risk(risk, 49, 64, 64) == 0.0, "all of the picture is a region at 0 alone"
    assert peak_risk(risk, 64 * 64 + 1, 64, 64) == 0.0
    assert peak_risk(np.ones((16, 16), np.float32), 48, 64, 64) == 1.0


@given(seed=st.integers(0, 999), smallest=st.sampled_from([0, 16, 48, 200]))
def test_a_region_is_left_up_to_the_peak_and_not_beyond(seed: int, smallest: int) -> None:
    risk = np.random.default_rng(seed).random((7, 9)).astype(np.float32) ** 3
    peak = peak_risk(risk, smallest, 35, 27)
    assert find_components(risk, peak, smallest, 35, 27).count > 0
    assert find_components(risk, peak + 1 / 4096, smallest, 35, 27).count == 0


@given(line=LINE, limit=st.floats(0.001, 1.0))
def test_the_peak_of_a_limit_is_the_lowest_that_reaches_it(
    line: ErrorCalibration, limit: float
) -> None:
    peak = line.peak_of(limit)
    if peak <= 1:
        assert line.probability(peak) >= limit
    if peak > 0:
        assert line.probability(min(peak - 1 / 4096, 1.0)) < limit


@given(line=LINE, peaks=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=2))
def test_a_higher_peak_is_never_less_of_a_danger(
    line: ErrorCalibration, peaks: list[float]
) -> None:
    low, high = sorted(peaks)
    assert 0.0 <= line.probability(low) <= line.probability(high) <= 1.0


@pytest.fixture
def profile(profiles: dict[str, CodecProfile]) -> CodecProfile:
    return replace(profiles["hyperprior"], error_calibration=ErrorCalibration(1.0, 0.0, "a test"))


def test_the_stricter_of_the_two_rules_decides(profile: CodecProfile) -> None:
    [strict] = image_policies(Policy(), profile)
    assert strict.threshold == pytest.approx(0.1, abs=1 / 4096)
    lax = Policy(max_error_probability=0.5)
    assert image_policies(lax, profile) == (lax,)
    assert image_policies(Policy(max_error_probability=1.0), profile)[0].threshold == 0.3


def test_codecs_are_held_to_one_rule(profile: CodecProfile) -> None:
    unknown = replace(profile, error_calibration=None)
    assert image_policies(Policy(), profile, unknown) == (Policy(), Policy())
    other = replace(profile, error_calibration=ErrorCalibration(1.0, 2.0, "a test"))
    mine, theirs = image_policies(Policy(), profile, other)
    assert theirs.threshold < mine.threshold < 0.3
