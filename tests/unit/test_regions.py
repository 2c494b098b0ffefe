"""Regions are connected areas of risk, with an outline, an order and a level that is safe."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.rate import RateCurves
from riskmask.server.engine.regions import (
    MOST_LISTED,
    RegionSet,
    find_regions,
    has_region,
    image_safe_level,
)
from riskmask.server.engine.risk import RiskCurves
from riskmask.server.engine.values import Policy

Predicted = Callable[..., Prediction]
Find = Callable[..., RegionSet]
RATE_OF_LEVEL = (0.05, 0.1, 0.17, 0.3, 0.5, 0.9, 1.5, 2.5)
MASKS = arrays.arrays(np.bool_, st.tuples(st.integers(1, 20), st.integers(1, 20)))


@pytest.fixture(scope="module")
def find(predicted: Predicted, profiles: dict[str, CodecProfile]) -> Find:
    """``find(width, height, risk, level=0)``: regions of a risk map at the coarsest level."""

    def regions(
        width: int,
        height: int,
        risk: NDArray[Any],
        *,
        level: float = 0.0,
        policy: Policy | None = None,
        change: Callable[[Prediction], None] = lambda _: None,
        **options: Any,
    ) -> RegionSet:
        prediction = predicted(width, height, risk, **options)
        change(prediction)
        policy = policy or Policy()
        curves = RiskCurves(prediction, profiles["hyperprior"], policy)
        rates = RateCurves(prediction, profiles["hyperprior"])
        return find_regions(prediction, curves, rates, level, policy)

    return regions


def _map(rows: int, columns: int, **rectangles: tuple[slice, slice]) -> NDArray[np.float32]:
    risk = np.zeros((rows, columns), np.float32)
    for place in rectangles.values():
        risk[place] = 0.9
    return risk


def test_a_block_of_risk_is_one_region_with_its_exact_edges(find: Find) -> None:
    [region] = find(80, 60, _map(15, 20, block=np.s_[3:6, 4:9])).listed
    assert region.box == (16, 12, 20, 12)
    assert set(region.polygon) == {(16, 12), (36, 12), (36, 24), (16, 24)}
    assert region.risk == pytest.approx(0.9, abs=1e-3)


def test_edges_are_clipped_to_the_image(find: Find) -> None:
    [region] = find(78, 59, _map(15, 20, corner=np.s_[12:, 17:])).listed
    assert region.box == (68, 48, 10, 11)
    assert set(region.polygon) == {(68, 48), (78, 48), (78, 59), (68, 59)}


def test_diagonal_neighbours_are_connected(find: Find) -> None:
    assert find(16, 16, np.eye(4) * 0.9).count == 1


def test_a_region_one_cell_wide_has_an_outline(find: Find) -> None:
    [region] = find(80, 60, _map(15, 20, line=np.s_[3:4, 2:18])).listed
    assert set(region.polygon) == {(8, 12), (72, 12), (72, 16), (8, 16)}


def test_a_region_inside_a_ring_is_a_region_of_its_own(find: Find) -> None:
    risk = _map(15, 15, ring=np.s_[1:14, 1:14])
    risk[3:12, 3:12] = 0.0
    risk[6:9, 6:9] = 0.8
    boxes = [region.box for region in find(60, 60, risk).listed]
    assert boxes == [(4, 4, 52, 52), (24, 24, 12, 12)]


def test_small_areas_are_dropped(find: Find) -> None:
    risk = _map(15, 20, two=np.s_[0:1, 0:2], three=np.s_[5:6, 5:8])
    assert [region.box for region in find(80, 60, risk).listed] == [(20, 20, 12, 4)]
    assert find(80, 60, risk, policy=Policy(smallest_region=0)).count == 2
    assert find(80, 60, risk, policy=Policy(smallest_region=49)).count == 0


def test_area_counts_the_pixels_inside_the_image(find: Find) -> None:
    regions = find(5, 6, np.full((2, 2), 0.9), policy=Policy(smallest_region=0))
    assert regions.area == 30.0


def test_the_threshold_itself_counts(find: Find) -> None:
    risk = np.full((4, 4), 0.5)
    assert find(16, 16, risk, policy=Policy(threshold=0.5)).count == 1
    assert find(16, 16, risk, policy=Policy(threshold=0.501)).count == 0


def test_every_question_rounds_the_threshold_alike(
    predicted: Predicted, profiles: dict[str, CodecProfile]
) -> None:
    # 0.7 lies between two float32; the lower is the risk here.
    policy = Policy(threshold=0.7, text_weight=0.0, face_weight=0.0, symbol_weight=0.0)
    weighted = dataclasses.replace(policy, other_weight=0.7)
    prediction = predicted(16, 16, np.ones((4, 4)))
    profile = profiles["hyperprior"]
    curves, rates = RiskCurves(prediction, profile, weighted), RateCurves(prediction, profile)
    assert find_regions(prediction, curves, rates, 0.0, weighted).count == 1
    assert has_region(curves.at(0.0), curves, weighted)


def test_risk_is_the_95th_percentile_inside(find: Find) -> None:
    values = np.linspace(0.4, 0.9, 100).astype(np.float16).reshape(10, 10)
    regions = find(40, 40, values)
    expected = np.percentile(values.astype(np.float64), 95)
    assert regions.listed[0].risk == pytest.approx(expected, abs=1e-6)


def test_regions_come_by_risk_times_area_then_by_place(find: Find) -> None:
    risk = np.zeros((15, 20))
    risk[1:4, 1:4] = 0.5
    risk[1:4, 10:13] = 0.9
    risk[8:14, 2:12] = 0.4
    risk[1:4, 6:9] = 0.5
    boxes = [region.box[:2] for region in find(80, 60, risk).listed]
    assert boxes == [(8, 32), (40, 4), (4, 4), (24, 4)]


def test_equal_regions_come_row_by_row(find: Find) -> None:
    risk = _map(15, 20, left=np.s_[6:9, 1:4], right=np.s_[1:4, 15:18], below=np.s_[6:9, 15:18])
    boxes = [region.box[:2] for region in find(80, 60, risk).listed]
    assert boxes == [(60, 4), (4, 24), (60, 24)]


def test_properties_are_means_weighted_by_risk(find: Find) -> None:
    risk = np.zeros((4, 4))
    risk[1, 1:4] = (0.9, 0.6, 0.3)

    def paint(prediction: Prediction) -> None:
        prediction.content[0, 1, 1] = 1.0
        prediction.kind[2, 1, 2] = 1.0
        prediction.high_impact[1, 3] = 1.0

    [region] = find(16, 16, risk, change=paint, policy=Policy(threshold=0.25)).listed
    assert region.content.text == pytest.approx(0.9 / 1.8, abs=1e-3)
    assert region.kind.shape == pytest.approx(0.6 / 1.8, abs=1e-3)
    assert region.high_impact == pytest.approx(0.3 / 1.8, abs=1e-3)
    assert region.content.face == region.kind.amplitude == 0.0


@pytest.mark.parametrize("level", [0.0, 1.3, 4.0, 4.4, 4.7])
def test_the_safe_level_is_where_the_risk_falls_under_the_threshold(
    find: Find, level: float
) -> None:
    # 1.0, 0.9, 0.75, 0.6, 0.45, 0.25 … crosses 0.3 at level 4.75.
    [region] = find(16, 16, np.ones((4, 4)), level=level).listed
    assert region.safe_level == pytest.approx(4.755, abs=0.0051)
    assert region.safe_level is not None
    assert find(16, 16, np.ones((4, 4)), level=region.safe_level).count == 0
    assert find(16, 16, np.ones((4, 4)), level=region.safe_level - 0.011).count == 1
    expected = np.exp(np.interp(region.safe_level, range(8), np.log(RATE_OF_LEVEL)))
    assert region.safe_bpp == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("threshold", "safe"), [(0.299, 4.76), (0.3012, 4.75), (0.26, 4.95)])
def test_the_safe_level_is_the_next_hundredth(find: Find, threshold: float, safe: float) -> None:
    """The risk falls from 0.45 to 0.25 between levels 4 and 5."""
    [region] = find(16, 16, np.ones((4, 4)), policy=Policy(threshold=threshold)).listed
    assert region.safe_level == pytest.approx(safe, abs=1e-9)


def test_where_no_level_is_safe_none_is_claimed(find: Find) -> None:
    [region] = find(16, 16, np.full((4, 4), 0.3), decay=[1.0] * 8).listed
    assert region.safe_level is None
    assert region.safe_bpp is None


def test_at_the_finest_level_a_region_has_no_safe_level(find: Find) -> None:
    [region] = find(16, 16, np.ones((4, 4)), level=7.0, decay=[1.0] * 8).listed
    assert region.safe_level is None


@settings(deadline=None)
@given(mask=MASKS, seed=st.integers(0, 99), level=st.floats(0, 5))
def test_regions_are_the_connected_areas_over_the_threshold(
    find: Find, mask: NDArray[np.bool_], seed: int, level: float
) -> None:
    risk = mask * np.random.default_rng(seed).uniform(0.5, 1.0, mask.shape)
    height, width = mask.shape[0] * 4, mask.shape[1] * 4
    policy = Policy(threshold=0.1, smallest_region=0)
    regions = find(width, height, risk, level=level, policy=policy)
    expected, _ = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    assert len(regions.listed) == regions.count == expected - 1
    assert regions.area == 16 * mask.sum()
    for region in regions.listed:
        x, y, w, h = region.box
        assert len(region.polygon) >= 3
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height
        assert all(x <= px <= x + w and y <= py <= y + h for px, py in region.polygon)
        assert region.risk >= 0.1 - 1e-6
        assert region.safe_level is None or level < region.safe_level <= 7.0


@settings(deadline=None)
@given(mask=MASKS, seed=st.integers(0, 99))
def test_the_image_s_safe_level_is_the_coarsest_without_a_region(
    predicted: Predicted,
    profiles: dict[str, CodecProfile],
    mask: NDArray[np.bool_],
    seed: int,
) -> None:
    risk = mask * np.random.default_rng(seed).uniform(0.0, 1.0, mask.shape)
    policy = Policy(smallest_region=0)
    prediction = predicted(mask.shape[1] * 4, mask.shape[0] * 4, risk)
    curves = RiskCurves(prediction, profiles["hyperprior"], policy)
    level = image_safe_level(curves, policy, 0.0, 7.0)
    assert level is not None
    assert not has_region(curves.at(level), curves, policy)
    if level > 0:
        assert has_region(curves.at(level - 0.011), curves, policy)


def test_an_image_that_is_never_safe_has_no_safe_level(
    predicted: Predicted, profiles: dict[str, CodecProfile]
) -> None:
    prediction = predicted(16, 16, np.ones((4, 4)), decay=[1.0] * 8)
    curves = RiskCurves(prediction, profiles["hyperprior"], Policy())
    assert image_safe_level(curves, Policy(), 0.0, 7.0) is None


def test_tens_of_thousands_of_components_stay_bounded(find: Find) -> None:
    risk = np.zeros((600, 600))
    risk[::3, ::3] = 0.9
    start = time.perf_counter()
    regions = find(2400, 2400, risk, policy=Policy(smallest_region=16))
    assert regions.count == 200 * 200
    assert len(regions.listed) == MOST_LISTED
    assert time.perf_counter() - start < 20
