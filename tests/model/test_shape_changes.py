"""Shape: contours that vanished, appeared or moved; noise and mild blur make none."""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.annotators.base import Finding
from riskmask.model.annotators.shape import ShapeAnnotator

Pixels = NDArray[np.uint8]
GREY, DARK = (200, 198, 190), (40, 40, 60)


def _found(original: Pixels, altered: Pixels) -> list[Finding]:
    return list(ShapeAnnotator().examine(original, []).find(altered))


def _square(left: int, width: int = 40) -> Pixels:
    picture = np.full((120, 160, 3), GREY, np.uint8)
    picture[40:80, left : left + width] = DARK
    return picture


def test_a_contour_that_vanished_is_found_where_it_was() -> None:
    empty = np.full((120, 160, 3), GREY, np.uint8)
    [finding] = _found(_square(60), empty)
    assert (finding.kind, finding.region, finding.high_impact) == ("shape", None, False)
    assert finding.evidence.endswith("pixels of contour vanished")
    assert 130 < int(finding.evidence.split()[0]) < 190  # around a square of 40
    assert finding.mask is not None
    rows, columns = np.nonzero(finding.mask)
    assert 9 <= rows.min() <= 10
    assert 19 <= rows.max() <= 20
    assert 14 <= columns.min() <= 15
    assert 24 <= columns.max() <= 25


def test_a_contour_that_appeared_is_found() -> None:
    empty = np.full((120, 160, 3), GREY, np.uint8)
    [finding] = _found(empty, _square(60))
    assert finding.evidence.endswith("pixels of contour appeared")


def test_an_edge_that_moved_is_gone_and_new() -> None:
    findings = _found(_square(60), _square(60, width=52))
    assert findings
    assert any("gone" in f.evidence and "new" in f.evidence for f in findings)


def test_an_edge_within_the_tolerance_has_not_moved() -> None:
    assert _found(_square(60), _square(62)) == []


def test_light_and_dark_changing_sides_is_another_contour() -> None:
    # the same outline, but its gradient points the other way
    inverted = 255 - _square(60)
    assert _found(_square(60), inverted)


def test_harmless_copies_have_the_same_contours(astronaut: Pixels) -> None:
    buffer = io.BytesIO()
    Image.fromarray(astronaut).save(buffer, "JPEG", quality=90)
    noise = np.random.default_rng(0).normal(0, 4, astronaut.shape)
    copies = (
        astronaut,
        np.array(Image.open(buffer)),
        cv2.GaussianBlur(astronaut, (0, 0), 0.8),
        np.clip(astronaut + noise, 0, 255).astype(np.uint8),
        np.clip(astronaut.astype(int) + 1, 0, 255).astype(np.uint8),
    )
    examination = ShapeAnnotator().examine(astronaut, [])
    assert [list(examination.find(copy)) for copy in copies] == [[]] * 5
