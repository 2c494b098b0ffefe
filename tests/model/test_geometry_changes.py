"""Geometry: what moved, turned or grew is found; blur, noise and other colours are no movement."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.model.annotators.base import Finding
from riskmask.model.annotators.geometry import GeometryAnnotator
from riskmask.model.plants.warps import plateau, shift, turn_and_scale, warp

Pixels = NDArray[np.uint8]
MIDDLE, RADIUS = (360.0, 260.0), 50.0


def _found(original: Pixels, altered: Pixels) -> list[Finding]:
    return list(GeometryAnnotator().examine(original, []).find(altered))


def _weight(image: Pixels) -> NDArray[np.float32]:
    return plateau((image.shape[0], image.shape[1]), MIDDLE, RADIUS)


@pytest.mark.parametrize("by", [(2.5, 0.0), (-4.0, 3.0), (0.0, -6.0)])
def test_a_moved_patch_is_found_with_its_direction(
    astronaut: Pixels, by: tuple[float, float]
) -> None:
    findings = _found(astronaut, warp(astronaut, shift(_weight(astronaut), by)))
    assert findings
    largest = max(findings, key=lambda f: int(f.mask.sum()) if f.mask is not None else 0)
    assert largest.mask is not None
    rows, columns = np.nonzero(largest.mask)
    assert np.hypot(columns * 4 - MIDDLE[0], rows * 4 - MIDDLE[1]).max() < RADIUS + 8
    assert (largest.kind, largest.region) == ("geometry", None)
    assert 0 < largest.severity <= 1
    # "+2.5 to the right, -0.1 down"
    right = float(largest.evidence.split(";")[1].split()[0])
    down = float(largest.evidence.split(" right, ")[1].split()[0])
    # the median over the whole area, its still rim included
    assert abs(right - by[0]) < 1 + 0.3 * abs(by[0])
    assert abs(down - by[1]) < 1 + 0.3 * abs(by[1])


@pytest.mark.parametrize(("degrees", "scale"), [(8.0, 1.0), (0.0, 1.15)])
def test_a_turned_or_scaled_patch_is_found(astronaut: Pixels, degrees: float, scale: float) -> None:
    field = turn_and_scale(_weight(astronaut), MIDDLE, degrees, scale)
    assert _found(astronaut, warp(astronaut, field))


def test_what_did_not_move_is_no_finding(astronaut: Pixels) -> None:
    noise = np.random.default_rng(0).normal(0, 4, astronaut.shape)
    copies = (
        astronaut,
        cv2.GaussianBlur(astronaut, (0, 0), 3),
        np.clip(astronaut + noise, 0, 255).astype(np.uint8),
        np.clip(astronaut * 0.7, 0, 255).astype(np.uint8),
    )
    examination = GeometryAnnotator().examine(astronaut, [])
    assert [list(examination.find(copy)) for copy in copies] == [[]] * 4


def test_along_a_straight_edge_nobody_can_tell_a_movement() -> None:
    stripes = np.zeros((96, 96, 3), np.uint8)
    stripes[40:56] = 255
    assert _found(stripes, np.roll(stripes, 3, axis=1)) == []


def test_a_tiny_picture_counts_as_unmoved(astronaut: Pixels) -> None:
    tiny = astronaut[100:120, 200:220]
    assert _found(tiny, np.roll(tiny, 3, axis=1)) == []


def test_pictures_of_two_sizes_are_an_error(astronaut: Pixels) -> None:
    with pytest.raises(ValueError, match="decode it to the original's size"):
        _found(astronaut, astronaut[:, :-1])
