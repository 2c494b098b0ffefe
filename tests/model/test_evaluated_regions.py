"""Recall at a bounded area, safe levels and calibration, against cases counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from riskmask.model.data.planes import LabelMap
from riskmask.model.data.training_set import Example
from riskmask.model.evaluate.area import find_within_area
from riskmask.model.evaluate.bootstrap import interval
from riskmask.model.evaluate.groups import measure_group
from riskmask.model.evaluate.judged import judged_regions, region_table
from riskmask.model.evaluate.safety import (
    brier_skill,
    calibration_error,
    measure_safety,
    safe_levels,
)

WORDS = ((16, 16), (80, 16), (16, 80))
COUNTS = (8, 1, 0)


def _example() -> Example:
    """Three words of 8x8 cells; all levels change the first, the coarsest the second."""
    changed = np.zeros((3, 32, 32), np.uint8)
    for (x, y), count in zip(WORDS, COUNTS, strict=True):
        changed[0, y // 4 : y // 4 + 8, x // 4 : x // 4 + 8] = count
    nothing = np.zeros((3, 32, 32), np.uint8)
    labels = LabelMap(
        changed,
        np.ones((3, 32, 32), bool),
        nothing.astype(bool),
        np.ones((3, 32, 32), bool),
        nothing[0],
        nothing,
        np.ones((8, 8, 8), np.float16),
    )
    boxes = tuple(("text", ((x, y), (x + 32, y), (x + 32, y + 32), (x, y + 32))) for x, y in WORDS)
    return Example("words", np.zeros((128, 128, 3), np.uint8), labels, boxes, "tests")


def _map(*values: float, ground: float = 0.0) -> NDArray[np.float32]:
    plane = np.full((1, 32, 32), ground, np.float32)
    for (x, y), value in zip(WORDS, values, strict=True):
        plane[0, y // 4 : y // 4 + 8, x // 4 : x // 4 + 8] = value
    return plane


def test_judged_regions_know_their_fate_and_their_share() -> None:
    regions = judged_regions(_example())
    assert [region.count for region in regions] == list(COUNTS)
    assert all(region.share == pytest.approx(64 / 1024) for region in regions)


@pytest.mark.parametrize(
    ("maps", "found"),
    [
        (_map(0.9, 0.8, 0.1), [True, True]),
        (_map(0.9, 0.1, 0.8), [True, True]),  # the wrong word too, which twice the area allows
        (_map(0.9, 0.2, 0.1, ground=0.5), [True, False]),  # and here the whole background
        (_map(0.5, 0.5, 0.5, ground=0.5), [False, False]),  # all or nothing, so nothing
    ],
)
def test_what_is_found_when_no_more_than_twice_the_area_is_flagged(
    maps: NDArray[np.float32], found: list[bool]
) -> None:
    example = _example()
    table = region_table([example], {"any": [maps]})
    # Both words are changed at level 0: 64 cells each, 140 when widened by two cells and rounded,
    # so 560 may be flagged: all three words, but not the background's 832 cells.
    result = find_within_area([example], [maps], table, "any", 0)
    assert result.found.tolist() == found
    assert result.rows.tolist() == [0, 1]


def test_a_third_word_is_too_much_where_only_a_small_one_changed() -> None:
    example = _example()
    maps = _map(0.5, 0.6, 0.7)
    table = region_table([example], {"any": [maps]})
    # At level 1 the first word alone is changed: 140 cells with its margin, 280 allowed.
    assert find_within_area([example], [maps], table, "any", 1).found.tolist() == [True]
    wide = _map(0.5, 0.6, 0.7, ground=0.55)
    table = region_table([example], {"any": [wide]})
    assert find_within_area([example], [wide], table, "any", 1).found.tolist() == [False]


def test_a_safe_level_is_where_the_risk_falls_under_the_threshold() -> None:
    risk = np.array(
        [
            [0.2] * 8,
            [0.9, 0.5, 0.1, 0.1, 0.0, 0.0, 0.0, 0.0],
            [0.9] * 8,
            [0.9] * 7 + [0.0],
        ]
    )
    assert safe_levels(risk).tolist() == pytest.approx([0.0, 1.5, 8.0, 6 + 0.6 / 0.9])


@given(st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_a_safe_level_leaves_no_anchor_beyond_it_unsafe(values: list[float]) -> None:
    risk = np.sort(np.array([values]))[:, ::-1]
    [level] = safe_levels(risk)
    assert (risk[0, int(np.ceil(level)) :] <= 0.3).all()
    assert 0 <= level <= 8


def test_calibration_by_hand() -> None:
    sure = np.repeat([0.0, 1.0], 150)
    assert calibration_error(sure, sure.astype(bool)) == 0
    assert brier_skill(sure, sure.astype(bool)) == 1
    half = np.full(300, 0.5)
    assert calibration_error(half, np.arange(300) % 2 == 0) == pytest.approx(0, abs=0.03)
    assert brier_skill(half, np.arange(300) % 2 == 0) == pytest.approx(0)
    assert calibration_error(np.full(300, 0.9), np.zeros(300, bool)) == pytest.approx(0.9)
    assert np.isnan(brier_skill(half, np.zeros(300, bool)))
    assert np.isnan(calibration_error(np.zeros(0), np.zeros(0, bool)))


def test_a_perfect_map_has_a_perfect_rank_and_skill() -> None:
    levels = np.concatenate([_map(1, float(level < 1), 0) for level in range(8)])
    table = region_table([_example()], {"right": [levels]})
    safety = measure_safety(table, "right")
    assert safety.regions == 3
    assert safety.rank.value == pytest.approx(1)
    assert safety.skill.value == pytest.approx(1)
    assert safety.calibration.value == 0


def test_images_are_drawn_whole() -> None:
    images = np.array([4, 4, 7, 7, 7], dtype=np.intp)
    seen: list[tuple[int, ...]] = []

    def statistic(rows: NDArray[np.intp]) -> float:
        seen.append(tuple(sorted(rows.tolist())))
        return float(len(rows))

    low, high = interval(images, statistic, resamples=50)
    assert set(seen) == {(0, 0, 1, 1), (0, 1, 2, 3, 4), (2, 2, 3, 3, 4, 4)}
    assert (low, high) == (4, 6)
    assert np.isnan(interval(images[:0], statistic)).all()
    assert np.isnan(interval(images, lambda rows: float("nan"))).all()


def test_small_regions_and_contents_are_told_apart() -> None:
    group = measure_group("words", [_example()] * 2, {"any": [_map(0.9, 0.8, 0.1)] * 2})
    assert {(part.name, part.level) for part in group.parts} == {
        (name, level) for name in ("all", "text") for level in range(1, 8)
    }  # at level 0 two of three words change, which is not contested; no word is small
    assert all(part.regions == 6 and part.changed == 2 for part in group.parts)
    assert all(part.recall["any"].value == 1 for part in group.parts)
