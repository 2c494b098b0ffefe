"""Faces with other proportions, faces of somebody else, and faces that dissolve."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.annotators.face_crops import Box
from riskmask.model.annotators.face_reader import FaceReader
from riskmask.model.data.faces import SecondDetector
from riskmask.model.data.planes import cells_of_polygon
from riskmask.model.plants.pairs import Pixels, Plant
from riskmask.model.plants.warps import Displacement, warp

_REACH = 0.32  # of the distance between the eyes: how far a moved landmark takes its surroundings


@dataclass(frozen=True)
class Portrait:
    """A picture, (H, W, 3) uint8 RGB, the box of one face in it, and the file it was cut from."""

    image: Pixels
    box: Box
    path: Path

    @property
    def region(self) -> KnownRegion:
        """What an annotator may know of it."""
        left, top, right, bottom = self.box
        return KnownRegion("face", ((left, top), (right, top), (right, bottom), (left, bottom)))


def plant_face(
    portrait: Portrait, other: Portrait, reader: FaceReader, generator: np.random.Generator
) -> tuple[Pixels, Plant] | None:
    """Warp a face at its landmarks, put another one in its place, or dissolve it.

    None where a face is none to the second detector: nothing of a wheel is a landmark.
    """
    known = SecondDetector(reader)
    if not known(portrait.image, portrait.region):
        return None
    ways = ["landmark moved", "face swapped", "face dissolved"]
    what = str(generator.choice(ways, p=[0.5, 0.3, 0.2]))
    if what == "face swapped" and (
        other.path == portrait.path or not known(other.image, other.region)
    ):
        return None
    points = _landmarks(portrait, reader)
    eyes = np.stack([points[:2].mean(axis=0), points[2:4].mean(axis=0)])
    between = float(np.linalg.norm(eyes[1] - eyes[0]))
    if between < 8:
        return None
    size = portrait.image.shape[0], portrait.image.shape[1]
    if what == "landmark moved":
        altered, kind = _landmark_moved(portrait.image, points, between, generator), "geometry"
    elif what == "face swapped":
        theirs = _landmarks(other, reader)
        altered, kind = _swapped(portrait, other.image, points, theirs), "shape"
    else:
        weight = _oval(size, portrait.box)
        blurred = cv2.GaussianBlur(portrait.image, (0, 0), 0.4 * between)
        altered, kind = _mix(portrait.image, blurred.astype(np.float32), weight), "amplitude"
    mask = cells_of_polygon(portrait.region.polygon, size)
    return altered, Plant("face", what, kind, mask)  # type: ignore[arg-type]


def _landmarks(portrait: Portrait, reader: FaceReader) -> NDArray[np.float64]:
    square = reader.detect(portrait.image, portrait.box).square
    return reader.landmarks(portrait.image, square)


def _landmark_moved(
    image: Pixels,
    points: NDArray[np.float64],
    between: float,
    generator: np.random.Generator,
) -> Pixels:
    """An eye or the nose moved by 18 to 32% of the distance between the eyes."""
    places = [points[:2].mean(axis=0), points[2:4].mean(axis=0), points[4]]
    middle = places[generator.integers(len(places))]
    angle, step = generator.uniform(0, 2 * np.pi), generator.uniform(0.18, 0.32) * between
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    square = (columns - middle[0]) ** 2 + (rows - middle[1]) ** 2
    weight = np.exp(-square / (2 * (_REACH * between) ** 2))
    weight[weight < 0.01] = 0
    direction = np.array([np.cos(angle), np.sin(angle)]) * step
    field: Displacement = (weight[..., None] * direction).astype(np.float32)
    return warp(image, field)


def _swapped(
    portrait: Portrait,
    other: Pixels,
    points: NDArray[np.float64],
    theirs: NDArray[np.float64],
) -> Pixels:
    """Another face at the same landmarks, in the light of the first."""
    matrix, _ = cv2.estimateAffinePartial2D(theirs, points, method=cv2.LMEDS)
    height, width = portrait.image.shape[:2]
    laid = cv2.warpAffine(
        other, matrix, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float32)
    weight = _oval((height, width), portrait.box)
    inside = weight > 0.5
    for channel in range(3):
        wanted, had = portrait.image[..., channel][inside], laid[..., channel][inside]
        gain = float(np.clip(wanted.std() / max(float(had.std()), 1.0), 0.5, 2.0))
        laid[..., channel] = (laid[..., channel] - had.mean()) * gain + wanted.mean()
    return _mix(portrait.image, laid, weight)


def _oval(size: tuple[int, int], box: Box) -> NDArray[np.float32]:
    left, top, right, bottom = box
    weight = np.zeros(size, dtype=np.float32)
    middle = (round((left + right) / 2), round((top + bottom) / 2))
    axes = (round(0.48 * (right - left)), round(0.55 * (bottom - top)))
    cv2.ellipse(weight, middle, axes, 0, 0, 360, (1.0,), -1)
    soft = max(0.04 * (right - left), 1.0)
    return np.asarray(cv2.GaussianBlur(weight, (0, 0), soft), dtype=np.float32)


def _mix(image: Pixels, other: NDArray[np.float32], weight: NDArray[np.float32]) -> Pixels:
    mixed = image + weight[..., None] * (other - image)
    return np.clip(mixed, 0, 255).round().astype(np.uint8)
