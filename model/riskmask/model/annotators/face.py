"""Faces: landmarks that moved, a face that is no longer found, or that is somebody else's.

Each kind of evidence has its own noise in each face, measured on harmless copies of the original:
what a copy changes is not held against a reconstruction. A small or turned face whose landmarks
nobody can place may still be recognised, and is judged by that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import Finding, KnownRegion
from riskmask.model.annotators.face_changes import followed_movement, kind_of_change
from riskmask.model.annotators.face_crops import Box
from riskmask.model.annotators.face_reader import Face, FaceReader
from riskmask.model.annotators.harmless_copies import harmless_copies
from riskmask.model.annotators.region_verdicts import RegionVerdicts

ENVIRONMENT = "RISKMASK_FACE_DETECTOR"

MOVED = 0.08  # of the distance between the eyes
SAME = 0.6  # distance of embeddings under which dlib calls two faces one person
FOUND = 0.75  # sureness of the detector on the original that makes its silence mean something
LOST = 0.35  # sureness under which the face is no longer one
STEADY = 0.5  # share of SAME that a harmless copy may use up, or the face is not judged
NOISE = 3.0  # times the movement in harmless copies, which a moved landmark must exceed
PLACED = 0.1  # of the distance between the eyes: dlib's landmarks that spread further fit nowhere
_SMALLEST = 24  # pixels a side; below, an eye has two pixels


@dataclass(frozen=True)
class Known:
    """A face of the original.

    Attributes:
        face: as read there.
        square: where it is read.
        limits: movements of dlib's landmarks and of YuNet's, over the distance between the eyes,
            from which on they mean something.
    """

    face: Face
    square: Box
    limits: tuple[float, float]


class FaceAnnotator:
    """Reads each known face in the original and in reconstructions of it.

    Args:
        yunet: YuNet's ONNX file; default: none, but dlib's frontal detector.
    """

    name = "face"

    def __init__(self, yunet: Path | None = None) -> None:
        self._reader = FaceReader(yunet)

    @classmethod
    def by_environment(cls) -> FaceAnnotator:
        """With YuNet's file where ``RISKMASK_FACE_DETECTOR`` names one."""
        named = os.environ.get(ENVIRONMENT)
        return cls(Path(named) if named else None)

    def examine(
        self, original: NDArray[np.uint8], regions: Sequence[KnownRegion]
    ) -> FaceExamination:
        """Read the original; a face that a harmless copy would already change is left out."""
        boxes = {
            i: box_of(region, original)
            for i, region in enumerate(regions)
            if region.content == "face"
        }
        boxes = {i: box for i, box in boxes.items() if side_of(box) >= _SMALLEST}
        copies = harmless_copies(original) if boxes else []
        known = {i: self._know(original, copies, box) for i, box in boxes.items()}
        faces = {i: face for i, face in known.items() if face is not None}
        return FaceExamination(self._reader, original, regions, faces)

    def _know(
        self, original: NDArray[np.uint8], copies: Sequence[NDArray[np.uint8]], box: Box
    ) -> Known | None:
        found = self._reader.detect(original, box)
        if found.sureness < FOUND:
            return None
        face = self._reader.read(original, found.square)
        again = [self._reader.read(copy, found.square) for copy in copies]
        if min(f.sureness for f in (face, *again)) < FOUND:
            return None
        if max(distance(face, copy) for copy in again) > STEADY * SAME:
            return None
        ours = max(MOVED, NOISE * max(landmark_movement(face, copy) for copy in again))
        theirs = max(MOVED, NOISE * max(point_movement(face, copy) for copy in again))
        if face.spread > PLACED * face.between_eyes:
            ours = float("inf")
        return Known(face, found.square, (ours, theirs))


class FaceExamination(RegionVerdicts):
    """An original whose faces are known."""

    def __init__(
        self,
        reader: FaceReader,
        original: NDArray[np.uint8],
        regions: Sequence[KnownRegion],
        faces: Mapping[int, Known],
    ) -> None:
        super().__init__(original, regions, faces)
        self._reader = reader
        self._faces = faces

    def _compare(
        self, reconstruction: NDArray[np.uint8], indices: Sequence[int]
    ) -> Mapping[int, Finding]:
        """Findings where a face is lost, somebody else's, or has other proportions."""
        judged = ((i, self._judge_face(reconstruction, i)) for i in indices)
        return {index: finding for index, finding in judged if finding is not None}

    def _judge_face(self, reconstruction: NDArray[np.uint8], index: int) -> Finding | None:
        known = self._faces[index]
        before, after = known.face, self._reader.read(reconstruction, known.square)
        apart = distance(before, after)
        nearest = min(
            (distance(other.face, after) for other in self._strangers(index)), default=np.inf
        )
        if after.sureness < LOST:
            severity = 1.0
            evidence = (
                f"face no longer found: sureness {before.sureness:.2f} → {after.sureness:.2f}"
            )
        elif apart > SAME:
            severity = min(apart, 1.0)
            evidence = (
                f"face of somebody else: distance {apart:.2f}, the same person is below {SAME}"
            )
        elif nearest < apart:
            severity = min(apart / SAME, 1.0)
            evidence = (
                f"face like another one of the picture: distance {nearest:.2f} to that, "
                f"{apart:.2f} to its own"
            )
        else:
            return self._movement(reconstruction, index, after)
        kind = kind_of_change(self._original, reconstruction, known.square)
        return self._finding(index, kind, severity, evidence, high_impact=False)

    def _strangers(self, index: int) -> list[Known]:
        """Other faces of the picture, of other people."""
        own = self._faces[index].face
        others = (known for other, known in self._faces.items() if other != index)
        return [known for known in others if distance(own, known.face) > SAME]

    def _movement(
        self, reconstruction: NDArray[np.uint8], index: int, after: Face
    ) -> Finding | None:
        """A finding where landmarks of what is still the same face moved."""
        known = self._faces[index]
        before = known.face
        landmarks = np.concatenate([before.landmarks, before.points])
        followed = followed_movement(self._original, reconstruction, known.square, landmarks)
        found_again = (landmark_movement(before, after), point_movement(before, after))
        counted = [m for m, limit in zip(found_again, known.limits, strict=True) if m > limit]
        moved = max(followed, *counted) if counted else followed
        if moved <= MOVED:
            return None
        kind = (
            "geometry"
            if followed > MOVED
            else kind_of_change(self._original, reconstruction, known.square)
        )
        evidence = f"landmarks moved by {moved:.0%} of the distance between the eyes"
        severity = min(moved / (4 * MOVED), 1.0)
        return self._finding(index, kind, severity, evidence, high_impact=False)


def distance(one: Face, other: Face) -> float:
    """Distance of two faces' embeddings."""
    return float(np.linalg.norm(one.embedding - other.embedding))


def landmark_movement(before: Face, after: Face) -> float:
    """The furthest that one of dlib's landmarks moved, over the distance between the eyes."""
    return _furthest(before.landmarks, after.landmarks) / max(before.between_eyes, 1.0)


def point_movement(before: Face, after: Face) -> float:
    """The same of YuNet's; 0 where it found one of the faces not."""
    if len(before.points) != len(after.points) or not len(before.points):
        return 0.0
    return _furthest(before.points, after.points) / max(before.between_eyes, 1.0)


def _furthest(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(other - one, axis=1).max())


def box_of(region: KnownRegion, image: NDArray[np.uint8]) -> Box:
    """The box around a region, as far as it lies in the image."""
    corners = np.clip(np.asarray(region.polygon, dtype=np.float64), 0, image.shape[1::-1])
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def side_of(box: Box) -> float:
    """The shorter side of a box."""
    return min(box[2] - box[0], box[3] - box[1])
