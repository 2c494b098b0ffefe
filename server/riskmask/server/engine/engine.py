"""The whole way of one image: decode, predict, resolve, find regions, allocate, decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.components import find_components
from riskmask.model.runtime.errors import ProfileError
from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile, packaged_profiles
from riskmask.model.runtime.tile_batches import Batching
from riskmask.model.runtime.weights import Weights, find_weights, weights_beside
from riskmask.server.engine import jpeg
from riskmask.server.engine.allocate import allocate, map_of_least_damage
from riskmask.server.engine.any_image import Decode, decode_any, decode_here
from riskmask.server.engine.damage import predicted_damage
from riskmask.server.engine.decide import Evidence, decide
from riskmask.server.engine.decode import DEFAULT_LIMITS, DecodedImage, Limits
from riskmask.server.engine.errors import UnknownCodecError
from riskmask.server.engine.explain import explained
from riskmask.server.engine.hint_formats.canonical import CanonicalMap
from riskmask.server.engine.hints import (
    check_hint_formats,
    distinct_levels,
    export_hints,
    map_squares,
    square_of,
)
from riskmask.server.engine.job import Job, Stage
from riskmask.server.engine.masks import render
from riskmask.server.engine.policy import check_policy, image_policies
from riskmask.server.engine.rate import RateCurves
from riskmask.server.engine.regions import find_regions, has_region, image_safe_level
from riskmask.server.engine.risk import RiskCurves
from riskmask.server.engine.squares import per_cell
from riskmask.server.engine.target import check_target, resolve
from riskmask.server.engine.values import (
    Analysis,
    AnalysisRequest,
    Damage,
    ModelFacts,
    PredictedDamage,
)


class InferenceBackend(Protocol):
    """What predicts; ``riskmask.model.runtime.predictor.Predictor`` is one."""

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    @property
    def sha256(self) -> str:
        """Of the model's file."""
        ...

    def predict(
        self, image: NDArray[np.uint8], before_tile: Callable[[], None], priority: int
    ) -> Prediction:
        """Maps of a (H, W, 3) uint8 RGB image; callable from many threads.

        Args:
            image: the picture.
            before_tile: called before each part of the work; what it raises ends the work.
            priority: of this image where others wait for the same model; lower goes first.
        """
        ...

    def warm(self) -> None:
        """Runs the model in the ways that leave nothing to prepare for the first image."""
        ...


class Engine:
    """Answers requests; stateless between them and safe to call from many threads.

    Attributes:
        profiles: codec profiles by name.
        limits: on the images accepted.
        model: which model answers.
    """

    def __init__(
        self,
        predictor: InferenceBackend,
        profiles: Mapping[str, CodecProfile],
        limits: Limits = DEFAULT_LIMITS,
        decode: Decode = decode_here,
    ) -> None:
        """Raises ProfileError when there is no ``jpeg`` profile, which the fallback needs."""
        if jpeg.PROFILE not in profiles:
            raise ProfileError(
                "there is no jpeg profile, so no JPEG can be advised; install riskmask again, "
                "or fit one with python -m riskmask.model.train classic-profile"
            )
        self._predictor = predictor
        self._decode = decode
        self.profiles = dict(profiles)
        self.limits = limits
        self.model = ModelFacts(name=predictor.name, sha256=predictor.sha256)

    @classmethod
    def default(
        cls,
        *,
        threads: int | None = None,
        limits: Limits = DEFAULT_LIMITS,
        model: Path | None = None,
        profiles: Path | None = None,
        batching: Batching | None = None,
        decode: Decode = decode_here,
    ) -> Engine:
        """An engine over the packaged detector and profiles.

        Args:
            threads: of one inference; the cores this process may use unless given.
            limits: on the images accepted.
            model: another detector's ONNX file; where a ``manifest.json`` beside it names it, its
                hash and name must be those.
            profiles: a folder of codec profiles, added to the packaged ones or in place of
                those of the same name.
            batching: how tiles of several images go through the model together; not at all unless
                given.
            decode: what decodes image files.

        Raises:
            AssetError: weights, model or profiles are missing or broken.
        """
        expected: Weights | None
        if model is None:
            packaged = find_weights("detector")
            model, expected = packaged.path, packaged
        else:
            expected = weights_beside(model)
        known = packaged_profiles()
        if profiles is not None:
            known |= packaged_profiles(profiles)
        predictor = Predictor(model, threads=threads, expected=expected, batching=batching)
        return cls(predictor, known, limits, decode)

    def warm(self) -> None:
        """Runs the model on tiles and batches, so that no caller waits for its first.

        Raises:
            AssetError: the model failed.
        """
        self._predictor.warm()

    def analyze(self, request: AnalysisRequest, job: Job | None = None) -> Analysis:
        """Answer one request.

        Args:
            request: the question.
            job: asked before each stage and each tile whether the answer is still wanted; learns
                how long each stage took.

        Raises:
            EngineError: the request cannot be answered, or its answer is no longer wanted; its
                subclass and ``reason`` say why.
            AssetError: the model failed.
        """
        job = job or Job()
        job.check()
        check_target(request.target)
        check_policy(request.policy)
        check_hint_formats(request.hint_formats)
        profile = self.profiles.get(request.codec)
        if profile is None:
            raise UnknownCodecError(request.codec, self.profiles)
        with job.stage(Stage.DECODE):
            decoded = decode_any(request.image, self.limits, job, self._decode)
        with job.stage(Stage.PREDICT):
            prediction = self._predictor.predict(decoded.pixels, job.check, job.priority)
        with job.stage(Stage.CONCLUDE):
            return self._answer(request, profile, decoded, prediction, job)

    def _answer(
        self,
        request: AnalysisRequest,
        profile: CodecProfile,
        decoded: DecodedImage,
        prediction: Prediction,
        job: Job,
    ) -> Analysis:
        policy = request.policy
        rates = RateCurves(prediction, profile)
        resolution = resolve(request.target, profile, rates)
        target = resolution.target
        curves = RiskCurves(prediction, profile, policy)
        regions = find_regions(
            prediction, curves, rates, target.level, policy, profile.finest_level
        )
        risk = curves.at(target.level)
        jpeg_profile = self.profiles[jpeg.PROFILE]
        strict, strict_jpeg = image_policies(policy, profile, jpeg_profile)
        at_risk = find_components(
            risk, strict.threshold, strict.smallest_region, curves.width, curves.height
        )
        own_square = square_of(profile.name, curves.width, curves.height)
        allocation = allocate(at_risk, curves, rates, profile, target, strict, own_square)
        safe = image_safe_level(curves, strict, profile.coarsest_level, profile.finest_level)
        safe_bpp = None if safe is None else rates.bpp(safe)
        jpeg_curves = RiskCurves(prediction, jpeg_profile, policy)
        jpeg_advice = jpeg.advise(
            decoded.pixels,
            jpeg_curves,
            jpeg_profile,
            strict_jpeg,
            at_risk=at_risk.count > 0,
        )

        def canonical(levels: NDArray[np.float32]) -> CanonicalMap:
            return CanonicalMap(
                levels=levels,
                width=prediction.width,
                height=prediction.height,
                base_level=target.level,
                jpeg=jpeg_advice,
                profiles=self.profiles,
                codec=profile.name,
            )

        @cache
        def map_of(square: int) -> CanonicalMap:
            job.check()
            return canonical(
                map_of_least_damage(allocation, curves, rates, profile, target, strict, square)
            )

        squares = map_squares(request.hint_formats, profile.name, curves.width, curves.height)
        hints = export_hints(request.hint_formats, squares, map_of, canonical(allocation.levels))
        said = distinct_levels(hints, profile.name, own_square)
        # A hint on larger squares, one that cannot say all of its map, or one that carries none
        # may not do what the allocation does.
        hints_suffice = (
            allocation.feasible
            and (bool(said) or not hints)
            and not any(
                has_region(curves.under(per_cell(levels, curves.shape)), curves, strict)
                for levels in said
            )
        )
        # What is told of hints is told of the codec's own, or of the most detailed one asked for.
        levels = said[0] if said else allocation.levels

        def damage(risk: NDArray[np.float32]) -> Damage:
            return predicted_damage(risk, curves, profile, policy)

        jpeg_risk = jpeg_curves.at(jpeg_profile.level_of_quality(jpeg_advice.quality))
        predicted = PredictedDamage(
            uniform=damage(risk),
            hinted=damage(curves.under(per_cell(levels, curves.shape))),
            safe=None if safe is None else damage(curves.at(safe)),
            jpeg=predicted_damage(jpeg_risk, jpeg_curves, jpeg_profile, policy),
        )
        evidence = Evidence(
            pixels=rates.pixels,
            resolution=resolution,
            regions=regions,
            at_risk=at_risk.count > 0,
            limit=None if strict is policy else policy.max_error_probability,
            allocation=allocation,
            hints_suffice=hints_suffice,
            safe_bpp=safe_bpp,
            damage=predicted,
            jpeg=jpeg_advice,
            policy=policy,
        )
        decision, reasons = decide(evidence)

        return Analysis(
            decision=decision,
            reasons=reasons,
            image=decoded.facts,
            target=target,
            regions=explained(
                regions,
                decoded.pixels,
                prediction.content,
                profile.safe_text_height,
                target.level,
                job.check,
            ),
            risk_area_fraction=regions.area / rates.pixels,
            safe_bpp=safe_bpp,
            damage=predicted,
            policy=policy,
            jpeg=jpeg_advice,
            hints=tuple(hint.payload for hint in hints),
            masks=tuple(render(mask, prediction, risk) for mask in dict.fromkeys(request.masks)),
            model=self.model,
            risk=risk,
        )
