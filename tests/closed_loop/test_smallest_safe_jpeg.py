"""The smallest safe JPEG: above the first error on the way down, and above nothing else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from riskmask.server.decision_bench.jpegs import (
    LADDER,
    SmallestSafe,
    Written,
    read_jpeg,
    smallest_safe,
    write_jpeg,
)

NOTHING: frozenset[int] = frozenset()


def _looking(grave: Callable[[int], set[int]]) -> Callable[[int], Written]:
    return lambda quality: Written(
        100 * quality, frozenset(grave(quality)), frozenset(grave(quality))
    )


@pytest.mark.parametrize("lowest", [2, 17, 18, 43, 95])
def test_the_boundary_is_found_to_the_quality(lowest: int) -> None:
    found = smallest_safe(_looking(lambda quality: {3} if quality < lowest else set()))
    assert found == SmallestSafe(lowest, 100 * lowest)


def test_a_picture_that_nothing_hurts_needs_the_coarsest_quality() -> None:
    assert smallest_safe(_looking(lambda _: set())) == SmallestSafe(1, 100)


def test_a_picture_that_everything_hurts_has_none() -> None:
    assert smallest_safe(_looking(lambda _: {0})) == SmallestSafe(None, None)


def test_one_stumble_on_the_way_down_is_no_error() -> None:
    def grave(quality: int) -> set[int]:
        return {1} if quality == LADDER[2] or quality < 10 else set()

    assert smallest_safe(_looking(grave)).quality == 10


def test_a_stumble_between_two_rungs_is_no_error() -> None:
    between = (LADDER[1] + LADDER[2]) // 2

    def grave(quality: int) -> set[int]:
        return {1} if quality == between else {2} if quality <= LADDER[2] else set()

    assert smallest_safe(_looking(grave)).quality == LADDER[2] + 1


def test_what_has_become_illegible_is_not_safe_again() -> None:
    def look(quality: int) -> Written:
        changed = frozenset({0}) if quality < 30 else NOTHING
        return Written(quality, changed, changed if quality >= 15 else NOTHING)

    assert smallest_safe(look).quality == 30


def test_files_are_those_of_a_standard_decoder() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    fine, coarse = (write_jpeg(noise, quality, "4:4:4") for quality in (90, 30))
    assert len(fine) > len(coarse)
    error = [np.abs(read_jpeg(data).astype(int) - noise).mean() for data in (fine, coarse)]
    assert error[0] < error[1]
