"""Maps change between float16 and float32 as NumPy would change them."""

import numpy as np
import pytest

from riskmask.model.runtime.half import ONE, as_integers, to_half, to_single

EVERY_HALF = np.arange(1 << 16, dtype=np.uint16).view(np.float16)


def test_every_float16_becomes_the_same_float32() -> None:
    np.testing.assert_array_equal(to_single(EVERY_HALF), EVERY_HALF.astype(np.float32))


def test_every_float16_comes_back_from_float32() -> None:
    numbers = EVERY_HALF[~np.isnan(EVERY_HALF)]
    back = to_half(numbers.astype(np.float32))
    np.testing.assert_array_equal(back.view(np.uint16), numbers.view(np.uint16))


def test_float32_rounds_to_the_nearest_and_half_way_to_even() -> None:
    finite = np.sort(EVERY_HALF[np.isfinite(EVERY_HALF)].astype(np.float32))
    half_way = (finite[:-1] + finite[1:]) / 2
    values = np.concatenate([half_way, np.nextafter(half_way, -1), np.nextafter(half_way, 1)])
    np.testing.assert_array_equal(to_half(values), values.astype(np.float16))


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (5,), (2, 3, 7), (2, 1, 3, 2)])
def test_any_shape_is_kept(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(1).random(shape, np.float32)
    half = to_half(values)
    assert half.shape == shape
    assert to_single(half).shape == shape
    np.testing.assert_array_equal(half, values.astype(np.float16))


def test_a_part_of_a_larger_map_is_converted_alone() -> None:
    values = np.random.default_rng(2).random((4, 9, 11), np.float32)
    part = values[..., 1:7, 2::3]
    np.testing.assert_array_equal(to_half(part), part.astype(np.float16))
    half = values.astype(np.float16)[..., ::-1, 3:5]
    np.testing.assert_array_equal(to_single(half), half.astype(np.float32))


def test_what_is_converted_is_a_copy() -> None:
    half = np.zeros((2, 2), np.float16)
    to_single(half)[:] = 1
    assert not half.any()


def test_as_integers_numbers_from_zero_on_keep_their_order() -> None:
    upwards = EVERY_HALF[: 0x7C00 + 1]  # 0 to infinity
    assert (np.diff(as_integers(upwards)) > 0).all()
    assert as_integers(np.array([1], np.float16))[0] == ONE
    assert as_integers(np.array([-0.0], np.float16))[0] < ONE
