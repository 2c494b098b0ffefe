"""Faces: moved landmarks, a face that is gone or somebody else's; what is no face is not judged."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.annotators.face import FaceAnnotator
from riskmask.model.annotators.face_crops import Box
from riskmask.model.annotators.face_reader import FaceReader
from riskmask.model.corpus import Corpus
from riskmask.model.plants.warps import warp

Pixels = NDArray[np.uint8]
EXAMPLES = Path(__file__).parents[2] / "examples"
BOX = (179.0, 83.0, 266.0, 170.0)


def _region(left: float, top: float, right: float, bottom: float) -> KnownRegion:
    return KnownRegion("face", ((left, top), (right, top), (right, bottom), (left, bottom)))


REGION = _region(*BOX)


@pytest.fixture(scope="module")
def annotator() -> FaceAnnotator:
    return FaceAnnotator()


@pytest.fixture(scope="module")
def reader() -> FaceReader:
    return FaceReader()


@pytest.fixture(scope="module")
def hopper() -> Pixels:
    with Image.open(EXAMPLES / "hopper.jpg") as opened:
        return np.array(opened.convert("RGB"))


def _landmarks(reader: FaceReader, image: Pixels, box: Box) -> NDArray[np.float64]:
    return reader.landmarks(image, reader.detect(image, box).square)


def _bump(image: Pixels, at: NDArray[np.float64], by: tuple[float, float], width: float) -> Pixels:
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    weight = np.exp(-((columns - at[0]) ** 2 + (rows - at[1]) ** 2) / (2 * width**2))
    return warp(image, (weight[..., None] * np.array(by)).astype(np.float32))


def test_a_moved_eye_is_a_finding_of_geometry(
    annotator: FaceAnnotator, reader: FaceReader, astronaut: Pixels
) -> None:
    points = _landmarks(reader, astronaut, BOX)
    between = float(np.linalg.norm(points[:2].mean(axis=0) - points[2:4].mean(axis=0)))
    eye = points[:2].mean(axis=0)
    altered = _bump(astronaut, eye, (0.0, 0.3 * between), 0.32 * between)
    examination = annotator.examine(astronaut, [REGION])
    assert list(examination.judged) == [0]
    [finding] = examination.find(altered)
    assert (finding.content, finding.kind, finding.region) == ("face", "geometry", 0)
    assert not finding.high_impact
    assert finding.polygon == REGION.polygon
    assert 0 < finding.severity <= 1


@pytest.mark.parametrize("side", [32, 48])
def test_a_small_face_is_judged_by_the_same_measure(
    annotator: FaceAnnotator, reader: FaceReader, astronaut: Pixels, side: int
) -> None:
    scale = side / (BOX[2] - BOX[0])
    small = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    box = tuple(scale * v for v in BOX)
    examination = annotator.examine(small, [_region(*box)])
    assert list(examination.judged) == [0]
    noise = np.random.default_rng(1).normal(0, 2, small.shape)
    assert examination.find(np.clip(small + noise, 0, 255).astype(np.uint8)) == []
    points = _landmarks(reader, small, box)  # type: ignore[arg-type]
    between = float(np.linalg.norm(points[:2].mean(axis=0) - points[2:4].mean(axis=0)))
    moved = _bump(small, points[4], (0.25 * between, 0.0), 0.32 * between)
    [finding] = examination.find(moved)
    assert finding.kind == "geometry"
    [gone] = examination.find(cv2.GaussianBlur(small, (0, 0), 0.4 * between))
    assert gone.kind == "amplitude"


def test_a_face_of_somebody_else_is_found_by_its_embedding(
    annotator: FaceAnnotator, reader: FaceReader, astronaut: Pixels, hopper: Pixels
) -> None:
    [theirs] = reader.search(hopper)
    own = _landmarks(reader, astronaut, BOX)
    matrix, _ = cv2.estimateAffinePartial2D(_landmarks(reader, hopper, theirs), own)
    laid = cv2.warpAffine(hopper, matrix, astronaut.shape[1::-1], flags=cv2.INTER_AREA)
    altered = astronaut.copy()
    altered[83:170, 179:266] = laid[83:170, 179:266]
    [finding] = annotator.examine(astronaut, [REGION]).find(altered)
    assert finding.evidence.startswith("face of somebody else: distance 0.")
    assert finding.kind == "shape"


def test_a_face_that_dissolved_is_no_longer_found(
    annotator: FaceAnnotator, astronaut: Pixels
) -> None:
    altered = astronaut.copy()
    altered[70:185, 165:280] = cv2.GaussianBlur(astronaut, (0, 0), 14)[70:185, 165:280]
    [finding] = annotator.examine(astronaut, [REGION]).find(altered)
    assert finding.evidence.startswith("face no longer found")
    assert finding.kind == "amplitude"
    assert finding.severity == 1.0


def test_harmless_copies_keep_the_face(annotator: FaceAnnotator, astronaut: Pixels) -> None:
    examination = annotator.examine(astronaut, [REGION])
    noise = np.random.default_rng(0).normal(0, 3, astronaut.shape)
    buffer = io.BytesIO()
    Image.fromarray(astronaut).save(buffer, "JPEG", quality=75)
    for copy in (
        astronaut,
        np.clip(astronaut + noise, 0, 255).astype(np.uint8),
        np.array(Image.open(buffer)),
        cv2.GaussianBlur(astronaut, (0, 0), 0.8),
    ):
        assert examination.judge(copy) == {}


def test_what_is_no_sure_face_in_the_original_is_not_judged(
    annotator: FaceAnnotator, astronaut: Pixels
) -> None:
    nothing = _region(330, 300, 420, 390)  # the flag
    tiny = _region(200, 100, 215, 115)
    text = KnownRegion("text", REGION.polygon)
    examination = annotator.examine(astronaut, [nothing, tiny, text, REGION])
    assert list(examination.judged) == [3]
    blurred = cv2.GaussianBlur(astronaut, (0, 0), 14)
    assert set(examination.judge(blurred)) == {3}
    assert examination.judge(blurred, [0, 1, 2]) == {}


def test_a_box_that_reaches_out_of_the_picture_is_no_error(
    annotator: FaceAnnotator, astronaut: Pixels
) -> None:
    for left in (190, 222, 260):
        cut = np.ascontiguousarray(astronaut[:, left:])
        region = _region(BOX[0] - left, BOX[1], BOX[2] - left, BOX[3])
        assert annotator.examine(cut, [region]).find(cut) == []
    assert list(annotator.examine(cut, [region]).judged) == []  # an ear is no face


def test_a_detector_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="name YuNet's ONNX file"):
        FaceAnnotator(tmp_path / "yunet.onnx")


def test_annotators_import_without_dlib() -> None:
    script = (
        "import sys; sys.modules['dlib'] = None\n"
        "from riskmask.model.annotators import ANNOTATORS, GlyphBank\n"
        "assert ANNOTATORS['face'](GlyphBank([])).name == 'face'"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.corpus
def test_with_yunet_the_same_face_is_kept_and_lost(corpus: Corpus, astronaut: Pixels) -> None:
    [model] = (corpus.root / "models").glob("yunet*.onnx")
    examination = FaceAnnotator(model).examine(astronaut, [REGION])
    assert list(examination.judged) == [0]
    assert examination.find(astronaut) == []
    [finding] = examination.find(cv2.GaussianBlur(astronaut, (0, 0), 14))
    assert finding.evidence.startswith("face no longer found")
