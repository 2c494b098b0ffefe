"""A bpp, a byte count or a quality becomes a level, and the level costs what was asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.errors import InvalidTargetError
from riskmask.server.engine.rate import RateCurves
from riskmask.server.engine.target import check_target, resolve
from riskmask.server.engine.values import ReasonCode, Target

RATE_OF_LEVEL = (0.05, 0.1, 0.17, 0.3, 0.5, 0.9, 1.5, 2.5)
Predicted = Callable[..., Prediction]
Profiles = dict[str, CodecProfile]


def test_the_image_s_bpp_is_the_mean_over_its_pixels(
    predicted: Predicted, profiles: Profiles
) -> None:
    # The right block has a quarter of its columns inside the image.
    rates = RateCurves(predicted(20, 16, rate=np.array([[1.0, 5.0]])), profiles["hyperprior"])
    for anchor, rate in enumerate(RATE_OF_LEVEL):
        assert rates.bpp(anchor) == pytest.approx(rate * (16 * 1.0 + 4 * 5.0) / 20, rel=1e-5)


def test_a_profile_s_factor_scales_the_rate(predicted: Predicted, profiles: Profiles) -> None:
    prediction = predicted(64, 64)
    ours, jpeg = (RateCurves(prediction, profiles[name]) for name in ("hyperprior", "jpeg"))
    assert jpeg.bpp(3.3) == pytest.approx(2.0 * ours.bpp(3.3))


def test_factors_cannot_make_a_finer_level_cheaper(
    predicted: Predicted, profiles: Profiles
) -> None:
    odd = replace(profiles["hyperprior"], rate_factor=(1.0, 1.0, 9.0, 1.0, 1.0, 1.0, 1.0, 0.01))
    rates = RateCurves(predicted(64, 64), odd)
    levels = np.linspace(0, 7, 50)
    bpp = [rates.bpp(level) for level in levels]
    assert all(after >= before for before, after in pairwise(bpp))
    bits = [rates.bits(np.full(rates.shape, level, np.float32)) for level in levels]
    assert all((after >= before * (1 - 1e-6)).all() for before, after in pairwise(bits))


@given(level=st.floats(0, 7))
def test_level_and_bpp_are_inverse(predicted: Predicted, profiles: Profiles, level: float) -> None:
    rates = RateCurves(predicted(64, 64), profiles["hyperprior"])
    assert rates.level(rates.bpp(level)) == pytest.approx(level, abs=1e-5)


@given(level=st.floats(0, 7))
def test_between_anchors_the_logarithm_of_the_rate_is_linear(
    predicted: Predicted, profiles: Profiles, level: float
) -> None:
    rates = RateCurves(predicted(64, 64), profiles["hyperprior"])
    expected = math.exp(np.interp(level, range(8), np.log(RATE_OF_LEVEL)))
    assert rates.bpp(level) == pytest.approx(expected, rel=1e-5)
    uniform = np.full(rates.shape, level, np.float32)
    assert rates.bits(uniform).sum() / rates.pixels == pytest.approx(expected, rel=1e-5)


def test_an_image_that_costs_nothing_has_a_level(predicted: Predicted, profiles: Profiles) -> None:
    rates = RateCurves(predicted(64, 64, rate=np.zeros((4, 4))), profiles["hyperprior"])
    assert rates.level(0.25) == 7.0
    assert 0.0 < rates.bpp(0.0) < 1e-6


@given(bpp=st.floats(0.051, 2.49))
def test_a_bpp_in_range_is_kept_as_asked(
    predicted: Predicted, profiles: Profiles, bpp: float
) -> None:
    rates = RateCurves(predicted(64, 64), profiles["hyperprior"])
    resolution = resolve(Target(bpp=bpp), profiles["hyperprior"], rates)
    assert resolution.target.bpp == resolution.asked_bpp == bpp
    assert rates.bpp(resolution.target.level) == pytest.approx(bpp, rel=1e-5)
    assert resolution.reasons == ()


def test_bytes_are_bits_over_pixels(predicted: Predicted, profiles: Profiles) -> None:
    rates = RateCurves(predicted(100, 50), profiles["hyperprior"])
    by_bytes = resolve(Target(size_bytes=250), profiles["hyperprior"], rates)
    by_bpp = resolve(Target(bpp=0.4), profiles["hyperprior"], rates)
    assert by_bytes == by_bpp


@pytest.mark.parametrize(("bpp", "level"), [(0.001, 0.0), (50.0, 7.0)])
def test_a_bpp_out_of_range_is_clamped_with_a_reason(
    bpp: float, level: float, predicted: Predicted, profiles: Profiles
) -> None:
    rates = RateCurves(predicted(64, 64), profiles["hyperprior"])
    resolution = resolve(Target(bpp=bpp), profiles["hyperprior"], rates)
    assert resolution.target.level == level
    assert resolution.target.bpp == pytest.approx(rates.bpp(level))
    assert resolution.asked_bpp == bpp
    [reason] = resolution.reasons
    assert reason.code is ReasonCode.RATE_OUT_OF_RANGE
    assert "0.05 to 2.5 bpp" in reason.message


def test_a_codec_s_own_range_clamps_too(predicted: Predicted, profiles: Profiles) -> None:
    jpeg = profiles["jpeg"]
    rates = RateCurves(predicted(64, 64), jpeg)
    resolution = resolve(Target(bpp=0.1), jpeg, rates)
    assert resolution.target.level == jpeg.coarsest_level
    assert resolution.target.bpp == pytest.approx(0.2, rel=1e-5)
    assert [reason.code for reason in resolution.reasons] == [ReasonCode.RATE_OUT_OF_RANGE]


def test_a_quality_becomes_its_level(predicted: Predicted, profiles: Profiles) -> None:
    jpeg = profiles["jpeg"]
    rates = RateCurves(predicted(64, 64), jpeg)
    resolution = resolve(Target(quality=50), jpeg, rates)
    assert resolution.target.level == 4.0
    assert resolution.target.bpp == pytest.approx(1.0, rel=1e-5)
    assert resolution.reasons == ()


@pytest.mark.parametrize(("quality", "level"), [(0, 1.0), (4.9, 1.0), (95.1, 7.0), (100, 7.0)])
def test_a_quality_out_of_range_is_clamped_with_a_reason(
    quality: float, level: float, predicted: Predicted, profiles: Profiles
) -> None:
    jpeg = profiles["jpeg"]
    resolution = resolve(Target(quality=quality), jpeg, RateCurves(predicted(64, 64), jpeg))
    assert resolution.target.level == level
    [reason] = resolution.reasons
    assert reason.code is ReasonCode.RATE_OUT_OF_RANGE
    assert "qualities 5 to 95" in reason.message


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (Target(), "exactly one"),
        (Target(bpp=0.2, size_bytes=100), "exactly one"),
        (Target(bpp=0.0), "bpp must be over 0"),
        (Target(bpp=-1.0), "bpp must be over 0"),
        (Target(bpp=math.nan), "bpp must be a finite"),
        (Target(bpp=math.inf), "bpp must be a finite"),
        (Target(size_bytes=0), "size_bytes must be over 0"),
        (Target(quality=math.nan), "quality must be a finite"),
    ],
)
def test_a_target_that_means_nothing_is_refused(target: Target, sentence: str) -> None:
    with pytest.raises(InvalidTargetError, match=sentence):
        check_target(target)


@pytest.mark.parametrize(
    "target", [Target(bpp=0.25), Target(size_bytes=1), Target(quality=-3.0), Target(quality=0.0)]
)
def test_a_target_that_means_something_passes(target: Target) -> None:
    check_target(target)
