"""The evaluation's figures, against cases that can be counted by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from riskmask.model.codecs.base import Codec
from riskmask.model.codecs.hyperprior import Hyperprior
from riskmask.model.data.planes import LabelMap
from riskmask.model.data.training_set import Example
from riskmask.model.evaluate.pixel_intervals import BinnedScores, pixel_interval
from riskmask.model.evaluate.precision import CONTESTED, Row, block_largest, evaluate_levels
from riskmask.model.evaluate.rates import LEVELS, measure_rates
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import packaged_profiles

Pixels = NDArray[np.uint8]

# Four words on a picture of 32x32 cells: how many of the coarsest levels change each.
COUNTS = (8, 4, 2, 0)


def _square(index: int) -> tuple[tuple[float, float], ...]:
    x, y = 16.0 + 64 * (index % 2), 16.0 + 64 * (index // 2)
    return ((x, y), (x + 32, y), (x + 32, y + 32), (x, y + 32))


def _cells(index: int) -> tuple[slice, slice]:
    x, y = 4 + 16 * (index % 2), 4 + 16 * (index // 2)
    return np.s_[y : y + 9, x : x + 9]


def _example(counts: tuple[int, ...] = COUNTS, valid: tuple[bool, ...] = (True,) * 4) -> Example:
    changed = np.zeros((3, 32, 32), np.uint8)
    known = np.ones((3, 32, 32), bool)
    for index, count in enumerate(counts):
        changed[0][_cells(index)] = count
        known[0][_cells(index)] = valid[index]
    nothing = np.zeros((3, 32, 32), np.uint8)
    labels = LabelMap(
        changed=changed,
        valid=known,
        present=nothing.astype(bool),
        present_valid=np.ones((3, 32, 32), bool),
        high_impact=nothing[0],
        kind=nothing,
        rate=np.ones((8, 8, 8), np.float16),
    )
    regions = tuple(("text", _square(index)) for index in range(len(counts)))
    return Example("words", np.zeros((128, 128, 3), np.uint8), labels, regions, "tests")


def _scores(*values: float) -> NDArray[np.float32]:
    """One map for all levels, a value on each word."""
    plane = np.zeros((1, 32, 32), np.float32)
    for index, value in enumerate(values):
        plane[0][_cells(index)] = value
    return plane


def _rows(**scores: NDArray[np.float32]) -> list[Row]:
    return evaluate_levels([_example()], {name: [maps] for name, maps in scores.items()})


def test_the_right_order_is_perfect_at_every_level() -> None:
    for row in _rows(right=_scores(0.9, 0.6, 0.3, 0.1)):
        assert row.regions == 4
        assert row.region["right"] == pytest.approx(1.0)
        assert row.pixel["right"] == pytest.approx(1.0)


def test_a_wrong_order_gives_the_precision_counted_by_hand() -> None:
    # Level 3: words 0 and 1 changed. Ranked 3, 0, 2, 1: precision 1/2 at the first, 2/4 at the
    # second that changed, so the average precision is 1/2.
    row = _rows(wrong=_scores(0.6, 0.1, 0.3, 0.9))[3]
    assert row.changed == pytest.approx(0.5)
    assert row.region["wrong"] == pytest.approx(0.5)
    # Pixels: words of 81 cells each are ranked alike, and the rest of the picture last.
    assert row.pixel["wrong"] == pytest.approx(0.5)


def test_maps_may_differ_by_level() -> None:
    maps = np.concatenate([_scores(0.9, 0.6, 0.3, 0.1)] * 4 + [_scores(0.1, 0.9, 0.6, 0.3)] * 4)
    rows = _rows(each=maps)
    assert rows[3].region["each"] == pytest.approx(1.0)
    assert rows[5].region["each"] == pytest.approx(1 / 4)  # only word 0 changed, ranked last


def test_levels_are_contested_where_20_to_60_percent_of_the_regions_change() -> None:
    rows = _rows(any=_scores(1, 1, 1, 1))
    assert [round(row.changed, 2) for row in rows] == [0.75, 0.75, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25]
    assert [row.contested for row in rows] == [False, False] + [True] * 6
    for share, contested in (
        (0.19, False),
        (CONTESTED[0], True),
        (CONTESTED[1], True),
        (0.61, False),
    ):
        row = Row(0, 10, share, {}, {}, (0.0, 0.0))
        assert row.contested is contested


def test_what_nobody_could_tell_is_not_counted() -> None:
    example = _example(valid=(True, True, False, True))
    rows = evaluate_levels([example], {"any": [_scores(0.9, 0.6, 1.0, 0.1)]})
    assert rows[0].regions == 3
    assert rows[0].changed == pytest.approx(2 / 3)
    assert rows[0].region["any"] == pytest.approx(1.0)
    assert rows[0].pixel["any"] == pytest.approx(1.0)


def test_where_nothing_changed_there_is_no_precision() -> None:
    rows = evaluate_levels([_example((0, 0, 0, 0))], {"any": [_scores(1, 1, 1, 1)]})
    assert all(np.isnan(row.pixel["any"]) and np.isnan(row.region["any"]) for row in rows)
    assert all(np.isnan(row.interval).all() for row in rows)


@pytest.mark.slow
def test_the_interval_is_about_the_first_method_and_the_best_other() -> None:
    examples = [_example() for _ in range(5)]
    right, wrong, worse = (
        [_scores(*values)] * 5
        for values in ((0.9, 0.6, 0.3, 0.1), (0.6, 0.1, 0.3, 0.9), (0.0, 0.0, 0.5, 0.9))
    )
    row = evaluate_levels(examples, {"own": right, "wrong": wrong, "worse": worse})[3]
    low, high = row.interval
    assert low == pytest.approx(high)  # five times the same picture
    assert low == pytest.approx(row.pixel["own"] - row.pixel["wrong"])
    swapped = evaluate_levels(examples, {"wrong": wrong, "own": right})[3]
    assert swapped.interval[1] < 0


def test_the_pixels_interval_is_of_all_pixels() -> None:
    generator = np.random.default_rng(5)
    sizes = generator.integers(40, 30_000, 12)  # a fixed number of each would not do
    truth = [generator.random(size) < 0.02 for size in sizes]
    own, other = (
        [(0.3 * t + share * generator.random(len(t))).astype(np.float32) for t in truth]
        for share in (0.7, 1.0)
    )
    weights = generator.integers(0, 3, len(sizes))
    for scores in (own, other, [np.round(each, 1) for each in own]):
        repeated = np.concatenate([np.repeat(s, w) for s, w in zip(scores, weights, strict=True)])
        wanted = average_precision_score(
            np.concatenate([np.repeat(t, w) for t, w in zip(truth, weights, strict=True)]), repeated
        )
        assert BinnedScores.of(truth, scores).precision(weights) == pytest.approx(wanted, abs=2e-3)
    once = np.ones(len(sizes), np.intp)
    difference = BinnedScores.of(truth, own).precision(once) - (
        BinnedScores.of(truth, other).precision(once)
    )
    low, high = pixel_interval(truth, own, other, seed=1)
    assert low < difference < high
    assert high - low < 0.2


@pytest.mark.slow
def test_rates_are_compared_with_real_streams(
    predictor: Predictor, codec: Hyperprior, astronaut: Pixels
) -> None:
    reference: Codec = codec
    picture = astronaut[:70, 200:330]
    example = Example("part", picture, _example().labels, (), "tests")
    profile = packaged_profiles()["hyperprior"]
    measured = measure_rates(predictor, reference, profile, [example, example])
    assert measured.errors.shape == (2, len(LEVELS))
    np.testing.assert_array_equal(measured.errors[0], measured.errors[1])
    rate = predictor.predict(picture).rate[LEVELS[1]]
    weights = np.outer([16, 16, 16, 16, 6], [16] * 8 + [2])
    predicted = float((rate * weights).sum()) / (70 * 130)
    real = len(codec.compress(picture, LEVELS[1])) * 8 / (70 * 130)
    assert measured.errors[0, 1] == pytest.approx(abs(predicted - real) / real, rel=1e-5)
    doubled = measure_rates(predictor, reference, replace(profile, rate_factor=(2,) * 8), [example])
    assert doubled.errors[0, 1] == pytest.approx(abs(2 * predicted - real) / real, rel=1e-5)


def test_a_block_has_the_largest_value_inside() -> None:
    plane = np.zeros((5, 9), np.float32)
    plane[0, 3], plane[4, 8] = 0.5, 0.9
    np.testing.assert_array_equal(
        block_largest(plane, 16), np.array([[0.5, 0, 0], [0, 0, 0.9]], np.float32)
    )


def test_blocks_are_counted_where_the_verdict_is_known() -> None:
    scores = _scores(0.9, 0.6, 0.3, 0.1)
    [row] = [
        row
        for row in evaluate_levels([_example()], {"right": [scores]}, block_sides=(16, 64))
        if row.level == 3
    ]
    assert row.blocks is not None
    assert row.blocks[64]["right"] == pytest.approx(1.0)  # a word in each block of 64
    assert row.blocks[16]["right"] == pytest.approx(1.0)
