"""Bits move to the regions and the image costs what it cost before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.allocate import (
    Allocation,
    allocate,
    map_of_least_damage,
)
from riskmask.server.engine.lagrangian import expected_damage, least_damage
from riskmask.server.engine.rate import RateCurves
from riskmask.server.engine.regions import RegionSet, find_regions, has_region
from riskmask.server.engine.risk import RiskCurves
from riskmask.server.engine.squares import per_cell, to_blocks
from riskmask.server.engine.values import Policy, ResolvedTarget

Allocate = Callable[..., tuple[Allocation, RegionSet, RateCurves]]
Scattered = Callable[
    [int, float, float, int], tuple[RiskCurves, RateCurves, Allocation, NDArray[np.float32]]
]
WIDTH, HEIGHT = 250, 190
RED_DECAY = (1.0, 0.9, 0.75, 0.6, 0.45, 0.25, 0.1, 0.0)
CELLS = (48, 63)


@pytest.fixture(scope="module")
def allocated(predicted: Callable[..., Prediction], profiles: dict[str, CodecProfile]) -> Allocate:
    """``allocated(risk, level)``: the allocation for a 250x190 image at a level."""

    def make(
        risk: NDArray[Any], level: float, **options: Any
    ) -> tuple[Allocation, RegionSet, RateCurves]:
        prediction = predicted(WIDTH, HEIGHT, risk, **options)
        profile, policy = profiles["hyperprior"], Policy()
        curves, rates = RiskCurves(prediction, profile, policy), RateCurves(prediction, profile)
        regions = find_regions(prediction, curves, rates, level, policy)
        target = ResolvedTarget("hyperprior", rates.bpp(level), level)
        return allocate(regions.components, curves, rates, profile, target, policy), regions, rates

    return make


@pytest.fixture(scope="module")
def scattered(predicted: Callable[..., Prediction], profiles: dict[str, CodecProfile]) -> Scattered:
    """``scattered(seed, level, highest, square)``: curves, the allocation and an encoder's map.

    Four areas of random place and risk on a 250x190 image.
    """

    def make(
        seed: int, level: float, highest: float, square: int
    ) -> tuple[RiskCurves, RateCurves, Allocation, NDArray[np.float32]]:
        random = np.random.default_rng(seed)
        risk = np.zeros(CELLS)
        for _ in range(4):
            top, left = random.integers(0, CELLS[0] - 8), random.integers(0, CELLS[1] - 16)
            risk[top : top + 6, left : left + 12] = random.uniform(0, highest)
        prediction = predicted(WIDTH, HEIGHT, risk)
        profile, policy = profiles["hyperprior"], Policy()
        curves, rates = RiskCurves(prediction, profile, policy), RateCurves(prediction, profile)
        regions = find_regions(prediction, curves, rates, level, policy)
        target = ResolvedTarget("hyperprior", rates.bpp(level), level)
        asked = curves, rates, profile, target, policy, square
        allocation = allocate(regions.components, *asked)
        return curves, rates, allocation, map_of_least_damage(allocation, *asked)

    return make


def _risk(rows: slice, columns: slice, value: float = 1.0) -> NDArray[np.float64]:
    risk = np.zeros(CELLS)
    risk[rows, columns] = value
    return risk


def test_without_regions_the_map_is_uniform(allocated: Allocate) -> None:
    allocation, _, rates = allocated(np.zeros(CELLS), 2.5)
    assert allocation.feasible
    assert (allocation.levels == 2.5).all()
    assert allocation.predicted_bpp == rates.bpp(2.5)
    assert allocation.levels.shape == (12, 16)
    assert allocation.levels.dtype == np.float32


def test_every_block_that_a_region_touches_reaches_its_safe_level(allocated: Allocate) -> None:
    # Cells 5…9 lie in block columns 1 and 2, rows 7…8 in block rows 1 and 2.
    allocation, regions, _ = allocated(_risk(np.s_[7:9], np.s_[5:10]), 3.0)
    [region] = regions.listed
    raised = np.zeros((12, 16), bool)
    raised[1:3, 1:3] = True
    assert region.safe_level is not None
    np.testing.assert_allclose(allocation.levels[raised], region.safe_level, atol=1e-6)
    np.testing.assert_allclose(allocation.levels[~raised], allocation.background_level, atol=1e-6)
    assert allocation.background_level < 3.0
    assert allocation.feasible


@pytest.mark.parametrize("coarsest", [0.0, 0.163, 0.288, 0.433])
def test_a_codec_s_range_may_begin_between_two_anchors(
    coarsest: float, predicted: Callable[..., Prediction], profiles: dict[str, CodecProfile]
) -> None:
    """The left block is safe from level 3 on; finer would take bits from the right one in vain."""
    risk = np.zeros((4, 8))
    risk[:, :4] = 0.9
    prediction = predicted(32, 16, risk, decay=[1.0] * 3 + [0.0] * 5)
    curves = RiskCurves(prediction, profiles["hyperprior"], Policy())
    rates = RateCurves(prediction, profiles["hyperprior"])
    [[left, right]] = least_damage(curves, rates, 2.3, coarsest, 7.0)
    assert left == pytest.approx(3.0, abs=0.01)
    assert right > coarsest + 0.1


@settings(deadline=None, max_examples=25)
@given(
    level=st.floats(0.5, 4.5),
    top=st.integers(0, 40),
    left=st.integers(0, 55),
    size=st.integers(2, 12),
    seed=st.integers(0, 1000),
)
def test_an_allocation_costs_what_was_asked_for_and_averts_damage(
    allocated: Allocate, level: float, top: int, left: int, size: int, seed: int
) -> None:
    rate = np.random.default_rng(seed).uniform(0.1, 3.0, (12, 16))
    risk = _risk(np.s_[top : top + size], np.s_[left : left + size])
    allocation, regions, rates = allocated(risk, level, rate=rate)
    asked = rates.bpp(level)
    assert regions.count == 1
    assert (allocation.levels >= 0).all()
    assert (allocation.levels <= 7).all()
    uniform = rates.bits(np.full((12, 16), level, np.float32)).sum()
    spent = rates.bits(allocation.levels).sum()
    assert allocation.predicted_bpp == pytest.approx(asked * spent / uniform)
    assert allocation.predicted_bpp == pytest.approx(asked, rel=1e-4)
    assert 0 < allocation.damage <= allocation.uniform_damage * (1 + 1e-4)
    if allocation.feasible:
        assert allocation.damage < allocation.uniform_damage


def test_following_a_feasible_allocation_leaves_no_region(allocated: Allocate) -> None:
    # The riskiest 5% of the region are outside of its 95th percentile, and 320 pixels large.
    risk = _risk(np.s_[4:24], np.s_[4:24], 0.6)
    risk[4:8, 4:9] = 1.0
    allocation, regions, _ = allocated(risk, 1.5, rate=np.ones((12, 16)))
    [region] = regions.listed
    assert region.safe_level is not None
    assert allocation.levels[1, 1] > region.safe_level > allocation.levels[4, 4]
    cells = allocation.levels.repeat(4, axis=0).repeat(4, axis=1)[: CELLS[0], : CELLS[1]]
    left = np.interp(cells, np.arange(8), RED_DECAY) * risk
    assert left.max() < 0.301


def test_a_region_too_large_for_the_budget_is_not_feasible(allocated: Allocate) -> None:
    allocation, _, rates = allocated(_risk(np.s_[:44], np.s_[:]), 1.0)
    assert not allocation.feasible
    assert allocation.predicted_bpp == pytest.approx(rates.bpp(1.0), rel=1e-4)
    # The region's blocks get what the others can spare, though it does not make them safe.
    assert allocation.levels[:11].min() > 1.0 > allocation.levels[11:].max()
    assert allocation.damage < allocation.uniform_damage


def test_a_region_that_is_never_safe_is_not_feasible(allocated: Allocate) -> None:
    allocation, _, _ = allocated(_risk(np.s_[7:9], np.s_[5:10]), 3.0, decay=[1.0] * 8)
    assert not allocation.feasible
    # More bits would avert nothing, so none are moved.
    assert (allocation.levels == 3.0).all()
    assert allocation.damage == allocation.uniform_damage


def test_a_background_that_would_become_risky_is_not_lowered(allocated: Allocate) -> None:
    # At level 3 the second area has risk 0.297, just under the threshold, and no room below.
    risk = _risk(np.s_[0:4], np.s_[0:20]) + _risk(np.s_[30:34], np.s_[20:24], 0.297 / 0.6)
    allocation, regions, _ = allocated(risk, 3.0)
    assert regions.count == 1
    assert allocation.feasible
    assert allocation.levels[7:9, 5].min() >= 3.0
    assert allocation.background_level < 3.0
    alone, _, _ = allocated(_risk(np.s_[0:4], np.s_[0:20]), 3.0)
    assert alone.feasible
    assert alone.levels[8, 5] < 3.0


def test_a_region_that_covers_everything_is_not_feasible(allocated: Allocate) -> None:
    allocation, _, rates = allocated(np.ones(CELLS), 3.0)
    assert not allocation.feasible
    assert allocation.predicted_bpp == pytest.approx(rates.bpp(3.0), rel=1e-4)


def test_cheap_blocks_are_saved_first_where_not_all_can_be(allocated: Allocate) -> None:
    # Everything at the same risk, and half of the blocks cost a fifth of the others.
    rate = np.full((12, 16), 1.0)
    rate[:, 8:] = 0.2
    allocation, _, _ = allocated(np.ones(CELLS), 2.0, rate=rate)
    assert not allocation.feasible
    assert allocation.levels[:, 8:].min() > allocation.levels[:, :8].max()
    assert allocation.damage < 0.9 * allocation.uniform_damage


def test_content_that_weighs_more_gets_the_bits(
    predicted: Callable[..., Prediction], profiles: dict[str, CodecProfile]
) -> None:
    prediction = predicted(WIDTH, HEIGHT, np.ones(CELLS))
    prediction.content[0, :, :32] = 1.0
    profile, policy = profiles["hyperprior"], Policy(other_weight=0.4)
    curves, rates = RiskCurves(prediction, profile, policy), RateCurves(prediction, profile)
    levels = least_damage(curves, rates, 2.0, 0.0, 7.0)
    assert levels[:, :8].min() > 2.0 > levels[:, 8:].max()


@settings(deadline=None, max_examples=12)
@given(level=st.floats(0.5, 6.0), seed=st.integers(0, 1000))
def test_no_two_blocks_could_trade_bits_to_avert_more(
    predicted: Callable[..., Prediction],
    profiles: dict[str, CodecProfile],
    level: float,
    seed: int,
) -> None:
    """Where blocks differ in their risk alone, more risk never gets the coarser level."""
    chosen = np.random.default_rng(seed)
    # Risks are float16: weights closer than a few of its steps may change places.
    weight = chosen.permutation(np.linspace(0, 1, 192)).reshape(12, 16)
    prediction = predicted(256, 192, weight.repeat(4, axis=0).repeat(4, axis=1))
    profile, policy = profiles["hyperprior"], Policy()
    curves, rates = RiskCurves(prediction, profile, policy), RateCurves(prediction, profile)
    levels = least_damage(curves, rates, level, 0.0, 7.0)
    ordered = levels.ravel()[np.argsort(weight.ravel())]
    assert (np.diff(ordered) >= -1e-6).all()
    uniform = np.full((12, 16), level, np.float32)
    assert rates.bits(levels).sum() == pytest.approx(rates.bits(uniform).sum(), rel=1e-4)
    assert expected_damage(curves, levels) <= expected_damage(curves, uniform) * (1 + 1e-4)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 6.0), st.floats(0.05, 1.0))
def test_an_encoders_map_averts_more_and_stays_safe(
    scattered: Scattered, seed: int, level: float, highest: float
) -> None:
    curves, rates, allocation, levels = scattered(seed, level, highest, 16)
    uniform = np.full(rates.shape, level, np.float32)
    assert rates.bits(levels).sum() <= rates.bits(uniform).sum() * (1 + 1e-4)
    assert expected_damage(curves, levels) <= allocation.damage
    if allocation.feasible:
        assert not has_region(curves.under(per_cell(levels, curves.shape)), curves, Policy())
    else:  # no floor for anything
        assert expected_damage(curves, levels) <= expected_damage(curves, uniform) * (1 + 1e-4)


def test_risk_under_the_threshold_gets_bits_in_an_encoders_map(
    predicted: Callable[..., Prediction], profiles: dict[str, CodecProfile]
) -> None:
    prediction = predicted(WIDTH, HEIGHT, _risk(np.s_[8:16], np.s_[8:24], 0.25))
    profile, policy, level = profiles["hyperprior"], Policy(), 2.0
    curves, rates = RiskCurves(prediction, profile, policy), RateCurves(prediction, profile)
    regions = find_regions(prediction, curves, rates, level, policy)
    target = ResolvedTarget("hyperprior", rates.bpp(level), level)
    allocation = allocate(regions.components, curves, rates, profile, target, policy)
    levels = map_of_least_damage(allocation, curves, rates, profile, target, policy)
    assert regions.count == 0
    assert (allocation.levels == level).all()
    assert levels[2:4, 2:6].min() > level
    assert expected_damage(curves, levels) < 0.9 * allocation.damage


@pytest.mark.parametrize("square", [32, 64])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), level=st.floats(0.5, 6.0), highest=st.floats(0.05, 1.0))
def test_blocks_of_a_larger_cell_have_one_level_and_the_map_costs_the_same(
    scattered: Scattered, square: int, seed: int, level: float, highest: float
) -> None:
    curves, rates, allocation, levels = scattered(seed, level, highest, square)
    uniform = np.full(rates.shape, level, np.float32)
    for each in (allocation.levels, levels):
        np.testing.assert_array_equal(
            each, to_blocks(each[:: square // 16, :: square // 16], square, each.shape)
        )
    assert rates.bits(levels).sum() <= rates.bits(uniform).sum() * (1 + 1e-4)
    assert expected_damage(curves, levels) <= allocation.damage
    if allocation.feasible:
        assert not has_region(curves.under(per_cell(levels, curves.shape)), curves, Policy())


def test_larger_cells_avert_less_than_blocks_and_more_than_nothing(scattered: Scattered) -> None:
    damage = {
        square: expected_damage(curves, levels)
        for square in (16, 32, 64)
        for curves, _, _, levels in [scattered(7, 2.0, 1.0, square)]
    }
    curves, rates, *_ = scattered(7, 2.0, 1.0, 16)
    nothing = expected_damage(curves, np.full(rates.shape, 2.0, np.float32))
    assert damage[16] < damage[32] < damage[64] < nothing


def test_what_fits_in_blocks_may_not_fit_in_an_encoder_s_larger_cells(
    predicted: Callable[..., Prediction], profiles: dict[str, CodecProfile]
) -> None:
    # A cell of text in every square of 64x64 pixels: raising it all leaves nothing to take from.
    risk = np.zeros((64, 64))
    risk[::16, ::16] = risk[1::16, ::16] = risk[::16, 1::16] = risk[1::16, 1::16] = 1.0
    prediction = predicted(256, 256, risk)
    profile, policy, level = profiles["hyperprior"], Policy(smallest_region=32), 3.0
    curves, rates = RiskCurves(prediction, profile, policy), RateCurves(prediction, profile)
    regions = find_regions(prediction, curves, rates, level, policy)
    target = ResolvedTarget("hyperprior", rates.bpp(level), level)
    fits = {
        square: allocate(
            regions.components, curves, rates, profile, target, policy, square
        ).feasible
        for square in (16, 64)
    }
    assert regions.count == 16
    assert fits == {16: True, 64: False}
