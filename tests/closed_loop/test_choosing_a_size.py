"""The size where uniform coding loses about 30% of the words is found in a few tries."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from riskmask.model.encoders.errors import UnreachableSizeError
from riskmask.server.closed_loop.sizes import TRIES, Coded, find_size

PIXELS = 512 * 512


@given(st.floats(0.03, 0.8), st.floats(1.0, 3.0))
def test_a_falling_curve_is_met_near_30_percent(bpp: float, steepness: float) -> None:
    middle = math.log(bpp * PIXELS / 8)

    def code(size: int) -> Coded:
        return Coded(size, 1 / (1 + math.exp(steepness * (math.log(size) - middle))))

    found = find_size(code, PIXELS)
    assert found.size_bytes is not None
    assert abs(code(found.size_bytes).lost - 0.3) < 0.06
    assert len(found.tried) <= TRIES


def test_words_that_all_go_at_once_give_no_size() -> None:
    found = find_size(lambda size: Coded(size, 1.0 if size < 5000 else 0.0), PIXELS)
    assert found.size_bytes is None
    assert {coded.lost for coded in found.tried} == {0.0, 1.0}


def test_sizes_that_the_encoder_cannot_reach_are_passed_over() -> None:
    def code(size: int) -> Coded:
        if size < 9000:
            raise UnreachableSizeError("a test", size, 9000)
        return Coded(size, 0.35 if size < 12_000 else 0.0)

    found = find_size(code, PIXELS)
    assert found.size_bytes is not None
    assert 9000 <= found.size_bytes < 12_000


def test_an_encoder_that_reaches_no_size_gives_none() -> None:
    def code(size: int) -> Coded:
        raise UnreachableSizeError("a test", size, 10 * PIXELS)

    assert find_size(code, PIXELS).size_bytes is None
