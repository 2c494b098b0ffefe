"""Risk fades as the level rises, calibrated by the codec and weighted by the policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.risk import RiskCurves
from riskmask.server.engine.values import Policy

Predicted = Callable[..., Prediction]
Profiles = dict[str, CodecProfile]
EIGHT = st.lists(st.floats(-3, 3), min_size=8, max_size=8)
SLOPES = st.lists(st.floats(0.1, 4), min_size=8, max_size=8)


def test_at_an_anchor_the_map_is_the_model_s(predicted: Predicted, profiles: Profiles) -> None:
    prediction = predicted(32, 32, np.random.default_rng(0).random((8, 8)))
    curves = RiskCurves(prediction, profiles["hyperprior"], Policy())
    for anchor in range(8):
        np.testing.assert_array_equal(curves.at(anchor), prediction.risk[anchor].astype("f4"))
    assert curves.at(3.5).dtype == np.float32


@given(level=st.floats(0, 7))
def test_between_anchors_the_risk_is_linear(
    predicted: Predicted, profiles: Profiles, level: float
) -> None:
    curves = RiskCurves(predicted(4, 4, np.ones((1, 1))), profiles["hyperprior"], Policy())
    decay = (1.0, 0.9, 0.75, 0.6, 0.45, 0.25, 0.1, 0.0)
    assert curves.at(level)[0, 0] == pytest.approx(np.interp(level, range(8), decay), abs=1e-3)


@settings(deadline=None)
@given(
    base=arrays.arrays(np.float32, (3, 5), elements=st.floats(0, 1, width=32)),
    slope=SLOPES,
    intercept=EIGHT,
    levels=st.tuples(st.floats(0, 7), st.floats(0, 7)),
)
def test_no_calibration_makes_a_finer_level_riskier(
    predicted: Predicted,
    profiles: Profiles,
    base: np.ndarray,
    slope: list[float],
    intercept: list[float],
    levels: tuple[float, float],
) -> None:
    profile = replace(
        profiles["hyperprior"], risk_slope=tuple(slope), risk_intercept=tuple(intercept)
    )
    curves = RiskCurves(predicted(20, 12, base), profile, Policy())
    coarse, fine = curves.at(min(levels)), curves.at(max(levels))
    assert (fine <= coarse + 1e-6).all()
    assert (coarse >= 0).all()
    assert (coarse <= 1).all()


def test_calibration_is_a_logistic_of_the_logit(predicted: Predicted, profiles: Profiles) -> None:
    profile = replace(profiles["hyperprior"], risk_slope=(2.0,) * 8, risk_intercept=(-0.5,) * 8)
    risk = np.array([[0.0, 0.2, 0.5, 0.9, 1.0]])
    curves = RiskCurves(predicted(20, 4, risk, decay=[1.0] * 8), profile, Policy())
    logit = np.log(risk[0, 1:4] / (1 - risk[0, 1:4]))
    expected = [0.0, *(1 / (1 + np.exp(0.5 - 2 * logit))), 1.0]
    np.testing.assert_allclose(curves.at(2.0)[0], expected, atol=2e-3)


def test_cells_asked_for_alone_get_the_map_s_values(
    predicted: Predicted, profiles: Profiles
) -> None:
    prediction = predicted(80, 60, np.random.default_rng(1).random((15, 20)))
    prediction.content[0] = np.random.default_rng(2).random((15, 20))
    curves = RiskCurves(prediction, profiles["hyperprior"], Policy(other_weight=0.2))
    cells = np.array([0, 7, 299, 150])
    for level in (0.0, 2.6, 7.0):
        np.testing.assert_array_equal(curves.inside(cells, level), curves.at(level).ravel()[cells])


def test_each_cell_may_have_a_level_of_its_own(predicted: Predicted, profiles: Profiles) -> None:
    prediction = predicted(80, 60, np.random.default_rng(1).random((15, 20)))
    prediction.content[0] = np.random.default_rng(2).random((15, 20))
    curves = RiskCurves(prediction, profiles["hyperprior"], Policy(other_weight=0.2))
    some = np.array([0.0, 0.4, 1.0, 2.6, 5.99, 6.0, 6.5, 7.0], np.float32)
    levels = np.random.default_rng(3).choice(some, (15, 20))
    mixed = curves.under(levels)
    for level in some:
        alike = levels == level
        np.testing.assert_allclose(mixed[alike], curves.at(float(level))[alike], atol=1e-6)


def test_content_weights_scale_the_risk(predicted: Predicted, profiles: Profiles) -> None:
    prediction = predicted(16, 4, np.ones((1, 4)), decay=[1.0] * 8)
    prediction.content[0, 0, 0] = 1.0  # text
    prediction.content[1, 0, 1] = 1.0  # face
    prediction.content[2, 0, 2] = 0.5  # symbol, unsure
    policy = Policy(text_weight=0.8, face_weight=0.6, symbol_weight=1.0, other_weight=0.1)
    curves = RiskCurves(prediction, profiles["hyperprior"], policy)
    np.testing.assert_allclose(curves.at(0.0)[0], [0.8, 0.6, 0.5, 0.1], atol=1e-3)


def test_default_weights_leave_the_probability_alone(
    predicted: Predicted, profiles: Profiles
) -> None:
    prediction = predicted(16, 4, np.full((1, 4), 0.7), decay=[1.0] * 8)
    curves = RiskCurves(prediction, profiles["hyperprior"], Policy())
    np.testing.assert_allclose(curves.at(3.0), 0.7, atol=1e-3)
