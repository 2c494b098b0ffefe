"""Contours that are bent, erased or drawn."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from riskmask.model.plants.pairs import Pixels, Plant, cells_over
from riskmask.model.plants.warps import Displacement, warp

_TRIES = 40
_LONG = 60  # pixels of a contour that is worth bending
_PLAIN = 7.0  # grey values: a place with less contrast is empty
_CHANGED = 20.0  # grey values by which a pixel must differ to be part of the change
_LEAST = 40  # such pixels


def plant_contour(image: Pixels, generator: np.random.Generator) -> tuple[Pixels, Plant] | None:
    """Bend or erase a contour, or draw one where there is none; None where it cannot be."""
    what = str(generator.choice(["contour bent", "contour erased", "contour drawn"]))
    contours = _long_contours(image)
    for _ in range(_TRIES):
        if what == "contour drawn":
            altered = _drawn(image, generator)
        elif len(contours):
            altered = (_bent if what == "contour bent" else _erased)(image, contours, generator)
        else:
            return None
        if altered is None:
            continue
        changed = changed_pixels(image, altered)
        if changed.sum() >= _LEAST:
            return altered, Plant("shape", what, "shape", cells_over(changed, 0.1))
    return None


def changed_pixels(image: Pixels, altered: Pixels) -> NDArray[np.float32]:
    """1 where a pixel differs clearly, (H, W) float32."""
    difference = np.abs(image.astype(np.int16) - altered.astype(np.int16)).max(axis=-1)
    return np.asarray(difference >= _CHANGED, dtype=np.float32)


def _long_contours(image: Pixels) -> NDArray[np.intp]:
    """(N, 2) rows and columns of pixels on long contours of strong contrast."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 2.0)
    edges = cv2.Canny(grey, 40, 100, L2gradient=True)
    _, numbers, statistics, _ = cv2.connectedComponentsWithStats(edges, connectivity=8)
    long = np.flatnonzero(statistics[:, cv2.CC_STAT_AREA] >= _LONG)
    margin = 16
    inside = np.isin(numbers, long[long > 0])
    inside[:margin] = inside[-margin:] = inside[:, :margin] = inside[:, -margin:] = False
    return np.argwhere(inside)


def _bent(
    image: Pixels, contours: NDArray[np.intp], generator: np.random.Generator
) -> Pixels | None:
    """Push a stretch of a contour out to one side by 6 to 9 pixels."""
    row, column = contours[generator.integers(len(contours))]
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 3.0)
    across = cv2.Scharr(grey, cv2.CV_32F, 1, 0)[row, column]
    down = cv2.Scharr(grey, cv2.CV_32F, 0, 1)[row, column]
    length = float(np.hypot(across, down))
    if length == 0:
        return None
    normal = np.array([across, down]) / length * generator.choice([-1, 1])
    step, width = generator.uniform(6, 9), generator.uniform(11, 15)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    weight = np.exp(-((columns - column) ** 2 + (rows - row) ** 2) / (2 * width**2))
    weight[weight < 0.01] = 0
    field: Displacement = (weight[..., None] * (normal * step)).astype(np.float32)
    return warp(image, field)


def _erased(
    image: Pixels, contours: NDArray[np.intp], generator: np.random.Generator
) -> Pixels | None:
    """Fill a disc over a contour from its surroundings."""
    row, column = contours[generator.integers(len(contours))]
    hole = np.zeros(image.shape[:2], dtype=np.uint8)
    radius = int(generator.integers(11, 18))
    cv2.circle(hole, (int(column), int(row)), radius, (255,), -1)
    # The surroundings' colours as a smooth surface: what a codec leaves where it dropped an edge.
    kept = (hole == 0).astype(np.float32)
    near = cv2.GaussianBlur(kept, (0, 0), radius * 0.7)
    colours = cv2.GaussianBlur(image.astype(np.float32) * kept[..., None], (0, 0), radius * 0.7)
    filling = colours / np.maximum(near, 1e-3)[..., None]
    soft = cv2.GaussianBlur(hole.astype(np.float32) / 255, (0, 0), 1.5)[..., None]
    mixed = image + soft * (filling - image)
    return np.asarray(np.clip(mixed, 0, 255).round(), dtype=np.uint8)


def _drawn(image: Pixels, generator: np.random.Generator) -> Pixels | None:
    """An arc or a line on an empty place, in a colour that stands out from it."""
    side = int(generator.integers(32, 56))
    height, width = image.shape[:2]
    if min(height, width) <= side:
        return None
    top, left = int(generator.integers(height - side)), int(generator.integers(width - side))
    place = image[top : top + side, left : left + side]
    if cv2.cvtColor(place, cv2.COLOR_RGB2GRAY).std() > _PLAIN:
        return None
    ground = place.reshape(-1, 3).mean(axis=0)
    step = generator.uniform(50, 110) * (-1 if ground.mean() > 127 else 1)
    colour = tuple(int(v) for v in np.clip(ground + step, 0, 255))
    middle = (left + side // 2, top + side // 2)
    axes = (int(side * generator.uniform(0.25, 0.42)), int(side * generator.uniform(0.2, 0.42)))
    start = float(generator.uniform(0, 360))
    altered = image.copy()
    cv2.ellipse(
        altered,
        middle,
        axes,
        float(generator.uniform(0, 180)),
        start,
        start + float(generator.uniform(140, 360)),
        colour,
        int(generator.integers(2, 5)),
        cv2.LINE_AA,
    )
    return altered
