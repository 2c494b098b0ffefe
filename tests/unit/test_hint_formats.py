"""Hint payloads are exactly the bytes that the format's definition says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from riskmask.server.engine.errors import UnknownHintFormatError
from riskmask.server.engine.hints import HINT_FORMATS, check_hint_formats

LEVELS = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.floats(0, 7, width=32),
)


@given(levels=LEVELS)
def test_levels_travel_as_little_endian_floats_in_raster_order(
    levels: NDArray[np.float32],
) -> None:
    payload = HINT_FORMATS["riskmask-levels"].export(levels)
    assert (payload.rows, payload.columns) == levels.shape
    assert payload.block == 16
    read = np.frombuffer(payload.data, "<f4").reshape(payload.rows, payload.columns)
    np.testing.assert_array_equal(read, levels)


@given(levels=LEVELS)
def test_neural_quality_is_the_level_over_seven(levels: NDArray[np.float32]) -> None:
    payload = HINT_FORMATS["neural-quality"].export(levels)
    read = np.frombuffer(payload.data, "<f4").reshape(payload.rows, payload.columns)
    np.testing.assert_allclose(read, levels / 7, atol=1e-6)
    assert (read >= 0).all()
    assert (read <= 1).all()


@pytest.mark.parametrize("name", sorted(HINT_FORMATS))
def test_every_format_is_registered_under_its_own_name(name: str) -> None:
    payload = HINT_FORMATS[name].export(np.zeros((2, 3), np.float32))
    assert payload.format == HINT_FORMATS[name].name == name
    assert payload.effectiveness == HINT_FORMATS[name].effectiveness
    assert payload.effectiveness in {"EFFECTIVE", "NOT_EFFECTIVE_ON_STILLS", "UNPROVEN"}


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    check_hint_formats(HINT_FORMATS)
    with pytest.raises(UnknownHintFormatError, match="neural-quality, riskmask-levels"):
        check_hint_formats(["riskmask-levels", "qp-map"])
