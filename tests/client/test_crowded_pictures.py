"""Labels where there are thousands of boxes: in their order, in what room is left."""

from __future__ import annotations

import itertools
import random
import sys
from types import FrameType
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from riskmask.client._labels import INK, LABELS_OVER_OTHERS, Box, Colour, draw_labels

RED = (255, 0, 0)
PITCH = 16
Label = tuple[str, Colour, Box]


def grid(columns: int, rows: int) -> list[Label]:
    """Boxes 4 pixels apart: a label finds room neither beside nor inside one."""
    corners = [(PITCH * x, PITCH * y) for y in range(rows) for x in range(columns)]
    return [("|", RED, (x + 2, y + 2, x + 14, y + 14)) for x, y in corners]


def test_of_ten_thousand_boxes_the_first_few_and_those_with_room_have_their_labels() -> None:
    side = 100 * PITCH
    labels = grid(100, 100)
    labels.append(("|", RED, (0, side, side, side + 30)))  # leaves no room below the grid
    labels.append(("|", RED, (side / 2, side + 80, side / 2 + 12, side + 92)))
    canvas = Image.new("RGB", (side, side + 100), "white")
    drawn = draw_labels(canvas, labels, ImageFont.load_default(15))
    assert drawn == [*range(LABELS_OVER_OTHERS), 10_000, 10_001]
    rows, columns = np.nonzero((np.asarray(canvas) == INK).all(axis=2))
    of_the_first = rows < side
    assert columns[of_the_first].max() < LABELS_OVER_OTHERS * PITCH
    assert rows[of_the_first].max() < 3 * PITCH
    of_the_last = columns >= side / 2
    assert side + 50 < rows[of_the_last].min() < rows[of_the_last].max() < side + 80


def test_no_label_hides_another_and_after_the_first_few_none_hides_a_box(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chance = random.Random(5)
    labels: list[Label] = []
    for number in range(300):
        x, y = chance.uniform(0, 1500), chance.uniform(0, 1500)
        box = (x, y, x + chance.uniform(2, 40), y + chance.uniform(2, 40))
        labels.append((f"{number}: text 0.87", RED, box))
    frames: list[Box] = []
    rounded_rectangle = ImageDraw.ImageDraw.rounded_rectangle

    def note(self: ImageDraw.ImageDraw, place: Box, **how: Any) -> None:
        frames.append(place)
        rounded_rectangle(self, place, **how)

    monkeypatch.setattr(ImageDraw.ImageDraw, "rounded_rectangle", note)
    canvas = Image.new("RGB", (1540, 1540))
    drawn = draw_labels(canvas, labels, ImageFont.load_default(15))
    assert LABELS_OVER_OTHERS < len(drawn) == len(frames) < len(labels)
    assert not any(overlap(*pair) for pair in itertools.combinations(frames, 2))
    for index, frame in list(zip(drawn, frames, strict=True))[LABELS_OVER_OTHERS:]:
        others = [box for other, (_, _, box) in enumerate(labels) if other != index]
        assert not any(overlap(frame, box) for box in others)


def overlap(one: Box, other: Box) -> bool:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return across > 0 and down > 0


def test_a_label_may_lie_in_its_own_box_though_others_are_of_the_same() -> None:
    boxes = [(40.0 * number, 0.0, 40.0 * number + 38, 98.0) for number in range(12)]
    boxes += [(480.0, 0.0, 600.0, 98.0)] * 2
    labels = [("1", RED, box) for box in boxes]
    canvas = Image.new("RGB", (600, 100))
    assert draw_labels(canvas, labels, ImageFont.load_default(15)) == list(range(14))


def test_four_times_as_many_boxes_are_four_times_the_work() -> None:
    few, many = calls(grid(10, 10)), calls(grid(20, 20))
    assert many < 5 * few


def calls(labels: list[Label]) -> int:
    """How many functions are called to draw the labels."""
    count = 0
    canvas, font = Image.new("RGB", (20 * PITCH, 20 * PITCH)), ImageFont.load_default(15)

    def tally(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(tally)
    try:
        draw_labels(canvas, labels, font)
    finally:
        sys.setprofile(before)
    return count
