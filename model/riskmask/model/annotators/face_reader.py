"""Reads faces at known places: is it one, where are its landmarks, and whose is it?

dlib's models come with the package face_recognition_models; YuNet, a detector that also sees
small and turned faces, comes as a file of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]  # left, top, right, bottom

_SIDE = 112  # pixels that a face is brought to before it is searched for
_MARGIN = 0.6  # of the box's sides, seen around it
_JITTER = ((0.0, 0.0, 1.0), (0.03, 0.0, 1.0), (-0.03, 0.0, 1.0), (0.0, 0.03, 1.03))


@dataclass(frozen=True)
class Face:
    """What was read at one place.

    Attributes:
        sureness: of the detector that this is a face, in [0, 1]; 0 where it finds none.
        landmarks: (N, 2) float64 (x, y) in pixels: corners of the eyes and the nose, then, where
            YuNet found the face, eyes, nose and corners of the mouth once more.
        spread: pixels by which the landmarks depend on how the box is drawn.
        embedding: (128,) float64; the distance of two of the same person is below 0.6.
    """

    sureness: float
    landmarks: NDArray[np.float64]
    spread: float
    embedding: NDArray[np.float64]

    @property
    def between_eyes(self) -> float:
        """Distance of the eyes' middles in pixels."""
        return float(np.linalg.norm(self.landmarks[:2].mean(0) - self.landmarks[2:4].mean(0)))


class FaceReader:
    """dlib's predictor and embedding, and YuNet where its file is given.

    Args:
        yunet: the ONNX file; dlib's frontal detector stands in without it.

    Raises:
        FileNotFoundError: there is no such file.
    """

    def __init__(self, yunet: Path | None = None) -> None:
        if yunet is not None and not yunet.is_file():
            raise FileNotFoundError(f"no face detector at {yunet}; name YuNet's ONNX file")
        self._yunet_path = yunet

    def read(self, image: NDArray[np.uint8], box: Box) -> Face:
        """Read the face in a box.

        Args:
            image: (H, W, 3) uint8 RGB.
            box: in pixels; may reach out of the image.
        """
        image = np.ascontiguousarray(image)
        points = self._jittered(image, box)
        landmarks = points.mean(axis=0)
        sureness, further = self._detect(image, box)
        return Face(
            sureness=sureness,
            landmarks=np.concatenate([landmarks, further]),
            spread=float(np.linalg.norm(points.std(axis=0), axis=-1).max()),
            embedding=self._embed(image, box, landmarks),
        )

    def landmarks(self, image: NDArray[np.uint8], box: Box) -> NDArray[np.float64]:
        """dlib's (5, 2) float64 (x, y): outer and inner corner of each eye, and the nose."""
        return np.asarray(self._jittered(np.ascontiguousarray(image), box).mean(axis=0))

    def search(self, image: NDArray[np.uint8]) -> list[Box]:
        """Boxes of all faces that the detector finds in a picture, (H, W, 3) uint8 RGB."""
        image = np.ascontiguousarray(image)
        height, width = image.shape[:2]
        if self._yunet_path is None:
            found = self._frontal(image, 1)
            return [(face.left(), face.top(), face.right(), face.bottom()) for face in found]
        self._yunet.setInputSize((width, height))
        _, faces = self._yunet.detect(np.ascontiguousarray(image[:, :, ::-1]))
        sure = [] if faces is None else [face for face in faces if face[14] >= 0.8]
        return [tuple(float(v) for v in (x, y, x + w, y + h)) for x, y, w, h, *_ in sure]  # type: ignore[misc]

    def _jittered(self, image: NDArray[np.uint8], box: Box) -> NDArray[np.float64]:
        """Landmarks for a few ways to draw the box, (N, 5, 2)."""
        return np.stack([self._predict(image, _moved(box, *by)) for by in _JITTER])

    def _predict(self, image: NDArray[np.uint8], box: Box) -> NDArray[np.float64]:
        shape = self._predictor(image, self._dlib.rectangle(*(round(v) for v in box)))
        return np.array([(p.x, p.y) for p in shape.parts()], dtype=np.float64)

    def _embed(
        self, image: NDArray[np.uint8], box: Box, landmarks: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        points = [self._dlib.point(round(x), round(y)) for x, y in landmarks]
        rectangle = self._dlib.rectangle(*(round(v) for v in box))
        shape = self._dlib.full_object_detection(rectangle, points)
        return np.array(self._recogniser.compute_face_descriptor(image, shape), dtype=np.float64)

    def _detect(self, image: NDArray[np.uint8], box: Box) -> tuple[float, NDArray[np.float64]]:
        """How sure the detector is of a face in the box, and the landmarks that it gives."""
        crop, corner, scale = _cut(image, box)
        wanted = (np.array(box).reshape(2, 2) - corner) * scale
        nothing = np.empty((0, 2))
        if self._yunet_path is None:
            found, scores, _ = self._frontal.run(crop, 0, -0.5)
            best = max(
                (
                    score
                    for face, score in zip(found, scores, strict=True)
                    if _overlap((face.left(), face.top(), face.right(), face.bottom()), wanted)
                    > 0.3
                ),
                default=-1.0,
            )
            return float(1 / (1 + np.exp(-4 * best))) if best > -1 else 0.0, nothing
        self._yunet.setInputSize((crop.shape[1], crop.shape[0]))
        _, faces = self._yunet.detect(np.ascontiguousarray(crop[:, :, ::-1]))
        best, points = 0.0, nothing
        for face in [] if faces is None else faces:
            x, y, width, height = face[:4]
            if face[14] > best and _overlap((x, y, x + width, y + height), wanted) > 0.3:
                best = float(face[14])
                points = face[4:14].reshape(5, 2).astype(np.float64) / scale + corner
        return best, points

    @cached_property
    def _dlib(self) -> Any:
        try:
            import dlib
        except ImportError as error:
            raise ImportError("faces need dlib: pip install 'riskmask[verify]'") from error
        return dlib

    @cached_property
    def _predictor(self) -> Any:
        return self._dlib.shape_predictor(_model("shape_predictor_5_face_landmarks.dat"))

    @cached_property
    def _recogniser(self) -> Any:
        path = _model("dlib_face_recognition_resnet_model_v1.dat")
        return self._dlib.face_recognition_model_v1(path)

    @cached_property
    def _frontal(self) -> Any:
        return self._dlib.get_frontal_face_detector()

    @cached_property
    def _yunet(self) -> cv2.FaceDetectorYN:
        return cv2.FaceDetectorYN.create(str(self._yunet_path), "", (320, 320), 0.2)


def _model(name: str) -> str:
    """Path of one of dlib's models, found without importing the package around it.

    That package's own code wants an old setuptools, and its files are all that is needed.
    """
    spec = find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("faces need face_recognition_models: pip install 'riskmask[verify]'")
    return str(Path(spec.submodule_search_locations[0]) / "models" / name)


def _moved(box: Box, across: float, down: float, scale: float) -> Box:
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    middle_x = (left + right) / 2 + across * width
    middle_y = (top + bottom) / 2 + down * height
    half_x, half_y = width * scale / 2, height * scale / 2
    return middle_x - half_x, middle_y - half_y, middle_x + half_x, middle_y + half_y


def _cut(
    image: NDArray[np.uint8], box: Box
) -> tuple[NDArray[np.uint8], NDArray[np.float64], float]:
    """The face and its surroundings at a common size; its corner in the image and its scale."""
    left, top, right, bottom = box
    pad_x, pad_y = _MARGIN * (right - left), _MARGIN * (bottom - top)
    low_x, low_y = max(round(left - pad_x), 0), max(round(top - pad_y), 0)
    high_x, high_y = round(right + pad_x), round(bottom + pad_y)
    crop = image[low_y:high_y, low_x:high_x]
    scale = _SIDE / max(right - left, bottom - top, 1.0)
    size = max(round(crop.shape[1] * scale), 32), max(round(crop.shape[0] * scale), 32)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized = np.asarray(cv2.resize(crop, size, interpolation=how), dtype=np.uint8)
    return resized, np.array([low_x, low_y], dtype=np.float64), scale


def _overlap(box: Box, wanted: NDArray[np.float64]) -> float:
    """Intersection over union."""
    low = np.maximum(box[:2], wanted[0])
    high = np.minimum(box[2:], wanted[1])
    common = float(np.prod(np.maximum(high - low, 0)))
    own = (box[2] - box[0]) * (box[3] - box[1])
    union = own + float(np.prod(wanted[1] - wanted[0])) - common
    return common / union if union > 0 else 0.0
