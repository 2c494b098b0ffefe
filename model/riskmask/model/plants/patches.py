"""Patches of a photograph that are recoloured, darkened, blurred, or moved."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import lab2rgb, rgb2lab

from riskmask.model.plants.pairs import Pixels, Plant, cells_over
from riskmask.model.plants.warps import plateau, shift, turn_and_scale, warp

_TRIES = 40
_VISIBLE = 10.0  # CIE 1976 difference that a change of colour must reach on average
_DETAIL = 7.0  # grey values of detail that a blur must take away
_FEATURES = 1 / 180  # corners a pixel that a patch must have to be moved
_MOVED = 1.0  # pixels; what moves less is not part of a movement's place


def plant_amplitude(image: Pixels, generator: np.random.Generator) -> tuple[Pixels, Plant] | None:
    """Recolour, darken or blur a patch; None where no patch of the picture takes it visibly."""
    what = str(generator.choice(["recoloured", "darkened or lightened", "blurred"]))
    change: Callable[[Pixels, np.random.Generator], Pixels] = {
        "recoloured": _recoloured,
        "darkened or lightened": _relit,
        "blurred": _blurred,
    }[what]
    for _ in range(_TRIES):
        middle, radius = _spot(image, generator, 18, 48)
        weight = plateau(image.shape[:2], middle, radius, flat=0.85)  # type: ignore[arg-type]
        changed = change(image, generator)
        inside = weight > 0.5
        if what == "blurred":
            effect = float((_grey(image) - _grey(changed))[inside].std())
            enough = effect >= _DETAIL
        else:
            one, other = _lab(image[inside]), _lab(changed[inside])
            enough = float(np.linalg.norm(one.mean(axis=0) - other.mean(axis=0))) >= _VISIBLE
        if enough:
            mixed = image + weight[..., None] * (changed.astype(np.float32) - image)
            altered = np.clip(mixed, 0, 255).round().astype(np.uint8)
            return altered, Plant("amplitude", what, "amplitude", cells_over(weight, 0.5))
    return None


def plant_movement(image: Pixels, generator: np.random.Generator) -> tuple[Pixels, Plant] | None:
    """Move by 2 to 6 pixels, turn or scale a patch; None where none has texture enough."""
    what = str(generator.choice(["moved", "turned", "scaled"]))
    corners = cv2.FastFeatureDetector.create(threshold=20)
    for _ in range(_TRIES):
        middle, radius = _spot(image, generator, 28, 60)
        weight = plateau(image.shape[:2], middle, radius)  # type: ignore[arg-type]
        inside = (weight > 0.5).astype(np.uint8)
        found = corners.detect(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), inside)
        if len(found) < _FEATURES * inside.sum():
            continue
        if what == "moved":
            angle, step = generator.uniform(0, 2 * np.pi), generator.uniform(2, 6)
            field = shift(weight, (float(step * np.cos(angle)), float(step * np.sin(angle))))
        else:
            sign = float(generator.choice([-1, 1]))
            by = float(generator.uniform(2.5, 6.0)) / (0.55 * radius)  # at the plateau's rim
            degrees, scale = (
                (sign * float(np.rad2deg(by)), 1.0) if what == "turned" else (0.0, 1 + sign * by)
            )
            field = turn_and_scale(weight, middle, degrees, scale)
        distance = np.hypot(field[..., 0], field[..., 1]).astype(np.float32)
        plant = Plant("geometry", what, "geometry", cells_over(distance, _MOVED))
        return warp(image, field), plant
    return None


def _spot(
    image: Pixels, generator: np.random.Generator, least: float, most: float
) -> tuple[tuple[float, float], float]:
    height, width = image.shape[:2]
    most = min(most, 0.3 * min(height, width))
    radius = float(generator.uniform(min(least, most), most))
    x = float(generator.uniform(radius, width - radius))
    y = float(generator.uniform(radius, height - radius))
    return (x, y), radius


def _recoloured(image: Pixels, generator: np.random.Generator) -> Pixels:
    lab = _lab(image)
    angle, distance = generator.uniform(0, 2 * np.pi), generator.uniform(18, 40)
    lab[..., 1] += distance * np.cos(angle)
    lab[..., 2] += distance * np.sin(angle)
    rgb = np.asarray(lab2rgb(lab))
    return np.clip(rgb * 255, 0, 255).round().astype(np.uint8)


def _relit(image: Pixels, generator: np.random.Generator) -> Pixels:
    factor = (
        generator.uniform(0.5, 0.75) if generator.random() < 0.6 else generator.uniform(1.35, 1.7)
    )
    return np.clip(image * factor, 0, 255).round().astype(np.uint8)


def _blurred(image: Pixels, generator: np.random.Generator) -> Pixels:
    width = float(generator.uniform(2.5, 6))
    return np.asarray(cv2.GaussianBlur(image, (0, 0), width), dtype=np.uint8)


def _grey(image: Pixels) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.float32)


def _lab(image: Pixels) -> NDArray[np.float32]:
    return np.asarray(rgb2lab(image), dtype=np.float32)
