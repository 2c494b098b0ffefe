"""Amplitude: another colour or brightness is found where it is, and so is detail that is gone."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.annotators.amplitude import AmplitudeAnnotator
from riskmask.model.annotators.base import Finding

Pixels = NDArray[np.uint8]
PLACE = np.s_[240:304, 320:400]  # the flag beside the astronaut: stripes and folds


def _found(original: Pixels, altered: Pixels) -> list[Finding]:
    return list(AmplitudeAnnotator().examine(original, []).find(altered))


def _mostly_at_the_place(finding: Finding) -> bool:
    assert finding.mask is not None
    assert finding.mask.shape == (128, 128)
    inside = finding.mask[57:79, 77:103].sum()  # its hard border is new detail on both sides
    return bool(inside > 0.7 * finding.mask.sum())


@pytest.mark.parametrize("factor", [0.6, 1.6])
def test_a_darker_or_lighter_patch_is_found_where_it_is(astronaut: Pixels, factor: float) -> None:
    altered = astronaut.copy()
    altered[PLACE] = np.clip(astronaut[PLACE] * factor, 0, 255)
    findings = _found(astronaut, altered)
    assert findings
    for finding in findings:
        assert (finding.kind, finding.region, finding.high_impact) == ("amplitude", None, False)
        assert 0 < finding.severity <= 1
        assert _mostly_at_the_place(finding)
    assert any("CIEDE2000" in finding.evidence for finding in findings)


def test_the_evidence_says_by_how_much() -> None:
    original = np.full((64, 64, 3), 128, np.uint8)
    altered = np.full((64, 64, 3), 160, np.uint8)
    [finding] = _found(original, altered)
    # L* of 128 and 160 is 53.6 and 65.9
    assert "lightness by +12.3" in finding.evidence
    assert "over 4096 pixels" in finding.evidence
    assert finding.polygon == ((0.0, 0.0), (64.0, 0.0), (64.0, 64.0), (0.0, 64.0))


def test_a_blurred_patch_has_lost_its_detail(astronaut: Pixels) -> None:
    altered = astronaut.copy()
    altered[PLACE] = cv2.GaussianBlur(astronaut, (0, 0), 4)[PLACE]
    findings = [f for f in _found(astronaut, altered) if "fine detail vanished" in f.evidence]
    assert findings
    assert all(_mostly_at_the_place(finding) for finding in findings)


def test_invented_detail_is_found_too(astronaut: Pixels) -> None:
    noise = np.random.default_rng(0).normal(0, 40, astronaut[PLACE].shape)
    smooth = astronaut.copy()
    smooth[PLACE] = cv2.GaussianBlur(astronaut, (0, 0), 4)[PLACE]
    altered = smooth.copy()
    altered[PLACE] = np.clip(smooth[PLACE] + noise, 0, 255)
    assert any("was invented" in finding.evidence for finding in _found(smooth, altered))


def test_what_nobody_sees_is_no_finding(astronaut: Pixels) -> None:
    buffer = io.BytesIO()
    Image.fromarray(astronaut).save(buffer, "JPEG", quality=90)
    noise = np.random.default_rng(1).normal(0, 2.5, astronaut.shape)
    copies = (
        astronaut,
        np.array(Image.open(buffer)),
        np.clip(astronaut + noise, 0, 255).astype(np.uint8),
        np.clip(astronaut.astype(int) + 1, 0, 255).astype(np.uint8),
    )
    examination = AmplitudeAnnotator().examine(astronaut, [])
    assert [list(examination.find(copy)) for copy in copies] == [[]] * 4


def test_a_picture_whose_sides_are_no_multiple_of_four_is_covered_whole() -> None:
    original = np.full((37, 50, 3), 60, np.uint8)
    [finding] = _found(original, np.full((37, 50, 3), 120, np.uint8))
    assert finding.mask is not None
    assert finding.mask.shape == (10, 13)
    assert finding.mask.all()
    assert finding.polygon[2] == (50.0, 37.0)


def test_pictures_of_two_sizes_are_an_error_that_says_what_to_do(astronaut: Pixels) -> None:
    with pytest.raises(ValueError, match="decode it to the original's size"):
        _found(astronaut, astronaut[:-1])
