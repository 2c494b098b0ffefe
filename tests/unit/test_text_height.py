"""The height of text is told from pixels: any colour, several lines, a little turned."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from riskmask.model.runtime.text_height import region_text_height, text_height

Pixels = NDArray[np.uint8]
WORDS = "GATE CLOSES AT 13:38"
PAPER = (250, 248, 240)


def _line(
    size: float,
    ink: tuple[int, int, int] = (30, 30, 34),
    paper: tuple[int, int, int] = PAPER,
    words: str = WORDS,
) -> tuple[Pixels, int]:
    """One line with some air around it, and the height of its ink."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = (round(v) for v in font.getbbox(words))
    canvas = Image.new("RGB", (right - left + 12, bottom - top + 12), paper)
    ImageDraw.Draw(canvas).text((6 - left, 6 - top), words, ink, font)
    return np.array(canvas), bottom - top


def _everywhere(image: Pixels) -> NDArray[np.bool_]:
    return np.ones(image.shape[:2], bool)


@pytest.mark.parametrize("size", [9, 12, 16, 24, 40, 64])
def test_it_is_the_height_of_the_ink(size: int) -> None:
    image, height = _line(size)
    assert text_height(image, _everywhere(image)) == pytest.approx(height, rel=0.25, abs=1)


@pytest.mark.parametrize("size", [9, 12, 16, 24, 40, 64])
def test_a_descender_or_two_do_not_make_a_line_higher(size: int) -> None:
    image, ink = _line(size, words="Gate closes 13:38, platform")
    _, capitals = _line(size, words="G")
    found = text_height(image, _everywhere(image))
    assert found == pytest.approx(capitals, rel=0.25, abs=1)
    assert capitals < ink


@pytest.mark.parametrize("ink", [(250, 250, 250), (200, 90, 20), (90, 110, 140)])
def test_neither_colour_nor_faintness_decides(ink: tuple[int, int, int]) -> None:
    image, height = _line(20, ink, (24, 62, 112))
    assert text_height(image, _everywhere(image)) == pytest.approx(height, rel=0.3)


def test_lines_of_one_size_under_one_another_are_not_added_up() -> None:
    image, height = _line(16)
    page = np.concatenate([image] * 4)
    assert text_height(page, _everywhere(page)) == pytest.approx(height, rel=0.3)


def test_a_line_that_is_a_little_turned_keeps_its_height() -> None:
    image, height = _line(20)
    picture = Image.fromarray(image).rotate(
        4, Image.Resampling.BICUBIC, expand=True, fillcolor=PAPER
    )
    turned = np.array(picture)
    assert turned.shape[0] > 1.5 * image.shape[0]
    assert text_height(turned, _everywhere(turned)) == pytest.approx(height, rel=0.3)


def test_where_nothing_looks_like_a_line_nothing_is_said() -> None:
    blank = np.full((40, 200, 3), 200, np.uint8)
    assert text_height(blank, _everywhere(blank)) is None
    rule = blank.copy()
    rule[18:22] = 0  # horizontal, so no row changes along itself
    assert text_height(rule, _everywhere(rule)) is None
    image, _ = _line(20)
    assert text_height(image, np.zeros(image.shape[:2], bool)) is None
    dot = np.zeros((1, 1, 3), np.uint8)
    assert text_height(dot, _everywhere(dot)) is None


def _region(
    image: Pixels, rows: slice, columns: slice
) -> tuple[NDArray[np.int32], tuple[int, int, int, int]]:
    shape = -(-image.shape[0] // 4), -(-image.shape[1] // 4)
    components = np.full(shape, -1, np.int32)
    components[rows, columns] = 5
    ys, xs = np.nonzero(components == 5)
    return components, (
        int(xs.min()),
        int(ys.min()),
        int(np.ptp(xs)) + 1,
        int(np.ptp(ys)) + 1,
    )


def test_a_region_is_measured_without_its_neighbours() -> None:
    small, height = _line(12)
    large, _ = _line(48)
    page = np.full((small.shape[0] + large.shape[0] + 24, large.shape[1], 3), PAPER, np.uint8)
    page[: small.shape[0], : small.shape[1]] = small
    page[-large.shape[0] :] = large
    rows = -(-small.shape[0] // 4)
    components, box = _region(page, np.s_[:rows], np.s_[: small.shape[1] // 4])
    text = np.ones(components.shape, np.float16)
    found = region_text_height(page, text * (components == 5), components, 5, box)
    assert found == pytest.approx(height, rel=0.3)


def test_a_region_that_cuts_letters_reaches_as_far_as_text_is_sure() -> None:
    image, height = _line(22)
    middle = image.shape[0] // 8
    components, box = _region(image, np.s_[middle : middle + 2], np.s_[2:60])
    everywhere = np.ones(components.shape, np.float16)
    whole = region_text_height(image, everywhere, components, 5, box)
    cut = region_text_height(image, 0 * everywhere, components, 5, box)
    assert whole is not None
    assert cut is not None
    assert cut < whole
    assert whole == pytest.approx(height, rel=0.3)


def test_of_a_huge_region_the_middle_is_looked_at() -> None:
    image, height = _line(16)
    line = np.full((28, 1600, 3), PAPER, np.uint8)
    line[: image.shape[0], 700 : 700 + image.shape[1]] = image
    page = np.concatenate([line] * 60)
    components, box = _region(page, np.s_[:], np.s_[:])
    text = np.ones(components.shape, np.float16)
    assert region_text_height(page, text, components, 5, box) == pytest.approx(height, rel=0.3)
