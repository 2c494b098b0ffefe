"""Recall at a bounded area, safe levels and calibration, against cases counted by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from riskmask.model.evaluate.area import find_within_area
from riskmask.model.evaluate.bootstrap import interval
from riskmask.model.evaluate.groups import measure_group
from riskmask.model.evaluate.judged import judged_regions, region_table
from riskmask.model.evaluate.probability import brier_skill, calibration_error
from riskmask.model.evaluate.safety import measure_safety, safe_levels

if TYPE_CHECKING:
    from .conftest import ThreeWords


def test_judged_regions_know_their_fate_and_their_share(words: ThreeWords) -> None:
    regions = judged_regions(words.example())
    assert [region.count for region in regions] == list(words.counts)
    assert all(region.share == pytest.approx(64 / 1024) for region in regions)


@pytest.mark.parametrize(
    ("values", "ground", "found"),
    [
        ((0.9, 0.8, 0.1), 0.0, [True, True]),
        ((0.9, 0.1, 0.8), 0.0, [True, True]),  # the wrong word too, which twice the area allows
        ((0.9, 0.2, 0.1), 0.5, [True, False]),  # and here the whole background
        ((0.5, 0.5, 0.5), 0.5, [False, False]),  # all or nothing, so nothing
    ],
)
def test_what_is_found_when_no_more_than_twice_the_area_is_flagged(
    words: ThreeWords, values: tuple[float, ...], ground: float, found: list[bool]
) -> None:
    maps = words.map(*values, ground=ground)
    example = words.example()
    table = region_table([example], {"any": [maps]})
    # Both words are changed at level 0: 64 cells each, 140 when widened by two cells and rounded,
    # so 560 may be flagged: all three words, but not the background's 832 cells.
    result = find_within_area([example], [maps], table, "any", 0)
    assert result.found.tolist() == found
    assert result.rows.tolist() == [0, 1]


def test_a_third_word_is_too_much_where_only_a_small_one_changed(words: ThreeWords) -> None:
    example = words.example()
    maps = words.map(0.5, 0.6, 0.7)
    table = region_table([example], {"any": [maps]})
    # At level 1 the first word alone is changed: 140 cells with its margin, 280 allowed.
    assert find_within_area([example], [maps], table, "any", 1).found.tolist() == [True]
    wide = words.map(0.5, 0.6, 0.7, ground=0.55)
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


def test_a_perfect_map_has_a_perfect_rank_and_skill(words: ThreeWords) -> None:
    levels = np.concatenate([words.map(1, float(level < 1), 0) for level in range(8)])
    table = region_table([words.example()], {"right": [levels]})
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


def test_small_regions_and_contents_are_told_apart(words: ThreeWords) -> None:
    group = measure_group("words", [words.example()] * 2, {"any": [words.map(0.9, 0.8, 0.1)] * 2})
    assert {(part.name, part.level) for part in group.parts} == {
        (name, level) for name in ("all", "text") for level in range(1, 8)
    }  # at level 0 two of three words change, which is not contested; no word is small
    assert all(part.regions == 6 and part.changed == 2 for part in group.parts)
    assert all(part.recall["any"].value == 1 for part in group.parts)
