"""Faces: landmarks that moved, a face that is no longer found, or that is somebody else's."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.amplitude import look_at
from riskmask.model.annotators.base import Finding, KindName, KnownRegion, check_same_size
from riskmask.model.annotators.face_reader import Box, Face, FaceReader
from riskmask.model.annotators.registration import register, smooth_grey

ENVIRONMENT = "RISKMASK_FACE_DETECTOR"

MOVED = 0.08  # of the distance between the eyes
SAME = 0.6  # distance of embeddings under which dlib calls two faces one person
FOUND = 0.75  # sureness of the detector on the original that makes its silence mean something
LOST = 0.35  # sureness under which the face is no longer one
STEADY = 0.5  # share of these limits that a harmless copy may use up, or the face is not judged
EXPLAINED = 0.4  # share of the difference that may be left once the movement is undone
DISSOLVED = 0.5  # share of the fine detail in its middle under which a face faded
_HARMLESS = 90  # JPEG quality of the harmless copy
_SMALLEST = 24  # pixels a side; below, dlib's landmarks are guesses


class FaceAnnotator:
    """Reads each known face in the original and in reconstructions of it.

    Args:
        yunet: YuNet's ONNX file; default: the one that ``RISKMASK_FACE_DETECTOR`` names, and
            without that dlib's frontal detector.
    """

    name = "face"

    def __init__(self, yunet: Path | None = None) -> None:
        named = os.environ.get(ENVIRONMENT)
        self._reader = FaceReader(yunet or (Path(named) if named else None))

    def examine(
        self, original: NDArray[np.uint8], regions: Sequence[KnownRegion]
    ) -> FaceExamination:
        """Read the original; a face that a harmless copy would already change is left out."""
        boxes = {
            i: _box(region, original)
            for i, region in enumerate(regions)
            if region.content == "face"
        }
        boxes = {i: box for i, box in boxes.items() if _side(box) >= _SMALLEST}
        faces = {i: self._reader.read(original, box) for i, box in boxes.items()}
        if faces:
            copy = _harmless_copy(original)
            faces = {
                i: face
                for i, face in faces.items()
                if _steady(face, self._reader.read(copy, boxes[i]))
            }
        return FaceExamination(self._reader, original, regions, boxes, faces)


class FaceExamination:
    """An original whose faces are known."""

    def __init__(
        self,
        reader: FaceReader,
        original: NDArray[np.uint8],
        regions: Sequence[KnownRegion],
        boxes: Mapping[int, Box],
        faces: Mapping[int, Face],
    ) -> None:
        self._reader = reader
        self._original = original
        self._regions = regions
        self._boxes = boxes
        self._faces = faces

    @property
    def judged(self) -> Sequence[int]:
        """Indices of the faces read surely in the original."""
        return tuple(self._faces)

    def find(self, reconstruction: NDArray[np.uint8]) -> Sequence[Finding]:
        """All findings, in the order of the regions."""
        found = self.judge(reconstruction)
        return [found[index] for index in sorted(found)]

    def judge(
        self, reconstruction: NDArray[np.uint8], regions: Iterable[int] | None = None
    ) -> Mapping[int, Finding]:
        """Findings where a face is lost, somebody else's, or has other proportions."""
        check_same_size(self._original, reconstruction)
        wanted = set(self._faces if regions is None else regions)
        findings: dict[int, Finding] = {}
        for index in wanted & set(self._faces):
            finding = self._judge_face(reconstruction, index)
            if finding is not None:
                findings[index] = finding
        return findings

    def _judge_face(self, reconstruction: NDArray[np.uint8], index: int) -> Finding | None:
        before = self._faces[index]
        after = self._reader.read(reconstruction, self._boxes[index])
        apart = float(np.linalg.norm(after.embedding - before.embedding))
        moved = landmark_movement(before, after)
        others = [
            float(np.linalg.norm(after.embedding - face.embedding))
            for other, face in self._faces.items()
            if other != index
        ]
        unlike = after.sureness < LOST or apart > SAME or min(others, default=apart) < apart
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
        elif unlike:
            severity = min(apart / SAME, 1.0)
            evidence = (
                f"face like another one of the picture: distance {min(others):.2f} to that, "
                f"{apart:.2f} to its own"
            )
        elif moved > MOVED:
            severity = min(moved / (4 * MOVED), 1.0)
            evidence = f"landmarks moved by {moved:.0%} of the distance between the eyes"
        else:
            return None
        return Finding(
            region=index,
            content="face",
            kind=self._kind(reconstruction, index, unlike),
            high_impact=False,
            severity=severity,
            evidence=evidence,
            polygon=self._regions[index].polygon,
        )

    def _kind(self, reconstruction: NDArray[np.uint8], index: int, unlike: bool) -> KindName:
        """What happened to a face; ``unlike`` where it is not the same face any more.

        Faded where the detail is gone. Other proportions are a movement; so is another face where
        undoing a movement would give back the first.
        """
        one, other = (
            _inside(image, self._boxes[index], 0.2) for image in (self._original, reconstruction)
        )
        was, now = (float(np.sqrt((look_at(part).detail ** 2).mean())) for part in (one, other))
        if now < DISSOLVED * was:
            return "amplitude"
        if not unlike:
            return "geometry"
        one, other = (
            _inside(image, self._boxes[index], 0.0) for image in (self._original, reconstruction)
        )
        found = register(smooth_grey(one), smooth_grey(other))
        return "geometry" if found.after.sum() < EXPLAINED * found.before.sum() else "shape"


def landmark_movement(before: Face, after: Face) -> float:
    """The furthest that a landmark moved, as a share of the distance between the eyes."""
    shared = min(len(before.landmarks), len(after.landmarks))
    steps = np.linalg.norm(after.landmarks[:shared] - before.landmarks[:shared], axis=1)
    return float(steps.max() / max(before.between_eyes, 1.0))


def _steady(face: Face, copy: Face) -> bool:
    """Whether a harmless copy leaves the face well within all limits."""
    return (
        min(face.sureness, copy.sureness) >= FOUND
        and face.spread <= STEADY * MOVED * face.between_eyes
        and landmark_movement(face, copy) <= STEADY * MOVED
        and float(np.linalg.norm(face.embedding - copy.embedding)) <= STEADY * SAME
    )


def _harmless_copy(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    written, stream = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _HARMLESS])
    if not written:
        raise ValueError("OpenCV cannot write a JPEG of this picture")
    copy = cv2.imdecode(stream, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(copy[:, :, ::-1], dtype=np.uint8)


def _box(region: KnownRegion, image: NDArray[np.uint8]) -> Box:
    """The box around a region, as far as it lies in the image."""
    corners = np.clip(np.asarray(region.polygon, dtype=np.float64), 0, image.shape[1::-1])
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _inside(image: NDArray[np.uint8], box: Box, margin: float) -> NDArray[np.uint8]:
    """What lies in a box, a share of its sides left out all around."""
    left, top, right, bottom = box
    across, down = margin * (right - left), margin * (bottom - top)
    rows = slice(round(top + down), round(bottom - down))
    columns = slice(round(left + across), round(right - across))
    return np.ascontiguousarray(image[rows, columns])


def _side(box: Box) -> float:
    return min(box[2] - box[0], box[3] - box[1])
