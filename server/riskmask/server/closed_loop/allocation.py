"""Asks the engine itself for hints, with any map in the place of the network's answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.closed_loop.maps import (
    RISKMASK,
    Lines,
    Score,
    in_hindsight,
    in_place_of_risk,
    risk_in_proportion,
    uncalibrated,
)
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.raw_image import PixelFormat, Plane, RawImage
from riskmask.server.engine.risk import RiskCurves
from riskmask.server.engine.values import (
    Analysis,
    AnalysisRequest,
    Policy,
    ReasonCode,
    Target,
)

REFERENCE = "hyperprior"  # whose profile stands for an encoder that has none


class KnownPrediction:
    """An inference backend that has its one answer already.

    Args:
        prediction: of the image that will be asked about.
        name, sha256: of the model that the answer is ascribed to.
    """

    def __init__(self, prediction: Prediction, name: str, sha256: str) -> None:
        self.name = name
        self.sha256 = sha256
        self._prediction = prediction

    def predict(
        self, image: NDArray[np.uint8], before_tile: Callable[[], None], priority: int
    ) -> Prediction:
        """The answer; ValueError where the image has another size."""
        if image.shape[:2] != (self._prediction.height, self._prediction.width):
            raise ValueError("the prediction is another image's")
        before_tile()
        return self._prediction

    def warm(self) -> None:
        """Needs no warming."""


@dataclass(frozen=True)
class Hinted:
    """What the engine answers for one method.

    Attributes:
        hint: in the encoder's format.
        decision: what the engine says, e.g. ``ENCODE_WITH_HINTS``.
        risk: (h, w) float32, the map that was allocated for, at the level asked for.
    """

    hint: bytes
    decision: str
    risk: NDArray[np.float32]


class Allocator:
    """Hints for one picture by every method but uniform coding.

    Args:
        predictor: the detector.
        profiles: of codecs, by name; an encoder's own counts where there is one.
        scores: what takes the place of the risk, by method.
        policy: what counts as a risk.
        image: (H, W, 3) uint8 RGB.
    """

    def __init__(
        self,
        predictor: Predictor,
        profiles: Mapping[str, CodecProfile],
        scores: Mapping[str, Score],
        policy: Policy,
        image: NDArray[np.uint8],
    ) -> None:
        self._model = predictor.name, predictor.sha256
        self._profiles = profiles
        self._policy = policy
        self._image = _raw(image)
        self._prediction = predictor.predict(image)
        self._scores = {method: score(image) for method, score in scores.items()}
        self._own: dict[AnalysisRequest, Analysis] = {}

    def hint(
        self,
        method: str,
        encoder: str,
        hint_format: str,
        size_bytes: int,
        setting: float | None,
        lines: Lines | None = None,
    ) -> Hinted:
        """The hint for an encoder, as ``riskmask encode`` asks for it.

        Args:
            method: one of METHODS but uniform, or HINDSIGHT.
            encoder: registry name.
            hint_format: that it reads.
            size_bytes: of the file coded alike everywhere.
            setting: its quality in terms of the encoder's profile, None where it is not known.
            lines: of that file, for HINDSIGHT.
        """
        codec = encoder if encoder in self._profiles else REFERENCE
        request = AnalysisRequest(
            image=self._image,
            codec=codec,
            target=Target(size_bytes=size_bytes),
            hint_formats=(hint_format,),
            policy=self._policy,
        )
        analysis = None
        if codec == encoder and setting is not None:
            by_quality = replace(request, target=Target(quality=setting))
            analysis = self._own_answer(by_quality)
            if ReasonCode.RATE_OUT_OF_RANGE in {reason.code for reason in analysis.reasons}:
                analysis = None
            else:
                request = by_quality
        analysis = analysis or self._own_answer(request)
        if method != RISKMASK:
            profile, level = self._profiles[codec], analysis.target.level
            if lines is not None:
                other = in_hindsight(self._prediction, lines, level)
            else:
                curves = RiskCurves(self._prediction, profile, self._policy)
                proportion = risk_in_proportion(curves, level)
                other = in_place_of_risk(self._prediction, self._scores[method], proportion)
            profiles = {**self._profiles, codec: uncalibrated(profile)}
            analysis = self._analysis(request, other, profiles)
        return Hinted(analysis.hints[0].data, analysis.decision.value, analysis.risk)

    def _own_answer(self, request: AnalysisRequest) -> Analysis:
        """Riskmask's own; all methods are asked at one size, one after the other."""
        if request not in self._own:
            self._own[request] = self._analysis(request, self._prediction, self._profiles)
        return self._own[request]

    def _analysis(
        self,
        request: AnalysisRequest,
        prediction: Prediction,
        profiles: Mapping[str, CodecProfile],
    ) -> Analysis:
        return Engine(KnownPrediction(prediction, *self._model), profiles).analyze(request)


def _raw(image: NDArray[np.uint8]) -> RawImage:
    height, width = image.shape[:2]
    plane = Plane(np.ascontiguousarray(image).tobytes())
    return RawImage(PixelFormat.RGB8, width, height, (plane,))
