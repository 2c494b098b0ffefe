"""What the engine answers for a picture, by codec and rate; the network is asked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.closed_loop.allocation import KnownPrediction
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.raw_image import PixelFormat, Plane, RawImage
from riskmask.server.engine.values import Analysis, AnalysisRequest, Policy, ReasonCode, Target

HINT_FORMAT = "riskmask-levels"


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        picture, codec: which.
        level: of the codec in [0, 7], whose real rate was asked for.
        asked_bpp: that rate.
        decision: e.g. ``ENCODE``.
        clamped: whether the engine took the rate for one out of the codec's range.
        resolved_level: at which the engine looked.
        error_probability: predicted, uniformly coded; None where the profile does not know it.
        regions: how many.
        safe_bpp: of the whole image, None where no level is safe.
        jpeg_quality, jpeg_subsampling, jpeg_bytes, jpeg_safe: the JPEG advised.
    """

    picture: str
    codec: str
    level: int
    asked_bpp: float
    decision: str
    clamped: bool
    resolved_level: float
    error_probability: float | None
    regions: int
    safe_bpp: float | None
    jpeg_quality: int
    jpeg_subsampling: str
    jpeg_bytes: int
    jpeg_safe: bool

    @property
    def place(self) -> tuple[str, ...]:
        """What it is about."""
        return self.picture, self.codec, str(self.level)


class Counsel:
    """The engine before one picture.

    Args:
        predictor: the detector.
        profiles: of codecs, by name.
        policy: what counts as a risk.
        image: (H, W, 3) uint8 RGB.
    """

    def __init__(
        self,
        predictor: Predictor,
        profiles: Mapping[str, CodecProfile],
        policy: Policy,
        image: NDArray[np.uint8],
    ) -> None:
        known = KnownPrediction(predictor.predict(image), predictor.name, predictor.sha256)
        self._engine = Engine(known, profiles)
        self._policy = policy
        height, width = image.shape[:2]
        plane = Plane(np.ascontiguousarray(image).tobytes())
        self._image = RawImage(PixelFormat.RGB8, width, height, (plane,))

    def answer(self, picture: str, codec: str, level: int, bpp: float) -> Answer:
        """Ask for a codec's rate."""
        said = self._ask(codec, bpp, ())
        return Answer(
            picture=picture,
            codec=codec,
            level=level,
            asked_bpp=bpp,
            decision=said.decision.value,
            clamped=any(r.code is ReasonCode.RATE_OUT_OF_RANGE for r in said.reasons),
            resolved_level=said.target.level,
            error_probability=said.damage.uniform.error_probability,
            regions=len(said.regions),
            safe_bpp=said.safe_bpp,
            jpeg_quality=said.jpeg.quality,
            jpeg_subsampling=said.jpeg.subsampling,
            jpeg_bytes=said.jpeg.estimated_bytes,
            jpeg_safe=said.jpeg.safe,
        )

    def hint(self, codec: str, bpp: float) -> bytes:
        """The levels that the engine wishes at a rate."""
        return self._ask(codec, bpp, (HINT_FORMAT,)).hints[0].data

    def _ask(self, codec: str, bpp: float, hint_formats: tuple[str, ...]) -> Analysis:
        request = AnalysisRequest(
            image=self._image,
            codec=codec,
            target=Target(bpp=bpp),
            hint_formats=hint_formats,
            policy=self._policy,
        )
        return self._engine.analyze(request)
