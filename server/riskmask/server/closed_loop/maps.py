"""The maps that are given to the allocation: riskmask's own, and those that take its place.

A detector or a saliency model says where something is, and nothing of levels. The allocation wants
risk at every level. So its score, in [0, 1], counts as the risk at the level asked for: a sure
detection will change. From there it falls, and rises towards the coarser levels up to 1, in the
proportion in which riskmask's risk does on the same picture, which is the slope of the
least-squares line through the origin between riskmask's risk at a level and at the level asked for.
That is generous: every detection of 0.3 and more becomes a region and is raised, and how much finer
it must be coded to be safe is told by riskmask. What the map lacks is what is being compared: which
of the texts and faces are at risk, and where nobody would have looked.

A third one knows in hindsight which lines lose words to uniform coding at this very size, which no
map can know beforehand: a guide to how far words can be served by moving bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.face_reader import FaceReader
from riskmask.model.evaluate.baselines import Boxes, SpectralResidual
from riskmask.model.evaluate.detectors import Box, FaceDetector, TextDetector
from riskmask.model.levels import ANCHORS
from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.risk import RiskCurves

RISKMASK, DETECTORS, SALIENCY, UNIFORM = "riskmask", "detectors", "saliency", "uniform"
METHODS = (UNIFORM, RISKMASK, DETECTORS, SALIENCY)
HINDSIGHT = "hindsight"  # beside these, where it is asked for
# Levels finer at which a line that lost words counts as saved, and levels coarser at which the
# others count as lost, and as kept still.
SAVED, LOST, KEPT = 2.5, 1.5, 0.25

Score = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def scorers(yunet: Path | None) -> Mapping[str, Score]:
    """What takes the place of the risk, by method: (H, W, 3) uint8 RGB -> (h, w) in [0, 1].

    Args:
        yunet: YuNet's ONNX file; dlib's frontal detector finds the faces without it.
    """
    text, faces = TextDetector(), _face_finder(yunet)
    union = Boxes("text and faces", lambda image: [*text.find(image), *faces(image)])
    return {DETECTORS: union.score, SALIENCY: SpectralResidual().score}


def risk_in_proportion(curves: RiskCurves, level: float) -> NDArray[np.float64]:
    """(8,) how riskmask's risk at each anchor level relates to that at one level, 1 there.

    0 at all levels where it sees no risk at all.
    """
    here = curves.at(level).astype(np.float64)
    power = float((here**2).sum())
    if power == 0.0:
        return np.zeros(ANCHORS)
    return np.array([float((curves.at(anchor) * here).sum()) / power for anchor in range(ANCHORS)])


def in_place_of_risk(
    prediction: Prediction, score: NDArray[np.float32], proportion: NDArray[np.float64]
) -> Prediction:
    """The same prediction with another map in place of the risk.

    Args:
        prediction: whose rates are kept.
        score: (h, w) float32 in [0, 1], the risk at the level where the proportion is 1.
        proportion: (8,) by anchor level, never rising.
    """
    risk = np.minimum(score[None] * proportion[:, None, None], 1.0)
    return replace(prediction, risk=risk.astype(np.float16))


@dataclass(frozen=True)
class Lines:
    """The lines of text whose words count, as they came out of uniform coding.

    Attributes:
        lost, kept: (h, w) bool, the cells of those that lost words, and of the others.
    """

    lost: NDArray[np.bool_]
    kept: NDArray[np.bool_]


def in_hindsight(prediction: Prediction, lines: Lines, level: float) -> Prediction:
    """The same prediction with a risk that knows what is lost at a level, and nothing else.

    Args:
        prediction: whose rates are kept.
        lines: what became of them at that level.
        level: of uniform coding, in [0, 7].
    """
    anchors = np.arange(ANCHORS)
    saved = np.clip(1.0 - (anchors - level) / SAVED, 0.0, 1.0)
    kept = np.clip((level - KEPT - anchors) / (LOST - KEPT), 0.0, 1.0)
    risk = saved[:, None, None] * lines.lost
    np.maximum(risk, kept[:, None, None] * lines.kept, out=risk)
    return replace(prediction, risk=risk.astype(np.float16))


def uncalibrated(profile: CodecProfile) -> CodecProfile:
    """The profile for a map that is no network's: its values are probabilities as they are.

    How likely an error is by the network's peak says nothing of another map's, so regions decide.
    """
    ones, zeros = (1.0,) * ANCHORS, (0.0,) * ANCHORS
    return replace(profile, risk_slope=ones, risk_intercept=zeros, error_calibration=None)


def _face_finder(yunet: Path | None) -> Callable[[NDArray[np.uint8]], list[Box]]:
    if yunet is not None:
        detector = FaceDetector(yunet)
        return lambda image: list(detector.find(image))
    reader = FaceReader()

    def find(image: NDArray[np.uint8]) -> list[Box]:
        return [
            Box("face", ((l, t), (r, t), (r, b), (l, b)), 1.0, b - t)
            for l, t, r, b in reader.search(image)  # noqa: E741
        ]

    return find
