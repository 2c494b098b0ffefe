"""Text: another string in the same place is found; what nobody could read is not judged."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.annotators.recogniser import Recogniser, comparable, crop_polygon
from riskmask.model.annotators.text import TextAnnotator

Pixels = NDArray[np.uint8]
Sign = Callable[..., tuple[Pixels, KnownRegion]]


@pytest.fixture(scope="module")
def annotator(recogniser: Recogniser) -> TextAnnotator:
    return TextAnnotator(recogniser)


def _blurred(picture: Pixels, radius: float) -> Pixels:
    return np.array(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))


def _jpeg(picture: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


def test_another_digit_is_one_finding_with_evidence(annotator: TextAnnotator, sign: Sign) -> None:
    original, region = sign("SPEED 60")
    examination = annotator.examine(original, [region])
    assert list(examination.judged) == [0]
    [finding] = examination.judge(sign("SPEED 80")[0]).values()
    assert finding.evidence == "'SPEED 60' → 'SPEED 80'"
    assert (finding.content, finding.kind, finding.region) == ("text", "shape", 0)
    assert finding.high_impact
    assert finding.polygon == region.polygon
    assert 0 < finding.severity < 0.5


def test_a_word_that_dissolved_is_an_illegible_one(annotator: TextAnnotator, sign: Sign) -> None:
    original, region = sign("SPEED 60")
    [finding] = annotator.examine(original, [region]).judge(_blurred(original, 14)).values()
    assert finding.evidence == "'SPEED 60' → illegible"
    assert finding.kind == "amplitude"
    assert not finding.high_impact
    assert finding.severity > 0.5


def test_copies_that_say_the_same_are_no_finding(annotator: TextAnnotator, sign: Sign) -> None:
    original, region = sign("SPEED 60")
    examination = annotator.examine(original, [region])
    noise = np.random.default_rng(0).normal(0, 4, original.shape)
    noisy = np.clip(original + noise, 0, 255).astype(np.uint8)
    for copy in (original, _jpeg(original, 70), _blurred(original, 0.7), noisy):
        assert examination.judge(copy) == {}


def test_what_is_illegible_in_the_original_is_not_judged(
    annotator: TextAnnotator, sign: Sign
) -> None:
    original, region = sign("SPEED 60")
    examination = annotator.examine(_blurred(original, 14), [region])
    assert list(examination.judged) == []
    assert examination.judge(sign("SPEED 80")[0]) == {}


def test_a_transcription_that_the_recogniser_does_not_read_is_not_judged(
    annotator: TextAnnotator, sign: Sign
) -> None:
    original, region = sign("SPEED 60")
    wrong = replace(region, transcription="SPEED 70")
    assert list(annotator.examine(original, [wrong]).judged) == []


def test_without_a_transcription_a_sure_reading_is_the_truth(
    annotator: TextAnnotator, sign: Sign
) -> None:
    original, region = sign("SPEED 60")
    examination = annotator.examine(original, [replace(region, transcription=None)])
    assert list(examination.judged) == [0]
    [finding] = examination.judge(sign("SPEED 80")[0]).values()
    assert finding.evidence.endswith("'SPEED 80'")


def test_only_text_is_examined_and_only_what_is_asked_is_judged(
    annotator: TextAnnotator, sign: Sign
) -> None:
    original, region = sign("SPEED 60")
    examination = annotator.examine(original, [replace(region, content="face"), region])
    assert list(examination.judged) == [1]
    changed, _ = sign("SPEED 80")
    assert examination.judge(changed, [0]) == {}
    assert set(examination.judge(changed, [1])) == {1}


def test_a_picture_without_text_is_examined_too(annotator: TextAnnotator, sign: Sign) -> None:
    examination = annotator.examine(sign("")[0], [])
    assert list(examination.judged) == []
    assert examination.judge(sign("")[0]) == {}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Exit 10", "EXIT lO", True),  # a reader tells l from 1 and O from 0 by context
        ("12.50", "1250", True),
        ("ｅｘｉｔ", "exit", True),  # noqa: RUF001
        ("60", "80", False),
        ("Straße", "STRASSE", True),
        ("", "!?", False),
    ],
)
def test_strings_are_compared_by_what_counts(one: str, other: str, same: bool) -> None:
    assert (comparable(one) == comparable(other)) == same


def test_a_tilted_line_is_cut_upright(sign: Sign) -> None:
    original, region = sign("SPEED 60")
    turned = np.array(Image.fromarray(original).rotate(90, expand=True))
    width = original.shape[1]
    corners = tuple((y, width - x) for x, y in region.polygon)
    np.testing.assert_allclose(
        crop_polygon(turned, corners, 0.1).astype(float).mean(),
        crop_polygon(original, region.polygon, 0.1).astype(float).mean(),
        atol=2,
    )
    crop = crop_polygon(turned, corners, 0.1)
    assert crop.shape[1] > crop.shape[0]
    assert crop_polygon(original, [(5, 5), (5, 5), (5, 5), (5, 5)], 0.1).shape == (8, 8, 3)


@pytest.mark.parametrize("upright", [False, True])
def test_of_the_longest_pictures_lines_are_cut_too(upright: bool) -> None:
    """OpenCV warps no picture of 32,767 pixels and more, and the service takes those of 32,768."""
    line = np.random.default_rng(0).integers(0, 255, (24, 120, 3), dtype=np.uint8)
    long = np.zeros((40, 32_768, 3), np.uint8)
    long[8:32, 32_000:32_120] = line
    left, right = (32_000.0, 32_120.0)
    corners = [(left, 8.0), (right, 8.0), (right, 32.0), (left, 32.0)]
    short = long[:, 31_900:]
    there = [(x - 31_900, y) for x, y in corners]
    if upright:
        long, short = (np.ascontiguousarray(each.swapaxes(0, 1)) for each in (long, short))
        corners, there = ([(y, x) for x, y in each] for each in (corners, there))
    np.testing.assert_array_equal(crop_polygon(long, corners, 0.1), crop_polygon(short, there, 0.1))
    whole = [(0.0, 0.0), (32_768.0, 0.0), (32_768.0, 40.0), (0.0, 40.0)]
    assert crop_polygon(long, [(y, x) for x, y in whole] if upright else whole, 0.1).size
