"""Reads faces at known places: is it one, where are its landmarks, and whose is it?

dlib's models come with the package face_recognition_models; YuNet, a detector that also sees
small and turned faces, comes as a file of its own. dlib's landmarks are whole pixels and follow
the square that they are asked for, so faces are enlarged first and the square is drawn as dlib's
own detector would: that takes the landmarks of a face of 45 pixels from 5% of the distance between
its eyes to 1%.
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

from riskmask.model.annotators.face_crops import (
    Box,
    FaceCrop,
    cut_face,
    moved_box,
    overlap,
    square_of_box,
    square_of_features,
)

_SEARCHED = 112  # pixels that a face is brought to before it is searched for
_READ = 180  # pixels that its square is brought to before it is read: dlib embeds 150
_MARGIN = 0.6  # of the box's sides, seen around it
_SAME_PLACE = 0.3  # overlap of a detected face with the box
_JITTER = (
    (0.0, 0.0, 1.0),
    (0.04, 0.0, 1.0),
    (-0.04, 0.0, 1.0),
    (0.0, 0.04, 1.0),
    (0.0, -0.04, 1.0),
    (0.0, 0.0, 1.06),
    (0.0, 0.0, 0.94),
)


@dataclass(frozen=True)
class Detection:
    """What the detector says of a place.

    Attributes:
        sureness: that this is a face, in [0, 1]; 0 where it finds none.
        square: around the face, as dlib's predictor expects it; from the box alone where the
            detector finds none.
        points: (5, 2) float64 (x, y) in pixels: eyes, nose, corners of the mouth; (0, 2) where
            YuNet found no face, or is not there.
    """

    sureness: float
    square: Box
    points: NDArray[np.float64]


@dataclass(frozen=True)
class Face:
    """What was read at one place.

    Attributes:
        sureness: of the detector that this is a face, in [0, 1]; 0 where it finds none.
        landmarks: dlib's (5, 2) float64 (x, y) in pixels: corners of the eyes and the nose.
        points: YuNet's (5, 2), or (0, 2); see :class:`Detection`.
        spread: pixels by which dlib's landmarks depend on how the square is drawn.
        embedding: (128,) float64; the distance of two of the same person is below 0.6.
    """

    sureness: float
    landmarks: NDArray[np.float64]
    points: NDArray[np.float64]
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

    def detect(self, image: NDArray[np.uint8], box: Box) -> Detection:
        """Look for a face in a box.

        Args:
            image: (H, W, 3) uint8 RGB.
            box: in pixels; may reach out of the image.
        """
        crop = cut_face(image, box, _SEARCHED, _MARGIN)
        return self._frontal_face(crop, box) if self._yunet_path is None else self._face(crop, box)

    def read(self, image: NDArray[np.uint8], square: Box) -> Face:
        """Read the face in a square.

        Args:
            image: (H, W, 3) uint8 RGB.
            square: around the face, as :meth:`detect` gives it, in pixels.
        """
        crop = cut_face(image, square, _READ, _MARGIN)
        inside = crop.into(square)
        predicted = np.stack([self._predict(crop, moved_box(inside, *by)) for by in _JITTER])
        middle = predicted.mean(axis=0)
        found = self.detect(image, square)
        return Face(
            sureness=found.sureness,
            landmarks=crop.out(middle),
            points=found.points,
            spread=float(np.linalg.norm(predicted.std(axis=0), axis=-1).max()) / crop.scale,
            embedding=self._embed(crop, inside, middle),
        )

    def landmarks(self, image: NDArray[np.uint8], square: Box) -> NDArray[np.float64]:
        """dlib's (5, 2) float64 (x, y): outer and inner corner of each eye, and the nose."""
        crop = cut_face(image, square, _READ, _MARGIN)
        inside = crop.into(square)
        predicted = [self._predict(crop, moved_box(inside, *by)) for by in _JITTER]
        return crop.out(np.mean(predicted, axis=0))

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

    def _face(self, crop: FaceCrop, box: Box) -> Detection:
        wanted = crop.into(box)
        self._yunet.setInputSize((crop.pixels.shape[1], crop.pixels.shape[0]))
        _, faces = self._yunet.detect(np.ascontiguousarray(crop.pixels[:, :, ::-1]))
        best = Detection(0.0, square_of_box(box), np.empty((0, 2)))
        for face in [] if faces is None else faces:
            x, y, width, height = (float(v) for v in face[:4])
            same = overlap((x, y, x + width, y + height), wanted) > _SAME_PLACE
            if same and face[14] > best.sureness:
                points = crop.out(face[4:14].reshape(5, 2).astype(np.float64))
                best = Detection(float(face[14]), square_of_features(points), points)
        return best

    def _frontal_face(self, crop: FaceCrop, box: Box) -> Detection:
        wanted = crop.into(box)
        found, scores, _ = self._frontal.run(np.ascontiguousarray(crop.pixels), 0, -0.5)
        best = Detection(0.0, square_of_box(box), np.empty((0, 2)))
        for face, score in zip(found, scores, strict=True):
            inside = face.left(), face.top(), face.right(), face.bottom()
            sureness = float(1 / (1 + np.exp(-4 * score)))
            if sureness > best.sureness and overlap(inside, wanted) > _SAME_PLACE:
                corners = crop.out(np.array(inside, dtype=np.float64).reshape(2, 2)).ravel()
                left, top, right, bottom = (float(v) for v in corners)
                best = Detection(sureness, (left, top, right, bottom), np.empty((0, 2)))
        return best

    def _predict(self, crop: FaceCrop, square: Box) -> NDArray[np.float64]:
        rectangle = self._dlib.rectangle(*(round(v) for v in square))
        shape = self._predictor(crop.pixels, rectangle)
        return np.array([(p.x, p.y) for p in shape.parts()], dtype=np.float64)

    def _embed(
        self, crop: FaceCrop, square: Box, landmarks: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        points = [self._dlib.point(round(x), round(y)) for x, y in landmarks]
        rectangle = self._dlib.rectangle(*(round(v) for v in square))
        shape = self._dlib.full_object_detection(rectangle, points)
        embedding = self._recogniser.compute_face_descriptor(crop.pixels, shape)
        return np.array(embedding, dtype=np.float64)

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
