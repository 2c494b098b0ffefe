"""Words on a picture: each beside the box that it is about, clear of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]  # left, top, right, bottom
Boxes = NDArray[np.float64]  # (4, N): the lefts of N boxes, their tops, rights and bottoms
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

INK: Final = (18, 20, 24)
PAPER: Final = (250, 250, 248)
SHORTEST_CANVAS: Final = 960
LABELS_OVER_OTHERS: Final = 12


def enlarged(size: tuple[int, int]) -> tuple[int, int]:
    """The size at which labels can be read: the longer side has at least 960 pixels."""
    longest = max(size)
    if longest >= SHORTEST_CANVAS:
        return size
    return (
        max(1, round(size[0] * SHORTEST_CANVAS / longest)),
        max(1, round(size[1] * SHORTEST_CANVAS / longest)),
    )


def draw_outline(
    canvas: Image.Image, corners: Sequence[tuple[float, float]], colour: Colour
) -> None:
    """A closed line in a colour, dark at its sides."""
    draw = ImageDraw.Draw(canvas)
    line = max(2, round(max(canvas.size) / 640))
    closed = [*corners, corners[0]]
    draw.line(closed, fill=INK, width=line + 2, joint="curve")
    draw.line(closed, fill=colour, width=line, joint="curve")


def draw_labels(
    canvas: Image.Image, labels: Sequence[tuple[str, Colour, Box]], font: Font
) -> list[int]:
    """As many labels as find room, in their order: text, colour of the frame, box it is about.

    Returns:
        the indices of those that did.
    """
    draw = ImageDraw.Draw(canvas)
    boxes = _sides([box for _, _, box in labels])
    drawn = np.empty_like(boxes)
    indices: list[int] = []
    for index, (text, colour, box) in enumerate(labels):
        place = _draw(draw, text, colour, box, font, (boxes, drawn[:, : len(indices)]))
        if place is not None:
            drawn[:, len(indices)] = place
            indices.append(index)
    return indices


def scaled(box: tuple[int, int, int, int], scale: tuple[float, float]) -> Box:
    """x, y, width, height in pixels of an image, on a canvas of another scale."""
    x, y, width, height = box
    return x * scale[0], y * scale[1], (x + width) * scale[0], (y + height) * scale[1]


def _draw(
    draw: ImageDraw.ImageDraw,
    text: str,
    colour: Colour,
    box: Box,
    font: Font,
    taken: tuple[Boxes, Boxes],
) -> Box | None:
    """Draws the label clear of the boxes and labels that are there already; where, or None."""
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    pad = 0.25 * (bottom - top)
    size = (right - left + 2 * pad, bottom - top + 2 * pad)
    place = _free_place(list(_places(box, size, draw.im.size)), box, *taken)
    if place is not None:
        draw.rounded_rectangle(place, radius=pad, fill=INK, outline=colour)
        corner = (place[0] + pad - left, place[1] + pad - top)
        draw.text(corner, text, font=font, fill=PAPER)
    return place


def _free_place(places: Sequence[Box], box: Box, boxes: Boxes, drawn: Boxes) -> Box | None:
    """The first place clear of the labels drawn and of all other boxes, or None.

    A box that is the same as its own is no other.
    """
    if not places:
        return None
    sides = _sides(places)
    clear = ~_overlap(sides, drawn).any(axis=1)
    others = (boxes != _sides([box])).any(axis=0)
    free = clear & ~(_overlap(sides, boxes) & others).any(axis=1)
    # the first few may hide a part of another box, so that a crowded page has labels too
    if not free.any() and drawn.shape[1] < LABELS_OVER_OTHERS:
        free = clear
    return places[int(free.argmax())] if free.any() else None


def _places(box: Box, size: tuple[float, float], canvas: tuple[int, int]) -> Iterator[Box]:
    """Where a label of this size fits on the canvas, the best place first."""
    left, top, right, bottom = box
    width, height = size
    gap = 3
    for x, y in (
        (left, top - height - gap),
        (left, bottom + gap),
        (right - width, top - height - gap),
        (right + gap, top),
        (left - width - gap, top),
        (left + gap, top + gap),
    ):
        shifted = min(max(x, 0), canvas[0] - width)
        if shifted >= 0 and y >= 0 and y + height <= canvas[1]:
            yield shifted, y, shifted + width, y + height


def _sides(boxes: Sequence[Box]) -> Boxes:
    return np.ascontiguousarray(np.array(boxes, np.float64).reshape(-1, 4).T)


def _overlap(some: Boxes, others: Boxes) -> NDArray[np.bool_]:
    """(M, N): which of M boxes overlaps which of N."""
    left, top, right, bottom = some[:, :, None]
    overlaps: NDArray[np.bool_] = (
        (left < others[2]) & (others[0] < right) & (top < others[3]) & (others[1] < bottom)
    )
    return overlaps


def wrapped(text: str, font: Font, width: float) -> list[str]:
    """The text in lines of at most this many pixels; a word that is wider is cut."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
            continue
        fits = len(word)
        while fits > 1 and font.getlength(word[:fits]) > width:
            fits -= 1
        lines.append(word[:fits])
    return [line for line in lines if line]
