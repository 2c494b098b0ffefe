"""The colours that scenes' lines and icons are drawn in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom
Ink = Callable[[np.random.Generator, Image.Image, Box], Colour]

FAINTEST = 24  # difference of ink and ground, 8-bit units of some channel
MOST_LUMA = 30.0  # difference in luma of an isoluminant line where it is least, at most
_TRIES = 40
_LUMA = np.array([0.299, 0.587, 0.114])  # of R', G', B' (Rec. ITU-R BT.601-7, section 2.5.1)


def any_colour(generator: np.random.Generator) -> Colour:
    """One of all colours."""
    red, green, blue = (int(v) for v in generator.integers(0, 256, size=3))
    return red, green, blue


def contrasting(generator: np.random.Generator, canvas: Image.Image, box: Box) -> Colour:
    """A colour that stands out from the place it is drawn on, strongly or barely."""
    ground = np.asarray(canvas.crop(box), dtype=np.float32).reshape(-1, 3).mean(axis=0)
    wanted = generator.uniform(50, 220)
    best = any_colour(generator)
    for _ in range(20):
        candidate = (
            any_colour(generator)
            if generator.random() < 0.5
            else (int(generator.integers(0, 256)),) * 3
        )
        away, so_far = (abs(np.mean(c) - ground.mean()) for c in (candidate, best))
        if abs(away - wanted) < abs(so_far - wanted):
            best = candidate
    return best


def isoluminant(generator: np.random.Generator, canvas: Image.Image, box: Box) -> Colour:
    """A colour that somewhere along the line is hardly lighter or darker than its ground.

    Codecs spend little on colour: a letter that only its colour tells from the ground is lost at
    levels where all others last.
    """
    letters = _letters(canvas, box)
    lumas = letters @ _LUMA
    wanted = generator.uniform(0, MOST_LUMA)
    colours = [any_colour(generator) for _ in range(_TRIES)]
    seen = [colour for colour in colours if _differs(letters, colour)] or colours
    return min(seen, key=lambda colour: abs(np.abs(lumas - np.dot(colour, _LUMA)).min() - wanted))


def stands_out(canvas: Image.Image, box: Box, ink: Colour) -> bool:
    """Whether ink differs from the ground along all of a line, about a letter at a time.

    A line across the edge of a panel may vanish on one side of it. Who learns that the empty place
    is at risk sees risk in empty places.
    """
    return _differs(_letters(canvas, box), ink)


def _letters(canvas: Image.Image, box: Box) -> NDArray[np.float32]:
    """(N, 3) mean colour of the ground under each of N letters."""
    ground = np.asarray(canvas.crop(box), dtype=np.float32)
    letters = max(ground.shape[1] // ground.shape[0], 1)
    parts = np.array_split(ground, letters, axis=1)
    return np.array([part.mean(axis=(0, 1)) for part in parts])


def _differs(letters: NDArray[np.float32], ink: Colour) -> bool:
    return bool((np.abs(letters - ink).max(axis=1) >= FAINTEST).all())
